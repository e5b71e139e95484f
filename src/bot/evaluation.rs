//! What the bot makes of a pull request at this moment, as a value: nothing is written.
//!
//! [`Evaluator::evaluate`] inspects the proposal, derives the facts, scores it and asks the gate. `run` acts
//! on the evaluation; `list`, `show` and the dashboard only show it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::amendment::Amendment;
use crate::domain::documents::{
    AccountRecord, Assessment, EvidenceRecord, EvidenceSource, Freeze, GrantRecord, PullRecord,
    Recommendation, Role, RulesRecord, Status,
};
use crate::domain::events::EVENTS;
use crate::domain::ids::{AgentName, CaseId, Login, PullNumber, Sha};
use crate::domain::level::Level;
use crate::domain::problem::Reading;
use crate::domain::pull::{Pull, PullState};
use crate::domain::review::{Opinion, Review};
use crate::forge::{Asked, Basis, Forge, Report, ReportState};
use crate::gate::amendments::ApprovedParts;
use crate::gate::attestations::Attested;
use crate::gate::eligibility::{Interests, agent_of};
use crate::gate::permit::DecidedCase;
use crate::gate::verdict::{Case, GateResult, Kind, Verdict, evaluate_gate};
use crate::git::{Repository, SigningKey};
use crate::ledger::{Draft, Entry, LedgerError, MAIN, RulesCache, Version};
use crate::rules::Rules;

use super::decide::Evaluator;
use super::error::{Evaluated, InvalidPull, Validated, of_branch, separate};
use super::governance::JudgedChange;
use super::inspect::{Inspected, Proposal, inspect};
use super::open_cases::{KnownCases, OpenCases};
use super::preview::Preview;
use super::recommendation::{JudgedRecommendation, Proposed};
use super::{Bot, BotError, Handled, Summary, report};

/// A pull request as the bot sees it now.
#[derive(Debug)]
pub struct Evaluation {
    /// The case, where it is known.
    pub id: Option<CaseId>,
    /// Whether it is a governance change.
    pub is_governance: bool,
    /// What is proposed; none for a governance change, and for what cannot be read.
    pub document: Option<Recommendation>,
    /// The agent that opened it, where that is known though what it proposes is invalid.
    pub opened_by: Option<AgentName>,
    /// How risky it is; none while it is invalid.
    pub assessment: Option<Assessment>,
    /// What the gate answers; none while it is invalid.
    pub gate_result: Option<GateResult>,
    /// What was attested for its head.
    pub attested: Attested,
    /// What people are told.
    pub report: Report,
    /// What it would change, and what would lower its risk; empty while it is invalid.
    pub preview: Preview,
    pub(super) act: PlannedAction,
}

/// A pull request that is not ended, with what the bot makes of it at this moment.
#[derive(Debug)]
pub struct Pending {
    pub pull: Pull,
    /// What the bot makes of it.
    pub evaluation: Evaluation,
    /// Who was asked for an approval; none where nobody is, and where that is not known.
    pub asked: Option<Asked>,
}

impl Pending {
    pub(super) fn learn_asked(&mut self, forge: &dyn Forge) {
        let asks = &self.evaluation.report.details.asks;
        let is_asked = !asks.is_empty();
        self.asked = is_asked
            .then(|| forge.asked(self.pull.number, asks))
            .flatten();
    }
}

/// A decision, as operators see it in the log.
#[derive(Debug)]
pub(super) struct LoggedDecision {
    case: CaseId,
    pull: PullNumber,
    opened_at: DateTime<Utc>,
    level: Level,
    /// Who approved or rejected it, with commas between.
    by: String,
}

impl LoggedDecision {
    pub(super) fn log(&self, status: Status, now: DateTime<Utc>) {
        let waited = (now - self.opened_at).num_seconds().max(0);
        tracing::info!(
            target: EVENTS,
            event = "decision",
            case = %self.case,
            pull = self.pull.0,
            status = %status,
            risk = %self.level,
            by = self.by,
            waited_seconds = waited,
        );
    }
}

/// What the gate is asked about a proposal.
#[derive(Debug, Clone, Copy)]
pub(super) struct GateQuestion<'a> {
    pub kind: Kind,
    /// Of what is to be decided.
    pub assessment: &'a Assessment,
    /// Approvals (by review) that other facts have made worthless, and how.
    pub outdated: &'a BTreeMap<String, String>,
    pub grant: Option<&'a GrantRecord>,
    pub parts: &'a ApprovedParts,
    /// What is to be decided, if that is less than all.
    pub amendment: Option<&'a Amendment>,
}

