//! What was rejected, grouped by agent, action and main concern, with the newest reasons in people's words.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Scope;
use crate::domain::documents::RejectionCategory;
use crate::domain::ids::{CaseId, PullNumber};
use crate::domain::page::{Page, name, say};
use crate::insight::case_documents::{Documents, find};
use crate::insight::{Case, Index, InternedName, Proportion};

/// So many groups are shown; the rest is counted.
const MOST_GROUPS: usize = 20;
/// So many reasons are quoted of each.
const MOST_REASONS: usize = 3;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rejections {
    /// Rejected of decided recommendations.
    pub rejected: Proportion,
    /// By main concern, the commonest first.
    pub categories: Vec<(RejectionCategory, u32)>,
    /// By agent, action and concern, the commonest first.
    pub groups: Vec<Group>,
    /// Groups that are not shown.
    pub more: usize,
}

/// Rejections that have agent, action and concern in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    pub agent: Option<InternedName>,
    pub action: Option<InternedName>,
    pub category: Option<RejectionCategory>,
    pub count: u32,
    /// The newest of them, newest first.
    pub newest: Vec<Reason>,
}

/// One rejection in a person's words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    pub id: Option<CaseId>,
    pub number: Option<PullNumber>,
    pub by: Option<InternedName>,
    /// In their words; none if they said nothing or it cannot be read.
    pub words: Option<String>,
}

impl Rejections {
    pub fn of(index: &Index, scope: &Scope, documents: &Documents) -> Self {
        let decided = scope.decided(index);
        let mut categories: BTreeMap<RejectionCategory, u32> = BTreeMap::new();
        let mut groups: BTreeMap<_, Vec<&Case>> = BTreeMap::new();
        let mut rejected = Proportion::default();
        for case in decided {
            rejected.add(case.is_rejected());
            if case.is_rejected() {
                let key = (&case.agent, &case.action, case.category);
                groups.entry(key).or_default().push(case);
                if let Some(category) = case.category {
                    *categories.entry(category).or_default() += 1;
                }
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, cases)| std::cmp::Reverse(cases.len()));
        let more = groups.len().saturating_sub(MOST_GROUPS);
        groups.truncate(MOST_GROUPS);
        let mut categories: Vec<_> = categories.into_iter().collect();
        categories.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let group = |((agent, action, category), cases): (_, Vec<&Case>)| {
            let (agent, action): (&Option<InternedName>, &Option<InternedName>) = (agent, action);
            let newest = cases.iter().rev().take(MOST_REASONS);
            Group {
                agent: agent.clone(),
                action: action.clone(),
                category,
                count: u32::try_from(cases.len()).unwrap_or(u32::MAX),
                newest: newest.map(|case| Reason::of(case, documents)).collect(),
            }
        };
        Self {
            rejected,
            categories,
            groups: groups
                .into_iter()
                .map(|((agent, action, category), cases)| group(((agent, action, category), cases)))
                .collect(),
            more,
        }
    }

    /// The cases that it quotes.
    pub(super) fn quoted(&self) -> Vec<CaseId> {
        let reasons = self.groups.iter().flat_map(|group| &group.newest);
        reasons.filter_map(|reason| reason.id).collect()
    }

    pub(super) fn put(&self, page: &mut Page) {
        if self.rejected.count == 0 {
            page.text(format!(
                "Nothing was rejected; {} were decided.",
                self.rejected.of
            ));
            return;
        }
        page.text(format!(
            "{} of the decided recommendations were rejected.",
            self.rejected.in_words()
        ));
        let categories = self.categories.iter();
        let concerns = categories.map(|(category, count)| say(category).say(": ").say(count));
        page.list(concerns.collect());
        self.put_groups(page);
    }

    pub(super) fn put_groups(&self, page: &mut Page) {
        let rows = self.groups.iter().map(|group| {
            vec![
                name(group.agent.as_deref().unwrap_or_default()),
                name(group.action.as_deref().unwrap_or_default()),
                say(group.category.map_or("", RejectionCategory::as_str)),
                say(group.count),
            ]
        });
        page.table(
            &["agent", "action", "concern", "rejections"],
            rows.collect(),
        );
        if self.more > 0 {
            page.text(format!("{} more groups are not shown.", self.more));
        }
        let reasons = self.groups.iter().flat_map(|group| &group.newest);
        let quotes = reasons.filter_map(|reason| {
            let words = reason.words.as_deref()?;
            let number = reason.number.map_or_else(String::new, |number| {
                format!(" on pull request {}", number.0)
            });
            Some(
                name(reason.by.as_deref()?)
                    .say(number)
                    .say(": ")
                    .words(words),
            )
        });
        page.list(quotes.collect());
    }
}

impl Reason {
    fn of(case: &Case, documents: &Documents) -> Self {
        let found = find(case, documents);
        Self {
            id: case.id,
            number: case.number,
            by: case.rejected_by.clone(),
            words: found.and_then(|found| found.reason()).map(str::to_owned),
        }
    }
}
