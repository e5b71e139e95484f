//! Where a proposal takes effect, as what an agent has earned is reckoned by it.

use std::collections::BTreeSet;

use crate::domain::documents::Recommendation;
use crate::risk::factors::environment;
use crate::risk::risk_context::RiskContext;
use crate::risk::subject::ScoringInput;
use crate::rules::Rules;

/// The environments that the targets of a proposal are in, now and as proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environments {
    /// The riskiest, by which its score is reckoned, too.
    pub riskiest: String,
    pub all: BTreeSet<String>,
}

impl Environments {
    /// None where one is not known, or there is none.
    pub fn of(about: &Recommendation, situation: &RiskContext, rules: &Rules) -> Option<Self> {
        let subject = ScoringInput::new(about, situation, rules);
        let all = environment::in_play(&subject)?;
        let riskiest = environment::measure(&subject).name;
        all.contains(riskiest).then(|| Self {
            riskiest: riskiest.to_owned(),
            all: all.into_iter().map(str::to_owned).collect(),
        })
    }
}
