//! `countersign backtest`: the whole trail under other rules.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::options::Options;
use super::output::Format;
use super::test::from_folder;
use super::{CommandOutcome, Result, failure, output};
use crate::domain::ids::Sha;
use crate::gate::rule_comparison::{RuleComparison, compare};
use crate::git::Repository;
use crate::ledger::backtest::{Backtest as Replayed, Extent, backtest};
use crate::ledger::{MAIN, RulesCache, facts, rule_files};
use crate::rules::{RuleFiles, Rules};

/// Replay every past decision under other rules
///
/// Each case is scored again on the facts of its moment. The answer says which would have had another
/// level, who would have been asked, and how those cases turned out: what the other rules would have let
/// through that was rejected or failed, and what they would have held up for nothing. Then the other rules are held
/// against those on `main`, over proposals made up from the bounds of both: where they are stricter, where laxer,
/// with the smallest example of each laxity.
#[derive(Debug, clap::Args)]
pub struct Backtest {
    /// The other rules: a branch or commit of the repository (`govern/x`, `refs/pull/12/head`), or a folder that
    /// holds `rules/` or is one
    #[arg(long, value_name = "REF_OR_DIR")]
    rules: String,
    /// Replay only this many of the newest commits of the trail
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    newest: Option<u32>,
}

/// The answer for programs.
#[derive(Debug, Serialize)]
struct Told<'a> {
    rules: &'a str,
    other_level: usize,
    alarming: Vec<String>,
    #[serde(flatten)]
    backtest: &'a Replayed,
    /// What these rules ask for, against those on `main`; none if those cannot be read.
    comparison: Option<&'a RuleComparison>,
}

/// Between two updates of the line that shows how far it is.
const STEP: usize = 256;

impl Backtest {
    /// Replays.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open_whole()?;
        let files = self.rule_files(&repo)?;
        let rules = Rules::read(&files).map_err(|problems| {
            failure::hinted(
                format!("the rules of `{}` cannot be read:\n{problems}", self.rules),
                "mend them, and try them with `countersign test`",
            )
        })?;
        let tip = main_of(&repo)?;
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} commits, {per_sec}")
        {
            bar.set_style(style);
        }
        let newest = self.newest.and_then(|count| usize::try_from(count).ok());
        let extent = Extent {
            newest,
            until: None,
        };
        let replayed = backtest(&repo, tip, &rules, extent, &mut |done| {
            if done.is_multiple_of(STEP) {
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            }
        });
        bar.finish_and_clear();
        let replayed = replayed?;
        let comparison = compared(&repo, tip, &rules)?;
        match options.format {
            Format::Json => output::json(&Told {
                rules: &self.rules,
                other_level: replayed.other_level(),
                alarming: replayed
                    .alarming()
                    .map(|case| case.id.to_string())
                    .collect(),
                backtest: &replayed,
                comparison: comparison.as_ref(),
            })?,
            Format::Markdown => {
                let comparison = comparison.map(|comparison| comparison.markdown());
                output::text(&told(replayed.markdown(), comparison))?;
            }
            _ => {
                let comparison = comparison.map(|comparison| comparison.plain());
                output::text(&told(replayed.plain(), comparison))?;
            }
        }
        Ok(CommandOutcome::Done)
    }

    fn rule_files(&self, repo: &Repository) -> Result<RuleFiles> {
        let folder = Path::new(&self.rules);
        if folder.is_dir() {
            return from_folder(folder);
        }
        let Some(commit) = find_commit(repo, &self.rules)? else {
            return Err(failure::hinted(
                format!(
                    "there is neither a folder nor a branch or commit `{}`",
                    self.rules
                ),
                "name a folder with rules, a branch such as `govern/x`, or a ref such as `refs/pull/12/head` (in a clone: fetch it first)",
            ));
        };
        let tree = repo.read_commit(commit)?.tree;
        match repo.entry_at(tree, Rules::FOLDER)? {
            Some(entry) => Ok(rule_files(repo.objects(), entry.id)?),
            None => Err(failure::hinted(
                format!("`{}` holds no folder `rules`", self.rules),
                "name a commit of the governance repository",
            )),
        }
    }
}

fn told(replayed: String, comparison: Option<String>) -> String {
    match comparison {
        Some(comparison) => format!("{replayed}\n{comparison}"),
        None => replayed,
    }
}

/// Against the rules on `main`, if those can be read.
fn compared(repo: &Repository, tip: Sha, rules: &Rules) -> Result<Option<RuleComparison>> {
    let (objects, tree) = (repo.objects(), repo.read_commit(tip)?.tree);
    let Some(old) = RulesCache::default().read(objects, tree)?.valid() else {
        return Ok(None);
    };
    let targets = facts::all_targets(objects, tree)?;
    Ok(Some(compare(&old.rules, rules, &targets)))
}

/// The trail; in a clone that has no `main` of its own, the one that it was cloned from.
fn main_of(repo: &Repository) -> Result<Sha> {
    for name in [MAIN, "refs/remotes/origin/main"] {
        if let Some(tip) = repo.find_ref(name)? {
            return Ok(tip);
        }
    }
    Err(crate::ledger::LedgerError::NoMain.into())
}

/// The commit that somebody means by this word.
fn find_commit(repo: &Repository, word: &str) -> Result<Option<Sha>> {
    for name in [
        word.to_owned(),
        format!("refs/heads/{word}"),
        format!("refs/remotes/origin/{word}"),
    ] {
        if name.starts_with("refs/")
            && let Some(id) = repo.find_ref(&name)?
        {
            return Ok(Some(id));
        }
    }
    match word.parse::<Sha>() {
        Ok(id) if repo.contains(id)? => Ok(Some(id)),
        _ => Ok(None),
    }
}
