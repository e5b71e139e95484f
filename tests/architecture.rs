//! The house rules, held against the sources: a rule that only a document states is broken within a month.
//!
//! This file is the table (read it as documentation), `architecture/` is how it is checked. Every file under
//! `src/` is read as text; nothing of the product runs. All violations are printed at once, each with its file
//! and line. Every rule has a test here that feeds it a violation, so that no rule can be one that never fails.

// A test may stop where the product may not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "architecture/caught.rs"]
mod caught;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scope.rs"]
mod scope;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/tokens.rs"]
mod tokens;

use std::path::Path;

/// A top-level module of `src/`, and which others it may name. Imports run one way: a room names only rooms
/// that stand above it in the table.
struct Room {
    name: &'static str,
    /// A pure room computes from its arguments alone: no I/O and no clock, so that the same clone gives the
    /// same decision for ever.
    pure: bool,
    may_name: &'static [&'static str],
}

const fn pure(name: &'static str, may_name: &'static [&'static str]) -> Room {
    Room {
        name,
        pure: true,
        may_name,
    }
}

const fn room(name: &'static str, may_name: &'static [&'static str]) -> Room {
    Room {
        name,
        pure: false,
        may_name,
    }
}

/// Everything above it in the table.
const ALL_ABOVE: &[&str] = &["*"];

/// The order of the rooms.
#[rustfmt::skip]
const ROOMS: &[Room] = &[
    pure("domain",  &[]),
    pure("rules",   &["domain"]),
    pure("risk",    &["domain", "rules"]),
    pure("gate",    &["domain", "rules", "risk"]),
    pure("insight", &["domain"]),
    room("http",    &[]),
    room("git",     &["domain", "http"]),
    room("ledger",  &["domain", "rules", "risk", "gate", "insight", "git"]),
    room("forge",   &["domain", "git", "ledger"]),
    room("execute", &["domain", "rules", "http", "ledger"]),
    room("bot",     ALL_ABOVE),
    room("server",  ALL_ABOVE),
    room("cli",     ALL_ABOVE),
    room("main",    ALL_ABOVE),
    room("lib",     ALL_ABOVE),
];

/// Where a foreign library may be named.
enum Place {
    /// Files whose path starts so.
    Under(&'static [&'static str]),
    /// Wherever it is, but in one file (or one folder below a room) only.
    Single,
}

/// One room per foreign library: its types do not spread, and it can be replaced in one place.
#[rustfmt::skip]
const FOREIGN: &[(&str, Place)] = &[
    ("git2",           Place::Under(&["src/git/"])),
    ("octocrab",       Place::Under(&["src/forge/github/", "src/forge/github.rs"])),
    ("ureq",           Place::Under(&["src/http/"])),
    ("rustls",         Place::Under(&["src/http/"])),
    ("rustls_native_certs", Place::Under(&["src/http/"])),
    ("serde_yaml",     Place::Under(&["src/domain/yaml"])),
    ("serde_saphyr",   Place::Under(&["src/domain/yaml"])),
    ("cel",            Place::Under(&["src/rules/condition.rs", "src/rules/condition/"])),
    ("axum",           Place::Under(&["src/server/"])),
    ("askama",         Place::Under(&["src/server/"])),
    ("futures_util",   Place::Under(&["src/server/dashboard/live.rs"])),
    ("utoipa",         Place::Under(&["src/server/"])),
    ("utoipa_axum",    Place::Under(&["src/server/"])),
    ("prometheus_client", Place::Under(&["src/server/"])),
    ("rmcp",           Place::Under(&["src/server/mcp"])),
    ("rusqlite",       Place::Single),
    ("parquet",        Place::Under(&["src/cli/export"])),
    ("csv",            Place::Under(&["src/cli/export"])),
    ("clap",           Place::Under(&["src/cli/", "src/main.rs"])),
    ("clap_complete",  Place::Under(&["src/cli/", "src/main.rs"])),
    ("comfy_table",    Place::Under(&["src/cli/", "src/main.rs"])),
    ("indicatif",      Place::Under(&["src/cli/", "src/main.rs"])),
    // Typed errors at the borders of a room: a caller must be able to tell a lost race from a broken rule file.
    ("anyhow",         Place::Under(&["src/bot/", "src/server/", "src/cli/", "src/main.rs"])),
];

/// What a pure room may not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "chrono::Utc::now",
    "chrono::Local::now",
    // Both read the clock and the machine's randomness.
    "ulid::Ulid::new",
    "ulid::Ulid::generate",
];

/// What is no I/O where it is used, file by file, and why.
const PURE_ALL_THE_SAME: &[(&str, &str)] = &[
    // The CEL parser recurses; a thread of its own gives it a stack that no expression overflows.
    ("src/rules/condition.rs", "std::thread"),
];

/// What a pure room's tests may name all the same: they read samples and hold a stopwatch, but may no more
/// depend on the date than what they test.
const IMPURE_BUT_FOR_TESTS: &[&str] = &[
    "std::fs",
    "std::io",
    "std::env",
    "std::time::Instant",
    "println!",
];

const IMPURE_MACROS: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];

/// Rooms that write inside of a git directory, where every file has the permissions of `core.sharedRepository`.
const WRITES_IN_REPOSITORY: &[&str] = &["git", "ledger", "forge", "bot"];

/// What makes a file or folder with the permissions that the umask leaves.
const MAKES_FILES: &[&str] = &[
    "std::fs::write",
    "std::fs::copy",
    "std::fs::create_dir",
    "std::fs::create_dir_all",
    "std::fs::DirBuilder",
    "std::fs::OpenOptions",
    "std::fs::File::create",
    "std::fs::File::create_new",
    "std::fs::File::options",
    "tempfile",
];

/// The same, as methods of libgit2's types.
const MAKES_FILES_BY_METHOD: &[&str] = &["packwriter", "blob", "reference", "set_bool", "set_str"];

/// Where files are made all the same, and why.
const MAKES_FILES_ALL_THE_SAME: &[&str] = &[
    // The one place where they have their permissions.
    "src/git/sharing.rs",
    // An auditor's own file, wherever they want it.
    "src/ledger/verify/checkpoint.rs",
];

/// A file is one idea; above this it is worth asking whether it is.
const MAX_FILE_LINES: usize = 800;

/// Names that say nothing, under which everything gathers.
const NO_NAMES: &[&str] = &["utils", "util", "common", "helpers", "misc"];

/// What may stop the program: outside tests a failure is a value.
const STOPPING_MACROS: &[&str] = &["todo", "unimplemented", "panic"];

#[test]
fn the_sources_keep_the_house_rules() {
    let sources = sources_under(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(
        sources
            .iter()
            .any(|(path, text)| path == "src/lib.rs" && !text.is_empty()),
        "src/lib.rs was not found, so nothing was checked"
    );
    let violations = rules::check(&sources);
    assert!(
        violations.is_empty(),
        "{} violations of the house rules (the table is in tests/architecture.rs):\n{}",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn the_table_itself_runs_one_way() {
    for (at, room) in ROOMS.iter().enumerate() {
        for named in room.may_name.iter().filter(|name| **name != "*") {
            assert!(
                ROOMS[..at].iter().any(|above| above.name == *named),
                "`{}` names `{named}`, which is not above it",
                room.name
            );
        }
    }
}

/// Every `.rs` file under `src/`, by its path from the project's root.
fn sources_under(root: &Path) -> Vec<(String, String)> {
    let mut folders = vec![root.join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy();
                found.push((
                    name.replace('\\', "/"),
                    std::fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}
