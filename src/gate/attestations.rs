//! What was attested for the head of a pull request: what counts as evidence, and why the rest does not.
//!
//! Nobody vouches for their own work: not the proposing agent, not whoever had a part in the branch, and nobody whom
//! the rules do not name. The bot asks this of what was said, and `verify` asks it again of the record.

use chrono::{DateTime, Utc};

use super::eligibility::{Interests, Principal, principal_of, shown};
use super::verdict::{GateResult, RejectedCommand, without_id};
use crate::domain::attestation::{Attestation, SignedAttestation};
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::command::Command;
use crate::domain::documents::{AccountRecord, CheckRecord, EvidenceRecord, EvidenceSource};
use crate::domain::ids::{AgentName, EvidenceName, Sha};
use crate::domain::pull::{CheckRun, Pull, Pushes};
use crate::domain::review::Opinion;
use crate::domain::similar::expected_one_of;
use crate::domain::value::ValueType;
use crate::rules::Rules;
use crate::rules::evidence::{Attester, EvidenceRule, EvidenceState};
use crate::rules::people::PersonName;

/// How many attestations of one head are kept; the oldest go first.
const MOST: usize = 40;
/// How many that do not count are answered.
const MOST_REFUSED: usize = 10;

/// What was attested for a head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attested {
    /// By those who may, in the order of the names and oldest first.
    pub evidence: Vec<EvidenceRecord>,
    /// What does not count, and why.
    pub refused: Vec<RefusedAttestation>,
}

/// An attestation that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedAttestation {
    pub account: AccountRecord,
    /// The id on the forge of the review or comment that it stands in.
    pub review: String,
    pub reason: Unattested,
}

/// Why an attestation does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unattested {
    #[error("`{name}` is not in `rules/evidence.yaml`{expected}")]
    UnknownName {
        name: EvidenceName,
        /// The end of the sentence, which names what there is.
        expected: String,
    },
    #[error("it is for commit {}: the head is now {}", .given.short(), .head.short())]
    OtherHead { given: Sha, head: Sha },
    #[error("it names no commit: add `at={0}`")]
    NoHead(Sha),
    #[error("it is older than the last change of the base branch: attest it again")]
    OtherBase,
    #[error(
        "its signature is not by a key that may attest `{0}`, or not for this value, commit and time"
    )]
    ForeignSignature(EvidenceName),
    #[error("it was signed in the future: set the clock of whoever signs")]
    SignedInFuture,
    #[error("`{0}` is a bot: it has to sign what it attests")]
    Bot(String),
    #[error("`{0}` is an agent: an agent vouches for nothing")]
    Agent(AgentName),
    #[error("`{0}` is not listed in `rules/people.yaml`")]
    Unlisted(String),
    #[error("`{by}` may not attest `{name}`: {may} may")]
    NotNamed {
        by: PersonName,
        name: EvidenceName,
        /// Who may.
        may: String,
    },
    /// The part that they had in the proposal.
    #[error("{0}")]
    Conflict(String),
    #[error("it is not known who pushed commit {}, and nobody vouches for what they pushed: {help}", .head.short())]
    UnknownPushers { head: Sha, help: String },
    /// Why nobody can be told apart from whoever wrote the branch.
    #[error("{0}")]
    Unattributed(String),
    /// What is missing in the rules.
    #[error("{0}")]
    WithoutId(String),
}

/// Where an attestation stands.
#[derive(Debug, Clone, Copy)]
pub struct SaidBy<'a> {
    pub account: &'a AccountRecord,
    pub is_bot: bool,
    /// The id on the forge of the review or comment.
    pub review: &'a str,
    pub at: DateTime<Utc>,
}

/// Every text that was not changed afterwards nor taken back.
fn texts(pull: &Pull) -> impl Iterator<Item = (SaidBy<'_>, &str)> {
    let reviews = pull
        .reviews
        .iter()
        .filter(|review| !review.edited && review.opinion != Opinion::Dismissed);
    let reviews = reviews.map(|review| {
        let said = SaidBy {
            account: &review.account,
            is_bot: review.is_bot,
            review: &review.id,
            at: review.at,
        };
        (said, review.body.as_str())
    });
    let comments = pull.comments.iter().filter(|comment| !comment.edited);
    let comments = comments.map(|comment| {
        let said = SaidBy {
            account: &comment.account,
            is_bot: comment.is_bot,
            review: &comment.id,
            at: comment.at,
        };
        (said, comment.body.as_str())
    });
    reviews.chain(comments)
}

