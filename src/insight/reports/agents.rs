//! How each agent fares: what it proposes, what is approved of it, and what comes of that.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use serde::Serialize;

use super::Scope;
use crate::domain::documents::RejectionCategory;
use crate::domain::page::{Page, name, say};
use crate::insight::metrics::{AgentFigures, Tally};
use crate::insight::{Index, InternedName, Proportion};

/// All agents of a period, the busiest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agents {
    /// Whether it is known what waits; from a clone it cannot be seen.
    pub waiting_known: bool,
    /// One row an agent.
    pub agents: Vec<AgentRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentRow {
    #[serde(flatten)]
    pub figures: AgentFigures,
    /// The commonest concern of those who rejected it.
    pub main_concern: Option<RejectionCategory>,
    /// How often people had something to say about its cases.
    pub feedback: u32,
}

/// What is summed up of one agent.
#[derive(Debug, Default)]
struct Sum {
    tally: Tally,
    concerns: BTreeMap<RejectionCategory, u32>,
    feedback: u32,
}

impl Sum {
    fn row(self, agent: &InternedName) -> AgentRow {
        // The first of several that are as common.
        let concerns = self.concerns.into_iter();
        let commonest = concerns.max_by_key(|(category, count)| (*count, Reverse(*category)));
        AgentRow {
            main_concern: commonest.map(|(category, _)| category),
            feedback: self.feedback,
            figures: AgentFigures::of(agent, &self.tally),
        }
    }
}

impl Agents {
    pub fn of(index: &Index, scope: &Scope) -> Self {
        let mut sums: HashMap<&InternedName, Sum, RandomState> = HashMap::default();
        let waiting = index.pending().iter();
        let waiting = waiting.filter(|case| case.is_recommendation() && scope.is_about(case));
        for case in scope.decided(index).chain(waiting) {
            let Some(agent) = &case.agent else {
                continue;
            };
            let sum = sums.entry(agent).or_default();
            sum.tally.add(case);
            sum.feedback += case.feedback;
            if let Some(category) = case.category {
                *sum.concerns.entry(category).or_default() += 1;
            }
        }
        let mut agents: Vec<AgentRow> = sums
            .into_iter()
            .map(|(agent, sum)| sum.row(agent))
            .collect();
        agents.sort_by(|a, b| AgentFigures::busiest_first(&a.figures, &b.figures));
        Self {
            waiting_known: index.unseen().is_none(),
            agents,
        }
    }

    pub(super) fn put(&self, page: &mut Page) {
        if self.agents.is_empty() {
            page.text("No agent proposed anything.");
            return;
        }
        let rate = |share: Proportion| match share.of {
            0 => say("–"),
            of => say(share.percent()).say(format_args!(" of {of}")),
        };
        let rows = self.agents.iter().map(|row| {
            let figures = &row.figures;
            vec![
                name(&figures.agent),
                say(figures.recommendations),
                if self.waiting_known {
                    say(figures.pending)
                } else {
                    say("?")
                },
                rate(figures.approval),
                rate(figures.automatic),
                rate(figures.success),
                say(figures
                    .mean_score
                    .map_or_else(|| "–".to_owned(), |mean| format!("{mean:.2}"))),
                say(row.main_concern.map_or("", RejectionCategory::as_str)),
                say(row.feedback),
            ]
        });
        let header = [
            "agent",
            "proposed",
            "waiting",
            "approved",
            "by the bot",
            "successful",
            "mean score",
            "main concern",
            "feedback",
        ];
        page.table(&header, rows.collect());
    }
}
