//! Whose signature a commit carries: asked for from the commit after the rules that ask for it, held against
//! the keys of that moment, and never left out by the bot.

use chrono::TimeDelta;
use countersign::domain::review::Opinion;
use countersign::ledger::MAIN;
use countersign::ledger::verify::FindingKind;

use super::story::LOW;
use super::world::{Forgery, World, point, shipped_rules};
use super::{finds, forging, only, told};
use crate::support::{COUNTERSIGN, clean};

const JUSTIFICATION: &str = "From now on the bot signs what it writes.";

/// Has the keys listed by a governance change that carol approves; gives the last thing the bot said on it.
fn list_keys(world: &World, number: u64, keys: &[&str]) -> String {
    let mut rules = shipped_rules()["rules/governance.yaml"].clone();
    rules.push_str("signing:\n  keys:\n");
    for key in keys {
        rules.push_str(&format!("    - {key}\n"));
    }
    let name = format!("govern/keys-{number}");
    let files = [("rules/governance.yaml", rules.as_str())];
    world.branch(&name, "bob@example.org", &files, "List keys");
    world.run();
    world.review(number, "carol", Opinion::Approve, JUSTIFICATION);
    world.wait(TimeDelta::minutes(1));
    let summary = world.run();
    world.wait(TimeDelta::minutes(1));
    let mut handled = summary.handled.into_iter();
    let handled = handled.find(|handled| handled.number.0 == number).unwrap();
    handled.report.text()
}

/// #1 unsigned, #2 lists the key, #3 signed.
fn signed() -> World {
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", LOW);
    world.run();
    world.wait(TimeDelta::hours(1));
    let (key, public) = world.new_key("bot-1");
    world.key = Some(key);
    // Signed already, though nobody asks for it yet.
    list_keys(&world, 2, &[&public]);
    world.propose("strategy-optimizer", &LOW.replace("1.5", "1.75"));
    world.run();
    world
}

fn run_with(world: &World, key: Option<&str>) -> (i32, String) {
    let mut command = std::process::Command::new(COUNTERSIGN);
    command.args(["run", "--repo"]).arg(world.path());
    if let Some(key) = key {
        command.arg("--signing-key").arg(world.folder().join(key));
    }
    clean(&mut command, "bot@example.org");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn signatures_are_asked_for_from_the_commit_after_the_rules() {
    let world = signed();
    let found = world.verify();
    assert_eq!(told(&found), "");
    assert_eq!((found.commits, found.signed), (6, 2));
}

#[test]
fn a_stripped_signature_is_missed() {
    let world = signed();
    let found = forging(&world, 5, &Forgery::default(), FindingKind::Unsigned);
    only(&found, FindingKind::Unsigned);
}

#[test]
fn another_key_signs_in_vain() {
    let world = signed();
    let (key, _) = world.new_key("mallory");
    let commit = world.repo.read_commit(world.line()[5]).unwrap();
    let date = format!("{} +0000", commit.committer.time.timestamp());
    let who = [
        ("GIT_AUTHOR_NAME", "Countersign"),
        ("GIT_COMMITTER_NAME", "Countersign"),
        ("GIT_AUTHOR_EMAIL", "bot@countersign.invalid"),
        ("GIT_COMMITTER_EMAIL", "bot@countersign.invalid"),
        ("GIT_AUTHOR_DATE", date.as_str()),
        ("GIT_COMMITTER_DATE", date.as_str()),
    ];
    let key = format!("user.signingkey={}", key.display());
    let (tree, parent) = (commit.tree.to_string(), commit.parents[0].to_string());
    let arguments = [
        "-c",
        "gpg.format=ssh",
        "-c",
        &key,
        "commit-tree",
        "-S",
        &tree,
        "-p",
        &parent,
    ];
    let forged = world
        .git(&who, &commit.message, &arguments)
        .parse()
        .unwrap();
    point(&world.repo, MAIN, forged);
    let found = world.verify();
    finds(&found, forged, FindingKind::ForeignSignature);
    only(&found, FindingKind::ForeignSignature);
    assert!(
        told(&found).contains("SHA256:") && told(&found).contains("list only `bot-1`"),
        "{}",
        told(&found)
    );
}

#[test]
fn a_signature_covers_what_it_was_made_for() {
    let world = signed();
    let tip = world.line()[5];
    let text = world.git(&[], "", &["cat-file", "commit", &tip.to_string()]);
    assert!(text.contains("Attempt: 1"), "{text}");
    let forged = text.replace("Attempt: 1", "Attempt: 2") + "\n";
    let arguments = ["hash-object", "-t", "commit", "-w", "--stdin"];
    let forged = world.git(&[], &forged, &arguments).parse().unwrap();
    point(&world.repo, MAIN, forged);
    finds(&world.verify(), forged, FindingKind::BadSignature);
}

#[test]
fn the_bot_writes_nothing_that_verify_would_not_take_for_its_own() {
    let mut world = signed();
    world.new_key("other");
    world.propose("strategy-optimizer", &LOW.replace("1.5", "2"));
    let before = world.line();
    let (status, said) = run_with(&world, None);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("asks for signed commits")
            && said.contains("hint: give the bot its key with `--signing-key FILE`"),
        "{said}"
    );
    let (status, said) = run_with(&world, Some("other"));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("does not list the key"), "{said}");
    assert_eq!(world.line(), before, "nothing was written");
    let (status, said) = run_with(&world, Some("bot-1"));
    assert_eq!(status, 0, "{said}");
    assert_eq!(world.line().len(), 8);
}

#[test]
fn a_key_is_changed_without_locking_the_bot_out() {
    let mut world = signed();
    let (new, public) = world.new_key("bot-2");
    let old = std::fs::read_to_string(world.folder().join("bot-1.pub")).unwrap();
    let said = list_keys(&world, 4, &[&public]);
    assert!(
        said.contains("it could write nothing after this change"),
        "{said}"
    );
    let said = list_keys(&world, 5, &[old.trim_end(), &public]);
    assert!(said.contains("approved and merged"), "{said}");
    world.key = Some(new);
    world.propose("strategy-optimizer", &LOW.replace("1.5", "2"));
    world.run();
    assert_eq!(told(&world.verify()), "");
    assert_eq!(world.verify().signed, 5, "{:?}", world.subjects());
}

#[test]
fn the_bot_writes_nothing_on_top_of_what_lacks_its_signature() {
    let mut world = signed();
    forging(&world, 5, &Forgery::default(), FindingKind::Unsigned);
    world.propose("strategy-optimizer", &LOW.replace("1.5", "2"));
    let before = world.line();
    let (status, said) = run_with(&world, Some("bot-1"));
    assert_eq!(status, 1, "{said}");
    let forged = before.last().unwrap();
    assert!(
        said.contains(&format!(
            "error: the bot did not make {forged}, the newest commit of `main`"
        )),
        "{said}"
    );
    assert_eq!(world.line(), before, "nothing was written");
}