/// The attestations that a text gives.
fn find_all(text: &str) -> Vec<Attestation> {
    let commands = Command::find_all(text).into_iter();
    let given = commands.filter_map(|command| match command {
        Ok(Command::Attest(attestation)) => Some(attestation),
        _ => None,
    });
    given.collect()
}

/// What attestations of one pull request are held against.
#[derive(Debug, Clone, Copy)]
pub struct AttestationContext<'a> {
    pub pull: &'a Pull,
    pub interests: Interests<'a>,
    pub rules: &'a Rules,
    pub now: DateTime<Utc>,
}

impl AttestationContext<'_> {
    /// Everything that was attested for the head, in words and by these check runs of it.
    pub fn attested(&self, checks: &[CheckRun]) -> Attested {
        let mut attested = Attested::default();
        if self.rules.evidence.is_empty() {
            return attested;
        }
        for (said, body) in texts(self.pull) {
            for attestation in find_all(body) {
                match self.admit(&attestation, said) {
                    Ok(record) => attested.evidence.push(record),
                    // A bot is never answered: two of them would go on for ever.
                    Err(_) if said.is_bot => {}
                    Err(reason) => attested.refused.push(RefusedAttestation {
                        account: said.account.clone(),
                        review: said.review.to_owned(),
                        reason,
                    }),
                }
            }
        }
        let evidence = &mut attested.evidence;
        evidence.extend(checks.iter().flat_map(|run| self.of_check(run)));
        evidence.sort_by_key(|record| record.at);
        // What is signed may be posted by anybody, as often as they like.
        let mut signatures = Vec::new();
        evidence.retain(|record| match &record.signature {
            Some(signature) if signatures.contains(signature) => false,
            Some(signature) => {
                signatures.push(signature.clone());
                true
            }
            None => true,
        });
        evidence.sort_by_key(EvidenceRecord::vouched_at);
        evidence.drain(..evidence.len().saturating_sub(MOST));
        evidence.sort_by(|a, b| a.name.cmp(&b.name));
        attested
    }

    /// What a check run says: a line for each fact, and of a boolean without one how it ended.
    fn of_check(&self, run: &CheckRun) -> Vec<EvidenceRecord> {
        let said = find_all(&run.text);
        let head = self.pull.head;
        let records = self.rules.evidence.iter().filter_map(|(name, rule)| {
            let line = said
                .iter()
                .rev()
                .find(|line| line.name == *name && line.head.is_none_or(|of| of == head));
            let value = match line {
                Some(line) => line.value.clone(),
                None if rule.value_type == ValueType::Boolean => run.is_success.to_string(),
                None => return None,
            };
            let record = EvidenceRecord {
                name: name.clone(),
                value,
                source: EvidenceSource::Check,
                by: run.app.clone(),
                at: run.completed_at.min(self.now),
                account: None,
                review: None,
                signed_at: None,
                signature: None,
                check: Some(CheckRecord {
                    id: run.id,
                    name: run.name.clone(),
                    app_id: run.app_id,
                    url: run.url.clone(),
                }),
            };
            let is_old = self.pull.base_changed_at.is_some_and(|at| record.at <= at);
            (rule.may_vouch(&record) && !is_old).then_some(record)
        });
        records.collect()
    }

    /// The record of an attestation that counts. Whether its value is of the right type and still fresh, the rules
    /// say of the record.
    pub fn admit(
        &self,
        attestation: &Attestation,
        said: SaidBy<'_>,
    ) -> Result<EvidenceRecord, Unattested> {
        let rule = find_rule(self.rules, &attestation.name)?;
        let head = self.pull.head;
        match attestation.head {
            Some(of) if of == head => {}
            Some(of) => {
                return Err(Unattested::OtherHead { given: of, head });
            }
            None => return Err(Unattested::NoHead(head)),
        }
        let mut record = EvidenceRecord {
            name: attestation.name.clone(),
            value: attestation.value.clone(),
            source: EvidenceSource::Login,
            by: String::new(),
            at: said.at,
            account: Some(said.account.clone()),
            review: Some(said.review.to_owned()),
            signed_at: None,
            signature: None,
            check: None,
        };
        match &attestation.signed {
            Some(signed) => {
                record.source = EvidenceSource::Key;
                record.by = self.signer(attestation, signed, rule)?;
                record.signed_at = Some(signed.on);
                record.signature = Some(signed.signature.to_string());
            }
            None => record.by = self.person(&attestation.name, said, rule)?,
        }
        let base_changed_at = self.pull.base_changed_at;
        if base_changed_at.is_some_and(|at| record.vouched_at() <= at) {
            return Err(Unattested::OtherBase);
        }
        Ok(record)
    }

    fn signer(
        &self,
        attestation: &Attestation,
        signed: &SignedAttestation,
        rule: &EvidenceRule,
    ) -> Result<String, Unattested> {
        let signer = attestation.find_signer(rule.keys());
        let key = signer.ok_or_else(|| Unattested::ForeignSignature(attestation.name.clone()))?;
        if signed.on > self.now + CLOCK_TOLERANCE {
            return Err(Unattested::SignedInFuture);
        }
        Ok(key.as_str().to_owned())
    }

    /// The person behind an unsigned attestation.
    fn person(
        &self,
        name: &EvidenceName,
        said: SaidBy<'_>,
        rule: &EvidenceRule,
    ) -> Result<String, Unattested> {
        if said.is_bot {
            return Err(Unattested::Bot(shown(said.account)));
        }
        let person = match principal_of(said.account, self.rules) {
            Principal::Agent(agent) => return Err(Unattested::Agent(agent.clone())),
            Principal::Unknown => return Err(Unattested::Unlisted(shown(said.account))),
            Principal::Person(person) => person,
        };
        let login = person.name.login();
        if !rule.from.contains(&Attester::Login(login.clone())) {
            return Err(Unattested::NotNamed {
                by: person.name.clone(),
                name: name.clone(),
                may: rule.attesters(),
            });
        }
        let (interests, rules) = (self.interests, self.rules);
        if let Some(conflict) = interests.find_conflict(person, said.account, rules) {
            return Err(Unattested::Conflict(conflict));
        }
        if let Pushes::Unknown { help } = &self.pull.pushes {
            return Err(Unattested::UnknownPushers {
                head: self.pull.head,
                help: help.clone(),
            });
        }
        if let Some(reason) = interests.find_unattributed(rules) {
            return Err(Unattested::Unattributed(reason));
        }
        if self.pull.forge().is_github() && person.id.is_none() {
            return Err(Unattested::WithoutId(without_id(person, said.account.id)));
        }
        Ok(login.as_str().to_owned())
    }
}

