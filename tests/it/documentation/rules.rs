//! Every `yaml` block is added to the rules of a pack and read by the program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use serde_yaml::Value as Yaml;

use super::blocks::{Block, blocks, written};
use super::read;
use crate::support::{Ran, binary, clean};

/// The rules that `init` writes for the example of a pack, without policy tests: name and content of each file.
type RuleTexts = BTreeMap<OsString, Vec<u8>>;

fn rules_of(pack: &str) -> RuleTexts {
    let made = tempfile::tempdir().unwrap();
    let repository = made.path().join("governance.git");
    let clone = made.path().join("clone");
    let program = binary();
    let [program, repository, clone] =
        [&program, &repository, &clone].map(|path| path.to_str().unwrap());
    for command in [
        &[program, "init", repository, "--pack", pack, "--example"][..],
        &["git", "clone", "--quiet", repository, clone],
    ] {
        let (program, arguments) = command.split_first().unwrap();
        let mut command = Command::new(program);
        command.args(arguments).env_remove("COUNTERSIGN_REPO");
        clean(&mut command, "you@example.org");
        Ran::of(&command.output().unwrap()).succeeds();
    }
    let entries = std::fs::read_dir(Path::new(clone).join("rules")).unwrap();
    entries
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

/// A folder with these rules; those of a pack are made once.
fn example_of(pack: &str) -> tempfile::TempDir {
    static MADE: Mutex<BTreeMap<String, RuleTexts>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let texts = made
        .entry(pack.to_owned())
        .or_insert_with(|| rules_of(pack));
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    for (name, text) in texts {
        std::fs::write(rules.join(name), text).unwrap();
    }
    folder
}

/// What a block adds to each file that it names.
fn additions(block: &Block) -> Vec<(String, Yaml)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        match line
            .strip_prefix("# ")
            .filter(|name| name.ends_with(".yaml"))
        {
            Some(name) => found.push((name.to_owned(), String::new())),
            None => {
                let (_, text) = found
                    .last_mut()
                    .expect("a block begins with the name of a file");
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    found
        .into_iter()
        .map(|(name, text)| (name, serde_yaml::from_str(&text).unwrap()))
        .collect()
}

/// Lists of entries grow, mappings are filled, and everything else takes the place of what stood there.
fn add(to: &mut Yaml, from: Yaml) {
    match (to, from) {
        (Yaml::Mapping(to), Yaml::Mapping(from)) => {
            for (key, value) in from {
                add(to.entry(key).or_insert(Yaml::Null), value);
            }
        }
        (Yaml::Sequence(to), Yaml::Sequence(from)) if from.iter().any(Yaml::is_mapping) => {
            to.extend(from);
        }
        (to, from) => *to = from,
    }
}

/// Adds to the files of a folder what a block says, and asks the program what it thinks of it.
fn try_rules(folder: &Path, additions: &[(String, Yaml)]) -> Ran {
    for (name, addition) in additions {
        let path = folder.join(name);
        let mut document = match std::fs::read_to_string(&path) {
            Ok(text) => serde_yaml::from_str(&text).unwrap(),
            Err(_) if name.starts_with("rules/tests/") => {
                serde_yaml::from_str("schema: countersign/policy-test/v1").unwrap()
            }
            Err(_) => {
                let (_, kind) = name.rsplit_once('/').unwrap();
                let kind = kind.trim_end_matches(".yaml");
                serde_yaml::from_str(&format!("schema: countersign/{kind}/v1")).unwrap()
            }
        };
        add(&mut document, addition.clone());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, serde_yaml::to_string(&document).unwrap()).unwrap();
    }
    ask(folder, "test")
}

fn ask(folder: &Path, command: &str) -> Ran {
    let output = Command::new(binary())
        .args([command, "."])
        .current_dir(folder)
        .env_remove("COUNTERSIGN_REPO")
        .output()
        .unwrap();
    Ran::of(&output)
}

#[test]
fn every_yaml_block_is_understood_and_says_something() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in written() {
        for block in blocks(&text)
            .iter()
            .filter(|block| block.language() == "yaml")
        {
            count += 1;
            let place = format!("{path}:{}", block.line);
            let Some(pack) = block.info.strip_prefix("yaml pack=") else {
                wrong.push(format!(
                    "{place}: say which pack it is for: `yaml pack=trading`"
                ));
                continue;
            };
            let additions = additions(block);
            let folder = example_of(pack);
            let before = ask(folder.path(), "explain-rules").succeeds().stdout;
            let ran = try_rules(folder.path(), &additions);
            let after = ask(folder.path(), "explain-rules").stdout;
            if ran.status != 0 {
                wrong.push(format!("{place}: {}", ran.text()));
            } else if before == after {
                wrong.push(format!(
                    "{place}: the rules mean the same with it as without"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "{count}");
}

#[test]
fn the_cookbook_has_thirty_recipes_and_each_needs_all_of_its_lines() {
    let page = read("docs/cookbook.md");
    let headings = page.lines().filter(|line| line.starts_with("## "));
    let numbers: Vec<String> = headings
        .map(|line| line[3..].split('.').next().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (1..=30).map(|number: u32| number.to_string()).collect();
    assert_eq!(numbers, expected);
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 30);
    let mut wrong = Vec::new();
    for (number, block) in numbers.iter().zip(&blocks) {
        let all = additions(block);
        let has_test = all.last().unwrap().0.starts_with("rules/tests/");
        // What agents earn is not for a policy test to say.
        if !has_test && number != "28" {
            wrong.push(format!("{number}: has no policy test"));
        }
        let rules = if has_test {
            &all[..all.len() - 1]
        } else {
            &all[..]
        };
        for left_out in rules {
            let rest: Vec<(String, Yaml)> = all
                .iter()
                .filter(|addition| addition.0 != left_out.0)
                .cloned()
                .collect();
            if !has_test && left_out.0 == "rules/autonomy.yaml" {
                continue;
            }
            let pack = block.info.strip_prefix("yaml pack=").unwrap();
            let folder = example_of(pack);
            let ran = try_rules(folder.path(), &rest);
            if ran.status != 3 {
                wrong.push(format!(
                    "{number}: holds without what it adds to {}",
                    left_out.0
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
