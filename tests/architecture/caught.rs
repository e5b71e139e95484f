//! Each rule is shown a violation and must see it, and the nearest lawful thing and must not.

use crate::rules::check;

/// Checks one file that opens as it should.
fn violations(path: &str, body: &str) -> Vec<String> {
    check(&[(path.to_owned(), format!("//! Why.\n{body}\n"))])
}

#[track_caller]
fn caught(path: &str, body: &str, expected: &str) {
    let found = violations(path, body);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "expected `{expected}` for:\n{body}\nfound: {found:#?}"
    );
}

#[track_caller]
fn lawful(path: &str, body: &str) {
    let found = violations(path, body);
    assert!(
        found.is_empty(),
        "expected nothing for:\n{body}\nfound: {found:#?}"
    );
}

#[test]
fn a_back_edge_is_caught_however_it_is_written() {
    let verdict = "src/gate/verdict.rs";
    for body in [
        "use crate::git::Repository;",
        "use crate::{domain::ids::Sha, git::Repository};",
        "use super::super::git::Repository;",
        "use crate as house; fn f(_: house::git::Repository) {}",
        "fn f() { crate::git::open(); }",
        "fn f() -> Vec<super::super::git::Repository> { Vec::new() }",
        "fn f() { format!(\"{}\", crate::git::open()); }",
        "macro_rules! m { () => { $crate::git::open() } }",
        "#[derive(Serialize)] struct A { #[serde(with = \"crate::git::text\")] b: u8 }",
        "mod inner { use super::super::super::git::Repository; }",
        "#[cfg(test)] mod tests { use crate::git::Repository; }",
    ] {
        caught(verdict, body, "order: `gate` may not name `git`");
    }
    caught(
        verdict,
        "\n\nuse crate::git::Repository;",
        "verdict.rs:4: order",
    );
    caught(
        "src/gate/mod.rs",
        "use super::*;",
        "order: `crate::*` hides",
    );
    caught(
        "src/domain/ids.rs",
        "use crate::rules::Rules;",
        "it may name no other room",
    );
    caught(
        "src/bot/mod.rs",
        "use crate::cli::Args;",
        "order: `bot` may not name `cli`",
    );
    caught(
        "src/insight/mod.rs",
        "use crate::ledger::Entry;",
        "order: `insight` may not name `ledger`",
    );
    caught("src/shed/mod.rs", "", "order: `shed` is not a room");

    lawful(
        verdict,
        "use crate::risk::Assessment; use super::permit::Permit; use self::inner::X; mod inner {}",
    );
    lawful(
        verdict,
        "/// Not an import: [`crate::git::Repository`].\nfn f() {} // crate::git",
    );
    lawful("src/cli/run.rs", "use crate::{server, bot, git};");
    lawful("src/main.rs", "fn main() { countersign::cli::run(); }");
}

#[test]
fn a_file_that_is_made_without_its_permissions_is_caught() {
    for (body, maker) in [
        (
            "use std::fs; fn f() { fs::write(\"a\", \"b\"); }",
            "std::fs::write",
        ),
        (
            "use std::fs::{self, File}; fn f() { File::create(\"a\"); }",
            "std::fs::File::create",
        ),
        (
            "fn f() { std::fs::create_dir_all(\"a\"); }",
            "std::fs::create_dir_all",
        ),
        ("use std::fs::OpenOptions;", "std::fs::OpenOptions"),
        (
            "fn f(odb: git2::Odb<'_>) { odb.packwriter(); }",
            ".packwriter()",
        ),
    ] {
        let expected = format!("permissions: `{maker}`");
        caught("src/git/buffer.rs", body, &expected);
    }
    caught(
        "src/bot/executions.rs",
        "fn f() { std::fs::File::options(); }",
        "permissions: `std::fs::File::options`",
    );
    lawful("src/git/sharing.rs", "use std::fs::OpenOptions;");
    lawful("src/cli/export/file.rs", "use std::fs::OpenOptions;");
    lawful(
        "src/git/buffer.rs",
        "use std::fs; fn f() { fs::rename(\"a\", \"b\"); }",
    );
    lawful(
        "src/git/buffer.rs",
        "#[cfg(test)] mod tests { fn f() { std::fs::write(\"a\", \"b\"); } }",
    );
}

