//! The trail: every event is one commit on `main`, its document in the tree, its index in trailers.
//!
//! [`Draft`] appends events in memory on top of a tip and is published by a compare-and-swap;
//! [`index`] reads them into the one [`Index`](crate::insight::Index) of all cases; [`CaseFile`] is one whole
//! case, [`CaseFolder`] as much of it as somebody asks for, [`case_folders`] many; `verify` proves that the trail
//! is complete, append-only and recomputable; `backtest` decides it again by other rules.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod autonomy;
pub mod backtest;
mod baselines;
pub mod case_documents;
mod case_file;
mod case_folder;
pub mod case_folders;
mod draft;
mod entry;
mod error;
pub mod facts;
mod foreign;
pub mod index;
pub mod newest_engine;
pub mod proposal;
pub mod rescore;
pub mod rules_cache;
pub mod stale_approvals;
mod targets;
pub mod track_records;
mod trailers;
pub mod usage;
pub mod verify;
mod workers;

use crate::domain::documents::{Baselines, Freeze, TrackRecord, Usage};

pub use baselines::{ApprovedBy, changed_baselines};
pub use case_file::{CaseFile, Landed};
pub use case_folder::CaseFolder;
pub use draft::{Draft, Mark};
pub use entry::{Entry, Event};
pub use error::{AppendError, LedgerError, Unrecordable};
pub use foreign::{
    ForeignCheck, ForeignCommit, ForeignCommits, LookBack, Unadopted, find_unadopted,
    foreign_commits,
};
pub use rules_cache::{RulesCache, TeamMembers, Teams, Version, rule_files};
pub use targets::{Files, Inapplicable, changed_files};
pub use trailers::{TRAILERS, TrailerInfo, Trailers, find_forged};

/// Whether a path belongs to the bot alone, in any case of its letters: a file there, or anything below it.
pub fn is_record(path: &str) -> bool {
    const OURS: [&str; 6] = [
        "recommendations",
        "governance",
        Baselines::FOLDER,
        Usage::FOLDER,
        TrackRecord::FOLDER,
        Freeze::PATH,
    ];
    let path = path.to_ascii_lowercase();
    OURS.iter().any(|ours| {
        path.strip_prefix(ours)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The ref that holds the trail.
pub const MAIN: &str = "refs/heads/main";

/// Who makes the commits on `main`.
pub const BOT_NAME: &str = "Countersign";
/// The address of the bot's commits.
pub const BOT_EMAIL: &str = "bot@countersign.invalid";
/// Who reports the outcomes that the bot itself brought about.
pub const REPORTED_BY_BOT: &str = "countersign";
