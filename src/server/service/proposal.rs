//! Checking and proposing a recommendation, from JSON or from the text of its file.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AuthContext, Kind, Result, ServiceError, now};
use crate::bot::BotError;
use crate::bot::check::{Checked, check_by};
use crate::bot::propose::{
    Existing, NewProposal, Opened, ProposalBatch, find_email, find_existing,
};
use crate::domain::documents::{Assessment, Citation, Recommendation, Requirement, Status};
use crate::domain::ids::{ActionName, AgentName, CaseId, ParameterName, Session, TargetName};
use crate::domain::problem::Problem;
use crate::domain::value::Value;
use crate::domain::yaml;
use crate::forge::github::GithubForge;
use crate::forge::local::LocalForge;
use crate::git::Repository;
use crate::insight::CaseStatus;
use crate::ledger::{LedgerError, RulesCache};
use crate::server::case_store::rules_on_main;
use crate::server::proposals::ProposalRequest;

/// How problems name what came as JSON.
const REQUEST: &str = "request";
/// How problems name what came as the text of a file.
const FILE: &str = "recommendation.yaml";

/// What an agent proposes. Whatever is left out gets a value: `agent` who asks, `id` a fresh one, `created_at`
/// and `session` the time of the id.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The case's id, a ULID. Give one of your own (from `countersign new`) to be able to repeat a request
    /// without harm: the same id with the same content is proposed once.
    #[serde(default)]
    pub id: Option<CaseId>,
    /// Your registered name; known from who asks if left out.
    #[serde(default)]
    pub agent: Option<AgentName>,
    /// Your own name for the run or conversation that this comes from.
    #[serde(default)]
    pub session: Option<Session>,
    /// The action type, as listed in `rules/actions.yaml`, such as `modify_parameters`.
    pub action: ActionName,
    /// What is acted on: names of files in `targets/`, such as `checkout`.
    #[serde(default)]
    pub targets: Vec<TargetName>,
    /// The new values of the targets' parameters, such as `{"replicas": 3}`; null removes one.
    #[serde(default)]
    pub changes: BTreeMap<ParameterName, Value>,
    /// Why, for the people who decide.
    #[serde(default)]
    pub rationale: String,
    /// What the rationale rests on.
    #[serde(default)]
    pub citations: Vec<Citation>,
    /// Anything the executor needs; never part of the score.
    #[serde(default)]
    pub details: BTreeMap<String, Value>,
    /// Present values that you rely on: refused when they are no longer so.
    #[serde(default)]
    pub expects: BTreeMap<ParameterName, Value>,
    /// When you made it.
    #[serde(default)]
    pub created_at: Option<DateTime<Utc>>,
}

/// What is to be checked or proposed, as its file will hold it.
#[derive(Debug)]
pub struct ProposalText {
    file: &'static str,
    bytes: Vec<u8>,
}

/// What came of a proposal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Proposed {
    /// The pull request.
    #[serde(flatten)]
    pub opened: Opened,
    /// Whether it was opened by this request; false if the same was proposed before.
    pub created: bool,
    /// `pending`, or how it was decided.
    pub status: String,
    /// How risky it is.
    pub risk: Option<Assessment>,
    /// What approval it needs.
    pub requires: Option<Requirement>,
}

impl Document {
    /// The recommendation that is meant. What it lacks follows from its id, so that the same request means
    /// the same recommendation whenever it is repeated.
    fn text(self, agent: Option<&AgentName>) -> Result<ProposalText> {
        let id = self
            .id
            .unwrap_or_else(|| CaseId::from_parts(now(), ulid::Ulid::generate().random()));
        let created_at = self.created_at.unwrap_or_else(|| id.time());
        let agent = self.agent.or_else(|| agent.cloned()).ok_or_else(|| {
            ServiceError::new(
                Kind::Malformed,
                "it is not said which agent proposes this",
                "name it in `agent`",
            )
        })?;
        let session = match self.session {
            Some(session) => session,
            None => {
                let session = id.time().format("api-%Y%m%d").to_string().parse();
                session.map_err(|error| ServiceError::internal(&error))?
            }
        };
        let recommendation = Recommendation {
            schema: Default::default(),
            id,
            agent,
            session,
            action: self.action,
            targets: self.targets,
            changes: self.changes,
            rationale: self.rationale,
            citations: self.citations,
            details: self.details,
            expects: self.expects,
            created_at,
        };
        let text = yaml::write(&recommendation).map_err(|error| {
            let problem = Problem::of_file(REQUEST, error.to_string());
            ServiceError::invalid(Checked::invalid(vec![problem]))
        })?;
        Ok(ProposalText {
            file: REQUEST,
            bytes: text.into_bytes(),
        })
    }
}

