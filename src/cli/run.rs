//! `countersign run`: works off what waits, once or continually.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use super::options::Options;
use super::{CommandOutcome, Result, output, watch};
use crate::bot::{Bot, BotError, Handled, Summary};

/// Work off all open pull requests, and repair what a crash left
///
/// Merges what may be merged, records what ended, carries out what was approved, and tells people.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// Go on until Ctrl-C; as JSON, one line for each pass that has news
    #[arg(long)]
    watch: bool,
    /// Seconds between two passes of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400), requires = "watch")]
    interval: u64,
}

impl Run {
    /// Runs the bot.
    pub fn run(&self, options: &Options) -> Result {
        let mut bot = options.bot()?;
        if self.watch {
            return watch::watch(options, bot, std::time::Duration::from_secs(self.interval));
        }
        show(pass(&mut bot), |summary| print(options, summary))?;
        Ok(CommandOutcome::Done)
    }
}

/// Prints what a pass did.
pub fn print(options: &Options, summary: &Summary) -> Result<()> {
    if options.is_json() {
        output::json(&as_json(summary))?;
    } else {
        output::text(&format!("{}{}\n", lines(summary), totals(summary)))?;
    }
    Ok(())
}

/// Shows what a pass did, also when not everybody could be told of it; that is said after it.
///
/// # Errors
/// When the pass failed in any way, or what it did cannot be shown.
pub fn show(
    passed: std::result::Result<Summary, BotError>,
    show: impl FnOnce(&Summary) -> Result<()>,
) -> Result<()> {
    match passed {
        Ok(summary) => show(&summary),
        Err(BotError::Unreported(run)) => {
            show(&run.summary)?;
            Err(BotError::Unreported(run).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// One pass over everything, with a bar on a terminal.
pub fn pass(bot: &mut Bot) -> std::result::Result<Summary, BotError> {
    let bar = ProgressBar::no_length();
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} pull requests, {eta} left")
    {
        bar.set_style(style);
    }
    let result = bot.run(&mut |done, total| {
        bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    });
    bar.finish_and_clear();
    result
}

/// What is new, a line each.
pub fn lines(summary: &Summary) -> String {
    let mut text = String::new();
    for handled in summary.handled.iter().filter(|handled| handled.is_news) {
        text.push_str(&format!(
            "{} {}: {}\n",
            handled.number,
            handled.report.state.as_str(),
            output::one_line(&handled.report.title)
        ));
    }
    for (id, outcome) in &summary.executed {
        text.push_str(&format!("{id} executed: {outcome}\n"));
    }
    for rescored in &summary.rescored {
        text.push_str(&format!(
            "{} not executed: {}. {}\n",
            rescored.id,
            rescored.change(),
            rescored.advice()
        ));
    }
    text
}

/// What the pass came to, in one line.
pub fn totals(summary: &Summary) -> String {
    let count = |wanted: fn(&&Handled) -> bool| summary.handled.iter().filter(wanted).count();
    let is_merged = |handled: &&Handled| {
        handled.decided_as.is_none() && handled.status.is_some_and(|status| status.is_approval())
    };
    let merged = summary.handled.iter().filter(is_merged).count();
    let ended = count(|handled| handled.status.is_some());
    let closed = ended - merged;
    let waiting = count(|handled| handled.status.is_none());
    let (executed, rescored) = (summary.executed.len(), summary.rescored.len());
    if summary.handled.is_empty() && executed == 0 && rescored == 0 {
        return "nothing to do: no pull request is open".to_owned();
    }
    let mut text = format!("{merged} merged, {closed} closed, {waiting} waiting");
    if executed > 0 {
        text.push_str(&format!(", {executed} executed"));
    }
    if rescored > 0 {
        text.push_str(&format!(", {rescored} not executed"));
    }
    text
}

/// The summary for programs.
pub fn as_json(summary: &Summary) -> Json {
    let handled = summary.handled.iter().map(|handled| {
        json!({
            "number": handled.number,
            "id": handled.id,
            "status": handled.status.map_or("pending", |status| status.as_str()),
            "state": handled.report.state.as_str(),
            "title": handled.report.title,
            "news": handled.is_news,
            "decided_as": handled.decided_as,
        })
    });
    let executed = summary
        .executed
        .iter()
        .map(|(id, outcome)| json!({"id": id, "outcome": outcome}));
    json!({
        "handled": handled.collect::<Vec<_>>(),
        "executed": executed.collect::<Vec<_>>(),
        "rescored": summary.rescored,
    })
}

/// Whether there is anything to tell.
pub fn has_news(summary: &Summary) -> bool {
    !summary.executed.is_empty()
        || !summary.rescored.is_empty()
        || summary.handled.iter().any(|handled| handled.is_news)
}
