//! `rules/evidence.yaml`: facts that somebody other than the agent vouches for, and who may.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::agents::Agent;
use super::people::People;
use super::{RuleFiles, Rules};
use crate::domain::documents::{AccountRecord, EvidenceRecord, EvidenceSource, schema_tag, time};
use crate::domain::ids::{AgentName, EvidenceName, Login, quoted};
use crate::domain::page::Line;
use crate::domain::problem::{Problem, Problems};
use crate::domain::signing::PublicKey;
use crate::domain::similar::did_you_mean;
use crate::domain::value::{Duration, Value, ValueType};
use crate::domain::yaml;

/// Where this document is kept; it need not be there.
pub const PATH: &str = "rules/evidence.yaml";

/// How many facts there may be, and how many may vouch for one.
pub const MOST: usize = 50;
const MOST_ATTESTERS: usize = 20;
/// The longest that anything may be valid.
const MOST_DAYS: i64 = 3_650;
/// The App of GitHub Actions: whoever may push a branch says by its workflow what its check runs say.
const ANYBODYS_APP: &str = "github-actions";

schema_tag! {
    /// The value of `schema` in the evidence.
    EvidenceSchema, "countersign/evidence/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEvidence {
    schema: EvidenceSchema,
    /// Each fact by name; rules read it as `evidence.NAME`.
    evidence: BTreeMap<EvidenceName, RawFact>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawFact {
    /// What it is, for people.
    #[serde(default)]
    description: Option<String>,
    /// `number`, `quantity`, `duration`, `text` or `boolean`.
    #[serde(rename = "type")]
    value_type: ValueType,
    /// What a number counts, for people: `EUR`, `%`.
    #[serde(default)]
    unit: Option<String>,
    /// For how long it counts after it was vouched for, such as `24h`; absent: as long as the commit stays.
    #[serde(default)]
    valid_for: Option<String>,
    /// Who may vouch for it: any one of these.
    from: Vec<RawAttester>,
}

/// One of `{app: SLUG, check: NAME}`, `{login: LOGIN}` and `{key: PUBLIC KEY}`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawAttester {
    /// On GitHub: the slug of an App, whose check runs say it.
    #[serde(default)]
    app: Option<String>,
    /// The name of that check run; absent: any of the App's.
    #[serde(default)]
    check: Option<String>,
    /// A person of `rules/people.yaml`.
    #[serde(default)]
    login: Option<Login>,
    /// The line of a `.pub` file of `ssh-keygen`.
    #[serde(default)]
    key: Option<PublicKey>,
}

/// A fact that somebody vouches for.
#[derive(Debug, Clone)]
pub struct EvidenceRule {
    /// What it is, for people.
    pub description: Option<String>,
    pub value_type: ValueType,
    /// What a number counts, for people.
    pub unit: Option<String>,
    /// For how long it counts.
    pub valid_for: Option<Duration>,
    /// Who may vouch for it.
    pub from: Vec<Attester>,
}

impl EvidenceRule {
    /// Who vouches for it, and for how long that counts, as a sentence.
    pub fn attesters_in_words(&self) -> Line {
        let from = self.from.iter().map(|one| Line::default().name(one));
        let who = Line::default().joined(from, " or ").say(" vouches for it");
        match self.valid_for {
            Some(length) => who.say(format_args!(", and that counts for {length}.")),
            None => who.say("."),
        }
    }
}

/// Somebody who may vouch for a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attester {
    Check {
        /// The slug of the App.
        app: String,
        /// The name of its check run; none: any.
        check: Option<String>,
    },
    Login(Login),
    Key(PublicKey),
}

impl fmt::Display for Attester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check { app, check: None } => write!(f, "the App {app}"),
            Self::Check {
                app,
                check: Some(name),
            } => write!(f, "the check run {name} of the App {app}"),
            Self::Login(login) => write!(f, "{login}"),
            Self::Key(key) => match key.comment() {
                "" => write!(f, "the key {}", key.as_str()),
                comment => write!(f, "the key {comment}"),
            },
        }
    }
}

/// Facts by name.
pub type EvidenceRules = BTreeMap<EvidenceName, EvidenceRule>;

/// What is known of a fact at a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum EvidenceState {
    Known(KnownEvidence),
    /// Why it counts as nothing, and who may vouch for it.
    Missing(String),
}

/// A value that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownEvidence {
    /// As conditions see it: what has an order as a number, of a duration the seconds.
    pub value: Value,
    /// As people write it, with its unit.
    pub shown: String,
}

