//! PURE. How risky a proposal is, why, and what would make it less risky.
//!
//! Three values go in: the recommendation, the [`RiskContext`] on `main`, and the rules. Out comes
//! the same answer for ever: no clock, no I/O, no floats. [`score::assess`] makes the assessment
//! that decisions record; the four files of `factors` measure and explain one factor each;
//! `triggers` answers the rules' conditions; [`validity`] says what contradicts itself and
//! therefore has no score; [`counterfactual`] searches the smallest edits that reach a lower
//! level, by scoring them; [`narrowing`] says whether less of a proposal may be approved in its place; [`explain`] puts all of it into words for a terminal and for a forge.
//!
//! Two promises hold throughout. What is unknown counts as the highest. And what an agent claims
//! never lowers the risk below what `main` says: facts are derived, a claim may only raise.

pub mod counterfactual;
mod environments;
pub mod explain;
mod factors;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod limits;
pub mod narrowing;
pub mod proposed_action;
pub mod risk_context;
mod safety;
pub mod score;
mod subject;
#[cfg(test)]
mod tests;
mod triggers;
pub mod validity;
mod words;

pub use counterfactual::{Advice, MOST_REHEARSALS, Reduction, advise};
pub use environments::Environments;
pub use explain::Explanation;
pub use proposed_action::ProposedAction;
pub use risk_context::{KnownTarget, RiskContext};
pub use score::{assess, assess_governance_change};
pub use triggers::may_apply;
pub use words::code_span;
