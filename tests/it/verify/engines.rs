//! Engines along a trail: sample trails of every engine, a record that names an older one to be judged less strictly,
//! and a bot that is older than the newest decision.

use std::path::Path;
use std::process::Command;

use countersign::domain::engine::{ENGINE, ENGINE_VERSION};
use countersign::git::Repository;
use countersign::ledger::verify::{FindingKind, verify};

use super::story::{LOW, MEDIUM, one_of_each};
use super::world::World;
use super::{edited, forging, told};
use crate::support::clean;

/// The trail that the last release of an engine left (`tests/it/trails/make.sh`), and what is said of it.
struct Sample {
    engine: u32,
    bundle: &'static str,
    commits: usize,
    notes: &'static str,
}

const SAMPLES: &[Sample] = &[
    Sample {
        engine: 1,
        bundle: "engine-1.bundle",
        commits: 23,
        // Engine 3 tells environments by their points, in other words. And carol approved what her own agent proposed:
        // she owns it by an alias, which the first engine took for somebody else.
        notes: "5848a24: older_engine: this commit and 8 more of `countersign 0.1.0` come out differently with `countersign 0.4.0 engine 4`: \
                recompute them with `countersign 0.1.0`\n",
    },
    Sample {
        engine: 1,
        bundle: "engine-1-refused-rules.bundle",
        commits: 11,
        // From its governance change on the rules have an action without an effect that a program carries out; and a
        // text that looks like a date was written without quotes.
        notes: "c2930c1: older_engine: this commit and 9 more of `countersign 0.1.0` come out differently with `countersign 0.4.0 engine 4`: \
                recompute them with `countersign 0.1.0`\n",
    },
    Sample {
        engine: 2,
        bundle: "engine-2.bundle",
        commits: 23,
        notes: "41a5490: older_engine: this commit and 8 more of `countersign 0.2.0 engine 2` come out differently with `countersign 0.4.0 engine 4`: \
                recompute them with `countersign 0.2.0 engine 2`\n",
    },
    Sample {
        engine: 3,
        bundle: "engine-3.bundle",
        commits: 23,
        // Engine 4 writes where parameters were when people saw them last.
        notes: "dc58e5a: older_engine: this commit of `countersign 0.3.0 engine 3` comes out differently with `countersign 0.4.0 engine 4`: \
                recompute it with `countersign 0.3.0 engine 3`\n",
    },
];

#[test]
fn the_trail_of_every_engine_before_this_one_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/trails");
    for engine in 1..ENGINE_VERSION {
        assert!(
            SAMPLES.iter().any(|sample| sample.engine == engine),
            "`{ENGINE}` needs a sample trail of engine {engine}"
        );
    }
    for Sample {
        bundle,
        commits,
        notes,
        ..
    } in SAMPLES
    {
        let clone = folder.path().join(bundle);
        let mut git = Command::new("git");
        clean(&mut git, "auditor@example.org");
        let status = git
            .args(["clone", "-q", "--bare", "--branch", "main"])
            .args([&samples.join(bundle), &clone])
            .status()
            .unwrap();
        assert!(status.success());
        let repo = Repository::open(&clone).unwrap();
        let verified = verify(&repo, None, &mut |_, _| {}).unwrap();
        assert_eq!(told(&verified), *notes);
        assert!(verified.ok, "{bundle}");
        assert_eq!(verified.commits, *commits);
    }
}

#[test]
fn what_an_older_engine_decided_otherwise_is_a_note_and_its_history_is_still_checked() {
    let older = (&*format!("engine: {ENGINE}"), "engine: countersign 0.1.0");
    let score = ("score: 0.0", "score: 5.0");
    let mut world = World::new(&[]);
    world.propose("strategy-optimizer", LOW);
    world.run();
    let first = world.decision(1);
    let text = world.git(&[], "", &["show", &format!("main:{first}")]);
    assert!(text.contains(score.0), "{text}");
    let line = world.forge(1, &edited(&world, 1, &[older, score], None));
    let verification = world.verify();
    assert_eq!(
        told(&verification),
        format!(
            "{}: older_engine: this commit of `countersign 0.1.0` comes out differently with `{ENGINE}`: \
             recompute it with `countersign 0.1.0`\n",
            line[1].short()
        )
    );
    assert!(verification.ok);
    assert_eq!(verification.recomputed, 0);
    // A wrong time is wrong in every engine.
    let decided = text
        .lines()
        .find(|line| line.starts_with("decided_at: "))
        .unwrap();
    let forgery = edited(
        &world,
        1,
        &[(decided, "decided_at: 2026-11-02T08:00:01Z")],
        None,
    );
    forging(&world, 1, &forgery, FindingKind::WrongTime);
}

#[test]
fn an_older_engine_never_decides_after_a_newer_one() {
    let world = one_of_each();
    let forgery = edited(
        &world,
        5,
        &[(&format!("engine: {ENGINE}"), "engine: countersign 0.1.0")],
        None,
    );
    let verification = forging(&world, 5, &forgery, FindingKind::EngineWentBack);
    assert!(!verification.ok);
}

#[test]
fn a_bot_does_not_decide_after_a_newer_engine() {
    let mut world = one_of_each();
    let place = world.place("decision: ");
    let forgery = edited(
        &world,
        place,
        &[(
            &format!("engine: {ENGINE}"),
            "engine: countersign 9.0.0 engine 99",
        )],
        None,
    );
    world.forge(place, &forgery);
    let before = world.line();
    world.propose("strategy-optimizer", MEDIUM);
    let error = world.bot().run(&mut |_, _| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the newest decision on `main` was made by `countersign 9.0.0 engine 99`, which `{ENGINE}` does not know: \
             update this bot; nothing is decided until then"
        )
    );
    assert_eq!(world.line(), before);
}
