//! Commit trailers: the index of the trail for people who read `git log`.

use std::fmt::{self, Write as _};
use std::ops::Range;

use super::entry::Event;
use crate::domain::ids::CaseId;

/// No commit of ours has more trailers than about this.
const MOST_OF_OURS: usize = 16;

/// A trailer that only the bot writes.
#[derive(Debug)]
pub struct TrailerInfo {
    pub key: &'static str,
    /// On whose commits it stands.
    pub events: &'static [Event],
    pub meaning: &'static str,
}

const fn trailer(
    key: &'static str,
    events: &'static [Event],
    meaning: &'static str,
) -> TrailerInfo {
    TrailerInfo {
        key,
        events,
        meaning,
    }
}

const ABOUT_A_CASE: &[Event] = &[
    Event::Decision,
    Event::Rescored,
    Event::Claim,
    Event::Outcome,
    Event::Feedback,
];
const DECISIONS: &[Event] = &[Event::Decision, Event::Governance];

/// Those of all events, in the order in which the reference describes them. A proposal whose commit messages carry one
/// is refused.
#[rustfmt::skip]
pub static TRAILERS: [TrailerInfo; 28] = [
    trailer("Event", &Event::ALL, "what happened"),
    trailer("Recommendation", ABOUT_A_CASE, "the id of the case"),
    trailer("Governance", &[Event::Governance], "the id of the change of the rules or targets"),
    trailer("Agent", ABOUT_A_CASE, "who proposed it"),
    trailer("Session", ABOUT_A_CASE, "the agent's own name for its run"),
    trailer("Action", ABOUT_A_CASE, "the action type"),
    trailer("Target", ABOUT_A_CASE, "what is acted on, one trailer each"),
    trailer("Risk", &[Event::Decision, Event::Governance, Event::Rescored], "level and score; of what is scored again, the new ones"),
    trailer("Decided-risk", &[Event::Rescored], "level and score as they were decided"),
    trailer("Decision", DECISIONS, "the status in `decision.yaml`"),
    trailer("Approved-by", DECISIONS, "whose approval counted, one trailer each"),
    trailer("Amended", &[Event::Decision], "level and score of what people approved, if that was less than proposed"),
    trailer("Amended-parameter", &[Event::Decision], "a parameter that they lowered or left out, one trailer each"),
    trailer("Amended-by", &[Event::Decision], "who approved less, one trailer each"),
    trailer("Rejected-by", DECISIONS, "who rejected it"),
    trailer("Category", DECISIONS, "the main concern of the rejection"),
    trailer("Rules", &[Event::Decision, Event::Governance, Event::Rescored], "the tree of the rules that it was judged by, abbreviated"),
    trailer("Pull-request", DECISIONS, "its number"),
    trailer("Executor", &[Event::Decision, Event::Rescored, Event::Claim, Event::Outcome], "what carries it out"),
    trailer("Outcome", &[Event::Outcome], "`success`, `failure` or `unknown`"),
    trailer("Attempt", &[Event::Outcome], "the number of the attempt"),
    trailer("By", &[Event::Outcome, Event::Feedback, Event::Freeze, Event::Unfreeze, Event::Adopted], "who reported, said or did it"),
    trailer("Factors", &[Event::Decision], "what each factor added to the score"),
    trailer("Trigger", DECISIONS, "the id of a rule that fired, one trailer each"),
    trailer("Confidence", DECISIONS, "how sure an approver was, one trailer each"),
    trailer("Opened", DECISIONS, "when the pull request was opened"),
    trailer("Said-in", &[Event::Freeze, Event::Unfreeze], "the review or comment whose `/freeze` has had its effect"),
    trailer(BOT_CLOCK, &Event::ALL, "what the bot's clock said, where that was earlier than the commit before"),
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
        TRAILERS
            .iter()
            .map(|trailer| trailer.key)
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