/// What came: JSON that was read, or the text of a file.
#[derive(Debug, Clone)]
pub enum Sent {
    /// JSON.
    Json(Box<Document>),
    /// JSON of another shape.
    Unreadable(Problem),
    /// The text of a file.
    Yaml(Vec<u8>),
}

/// Reads a JSON object. An array is refused, which serde would take for an object whose keys are left out.
pub fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(serde::de::Error::custom(
            "invalid type: sequence, expected an object",
        ));
    }
    serde_json::from_slice(bytes)
}

/// Reads a document from JSON: what is wrong with it is an answer, unless it is no JSON at all.
pub fn read_json(bytes: &[u8]) -> Result<Sent> {
    match read_object(bytes) {
        Ok(document) => Ok(Sent::Json(Box::new(document))),
        Err(error) if error.is_data() => {
            let place = |number: usize| u64::try_from(number).ok();
            Ok(Sent::Unreadable(Problem {
                line: place(error.line()),
                column: place(error.column()),
                ..Problem::of_file(REQUEST, error.to_string())
            }))
        }
        Err(error) => Err(ServiceError::new(
            Kind::Malformed,
            format!("the body is no JSON: {error}"),
            "send a JSON object, or the text of the file as `application/yaml`",
        )),
    }
}

impl Sent {
    fn text(self, agent: Option<&AgentName>) -> Result<ProposalText> {
        match self {
            Self::Json(document) => document.text(agent),
            Self::Unreadable(problem) => {
                Err(ServiceError::invalid(Checked::invalid(vec![problem])))
            }
            Self::Yaml(bytes) => Ok(ProposalText { file: FILE, bytes }),
        }
    }
}

impl AuthContext {
    /// Validates and scores; changes nothing.
    pub async fn check(&self, sent: Sent) -> Result<Checked> {
        let agent = self.agent("checking").ok().cloned();
        let text = match sent.text(agent.as_ref()) {
            Ok(text) => text,
            Err(ServiceError {
                checked: Some(checked),
                ..
            }) => return Ok(*checked),
            Err(refusal) => return Err(refusal),
        };
        let checked = self
            .worker
            .case_store()
            .consult(move |repo, rules_cache| check(repo, rules_cache, &text));
        Ok(checked.await??)
    }

    /// Opens a pull request in the name of the agent that asks. The same id with the same content is
    /// proposed once, however often this is repeated.
    ///
    /// # Errors
    /// When it is invalid, another agent's, or the id is taken by something else.
    pub async fn propose(&self, sent: Sent) -> Result<Proposed> {
        let agent = self.agent("proposing")?.clone();
        let text = sent.text(Some(&agent))?;
        let proposed = match self.worker.proposals() {
            Some(proposals) => proposals.propose(agent, text).await?,
            None => {
                let forge = self.forge_of_agent()?;
                let opening = move |repo: &Repository, rules_cache: &mut RulesCache| {
                    propose_on_github(repo, rules_cache, &forge, &agent, &text)
                };
                self.worker.case_store().consult(opening).await??
            }
        };
        self.worker.wake();
        Ok(proposed)
    }