fn find_rule<'r>(rules: &'r Rules, name: &EvidenceName) -> Result<&'r EvidenceRule, Unattested> {
    rules.evidence.get(name).ok_or_else(|| {
        let known: Vec<&str> = rules.evidence.keys().map(EvidenceName::as_str).collect();
        Unattested::UnknownName {
            name: name.clone(),
            expected: expected_one_of(name.as_str(), &known),
        }
    })
}

/// What has changed since an approval was given, in words: it was given on what was attested by then.
pub fn find_change(
    evidence: &[EvidenceRecord],
    rules: &Rules,
    given: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<String> {
    if evidence.is_empty() {
        return None;
    }
    let then: Vec<EvidenceRecord> = evidence
        .iter()
        .filter(|one| one.at <= given)
        .cloned()
        .collect();
    let (then, now) = (
        rules.evidence_states(&then, given),
        rules.evidence_states(evidence, now),
    );
    let in_words = |state: &EvidenceState| match state {
        EvidenceState::Known(known) => known.shown.clone(),
        EvidenceState::Missing(_) => "nothing".to_owned(),
    };
    then.iter()
        .zip(now.values())
        .find_map(|((name, then), now)| {
            let is_same = match (then, now) {
                (EvidenceState::Known(then), EvidenceState::Known(now)) => then.value == now.value,
                (EvidenceState::Missing(_), EvidenceState::Missing(_)) => true,
                _ => false,
            };
            let (was, is) = (in_words(then), in_words(now));
            (!is_same).then(|| format!("evidence `{name}` has changed from {was} to {is}"))
        })
}

impl GateResult {
    /// With an answer to those whose attestation does not count, and with those who are known through a team only.
    pub fn with_attested(mut self, attested: &Attested, rules: &Rules) -> Self {
        let refused = attested.refused.iter().map(|refused| RejectedCommand {
            account: refused.account.clone(),
            command: "/attest",
            reason: refused.reason.to_string(),
        });
        for refused in refused {
            let is_full = self.rejected_commands.len() >= MOST_REFUSED;
            if !is_full && !self.rejected_commands.contains(&refused) {
                self.rejected_commands.push(refused);
            }
        }
        for account in attested
            .evidence
            .iter()
            .filter_map(|one| one.account.as_ref())
        {
            if let Principal::Person(person) = principal_of(account, rules)
                && let Some(member) = person.team_member()
                && !self.team_members.contains(&member)
            {
                self.team_members.push(member);
            }
        }
        self
    }
}