/// What is to be done about a pull request.
#[derive(Debug)]
pub(super) enum PlannedAction {
    /// Nothing: it waits, for people, for a mend, for the end of a freeze.
    Wait,
    /// It has ended without anything to record: before, or unreadable.
    End(Status),
    /// Its case was decided as another pull request.
    EndAs { status: Status, number: PullNumber },
    /// A recommendation is decided.
    Recommendation(Box<JudgedRecommendation>),
    /// A governance change is decided.
    Governance(Box<JudgedChange>),
}

impl Evaluation {
    /// An evaluation that says only this.
    pub(super) fn only(id: Option<CaseId>, report: Report, act: PlannedAction) -> Self {
        Self {
            id,
            is_governance: false,
            document: None,
            opened_by: None,
            assessment: None,
            gate_result: None,
            attested: Attested::default(),
            report,
            preview: Preview::default(),
            act,
        }
    }

    /// What it is about to be merged on; none if it is not.
    pub(super) fn find_basis(&self) -> Option<Basis> {
        let gate_result = self.gate_result.as_ref()?;
        if !matches!(gate_result.verdict, Verdict::Approve(_))
            || matches!(self.act, PlannedAction::Wait)
        {
            return None;
        }
        // Whether somebody vouched for their own work depends on who pushed, as with an approval.
        let is_by_person = |evidence: &EvidenceRecord| evidence.source == EvidenceSource::Login;
        let is_granted = gate_result
            .grant
            .as_ref()
            .is_some_and(GrantRecord::is_granted);
        let nobody = (is_granted || gate_result.required.role == Role::None)
            && gate_result.approvals.is_empty()
            && !self.attested.evidence.iter().any(is_by_person);
        let level = self.assessment.as_ref()?.level;
        Some(match nobody {
            true => Basis::Risk(level),
            false => Basis::People,
        })
    }

    /// What is logged once it is decided; none if it is not to be recorded.
    pub(super) fn as_decision(&self, pull: &Pull) -> Option<LoggedDecision> {
        let is_recorded = matches!(
            self.act,
            PlannedAction::Recommendation(_) | PlannedAction::Governance(_)
        );
        let gate_result = self.gate_result.as_ref().filter(|_| is_recorded)?;
        let approvals = gate_result.approvals.iter();
        let by = match &gate_result.verdict {
            Verdict::Reject(rejection) => rejection.by.to_string(),
            _ => approvals
                .map(|approval| approval.by.to_string())
                .collect::<Vec<_>>()
                .join(","),
        };
        Some(LoggedDecision {
            case: self.id?,
            pull: pull.number,
            opened_at: pull.opened_at,
            level: self.assessment.as_ref()?.level,
            by,
        })
    }

    /// A report says what was done. As long as it is not done, this one says what will be.
    fn foretell(&mut self) {
        let (Some(gate_result), Some(risk)) = (&self.gate_result, &self.assessment) else {
            return;
        };
        let next = match gate_result.verdict {
            Verdict::Wait(_) => return,
            Verdict::Approve(_) => "the next run of the bot merges it",
            Verdict::Reject(_) | Verdict::Withdraw | Verdict::Refuse | Verdict::Expire => {
                "the next run of the bot closes it"
            }
        };
        self.report.state = ReportState::Waiting;
        self.report.title = format!("{} {}: {next}", risk.level, risk.score);
    }
}

impl Bot {
    /// Every pull request that is not ended, each heard by itself.
    pub fn pending(&mut self) -> Result<Vec<Pending>, BotError> {
        let pulls = self.open_pulls()?;
        self.learn_teams()?;
        let now = (self.clock)();
        let mut open = OpenCases::new(&pulls, self.known.take(&pulls));
        let mut all = Vec::new();
        for pull in pulls.iter().filter(|pull| pull.state != PullState::Draft) {
            let rules_cache = &mut self.rules_cache;
            let (pull, forge) = (pull.clone(), self.forge.as_mut());
            let mut pending = evaluate_among(
                &self.repo,
                self.signer.as_ref(),
                rules_cache,
                pull,
                Some(forge),
                &mut open,
                now,
            )?;
            pending.learn_asked(self.forge.as_ref());
            all.push(pending);
        }
        self.known = open.into_parts().0;
        Ok(all)
    }

