//! Scores against outcomes: whether what is scored as riskier also fails more often.
//!
//! Only what was executed can answer. What was rejected might have failed or not; nobody knows, and the
//! report says how much that is.

use serde::Serialize;

use crate::domain::level::Level;
use crate::domain::page::{Line, Page, say};
use crate::insight::metrics::{Outcomes, Tally};
use crate::insight::{Case, Proportion};

/// Scores are looked at in bands of so many points.
const BAND: u32 = 10;
const BANDS: usize = 10;

/// How well scores foretell outcomes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// LOW, MEDIUM and HIGH.
    pub levels: Vec<LevelRow>,
    /// Bands of ten points, those with executions only.
    pub bands: Vec<BandRow>,
    /// How often, of one failed and one successful execution, the failed one had the higher score (a tie counts
    /// half): 0.5 is chance, 1 is perfect. None without one of each.
    pub concordance: Option<f64>,
    /// Pairs of neighbouring levels, and what can be said of them.
    pub verdicts: Vec<Verdict>,
    /// What came of the approved.
    pub outcomes: Outcomes,
    /// Decided, and not approved: nobody knows what would have come of them.
    pub never_approved: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelRow {
    pub level: Level,
    /// Its executed cases' mean score.
    pub mean_score: Option<f64>,
    /// Successful of executed.
    pub success: Proportion,
    /// Approved of decided.
    pub approval: Proportion,
}

/// One band of scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandRow {
    /// The lowest score in it.
    pub from: u32,
    /// The score that it ends before; the last band includes 100.
    pub to: u32,
    /// Successful of executed.
    pub success: Proportion,
}

/// What two neighbouring levels say about the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub lower: Level,
    pub higher: Level,
    /// What can be said.
    pub says: Says,
}

/// What can be said of two rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// The higher level fails more often.
    AsItShouldBe,
    /// The higher level fails less often.
    UpsideDown,
    CannotTell,
    /// One of them was never executed.
    NoData,
}

impl Calibration {
    /// Computes it from decided recommendations.
    pub fn of<'a>(decided: impl Iterator<Item = &'a Case>) -> Self {
        let mut levels = [(Tally::default(), Tally::default()); 3];
        let mut bands = [Proportion::default(); BANDS];
        let mut outcomes = Outcomes::default();
        let mut executed: Vec<(u32, bool)> = Vec::new();
        let mut never_approved = 0;
        for case in decided {
            outcomes.add(case);
            never_approved += u32::from(!case.is_approved());
            let place = Level::ALL
                .iter()
                .position(|level| case.level == Some(*level));
            let pair = place.and_then(|place| levels.get_mut(place));
            if let Some((all, done)) = pair {
                all.add(case);
                if case.is_executed() {
                    done.add(case);
                }
            }
            if let (Some(score), Some(success)) = (case.score, case.success()) {
                let hundredths = score.as_hundredths();
                let band = (hundredths / (BAND * 100)) as usize;
                if let Some(band) = bands.get_mut(band.min(BANDS - 1)) {
                    band.add(success);
                }
                executed.push((hundredths, success));
            }
        }
        let levels = rows(levels);
        let starts = (0..).step_by(BAND as usize);
        Self {
            verdicts: verdicts(&levels),
            levels,
            bands: starts
                .zip(bands)
                .map(|(from, success)| BandRow {
                    from,
                    to: from + BAND,
                    success,
                })
                .filter(|band| band.success.of > 0)
                .collect(),
            concordance: concordance(executed),
            outcomes,
            never_approved,
        }
    }

    pub(super) fn put(&self, page: &mut Page) {
        let executed: u32 = self.levels.iter().map(|row| row.success.of).sum();
        if executed == 0 {
            page.text("Nothing was executed, so nothing can be said about the scores.");
        } else {
            self.put_tables(page);
        }
        let without_outcome = self.outcomes.open + self.outcomes.rescored;
        let untold = self.never_approved + without_outcome + self.outcomes.unknown;
        if untold > 0 {
            page.text(format!(
                "{untold} more say nothing about the scores: {} were not approved, {} are approved without an outcome, and of {} the outcome is unknown. Rejecting what would have failed makes a level look better than its scores.",
                self.never_approved, without_outcome, self.outcomes.unknown
            ));
        }
    }

    fn put_tables(&self, page: &mut Page) {
        let rows = self.levels.iter().map(|row| {
            vec![
                say(row.level),
                say(row
                    .mean_score
                    .map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}"))),
                say(row.success.of),
                say(row.success.count),
                say(row.success.percent()),
                say(row.success.range()),
            ]
        });
        let header = [
            "level",
            "mean score",
            "executed",
            "successful",
            "success",
            "95 % interval",
        ];
        page.table(&header, rows.collect());
        page.list(
            self.verdicts
                .iter()
                .map(|verdict| verdict.in_words())
                .collect(),
        );
        if let Some(concordance) = self.concordance {
            page.text(format!(
                "Of one failed and one successful execution, the failed one had the higher score in {:.0} of 100 pairs; 50 would be chance.",
                concordance * 100.0
            ));
        }
        let rows = self.bands.iter().map(|band| {
            vec![
                say(format_args!("{} to {}", band.from, band.to)),
                say(band.success.of),
                say(band.success.percent()),
                say(band.success.range()),
            ]
        });
        page.table(
            &["score", "executed", "success", "95 % interval"],
            rows.collect(),
        );
    }
}

