//! Nothing that the bot refuses passes `verify`: each refusal, the bot that makes it, and a bot with every right that
//! ignores it. What a clone holds no evidence of stands in the documentation.

use chrono::TimeDelta;
use countersign::domain::ids::{CaseId, Sha};
use countersign::ledger::MAIN;
use countersign::ledger::proposal::Refusal;

use super::insider::{AUTO, merge_governance, merge_recommendation, reject_governance};
use super::world::{Edit, World, point};
use super::{edited, told};

const AGENT: &str = "market-analyst";
const AGENT_EMAIL: &str = "market-analyst@agents.example.org";
const ADMIN_EMAIL: &str = "carol@example.org";

/// A branch that the bot refuses, in these words.
struct Attack {
    world: World,
    head: Sha,
    kind: Kind,
    words: String,
    /// What is found, where that is not the same.
    found: Option<&'static str>,
}

enum Kind {
    Recommendation {
        path: String,
    },
    Governance,
    /// The recommendation is written over one that is on record.
    Rewritten {
        path: String,
    },
    /// The first decision of the trail merges it in place of what it decided.
    Swapped,
}

/// What there is to show for a refusal.
enum Evidence {
    /// A bot that ignores it is found.
    Found(Box<Attack>),
    /// Nothing in a clone tells: these words stand in the list of docs/auditors.md.
    NotInClone(&'static str),
}

/// One entry of a tree that is to be made, with a mode of any kind.
struct Put<'a> {
    mode: &'a str,
    path: &'a str,
    text: &'a str,
}

fn file<'a>(path: &'a str, text: &'a str) -> Put<'a> {
    Put {
        mode: "100644",
        path,
        text,
    }
}

fn tip(world: &World) -> Sha {
    world.repo.find_ref(MAIN).unwrap().unwrap()
}