/// Why a value is none of a fact's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found} is not {expected}{meant}")]
pub struct NotOfType {
    found: String,
    expected: &'static str,
    /// The end of the sentence, which names what was probably meant.
    meant: String,
}

impl EvidenceRule {
    /// What a value means, as it was written.
    pub fn read(&self, text: &str) -> Result<KnownEvidence, NotOfType> {
        let value = match self.value_type {
            ValueType::Text => Value::from(text),
            _ => Value::from_argument(text).unwrap_or_else(|_| Value::from(text)),
        };
        self.read_value(&value)
    }

    /// The same of a value of a document.
    pub fn read_value(&self, value: &Value) -> Result<KnownEvidence, NotOfType> {
        let wrong = || {
            let meant = self.value_type.find_meant(value);
            let meant =
                meant.map_or_else(String::new, |meant| format!(": did you mean `{meant}`?"));
            NotOfType {
                found: quoted(&plain(value)),
                expected: self.value_type.described(),
                meant,
            }
        };
        if !self.value_type.holds(value) {
            return Err(wrong());
        }
        let seen = match self.value_type.measure_for_conditions(value) {
            Some(amount) => {
                let number = ValueType::Number.write(amount, &Value::Null);
                number.ok_or_else(wrong)?
            }
            None => value.clone(),
        };
        Ok(KnownEvidence {
            value: seen,
            shown: self.shown(value),
        })
    }

    fn shown(&self, value: &Value) -> String {
        match &self.unit {
            Some(unit) => format!("{} {unit}", plain(value)),
            None => plain(value),
        }
    }

    /// Until when something counts that was vouched for then; none: as long as the commit stays.
    fn valid_until(&self, vouched_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let valid_for = self.valid_for?.time_delta()?;
        vouched_at.checked_add_signed(valid_for)
    }

    /// Whoever may vouch for it, in words.
    pub fn attesters(&self) -> String {
        let from: Vec<String> = self.from.iter().map(Attester::to_string).collect();
        match from.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => from.join(""),
        }
    }

    /// Whether a record is by one of those who may vouch for it.
    pub fn may_vouch(&self, record: &EvidenceRecord) -> bool {
        self.from.iter().any(|attester| match attester {
            Attester::Check { app, check } => {
                record.source == EvidenceSource::Check
                    && record.by == *app
                    && check.as_ref().is_none_or(|name| {
                        record.check.as_ref().is_some_and(|run| run.name == *name)
                    })
            }
            Attester::Login(login) => {
                record.source == EvidenceSource::Login && record.by == login.as_str()
            }
            Attester::Key(key) => record.source == EvidenceSource::Key && record.by == key.as_str(),
        })
    }

    /// The keys that may sign it.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.from.iter().filter_map(|attester| match attester {
            Attester::Key(key) => Some(key),
            Attester::Check { .. } | Attester::Login(_) => None,
        })
    }
}

/// Text as it is, everything else as documents write it.
fn plain(value: &Value) -> String {
    value
        .text()
        .map_or_else(|| value.to_string(), str::to_owned)
}

impl Rules {
    /// What is known of each fact at a moment, by what was vouched for, which is in the order of the names and oldest
    /// first. Of each, the newest that is valid counts.
    pub fn evidence_states(
        &self,
        records: &[EvidenceRecord],
        at: DateTime<Utc>,
    ) -> BTreeMap<EvidenceName, EvidenceState> {
        let states = self.evidence.iter().map(|(name, rule)| {
            let of_name = records.iter().filter(|record| record.name == *name);
            (name.clone(), state(name, rule, of_name, at))
        });
        states.collect()
    }

    /// Each record in words, with why it does not count where it does not.
    pub fn evidence_in_words(&self, records: &[EvidenceRecord], at: DateTime<Utc>) -> Vec<String> {
        let mut counted: Option<&EvidenceName> = None;
        let newest_first = records.iter().rev().map(|record| {
            let (name, origin) = (&record.name, record.origin());
            let Some(rule) = self.evidence.get(name) else {
                return record.in_words();
            };
            match rule.worth(record, at) {
                Worth::Valid(known) if counted == Some(name) => {
                    format!("{name}: {}, {origin} (older: does not count)", known.shown)
                }
                Worth::Valid(known) => {
                    counted = Some(name);
                    format!("{name}: {}, {origin}", known.shown)
                }
                worth => {
                    let objection = worth.objection().unwrap_or_default();
                    format!(
                        "{name}: {}, {origin} ({objection}: does not count)",
                        record.value
                    )
                }
            }
        });
        let mut lines: Vec<String> = newest_first.collect();
        lines.reverse();
        lines
    }

