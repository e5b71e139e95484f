//! Countersign: agents sign their proposals, people countersign, and `git log` is the audit trail.
//!
//! This page is the map of the crate. Imports run one way: a module names only modules that stand above it in this
//! list, and a test walks the sources and fails on one that does not (`tests/it/architecture.rs`).
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`domain`] | the words of the field: ids, values, people, pull requests, reviews, the YAML documents |
//! | [`rules`] | the rule files, read once into types that cannot be wrong; conditions; policy tests |
//! | [`risk`] | *pure*: factors, triggers, score, explanation, and what would make it less risky |
//! | [`gate`] | *pure*: who may approve, what counts, the verdict, the permit without which nothing merges |
//! | [`insight`] | *pure*: every case in memory, and what can be computed from all of them |
//! | [`cache`] | keeps what was read last, bounded by bytes |
//! | [`files`] | whether an open file is still the one that its path names |
//! | [`http`] | a request of our own over HTTP, and whether it may have arrived |
//! | [`git`] | the only module that names git2: read, write in packs, publish by compare-and-swap |
//! | [`ledger`] | the trail: append, replay, derive facts, verify |
//! | [`forge`] | where pull requests live: one port, several implementations, one contract |
//! | [`execute`] | what carries out approved actions, one file an executor |
//! | [`bot`] | the use cases: evaluate a pull request, act on it, record what is reported |
//! | [`server`] | one worker a repository, webhooks, the App's registration, tokens, the API and MCP, metrics |
//! | [`cli`] | what a person or an agent types, one file a subcommand |
//!
//! # The walk of one recommendation
//!
//! [`bot::Bot::run`] asks the forge for what is open ([`forge::Forge::open_pulls`]) and takes it batch by batch. For
//! each pull request, `Evaluator::evaluate` computes an [`bot::Evaluation`], which is a value: nothing is written.
//!
//! 1. `bot::inspect::inspect` reads the branch: what it changes, who had a hand in it, and the recommendation.
//! 2. `Evaluator::evaluate_recommendation` refuses what may not be proposed (`ledger::proposal`, which `verify` asks as
//!    well) and derives the facts from `main` ([`ledger::facts`]).
//! 3. [`risk::assess`] scores it by the rules.
//! 4. `Evaluator::ask_gate` has [`gate::verdict::evaluate_gate`] say what is required, which reviews count and what
//!    follows; [`gate::permit::judge`] turns that into a decision, and into the `MergePermit` without which nothing merges.
//!
//! Then `Evaluator::act` appends what follows to a [`ledger::Draft`]: [`ledger::Draft::merge`] makes one commit that is
//! merge and decision at once, and what the bot itself carries out is an outcome behind it. [`forge::Forge::publish`]
//! moves `main` to the draft's tip by compare-and-swap, or not at all; whoever lost reads everything anew. Only then is
//! anybody told ([`forge::Forge::report`]) or anything else executed (`bot::executions`).

// A test may stop where a program may not.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod bot;
pub mod cache;
pub mod cli;
pub mod domain;
pub mod execute;
pub mod files;
pub mod forge;
pub mod gate;
pub mod git;
pub mod http;
pub mod insight;
pub mod ledger;
pub mod risk;
pub mod rules;
pub mod server;
