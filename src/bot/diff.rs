//! What a governance change changes, line by line, as everybody is shown it before they decide: as much of it as
//! can be shown, the counts of the rest, and the git command that shows all of it.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use similar::{Algorithm, ChangeTag, TextDiff};

use crate::domain::hidden::is_hidden;
use crate::domain::ids::{PullNumber, Sha};
use crate::git::{Change, GitError, Objects};
use crate::risk::code_span;

/// All patches together take so many bytes at most: a check of GitHub holds 65,535 characters.
const MOST_BYTES: usize = 30_000;
/// Files with more lines are only counted, and all together are compared up to so many: the time that a comparison
/// takes grows with their square.
const MOST_LINES: usize = 4_000;
const MOST_LINES_OF_ALL: usize = 16_000;
/// So many lines around a change are shown.
const CONTEXT: usize = 3;
/// A longer diff is folded.
const SHORT: usize = 40;
/// So many files are listed.
const MOST_FILES: usize = 50;

/// The difference that a governance change makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diff {
    /// Each file, in git's order.
    pub files: Vec<FileDiff>,
    /// The git command that shows the same, and all of it, in a clone.
    pub command: String,
}

/// The difference in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileDiff {
    /// Where it is.
    pub path: String,
    /// What happens to it.
    pub change: FileChange,
    /// How many lines are new; none where they were not compared.
    pub added: Option<usize>,
    /// How many lines are gone; none where they were not compared.
    pub removed: Option<usize>,
    /// How much it was, in lines of text or bytes of anything else.
    pub before: usize,
    /// How much it is.
    pub after: usize,
    /// The unified diff; none where it is not shown.
    pub patch: Option<String>,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its text changes.
    Modified,
    /// It is no text.
    Binary,
}

/// Where a head can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchedFrom {
    /// From the ref of its pull request: an open one, and on GitHub any.
    Head(PullNumber),
    /// With what the local forge keeps of pull requests that have ended.
    Ended,
}

impl FetchedFrom {
    fn name(self) -> String {
        match self {
            Self::Head(number) => format!("refs/pull/{}/head", number.0),
            Self::Ended => "refs/countersign/pulls".to_owned(),
        }
    }
}

/// The two commits between which everything lies.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Where the branch began.
    pub fork: Sha,
    /// Its head.
    pub head: Sha,
    /// What a clone has to fetch first; none where `main` leads to the head.
    pub fetched_from: Option<FetchedFrom>,
}

impl Diff {
    /// The difference that these changes make.
    pub fn of(objects: Objects<'_>, changes: &[Change], range: Range) -> Result<Self, GitError> {
        let (mut bytes, mut lines) = (MOST_BYTES, MOST_LINES_OF_ALL);
        let mut files = Vec::new();
        for change in changes {
            let read = |entry: &Option<crate::git::Entry>| match entry {
                Some(entry) => objects.read_blob(entry.id).map(Some),
                None => Ok(None),
            };
            let (old, new) = (read(&change.old)?, read(&change.new)?);
            let path = change.path_text();
            let mut file = compare(path, old.as_deref(), new.as_deref(), &mut lines);
            match file.patch.as_ref().map(String::len) {
                Some(length) if length > bytes => file.patch = None,
                Some(length) => bytes -= length,
                None => {}
            }
            files.push(file);
        }
        let (fork, head) = (range.fork.short(), range.head.short());
        let fetch = range
            .fetched_from
            .map(|from| format!("git fetch origin {} && ", from.name()));
        let fetch = fetch.unwrap_or_default();
        Ok(Self {
            files,
            command: format!("{fetch}git diff {fork} {head}"),
        })
    }

    /// How many lines the patches have.
    pub fn lines(&self) -> usize {
        let patches = self.files.iter().filter_map(|file| file.patch.as_ref());
        patches.map(|patch| patch.lines().count()).sum()
    }

    /// Whether it is so long that it is folded.
    pub fn is_long(&self) -> bool {
        self.lines() > SHORT
    }

    /// For a check or a comment: each file with its counts, the patches in a block that nothing in them can end,
    /// and the command.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for file in self.files.iter().take(MOST_FILES) {
            let _ = writeln!(text, "- {}: {}", code_span(&file.path), file.summary());
        }
        if self.files.len() > MOST_FILES {
            let _ = writeln!(text, "- and {} more files", self.files.len() - MOST_FILES);
        }
        let patches = self.files.iter().filter_map(|file| file.patch.as_deref());
        let patches: String = patches.collect();
        if !patches.is_empty() {
            let longest = patches.split(|c| c != '`').map(str::len).max();
            let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
            let block = format!("{fence}diff\n{}\n{fence}", patches.trim_end_matches('\n'));
            let _ = if self.is_long() {
                let lines = self.lines();
                writeln!(
                    text,
                    "\n<details><summary>The diff, {lines} lines</summary>\n\n{block}\n\n</details>"
                )
            } else {
                writeln!(text, "\n{block}")
            };
        }
        let _ = writeln!(text, "\nThe same in a clone: `{}`", self.command);
        text
    }
}