    /// When the next of these grows stale.
    pub fn evidence_stale_at(
        &self,
        records: &[EvidenceRecord],
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let until = records.iter().filter_map(|record| {
            let rule = self.evidence.get(&record.name)?;
            // It still counts in that second.
            Some(rule.valid_until(record.vouched_at())? + TimeDelta::seconds(1))
        });
        until.filter(|at| *at > now).min()
    }

    /// Whether an App vouches for anything.
    pub fn is_vouched_for_by_app(&self) -> bool {
        let mut attesters = self.evidence.values().flat_map(|rule| &rule.from);
        attesters.any(|attester| matches!(attester, Attester::Check { .. }))
    }

    /// Who may vouch for something and is nobody that the rules know, or an agent.
    pub(super) fn find_wrong_attesters(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        for (name, rule) in &self.evidence {
            for (index, attester) in rule.from.iter().enumerate() {
                let Attester::Login(login) = attester else {
                    continue;
                };
                if let Some(message) = wrong_login(login, &self.people, &self.agents) {
                    let key = format!("evidence.{name}.from[{index}].login");
                    found.push(Problem::of_key(PATH, key, message));
                }
            }
        }
        found
    }
}

/// What a record is worth at a moment.
enum Worth {
    Valid(KnownEvidence),
    Stale {
        known: KnownEvidence,
        until: DateTime<Utc>,
    },
    Malformed(NotOfType),
}

impl EvidenceRule {
    fn worth(&self, record: &EvidenceRecord, at: DateTime<Utc>) -> Worth {
        let known = match self.read(&record.value) {
            Ok(known) => known,
            Err(why) => return Worth::Malformed(why),
        };
        match self.valid_until(record.vouched_at()) {
            Some(until) if until < at => Worth::Stale { known, until },
            _ => Worth::Valid(known),
        }
    }
}

impl Worth {
    /// What is wrong with it; none if nothing is.
    fn objection(&self) -> Option<String> {
        match self {
            Self::Valid(_) => None,
            Self::Stale { known, until } => Some(format!(
                "stale ({}, valid until {})",
                known.shown,
                time::text(until)
            )),
            Self::Malformed(why) => Some(format!("malformed ({why})")),
        }
    }
}

/// The newest that counts, or why none does. The records are in order.
fn state<'r>(
    name: &EvidenceName,
    rule: &EvidenceRule,
    records: impl DoubleEndedIterator<Item = &'r EvidenceRecord>,
    at: DateTime<Utc>,
) -> EvidenceState {
    let mut newest_objection = None;
    for record in records.rev() {
        let worth = rule.worth(record, at);
        let objection = worth.objection();
        if let Worth::Valid(known) = worth {
            return EvidenceState::Known(known);
        }
        newest_objection = newest_objection.or(objection);
    }
    let what = newest_objection.unwrap_or_else(|| "absent".to_owned());
    EvidenceState::Missing(format!(
        "evidence `{name}` is {what}: needs an attestation for this head by {}",
        rule.attesters()
    ))
}

/// Why somebody cannot vouch for anything; none if they can.
fn wrong_login(
    login: &Login,
    people: &People,
    agents: &BTreeMap<AgentName, Agent>,
) -> Option<String> {
    let account = AccountRecord {
        login: Some(login.clone()),
        ..AccountRecord::default()
    };
    let is_agents = |(name, agent): (&AgentName, &Agent)| {
        agent.owns(&account) || name.as_str() == login.as_str()
    };
    if agents.iter().any(is_agents) {
        return Some(format!(
            "`{login}` is an agent of `rules/agents.yaml`, and an agent vouches for nothing: name a person, a key or an App"
        ));
    }
    match people.find(login) {
        Some(person) if person.name.login().as_str() == login.as_str() => None,
        Some(person) => Some(format!(
            "`{login}` is listed in `rules/people.yaml` as `{}`: write that",
            person.name
        )),
        None => {
            let meant = did_you_mean(login.as_str(), people.logins().map(Login::as_str));
            let mend = match meant.as_str() {
                "" => ": add them there",
                meant => meant,
            };
            Some(format!(
                "`{login}` is not listed in `rules/people.yaml`{mend}"
            ))
        }
    }
}

