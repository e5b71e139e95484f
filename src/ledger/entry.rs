//! One commit of the trail: which event it is, and how it reads in `git log`.

use std::fmt;

use chrono::{DateTime, Utc};

use super::BOT_EMAIL;
use super::trailers::{BOT_CLOCK, Trailers};
use crate::domain::documents::{
    AmendmentRecord, Assessment, Claim, Decision, Feedback, Freeze, Outcome, Recommendation,
    Rescored, SaidIn, Status, time,
};
use crate::domain::ids::{CaseId, Login, PullNumber, Sha, TargetName};
use crate::git::Commit;
use crate::risk::code_span;

/// The longest path that a subject shows.
const MOST_PATH: usize = 80;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    Genesis,
    Decision,
    Rescored,
    Claim,
    Outcome,
    Feedback,
    Governance,
    Freeze,
    Unfreeze,
    Adopted,
}

impl Event {
    pub const ALL: [Self; 10] = [
        Self::Genesis,
        Self::Decision,
        Self::Rescored,
        Self::Claim,
        Self::Outcome,
        Self::Feedback,
        Self::Governance,
        Self::Freeze,
        Self::Unfreeze,
        Self::Adopted,
    ];
    /// The value of the trailer `Event`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Decision => "decision",
            Self::Rescored => Rescored::WORD,
            Self::Claim => "claim",
            Self::Outcome => "outcome",
            Self::Feedback => "feedback",
            Self::Governance => "governance",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Adopted => "adopted",
        }
    }

    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Genesis => "the repository was made",
            Self::Decision => "a recommendation was decided",
            Self::Rescored => {
                "what was approved would be asked more before it runs, and is not carried out"
            }
            Self::Claim => "an execution is about to start",
            Self::Outcome => "how an execution ended",
            Self::Feedback => "a person said something about a case",
            Self::Governance => "a change of the rules, targets or anything else was decided",
            Self::Freeze => "everything was stopped",
            Self::Unfreeze => "everything goes on",
            Self::Adopted => "an admin took over commits that the bot did not make",
        }
    }
}
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One commit of the trail, as its trailers tell it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub commit: Sha,
    /// What happened; none if the commit does not say, or says something unknown.
    pub event: Option<Event>,
    /// The case it is about.
    pub case: Option<CaseId>,
    pub at: DateTime<Utc>,
    /// Everything that the trailers say.
    pub trailers: Trailers,
}

impl Entry {
    /// Reads a commit of `main`.
    pub fn of(commit: &Commit) -> Self {
        let trailers = Trailers::parse(&commit.message);
        Self {
            commit: commit.id,
            event: match trailers.event() {
                Some(Event::Freeze) if is_old_unfreeze(&commit.message) => Some(Event::Unfreeze),
                event => event,
            },
            case: trailers.case(),
            at: commit.committer.time,
            trailers,
        }
    }

    /// The pull request that it was decided as.
    pub fn pull(&self) -> Option<PullNumber> {
        let number = self.trailers.find("Pull-request")?;
        number.strip_prefix('#')?.parse().ok().map(PullNumber)
    }

    /// Whether it is the end of a freeze as it was written before that was an event of its own. It does not tell
    /// which commands had their effect by then.
    pub fn is_old_unfreeze(&self) -> bool {
        self.event == Some(Event::Unfreeze) && self.trailers.event() == Some(Event::Freeze)
    }

    /// The reviews and comments whose `/freeze` has had its effect.
    pub fn said_in(&self) -> impl Iterator<Item = SaidIn> {
        let all = self.trailers.find_all("Said-in");
        all.filter_map(|text| text.parse().ok())
    }
}

/// How the subject of the end of a freeze ended before that was an event of its own.
const OLD_UNFREEZE: &str = " lets everything go on";

fn is_old_unfreeze(message: &str) -> bool {
    let subject = message.lines().next();
    subject.is_some_and(|subject| subject.ends_with(OLD_UNFREEZE))
}

/// Whether a commit on a branch is an event of a trail: the branch stands on one that was rewritten, and nobody who
/// proposes made it.
pub fn is_event(commit: &Commit) -> bool {
    commit.committer.email == BOT_EMAIL && Entry::of(commit).event.is_some()
}

/// Adds to the message of any event what the bot's clock said, which was behind the commit before.
pub fn note_clock(message: &mut String, clock: DateTime<Utc>) {
    message.push_str(&format!("{BOT_CLOCK}: {}\n", time::text(&clock)));
}

/// The message of an event without that note, and what the note says.
pub fn split_clock(message: &str) -> (&str, Option<DateTime<Utc>>) {
    let find = || {
        let start = message.trim_end_matches('\n').rfind('\n')? + 1;
        let (before, line) = message.split_at_checked(start)?;
        let text = line.strip_prefix(BOT_CLOCK)?.strip_prefix(": ")?;
        let at: DateTime<Utc> = text.strip_suffix('\n')?.parse().ok()?;
        let mut again = before.to_owned();
        note_clock(&mut again, at);
        (again == message).then_some((before, at))
    };
    match find() {
        Some((before, at)) => (before, Some(at)),
        None => (message, None),
    }
}

