//! The tests against GitHub's own descriptions of itself, which `.ci/run npm` fetches.

// A test may stop where the product may not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod action;
mod documentation;
mod double;
mod double_tests;
mod forge_contract;
mod server;
mod stories;