    /// On GitHub an agent is its account, so a server, whose account is the bot's, can propose for nobody there.
    fn forge_of_agent(&self) -> Result<GithubForge> {
        let Some(forge) = self.worker.github() else {
            return Err(ServiceError::internal(
                &"a folder whose proposals nobody writes",
            ));
        };
        if self.worker.decides() {
            return Err(ServiceError::new(
                Kind::Forbidden,
                format!(
                    "on GitHub an agent proposes under its own account, and this server has only the bot's in `{}`",
                    forge.repository()
                ),
                format!(
                    "push a branch `recommend/ID` and open the pull request at {} with the agent's own account; `countersign propose` and `countersign mcp` do that with the agent's COUNTERSIGN_TOKEN",
                    forge.web_url()
                ),
            ));
        }
        Ok(forge.clone())
    }
}

fn check(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    text: &ProposalText,
) -> std::result::Result<Checked, BotError> {
    let mut checked = check_by(repo, rules_cache, text.file, &text.bytes, now())?;
    if text.file == REQUEST {
        // The lines of a file that nobody has seen would mislead.
        for problem in &mut checked.errors {
            (problem.line, problem.column) = (None, None);
        }
    }
    Ok(checked)
}

/// A proposal that may be opened.
struct Ready {
    recommendation: Recommendation,
    checked: Checked,
    /// Under which address the agent commits.
    email: String,
}

/// Opens proposals in a repository that is its own forge, and answers each. Nothing that is wrong with one of them
/// keeps back the others.
pub fn propose_together(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    forge: &mut LocalForge,
    mut requests: Vec<ProposalRequest>,
) {
    while !requests.is_empty() {
        let mut batch = match ProposalBatch::on(repo) {
            Ok(batch) => batch,
            Err(error) => return refuse_all(requests, error),
        };
        let mut seen = BTreeSet::new();
        let (mut added, mut later) = (Vec::new(), Vec::new());
        for request in requests {
            let ready = match prepare(repo, rules_cache, forge, &request) {
                Ok(Prepared::Ready(ready)) => ready,
                Ok(Prepared::Known(existing)) => {
                    request.answer(Ok(repeated(*existing)));
                    continue;
                }
                Err(refusal) => {
                    request.answer(Err(refusal));
                    continue;
                }
            };
            if !seen.insert(ready.recommendation.id) {
                // Once the first one is there, it is either the same or its id is taken.
                later.push(request);
                continue;
            }
            match batch.add(&ready.proposal(&request.text)) {
                Ok(_) => added.push((request, ready)),
                Err(error) => request.answer(Err(error.into())),
            }
        }
        match batch.open(forge, now()) {
            Ok(opened) => {
                for ((request, ready), opened) in added.into_iter().zip(opened) {
                    let answer = match opened {
                        Some(opened) => Ok(ready.proposed(opened)),
                        None => find_faster(repo, forge, &ready.recommendation),
                    };
                    request.answer(answer);
                }
            }
            Err(error) => refuse_all(added.into_iter().map(|(request, _)| request), error),
        }
        requests = later;
    }
}

fn refuse_all(requests: impl IntoIterator<Item = ProposalRequest>, error: BotError) {
    let refusal = ServiceError::from(error);
    for request in requests {
        request.answer(Err(refusal.clone()));
    }
}

/// Another process was faster with the same id.
fn find_faster(
    repo: &Repository,
    forge: &mut LocalForge,
    recommendation: &Recommendation,
) -> Result<Proposed> {
    let existing = find_same(repo, forge, recommendation)?;
    existing.map(repeated).ok_or_else(|| taken(recommendation))
}

fn propose_on_github(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    forge: &GithubForge,
    agent: &AgentName,
    text: &ProposalText,
) -> Result<Proposed> {
    let recommendation = read_own(agent, text)?;
    let ready = validate(repo, rules_cache, recommendation, text)?;
    let opened = ready.proposal(text).open_on_github(repo, forge)?;
    Ok(ready.proposed(opened))
}

/// What a proposal is to say instead, if it may.
pub struct ReadyAmendment {
    ready: Ready,
    text: ProposalText,
}

impl ReadyAmendment {
    pub fn proposal(&self) -> NewProposal<'_> {
        self.ready.proposal(&self.text)
    }
}

