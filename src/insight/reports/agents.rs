//! How each agent fares: what it proposes, what is approved of it, and what comes of that.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Scope;
use crate::domain::documents::RejectionCategory;
use crate::insight::metrics::{AgentFigures, Metrics};
use crate::insight::page::{Page, name, say};
use crate::insight::trend::Step;
use crate::insight::{Index, Share};

/// All agents of a period, the busiest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agents {
    /// One row an agent.
    pub agents: Vec<AgentRow>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentRow {
    /// Its figures.
    #[serde(flatten)]
    pub figures: AgentFigures,
    /// The commonest concern of those who rejected it.
    pub main_concern: Option<RejectionCategory>,
    /// How often people had something to say about its cases.
    pub feedback: u32,
}

impl Agents {
    /// Computes it.
    pub fn of(index: &Index, scope: &Scope) -> Self {
        let metrics = Metrics::of(index, scope.period, Step::Year);
        let mut concerns: BTreeMap<&str, BTreeMap<RejectionCategory, u32>> = BTreeMap::new();
        let mut feedback: BTreeMap<&str, u32> = BTreeMap::new();
        for case in scope.decided(index) {
            let Some(agent) = case.agent.as_deref() else {
                continue;
            };
            *feedback.entry(agent).or_default() += case.feedback;
            if let Some(category) = case.category {
                let counts = concerns.entry(agent).or_default();
                *counts.entry(category).or_default() += 1;
            }
        }
        let wanted = |figures: &AgentFigures| {
            (scope.agent.as_deref()).is_none_or(|agent| figures.agent == *agent)
        };
        let rows = metrics.agents.into_iter().filter(wanted).map(|figures| {
            let counts = concerns.get(figures.agent.as_str()).into_iter().flatten();
            // The first of several that are as common.
            let commonest =
                counts.max_by_key(|(category, count)| (**count, std::cmp::Reverse(**category)));
            AgentRow {
                main_concern: commonest.map(|(category, _)| *category),
                feedback: feedback.get(figures.agent.as_str()).copied().unwrap_or(0),
                figures,
            }
        });
        Self {
            agents: rows.collect(),
        }
    }

    pub(super) fn page(&self, title: String) -> Page {
        let mut page = Page::titled(title);
        self.put(&mut page);
        page
    }

    pub(super) fn put(&self, page: &mut Page) {
        if self.agents.is_empty() {
            page.text("No agent proposed anything.");
            return;
        }
        let rate = |share: Share| match share.of {
            0 => say("–"),
            of => say(share.percent()).say(format_args!(" of {of}")),
        };
        let rows = self.agents.iter().map(|row| {
            let figures = &row.figures;
            vec![
                name(&figures.agent),
                say(figures.recommendations),
                say(figures.pending),
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