#[test]
fn io_and_clocks_in_a_pure_room_are_caught() {
    for (body, what) in [
        ("use std::fs;", "`std::fs`"),
        ("use std::{fmt, fs::File};", "`std::fs`"),
        ("use std::io::Error;", "`std::io`"),
        ("fn f() { std::net::lookup(); }", "`std::net`"),
        ("fn f() { std::process::exit(1); }", "`std::process`"),
        ("fn f() { let _ = std::env::var(\"A\"); }", "`std::env`"),
        ("use std::thread::spawn;", "`std::thread`"),
        (
            "use std::time::{Duration, Instant};",
            "`std::time::Instant`",
        ),
        (
            "use std::time; fn f() { time::SystemTime::now(); }",
            "`std::time::SystemTime`",
        ),
        (
            "async fn f() { tokio::task::yield_now().await; }",
            "`tokio`",
        ),
        ("use tokio;", "`tokio`"),
        ("fn f() { chrono::Utc::now(); }", "`chrono::Utc::now`"),
        (
            "use chrono::Utc as Clock; fn f() { g(Clock::now); }",
            "`chrono::Utc::now`",
        ),
        (
            "use chrono::Local; fn f() { format!(\"{}\", Local::now()); }",
            "`chrono::Local::now`",
        ),
        (
            "use ulid::Ulid; fn f() { Ulid::generate(); }",
            "`ulid::Ulid::generate`",
        ),
        ("fn f() { println!(); }", "`println!`"),
        ("fn f() { std::eprintln!(); }", "`eprintln!`"),
        ("fn f() { dbg!(1); }", "`dbg!`"),
        (
            "#[cfg(test)] mod tests { use std::net::TcpStream; }",
            "`std::net`",
        ),
        (
            "#[cfg(test)] mod tests { fn f() { chrono::Utc::now(); } }",
            "`chrono::Utc::now`",
        ),
    ] {
        for room in ["domain", "rules", "risk", "gate", "insight"] {
            caught(
                &format!("src/{room}/x.rs"),
                body,
                &format!("purity: {what}"),
            );
        }
        lawful("src/bot/x.rs", body);
    }
    assert!(!violations("src/gate/x.rs", "use std::*;").is_empty());

    lawful(
        "src/risk/x.rs",
        "use std::{fmt, time::Duration}; const V: &str = std::env!(\"CARGO_PKG_VERSION\");",
    );
    lawful(
        "src/risk/x.rs",
        "const V: &str = concat!(env!(\"CARGO_PKG_VERSION\"), \"println!()\");",
    );
    lawful(
        "src/risk/x.rs",
        "use chrono::{DateTime, Utc}; fn f(now: DateTime<Utc>) {}",
    );
    lawful(
        "src/risk/x.rs",
        "#[cfg(test)] mod tests { use std::fs; use std::time::Instant; }",
    );
}

#[test]
fn a_foreign_library_outside_its_room_is_caught() {
    for library in [
        "git2",
        "octocrab",
        "serde_yaml",
        "serde_saphyr",
        "cel",
        "axum",
        "clap",
        "comfy_table",
        "indicatif",
        "anyhow",
    ] {
        let expected = format!("foreign: `{library}` is named only in");
        caught(
            "src/ledger/trail.rs",
            &format!("use {library}::X;"),
            &expected,
        );
        caught("src/ledger/trail.rs", &format!("use {library};"), &expected);
        caught(
            "src/ledger/trail.rs",
            &format!("use ::{library}::X as Y;"),
            &expected,
        );
        caught(
            "src/ledger/trail.rs",
            &format!("extern crate {library} as other;"),
            &expected,
        );
        caught(
            "src/ledger/trail.rs",
            &format!("fn f() {{ g!({library}::h()); }}"),
            &expected,
        );
        caught(
            "src/ledger/trail.rs",
            &format!("#[derive({library}::D)] struct A;"),
            &expected,
        );
    }
    caught(
        "src/forge/local/mod.rs",
        "use octocrab::Octocrab;",
        "foreign: `octocrab`",
    );

    lawful("src/git/read.rs", "use git2::Oid;");
    lawful("src/forge/github/mod.rs", "use octocrab::Octocrab;");
    lawful("src/domain/yaml/tree.rs", "use serde_yaml::Value;");
    lawful("src/bot/mod.rs", "use anyhow::Result;");
    lawful("src/ledger/mod.rs", "mod cel; use cel::X;");
}

#[test]
fn a_library_with_one_place_is_caught_in_the_second() {
    let file = |path: &str| {
        (
            path.to_owned(),
            "//! Why.\nuse rusqlite::Connection;\n".to_owned(),
        )
    };
    assert!(check(&[file("src/bot/index.rs")]).is_empty());
    assert!(check(&[file("src/bot/index/mod.rs"), file("src/bot/index/rows.rs")]).is_empty());
    let found = check(&[file("src/bot/index.rs"), file("src/server/cache.rs")]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("src/bot/index.rs:2: foreign: `rusqlite` is named in 2 places"));
}

