//! All tests that need nothing but Rust, a C compiler and git, in one binary: each binary is linked with the whole crate.

// A test may stop where the product may not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines
)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod agents_ways;
mod amendments;
mod api;
mod architecture;
mod attacks_approval;
mod attacks_autonomy;
mod attacks_claims;
mod attacks_documents;
mod attacks_execution;
mod attacks_history;
mod attacks_records;
mod attacks_rules;
mod attacks_stop;
mod attacks_words;
mod autonomy;
mod backtest;
mod baselines;
mod choices;
mod cli;
mod crashes;
mod dashboard;
mod doctor;
mod documentation;
mod evidence;
mod executors;
mod explain;
mod faults;
mod forge_contract;
mod insight;
mod limits;
mod logs;
mod mcp;
mod packs;
mod policy;
mod questions;
mod races;
mod restore;
mod server;
mod shared_repository;
mod shipped_rules;
mod stories;
mod values;
mod verify;
mod worker;
mod workflows;