    /// Hears everything that waits, as a run does, and decides nothing.
    pub fn look_on(&mut self) -> Result<Summary, BotError> {
        let pending = self.pending()?.into_iter().map(|pending| Handled {
            number: pending.pull.number,
            id: pending.evaluation.id,
            status: None,
            report: pending.evaluation.report.clone(),
            is_news: false,
            decided_as: None,
            pending: Some(Arc::new(pending)),
        });
        Ok(Summary {
            handled: pending.collect(),
            ..Summary::default()
        })
    }

    /// Hears one pull request, among all that are open.
    pub fn evaluate(&mut self, pull: Pull, open: &[Pull]) -> Result<Pending, BotError> {
        let now = (self.clock)();
        let mut cases = OpenCases::new(open, self.known.take(open));
        let root = self.repo.read_commit(self.main()?)?.tree;
        let version = self.rules_cache.read(self.repo.objects(), root)?;
        let limit = version.valid();
        let limit = limit.map_or(u32::MAX, |version| version.rules.governance.pending_limit);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let earlier = open.iter().filter(|one| one.number < pull.number);
        // Fewer cannot make it one too many, whoever proposes them.
        if earlier.clone().count() >= limit {
            for earlier in earlier {
                let rules_cache = &mut self.rules_cache;
                let (pull, forge) = (earlier.clone(), self.forge.as_mut());
                evaluate_among(
                    &self.repo,
                    self.signer.as_ref(),
                    rules_cache,
                    pull,
                    Some(forge),
                    &mut cases,
                    now,
                )?;
            }
        }
        self.evaluate_one(pull, cases)
    }

    /// The same without counting how many of its agent wait before it: nobody's approval depends on that.
    pub(super) fn hear(&mut self, pull: Pull, open: &[Pull]) -> Result<Pending, BotError> {
        let cases = OpenCases::new(open, self.known.take(open));
        self.evaluate_one(pull, cases)
    }

    fn evaluate_one(&mut self, pull: Pull, mut cases: OpenCases<'_>) -> Result<Pending, BotError> {
        let now = (self.clock)();
        let (rules_cache, forge) = (&mut self.rules_cache, self.forge.as_mut());
        let mut pending = evaluate_among(
            &self.repo,
            self.signer.as_ref(),
            rules_cache,
            pull,
            Some(forge),
            &mut cases,
            now,
        )?;
        pending.learn_asked(self.forge.as_ref());
        self.known = cases.into_parts().0;
        Ok(pending)
    }
}

/// Hears one pull request at a moment and by itself, as whoever has the repository can.
pub fn evaluate(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    pull: Pull,
    now: DateTime<Utc>,
) -> Result<Pending, BotError> {
    let mut alone = OpenCases::new(&[], KnownCases::default());
    evaluate_among(repo, None, rules_cache, pull, None, &mut alone, now)
}

