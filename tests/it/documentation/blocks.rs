//! What stands in fences: `sh` is run ([`super::typed`]), `yaml` is read ([`super::rules`]), `json`
//! names commands that exist ([`super::sentences`]), and nothing is left out but what
//! is listed here.

use std::collections::BTreeSet;

use super::pages;
use super::typed::TYPED;

/// Blocks that are not run here, by their page and first line, and why.
const NOT_RUN: [(&str, &str, &str); 8] = [
    ("README.md", "cargo test", "this is it"),
    (
        "docs/github.md",
        "gh api repos/acme/governance/rulesets",
        "asks GitHub for a ruleset: tests/github/documentation.rs holds it against GitHub's description",
    ),
    (
        "docs/operators.md",
        "git -C governance.git update-ref refs/heads/main LAST WRONG",
        "takes back what a wrong clock wrote: tests/it/verify/clocks.rs does it",
    ),
    (
        "docs/install.md",
        "curl -fsSLO https://github.com/",
        "fetches a release: packaging/test.sh runs the script on one of its own",
    ),
    (
        "docs/install.md",
        "gh attestation verify countersign-0.4.0",
        "asks GitHub for an attestation",
    ),
    (
        "docs/install.md",
        "gh attestation verify countersign_0.4.0",
        "installs a package: packaging/test.sh does it in a Debian of its own",
    ),
    (
        "docs/install.md",
        "sudo -u countersign countersign init",
        "needs the package's user: packaging/test.sh does it",
    ),
    (
        "docs/install.md",
        "podman run --read-only",
        "fetches the image: packaging/test.sh runs its root file system",
    ),
];

/// A block in a fence.
#[derive(Debug)]
pub struct Block {
    /// What stands behind the fence: the language first.
    pub info: String,
    pub text: String,
    pub line: usize,
    /// What is done before it and not shown: a comment that begins with `<!-- run`.
    pub before: String,
}

impl Block {
    pub fn language(&self) -> &str {
        self.info.split(' ').next().unwrap_or_default()
    }
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = String::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let mut gather = |end: &str| {
            let inside = lines.by_ref().map(|(_, line)| line);
            let inside: Vec<&str> = inside.take_while(|line| *line != end).collect();
            inside.join("\n") + "\n"
        };
        if line == "<!-- run" {
            before.push_str(&gather("-->"));
        } else if let Some(info) = line.strip_prefix("```") {
            blocks.push(Block {
                info: info.to_owned(),
                text: gather("```"),
                line: at + 1,
                before: std::mem::take(&mut before),
            });
        }
    }
    blocks
}

/// Every page that is written by hand.
pub fn written() -> Vec<(String, String)> {
    let pages = pages().into_iter();
    pages
        .filter(|(path, _)| !path.starts_with("docs/reference/"))
        .collect()
}

pub fn why_not_run(path: &str, block: &Block) -> Option<&'static str> {
    let reason = NOT_RUN
        .iter()
        .find(|(page, first, _)| *page == path && block.text.starts_with(first));
    reason.map(|(.., why)| *why)
}

#[test]
fn no_block_is_left_out() {
    let mut wrong = Vec::new();
    let mut left_out = BTreeSet::new();
    for (path, text) in written() {
        for block in blocks(&text) {
            let place = format!("{path}:{}", block.line);
            match block.language() {
                // What a page quotes.
                "" => {}
                "yaml" | "json" => {}
                "sh" => match why_not_run(&path, &block) {
                    Some(why) => {
                        left_out.insert(why);
                    }
                    None if TYPED.contains(&path.as_str()) => {}
                    None => wrong.push(format!("{place}: nobody types the commands of this page")),
                },
                language => wrong.push(format!("{place}: nobody reads `{language}`")),
            }
        }
    }
    for (page, first, why) in NOT_RUN {
        if !left_out.contains(why) {
            wrong.push(format!("{page}: there is no block `{first}` to leave out"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
