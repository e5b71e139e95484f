//! What the trail teaches: every case in memory, and what can be computed from all of them.
//!
//! *Pure*: nothing here reads a repository or a clock. `ledger::index` fills an [`Index`] from `main`;
//! dashboard, API, reports and exports ask it.
//!
//! - [`Index`] holds every [`Case`] in the order of its decision, and finds it by id and number;
//! - [`Metrics`] are the figures of the dashboard;
//! - [`reports`] and [`lessons`] answer what people and agents ask, as values that become a
//!   [`Page`](crate::domain::page::Page) for people;
//! - [`Query`] says which cases somebody wants to see, [`Period`] of which time.

mod case;
pub mod case_documents;
#[cfg(test)]
mod fixtures;
mod index;
mod interner;
pub mod lessons;
pub mod metrics;
mod query;
pub mod reports;
mod search;
mod time_spec;
pub mod trend;

pub use crate::domain::proportion::{Proportion, percent};
pub use case::{Case, CaseStatus, Execution, FactorShare, GOVERNANCE_CHANGE, Kind, Place};
pub use index::{Added, Index, Unreadable, Unseen};
pub use interner::{InternedName, Interner};
pub use metrics::Metrics;
pub use query::{Ending, Period, Query};
pub use time_spec::TimeSpec;
