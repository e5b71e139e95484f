//! The dashboard in a browser: Debian's chromium, driven by `tests/browser/stories.mjs`, on a real server.
//!
//! Needs node, chromium (or another one that `COUNTERSIGN_CHROMIUM` names), and what `.ci/run npm` fetches. Nothing
//! passes without them. With `COUNTERSIGN_SHOTS=FOLDER` the stories leave pictures there.
//!
//! [`agents`] are other programs that node runs: the examples of docs/examples/.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod agents;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::serving::{Serving, persons_token, serve};
use support::{TestRepo, has};

const LOW: &str = "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}\nrationale: Backtests show a smaller drawdown.";
const MEDIUM: &str = "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_pct: 4}\nrationale: Backtests show a smaller drawdown.\ncitations: [{title: Walk-forward study, url: \"https://example.org/study\"}]";
const HIGH: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd]\nchanges: {stop_loss_enabled: false}";

fn waiting(bodies: &[&str]) -> (TestRepo, Serving) {
    let stage = TestRepo::example();
    for (number, body) in bodies.iter().enumerate() {
        stage.propose("strategy-optimizer", &format!("b{number}"), body);
    }
    stage.run();
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    (stage, serving)
}

/// What `.ci/run npm` fetched.
fn npm() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("npm-browser");
    let complete = folder.join("node_modules/playwright-core").exists()
        && folder.join("node_modules/axe-core").exists();
    assert!(
        complete,
        "`{}` is not complete: `.ci/run npm` fetches what drives a browser",
        folder.display()
    );
    folder
}

fn chromium() -> PathBuf {
    let named = std::env::var_os("COUNTERSIGN_CHROMIUM").map(PathBuf::from);
    let path = named.unwrap_or_else(|| PathBuf::from("/usr/bin/chromium"));
    assert!(
        path.exists(),
        "there is no browser at `{}`: `.ci/run npm` installs one",
        path.display()
    );
    path
}

/// Plays a story as carol, and does what it asks for.
#[track_caller]
fn play(stage: &TestRepo, serving: &Serving, story: &str, mut world: impl FnMut(&str)) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/stories.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(npm()).arg(story);
    command
        .env("URL", &serving.url)
        .env("TOKEN", persons_token(stage, "carol"))
        .env("CHROMIUM", chromium());
    if let Some(folder) = std::env::var_os("COUNTERSIGN_SHOTS") {
        command.env("SHOTS", folder);
    }
    let mut node = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed");
    let mut answers = node.stdin.take().unwrap();
    let mut is_done = false;
    for line in BufReader::new(node.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(what) = line.strip_prefix("ask ") {
            world(what);
            writeln!(answers, "ok").unwrap();
        } else if let Some(why) = line.strip_prefix("failed ") {
            let why: String = serde_json::from_str(why).unwrap();
            panic!("{story}: {why}\n{}", serving.said());
        } else {
            is_done |= line == "done";
        }
    }
    node.wait().unwrap();
    assert!(is_done, "{story}: the browser died");
}

fn alone(what: &str) {
    panic!("nothing is to be done about `{what}`");
}

#[test]
fn a_person_signs_in_and_decides() {
    let (mut stage, serving) = waiting(&[HIGH, MEDIUM, MEDIUM]);
    play(&stage, &serving, "deciding", alone);
    let log = stage.log().join("\n");
    has(
        &log,
        "decision: approve modify_parameters on rsi-eurusd (HIGH",
    );
    has(
        &log,
        "decision: reject modify_parameters on rsi-eurusd (MEDIUM",
    );
    has(&log, "feedback: carol");
    let said = stage.git(&["log", "--first-parent", "--format=%B", "main"]);
    has(&said, "Confidence: uncertain");
    has(&said, "Category: need_more_information");
    serving.stops();
    stage.verifies();
    stage.read_all();
}

#[test]
fn nothing_needs_a_script() {
    let (mut stage, serving) = waiting(&[HIGH]);
    play(&stage, &serving, "without a script", alone);
    has(
        &stage.log().join("\n"),
        "decision: approve modify_parameters",
    );
    serving.stops();
    stage.read_all();
}

#[test]
fn the_keyboard_is_enough() {
    let (mut stage, serving) = waiting(&[HIGH, MEDIUM]);
    play(&stage, &serving, "by keyboard", alone);
    has(
        &stage.log().join("\n"),
        "decision: approve modify_parameters",
    );
    serving.stops();
    stage.read_all();
}

#[test]
fn what_changes_while_somebody_reads_is_not_approved() {
    let (mut stage, serving) = waiting(&[HIGH]);
    let main = stage.main();
    play(&stage, &serving, "what changes meanwhile", |_| {
        let clone = stage.clone_of("strategy-optimizer");
        clone.git(&[
            "commit",
            "-q",
            "--amend",
            "--allow-empty",
            "-m",
            "Propose once more",
        ]);
        clone.git(&[
            "push",
            "-q",
            "--force",
            "origin",
            "HEAD:refs/heads/recommend/b0",
        ]);
    });
    serving.stops();
    stage.main_is_still(&main);
    stage.read_all();
}

#[test]
fn pages_change_when_main_does_and_nothing_typed_is_lost() {
    let (mut stage, serving) = waiting(&[MEDIUM, HIGH]);
    play(&stage, &serving, "live updates", |what| match what {
        "approve" => drop(stage.approve(1, "bob")),
        "reject" => drop(
            stage
                .review(2, "carol", &["--reject", "too_risky"])
                .succeeds(),
        ),
        other => alone(other),
    });
    serving.stops();
    stage.read_all();
}

#[test]
fn hostile_text_is_harmless_and_fits() {
    let nasty = "<script>hacked = true</script><img src=x onerror='hacked=true'><b>bold</b> javascript:hacked=1 \\u202eturned\\u2066 \\u0007";
    let word = "x".repeat(9_000);
    let body = MEDIUM.replace(
        "Backtests show a smaller drawdown.",
        &format!("\"{nasty} {}\"", &word[..8_000]),
    );
    let body = body.replace("Walk-forward study", &word[..290]).replace(
        "https://example.org/study",
        &format!("https://example.org/{}", &word[..1_900]),
    );
    let body = format!("{body}\ndetails: {{\"<img src=x onerror=hacked=1>\": \"{word}\"}}");
    let (mut stage, serving) = waiting(&[&body]);
    play(&stage, &serving, "hostile text", alone);
    serving.stops();
    stage.read_all();
}

#[test]
fn every_page_is_accessible_and_fits_in_light_dark_and_on_a_phone() {
    let (mut stage, serving) = waiting(&[LOW, MEDIUM, HIGH, HIGH, LOW]);
    stage
        .review(
            4,
            "carol",
            &[
                "--reject",
                "too_risky",
                "--message",
                "Not while the market is closed.",
            ],
        )
        .succeeds();
    stage
        .countersign(&["freeze", "--as", "carol", "--reason", "A drill."])
        .succeeds();
    serving.is_idle();
    play(&stage, &serving, "looks", alone);
    serving.stops();
    stage.read_all();
}

#[test]
fn a_link_from_elsewhere_finds_whoever_is_signed_in() {
    let (mut stage, serving) = waiting(&[HIGH]);
    play(&stage, &serving, "a link from elsewhere", alone);
    serving.stops();
    stage.read_all();
}
