//! Documents that a commit adds: read strictly, and every finding about one says on which line.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::finding::FindingKind;
use super::step::Step;
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

impl Step<'_> {
    /// Takes an added document off the list of changes and reads it.
    pub fn take_document<T: DeserializeOwned>(
        &mut self,
        path: &str,
    ) -> Result<Option<Written<T>>, GitError> {
        self.take_document_by(path, yaml::read)
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
