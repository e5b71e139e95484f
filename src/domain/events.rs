//! What operators follow in the log: decisions, executions, sign-ins and refusals, one line each.

/// The target of these lines.
pub const EVENTS: &str = "countersign::events";
