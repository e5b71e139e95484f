//! `countersign check`: what the bot would say to a file, without proposing it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::options::Options;
use super::{CommandOutcome, Result, failure, output};
use crate::bot::check::{self, Checked};
use crate::domain::yaml::MAX_BYTES;

/// Validate and score a recommendation against `main`; changes nothing
///
/// Says what approval it would need and what would make it less risky. Exit status 3 if it is invalid.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The file; `-` reads standard input
    file: PathBuf,
}

impl Check {
    /// Checks it.
    pub fn run(&self, options: &Options) -> Result {
        let repo = options.open()?;
        let (name, bytes) = read(&self.file)?;
        let checked = check::check(&repo, &name, &bytes, options.now())?;
        if options.is_json() {
            output::json(&checked)?;
        } else {
            output::text(&said(&checked))?;
        }
        Ok(if checked.valid {
            CommandOutcome::Done
        } else {
            CommandOutcome::No
        })
    }
}

/// A file or standard input, with the name that problems carry.
pub fn read(file: &Path) -> Result<(String, Vec<u8>)> {
    // One byte more than allowed, so that too much is told from just enough without reading it all.
    let most = u64::try_from(MAX_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let name = if file == Path::new("-") {
        "stdin".to_owned()
    } else {
        file.display().to_string()
    };
    let mut bytes = Vec::new();
    let result = if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    match result {
        Ok(_) => Ok((name, bytes)),
        Err(error) => Err(failure::hinted(
            format!("cannot read `{name}`: {}", failure::plain(&error)),
            "`countersign new` writes a recommendation to start from",
        )),
    }
}

fn said(checked: &Checked) -> String {
    let mut text = String::new();
    if !checked.valid {
        text.push_str("INVALID\n\n");
        for problem in &checked.errors {
            text.push_str(&format!("  {problem}\n"));
        }
    }
    if let Some(explanation) = &checked.explanation {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(explanation);
    }
    text
}
