//! A waiting pull request as the case that it is for now, for everything that looks at many cases.

use super::evaluation::Pending;
use crate::insight::{Case, CaseStatus, FactorShare, GOVERNANCE_CHANGE, InternedName, Kind, Place};

impl Pending {
    /// The case as lists, dashboard, API and exports show it.
    pub fn case(&self) -> Case {
        let (pull, evaluation) = (&self.pull, &self.evaluation);
        // The branch of a proposal is named after it by custom, which is better than nothing.
        let by_branch = || {
            pull.branch
                .rsplit('/')
                .next()
                .and_then(|name| name.parse().ok())
        };
        let kind = if evaluation.is_governance {
            Kind::Governance
        } else {
            Kind::Recommendation
        };
        let mut case = Case {
            number: Some(pull.number),
            opened_at: Some(pull.opened_at),
            place: Some(Box::new(Place {
                branch: pull.branch.clone(),
                title: evaluation.report.title.clone(),
                open_questions: evaluation
                    .gate_result
                    .as_ref()
                    .map_or(0, |gate_result| gate_result.open_questions().count()),
            })),
            ..Case::new(evaluation.id.or_else(by_branch), kind, CaseStatus::Pending)
        };
        if let Some(document) = &evaluation.document {
            case.agent = Some(InternedName::from(document.agent.as_str()));
            case.session = Some(InternedName::from(document.session.as_str()));
            case.action = Some(InternedName::from(document.action.as_str()));
            let targets = document.targets.iter();
            case.targets = targets
                .map(|target| InternedName::from(target.as_str()))
                .collect();
        } else if evaluation.is_governance {
            case.action = Some(InternedName::from(GOVERNANCE_CHANGE));
        }
        if let Some(risk) = &evaluation.assessment {
            case.score = Some(risk.score);
            case.level = Some(risk.level);
            let factors = risk.factors.iter();
            case.factors = factors
                .map(|factor| FactorShare {
                    name: InternedName::from(factor.name.as_str()),
                    contribution: factor.contribution,
                })
                .collect();
            let triggers = risk.triggers.iter();
            case.triggers = triggers
                .map(|trigger| InternedName::from(trigger.id.as_str()))
                .collect();
        }
        case
    }
}
