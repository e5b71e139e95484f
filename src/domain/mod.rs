//! The words of the field: ids, values, people, pull requests, reviews and the YAML documents.

pub mod ids;
pub mod problem;
