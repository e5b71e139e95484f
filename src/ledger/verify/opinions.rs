//! What people said, held against what was made of it: every approval that counted, every review that was left out
//! and the rejection was said, in these words; and no approval or request for changes that stands is passed over.

use std::collections::BTreeMap;

use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::command::Command;
use crate::domain::documents::{AccountRecord, Decision, OpinionKind, OpinionRecord};
use crate::domain::engine::ENGINE;
use crate::domain::ids::quoted;
use crate::gate::eligibility::{Principal, principal_of, shown};
use crate::gate::verdict::{CLOSED_WITHOUT_REASON, MOST_IGNORED};
use crate::rules::Rules;

/// Checks the opinions of a decision; the first engines kept none.
pub fn check(check: &mut CommitCheck, written: &Written<Decision>, rules: &Rules) {
    let decision = &written.document;
    if decision.opinions.is_empty() && decision.engine != ENGINE {
        return;
    }
    let place = written.place(&["opinions"]);
    let mut say = |what: String| check.say(FindingKind::WrongOpinions, format!("{place}: {what}"));
    let in_order = |pair: &[OpinionRecord]| matches!(pair, [a, b] if a.at <= b.at);
    if !decision.opinions.windows(2).all(in_order) {
        say("they are not in the order in which they were given".to_owned());
    }
    for opinion in &decision.opinions {
        if let (Some(recorded), Principal::Person(person)) =
            (&opinion.person, principal_of(&opinion.account, rules))
            && recorded != person.name.login()
        {
            say(format!(
                "`{recorded}` is not who {} is",
                quoted(&shown(&opinion.account))
            ));
        }
    }
    // Where some are left out, nothing follows from one that is not there.
    let is_whole = decision.omitted_opinions == 0;
    for what in said_otherwise(decision, is_whole) {
        say(what);
    }
    if is_whole && decision.ignored.len() < MOST_IGNORED {
        for what in passed_over(decision, rules) {
            say(what);
        }
    }
}

/// What was counted, left out or taken for a rejection, and was not said like that.
fn said_otherwise(decision: &Decision, is_whole: bool) -> Vec<String> {
    let mut found = Vec::new();
    let find = |review: &str, account: &AccountRecord| {
        let mut opinions = decision.opinions.iter();
        opinions.find(|opinion| opinion.review == review && opinion.account == *account)
    };
    for approval in &decision.approvals {
        let by = &approval.by;
        match find(&approval.review, &approval.account) {
            None if is_whole => found.push(format!("the approval of `{by}` is not among them")),
            None => {}
            Some(opinion) => {
                let agrees = matches!(opinion.kind, OpinionKind::Approve | OpinionKind::Reject)
                    && opinion.head == Some(approval.head)
                    && opinion.at == approval.at;
                if !agrees {
                    found.push(format!(
                        "`{by}` did not say what was counted as an approval"
                    ));
                } else if !has_words(opinion, approval.justification.as_deref()) {
                    found.push(format!("the justification of `{by}` is in other words"));
                }
            }
        }
    }
    for ignored in &decision.ignored {
        let who = quoted(&shown(&ignored.account));
        match find(&ignored.review, &ignored.account) {
            None if is_whole => found.push(format!(
                "the review of {who} that was left out is not among them"
            )),
            Some(opinion) if opinion.at != ignored.at || opinion.head != Some(ignored.head) => {
                found.push(format!(
                    "the review of {who} that was left out is another one"
                ));
            }
            _ => {}
        }
    }
    let rejection = decision.rejection.as_ref();
    if let Some(rejection) =
        rejection.filter(|it| it.reason != CLOSED_WITHOUT_REASON && it.pull.is_none())
    {
        let is_it = |opinion: &&OpinionRecord| {
            opinion.account == rejection.account && opinion.at == rejection.at
        };
        let mut said = decision.opinions.iter().filter(is_it);
        let rejects = |opinion: &OpinionRecord| {
            opinion.omitted_characters > 0 || opinion.kind == OpinionKind::Reject
        };
        if is_whole && !said.any(rejects) {
            found.push(format!("`{}` did not say the rejection", rejection.by));
        }
    }
    found
}

/// Whether a justification is the text that was said, as far as that was kept.
fn has_words(opinion: &OpinionRecord, justification: Option<&str>) -> bool {
    opinion.edited
        || opinion.omitted_characters > 0
        || Command::strip(&opinion.words) == justification.unwrap_or_default()
}

/// Each person's (or unknown account's) newest approval or request for changes was made something of.
fn passed_over(decision: &Decision, rules: &Rules) -> Vec<String> {
    let mut newest: BTreeMap<String, &OpinionRecord> = BTreeMap::new();
    let reviews = decision.opinions.iter();
    for opinion in reviews.filter(|opinion| opinion.head.is_some()) {
        if opinion.kind != OpinionKind::Comment {
            newest.insert(speaker(&opinion.account, rules), opinion);
        }
    }
    let mut found = Vec::new();
    for opinion in newest.into_values() {
        let is_counted = |review: &String| *review == opinion.review;
        let counted = decision.approvals.iter().map(|one| &one.review);
        let ignored = decision.ignored.iter().map(|one| &one.review);
        if counted.chain(ignored).any(is_counted) {
            continue;
        }
        let who = quoted(&shown(&opinion.account));
        match opinion.kind {
            OpinionKind::Approve => {
                found.push(format!("the approval of {who} was neither counted nor left out"));
            }
            OpinionKind::RequestChanges if decision.status.is_approval() => found.push(format!(
                "it was merged although {who} requested changes, and nothing says why that did not block"
            )),
            _ => {}
        }
    }
    found
}

fn speaker(account: &AccountRecord, rules: &Rules) -> String {
    match principal_of(account, rules) {
        Principal::Person(person) => format!("person {}", person.name),
        Principal::Agent(agent) => format!("agent {agent}"),
        Principal::Unknown => format!("account {}", shown(account).to_ascii_lowercase()),
    }
}
