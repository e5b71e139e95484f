//! What happened to a case, in its order: proposed, reviewed, decided, carried out, talked about.

use std::collections::BTreeMap;

use super::records::Records;
use super::text::{self, Moment};
use crate::domain::documents::{
    Decision, Feedback, OpinionKind, OpinionRecord, Outcome, QuestionRecord, Rescored, Role, Status,
};
use crate::gate::eligibility::shown;
use crate::insight::Case;

#[derive(Debug, Default)]
pub struct TimelineEntry {
    pub class: &'static str,
    pub what: String,
    pub at: Option<Moment>,
    pub words: Option<String>,
    pub facts: Vec<(String, String)>,
}

/// Until it was carried out.
pub fn events(case: &Case, records: &Records) -> Vec<TimelineEntry> {
    let mut events = Vec::new();
    if let Some(at) = case.asked_at() {
        let author = records
            .decision
            .as_ref()
            .map(|decision| shown(&decision.pull.author));
        events.push(TimelineEntry {
            what: format!(
                "Proposed by {}",
                author.unwrap_or_else(|| "somebody".to_owned())
            ),
            at: Some(Moment::of(at)),
            ..TimelineEntry::default()
        });
    }
    if let Some(decision) = &records.decision {
        events.extend(reviews(decision));
        events.push(decided(decision));
    } else {
        events.push(TimelineEntry {
            what: format!("Decided: {}", text::standing(case.standing)),
            at: case.decided_at.map(Moment::of),
            ..TimelineEntry::default()
        });
    }
    events.extend(records.rescored.as_ref().map(scored_again));
    if let Some(claim) = records.claim.as_ref() {
        events.push(TimelineEntry {
            what: format!("Execution by {} begun on {}", claim.executor, claim.host),
            at: Some(Moment::of(claim.started_at)),
            ..TimelineEntry::default()
        });
    }
    events.extend(records.outcomes.iter().map(ended));
    events
}

/// Everything that was said on a pull request, in order, whether it counted or not.
pub fn said_before(opinions: &[OpinionRecord]) -> Vec<TimelineEntry> {
    opinions.iter().map(opinion).collect()
}

/// What the agent was asked, each with its answers.
pub fn questions(questions: &[QuestionRecord]) -> Vec<TimelineEntry> {
    let mut told = Vec::new();
    for question in questions {
        let open = if question.is_open() {
            ", not answered"
        } else {
            ""
        };
        told.push(TimelineEntry {
            what: format!("{} asks (question {}){open}", question.by, question.id),
            at: Some(Moment::of(question.at)),
            words: Some(question.text.clone()),
            ..TimelineEntry::default()
        });
        told.extend(question.answers.iter().map(|answer| TimelineEntry {
            what: format!("{} answers question {}", answer.by, question.id),
            at: Some(Moment::of(answer.at)),
            words: Some(answer.text.clone()),
            ..TimelineEntry::default()
        }));
    }
    told
}

fn opinion(opinion: &OpinionRecord) -> TimelineEntry {
    let who = match &opinion.person {
        Some(person) => person.to_string(),
        None => shown(&opinion.account),
    };
    let mut what = format!("{who} {}", opinion.kind.verb());
    if opinion.edited {
        what.push_str("; the text was edited and is not kept");
    }
    if opinion.omitted_characters > 0 {
        let more = opinion.omitted_characters;
        what.push_str(&format!("; {more} more characters are not kept"));
    }
    TimelineEntry {
        what,
        at: Some(Moment::of(opinion.at)),
        words: Some(opinion.words.clone()).filter(|words| !words.is_empty()),
        ..TimelineEntry::default()
    }
}

