//! Which factors and triggers lead to rejections: how much more often something is rejected when it is so.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use serde::Serialize;

use super::Scope;
use crate::domain::documents::Status;
use crate::domain::level::Score;
use crate::domain::page::{Line, Page, say};
use crate::insight::{Case, Index, InternedName, Proportion};

/// Rejections by what made the cases risky.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factors {
    /// Rejected of those that were approved or rejected.
    pub baseline: Proportion,
    /// What each factor, in each strength, and each trigger does to that; the strongest lift first.
    pub rows: Vec<Row>,
}

/// One factor in one strength, or one trigger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `factor` or `trigger`.
    pub kind: &'static str,
    pub name: InternedName,
    /// How much of its weight the factor adds; none for a trigger.
    pub strength: Option<Strength>,
    /// Rejected of the cases with it.
    pub rejected: Proportion,
    /// Its rate by the baseline's; none where nothing was rejected at all.
    pub lift: Option<f64>,
    /// Whether that is more than chance explains: the interval leaves the baseline out.
    pub is_clear: bool,
}

/// How much a factor adds, measured by the most that it adds anywhere in the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    Nothing,
    Some,
    Much,
}

impl Strength {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "adds nothing",
            Self::Some => "adds up to half of its most",
            Self::Much => "adds more than half of its most",
        }
    }

    fn of(contribution: Score, most: Score) -> Self {
        match contribution.as_hundredths() {
            0 => Self::Nothing,
            some if some * 2 <= most.as_hundredths() => Self::Some,
            _ => Self::Much,
        }
    }
}

impl Factors {
    pub fn of(index: &Index, scope: &Scope) -> Self {
        let mut baseline = Proportion::default();
        // By what each factor added to the very hundredth: how much that is, its most has yet to tell.
        let mut added: HashMap<(&InternedName, Score), Proportion, RandomState> =
            HashMap::default();
        let mut triggers: BTreeMap<&InternedName, Proportion> = BTreeMap::new();
        // Nobody has judged what was withdrawn or expired.
        let judged = scope
            .decided(index)
            .filter(|case| case.is_approved() || is_rejected(case));
        for case in judged {
            let rejected = is_rejected(case);
            baseline.add(rejected);
            for share in &case.factors {
                let key = (&share.name, share.contribution);
                added.entry(key).or_default().add(rejected);
            }
            for trigger in &case.triggers {
                triggers.entry(trigger).or_default().add(rejected);
            }
        }
        let mut most: BTreeMap<&InternedName, Score> = BTreeMap::new();
        for (name, contribution) in added.keys() {
            let known = most.entry(name).or_default();
            *known = (*known).max(*contribution);
        }
        let mut factors: BTreeMap<(&InternedName, Strength), Proportion> = BTreeMap::new();
        for ((name, contribution), share) in added {
            let most = most.get(name).copied().unwrap_or_default();
            let sum = factors.entry((name, Strength::of(contribution, most)));
            sum.or_default().merge(share);
        }
        let row = |kind, name: &InternedName, strength, rejected: Proportion| Row {
            kind,
            name: name.clone(),
            strength,
            rejected,
            lift: lift(rejected, baseline),
            is_clear: is_clear(rejected, baseline),
        };
        let triggers = triggers
            .into_iter()
            .map(|(name, share)| row("trigger", name, None, share));
        let factors = factors
            .into_iter()
            .map(|((name, strength), share)| row("factor", name, Some(strength), share));
        let mut rows: Vec<Row> = triggers.chain(factors).collect();
        rows.sort_by(|a, b| {
            let by_lift = |row: &Row| row.lift.unwrap_or(0.0);
            by_lift(b)
                .total_cmp(&by_lift(a))
                .then_with(|| b.rejected.of.cmp(&a.rejected.of))
        });
        Self { baseline, rows }
    }

    pub(super) fn put(&self, page: &mut Page) {
        if self.baseline.count == 0 {
            page.text(format!(
                "Nothing was rejected; {} were approved.",
                self.baseline.of
            ));
            return;
        }
        page.text(format!(
            "{} of those that were approved or rejected were rejected. A lift of 2 says: rejected twice as often as that.",
            self.baseline.in_words()
        ));
        let rows = self.rows.iter().map(|row| {
            let what = Line::default().say(row.kind).say(" ").name(&row.name);
            let strength = row
                .strength
                .map(|strength| format!(" {}", strength.as_str()));
            vec![
                what.say(strength.unwrap_or_default()),
                say(row.rejected.of),
                say(row.rejected.count),
                say(row.rejected.percent()),
                say(row
                    .lift
                    .map_or_else(|| "–".to_owned(), |lift| format!("{lift:.2}"))),
                say(if row.is_clear {
                    "clear"
                } else {
                    "may be chance"
                }),
            ]
        });
        let header = ["what", "cases", "rejected", "rate", "lift", ""];
        page.table(&header, rows.collect());
    }
}

fn is_rejected(case: &Case) -> bool {
    case.standing.status() == Some(Status::Rejected)
}

fn lift(share: Proportion, baseline: Proportion) -> Option<f64> {
    let base = baseline.rate().filter(|rate| *rate > 0.0)?;
    Some((share.rate()? / base * 100.0).round() / 100.0)
}

fn is_clear(share: Proportion, baseline: Proportion) -> bool {
    match (share.interval(), baseline.rate()) {
        (Some((low, high)), Some(rate)) => rate < low || high < rate,
        _ => false,
    }
}
