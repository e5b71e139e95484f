//! One whole case as everybody is shown it: `countersign show`, the API, MCP and the dashboard.

use schemars::JsonSchema;
use serde::Serialize;

use super::diff::{self, Diff, FetchedFrom};
use super::{Bot, BotError, Pending};
use crate::domain::documents::{
    Assessment, Claim, Decision, EvidenceRecord, Feedback, OpinionKind, OpinionRecord, Outcome,
    QuestionRecord, Recommendation, Rescored, time,
};
use crate::domain::ids::{AgentName, CaseId, PullNumber, Sha};
use crate::domain::pull::{Pull, PullState};
use crate::domain::yaml;
use crate::forge::ReportState;
use crate::gate::opinions;
use crate::gate::verdict::Verdict;
use crate::git::{Repository, blob_id};
use crate::insight::CaseStatus;
use crate::ledger::{CaseFile, Entry, LedgerError, MAIN, facts};
use crate::risk::{ProposedAction, RiskContext};

/// More files than a valid pull request changes are not compared.
const MOST_CHANGES: usize = 1_000;

/// Everything about one case.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CaseView {
    /// The case; unknown only for what cannot be read.
    pub id: Option<CaseId>,
    /// `pending`, how it was decided, or `ended` for a pull request that ended without becoming a case.
    pub status: String,
    /// What was proposed; none for a governance change, and for what cannot be read.
    pub recommendation: Option<Recommendation>,
    /// Exactly what is executed, against the targets as they were when it was decided; while it is pending, as they
    /// are now.
    pub action: Option<ProposedAction>,
    /// What a governance change changes, line by line; none where its commits are not here any more.
    pub diff: Option<Diff>,
    /// As decided; while it is pending, as it is now.
    pub risk: Option<Assessment>,
    /// What was vouched for of its head, with its source.
    pub evidence: Vec<EvidenceRecord>,
    /// How it was decided; none while it is pending.
    pub decision: Option<Decision>,
    /// That it would be asked more by now, so that the bot does not carry it out.
    pub rescored: Option<Rescored>,
    /// That an execution was begun.
    pub claim: Option<Claim>,
    /// The last word.
    pub outcome: Option<Outcome>,
    /// All attempts, the first one first.
    pub outcomes: Vec<Outcome>,
    /// What people had to say, oldest first.
    pub feedback: Vec<Feedback>,
    /// What was said on the pull request, whether it counted or not, oldest first.
    pub opinions: Vec<OpinionRecord>,
    /// What people asked its agent, oldest first; open as long as it has no answer.
    pub questions: Vec<QuestionRecord>,
    /// Who requested changes and has not approved since, while it is pending.
    pub blocked_by: Vec<String>,
    /// Its pull request.
    pub pull: Option<CaseViewPull>,
    /// What the bot tells people, while it is pending.
    pub report: Option<CaseViewReport>,
    /// The ids of its commits on `main`, oldest first.
    pub commits: Vec<Sha>,
    /// The same commits, with what happened in each.
    pub events: Vec<CaseViewEvent>,
    /// Another text whenever anything about the case has changed: whoever gives it back with the next wait is told
    /// of everything since.
    pub state: String,
    /// Why a wait ended before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news: Option<News>,
    /// The agent that opened it, while what it proposes is invalid.
    #[serde(skip)]
    opened_by: Option<AgentName>,
    /// Whether the next run ends it: that is news only when it has.
    #[serde(skip)]
    is_settled: bool,
}

/// Why a wait ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct News {
    /// What happened.
    pub kind: NewsKind,
    /// The same in words, with those of the people who said it.
    pub what: String,
}

/// What happened to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewsKind {
    /// It was decided, or has ended.
    Decided,
    /// Somebody asks the agent something, and waits for its answer.
    Question,
    /// The agent has answered.
    Answer,
    /// Somebody requests changes: it waits until they approve.
    ChangesRequested,
    /// Somebody remarked something.
    Comment,
    /// It stands otherwise than before.
    Changed,
}

/// A pull request.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CaseViewPull {
    /// Its number.
    pub number: PullNumber,
    /// Its newest commit.
    pub head: Sha,
    /// Its branch.
    pub branch: String,
    /// `open`, `merged` or `closed`.
    pub state: &'static str,
}

