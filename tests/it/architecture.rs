//! What neither the compiler nor clippy can hold: which module may name which, and where a library may be named.
//!
//! The sources are read as text, line by line, without their comments. What may stop the program is clippy's to hold
//! (`Cargo.toml`), and what may make a file inside of a git directory, too (`clippy.toml`).

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// The modules of the crate in their order, and whom each may name: all above it where nothing is said.
#[rustfmt::skip]
const MODULES: &[(&str, Option<&[&str]>)] = &[
    ("domain",  Some(&[])),
    ("rules",   Some(&["domain"])),
    ("risk",    Some(&["domain", "rules"])),
    ("gate",    Some(&["domain", "rules", "risk"])),
    ("insight", Some(&["domain"])),
    ("cache",   Some(&[])),
    ("files",   Some(&[])),
    ("http",    Some(&[])),
    ("git",     Some(&["domain", "cache", "files"])),
    ("ledger",  Some(&["domain", "rules", "risk", "gate", "insight", "git"])),
    ("forge",   Some(&["domain", "http", "git", "ledger"])),
    ("execute", Some(&["domain", "rules", "files", "http", "ledger"])),
    ("bot",     None),
    ("server",  None),
    ("cli",     None),
    ("main",    None),
    ("lib",     None),
];

/// These compute from their arguments alone, so that the same clone gives the same decision for ever.
const PURE: &[&str] = &["domain", "rules", "risk", "gate", "insight"];

/// What reads a clock, the machine's randomness or anything outside of the process.
static IMPURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"std::(fs|io|net|process|env|thread|\{)|\btokio\b|(Utc|Local|Instant|SystemTime)::now|\bUlid::(new|generate)\b|\be?print(ln)?!|\bdbg!").unwrap()
});
/// What their tests may use all the same: they read samples and hold a stopwatch.
static IMPURE_BUT_FOR_TESTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"std::(fs|io|env)|Instant::now|\bprintln!").unwrap());
/// The parser of conditions recurses; a thread of its own gives it a stack that no expression overflows.
const PURE_ALL_THE_SAME: (&str, &str) = ("src/rules/condition.rs", "std::thread");

/// Where a library may be named, so that its types do not spread and it can be replaced in one place.
#[rustfmt::skip]
const LIBRARIES: &[(&str, &[&str])] = &[
    ("git2",                &["src/git/"]),
    ("octocrab",            &["src/forge/github/"]),
    ("hyper_rustls",        &["src/http.rs"]),
    ("http_body_util",      &["src/http.rs"]),
    ("serde_yaml",          &["src/domain/yaml"]),
    ("serde_saphyr",        &["src/domain/yaml"]),
    ("cel",                 &["src/rules/condition"]),
    ("regex",               &["src/rules/pattern.rs"]),
    ("regex_syntax",        &["src/rules/pattern.rs"]),
    ("axum",                &["src/server/"]),
    ("askama",              &["src/server/"]),
    ("futures_util",        &["src/server/dashboard/live.rs"]),
    ("utoipa",              &["src/server/"]),
    ("utoipa_axum",         &["src/server/"]),
    ("prometheus_client",   &["src/server/"]),
    ("rmcp",                &["src/server/mcp"]),
    ("rusqlite",            &["src/cli/export/sqlite.rs"]),
    ("parquet",             &["src/cli/export"]),
    ("csv",                 &["src/cli/export"]),
    ("clap",                &["src/cli/", "src/main.rs"]),
    ("clap_complete",       &["src/cli/", "src/main.rs"]),
    ("comfy_table",         &["src/cli/"]),
    ("indicatif",           &["src/cli/"]),
    // Typed errors elsewhere: a caller must be able to tell a lost race from a broken rule file.
    ("anyhow",              &["src/bot/", "src/server/", "src/cli/", "src/main.rs"]),
];

/// A module of the crate, as it is named from its root or by climbing up to it; and a library.
static NAMES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bcrate(?:::(\w+)?| as )").unwrap());
static CLIMBS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"((?:\bsuper::)+)(\w+|\{|\*)").unwrap());
static LIBRARY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[^:\w])(\w+)(?:::|;| as )").unwrap());

/// A file is one idea; above this it is worth asking whether it is.
const MOST_LINES: usize = 800;

