//! The trail: every event is one commit on `main`, its document in the tree, its index in trailers.
//!
//! [`Draft`] appends events in memory on top of a tip and is published by a compare-and-swap;
//! [`Trail`] replays them; [`CaseFile`] is one whole case; `verify` proves that the trail is
//! complete, append-only and recomputable.

mod case_file;
mod draft;
mod entry;
mod error;
pub mod facts;
pub mod outdated;
mod rulebook;
mod targets;
mod trail;
mod trailers;
pub mod verify;

pub use case_file::{CaseFile, Landed};
pub use draft::Draft;
pub use entry::{Entry, Event};
pub use error::LedgerError;
pub use rulebook::{Rulebook, Teams, Version, rule_files};
pub use targets::{Files, changed_files};
pub use trail::{CaseRow, Trail};
pub use trailers::{Trailers, find_forged};

/// The ref that holds the trail.
pub const MAIN: &str = "refs/heads/main";

/// Who makes the commits on `main`.
pub const BOT_NAME: &str = "Countersign";
/// The address of the bot's commits.
pub const BOT_EMAIL: &str = "bot@countersign.invalid";
/// Who reports the outcomes that the bot itself brought about.
pub const REPORTED_BY_BOT: &str = "countersign";
