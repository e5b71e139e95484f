//! Which approvals are of less than was proposed, and of what.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::amendment::{Amendment, AmendmentText};
use crate::domain::command::Command;
use crate::domain::documents::Recommendation;
use crate::domain::ids::quoted;
use crate::domain::pull::Pull;
use crate::domain::review::{Opinion, Review};

/// What an approval says that it is of, where that is not all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovedPart {
    Less(Amendment),
    /// What cannot be approved like that, as it is shown, and why.
    Wrong {
        shown: String,
        why: String,
    },
}

/// By the review that approves it.
pub type ApprovedParts = BTreeMap<String, ApprovedPart>;

/// What the approvals of the head are of, those that are of all left out.
pub fn of(pull: &Pull, about: &Recommendation) -> ApprovedParts {
    let approvals = pull.reviews.iter().filter(|review| {
        review.opinion == Opinion::Approve && review.head == pull.head && !review.edited
    });
    let parts = approvals.filter_map(|review| Some((review.id.clone(), part(review, about)?)));
    parts.collect()
}

/// A governance change is approved as it is.
pub fn of_governance_change(pull: &Pull) -> ApprovedParts {
    let approvals = pull.reviews.iter();
    let approvals = approvals.filter(|review| review.opinion == Opinion::Approve);
    let parts = approvals.filter_map(|review| {
        let commands = Command::find_all(&review.body).into_iter().flatten();
        let is_less = |command: &_| matches!(command, Command::Approve(_));
        let mut commands = commands.filter(is_less);
        let part = ApprovedPart::Wrong {
            shown: quoted("/approve"),
            why: "a governance change is approved as it is, or not".to_owned(),
        };
        commands.next().is_some().then(|| (review.id.clone(), part))
    });
    parts.collect()
}

fn part(review: &Review, about: &Recommendation) -> Option<ApprovedPart> {
    let commands = Command::find_all(&review.body).into_iter().flatten();
    let mut texts = commands.filter_map(|command| match command {
        Command::Approve(text) => Some(text),
        _ => None,
    });
    let wrong = |text: &str, why: String| {
        Some(ApprovedPart::Wrong {
            shown: quoted(if text.is_empty() { "/approve" } else { text }),
            why,
        })
    };
    match (texts.next(), texts.next()) {
        (None, _) if mentions(&review.body) => {
            let why = "a command stands on a line of its own, and in no code or quotation";
            wrong("", why.to_owned())
        }
        (None, _) => None,
        (Some(text), None) => match text.parse::<AmendmentText>() {
            Ok(read) => match read.of(about) {
                Ok(amendment) => Some(ApprovedPart::Less(amendment)),
                Err(error) => wrong(&text, error.to_string()),
            },
            Err(error) => wrong(&text, error.to_string()),
        },
        (Some(text), Some(_)) => wrong(&text, "it says so more than once".to_owned()),
    }
}

/// Whether somebody may have meant to approve less: nobody's approval of less counts for all.
fn mentions(text: &str) -> bool {
    text.to_ascii_lowercase().contains("/approve")
}

/// That what some approve cannot be approved, and why.
pub fn refuse(parts: &mut ApprovedParts, amendment: &Amendment, why: &str) {
    for part in parts.values_mut() {
        if matches!(part, ApprovedPart::Less(given) if given == amendment) {
            *part = ApprovedPart::Wrong {
                shown: quoted(&amendment.to_string()),
                why: why.to_owned(),
            };
        }
    }
}

/// How the reason begins why an approval of less does not count.
pub const LESS: &str = "it approves only ";
const BECAUSE: &str = ", which it cannot: ";

/// `` `with stop_loss_pct=3` ``
impl fmt::Display for ApprovedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Less(amendment) => write!(f, "`{amendment}`"),
            Self::Wrong { shown, why } => write!(f, "{shown}{BECAUSE}{why}"),
        }
    }
}

/// What an approval was of that did not count, by the reason on record.
pub fn of_reason(reason: &str, about: &Recommendation) -> Option<ApprovedPart> {
    if let Some(wrong) = wrong_of_reason(reason) {
        return Some(wrong);
    }
    let text = reason.strip_prefix(LESS)?;
    let text = text.strip_prefix('`')?.strip_suffix('`')?;
    let read = text.parse::<AmendmentText>().ok()?;
    read.of(about).ok().map(ApprovedPart::Less)
}

/// The same where it could not be approved like that.
pub fn wrong_of_reason(reason: &str) -> Option<ApprovedPart> {
    let (shown, why) = reason.strip_prefix(LESS)?.split_once(BECAUSE)?;
    Some(ApprovedPart::Wrong {
        shown: shown.to_owned(),
        why: why.to_owned(),
    })
}
