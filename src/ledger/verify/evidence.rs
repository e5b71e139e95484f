//! What was vouched for, held against the rules, the signatures and what was said: nothing is made up, nothing is of
//! another commit or by somebody who may not say it, and nothing is left out.

use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::attestation::{Attestation, SignedAttestation};
use crate::domain::command::Command;
use crate::domain::documents::{
    AccountRecord, Decision, EvidenceRecord, EvidenceSource, OpinionKind, OpinionRecord,
};
use crate::domain::ids::quoted;
use crate::domain::pull::{Pull, PullState, Pushes};
use crate::domain::review::{Comment, Opinion, Review};
use crate::domain::signing::SshSignature;
use crate::gate::attestations::{self, AttestationContext, SaidBy};
use crate::gate::eligibility::Interests;
use crate::rules::Rules;

/// Checks the evidence of a decision.
pub fn check(
    check: &mut CommitCheck,
    written: &Written<Decision>,
    rules: &Rules,
    interests: Interests<'_>,
) {
    let decision = &written.document;
    if decision.evidence.is_empty() && rules.evidence.is_empty() {
        return;
    }
    let place = written.place(&["evidence"]);
    let mut say = |what: String| check.say(FindingKind::WrongEvidence, format!("{place}: {what}"));
    let pull = rebuild(decision);
    let context = AttestationContext {
        pull: &pull,
        interests,
        rules,
        now: decision.decided_at,
    };
    for record in &decision.evidence {
        if let Some(why) = find_objection(record, decision, &context) {
            let (name, value) = (&record.name, quoted(&record.value));
            say(format!("`{name}` was not vouched for as {value}: {why}"));
        }
    }
    let mut in_order = decision.evidence.clone();
    in_order.sort_by(|a, b| (&a.name, a.vouched_at()).cmp(&(&b.name, b.vouched_at())));
    if in_order != decision.evidence {
        say("they are not in the order of their names, oldest first".to_owned());
    }
    for record in context.attested(&[]).evidence {
        if !decision.evidence.contains(&record) {
            let value = quoted(&record.value);
            say(format!(
                "`{}` as {value}, {}, is left out",
                record.name,
                record.origin()
            ));
        }
    }
}

/// Why a record does not say what was vouched for; none if it does.
fn find_objection(
    record: &EvidenceRecord,
    decision: &Decision,
    context: &AttestationContext<'_>,
) -> Option<String> {
    let Some(rule) = context.rules.evidence.get(&record.name) else {
        return Some("the rules have no such evidence".to_owned());
    };
    if record.at > decision.decided_at {
        return Some("it is later than the decision".to_owned());
    }
    if !rule.may_vouch(record) {
        return Some(format!(
            "{} may say that, not {}",
            rule.attesters(),
            quoted(&record.by)
        ));
    }
    let (account, review) = match (record.source, &record.account, &record.review) {
        // Only the forge knew what a check run said.
        (EvidenceSource::Check, None, None) => return None,
        (EvidenceSource::Login | EvidenceSource::Key, Some(account), Some(review)) => {
            (account, review)
        }
        _ => return Some("it does not say where it was said".to_owned()),
    };
    let attestation = Attestation {
        name: record.name.clone(),
        value: record.value.clone(),
        head: Some(decision.pull.head),
        signed: match (record.signed_at, &record.signature) {
            (Some(on), Some(signature)) => Some(SignedAttestation {
                on,
                signature: SshSignature::from_line(signature),
            }),
            _ => None,
        },
    };
    let said = SaidBy {
        account,
        is_bot: false,
        review,
        at: record.at,
    };
    match context.admit(&attestation, said) {
        Err(why) => return Some(why.to_string()),
        Ok(again) if again != *record => {
            return Some("heard again it is another one".to_owned());
        }
        Ok(_) => {}
    }
    // A signature speaks for itself, whoever posted it.
    if record.source == EvidenceSource::Key || was_said(&attestation, record, account, decision) {
        return None;
    }
    Some("nobody said so".to_owned())
}

/// Whether these words are among those that were said, or may be where some are not kept.
fn was_said(
    attestation: &Attestation,
    record: &EvidenceRecord,
    account: &AccountRecord,
    decision: &Decision,
) -> bool {
    let is_it = |opinion: &&OpinionRecord| {
        Some(&opinion.review) == record.review.as_ref() && opinion.account == *account
    };
    match decision.opinions.iter().find(is_it) {
        None => decision.omitted_opinions > 0,
        Some(opinion) => {
            let commands = Command::find_all(&opinion.words).into_iter().flatten();
            let mut given = commands.filter_map(|command| match command {
                Command::Attest(given) => Some(given),
                _ => None,
            });
            opinion.at == record.at
                && (given.any(|given| given == *attestation) || opinion.omitted_characters > 0)
        }
    }
}

/// Approvals that were given on other evidence, and what has changed since.
pub fn outdated(decision: &Decision, rules: &Rules) -> Vec<(String, String)> {
    let outdated = decision.approvals.iter().filter_map(|approval| {
        let (given, now) = (approval.at, decision.decided_at);
        let how = attestations::find_change(&decision.evidence, rules, given, now)?;
        Some((approval.review.clone(), how))
    });
    outdated.collect()
}

/// The pull request with what was said on it, as far as it was kept.
fn rebuild(decision: &Decision) -> Pull {
    let recorded = &decision.pull;
    let mut reviews = Vec::new();
    let mut comments = Vec::new();
    for said in &decision.opinions {
        match said.head {
            Some(head) => reviews.push(Review {
                id: said.review.clone(),
                account: said.account.clone(),
                is_bot: false,
                opinion: match said.kind {
                    OpinionKind::Dismissed => Opinion::Dismissed,
                    _ => Opinion::Comment,
                },
                head,
                main: None,
                body: said.words.clone(),
                at: said.at,
                edited: said.edited,
            }),
            None => comments.push(Comment {
                id: said.review.clone(),
                account: said.account.clone(),
                is_bot: false,
                body: said.words.clone(),
                at: said.at,
                edited: said.edited,
            }),
        }
    }
    Pull {
        number: recorded.number,
        url: recorded.url.clone(),
        branch: recorded.branch.clone(),
        author: recorded.author.clone(),
        pushers: recorded.pushers.clone(),
        pushes: Pushes::Known,
        base_changed_at: recorded.base_changed_at,
        head: recorded.head,
        opened_with: None,
        opened_at: recorded.opened_at,
        state: PullState::Open,
        reviews,
        comments,
        last_report: None,
    }
}