fn evaluate_among(
    repo: &Repository,
    signer: Option<&SigningKey>,
    rules_cache: &mut RulesCache,
    pull: Pull,
    forge: Option<&mut (dyn Forge + 'static)>,
    open: &mut OpenCases<'_>,
    now: DateTime<Utc>,
) -> Result<Pending, BotError> {
    let base = repo.find_ref(MAIN)?.ok_or(LedgerError::NoMain)?;
    let mut draft = Draft::on(repo, Some(base))?.signed_by(signer);
    let now = draft.time_to_show(now);
    let mut evaluator = Evaluator {
        repo,
        rules_cache,
        draft: &mut draft,
        now,
        open,
        forge,
    };
    let mut evaluation = evaluator.evaluate(&pull)?;
    evaluation.foretell();
    Ok(Pending {
        pull,
        evaluation,
        asked: None,
    })
}

/// Why an approval that this person gave now, with a justification, would not count; none if it would, or
/// if nothing can be said.
pub fn find_objection(
    repo: &Repository,
    rules_cache: &mut RulesCache,
    pull: &Pull,
    by: &Login,
    now: DateTime<Utc>,
) -> Result<Option<String>, BotError> {
    let imagined = "imagined".to_owned();
    let mut pull = pull.clone();
    pull.reviews.push(Review {
        id: imagined.clone(),
        account: AccountRecord {
            login: Some(by.clone()),
            ..AccountRecord::default()
        },
        is_bot: false,
        opinion: Opinion::Approve,
        head: pull.head,
        main: repo.find_ref(MAIN)?,
        body: "-".repeat(LONG_ENOUGH),
        at: now,
        edited: false,
    });
    let imagined_case = evaluate(repo, rules_cache, pull, now)?;
    let ignored = imagined_case
        .evaluation
        .gate_result
        .map(|gate_result| gate_result.ignored);
    let mut ignored = ignored.into_iter().flatten();
    Ok(ignored
        .find(|review| review.review == imagined)
        .map(|review| review.reason))
}

/// A pull request whose case is on `main`, decided as this one or as another with the same commit.
pub(super) fn ended(
    pull: &Pull,
    case: Option<CaseId>,
    number: PullNumber,
    status: Status,
    main: Sha,
) -> Evaluation {
    let act = match number == pull.number {
        true => PlannedAction::End(status),
        false => PlannedAction::EndAs { status, number },
    };
    let report = match act {
        PlannedAction::EndAs { .. } => report::decided_as(number, status, main),
        _ => report::landed(status, main),
    };
    Evaluation::only(case, report, act)
}

/// A clock by which a pull request was opened may be ahead by so much: one time zone taken for another.
const MOST_CLOCK_ERROR: TimeDelta = TimeDelta::hours(15);

/// More characters than any justification has to have.
const LONG_ENOUGH: usize = 10_000;

/// What the evaluation of one pull request starts from.
pub(super) struct PullContext<'e> {
    pub(super) pull: &'e Pull,
    /// The other open pull requests of the same case.
    pub(super) elsewhere: &'e [&'e Pull],
    pub(super) interests: Interests<'e>,
    pub(super) version: &'e Version,
}

