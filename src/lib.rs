//! Countersign.
pub mod domain;
