//! Decides pull requests one after the other, each on top of what was decided before it: first a
//! [`Evaluation`] as a value, then the commits that follow from it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::error::{InvalidPull, Validated, separate};
use super::evaluation::{Evaluation, Pending, PlannedAction};
use super::open_cases::OpenCases;
use super::{BotError, Handled, report};
use crate::domain::documents::Status;
use crate::domain::ids::{AgentName, CaseId, PullNumber};
use crate::domain::problem::Reading;
use crate::domain::pull::Pull;
use crate::forge::{Basis, Forge, ForgeError, Report};
use crate::gate::verdict::GateResult;
use crate::git::Repository;
use crate::ledger::{Draft, RulesCache};
use crate::rules::Rules;

/// What the bot makes of a pull request.
#[derive(Debug)]
pub enum ProposalOutcome {
    /// It has ended, now or before.
    Ended {
        /// The case, where there is one.
        id: Option<CaseId>,
        status: Status,
        /// As which other pull request its case was decided.
        decided_as: Option<PullNumber>,
        /// What people are told.
        report: Box<Report>,
    },
    /// It waits: for people, for a mend, for the end of a freeze.
    Waiting {
        /// Everything that the bot makes of it.
        evaluation: Box<Evaluation>,
    },
}

impl ProposalOutcome {
    /// What people are told.
    pub fn report(&self) -> &Report {
        match self {
            Self::Ended { report, .. } => report,
            Self::Waiting { evaluation } => &evaluation.report,
        }
    }

    /// The answer as a run reports it.
    pub fn handled(self, pull: &Pull, is_news: bool) -> Handled {
        match self {
            Self::Ended {
                id,
                status,
                decided_as,
                report,
            } => Handled {
                number: pull.number,
                id,
                status: Some(status),
                decided_as,
                report: *report,
                is_news,
                pending: None,
            },
            Self::Waiting { evaluation } => Handled {
                number: pull.number,
                id: evaluation.id,
                status: None,
                decided_as: None,
                report: evaluation.report.clone(),
                is_news,
                pending: Some(Arc::new(Pending {
                    pull: pull.clone(),
                    evaluation: *evaluation,
                    asked: None,
                })),
            },
        }
    }
}

/// Decides pull requests one after the other, each on top of what was decided before it.
pub struct Evaluator<'e, 'o, 'r> {
    pub repo: &'r Repository,
    pub rules_cache: &'e mut RulesCache,
    pub draft: &'e mut Draft<'r>,
    pub now: DateTime<Utc>,
    /// The pull requests that are open at this moment.
    pub open: &'e mut OpenCases<'o>,
    /// Where they are; none for who has nothing but the repository.
    pub forge: Option<&'e mut (dyn Forge + 'static)>,
}

impl Evaluator<'_, '_, '_> {
    pub(super) fn confirm(
        &mut self,
        pull: &Pull,
        basis: Basis,
    ) -> Result<Option<Pull>, ForgeError> {
        match self.forge.as_deref_mut() {
            Some(forge) => forge.confirm(self.repo, pull, basis),
            None => Ok(None),
        }
    }

    pub(super) fn asks_before_merge(&self) -> bool {
        let forge = self.forge.as_deref();
        forge.is_some_and(|forge| forge.asks_before_merge())
    }

    /// Counts a proposal that waits, and says so where it is one too many: an agent must not flood its
    /// reviewers.
    pub(super) fn count_waiting(
        &mut self,
        agent: Option<&AgentName>,
        report: Report,
        gate_result: &GateResult,
        rules: &Rules,
    ) -> Report {
        let agent = agent.filter(|name| rules.agents.contains_key(*name));
        let limit = rules.governance.pending_limit;
        if self.open.count_waiting(agent.cloned()) > limit {
            report::over_limit(agent, limit, gate_result)
        } else {
            report
        }
    }

    /// Decides one pull request that was heard, appending to the draft what is to be recorded. What cannot be recorded
    /// leaves the draft as it was.
    pub fn act(
        &mut self,
        pull: &Pull,
        evaluation: Evaluation,
    ) -> Result<ProposalOutcome, BotError> {
        let (id, report) = (evaluation.id, evaluation.report.clone());
        let before = self.draft.mark();
        let recorded = match evaluation.act {
            PlannedAction::Wait => {
                return Ok(ProposalOutcome::Waiting {
                    evaluation: Box::new(Evaluation {
                        act: PlannedAction::Wait,
                        ..evaluation
                    }),
                });
            }
            PlannedAction::End(status) => Validated::Valid(ended(id, status, report)),
            PlannedAction::EndAs { status, number } => Validated::Valid(ProposalOutcome::Ended {
                id,
                status,
                decided_as: Some(number),
                report: Box::new(report),
            }),
            PlannedAction::Recommendation(judged) => {
                let recorded = self.record_recommendation(pull, *judged);
                separate(recorded)?.map(|status| ended(id, status, report))
            }
            PlannedAction::Governance(judged) => {
                let recorded = self.record_governance_change(*judged);
                separate(recorded)?.map(|status| ended(id, status, report))
            }
        };
        match recorded {
            Validated::Valid(answer) => Ok(answer),
            Validated::Invalid(invalid) => {
                self.draft.go_back(before)?;
                let invalid = InvalidPull {
                    case: id,
                    is_governance: evaluation.is_governance,
                    ..invalid
                };
                let evaluation = match self.read_rules()? {
                    Reading::Valid(version) => self.invalid(pull, &version, &invalid),
                    Reading::Invalid(problems) => Evaluation::only(
                        id,
                        report::unreadable_rules(&problems),
                        PlannedAction::Wait,
                    ),
                };
                // It waits, or ends without a record: this comes back once.
                self.act(pull, evaluation)
            }
        }
    }
}

fn ended(id: Option<CaseId>, status: Status, report: Report) -> ProposalOutcome {
    ProposalOutcome::Ended {
        id,
        status,
        decided_as: None,
        report: Box::new(report),
    }
}