/// What an agent sends for a proposal of its own with this id, which it need not repeat.
pub fn prepare_amendment(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    agent: &AgentName,
    id: Option<CaseId>,
    mut sent: Sent,
) -> Result<ReadyAmendment> {
    if let Sent::Json(document) = &mut sent {
        document.id = document.id.or(id);
    }
    let text = sent.text(Some(agent))?;
    let recommendation = read_own(agent, &text)?;
    let ready = validate(repo, rules_cache, recommendation, &text)?;
    Ok(ReadyAmendment { ready, text })
}

/// What may follow from a proposal that can be read.
enum Prepared {
    /// It may be opened.
    Ready(Box<Ready>),
    /// It was proposed before.
    Known(Box<Existing>),
}

fn prepare(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    forge: &mut LocalForge,
    request: &ProposalRequest,
) -> Result<Prepared> {
    let recommendation = read_own(&request.agent, &request.text)?;
    if let Some(existing) = find_same(repo, forge, &recommendation)? {
        return Ok(Prepared::Known(Box::new(existing)));
    }
    let ready = validate(repo, rules_cache, recommendation, &request.text)?;
    Ok(Prepared::Ready(Box::new(ready)))
}

/// The recommendation in a text, if it is that agent's own.
fn read_own(agent: &AgentName, text: &ProposalText) -> Result<Recommendation> {
    let recommendation = match Recommendation::read_proposed(text.file, &text.bytes) {
        Ok(recommendation) => recommendation,
        Err(problems) => return Err(ServiceError::invalid(Checked::invalid(problems.0))),
    };
    if recommendation.agent != *agent {
        return Err(ServiceError::new(
            Kind::Forbidden,
            format!(
                "`{agent}` cannot propose in the name of `{}`",
                recommendation.agent
            ),
            "leave `agent` out, or use the token of that agent",
        ));
    }
    Ok(recommendation)
}

fn validate(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    recommendation: Recommendation,
    text: &ProposalText,
) -> Result<Ready> {
    let checked = check(repo, rules_cache, text)?;
    if !checked.valid {
        return Err(ServiceError::invalid(checked));
    }
    let rules = rules_on_main(repo, rules_cache)?
        .into_result()
        .map_err(|problems| ServiceError::internal(&problems))?
        .rules;
    let email = find_email(&rules, &recommendation.agent).ok_or_else(|| {
        ServiceError::new(
            Kind::Forbidden,
            format!("`{}` has no e-mail address in `rules/agents.yaml`, so nothing can be committed in its name", recommendation.agent),
            "an admin lists one there through a pull request",
        )
    })?;
    Ok(Ready {
        email: email.to_owned(),
        recommendation,
        checked,
    })
}

impl Ready {
    fn proposal<'a>(&'a self, text: &'a ProposalText) -> NewProposal<'a> {
        NewProposal {
            recommendation: &self.recommendation,
            bytes: &text.bytes,
            email: &self.email,
            now: now(),
        }
    }

    fn proposed(self, opened: Opened) -> Proposed {
        Proposed {
            opened,
            created: true,
            status: CaseStatus::Pending.to_string(),
            risk: self.checked.risk,
            requires: self.checked.requires,
        }
    }
}

/// The same proposal, if it was made before.
fn find_same(
    repo: &Repository,
    forge: &mut LocalForge,
    recommendation: &Recommendation,
) -> Result<Option<Existing>> {
    match find_existing(repo, forge, recommendation.id, now()) {
        Ok(None) => Ok(None),
        Ok(Some(existing)) if existing.recommendation == *recommendation => Ok(Some(existing)),
        Ok(Some(_)) | Err(BotError::Ledger(LedgerError::Document(_))) => Err(taken(recommendation)),
        Err(error) => Err(error.into()),
    }
}

fn taken(recommendation: &Recommendation) -> ServiceError {
    ServiceError::new(
        Kind::Conflict,
        format!(
            "the id `{}` is taken by another recommendation",
            recommendation.id
        ),
        "take a fresh id, or leave it out",
    )
}

fn repeated(existing: Existing) -> Proposed {
    Proposed {
        opened: existing.opened,
        created: false,
        status: existing.status.map_or_else(
            || CaseStatus::Pending.to_string(),
            |status: Status| status.to_string(),
        ),
        risk: None,
        requires: None,
    }
}