/// What the bot tells people.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CaseViewReport {
    /// `success`, `waiting` or `failure`.
    pub state: &'static str,
    /// In one line.
    pub title: String,
    /// The whole explanation, as Markdown.
    pub body: String,
}

/// A commit of `main`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CaseViewEvent {
    /// Its id.
    pub commit: Sha,
    /// Which event it is.
    pub event: Option<&'static str>,
    /// When it was made.
    pub at: String,
    /// Its subject.
    pub subject: String,
}

impl CaseView {
    /// A decided case, with the commits that tell of it.
    pub fn decided(repo: &Repository, id: CaseId, commits: &[Sha]) -> Result<Self, BotError> {
        let tip = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
        let root = repo.read_commit(tip)?.tree;
        let governance = Decision::governance_path_of(id);
        let (file, decision) = match repo.read_path(root, &governance)? {
            Some(bytes) => {
                let read = yaml::read::<Decision>(&governance, &bytes);
                (None, read.map_err(LedgerError::from)?)
            }
            None => {
                let file = CaseFile::read(repo.objects(), root, id)?;
                let decision = file.decision.clone();
                (Some(file), decision)
            }
        };
        let events = commits.iter().map(|commit| event(repo, *commit));
        let mut shown = Self {
            events: events.collect::<Result<_, _>>()?,
            commits: commits.to_vec(),
            ..Self::of_decision(id, decision)
        };
        if let (None, Some(decision)) = (&file, &shown.decision) {
            shown.diff = diff_as_decided(repo, decision);
        }
        if let Some(file) = file {
            shown.action = Some(action_as_decided(
                repo,
                &file.recommendation,
                &file.decision,
            )?);
            shown.recommendation = Some(file.recommendation);
            shown.rescored = file.rescored;
            shown.claim = file.claim;
            shown.outcome = file.outcomes.last().cloned();
            shown.outcomes = file.outcomes;
            shown.feedback = file.feedback;
        }
        Ok(shown.stamped())
    }

    fn of_decision(id: CaseId, decision: Decision) -> Self {
        let is_merged = decision.status.is_approval();
        let pull = CaseViewPull {
            number: decision.pull.number,
            head: decision.pull.head,
            branch: decision.pull.branch.clone(),
            state: if is_merged { "merged" } else { "closed" },
        };
        Self {
            id: Some(id),
            status: decision.status.to_string(),
            risk: Some(decision.risk.clone()),
            evidence: decision.evidence.clone(),
            opinions: decision.opinions.clone(),
            questions: decision.questions.clone(),
            decision: Some(decision),
            ..Self::of_pull(pull)
        }
    }

    fn of_pull(pull: CaseViewPull) -> Self {
        Self {
            id: None,
            status: CaseStatus::Pending.to_string(),
            recommendation: None,
            action: None,
            diff: None,
            risk: None,
            evidence: Vec::new(),
            decision: None,
            rescored: None,
            claim: None,
            outcome: None,
            outcomes: Vec::new(),
            feedback: Vec::new(),
            opinions: Vec::new(),
            questions: Vec::new(),
            blocked_by: Vec::new(),
            pull: Some(pull),
            report: None,
            commits: Vec::new(),
            events: Vec::new(),
            state: String::new(),
            news: None,
            opened_by: None,
            is_settled: false,
        }
    }

    /// A case that waits.
    pub fn pending(pending: &Pending) -> Self {
        let (pull, evaluation) = (&pending.pull, &pending.evaluation);
        let report = CaseViewReport {
            state: evaluation.report.state.as_str(),
            title: evaluation.report.title.clone(),
            body: evaluation.report.body.clone(),
        };
        Self {
            id: evaluation.id,
            recommendation: evaluation.document.clone(),
            action: evaluation.preview.action.clone(),
            diff: evaluation.preview.diff.clone(),
            risk: evaluation.assessment.clone(),
            evidence: evaluation.attested.evidence.clone(),
            report: Some(report),
            opinions: match &evaluation.gate_result {
                Some(gate_result) => gate_result.opinions.clone(),
                None => opinions::of(pull, None),
            },
            questions: match &evaluation.gate_result {
                Some(gate_result) => gate_result.questions.clone(),
                None => Vec::new(),
            },
            opened_by: evaluation.opened_by.clone(),
            is_settled: evaluation
                .gate_result
                .as_ref()
                .is_some_and(|gate_result| !matches!(gate_result.verdict, Verdict::Wait(_))),
            blocked_by: match evaluation
                .gate_result
                .as_ref()
                .map(|gate_result| &gate_result.verdict)
            {
                Some(Verdict::Wait(wait)) => {
                    wait.blocked_by.iter().map(ToString::to_string).collect()
                }
                _ => Vec::new(),
            },
            ..Self::without_case(pull)
        }
        .stamped()
    }