/// `main`'s tree with more in it.
fn tree_with(world: &World, puts: &[Put<'_>]) -> String {
    let root = world.repo.read_commit(tip(world)).unwrap().tree;
    world.git(&[], "", &["read-tree", &root.to_string()]);
    for put in puts {
        let id = match put.mode {
            "160000" => tip(world).to_string(),
            "0" => "0".repeat(40),
            _ => world.git(&[], put.text, &["hash-object", "-w", "--stdin"]),
        };
        let entry = format!("{} {id}\t{}\0", put.mode, put.path);
        world.git(&[], &entry, &["update-index", "-z", "--index-info"]);
    }
    world.git(&[], "", &["write-tree"])
}

/// A commit as these bytes.
fn raw_commit(world: &World, headers: &str, message: &[u8]) -> Sha {
    use std::io::Write as _;
    let mut bytes = headers.as_bytes().to_vec();
    bytes.push(b'\n');
    bytes.extend(message);
    let path = world.folder().join("raw-commit");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(&bytes)
        .unwrap();
    let path = path.to_str().unwrap().to_owned();
    let id = world.git(
        &[],
        "",
        &["hash-object", "-t", "commit", "-w", "--literally", &path],
    );
    id.parse().unwrap()
}

fn headers(world: &World, tree: &str, parent: Option<Sha>, email: &str) -> String {
    let who = format!("someone <{email}> {} +0000", world.now().timestamp());
    let parent = parent.map_or_else(String::new, |parent| format!("parent {parent}\n"));
    format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n")
}

fn commit(world: &World, tree: &str, parent: Option<Sha>, email: &str) -> Sha {
    raw_commit(world, &headers(world, tree, parent, email), b"Propose\n")
}

/// A fresh world in which everything is merged at once.
fn world() -> World {
    let world = World::new(&[AUTO]);
    world.wait(TimeDelta::hours(1));
    world
}

/// Where a recommendation of an analysis lies, and its text.
fn analysis(world: &World, agent: &str) -> (String, String) {
    analysis_of(CaseId::from_parts(world.now(), 7), agent)
}

fn analysis_of(id: CaseId, agent: &str) -> (String, String) {
    let path = format!("recommendations/{}/recommendation.yaml", id.folder());
    let text = format!(
        "schema: countersign/recommendation/v1\nid: {id}\nagent: {agent}\nsession: s\naction: analyze\n\
         targets: [rsi-eurusd-draft]\nrationale: Look.\ncreated_at: 2026-11-02T09:00:00Z\n"
    );
    (path, text)
}

/// A recommendation with this message, by raw bytes and further headers.
fn with_commit(email: &str, more_headers: &str, message: &[u8], words: &str) -> Evidence {
    let world = world();
    let (path, text) = analysis(&world, AGENT);
    let tree = tree_with(&world, &[file(&path, &text)]);
    let headers = headers(&world, &tree, Some(tip(&world)), email) + more_headers;
    let head = raw_commit(&world, &headers, message);
    recommendation(world, head, path, words)
}

fn recommendation(world: World, head: Sha, path: String, words: &str) -> Evidence {
    let kind = Kind::Recommendation { path };
    let words = words.to_owned();
    Evidence::Found(Box::new(Attack {
        world,
        head,
        kind,
        words,
        found: None,
    }))
}

impl Evidence {
    fn found_as(self, found: &'static str) -> Self {
        match self {
            Self::Found(attack) => Self::Found(Box::new(Attack {
                found: Some(found),
                ..*attack
            })),
            other @ Self::NotInClone(_) => other,
        }
    }
}

/// An analysis whose branch brings these files besides.
fn with_files(puts: &[Put<'_>], words: &str) -> Evidence {
    let world = world();
    let (path, text) = analysis(&world, AGENT);
    let all: Vec<Put<'_>> = puts
        .iter()
        .map(|put| Put { ..*put })
        .chain([file(&path, &text)])
        .collect();
    let tree = tree_with(&world, &all);
    let head = commit(&world, &tree, Some(tip(&world)), AGENT_EMAIL);
    recommendation(world, head, path, words)
}

/// A change of governance that brings these files.
fn change(puts: &[Put<'_>], words: &str) -> Evidence {
    change_in(world(), puts, words)
}

fn change_in(world: World, puts: &[Put<'_>], words: &str) -> Evidence {
    let tree = tree_with(&world, puts);
    let head = commit(&world, &tree, Some(tip(&world)), ADMIN_EMAIL);
    governance(world, head, words)
}

fn governance(world: World, head: Sha, words: &str) -> Evidence {
    let words = words.to_owned();
    Evidence::Found(Box::new(Attack {
        world,
        head,
        kind: Kind::Governance,
        words,
        found: None,
    }))
}

// One arm a refusal: the compiler asks for the next one.
#[allow(clippy::too_many_lines)]
fn evidence(refusal: Refusal) -> Evidence {
    match refusal {
        Refusal::Malformed => {
            let mut world = world();
            world.propose(AGENT, "action: analyze\ntargets: [rsi-eurusd-draft]");
            world.run();
            let head = world.repo.read_commit(world.line()[1]).unwrap().parents[1];
            let head = world.repo.read_commit(head).unwrap();
            let path = world.folder().join("raw-tree");
            let store = |bytes: &[u8]| {
                std::fs::write(&path, bytes).unwrap();
                let path = path.to_str().unwrap();
                let arguments = ["hash-object", "-t", "tree", "-w", "--literally", path];
                world.git(&[], "", &arguments)
            };
            let empty: Sha = store(b"").parse().unwrap();
            let mut cat = std::process::Command::new("git");
            cat.arg("-C").arg(world.path());
            cat.args(["cat-file", "tree", &head.tree.to_string()]);
            let mut bytes = cat.output().unwrap().stdout;
            bytes.extend(b"40000 zz\0");
            bytes.extend(empty.as_bytes());
            let tree = store(&bytes);
            let head = commit(&world, &tree, Some(head.parents[0]), AGENT_EMAIL);
            let Evidence::Found(attack) = governance(world, head, "the folder `zz` is empty")
            else {
                unreachable!()
            };
            Evidence::Found(Box::new(Attack {
                kind: Kind::Swapped,
                ..*attack
            }))
        }
        Refusal::NoCommonHistory => {
            let world = world();
            let (path, text) = analysis(&world, AGENT);
            let tree = tree_with(&world, &[file(&path, &text)]);
            let head = commit(&world, &tree, None, AGENT_EMAIL);
            recommendation(
                world,
                head,
                path,
                "the branch has no history in common with `main`",
            )
        }
        Refusal::TooManyCommits => {
            let world = world();
            let (path, text) = analysis(&world, AGENT);
            let tree = tree_with(&world, &[file(&path, &text)]);
            let mut head = tip(&world);
            for _ in 0..251 {
                head = commit(&world, &tree, Some(head), AGENT_EMAIL);
            }
            recommendation(world, head, path, "a proposal has at most 250 commits")
        }
        Refusal::ForgedTrailer => with_commit(
            AGENT_EMAIL,
            "",
            b"Propose\n\nDecision: approved\n",
            "carries the trailer `Decision`, which only the bot writes",
        ),
        Refusal::InNameOfBot => with_commit(
            countersign::ledger::BOT_EMAIL,
            "",
            b"Propose\n",
            "is in the name of the bot",
        ),
        Refusal::ForeignEncoding => with_commit(
            AGENT_EMAIL,
            "encoding ISO-8859-1\n",
            b"Propose\n",
            "in which it can read differently",
        ),
        Refusal::NotUtf8 => with_commit(AGENT_EMAIL, "", b"Propose \xe4\n", "is not UTF-8"),
        Refusal::HiddenCharacter => with_commit(
            AGENT_EMAIL,
            "",
            "Propose \u{202e}\n".as_bytes(),
            "has a control or direction character (U+202E)",
        ),
        Refusal::TooManyFiles => {
            let names: Vec<String> = (0..1_001).map(|at| format!("docs/{at}.md")).collect();
            let world = world();
            let root = world.repo.read_commit(tip(&world)).unwrap().tree;
            world.git(&[], "", &["read-tree", &root.to_string()]);
            let id = world.git(&[], "x\n", &["hash-object", "-w", "--stdin"]);
            let entries: String = names
                .iter()
                .map(|name| format!("100644 {id}\t{name}\n"))
                .collect();
            world.git(&[], &entries, &["update-index", "--index-info"]);
            let tree = world.git(&[], "", &["write-tree"]);
            let head = commit(&world, &tree, Some(tip(&world)), ADMIN_EMAIL);
            governance(world, head, "a proposal changes at most 1000 files")
        }
        Refusal::ChangesNothing => change(&[], "it changes nothing against `main`"),
        Refusal::ForeignPath => change(
            &[file("docs/\u{430}.md", "a\n")],
            "the path is not plain ASCII",
        ),
        Refusal::TrickyPath => change(
            &[file(".gitattributes", "* -diff\n")],
            "a name on this path means something else to git or to a file system",
        ),
        Refusal::NoRegularFile => change(
            &[Put {
                mode: "120000",
                path: "docs/link",
                text: "../rules",
            }],
            "is a symbolic link",
        ),
        Refusal::CaseTwin => change(
            &[file("Rules/people.yaml", "a\n")],
            "differs from `rules` by case only",
        ),
        Refusal::Mixed => with_files(
            &[file("docs/notes.md", "a\n")],
            "a recommendation and a governance change in one pull request",
        ),
        Refusal::SeveralRecords => with_files(
            &[file("recommendations/notes.yaml", "a\n")],
            "2 records are touched",
        ),
        Refusal::EditedRecord => {
            let mut world = world();
            world.propose(AGENT, "action: analyze\ntargets: [rsi-eurusd-draft]");
            world.run();
            let path = world.decision(1);
            let tree = tree_with(
                &world,
                &[Put {
                    mode: "0",
                    path: &path,
                    text: "",
                }],
            );
            let head = commit(&world, &tree, Some(tip(&world)), ADMIN_EMAIL);
            governance(world, head, "a record is never edited or removed")
        }
        Refusal::PlaceOfBot => change(
            &[file("governance/notes.yaml", "a\n")],
            "only the bot writes here",
        ),
        Refusal::TooLarge => change(
            &[file("docs/large.md", &"x".repeat(1024 * 1024 + 1))],
            "the file is too large: at most 1 MiB",
        ),
        Refusal::Unreadable => {
            let world = world();
            let (path, text) = analysis(&world, "strategy-optimizer");
            let text = text.replace("action: analyze\n", "action: modify_parameters\n");
            let text = format!("{text}changes:\n  stop_loss_pct:\n");
            let tree = tree_with(&world, &[file(&path, &text)]);
            let email = "strategy-optimizer@agents.example.org";
            let head = commit(&world, &tree, Some(tip(&world)), email);
            recommendation(world, head, path, "the value is empty")
        }
        Refusal::FutureId => {
            let world = world();
            let at = world.now() + TimeDelta::minutes(11);
            let (path, text) = analysis_of(CaseId::from_parts(at, 7), AGENT);
            let tree = tree_with(&world, &[file(&path, &text)]);
            let head = commit(&world, &tree, Some(tip(&world)), AGENT_EMAIL);
            recommendation(world, head, path, "the id is from the future")
        }
        Refusal::Misplaced => {
            let world = world();
            let (_, text) = analysis(&world, AGENT);
            let path = "recommendations/2026/11/02/09/recommendation.yaml".to_owned();
            let tree = tree_with(&world, &[file(&path, &text)]);
            let head = commit(&world, &tree, Some(tip(&world)), AGENT_EMAIL);
            recommendation(world, head, path, "this id belongs at `recommendations/")
                .found_as("the commit that was decided does not propose this `recommendations/")
        }
        Refusal::InTheWay => {
            let world = world();
            let fork = tip(&world);
            let below = tree_with(&world, &[file("docs/a.md", "a\n")]);
            let first = tree_with(&world, &[file("docs", "a\n")]);
            let first = commit(&world, &first, Some(fork), ADMIN_EMAIL);
            merge_governance(&world, first);
            world.wait(TimeDelta::minutes(1));
            let head = commit(&world, &below, Some(fork), ADMIN_EMAIL);
            governance(
                world,
                head,
                "`docs` is a file on `main`, so nothing can lie below it",
            )
        }
        Refusal::ChangedSince => {
            let world = world();
            let fork = tip(&world);
            let ours = tree_with(&world, &[file("docs/a.md", "ours\n")]);
            let theirs = tree_with(&world, &[file("docs/a.md", "theirs\n")]);
            let first = commit(&world, &theirs, Some(fork), ADMIN_EMAIL);
            merge_governance(&world, first);
            world.wait(TimeDelta::minutes(1));
            let head = commit(&world, &ours, Some(fork), ADMIN_EMAIL);
            governance(world, head, "was changed on `main` in the meantime")
        }
        Refusal::Impersonation => with_commit(
            "stranger@example.org",
            "",
            b"Propose\n",
            "`stranger@example.org` is not an identity of `market-analyst`",
        ),
        Refusal::AnotherAgent => {
            let world = world();
            let (path, text) = analysis(&world, AGENT);
            let tree = tree_with(&world, &[file(&path, &text)]);
            let other = "risk-manager@agents.example.org";
            let first = commit(&world, &tree, Some(tip(&world)), other);
            let head = commit(&world, &tree, Some(first), AGENT_EMAIL);
            recommendation(world, head, path, "`risk-manager` is the author of commit")
        }
        Refusal::DecidedId => {
            let mut world = world();
            let fork = tip(&world);
            let id = world.propose(AGENT, "action: analyze\ntargets: [rsi-eurusd-draft]");
            let (path, text) = analysis_of(id, AGENT);
            let tree = tree_with(&world, &[file(&path, &text)]);
            world.run();
            world.wait(TimeDelta::minutes(1));
            let head = commit(&world, &tree, Some(fork), AGENT_EMAIL);
            let Evidence::Found(attack) = recommendation(
                world,
                head,
                String::new(),
                "this id is decided already, and a record is never edited",
            ) else {
                unreachable!()
            };
            Evidence::Found(Box::new(Attack {
                kind: Kind::Rewritten { path },
                found: Some("a record is never edited or removed"),
                ..*attack
            }))
        }
        Refusal::OwnedId => Evidence::NotInClone("which of two open pull requests had an id first"),
        Refusal::Unrecordable => Evidence::NotInClone("or could not be recorded"),
        Refusal::UnreadableTarget => change(
            &[file("targets/broken.yaml", "- nothing\n")],
            "targets/broken.yaml:1",
        ),
        Refusal::NotAllowed => {
            let world = world();
            let (path, text) = analysis(&world, AGENT);
            let text = text.replace("action: analyze\n", "action: rebalance_portfolio\n");
            let tree = tree_with(&world, &[file(&path, &text)]);
            let head = commit(&world, &tree, Some(tip(&world)), AGENT_EMAIL);
            recommendation(world, head, path, "may not propose `rebalance_portfolio`")
        }
        Refusal::UnreadableRules => change(
            &[file("rules/policy.yaml", "- nothing\n")],
            "rules/policy.yaml:1",
        ),
        Refusal::UnreadableTests => change(
            &[file("rules/tests/broken.yaml", "- nothing\n")],
            "rules/tests/broken.yaml:1",
        ),
        Refusal::FailingTest => change(
            &[file(
                "rules/tests/mine.yaml",
                "schema: countersign/policy-test/v1\ntests:\n  - name: nothing is HIGH\n    recommend: {action: delete_strategy, targets: [s]}\n    given: {targets: {s: {environment: live}}}\n    expect: {level: LOW}\n",
            )],
            "the policy test `nothing is HIGH` fails",
        ),
        Refusal::NoAdmin => change(
            &[file(
                "rules/people.yaml",
                "schema: countersign/people/v1\npeople:\n  dana: {emails: [dana@example.org]}\nreviewers:\n  members: [dana]\nadmins:\n  members: []\n",
            )],
            "nobody would administer, so the rules could never be changed again",
        ),
        Refusal::KeyNotListed => {
            let world = world();
            let (_, public) = world.new_key("another");
            let rules = super::world::shipped_rules()["rules/governance.yaml"]
                .replace("mode: two_tier", "mode: auto_approve");
            let rules = format!("{rules}signing:\n  keys:\n    - {public}\n");
            change_in(
                world,
                &[file("rules/governance.yaml", &rules)],
                "the bot runs without a key, so it could write nothing after this change",
            )
        }
    }
}

#[test]
fn an_insider_who_merges_what_is_valid_is_not_found() {
    let world = world();
    let (path, text) = analysis(&world, AGENT);
    let tree = tree_with(&world, &[file(&path, &text)]);
    let head = commit(&world, &tree, Some(tip(&world)), AGENT_EMAIL);
    merge_recommendation(&world, head, &path);
    world.wait(TimeDelta::minutes(1));
    let tree = tree_with(&world, &[file("docs/notes.md", "Notes.\n")]);
    let head = commit(&world, &tree, Some(tip(&world)), ADMIN_EMAIL);
    merge_governance(&world, head);
    assert_eq!(told(&world.verify()), "");
}

#[test]
fn an_insider_who_decides_a_change_that_fails_its_validation_without_merging_it_is_found() {
    let mut wrong = Vec::new();
    for refusal in [
        Refusal::UnreadableRules,
        Refusal::UnreadableTests,
        Refusal::FailingTest,
        Refusal::NoAdmin,
        Refusal::KeyNotListed,
    ] {
        let Evidence::Found(attack) = evidence(refusal) else {
            panic!("{refusal:?}");
        };
        let Attack {
            world, head, words, ..
        } = *attack;
        reject_governance(&world, head);
        let verified = told(&world.verify());
        if verified.lines().count() != 1 || !verified.contains(&words) {
            wrong.push(format!("{refusal:?}: {verified}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let world = world();
    let tree = tree_with(&world, &[file("docs/notes.md", "Notes.\n")]);
    let head = commit(&world, &tree, Some(tip(&world)), ADMIN_EMAIL);
    reject_governance(&world, head);
    assert_eq!(told(&world.verify()), "");
}

#[test]
fn whatever_the_bot_refuses_verify_finds_or_says_that_it_cannot() {
    let page = include_str!("../../../docs/auditors.md");
    let (_, list) = page.split_once("## What it cannot prove\n\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let list = list.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut wrong = Vec::new();
    for refusal in Refusal::ALL {
        let attack = match evidence(*refusal) {
            Evidence::Found(attack) => attack,
            Evidence::NotInClone(words) => {
                if !list.contains(words) {
                    wrong.push(format!(
                        "{refusal:?}: docs/auditors.md does not say `{words}`"
                    ));
                }
                continue;
            }
        };
        let Attack {
            world,
            head,
            kind,
            words,
            found,
        } = *attack;
        let before = tip(&world);
        let branch = match &kind {
            Kind::Recommendation { .. } | Kind::Rewritten { .. } | Kind::Swapped => {
                "refs/heads/recommend/attack"
            }
            Kind::Governance => "refs/heads/govern/attack",
        };
        point(&world.repo, branch, head);
        let summary = world.run();
        let said: Vec<String> = summary
            .handled
            .iter()
            .map(|handled| handled.report.text())
            .collect();
        if !said.iter().any(|said| said.contains(&words)) || tip(&world) != before {
            wrong.push(format!(
                "{refusal:?}: the bot does not refuse it: {said:#?}"
            ));
            continue;
        }
        let decided = match &kind {
            Kind::Recommendation { path } => merge_recommendation(&world, head, path),
            Kind::Governance => merge_governance(&world, head),
            Kind::Swapped => {
                let was = world.repo.read_commit(world.line()[1]).unwrap().parents[1];
                let mut forgery = edited(&world, 1, &[(&was.to_string(), &head.to_string())], None);
                forgery.merges = Some(vec![head]);
                world.forge(1, &forgery)[1]
            }
            Kind::Rewritten { path } => {
                let head = head.to_string();
                let text = world.git(&[], "", &["show", &format!("{head}:{path}")]);
                let message = world.repo.read_commit(world.line()[1]).unwrap().message;
                world.append(&message, &[(path.clone(), Edit::Put(text))], None)
            }
        };
        let words = found.unwrap_or(&words);
        let verified = world.verify();
        let is_found = verified
            .findings
            .iter()
            .any(|finding| finding.commit == decided && finding.message.contains(words));
        if !is_found || verified.ok {
            wrong.push(format!(
                "{refusal:?}: not found, only:\n{}",
                told(&verified)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
