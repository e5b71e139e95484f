//! `countersign action`: a job of GitHub Actions in place of a server.
//!
//! The event says what a list read later no longer tells (who pushed, what was edited); what is worked off is
//! everything that is open, because a job that waited may have been replaced by this one.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::options::Options;
use super::place::Place;
use super::run::{pass, print, show, totals};
use super::{CommandOutcome, Result, failure, output};
use crate::bot::Summary;
use crate::forge::github::webhook::{self, WebhookEvent};
use crate::risk::code_span;

/// Work off everything that is open, as a job of GitHub Actions
///
/// Reads the event from GITHUB_EVENT_NAME and GITHUB_EVENT_PATH, the repository from --repo or
/// GITHUB_REPOSITORY, and signs in with GITHUB_TOKEN. `countersign init` writes the workflow.
#[derive(Debug, clap::Args)]
pub struct Action {
    /// What happened
    #[arg(long, value_name = "NAME", env = "GITHUB_EVENT_NAME")]
    event: String,
    /// The webhook's payload
    #[arg(long, value_name = "FILE", env = "GITHUB_EVENT_PATH")]
    payload: Option<PathBuf>,
}

impl Action {
    /// Runs the bot once.
    ///
    /// # Errors
    /// When the event is none that a job may act upon, or GitHub cannot be asked or told.
    pub fn run(&self, options: &Options) -> Result {
        let done = self.work(options);
        if let Err(error) = &done
            && is_a_job()
        {
            output::text(&annotation(&format!("{error:#}")))?;
        }
        done
    }

    fn work(&self, options: &Options) -> Result {
        let event = self.read_event()?;
        let place = place(options)?;
        let before = kept(&place);
        if let (Place::Github(forge), Some(event)) = (&place, event) {
            forge.on_event(event);
        }
        let mut bot = options.bot_options().bot(&place)?;
        let passed = pass(&mut bot);
        if let Some(path) = named("GITHUB_OUTPUT") {
            // The next job finds it in the cache, if it is worth an entry there.
            let changed = kept(&place) != before;
            append(Path::new(&path), &format!("changed={changed}\n"))?;
        }
        show(passed, |summary| {
            if let Some(path) = named("GITHUB_STEP_SUMMARY") {
                tell_job(Path::new(&path), summary)?;
            }
            print(options, summary)
        })?;
        Ok(CommandOutcome::Done)
    }

    /// The event, where there is one to be heard; none for a timer.
    fn read_event(&self) -> Result<Option<WebhookEvent>> {
        let name = match self.event.as_str() {
            "pull_request" => {
                return Err(failure::hinted(
                    "a job for `pull_request` runs the workflow of the proposal's own branch, which must not judge itself",
                    "use `pull_request_target`: `countersign init` writes a workflow that does",
                ));
            }
            "pull_request_target" => "pull_request",
            name => name,
        };
        let Some(path) = self
            .payload
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
        else {
            return Ok(None);
        };
        let bytes = std::fs::read(path).map_err(|error| {
            failure::hinted(
                format!(
                    "cannot read the event `{}`: {}",
                    path.display(),
                    failure::plain(&error)
                ),
                "GitHub Actions sets GITHUB_EVENT_PATH; elsewhere `countersign run` does the same work",
            )
        })?;
        Ok(webhook::parse(name, &bytes)?)
    }
}

/// The repository that is named, or the one whose job this is.
fn place(options: &Options) -> Result<Place> {
    match named("GITHUB_REPOSITORY") {
        Some(own) if options.repos().is_empty() => Place::named(Path::new(&own), &options.identity),
        _ => Ok(options.place()?.clone()),
    }
}

fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

fn is_a_job() -> bool {
    named("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// A line that GitHub shows as an error of the job.
fn annotation(message: &str) -> String {
    let escaped = message
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    format!("::error title=Countersign::{escaped}\n")
}

/// What the job's own page says of it.
fn tell_job(path: &Path, summary: &Summary) -> Result<()> {
    let mut text = format!("**Countersign**: {}\n", totals(summary));
    for handled in &summary.handled {
        text.push_str(&format!(
            "- {} {}: {}\n",
            handled.number,
            handled.report.state.as_str(),
            code_span(&output::one_line(&handled.report.title))
        ));
    }
    for (id, outcome) in &summary.executed {
        text.push_str(&format!("- `{id}` executed: {outcome}\n"));
    }
    for rescored in &summary.rescored {
        let (change, advice) = (rescored.change(), rescored.advice());
        text.push_str(&format!(
            "- `{}` not executed: {change}. {advice}\n",
            rescored.id
        ));
    }
    append(path, &text)
}

fn append(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

/// What the next job would find of this one.
fn kept(place: &Place) -> Option<String> {
    match place {
        Place::Github(forge) => Some(forge.kept()),
        Place::Local(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_many_lines_stays_one_annotation() {
        assert_eq!(
            annotation("100 %\nof it"),
            "::error title=Countersign::100 %25%0Aof it\n"
        );
    }
}
