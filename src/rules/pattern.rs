//! A regular expression for whole values. It takes linear time whatever it is held against, and bounded memory.

use std::fmt;

use regex::RegexBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Literal};

/// The longest expression, in bytes.
const MOST_BYTES: usize = 1_000;
/// What one expression may take when compiled, and while it is matched.
const MOST_COMPILED_BYTES: usize = 128 * 1024;
/// How deep groups may stand inside each other.
const MOST_NESTED: u32 = 32;

/// An expression that a value matches as a whole.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: regex::Regex,
}

impl Pattern {
    /// # Errors
    /// Why it is none, and what to do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!(
                "the expression has {} bytes: at most {MOST_BYTES}; list the values by `any_of`, or say less",
                text.len()
            ));
        }
        // On its own first: what is put around it must not make it whole.
        compile(text)?;
        let regex = compile(&format!(r"\A(?:{text})\z"))?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// Of the paths of a repository: `*` stands for anything but `/`, `**` for anything. None if it is no path.
    pub fn of_paths(text: &str) -> Option<Self> {
        let mut names = text.split('/');
        let is_path = text.len() <= MOST_BYTES
            && names.all(|name| !matches!(name, "" | "." | ".."))
            && !text.chars().any(char::is_control);
        let regex = regex::escape(text)
            .replace(r"\*\*", "(?s:.*)")
            .replace(r"\*", "[^/]*");
        let regex = is_path.then(|| compile(&format!(r"\A{regex}\z")).ok());
        Some(Self {
            text: text.to_owned(),
            regex: regex.flatten()?,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// A short text that it matches, if one is found.
    pub fn example(&self) -> Option<String> {
        let mut text = String::new();
        push_example(&regex_syntax::parse(&self.text).ok()?, &mut text)?;
        self.matches(&text).then_some(text)
    }
}

/// Of repetitions the fewest, of alternatives the first, of characters the lowest.
fn push_example(part: &Hir, text: &mut String) -> Option<()> {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(Literal(bytes)) => text.push_str(std::str::from_utf8(bytes).ok()?),
        HirKind::Class(Class::Unicode(class)) => text.push(class.ranges().first()?.start()),
        HirKind::Class(Class::Bytes(class)) => {
            text.push(char::from(class.ranges().first()?.start()));
        }
        HirKind::Repetition(repeated) => {
            for _ in 0..repeated.min {
                push_example(&repeated.sub, text)?;
                if text.len() > MOST_BYTES {
                    return None;
                }
            }
        }
        HirKind::Capture(group) => push_example(&group.sub, text)?,
        HirKind::Concat(parts) => {
            for part in parts {
                push_example(part, text)?;
            }
        }
        HirKind::Alternation(parts) => push_example(parts.first()?, text)?,
    }
    Some(())
}

fn compile(text: &str) -> Result<regex::Regex, String> {
    let built = RegexBuilder::new(text)
        .size_limit(MOST_COMPILED_BYTES)
        .dfa_size_limit(MOST_COMPILED_BYTES)
        .nest_limit(MOST_NESTED)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!(
            "the expression takes more than {} KiB when compiled: repeat less, or use `[0-9]` for `\\d` and `[a-z]` for `\\w`",
            MOST_COMPILED_BYTES / 1024
        ),
        error => {
            let told = error.to_string();
            let why = told.lines().last().unwrap_or_default();
            let why = why.trim().trim_start_matches("error: ");
            format!("not a regular expression: {why}; `\\` stands before a character that means itself")
        }
    })
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_matches_as_a_whole() {
        let pattern = Pattern::parse("registry[.]example/[a-z]+:v[0-9]+|none").unwrap();
        for (value, matches) in [
            ("registry.example/api:v12", true),
            ("none", true),
            ("registry.example/api:v12 ", false),
            ("registry.example/api:v12\n", false),
            ("x\nnone", false),
            ("evil/registry.example/api:v12", false),
            ("registry.example/api:v१", false),
            ("registry.examplеapi:v1", false),
        ] {
            assert_eq!(pattern.matches(value), matches, "{value:?}");
        }
    }

    #[test]
    fn an_example_is_one_that_matches() {
        for (pattern, example) in [
            (
                "registry[.]example/[a-z]+:v[0-9]+|none",
                Some("registry.example/a:v0"),
            ),
            ("(?:[A-Z]{2}-)?[0-9]{4,}", Some("0000")),
            ("", Some("")),
            (r"\b", None),
        ] {
            let found = Pattern::parse(pattern).ok().and_then(|one| one.example());
            assert_eq!(found.as_deref(), example, "{pattern}");
        }
    }

    #[test]
    fn a_path_matches_as_a_whole() {
        for (pattern, path, matches) in [
            ("targets/db-*.yaml", "targets/db-1.yaml", true),
            ("targets/db-*.yaml", "targets/db-a/b.yaml", false),
            ("targets/db-*.yaml", "other/targets/db-1.yaml", false),
            ("targets/db-*.yaml", "targets/db-1xyaml", false),
            ("rules/**", "rules/tests/a.yaml", true),
            ("rules/**", "rules", false),
            ("a.yaml", "a.yaml\n", false),
        ] {
            let read = Pattern::of_paths(pattern).unwrap();
            assert_eq!(read.matches(path), matches, "{pattern} {path}");
        }
        for wrong in ["", "/a", "a/", "a//b", "a/../b", "./a", "a\n"] {
            assert_eq!(Pattern::of_paths(wrong), None, "{wrong}");
        }
        assert!(Pattern::of_paths(&"*".repeat(999)).is_none_or(|read| read.matches("a")));
    }

    #[test]
    fn a_bad_expression_is_refused_with_a_reason() {
        let refused = |text: &str| Pattern::parse(text).unwrap_err();
        let mend = "`\\` stands before a character that means itself";
        assert_eq!(
            refused("a("),
            format!("not a regular expression: unclosed group; {mend}")
        );
        assert_eq!(
            refused("a)|(?:b"),
            format!("not a regular expression: unopened group; {mend}")
        );
        assert_eq!(
            refused(r"(a)\1"),
            format!("not a regular expression: backreferences are not supported; {mend}")
        );
        assert_eq!(
            refused("(a{1000}){1000}"),
            "the expression takes more than 128 KiB when compiled: repeat less, or use `[0-9]` for `\\d` and `[a-z]` for `\\w`"
        );
        assert_eq!(
            refused(&"a".repeat(1_001)),
            "the expression has 1001 bytes: at most 1000; list the values by `any_of`, or say less"
        );
        assert!(Pattern::parse(&"(".repeat(500)).is_err());
        assert!(Pattern::parse("(?x)a # the end").is_err());
    }
}
