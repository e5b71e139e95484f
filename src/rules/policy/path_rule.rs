//! `paths` of the policy: who must approve a governance change because of the files that it touches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ask, AskFrom, Place, RawAsk};
use crate::domain::documents::{FiredTrigger, RuleAsk, RuleEffect};
use crate::domain::ids::{TriggerId, quoted};
use crate::domain::problem::Problem;
use crate::rules::pattern::Pattern;

/// How many rules there may be, and how many patterns each.
const MOST: usize = 100;
/// The only folder whose changes others than the admins may decide.
const TARGETS: &str = "targets/";

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPathRule {
    /// Its name in reports.
    id: TriggerId,
    /// The files, such as `targets/db-*.yaml`: `*` stands for anything but `/`, `**` for anything.
    touches: Vec<String>,
    /// Who must approve, beside an admin; `instead` holds only of files below `targets/`.
    ask: RawAsk,
    /// What people are told.
    reason: String,
}

/// Who must approve what touches certain files.
#[derive(Debug)]
pub struct PathRule {
    /// Its name in reports.
    pub id: TriggerId,
    /// The files.
    pub touches: Vec<Pattern>,
    pub ask: Ask,
    /// What people are told.
    pub reason: String,
    place: Place,
}

impl PathRule {
    /// What is wrong with one of its keys.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        self.place.problem(key, message)
    }

    /// Where it stands.
    pub fn place(&self) -> Problem {
        self.place.problem("id", "")
    }

    /// Whether it is about this file.
    pub fn touches(&self, path: &str) -> bool {
        self.touches.iter().any(|files| files.matches(path))
    }

    /// What comes of it for a change that touches its files.
    pub fn fired(&self, is_instead: bool) -> FiredTrigger {
        let ask = self.ask.recorded(|from| match from {
            AskFrom::Group(group) => vec![group.clone()],
            // Refused when it was read.
            AskFrom::Label(_) => Vec::new(),
        });
        FiredTrigger {
            id: self.id.clone(),
            reason: self.reason.clone(),
            then: None,
            effect: Some(RuleEffect::Ask),
            ask: Some(RuleAsk {
                instead: is_instead,
                ..ask
            }),
            limit: None,
        }
    }
}

/// The rules that a change of these files fires. Others are asked instead of an admin only if each file is one of which
/// a rule says so.
pub fn fired(rules: &[PathRule], paths: &[String]) -> Vec<FiredTrigger> {
    let is_given_away = |path: &String| {
        let mut rules = rules.iter();
        rules.any(|rule| rule.ask.instead && rule.touches(path))
    };
    let all_given_away = paths.iter().all(is_given_away);
    let touched = rules
        .iter()
        .filter(|rule| paths.iter().any(|path| rule.touches(path)));
    touched
        .map(|rule| rule.fired(rule.ask.instead && all_given_away))
        .collect()
}

pub(super) fn validated(
    raw: RawPathRule,
    index: usize,
    problems: &mut Vec<Problem>,
) -> Option<PathRule> {
    let place = Place {
        file: super::PATH,
        key: format!("paths[{index}]"),
    };
    if index >= MOST || raw.touches.len() > MOST {
        let message = format!("too many: at most {MOST}");
        problems.push(place.problem("touches", message));
        return None;
    }
    if raw.touches.is_empty() {
        let message = "it is about no file: give at least one, such as `targets/db-*.yaml`";
        problems.push(place.problem("touches", message));
    }
    let ask = Ask::validated(raw.ask, &place, problems);
    if ask
        .parts()
        .any(|part| matches!(part.from, AskFrom::Label(_)))
    {
        let message = "a file has no labels: name the group";
        problems.push(place.problem("ask", message));
    }
    let mut touches = Vec::new();
    for text in &raw.touches {
        if ask.instead && !text.starts_with(TARGETS) {
            let message = format!(
                "{} is for the admins to decide: only files below `{TARGETS}` can be left to others; leave `instead` out",
                quoted(text)
            );
            problems.push(place.problem("ask", message));
        }
        match Pattern::of_paths(text) {
            Some(files) => touches.push(files),
            None => {
                let message = format!(
                    "{} is not a path in the repository: expected one such as `targets/db-*.yaml` or `rules/**`",
                    quoted(text)
                );
                problems.push(place.problem("touches", message));
            }
        }
    }
    Some(PathRule {
        id: raw.id,
        touches,
        ask,
        reason: raw.reason,
        place,
    })
}
