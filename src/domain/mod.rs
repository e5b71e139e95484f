//! The words of the field: ids, values, people, pull requests, reviews and the YAML documents.
//!
//! Everything else in the crate speaks in these types; nothing here does I/O or knows a rule.

pub mod amendment;
pub mod attestation;
pub mod clock;
pub mod command;
pub mod documents;
pub mod engine;
pub mod events;
pub mod forge_kind;
pub mod hidden;
pub mod ids;
pub mod level;
pub mod mode;
pub mod page;
pub mod problem;
pub mod proportion;
pub mod pull;
pub mod review;
pub mod signing;
pub mod similar;
pub mod unexpected;
pub mod value;
pub mod yaml;
pub mod yaml_edit;
