//! What holds README.md and docs/ to the program and to each other. All pages are read when the test runs.

mod agents_page;
mod blocks;
mod reference;
mod rules;
mod schema_tables;
mod sentences;
mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// Where the sources are.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page that people read, by its path, and its text.
fn pages() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::from("docs"), PathBuf::from(".github")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                // Programs, with the packages of whoever has tried them.
                if path != Path::new("docs/examples") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let path = path.to_str().unwrap();
                found.insert(path.to_owned(), read(path));
            }
        }
    }
    found.insert("README.md".to_owned(), read("README.md"));
    found
}

/// The name that GitHub gives a heading in an address.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|character| character.is_alphanumeric() || " -_".contains(*character))
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}

struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
}

fn parse(text: &str) -> Page {
    let mut page = Page {
        anchors: BTreeSet::new(),
        links: Vec::new(),
    };
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                page.anchors
                    .extend(heading.take().map(|text| anchor(&text)));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::InlineHtml(html) => {
                let id = html
                    .strip_prefix("<a id=\"")
                    .and_then(|html| html.strip_suffix("\">"));
                page.anchors.extend(id.map(str::to_owned));
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string());
            }
            _ => {}
        }
    }
    page
}

/// The path of a link as seen from a page, without `..`.
fn resolve(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop().unwrap();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(
        lines <= 150,
        "README.md has {lines} lines: move what is not a beginning to docs/"
    );
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let parsed: BTreeMap<&str, Page> = pages
        .iter()
        .map(|(path, text)| (path.as_str(), parse(text)))
        .collect();
    let mut wrong = Vec::new();
    for (path, page) in &parsed {
        for link in &page.links {
            if link.starts_with("https://") || link.starts_with("http://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() {
                (*path).to_owned()
            } else {
                resolve(path, file)
            };
            if !root().join(&file).exists() {
                wrong.push(format!("{path}: {link}: there is no {file}"));
            } else if !anchor.is_empty() && !parsed[file.as_str()].anchors.contains(anchor) {
                wrong.push(format!("{path}: {link}: {file} has no such heading"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_is_in_the_index() {
    let index = parse(&read("docs/README.md"));
    let linked: BTreeSet<String> = index
        .links
        .iter()
        .map(|link| resolve("docs/README.md", link))
        .collect();
    let missing: Vec<String> = pages()
        .into_keys()
        .filter(|path| path.starts_with("docs/") && path != "docs/README.md")
        .filter(|path| !linked.contains(path))
        .collect();
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "docs/README.md names them all"
    );
}

#[test]
fn no_paragraph_stands_twice() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    // What is made from the program says the same of the same thing.
    let written = pages()
        .into_iter()
        .filter(|(path, _)| !path.starts_with("docs/reference/"));
    let before_a_block = Regex::new(r"(?s)<!-- run.*?-->").unwrap();
    for (path, text) in written {
        for paragraph in before_a_block.replace_all(&text, "").split("\n\n") {
            let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.len() < 80 {
                continue;
            }
            if let Some(first) = seen.insert(words.clone(), path.clone()) {
                wrong.push(format!("{first} and {path}: {words}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first page of the crate as Markdown without links into it.
fn map_of_the_crate() -> String {
    let source = read("src/lib.rs");
    let page: Vec<String> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .map(|line| line.replace("[`", "`").replace("`]", "`"))
        .map(|line| {
            line.strip_prefix("# ")
                .map_or(line.clone(), |heading| format!("## {heading}"))
        })
        .collect();
    let page = page.join("\n");
    let (_, map) = page.split_once("\n\n").unwrap();
    map.to_owned()
}

#[test]
fn every_direct_dependency_has_a_reason() {
    let manifest = read("Cargo.toml");
    let mut is_list = false;
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_list = ["[dependencies]", "[dev-dependencies]"].contains(&line);
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| is_list) {
            taken.insert(name);
        }
    }
    assert!(taken.len() > 50, "{taken:?}");
    let page = read("docs/dependencies.md");
    let (_, list) = page.split_once("## The list\n").unwrap();
    let listed: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(" | "))
        .flat_map(|(names, _)| names.split("`, `"))
        .map(|name| name.trim_end_matches('`'))
        .collect();
    let without_reason: Vec<_> = taken.difference(&listed).collect();
    let not_taken: Vec<_> = listed.difference(&taken).collect();
    assert!(
        without_reason.is_empty() && not_taken.is_empty(),
        "docs/dependencies.md says why each is taken: it lacks {without_reason:?}, and has {not_taken:?}, which are not taken"
    );
}

#[test]
fn the_changelog_has_this_release() {
    let release = format!("\n## {}", env!("CARGO_PKG_VERSION"));
    assert!(
        read("docs/changelog.md").contains(&release),
        "docs/changelog.md has no section `{}`",
        release.trim()
    );
}

#[test]
fn the_map_is_the_one_of_the_crate() {
    let map = map_of_the_crate();
    assert!(
        read("docs/architecture.md").contains(&map),
        "docs/architecture.md and src/lib.rs differ. The page has to hold, word for word:\n\n{map}"
    );
}

#[test]
fn every_invariant_is_held_by_tests_that_exist() {
    let page = read("docs/architecture.md");
    let (_, list) = page.split_once("## Invariants\n").unwrap();
    let (list, _) = list.split_once("\n## ").unwrap();
    let mut held: Vec<(String, usize)> = Vec::new();
    let mut wrong = Vec::new();
    for line in list.lines() {
        if let Some((number, _)) = line
            .split_once(". ")
            .filter(|(at, _)| at.parse::<u32>().is_ok())
        {
            held.push((number.to_owned(), 0));
        } else if let Some(test) = line.strip_prefix("   - `") {
            let (name, path) = test.split_once("` (").unwrap();
            let path = path.strip_suffix(')').unwrap();
            held.last_mut().unwrap().1 += 1;
            let source = std::fs::read_to_string(root().join(path)).unwrap_or_default();
            if !source.contains(&format!("fn {name}(")) {
                wrong.push(format!("{path} has no test `{name}`"));
            }
        }
    }
    wrong.extend(
        held.iter()
            .filter(|(_, tests)| *tests == 0)
            .map(|(number, _)| format!("invariant {number} is held by nothing")),
    );
    assert_eq!(held.len(), 13, "{held:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