impl FileDiff {
    /// `3 lines added, 1 removed`, and why it is not shown.
    pub fn summary(&self) -> String {
        let lines = |count: usize| match count {
            1 => "1 line".to_owned(),
            count => format!("{count} lines"),
        };
        let counts = match (self.change, self.added, self.removed) {
            (FileChange::Binary, ..) => {
                return format!("binary, {} bytes become {}", self.before, self.after);
            }
            (FileChange::Added, Some(added), _) => format!("new, {}", lines(added)),
            (FileChange::Removed, _, Some(removed)) => format!("removed, {}", lines(removed)),
            (_, Some(added), Some(removed)) => format!("{} added, {removed} removed", lines(added)),
            _ => format!("{} become {}", lines(self.before), self.after),
        };
        match &self.patch {
            Some(_) => counts,
            None => format!("{counts}; too large to be shown here"),
        }
    }
}

fn compare(
    path: String,
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    lines_left: &mut usize,
) -> FileDiff {
    let text = |bytes: Option<&[u8]>| match bytes {
        None => Some(String::new()),
        Some(bytes) if bytes.contains(&0) => None,
        Some(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    let mut file = FileDiff {
        change: match (old, new) {
            (None, _) => FileChange::Added,
            (_, None) => FileChange::Removed,
            _ => FileChange::Modified,
        },
        path,
        added: None,
        removed: None,
        before: old.map_or(0, <[u8]>::len),
        after: new.map_or(0, <[u8]>::len),
        patch: None,
    };
    let (Some(before), Some(after)) = (text(old), text(new)) else {
        file.change = FileChange::Binary;
        return file;
    };
    let (gone, came) = (before.lines().count(), after.lines().count());
    (file.before, file.after) = (gone, came);
    match file.change {
        FileChange::Added => (file.added, file.removed) = (Some(came), Some(0)),
        FileChange::Removed => (file.added, file.removed) = (Some(0), Some(gone)),
        FileChange::Modified | FileChange::Binary => {}
    }
    let lines = gone + came;
    if lines > MOST_LINES || lines > *lines_left {
        return file;
    }
    *lines_left -= lines;
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .diff_lines(before.as_str(), after.as_str());
    let count = |tag| {
        diff.iter_all_changes()
            .filter(|change| change.tag() == tag)
            .count()
    };
    file.added = Some(count(ChangeTag::Insert));
    file.removed = Some(count(ChangeTag::Delete));
    let name = |side: &str, is_there: bool| match is_there {
        true => format!("{side}/{}", file.path),
        false => "/dev/null".to_owned(),
    };
    let (from, to) = (name("a", old.is_some()), name("b", new.is_some()));
    let patch = diff
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&from, &to)
        .to_string();
    file.patch = Some(visible(&patch));
    file
}

/// Lines and tabs stay; every other character that hides or turns others around is shown.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && !matches!(c, '\n' | '\t') {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(old: Option<&str>, new: Option<&str>) -> FileDiff {
        let (old, new) = (old.map(str::as_bytes), new.map(str::as_bytes));
        compare("rules/x.yaml".to_owned(), old, new, &mut 10_000)
    }

    fn markdown(files: Vec<FileDiff>) -> String {
        let command = "git diff 1234567 89abcde".to_owned();
        Diff { files, command }.markdown()
    }

    #[test]
    fn a_diff_shows_what_changes_and_nothing_hides_in_it() {
        let changed = patch(
            Some("a: 1\nb: 2\nc: 3\n"),
            Some("a: 1\nb: 2\u{202e}\n```\nc: 3"),
        );
        insta::assert_snapshot!(markdown(vec![
            changed,
            patch(None, Some("one\n")),
            patch(Some("one\ntwo\n"), None),
            patch(Some("x"), Some("\0")),
            patch(Some(""), Some(&"y\n".repeat(5_000))),
        ]), @r"
        - `rules/x.yaml`: 3 lines added, 2 removed
        - `rules/x.yaml`: new, 1 line
        - `rules/x.yaml`: removed, 2 lines
        - `rules/x.yaml`: binary, 1 bytes become 1
        - `rules/x.yaml`: 0 lines become 5000; too large to be shown here

        ````diff
        --- a/rules/x.yaml
        +++ b/rules/x.yaml
        @@ -1,3 +1,4 @@
         a: 1
        -b: 2
        -c: 3
        +b: 2\u{202e}
        +```
        +c: 3
        \ No newline at end of file
        --- /dev/null
        +++ b/rules/x.yaml
        @@ -0,0 +1 @@
        +one
        --- a/rules/x.yaml
        +++ /dev/null
        @@ -1,2 +0,0 @@
        -one
        -two
        ````

        The same in a clone: `git diff 1234567 89abcde`
        ");
    }

    #[test]
    fn a_long_diff_is_folded() {
        let long: String = (0..60).map(|n| format!("line {n}\n")).collect();
        let told = markdown(vec![patch(None, Some(&long))]);
        assert!(
            told.contains("<details><summary>The diff, 63 lines</summary>\n\n```diff\n--- /dev/null\n+++ b/rules/x.yaml\n@@"),
            "{told}"
        );
        assert!(told.contains("\n```\n\n</details>\n"), "{told}");
    }
}
