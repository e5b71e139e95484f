//! Commit trailers: the index of the trail for people who read `git log`.

use std::fmt;

/// The keys that only the bot writes. A proposal whose commit messages carry one is refused.
const RESERVED: [&str; 22] = [
    "Event",
    "Recommendation",
    "Governance",
    "Agent",
    "Session",
    "Action",
    "Target",
    "Risk",
    "Decision",
    "Approved-by",
    "Rejected-by",
    "Category",
    "Rules",
    "Pull-request",
    "Executor",
    "Outcome",
    "Attempt",
    "By",
    "Factors",
    "Trigger",
    "Confidence",
    "Opened",
];

/// The trailers of one commit, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trailers(Vec<(String, String)>);

impl Trailers {
    /// Adds a trailer. The value is one line: what would break it is replaced by a space.
    pub fn push(&mut self, key: &'static str, value: impl fmt::Display) -> &mut Self {
        let value: String = value
            .to_string()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.0.push((key.to_owned(), value.trim().to_owned()));
        self
    }

    /// The first value of a key.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a key.
    pub fn find_all<'t>(&'t self, key: &'t str) -> impl Iterator<Item = &'t str> {
        self.0
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The trailers of a message: its last paragraph, if every line of it is one. The subject never is.
    pub fn parse(message: &str) -> Self {
        let text = message.trim_end();
        let Some((_, last)) = text.rsplit_once("\n\n") else {
            return Self::default();
        };
        let lines: Option<Vec<(String, String)>> = last.lines().map(split).collect();
        Self(lines.unwrap_or_default())
    }

    /// A whole message: subject, blank line, trailers.
    pub fn message(&self, subject: &str) -> String {
        format!("{subject}\n\n{self}")
    }
}

impl fmt::Display for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(key, value)| writeln!(f, "{key}: {value}"))
    }
}

fn split(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once(':')?;
    let good = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    good.then(|| (key.to_owned(), value.trim().to_owned()))
}

/// A reserved key anywhere in a message that the bot did not write: on any line, in any case, so that
/// no other reading of "trailer" is fooled either.
pub fn find_forged(message: &str) -> Option<&'static str> {
    message.lines().find_map(|line| {
        let (key, _) = line.trim_start().split_once(':')?;
        RESERVED
            .into_iter()
            .find(|reserved| reserved.eq_ignore_ascii_case(key.trim_end()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_round_trips_and_values_stay_on_their_line() {
        let mut trailers = Trailers::default();
        trailers
            .push("Event", "decision")
            .push("Target", "a")
            .push("Target", "b\nDecision: approved");
        let message = trailers.message("decision: approve");
        let read = Trailers::parse(&message);
        assert_eq!(read.find("Event"), Some("decision"));
        assert_eq!(read.find("Decision"), None);
        assert_eq!(
            read.find_all("Target").collect::<Vec<_>>(),
            ["a", "b Decision: approved"]
        );
    }

    #[test]
    fn forged_keys_are_found_in_any_case_on_any_line() {
        assert_eq!(
            find_forged("tune\n\ndecision: approved\n\nmore"),
            Some("Decision")
        );
        assert_eq!(
            find_forged("tune\n\nApproved-By : carol"),
            Some("Approved-by")
        );
        assert_eq!(
            find_forged("tune the stop loss: less drawdown\n\nSigned-off-by: a"),
            None
        );
    }
}
