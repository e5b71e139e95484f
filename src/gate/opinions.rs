//! Everything that people said on a pull request, in order, as it is shown and as it is recorded.

use crate::domain::command::Command;
use crate::domain::documents::{Decision, OpinionKind, OpinionRecord};
use crate::domain::pull::Pull;
use crate::domain::review::{Comment, Opinion};
use crate::domain::yaml;
use crate::gate::eligibility::{Principal, principal_of};
use crate::rules::Rules;

/// How much of somebody's words is kept, in characters; less where the record would become too large.
const MOST_WORDS: usize = 4_000;
const FEWER_WORDS: [usize; 4] = [1_000, 250, 60, 0];
/// How many opinions are kept; the oldest comments go first.
const MOST_OPINIONS: usize = 200;

/// Every review, and every comment by a person, oldest first. Who a person is, the rules say.
pub fn of(pull: &Pull, rules: Option<&Rules>) -> Vec<OpinionRecord> {
    let reviews = pull.reviews.iter().map(|review| OpinionRecord {
        account: review.account.clone(),
        person: None,
        kind: match review.opinion {
            Opinion::Approve => OpinionKind::Approve,
            Opinion::RequestChanges => OpinionKind::RequestChanges,
            Opinion::Comment => OpinionKind::Comment,
            Opinion::Dismissed => OpinionKind::Dismissed,
        },
        at: review.at,
        head: Some(review.head),
        review: review.id.clone(),
        edited: review.edited,
        words: review.body.clone(),
        omitted_characters: 0,
    });
    let comments = pull.comments.iter().map(|comment| OpinionRecord {
        account: comment.account.clone(),
        person: None,
        kind: OpinionKind::Comment,
        at: comment.at,
        head: None,
        review: comment.id.clone(),
        edited: comment.edited,
        words: comment.body.clone(),
        omitted_characters: 0,
    });
    let comments = comments.zip(&pull.comments);
    // Of what programs write, only an agent's answer to a question is anybody's word.
    let is_answer = |comment: &Comment| {
        let principal = rules.map(|rules| principal_of(&comment.account, rules));
        matches!(principal, Some(Principal::Agent(_))) && Command::answers(&comment.body)
    };
    let comments = comments.filter(|(_, comment)| !comment.is_bot || is_answer(comment));
    let mut opinions: Vec<OpinionRecord> = reviews
        .chain(comments.map(|(opinion, _)| opinion))
        .filter(|opinion| {
            opinion.kind != OpinionKind::Comment || opinion.edited || !opinion.words.is_empty()
        })
        .collect();
    opinions.sort_by_key(|opinion| opinion.at);
    for opinion in &mut opinions {
        opinion.person = rules.and_then(|rules| match principal_of(&opinion.account, rules) {
            Principal::Person(person) => Some(person.name.login().clone()),
            Principal::Agent(_) | Principal::Unknown => None,
        });
        opinion.words = opinion.words.trim_end().to_owned();
        if opinion.edited {
            // Nobody knows whose words these are.
            opinion.words.clear();
        }
        if rejects(&opinion.words) {
            opinion.kind = OpinionKind::Reject;
        }
        cut(opinion, MOST_WORDS);
    }
    opinions
}

/// Whether a text says `/reject`.
pub fn rejects(words: &str) -> bool {
    let is_reject = |command| matches!(command, Ok(Command::Reject { .. }));
    Command::find_all(words).into_iter().any(is_reject)
}

fn cut(opinion: &mut OpinionRecord, most: usize) {
    let Some((end, _)) = opinion.words.char_indices().nth(most) else {
        return;
    };
    let rest = opinion.words.split_off(end);
    let omitted = u64::try_from(rest.chars().count()).unwrap_or(u64::MAX);
    opinion.omitted_characters = opinion.omitted_characters.saturating_add(omitted);
}

/// Puts what people said into a decision, as much of it as its document holds: what they said must never keep it
/// from being written.
pub fn record(decision: &mut Decision, mut opinions: Vec<OpinionRecord>) {
    if opinions.is_empty() {
        return;
    }
    let all = opinions.len();
    while opinions.len() > MOST_OPINIONS {
        let oldest = opinions
            .iter()
            .position(|opinion| opinion.kind == OpinionKind::Comment);
        opinions.remove(oldest.unwrap_or(0));
    }
    decision.opinions = opinions;
    let mut limits = FEWER_WORDS.into_iter();
    while !is_writable(decision) && !decision.opinions.is_empty() {
        match limits.next() {
            Some(most) => decision
                .opinions
                .iter_mut()
                .for_each(|opinion| cut(opinion, most)),
            None => drop(
                decision
                    .opinions
                    .drain(..decision.opinions.len().div_ceil(2)),
            ),
        }
    }
    decision.omitted_opinions = u64::try_from(all - decision.opinions.len()).unwrap_or(u64::MAX);
}

/// Cuts what was asked and answered where the document has no room for it, though nothing that was said is left in it.
pub fn cut_questions(decision: &mut Decision) {
    for most in FEWER_WORDS {
        if decision.questions.is_empty() || is_writable(decision) {
            return;
        }
        for question in &mut decision.questions {
            let answers = question.answers.iter_mut().map(|answer| &mut answer.text);
            for text in std::iter::once(&mut question.text).chain(answers) {
                *text = text.chars().take(most).collect();
            }
        }
    }
    if !is_writable(decision) {
        decision.questions.clear();
    }
}

/// Cuts the justifications of a decision that would not fit into its document otherwise, but never below what the
/// rules ask for: then it is heard again as it was counted.
pub fn cut_justifications(decision: &mut Decision, least: usize) {
    for most in FEWER_WORDS {
        if decision.approvals.is_empty() || is_writable(decision) {
            return;
        }
        for approval in &mut decision.approvals {
            let Some(text) = &approval.justification else {
                continue;
            };
            let kept: String = text.chars().take(most.max(least)).collect();
            let kept = Command::strip(&kept);
            if kept.chars().count() >= least {
                approval.justification = (!kept.is_empty()).then_some(kept);
            }
        }
    }
}

fn is_writable(decision: &Decision) -> bool {
    yaml::write(decision).is_ok()
}
