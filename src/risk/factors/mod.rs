//! The four factors of the score, one a file. Each measures (cheap, no text) and then says why.

pub(crate) mod environment;
pub(crate) mod parameters;
pub(crate) mod reversibility;
pub(crate) mod scope;

use crate::domain::documents::FactorScore;
use crate::domain::level::Score;

/// What a factor says of itself, beside its numbers.
struct FactorText {
    name: &'static str,
    input: String,
    source: String,
    reason: String,
}

impl FactorText {
    fn with(self, points: Score, weight: u32) -> FactorScore {
        FactorScore {
            name: self.name.to_owned(),
            input: self.input,
            source: self.source,
            points,
            weight,
            contribution: points.weighted(weight),
            reason: self.reason,
        }
    }
}

/// Where the recommendation's own claims come from.
const RECOMMENDATION: &str = "recommendation.yaml";