/// The message of the first commit.
pub fn genesis_message(mode: crate::domain::mode::Mode) -> String {
    let mut trailers = Trailers::default();
    trailers.push("Event", Event::Genesis);
    trailers.message(&format!("genesis: a governance repository in mode {mode}"))
}

/// The message of a decision on a recommendation.
pub fn decision_message(
    decision: &Decision,
    about: &Recommendation,
    executor: Option<&str>,
) -> String {
    let mut trailers = Trailers::default();
    trailers.push("Event", Event::Decision);
    identify(&mut trailers, about);
    judged(&mut trailers, decision);
    if let Some(executor) = executor {
        trailers.push("Executor", executor);
    }
    weighed(&mut trailers, decision);
    let subject = format!(
        "decision: {} {} ({} {})",
        verb(decision.status),
        what(about),
        decision.risk.level,
        decision.risk.score
    );
    trailers.message(&subject)
}

/// The message of a decision on a governance change that touches these paths.
pub fn governance_message(decision: &Decision, paths: &[String]) -> String {
    let mut trailers = Trailers::default();
    trailers
        .push("Event", Event::Governance)
        .push("Governance", decision.id);
    judged(&mut trailers, decision);
    weighed(&mut trailers, decision);
    let first = paths
        .first()
        .map_or("nothing".to_owned(), |path| shown(path));
    let touched = and_more(&first, paths.len());
    let subject = format!(
        "governance: {} change of {touched} ({} {})",
        verb(decision.status),
        decision.risk.level,
        decision.risk.score
    );
    trailers.message(&subject)
}

fn judged(trailers: &mut Trailers, decision: &Decision) {
    trailers.push(
        "Risk",
        format_args!("{} {}", decision.risk.level, decision.risk.score),
    );
    trailers.push("Decision", decision.status);
    for approval in &decision.approvals {
        trailers.push("Approved-by", &approval.by);
    }
    if let Some(AmendmentRecord { edits, risk }) = &decision.amendment {
        let Assessment { level, score, .. } = risk;
        trailers.push("Amended", format_args!("{level} {score}"));
        // In plain text: whatever an agent called a value stands in the decision alone.
        for name in edits.set.keys().chain(&edits.without_parameters) {
            trailers.push("Amended-parameter", name);
        }
        for approval in &decision.approvals {
            trailers.push("Amended-by", &approval.by);
        }
    }
    if let Some(rejection) = &decision.rejection {
        trailers
            .push("Rejected-by", &rejection.by)
            .push("Category", rejection.category);
    }
    trailers
        .push("Rules", decision.rules.tree.short())
        .push("Pull-request", decision.pull.number);
}

/// What reports over the whole trail ask for, so that they need not read every document.
fn weighed(trailers: &mut Trailers, decision: &Decision) {
    let factors: Vec<String> = decision
        .risk
        .factors
        .iter()
        .map(|factor| format!("{}={}", factor.name, factor.contribution))
        .collect();
    if !factors.is_empty() {
        trailers.push("Factors", factors.join(" "));
    }
    for trigger in &decision.risk.triggers {
        trailers.push("Trigger", &trigger.id);
    }
    for confidence in decision.approvals.iter().filter_map(|by| by.confidence) {
        trailers.push("Confidence", confidence);
    }
    trailers.push("Opened", time::text(&decision.pull.opened_at));
}

/// The message of a case that was scored again and is not carried out.
pub fn rescored_message(rescored: &Rescored, about: &Recommendation) -> String {
    let mut trailers = Trailers::default();
    let (was, now) = (&rescored.was, &rescored.now.risk);
    trailers.push("Event", Event::Rescored);
    identify(&mut trailers, about);
    trailers
        .push("Risk", format_args!("{} {}", now.level, now.score))
        .push("Decided-risk", format_args!("{} {}", was.level, was.score))
        .push("Rules", rescored.rules.tree.short())
        .push("Executor", rescored.executor);
    trailers.message(&format!(
        "rescored: {} ({})",
        what(about),
        rescored.change()
    ))
}

/// The message of a claim.
pub fn claim_message(claim: &Claim, about: &Recommendation) -> String {
    let mut trailers = Trailers::default();
    trailers.push("Event", Event::Claim);
    identify(&mut trailers, about);
    trailers.push("Executor", claim.executor);
    trailers.message(&format!("claim: {} for {}", claim.executor, what(about)))
}

/// The message of an outcome.
pub fn outcome_message(outcome: &Outcome, about: &Recommendation) -> String {
    let mut trailers = Trailers::default();
    let word = Outcome::word(outcome.success);
    trailers.push("Event", Event::Outcome);
    identify(&mut trailers, about);
    trailers
        .push("Executor", outcome.executor)
        .push("Attempt", outcome.attempt);
    trailers
        .push("Outcome", word)
        .push("By", &outcome.reported_by);
    trailers.message(&format!("outcome: {word} of {}", what(about)))
}