#[test]
fn the_sources_keep_to_the_map() {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
                let name = name.to_string_lossy().replace('\\', "/");
                found.extend(violations(&name, &std::fs::read_to_string(&path).unwrap()));
                files += 1;
            }
        }
    }
    assert!(files > 100, "{files} files were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push(format!(
            "{path}: it opens with `//!` and says why it exists"
        ));
    }
    if text.lines().count() > MOST_LINES {
        found.push(format!("{path}: over {MOST_LINES} lines: is it one idea?"));
    }
    let module: Vec<&str> = module_of(path);
    let Some(at) = MODULES.iter().position(|(name, _)| *name == module[0]) else {
        found.push(format!(
            "{path}: `{}` has no place among the modules",
            module[0]
        ));
        return found;
    };
    let is_test = module.contains(&"tests");
    let mut inner = 0;
    for (number, line) in text.lines().enumerate() {
        // A link may stand in a string, a comment may not count.
        let code = match line.trim_start().starts_with("//") {
            true => "",
            false => line.split(" // ").next().unwrap_or(line),
        };
        match code {
            _ if code.starts_with("mod ") && code.ends_with('{') => inner = 1,
            "}" => inner = 0,
            _ => {}
        }
        let mut say = |what: String| found.push(format!("{path}:{}: {what}", number + 1));
        let of_crate = NAMES
            .captures_iter(code)
            .map(|found| found.get(1).map(|name| name.as_str()));
        let of_root = CLIMBS.captures_iter(code).filter_map(|found| {
            let depth = module.len() + inner;
            (found[1].len() / "super::".len() >= depth)
                .then(|| found.get(2).map(|name| name.as_str()))
        });
        for name in of_crate.chain(of_root) {
            match name.filter(|name| MODULES.iter().any(|(module, _)| module == name)) {
                Some(name) if may_name(at, name) => {}
                Some(name) => say(format!("`{}` may not name `{name}`", module[0])),
                None => say("name the module, one on a line".to_owned()),
            }
        }
        if PURE.contains(&module[0]) {
            for impure in IMPURE.find_iter(code) {
                let impure = impure.as_str();
                if !(is_test && IMPURE_BUT_FOR_TESTS.is_match(impure))
                    && (path, impure) != PURE_ALL_THE_SAME
                {
                    say(format!(
                        "`{impure}` in `{}`, which is pure: take it as an argument",
                        module[0]
                    ));
                }
            }
        }
        for library in LIBRARY.captures_iter(code) {
            let found = LIBRARIES.iter().find(|(name, _)| *name == &library[1]);
            if let Some((name, places)) = found
                && !places.iter().any(|place| path.starts_with(place))
            {
                say(format!("`{name}` is named only in {}", places.join(", ")));
            }
        }
    }
    found
}

fn may_name(at: usize, name: &str) -> bool {
    let (own, listed) = MODULES[at];
    let is_above = MODULES[..at].iter().any(|(above, _)| *above == name);
    name == own || listed.map_or(is_above, |listed| is_above && listed.contains(&name))
}

/// `src/git/tests/refs.rs` is `git`, `tests`, `refs`.
fn module_of(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    path.trim_end_matches("/mod").split('/').collect()
}

#[test]
fn what_does_not_keep_to_the_map_is_found() {
    let verdict = "src/gate/verdict.rs";
    for (path, code, expected) in [
        (
            verdict,
            "use crate::git::Repository;",
            "`gate` may not name `git`",
        ),
        (
            verdict,
            "use super::super::git::Repository;",
            "`gate` may not name `git`",
        ),
        (
            verdict,
            "    git: &crate::git::Repository,",
            "`gate` may not name `git`",
        ),
        (
            verdict,
            "mod tests {\n    use super::super::super::git::Repository;\n}",
            "`gate` may not name `git`",
        ),
        (verdict, "use crate::{domain, git};", "name the module"),
        (verdict, "use crate as house;", "name the module"),
        ("src/gate/mod.rs", "use super::*;", "name the module"),
        (
            "src/domain/ids.rs",
            "use crate::rules::Rules;",
            "`domain` may not name `rules`",
        ),
        (
            "src/insight/mod.rs",
            "use crate::ledger::Entry;",
            "`insight` may not name `ledger`",
        ),
        (
            "src/bot/mod.rs",
            "use crate::cli::Args;",
            "`bot` may not name `cli`",
        ),
        ("src/shed/mod.rs", "", "`shed` has no place"),
        (verdict, "use std::fs::File;", "`std::fs` in `gate`"),
        (verdict, "use std::{fs, io};", "`std::{` in `gate`"),
        (
            verdict,
            "let now = chrono::Utc::now();",
            "`Utc::now` in `gate`",
        ),
        (verdict, "println!();", "`println!` in `gate`"),
        (
            "src/gate/tests.rs",
            "let now = Utc::now();",
            "`Utc::now` in `gate`",
        ),
        (
            "src/ledger/draft.rs",
            "use git2::Oid;",
            "`git2` is named only in src/git/",
        ),
        (
            "src/ledger/draft.rs",
            "fn f(id: git2::Oid) {}",
            "`git2` is named only in src/git/",
        ),
        (
            "src/ledger/draft.rs",
            "use anyhow::Context;",
            "`anyhow` is named only in",
        ),
    ] {
        let found = violations(path, &format!("//! Why.\n{code}\n"));
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{code}: {found:?}"
        );
    }
    for (path, code) in [
        (
            verdict,
            "use crate::risk::Assessment;\nuse super::permit::Permit;",
        ),
        (
            verdict,
            "mod tests {\n    use super::super::permit::Permit;\n}",
        ),
        (verdict, "/// Not an import: [`crate::git::Repository`]."),
        (verdict, "use std::collections::BTreeMap; // not std::fs"),
        ("src/gate/tests.rs", "let text = std::fs::read(\"sample\");"),
        ("src/git/refs.rs", "use git2::Oid;"),
        ("src/cli/run.rs", "use crate::server::serve;"),
    ] {
        let found = violations(path, &format!("//! Why.\n{code}\n"));
        assert_eq!(found, [""; 0], "{code}");
    }
    assert_eq!(violations(verdict, "fn f() {}\n").len(), 1);
    assert_eq!(
        violations(verdict, &format!("//! Why.\n{}", "\n".repeat(MOST_LINES))).len(),
        1
    );
}
