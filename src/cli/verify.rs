//! `countersign verify`: proves the trail from a clone.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::ledger::verify::{Checkpoint, Verification, verify};

/// Prove the trail: that every commit on main is one event, and that every decision follows from the rules
///
/// Works in any clone, and trusts nothing that it cannot compute again. With a checkpoint it also
/// proves that nothing seen before was cut off or rewritten: keep that file where the bot cannot write.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// Remember here what was verified, and hold the next verification against it
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// Between two updates of the bar.
const STEP: usize = 64;

impl Verify {
    /// Verifies.
    ///
    /// # Errors
    /// When the repository or the checkpoint cannot be read or written.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open()?;
        let seen = self
            .checkpoint
            .as_deref()
            .map(read_checkpoint)
            .transpose()?
            .flatten();
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} commits, {eta} left")
        {
            bar.set_style(style);
        }
        let verified = verify(&repo, seen.as_ref(), &mut |done, total| {
            if done.is_multiple_of(STEP) {
                bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
            }
        });
        bar.finish_and_clear();
        let verified = verified?;
        if options.is_json() {
            output::json(&verified)?;
        } else {
            output::text(&told(&verified))?;
        }
        if let (Some(path), Some(now)) =
            (&self.checkpoint, Checkpoint::of(&verified, options.now()))
        {
            now.write(path).map_err(|error| unusable(path, &error))?;
        }
        Ok(if verified.ok {
            CommandOutcome::Done
        } else {
            CommandOutcome::No
        })
    }
}

fn read_checkpoint(path: &Path) -> Result<Option<Checkpoint>> {
    Checkpoint::read(path).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    failure::hinted(
        format!("the checkpoint `{}`: {error}", path.display()),
        "nothing seen before is taken on trust: mend the file, or name another with `--checkpoint FILE`",
    )
}

/// One line a finding, and a summary.
fn told(verified: &Verification) -> String {
    let mut text = String::new();
    for finding in &verified.findings {
        text.push_str(&format!("{}\n", output::one_line(&finding.to_string())));
    }
    let events: Vec<String> = verified
        .events
        .iter()
        .map(|(event, count)| counted(*count, event))
        .collect();
    let findings = match verified.findings.len() {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        more => format!("{} findings", grouped(more)),
    };
    let signed = match verified.signed {
        0 => String::new(),
        count => format!(" {} signed by the bot's keys;", grouped(count)),
    };
    text.push_str(&format!(
        "{}: {}; {} recomputed;{signed} {findings}\n",
        counted(verified.commits, "commit"),
        events.join(", "),
        grouped(verified.recomputed)
    ));
    if verified.without_branch > 0 {
        text.push_str(&format!(
            "{} closed without a merge, whose branches are not in this clone: who wrote their commits is taken from the record\n",
            counted(verified.without_branch, "case")
        ));
    }
    if verified.by_team > 0 {
        text.push_str(&format!(
            "{} by a member of a team: that they were in it is taken from the record\n",
            counted(verified.by_team, "approval or rejection")
        ));
    }
    text
}

/// `1 freeze`, `400 decisions`.
fn counted(count: usize, noun: &str) -> String {
    let plural = match (count, noun) {
        (1, _) | (_, "genesis" | "governance" | "feedback") => noun.to_owned(),
        (_, "approval or rejection") => "approvals or rejections".to_owned(),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", grouped(count))
}

/// `1,204`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(counted(1_204, "commit"), "1,204 commits");
        assert_eq!(counted(1, "decision"), "1 decision");
        assert_eq!(counted(1_000_000, "feedback"), "1,000,000 feedback");
    }
}
