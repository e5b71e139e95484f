//! A waiting pull request as the case that it is for now, for everything that looks at many cases.

use super::hearing::Pending;
use crate::insight::{Case, FactorShare, GOVERNANCE_CHANGE, Kind, Place, Standing, Word};

impl Pending {
    /// The case as lists, dashboard, API and exports show it.
    pub fn case(&self) -> Case {
        let (pull, hearing) = (&self.pull, &self.hearing);
        // The branch of a proposal is named after it by custom, which is better than nothing.
        let by_branch = || {
            pull.branch
                .rsplit('/')
                .next()
                .and_then(|name| name.parse().ok())
        };
        let kind = if hearing.is_governance {
            Kind::Governance
        } else {
            Kind::Recommendation
        };
        let mut case = Case {
            number: Some(pull.number),
            opened_at: Some(pull.opened_at),
            place: Some(Box::new(Place {
                branch: pull.branch.clone(),
                title: hearing.report.title.clone(),
            })),
            ..Case::new(hearing.id.or_else(by_branch), kind, Standing::Pending)
        };
        if let Some(document) = &hearing.document {
            case.agent = Some(Word::from(document.agent.as_str()));
            case.session = Some(Word::from(document.session.as_str()));
            case.action = Some(Word::from(document.action.as_str()));
            let targets = document.targets.iter();
            case.targets = targets.map(|target| Word::from(target.as_str())).collect();
        } else if hearing.is_governance {
            case.action = Some(Word::from(GOVERNANCE_CHANGE));
        }
        if let Some(risk) = &hearing.assessment {
            case.score = Some(risk.score);
            case.level = Some(risk.level);
            let factors = risk.factors.iter();
            case.factors = factors
                .map(|factor| FactorShare {
                    name: Word::from(factor.name.as_str()),
                    contribution: factor.contribution,
                })
                .collect();
            let triggers = risk.triggers.iter();
            case.triggers = triggers
                .map(|trigger| Word::from(trigger.id.as_str()))
                .collect();
        }
        case
    }
}