impl Evaluator<'_, '_, '_> {
    /// Hears one pull request.
    pub fn evaluate(&mut self, pull: &Pull) -> Result<Evaluation, BotError> {
        let merged = separate(self.find_merged(pull))?;
        if let Validated::Valid(Some(evaluation)) = merged {
            return Ok(evaluation);
        }
        let version = match self.read_rules()? {
            Reading::Valid(version) => version,
            Reading::Invalid(problems) => {
                return Ok(Evaluation::only(
                    None,
                    report::unreadable_rules(&problems),
                    PlannedAction::Wait,
                ));
            }
        };
        if let Some(foreign) = self.draft.find_unadopted()? {
            return Ok(Evaluation::only(
                None,
                report::unadopted(foreign),
                PlannedAction::Wait,
            ));
        }
        let heard = match merged {
            Validated::Valid(_) => separate(self.evaluate_valid(pull, &version))?,
            Validated::Invalid(invalid) => Validated::Invalid(invalid),
        };
        Ok(match heard {
            Validated::Valid(evaluation) => evaluation,
            Validated::Invalid(invalid) => self.invalid(pull, &version, &invalid),
        })
    }

    fn evaluate_valid(&mut self, pull: &Pull, version: &Version) -> Evaluated<Evaluation> {
        let Inspected {
            proposal,
            contributions,
        } = inspect(self.repo, self.draft, pull, self.now)?;
        let document = match &proposal {
            Proposal::Recommendation { document, .. } => Some(document.as_ref()),
            Proposal::Governance { .. } => None,
        };
        self.learn(pull, document);
        let elsewhere = self.objections_elsewhere(pull, document)?;
        let proposer = match &proposal {
            Proposal::Recommendation { document, .. } => Some(document.agent.clone()),
            Proposal::Governance { .. } => agent_of(&pull.author, &version.rules).cloned(),
        };
        let owner = proposer
            .and_then(|name| version.rules.agents.get(&name))
            .map(|agent| agent.owner.clone());
        let interests = Interests {
            contributions: &contributions,
            owner: owner.as_ref(),
        };
        let context = PullContext {
            pull,
            elsewhere: &elsewhere,
            interests,
            version,
        };
        match proposal {
            Proposal::Recommendation {
                document,
                path,
                blob,
            } => {
                let proposed = Proposed {
                    document: *document,
                    path,
                    blob,
                };
                self.evaluate_recommendation(&context, proposed)
            }
            Proposal::Governance { changes } => self.evaluate_governance_change(&context, changes),
        }
    }

    /// The rules at the tip of the draft.
    pub(super) fn read_rules(&mut self) -> Result<Reading<Version>, BotError> {
        let found = self.draft.find(Rules::FOLDER)?;
        Ok(self.rules_cache.read_found(self.draft.objects(), found)?)
    }

    /// Something that cannot be decided: it waits for a mend, until its author takes it back or time is up.
    /// There is nothing to record on `main` then, because there is no valid recommendation.
    pub(super) fn invalid(
        &self,
        pull: &Pull,
        version: &Version,
        invalid: &InvalidPull,
    ) -> Evaluation {
        let act = match pull.state {
            PullState::Closed { .. } => PlannedAction::End(Status::Withdrawn),
            PullState::Open | PullState::Draft | PullState::Done
                if self.now - pull.opened_at > version.rules.governance.expire_after =>
            {
                PlannedAction::End(Status::Expired)
            }
            PullState::Open | PullState::Draft | PullState::Done => PlannedAction::Wait,
        };
        Evaluation {
            is_governance: invalid.is_governance,
            opened_by: agent_of(&pull.author, &version.rules).cloned(),
            ..Evaluation::only(invalid.case, report::invalid(&invalid.problems), act)
        }
    }

    /// A head that `main` already contains: the bot died after it published and before it told anybody.
    fn find_merged(&self, pull: &Pull) -> Evaluated<Option<Evaluation>> {
        let Some(base) = self.draft.base() else {
            return Ok(None);
        };
        if !of_branch(self.repo.is_reachable(base, pull.head))? {
            return Ok(None);
        }
        for commit in self.repo.first_parents(base) {
            let commit = commit?;
            if commit.committer.time < pull.opened_at - MOST_CLOCK_ERROR {
                break;
            }
            if commit.parents.get(1) == Some(&pull.head) {
                let entry = Entry::of(&commit);
                let status = entry
                    .trailers
                    .find("Decision")
                    .and_then(|word| word.parse().ok())
                    .unwrap_or(Status::Approved);
                let number = entry.pull().unwrap_or(pull.number);
                return Ok(Some(ended(pull, entry.case, number, status, commit.id)));
            }
        }
        Ok(None)
    }

    /// What the gate answers, with everything said on the pull request before it.
    pub(super) fn ask_gate(
        &mut self,
        context: &PullContext<'_>,
        question: GateQuestion<'_>,
    ) -> Result<GateResult, BotError> {
        let GateQuestion {
            kind,
            assessment,
            outdated,
            grant,
            parts,
            amendment,
        } = question;
        let frozen = self.draft.find(Freeze::PATH)?.is_some();
        // What people said has a time of their clocks; nobody says anything after it was heard.
        let pull = context.pull.until(self.now);
        let elsewhere = context.elsewhere.iter();
        let elsewhere: Vec<Cow<'_, Pull>> = elsewhere.map(|pull| pull.until(self.now)).collect();
        let elsewhere: Vec<&Pull> = elsewhere.iter().map(AsRef::as_ref).collect();
        let case = Case {
            pull: &pull,
            elsewhere: &elsewhere,
            kind,
            assessment,
            grant,
            interests: context.interests,
            outdated,
            parts,
            amendment,
            frozen,
            now: self.now,
        };
        Ok(evaluate_gate(&case, &context.version.rules))
    }

    /// What a decision on this pull request is about.
    pub(super) fn subject(
        &self,
        pull: &Pull,
        id: CaseId,
        recommendation: Option<Sha>,
        version: &Version,
        risk: Assessment,
    ) -> Result<DecidedCase, BotError> {
        let base = self.draft.tip()?;
        let pull = pull.until(self.now);
        Ok(DecidedCase {
            id,
            pull: PullRecord {
                number: pull.number,
                url: pull.url.clone(),
                branch: pull.branch.clone(),
                author: pull.author.clone(),
                pushers: pull.pushers.clone(),
                base_changed_at: pull.base_changed_at,
                head: pull.head,
                base,
                opened_at: pull.opened_at.min(self.now),
            },
            recommendation,
            rules: RulesRecord {
                commit: base,
                tree: version.tree,
            },
            mode: version.rules.governance.mode,
            windows: version.rules.governance.windows.recorded_at(self.now),
            evidence: Vec::new(),
            risk,
            amendment: None,
            track_record: None,
            now: self.now,
            shortest_justification: usize::try_from(
                version.rules.governance.justification_min_length,
            )
            .unwrap_or(usize::MAX),
        })
    }
}
