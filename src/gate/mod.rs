//! PURE. Who may approve, what counts, and the verdict.
//!
//! [`requirement`] says what a level asks for, [`asks`] what rules ask for beside it, [`eligibility`]
//! who somebody is and what keeps them from deciding, [`verdict`] hears everything that was said and
//! answers, [`attestations`] says what counts as evidence, [`questions`] what its agent was asked, [`oversight`] whether one answer asks for more than another,
//! [`grants`] what an agent has earned, [`permit`] writes the answer down and makes the token without which nothing is
//! merged; [`rule_comparison`] holds two versions of the rules against each other.

pub mod amendments;
pub mod asks;
pub mod attestations;
pub mod eligibility;
pub mod grants;
pub mod needs;
pub mod opinions;
pub mod oversight;
pub mod permit;
pub mod policy;
pub mod questions;
pub mod requirement;
pub mod rule_comparison;
pub mod verdict;