/// All cases of each level, and the executed ones.
fn rows(levels: [(Tally, Tally); 3]) -> Vec<LevelRow> {
    let levels = Level::ALL.into_iter().zip(levels);
    levels
        .map(|(level, (all, done))| LevelRow {
            level,
            mean_score: done.mean_score(),
            success: done.success,
            approval: all.approval,
        })
        .collect()
}

fn verdicts(levels: &[LevelRow]) -> Vec<Verdict> {
    let pairs = levels.windows(2).filter_map(|pair| match pair {
        [lower, higher] => Some(Verdict::of(lower, higher)),
        _ => None,
    });
    pairs.collect()
}

impl Verdict {
    fn of(lower: &LevelRow, higher: &LevelRow) -> Self {
        let says = match (lower.success.interval(), higher.success.interval()) {
            (Some((low, _)), Some((_, high))) if high < low => Says::AsItShouldBe,
            (Some((_, high)), Some((low, _))) if high < low => Says::UpsideDown,
            (Some(_), Some(_)) => Says::CannotTell,
            _ => Says::NoData,
        };
        Self {
            lower: lower.level,
            higher: higher.level,
            says,
        }
    }

    fn in_words(self) -> Line {
        let Self {
            lower,
            higher,
            says,
        } = self;
        say(match says {
            Says::AsItShouldBe => {
                format!("{higher} fails more often than {lower}, as it should be.")
            }
            Says::UpsideDown => format!(
                "{higher} fails less often than {lower}: the scores are upside down here, look at the weights and tiers."
            ),
            Says::CannotTell => format!(
                "{lower} and {higher} cannot be told apart with so few executions or so small a difference."
            ),
            Says::NoData => {
                format!("{lower} and {higher} cannot be compared: one of them was never executed.")
            }
        })
    }
}

/// The Mann-Whitney statistic as a share of all pairs.
fn concordance(mut executed: Vec<(u32, bool)>) -> Option<f64> {
    executed.sort_unstable();
    let successes = executed.iter().filter(|(_, success)| *success).count() as u64;
    let failures = executed.len() as u64 - successes;
    if successes == 0 || failures == 0 {
        return None;
    }
    // Twice the number of pairs, so that a tie is a whole number.
    let (mut doubled, mut successes_below) = (0u64, 0u64);
    for ties in executed.chunk_by(|a, b| a.0 == b.0) {
        let here = ties.iter().filter(|(_, success)| *success).count() as u64;
        doubled += (ties.len() as u64 - here) * (2 * successes_below + here);
        successes_below += here;
    }
    // Rounded to four digits anyway.
    #[allow(clippy::cast_precision_loss)]
    let share = doubled as f64 / (2 * successes * failures) as f64;
    Some((share * 10_000.0).round() / 10_000.0)
}