#[test]
fn a_long_file_is_caught_and_only_code_counts() {
    let code = |lines: usize| "const A: &str = \"// code\";\n".repeat(lines);
    caught("src/risk/x.rs", &code(801), "length: 801 lines of code");
    let padded = format!(
        "{}\n/// Words.\n// Words.\n/* Words,\nand more. */\n\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        code(800),
        code(100)
    );
    lawful("src/risk/x.rs", &padded);
    caught(
        "src/risk/x.rs",
        &format!("{padded}{}", code(1)),
        "length: 801 lines of code",
    );
    caught(
        "src/risk/x.rs",
        &format!("#[cfg(not(test))]\nmod a {{\n{}}}", code(800)),
        "length: 803",
    );
}

#[test]
fn a_test_module_in_its_own_file_is_known_as_one() {
    let file = |path: &str, body: &str| (path.to_owned(), format!("//! Why.\n{body}\n"));
    let inner = file("src/risk/tests/deep.rs", "fn f() { None::<u8>.unwrap(); }");
    let declared = |attribute: &str| file("src/risk/mod.rs", &format!("{attribute}\nmod tests;"));
    assert!(check(&[declared("#[cfg(test)]"), inner.clone()]).is_empty());
    assert_eq!(check(&[declared(""), inner]).len(), 1);
}

#[test]
fn a_file_that_does_not_say_why_it_exists_is_caught() {
    let found = check(&[(
        "src/risk/x.rs".to_owned(),
        "use std::fmt;\n//! Late.\n".replace("//!", "//"),
    )]);
    assert!(
        found.len() == 1 && found[0].contains("x.rs:1: opening"),
        "{found:#?}"
    );
}

#[test]
fn names_that_say_nothing_are_caught() {
    for name in ["utils", "util", "common", "helpers", "misc"] {
        let expected = format!("name: module `{name}`");
        caught(&format!("src/risk/{name}.rs"), "", &expected);
        caught(&format!("src/risk/{name}/mod.rs"), "", &expected);
        caught("src/risk/x.rs", &format!("mod {name} {{}}"), &expected);
    }
    caught(
        "src/risk/x.rs",
        "pub fn get_level() {}",
        "name: fn `get_level`",
    );
    caught(
        "src/risk/x.rs",
        "trait T { fn get_level(&self); }",
        "name: fn `get_level`",
    );
    lawful(
        "src/risk/x.rs",
        "pub fn get() {} fn target() {} impl Foreign for A { fn get_level(&self) {} }",
    );
}

#[test]
fn what_stops_the_program_is_caught_outside_tests() {
    for (body, name) in [
        ("fn f() { g().unwrap(); }", "unwrap"),
        ("fn f() { g()\n.expect(\"a thing\"); }", "expect"),
        ("fn f() { a.map(Option::unwrap); }", "unwrap"),
        ("fn f() { format!(\"{}\", g().unwrap()); }", "unwrap"),
        ("fn f() { todo!() }", "todo"),
        ("fn f() { unimplemented!(); }", "unimplemented"),
        ("fn f() { std::panic!(\"no\"); }", "panic"),
        ("fn f() { unsafe { g() } }", "unsafe"),
        ("unsafe impl Send for A {}", "unsafe"),
        ("#[cfg(not(test))] fn f() { g().unwrap(); }", "unwrap"),
        ("#[cfg(test)] use a::b;\nfn f() { g().unwrap(); }", "unwrap"),
    ] {
        caught(
            "src/bot/x.rs",
            body,
            &format!("stop: `{name}` outside tests"),
        );
    }
    let twice = violations("src/bot/x.rs", "fn f() { a.unwrap();\nb.unwrap(); }");
    assert_eq!(twice.len(), 2, "{twice:#?}");

    lawful(
        "src/bot/x.rs",
        "fn f() { a.unwrap_or(1); b.expect; c.unwrap(1); }",
    );
    lawful(
        "src/bot/x.rs",
        "#[cfg(test)]\n#[allow(clippy::unwrap_used)]\nmod tests { fn f() { a.unwrap(); panic!() } }",
    );
    lawful(
        "src/bot/x.rs",
        "impl A { #[cfg(test)]\nfn f<A, B>() {\na.unwrap()\n} }",
    );
}

#[test]
fn what_cannot_be_read_is_not_passed_over() {
    let found = check(&[("src/risk/x.rs".to_owned(), "fn {".to_owned())]);
    assert!(found[0].contains("cannot be read as Rust"), "{found:#?}");
}
