//! What agents propose in most stories, from `action` on, and what people say to it. The names are the risk levels.

pub const AGENT: &str = "strategy-optimizer";

pub const LOW: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";
pub const MEDIUM: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}";
pub const HIGH: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-paper]\nchanges: {trading_mode: live}";
pub const ANALYZE: &str = "action: analyze\ntargets: [rsi-eurusd]";
pub const NOTIFY: &str =
    "action: notify\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 2.5}";

/// Why an admin approves what is HIGH.
pub const WHY: &str = "Thirty clean days on paper, and the desk has agreed to watch it.";
pub const REASON: &str = "Looked at it closely, and it is as it should be.";