/// The message of a feedback.
pub fn feedback_message(feedback: &Feedback, about: &Recommendation) -> String {
    let mut trailers = Trailers::default();
    trailers.push("Event", Event::Feedback);
    identify(&mut trailers, about);
    trailers.push("By", &feedback.by);
    trailers.message(&format!("feedback: {} on {}", feedback.by, what(about)))
}

/// The message of a freeze.
pub fn freeze_message(freeze: &Freeze) -> String {
    let mut trailers = Trailers::default();
    let by = &freeze.by;
    trailers.push("Event", Event::Freeze).push("By", by);
    if let Some(said_in) = &freeze.said_in {
        trailers.push("Said-in", said_in);
    }
    trailers.message(&format!("freeze: {by} stops everything"))
}

/// The message of the end of a freeze, with every `/freeze` that has had its effect by then.
pub fn unfreeze_message(by: &Login, said_in: &[SaidIn]) -> String {
    let mut trailers = Trailers::default();
    trailers.push("Event", Event::Unfreeze).push("By", by);
    for said_in in said_in {
        trailers.push("Said-in", said_in);
    }
    trailers.message(&format!("unfreeze: by {by}"))
}

/// The message of an adoption: so many commits, of which this is the newest and its own parent.
pub fn adopted_message(by: &Login, count: usize, newest: Sha) -> String {
    let mut trailers = Trailers::default();
    trailers.push("Event", Event::Adopted).push("By", by);
    let commits = match count {
        1 => "commit".to_owned(),
        count => format!("{count} commits up to"),
    };
    trailers.message(&format!("adopted: {commits} {} by {by}", newest.short()))
}

/// The same as it was written before it was an event of its own.
pub fn old_unfreeze_message(by: &Login) -> String {
    let mut trailers = Trailers::default();
    trailers.push("Event", Event::Freeze).push("By", by);
    trailers.message(&format!("freeze: {by}{OLD_UNFREEZE}"))
}

fn identify(trailers: &mut Trailers, about: &Recommendation) {
    trailers
        .push("Recommendation", about.id)
        .push("Agent", &about.agent)
        .push("Session", about.session.as_str());
    trailers.push("Action", &about.action);
    for target in &about.targets {
        trailers.push("Target", target);
    }
}

/// A path as a subject may hold it: anybody can choose one, so only a plain and short one stands as it is.
fn shown(path: &str) -> String {
    let is_plain = path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if is_plain && path.len() <= MOST_PATH {
        path.to_owned()
    } else {
        code_span(&path.chars().take(MOST_PATH).collect::<String>())
    }
}

const fn verb(status: Status) -> &'static str {
    match status {
        Status::AutoApproved | Status::Granted | Status::Approved => "approve",
        Status::Rejected => "reject",
        Status::Refused => "refuse",
        Status::Withdrawn => "withdraw",
        Status::Expired => "expire",
    }
}

/// `modify_parameters on rsi-eurusd and 2 more`.
fn what(about: &Recommendation) -> String {
    match about.targets.first().map(TargetName::as_str) {
        None => about.action.to_string(),
        Some(first) => format!(
            "{} on {}",
            about.action,
            and_more(first, about.targets.len())
        ),
    }
}

fn and_more(first: &str, count: usize) -> String {
    match count.saturating_sub(1) {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn event_of(message: String) -> Entry {
        let nobody = crate::git::Signature {
            name: String::new(),
            email: String::new(),
            time: DateTime::<Utc>::UNIX_EPOCH,
        };
        Entry::of(&Commit {
            id: Sha::from_bytes([1; 20]),
            tree: Sha::from_bytes([2; 20]),
            parents: Vec::new(),
            author: nobody.clone(),
            committer: nobody,
            message,
            valid_utf8: true,
            encoding: None,
        })
    }

    #[test]
    fn the_end_of_a_freeze_is_told_from_a_freeze_in_old_trails_too() {
        let by: Login = "carol".parse().unwrap();
        let said_in: SaidIn = "#12 review r3".parse().unwrap();
        let new = event_of(unfreeze_message(&by, std::slice::from_ref(&said_in)));
        assert_eq!(
            (new.event, new.is_old_unfreeze()),
            (Some(Event::Unfreeze), false)
        );
        assert_eq!(new.said_in().collect::<Vec<_>>(), [said_in]);
        let old = event_of(old_unfreeze_message(&by));
        assert_eq!(
            (old.event, old.is_old_unfreeze()),
            (Some(Event::Unfreeze), true)
        );
        let freeze =
            event_of("freeze: carol stops everything\n\nEvent: freeze\nBy: carol\n".to_owned());
        assert_eq!(freeze.event, Some(Event::Freeze));
        for wrong in [
            "",
            "#12",
            "#12 review",
            "12 review r3",
            "#12 note r3",
            "#x comment 4",
        ] {
            assert!(wrong.parse::<SaidIn>().is_err(), "{wrong}");
        }
    }
}
