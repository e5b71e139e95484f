//! Documents that a commit adds: read strictly, and every finding about one says on which line.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::commit_check::CommitCheck;
use super::finding::FindingKind;
use crate::domain::ids::quoted;
use crate::domain::problem::Problems;
use crate::domain::yaml;
use crate::git::GitError;

/// A document together with where it came from.
#[derive(Debug)]
pub struct Written<T> {
    pub document: T,
    pub path: String,
    bytes: Arc<[u8]>,
}

impl<T> Written<T> {
    /// The path and, where it can be found, the line of a key: `path:12: risk.score`.
    pub fn place(&self, keys: &[&str]) -> String {
        let name = keys.join(".");
        match self.line_of(keys) {
            Some(line) => format!("{}:{line}: `{name}`", self.path),
            None => format!("{}: `{name}`", self.path),
        }
    }

    /// Where it is not written as the bot writes what it says.
    fn find_other_writing(&self) -> Option<String>
    where
        T: Serialize,
    {
        let path = &self.path;
        let again = match yaml::write(&self.document) {
            Ok(again) if again.as_bytes() == &*self.bytes => return None,
            Ok(again) => again,
            Err(error) => return Some(format!("{path}: the bot could not write it: {error}")),
        };
        let text = String::from_utf8_lossy(&self.bytes);
        let (mut lines, mut bots) = (text.lines(), again.lines());
        let mut number = 0usize;
        loop {
            number += 1;
            let (line, bots) = (lines.next(), bots.next());
            if line.is_some() && line == bots {
                continue;
            }
            let shown = |line: Option<&str>| line.map_or("nothing".to_owned(), quoted);
            return Some(match (line, bots) {
                (None, None) => format!("{path}: its last line does not end as the bot ends it"),
                _ => format!(
                    "{path}:{number}: it is not in the bot's writing, which has {} there and not {}",
                    shown(bots),
                    shown(line)
                ),
            });
        }
    }

    /// The line on which a key stands, told from the text: each key after the one before it.
    fn line_of(&self, keys: &[&str]) -> Option<usize> {
        let text = std::str::from_utf8(&self.bytes).ok()?;
        let mut lines = text.lines().enumerate();
        let mut found = None;
        for key in keys {
            let is_it = |line: &str| {
                line.trim_start()
                    .trim_start_matches("- ")
                    .strip_prefix(key)
                    .is_some_and(|rest| rest.starts_with(':'))
            };
            found = Some(lines.find(|(_, line)| is_it(line))?.0 + 1);
        }
        found
    }
}

impl CommitCheck<'_> {
    /// Takes an added record off the list of changes and reads it. It is in the bot's own writing.
    pub fn take_document<T: DeserializeOwned + Serialize>(
        &mut self,
        path: &str,
    ) -> Result<Option<Written<T>>, GitError> {
        let written = self.take_document_by(path, yaml::read::<T>)?;
        if let Some(written) = &written
            && let Some(difference) = written.find_other_writing()
        {
            self.say(FindingKind::NotCanonical, difference);
        }
        Ok(written)
    }

    /// The same with another reader.
    pub fn take_document_by<T>(
        &mut self,
        path: &str,
        read: impl Fn(&str, &[u8]) -> Result<T, Problems>,
    ) -> Result<Option<Written<T>>, GitError> {
        let Some(blob) = self.take_added(path) else {
            return Ok(None);
        };
        let objects = self.repo.objects();
        let Some(bytes) = objects.read_blob_up_to(blob, yaml::MAX_BYTES)? else {
            self.say(
                FindingKind::UnreadableDocument,
                format!("{path}: larger than any document may be (64 KiB)"),
            );
            return Ok(None);
        };
        match read(path, &bytes) {
            Ok(document) => Ok(Some(Written {
                document,
                path: path.to_owned(),
                bytes,
            })),
            Err(problems) => {
                self.say(FindingKind::UnreadableDocument, problems.to_string());
                Ok(None)
            }
        }
    }
}