/// Reads the file, where it is there.
///
/// # Errors
/// When it is unreadable, or something in it cannot be meant.
pub fn read(files: &RuleFiles) -> Result<EvidenceRules, Problems> {
    let Some(bytes) = files.get(PATH) else {
        return Ok(EvidenceRules::new());
    };
    let raw: RawEvidence = yaml::read(PATH, bytes)?;
    let mut problems = Vec::new();
    if raw.evidence.len() > MOST {
        let message = format!("there are {} facts: at most {MOST}", raw.evidence.len());
        problems.push(Problem::of_key(PATH, "evidence", message));
    }
    let rules = raw.evidence.into_iter().map(|(name, raw)| {
        let rule = validated(&name, raw, &mut problems);
        (name, rule)
    });
    let rules: EvidenceRules = rules.collect();
    if problems.is_empty() {
        Ok(rules)
    } else {
        Err(Problems(problems))
    }
}

fn validated(name: &EvidenceName, raw: RawFact, problems: &mut Vec<Problem>) -> EvidenceRule {
    let mut say = |key: &str, message: String| {
        let key = format!("evidence.{name}.{key}");
        problems.push(Problem::of_key(PATH, key, message));
    };
    if matches!(raw.value_type, ValueType::List | ValueType::Mapping) {
        let message = format!(
            "nobody vouches for {}: expected number, quantity, duration, text or boolean",
            raw.value_type.described()
        );
        say("type", message);
    }
    if raw.unit.is_some() && raw.value_type != ValueType::Number {
        say("unit", "only a number has a unit: leave it out".to_owned());
    }
    let valid_for = raw.valid_for.and_then(|text| {
        let is_usual = |length: &Duration| {
            let length = length.time_delta();
            length.is_some_and(|length| {
                length > TimeDelta::zero() && length <= TimeDelta::days(MOST_DAYS)
            })
        };
        match text.parse::<Duration>() {
            Ok(length) if is_usual(&length) => return Some(length),
            Ok(_) => say(
                "valid_for",
                format!(
                    "{} is out of range: expected more than 0s and at most {MOST_DAYS}d",
                    quoted(&text)
                ),
            ),
            Err(error) => say("valid_for", error.to_string()),
        }
        None
    });
    if raw.from.is_empty() {
        let message = "nobody could ever vouch for it: name an App, a login or a key".to_owned();
        say("from", message);
    }
    if raw.from.len() > MOST_ATTESTERS {
        let message = format!("there are {}: at most {MOST_ATTESTERS}", raw.from.len());
        say("from", message);
    }
    let mut from: Vec<Attester> = Vec::new();
    for (index, raw) in raw.from.into_iter().enumerate() {
        match attester(raw) {
            Ok(attester) if from.contains(&attester) => {
                say(&format!("from[{index}]"), "it is there twice".to_owned());
            }
            Ok(attester) => from.push(attester),
            Err(error) => say(&format!("from[{index}]"), error.to_string()),
        }
    }
    EvidenceRule {
        from,
        description: raw.description,
        value_type: raw.value_type,
        unit: raw.unit,
        valid_for,
    }
}

/// Why nobody is named who may vouch for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum AttesterError {
    #[error(
        "whoever pushes a branch decides what GitHub Actions says about it: name another App, or let a workflow of \
         `main` sign with a key"
    )]
    AnybodysApp,
    #[error(
        "`app` is not the slug of an App: expected what its page `https://github.com/apps/SLUG` ends in"
    )]
    NoSlug,
    #[error(
        "expected one of `{{app: SLUG}}` (with `check: NAME` where only that one counts), `{{login: LOGIN}}` and \
         `{{key: PUBLIC KEY}}`"
    )]
    NotOne,
}

fn attester(raw: RawAttester) -> Result<Attester, AttesterError> {
    let is_slug = |slug: &str| {
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !slug.is_empty() && slug.chars().all(is_good)
    };
    match (raw.app, raw.check, raw.login, raw.key) {
        (Some(app), _, None, None) if app == ANYBODYS_APP => Err(AttesterError::AnybodysApp),
        (Some(app), check, None, None) if is_slug(&app) => Ok(Attester::Check { app, check }),
        (Some(_), _, None, None) => Err(AttesterError::NoSlug),
        (None, None, Some(login), None) => Ok(Attester::Login(login)),
        (None, None, None, Some(key)) => Ok(Attester::Key(key)),
        _ => Err(AttesterError::NotOne),
    }
}

#[cfg(test)]
mod tests;
