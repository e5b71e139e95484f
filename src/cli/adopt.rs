//! `countersign adopt`: an admin takes over what the bot did not write.

use serde_json::json;

use super::options::Options;
use super::{CommandOutcome, Result, output};
use crate::domain::ids::{Login, Sha};

/// Take over the commits of `main` that the bot did not make; until then it writes nothing on top of them
///
/// Look at them first: `git log -p main`. They are adopted as they are, and `verify` notes from then on who adopted
/// them.
#[derive(Debug, clap::Args)]
pub struct Adopt {
    /// The newest of them that you looked at: if there is a newer one, nothing is adopted
    commit: Sha,
    /// Who: an admin, by the rules before those commits
    #[arg(long = "as", value_name = "LOGIN")]
    by: Login,
}

impl Adopt {
    pub fn run(&self, options: &Options) -> Result {
        let adopted = options.bot()?.adopt(self.commit, &self.by)?;
        if options.is_json() {
            let commits = adopted.commits.iter().map(|commit| {
                json!({"commit": commit.commit, "by": commit.by, "subject": commit.subject, "at": commit.at})
            });
            output::json(&json!({
                "by": self.by,
                "commit": adopted.commit,
                "adopted": commits.collect::<Vec<_>>(),
            }))?;
            return Ok(CommandOutcome::Done);
        }
        let mut text = String::new();
        for commit in &adopted.commits {
            text.push_str(&format!(
                "{} {} by {}\n",
                commit.commit.short(),
                output::one_line(&commit.subject),
                output::one_line(&commit.by)
            ));
        }
        text.push_str(&format!(
            "adopted by {} in commit {}: `countersign run` goes on",
            self.by,
            adopted.commit.short()
        ));
        output::text(&text)?;
        Ok(CommandOutcome::Done)
    }
}