    /// A pull request that is no case: not evaluated yet, or ended without becoming one.
    pub fn without_case(pull: &Pull) -> Self {
        let is_open = matches!(pull.state, PullState::Open | PullState::Draft);
        let shown = Self::of_pull(CaseViewPull {
            number: pull.number,
            head: pull.head,
            branch: pull.branch.clone(),
            state: if is_open { "open" } else { "closed" },
        });
        let status = match pull.state {
            PullState::Done => "ended".to_owned(),
            PullState::Open | PullState::Draft | PullState::Closed { .. } => shown.status,
        };
        Self {
            status,
            report: pull.last_report.as_deref().map(read_report),
            ..shown
        }
        .stamped()
    }

    /// The same with its state: how much was said, and a fingerprint of everything.
    fn stamped(mut self) -> Self {
        let report = self.report.as_ref();
        let said: Vec<_> = self
            .opinions
            .iter()
            .map(|one| (&one.review, one.kind, one.edited, &one.words))
            .collect();
        let all = format!(
            "{:?}",
            (
                &self.status,
                self.pull.as_ref().map(|pull| (pull.head, pull.state)),
                report.map(|report| (report.state, &report.title, &report.body)),
                said,
                (self.outcomes.len(), self.feedback.len(), &self.commits),
            )
        );
        let print = blob_id(all.as_bytes()).short();
        self.state = format!("{}-{print}", self.opinions.len());
        self
    }

    /// What is new since a state that somebody has seen. Who has seen none is told of what it waits for them to do.
    pub fn news_since(&self, seen: Option<&str>) -> Option<News> {
        let say = |kind, what: String| Some(News { kind, what });
        if !self.is_pending() {
            let amendment = self
                .decision
                .as_ref()
                .and_then(|decision| decision.amendment.as_ref());
            let what = match amendment {
                Some(amendment) => format!("{}, only {}", self.status, amendment.in_words()),
                None => self.status.clone(),
            };
            return say(NewsKind::Decided, what);
        }
        let Some(seen) = seen else {
            let mut last = self.opinions.iter().rev();
            let request = last.find(|one| one.kind == OpinionKind::RequestChanges);
            let request = request.filter(|_| !self.blocked_by.is_empty());
            let request = request.map(OpinionRecord::sentence);
            let open = self.questions.iter().filter(|asked| asked.is_open());
            let open: Vec<String> = open.map(QuestionRecord::sentence).collect();
            return match (open.is_empty(), request) {
                (true, request) => request.and_then(|said| say(NewsKind::ChangesRequested, said)),
                (false, request) => {
                    let all: Vec<String> = open.into_iter().chain(request).collect();
                    say(NewsKind::Question, all.join("\n"))
                }
            };
        };
        if seen == self.state || self.is_settled {
            return None;
        }
        let known = seen.split('-').next().and_then(|count| count.parse().ok());
        let new = self.opinions.iter().skip(known.unwrap_or(0));
        let is_new = |review: &String| new.clone().any(|one| one.review == *review);
        let asked = self.questions.iter().filter(|asked| is_new(&asked.id));
        let asked = asked.map(QuestionRecord::sentence);
        let answers = self.questions.iter().flat_map(|asked| {
            let answers = asked.answers.iter();
            answers.map(move |answer| (&answer.review, answer.sentence(&asked.id)))
        });
        let answered = answers.filter(|(review, _)| is_new(review));
        let of = |kind| {
            let all = new.clone().filter(move |one| one.kind == kind);
            all.map(OpinionRecord::sentence).collect::<Vec<String>>()
        };
        for (news, said) in [
            (NewsKind::Question, asked.collect()),
            (NewsKind::ChangesRequested, of(OpinionKind::RequestChanges)),
            (
                NewsKind::Answer,
                answered.map(|(_, sentence)| sentence).collect(),
            ),
            (NewsKind::Comment, of(OpinionKind::Comment)),
        ] {
            let said: Vec<String> = said;
            if !said.is_empty() {
                return say(news, said.join("\n"));
            }
        }
        let title = self.report.as_ref().map(|report| report.title.clone());
        say(
            NewsKind::Changed,
            title.unwrap_or_else(|| self.status.clone()),
        )
    }

