//! Decisions of older engines: what this one computes otherwise is told, and not held against them.
//!
//! Engines only go forward along a trail (a bot refuses to decide after a newer one), so a record cannot name an older
//! engine to be judged less strictly: not after a decision of a newer one. What does not depend on the engine
//! (signature, structure, place, history) is checked for all of them.

use std::collections::BTreeMap;

use super::commit_verifier::{Examined, Fact};
use super::finding::{Finding, FindingKind};
use crate::domain::engine::{ENGINE, Engine};
use crate::domain::ids::Sha;

/// The engines of the decisions along the trail, oldest commit first.
#[derive(Debug, Default)]
pub struct EngineHistory {
    newest: Option<Engine>,
    /// What was found before the first decision, and depends on the engine of that time.
    before_first: Vec<Finding>,
    older: BTreeMap<String, NotComputed>,
}

/// Commits of an older engine that this one computes otherwise.
#[derive(Debug)]
struct NotComputed {
    first: Sha,
    count: usize,
}

impl EngineHistory {
    /// Takes what was found about the next commit; gives back what is held against it.
    pub fn follow(&mut self, examined: &mut Examined) -> Vec<Finding> {
        let mut found = std::mem::take(&mut examined.findings);
        let mut kept = Vec::new();
        if let Some(engine) = examined.engine {
            match self.newest {
                None => kept.append(&mut self.settle_before_first(engine)),
                Some(newest) if newest.version() > engine.version() => found.push(Finding {
                    commit: examined.commit,
                    kind: FindingKind::EngineWentBack,
                    message: format!("it was decided by `{engine}` after a decision by `{newest}`: an older engine never decides after a newer one"),
                }),
                Some(_) => {}
            }
            if self
                .newest
                .is_none_or(|newest| newest.version() < engine.version())
            {
                self.newest = Some(engine);
            }
        }
        let (depends, rest): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|finding| finding.kind.depends_on_engine());
        kept.extend(rest);
        match examined.engine.or(self.newest) {
            None => self.before_first.extend(depends),
            Some(engine) if engine.is_older() => {
                if !depends.is_empty() {
                    examined.recomputed = false;
                    self.count(engine, examined.commit);
                }
                // It may have claimed what this one would have refused.
                if let Fact::Claimed { is_invalid, .. } = &mut examined.fact {
                    *is_invalid = false;
                }
            }
            Some(_) => kept.extend(depends),
        }
        kept
    }

    fn settle_before_first(&mut self, engine: Engine) -> Vec<Finding> {
        let found = std::mem::take(&mut self.before_first);
        if !engine.is_older() {
            return found;
        }
        let mut last = None;
        for finding in found {
            if last.replace(finding.commit) != Some(finding.commit) {
                self.count(engine, finding.commit);
            }
        }
        Vec::new()
    }

    fn count(&mut self, engine: Engine, commit: Sha) {
        let counted = self.older.entry(engine.to_string()).or_insert(NotComputed {
            first: commit,
            count: 0,
        });
        counted.count += 1;
    }

    /// What was found before a first decision that never came, and a note for each older engine.
    pub fn finish(self) -> Vec<Finding> {
        let notes = self.older.into_iter().map(|(engine, counted)| Finding {
            commit: counted.first,
            kind: FindingKind::OlderEngine,
            message: match counted.count {
                1 => format!("this commit of `{engine}` comes out differently with `{ENGINE}`: recompute it with `{engine}`"),
                count => format!(
                    "this commit and {} more of `{engine}` come out differently with `{ENGINE}`: recompute them with `{engine}`",
                    count - 1
                ),
            },
        });
        self.before_first.into_iter().chain(notes).collect()
    }
}
