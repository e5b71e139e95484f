//! Commit trailers: the index of the trail for people who read `git log`.

use std::fmt::{self, Write as _};
use std::ops::Range;

use super::entry::Event;
use crate::domain::ids::CaseId;

/// No commit of ours has more trailers than about this.
const MOST_OF_OURS: usize = 16;

/// The keys that only the bot writes. A proposal whose commit messages carry one is refused.
const RESERVED: [&str; 25] = [
    "Event",
    "Recommendation",
    "Governance",
    "Agent",
    "Session",
    "Action",
    "Target",
    "Risk",
    "Decided-risk",
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
    "Said-in",
    BOT_CLOCK,
];

/// What the bot's clock said, where that was earlier than the commit before.
pub(super) const BOT_CLOCK: &str = "Bot-clock";

/// The trailers of one commit, in their order. One text holds them all: a trail has millions, and each would be
/// two small things to make and drop.
#[derive(Debug, Clone, Default)]
pub struct Trailers {
    text: String,
    /// Where each key and value stands in it.
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Trailers {
    /// Adds a trailer. The value is one line: what would break it is replaced by a space.
    pub fn push(&mut self, key: &'static str, value: impl fmt::Display) -> &mut Self {
        let start = self.text.len();
        self.text.push_str(key);
        let key = start..self.text.len();
        // Writing to a text does not fail, and a value that cannot be shown has nothing to say.
        let _ = write!(self.text, "{value}");
        let mut value = self.text.get(key.end..).unwrap_or_default();
        let one_line: String;
        if value.contains(char::is_control) {
            one_line = value.replace(char::is_control, " ");
            self.text.truncate(key.end);
            self.text.push_str(&one_line);
            value = &one_line;
        }
        let value_start = key.end + value.len() - value.trim_start().len();
        let value_end = value_start + value.trim().len();
        self.places.push((key, value_start..value_end));
        self
    }

    /// The first value of a key.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    /// Every value of a key.
    pub fn find_all<'t>(&'t self, key: &'t str) -> impl Iterator<Item = &'t str> {
        self.iter()
            .filter(move |(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    /// What happened; none if they do not say, or say something unknown.
    pub fn event(&self) -> Option<Event> {
        let name = self.find("Event")?;
        Event::ALL.into_iter().find(|event| event.as_str() == name)
    }

    /// The case they are about.
    pub fn case(&self) -> Option<CaseId> {
        let id = self.find("Recommendation").or(self.find("Governance"))?;
        id.parse().ok()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let at = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
        self.places
            .iter()
            .map(move |(key, value)| (at(key), at(value)))
    }

    /// The trailers of a message: its last paragraph, if every line of it is one. The subject never is.
    pub fn parse(message: &str) -> Self {
        let text = message.trim_end();
        let last =
            memchr::memmem::rfind(text.as_bytes(), b"\n\n").and_then(|at| text.get(at + 2..));
        let Some(last) = last else {
            return Self::default();
        };
        let mut places = Vec::with_capacity(MOST_OF_OURS);
        let mut start = 0;
        while start < last.len() {
            let end = memchr::memchr(b'\n', last.as_bytes().get(start..).unwrap_or_default());
            let end = end.map_or(last.len(), |end| start + end);
            match place(last, start..end) {
                Some(place) => places.push(place),
                None => return Self::default(),
            }
            start = end + 1;
        }
        Self {
            text: last.to_owned(),
            places,
        }
    }

    /// A whole message: subject, blank line, trailers.
    pub fn message(&self, subject: &str) -> String {
        format!("{subject}\n\n{self}")
    }
}

impl fmt::Display for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|(key, value)| writeln!(f, "{key}: {value}"))
    }
}

/// Where key and value stand in a line of this text; none if it is no trailer.
fn place(text: &str, line: Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let whole = text.get(line.clone())?;
    let len = memchr::memchr(b':', whole.as_bytes())?;
    let key = whole.as_bytes().get(..len)?;
    let good = !key.is_empty()
        && key
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let rest = whole.get(len + 1..)?;
    let value = rest.trim_start();
    let start = line.end - value.len();
    let end = start + value.trim_end().len();
    good.then_some((line.start..line.start + len, start..end))
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