    /// The agent whose case it is; none for a change of a person.
    pub fn agent(&self) -> Option<&AgentName> {
        let document = self.recommendation.as_ref();
        let agent = document.map(|document| &document.agent);
        agent.or(self.opened_by.as_ref())
    }

    /// Whether it still waits.
    pub fn is_pending(&self) -> bool {
        self.status == CaseStatus::Pending.as_str()
    }
}

impl Bot {
    /// A pull request that no decided case is about; none if there is no such pull request.
    pub fn show_undecided(&mut self, number: PullNumber) -> Result<Option<CaseView>, BotError> {
        let open = self.open_pulls()?;
        let mut decidable = open.iter().filter(|pull| pull.state != PullState::Draft);
        if let Some(pull) = decidable.find(|pull| pull.number == number) {
            return Ok(Some(CaseView::pending(
                &self.evaluate(pull.clone(), &open)?,
            )));
        }
        let pull = self.find_pull(number)?;
        Ok(pull.as_ref().map(CaseView::without_case))
    }

    /// The waiting pull request whose branch is named after a case, as branches are by custom.
    pub fn show_named(&mut self, id: CaseId) -> Result<Option<CaseView>, BotError> {
        let name = id.to_string();
        let open = self.open_pulls()?;
        for pull in open.iter().filter(|pull| pull.state != PullState::Draft) {
            if pull.branch.ends_with(&name) {
                let pending = self.evaluate(pull.clone(), &open)?;
                if pending.evaluation.id == Some(id) {
                    return Ok(Some(CaseView::pending(&pending)));
                }
            }
        }
        Ok(None)
    }
}

/// What a decided recommendation does, against the targets that it was decided on.
pub fn action_as_decided(
    repo: &Repository,
    document: &Recommendation,
    decision: &Decision,
) -> Result<ProposedAction, BotError> {
    // The commit is another repository's, or lost, where the trail was forged.
    let targets = match repo.read_commit(decision.pull.base) {
        Ok(base) => facts::targets(repo.objects(), base.tree, document)?.valid(),
        Err(_) => None,
    };
    let situation = targets.map(|targets| RiskContext {
        targets: targets.known,
        ..RiskContext::default()
    });
    Ok(ProposedAction::against(document, situation.as_ref()))
}

/// What a decided governance change changes; none where its branch is not here: a rejected one is kept nowhere.
pub fn diff_as_decided(repo: &Repository, decision: &Decision) -> Option<Diff> {
    let (base, head) = (decision.pull.base, decision.pull.head);
    let fork = repo.merge_base(base, head).ok()??;
    let tree = |commit| Some(repo.read_commit(commit).ok()?.tree);
    let changes = repo.diff_trees(Some(tree(fork)?), Some(tree(head)?), MOST_CHANGES);
    let fetched_from = match &decision.pull.url {
        _ if decision.status.is_approval() => None,
        Some(_) => Some(FetchedFrom::Head(decision.pull.number)),
        None => Some(FetchedFrom::Ended),
    };
    let range = diff::Range {
        fork,
        head,
        fetched_from,
    };
    Diff::of(repo.objects(), &changes.ok()?, range).ok()
}

fn event(repo: &Repository, id: Sha) -> Result<CaseViewEvent, BotError> {
    let commit = repo.read_commit(id)?;
    let entry = Entry::of(&commit);
    Ok(CaseViewEvent {
        commit: id,
        event: entry.event.map(|event| event.as_str()),
        at: time::text(&entry.at),
        subject: commit.message.lines().next().unwrap_or_default().to_owned(),
    })
}

/// A report as the forge keeps it: state, title and body in one text.
fn read_report(text: &str) -> CaseViewReport {
    let (first, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let states = [
        ReportState::Success,
        ReportState::Waiting,
        ReportState::Failure,
    ];
    let known = states.into_iter().find_map(|state| {
        let title = first.strip_prefix(state.as_str())?.strip_prefix(": ")?;
        Some((state, title))
    });
    let (state, title) = known.unwrap_or((ReportState::Failure, first));
    CaseViewReport {
        state: state.as_str(),
        title: title.to_owned(),
        body: body.to_owned(),
    }
}
