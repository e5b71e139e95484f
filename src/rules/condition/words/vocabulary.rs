//! What is said of each fact; what is not here is not said.

use super::said::{Comparison, Said};
use crate::domain::page::Line;

/// Whether a fact that is true or false is so, and whether it is not.
pub fn truth_of(fact: &str) -> Option<(&'static str, &'static str)> {
    Some(match fact {
        "agent_registered" => ("the agent is registered", "the agent is not registered"),
        "unattributed" => (
            "a commit is by nobody that the rules know",
            "every commit is by somebody whom the rules know",
        ),
        "bulk" => ("it is bulk", "it is not bulk"),
        "production" => ("it is in production", "it is not in production"),
        "to_production" => (
            "a target is moved into production from elsewhere",
            "no target is moved into production from elsewhere",
        ),
        _ => return None,
    })
}

/// Whether a fact is one of the words that it can be, and whether it is not.
pub fn word_of(fact: &str, word: &str) -> Option<(&'static str, &'static str)> {
    Some(match (fact, word) {
        ("effect", "none") => ("it has no effect", "it has an effect"),
        ("effect", "modify") => ("it changes targets", "it does not change targets"),
        ("effect", "create") => ("it makes a target", "it does not make a target"),
        ("effect", "delete") => ("it removes targets", "it does not remove targets"),
        ("effect", "unknown") => (
            "it is not known what the action does",
            "it is known what the action does",
        ),
        ("reversibility", "easy") => ("it is easy to undo", "it is not easy to undo"),
        ("reversibility", "effort") => {
            ("it takes effort to undo", "it does not take effort to undo")
        }
        ("reversibility", "irreversible") => ("it cannot be undone", "it is not irreversible"),
        ("reversibility", "unknown") => (
            "it is not known whether it can be undone",
            "it is known whether it can be undone",
        ),
        _ => return None,
    })
}

/// A fact that is a text.
pub fn noun_of(fact: &str) -> Option<&'static str> {
    Some(match fact {
        "action" => "the action",
        "agent" => "the agent",
        "session" => "the session",
        "environment" => "the environment",
        _ => return None,
    })
}

/// One of a list.
pub fn noun_of_items(fact: &str) -> Option<&'static str> {
    Some(match fact {
        "changes" => "change",
        "targets" => "target",
        "parameters" => "parameter that changes",
        "affects" => "thing that it touches",
        "citations" => "source that it cites",
        "windows" => "window that is open",
        "safety_off" => "safety control that is switched off",
        "extreme" => "parameter with an extreme value",
        "unknown_parameters" => "parameter that changes without guidance",
        _ => return None,
    })
}

/// How many there are of a list.
pub fn counted(fact: &str, comparison: Comparison, count: i64) -> Option<Said> {
    let (one, many) = match fact {
        "changes" | "parameters" => ("parameter changes", "parameters change"),
        "unknown_parameters" => (
            "parameter without guidance changes",
            "parameters without guidance change",
        ),
        "safety_off" => (
            "safety control is switched off",
            "safety controls are switched off",
        ),
        "extreme" => ("value is extreme", "values are extreme"),
        "deviant" => (
            "value is more than 2 standard deviations from its mean",
            "values are more than 2 standard deviations from their means",
        ),
        "targets" => ("target is named", "targets are named"),
        "citations" => ("source is cited", "sources are cited"),
        "windows" => ("window is open", "windows are open"),
        _ => return None,
    };
    let line = match (comparison, count) {
        (Comparison::More | Comparison::Unequal, 0) | (Comparison::AtLeast, 1) => {
            Line::from("a ").say(one)
        }
        (Comparison::Equal | Comparison::AtMost, 0) | (Comparison::Less, 1) => {
            Line::from("no ").say(one)
        }
        (Comparison::Unequal, _) => return None,
        (comparison, count) => {
            let noun = if count == 1 { one } else { many };
            Line::from(comparison.of_count())
                .say(count)
                .say(" ")
                .say(noun)
        }
    };
    Some(Said::Clause(line))
}
