//! Countersign: agents sign their proposals, people countersign, and `git log` is the audit trail.
//!
//! This page is the map of the crate. Imports run one way, down this list, and a test walks the
//! sources and fails on a back edge (`tests/architecture.rs`).
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`domain`] | the words of the field: ids, values, people, pull requests, reviews, the YAML documents |
//! | [`rules`] | the rule files, read once into types that cannot be wrong; conditions; policy tests |
//! | [`risk`] | *pure*: factors, triggers, score, explanation, and what would make it less risky |
//! | [`gate`] | *pure*: who may approve, what counts, the verdict, the permit without which nothing merges |
//! | [`insight`] | *pure*: every case in memory, and what can be computed from all of them |
//! | [`http`] | the only module that names ureq and rustls: a request, and whether it may have arrived |
//! | [`git`] | the only module that names git2: read, write in packs, publish by compare-and-swap |
//! | [`ledger`] | the trail: append, replay, derive facts, verify |
//! | [`forge`] | where pull requests live: one port, several implementations, one contract |
//! | [`execute`] | what carries out approved actions, one file an executor |
//! | [`bot`] | the use cases: hear a pull request, act on it, record what is reported |
//! | [`server`] | one worker a repository, webhooks, the App's registration, tokens, the API and MCP, metrics |
//! | [`cli`] | what a person or an agent types, one file a subcommand |
//!
//! A recommendation walks through them like this: the [`forge`] shows a pull request; the [`bot`]
//! inspects its diff, has the [`ledger`] derive the facts from `main`, the [`risk`] module score them and
//! the [`gate`] answer; an approval is a `MergePermit`, which the ledger's `Draft` turns into one commit
//! that is merge and decision at once; the forge publishes it by a compare-and-swap of `main`, and only
//! then is anybody told or anything executed.

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
pub mod cli;
pub mod domain;
pub mod execute;
pub mod forge;
pub mod gate;
pub mod git;
pub mod http;
pub mod insight;
pub mod ledger;
pub mod risk;
pub mod rules;
pub mod server;