/// Reviews with what was made of them; their words, and what nothing was made of, from the opinions.
fn reviews(decision: &Decision) -> Vec<TimelineEntry> {
    let mut said = Vec::new();
    let is_told = |opinion: &&OpinionRecord| {
        let counted = decision.approvals.iter().map(|one| &one.review);
        let is_rejection = decision.rejection.as_ref().is_some_and(|rejection| {
            opinion.kind == OpinionKind::Reject && rejection.at == opinion.at
        });
        is_rejection || counted.into_iter().any(|review| *review == opinion.review)
    };
    let others = decision.opinions.iter().filter(|one| !is_told(one));
    said.extend(others.map(|one| (one.at, opinion(one))));
    for approval in &decision.approvals {
        let sure = approval
            .confidence
            .map(|sure| format!(", {}", text::confidence(sure)));
        said.push((
            approval.at,
            TimelineEntry {
                class: "success",
                what: format!(
                    "Approved by {} ({}){}",
                    approval.by,
                    approval.role,
                    sure.unwrap_or_default()
                ),
                words: approval.justification.clone(),
                ..TimelineEntry::default()
            },
        ));
    }
    for ignored in &decision.ignored {
        said.push((
            ignored.at,
            TimelineEntry {
                what: format!(
                    "Not counted: the review of {}: {}",
                    shown(&ignored.account),
                    text::unquoted(&ignored.reason)
                ),
                ..TimelineEntry::default()
            },
        ));
    }
    if let Some(rejection) = &decision.rejection {
        said.push((
            rejection.at,
            TimelineEntry {
                class: "failure",
                what: format!(
                    "Rejected by {}: {}",
                    rejection.by,
                    text::category(rejection.category).to_lowercase()
                ),
                words: Some(rejection.reason.clone()).filter(|reason| !reason.is_empty()),
                ..TimelineEntry::default()
            },
        ));
    }
    said.sort_by_key(|(at, _)| *at);
    said.into_iter()
        .map(|(at, happened)| TimelineEntry {
            at: Some(Moment::of(at)),
            ..happened
        })
        .collect()
}

fn decided(decision: &Decision) -> TimelineEntry {
    let needed = decision.required;
    let whose = match needed.role {
        _ if decision.status == Status::Granted => "nobody had to approve".to_owned(),
        Role::None => "nobody had to approve".to_owned(),
        role => {
            let why = if needed.justification {
                ", with a justification"
            } else {
                ""
            };
            format!("it needed {}{why}", text::people(role, needed.approvals))
        }
    };
    TimelineEntry {
        class: if decision.status.is_approval() {
            "success"
        } else {
            "failure"
        },
        what: format!(
            "Decided: {} in mode {}; {whose}",
            text::status_word(decision.status),
            decision.mode
        ),
        at: Some(Moment::of(decision.decided_at)),
        facts: {
            let grant = decision.grant.iter();
            let grant = grant.map(|grant| ("grant".to_owned(), grant.reason.clone()));
            let amendment = decision.amendment.iter();
            amendment
                .map(|less| ("approved only".to_owned(), less.in_words()))
                .chain(grant)
                .collect()
        },
        ..TimelineEntry::default()
    }
}

fn scored_again(rescored: &Rescored) -> TimelineEntry {
    let risk = &rescored.now.risk;
    let factors = risk.factors.iter().map(|factor| {
        let why = format!(
            "+{} {}: {}",
            factor.contribution, factor.input, factor.reason
        );
        (factor.name.clone(), why)
    });
    let triggers = risk.triggers.iter();
    let triggers = triggers.map(|trigger| (trigger.id.to_string(), trigger.reason.clone()));
    let advice = text::unquoted(rescored.advice());
    TimelineEntry {
        class: "failure",
        what: format!("Scored again: {}. {advice}", rescored.change()),
        at: Some(Moment::of(rescored.at)),
        facts: factors.chain(triggers).collect(),
        ..TimelineEntry::default()
    }
}

fn ended(outcome: &Outcome) -> TimelineEntry {
    let word = Outcome::word(outcome.success);
    let details: BTreeMap<_, _> = outcome.details.iter().collect();
    TimelineEntry {
        class: word,
        what: format!(
            "Outcome: {word}, by {}, reported by {}",
            outcome.executor, outcome.reported_by
        ),
        at: Some(Moment::of(outcome.finished_at)),
        words: outcome.error.clone(),
        facts: details
            .into_iter()
            .map(|(key, value)| (key.clone(), value.to_string()))
            .collect(),
    }
}

/// What somebody said afterwards.
pub fn said(feedback: &Feedback) -> TimelineEntry {
    TimelineEntry {
        what: feedback.by.to_string(),
        at: Some(Moment::of(feedback.at)),
        words: Some(feedback.message.clone()),
        ..TimelineEntry::default()
    }
}
