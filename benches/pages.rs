//! How long every page of the dashboard takes, asked over HTTP of a `countersign serve` that keeps a big trail.
//!
//! `cargo bench --bench pages [-- CASES ROUNDS]` (100,000 and 100). The trail is of every kind of case and
//! ending (`benches/trail`), with some pull requests that wait. The index is warm, one request follows the
//! other on one connection, and what is said is the median and the ninth of ten of all rounds, as a client
//! sees it. The bar: every page in at most 20 ms.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A bench that cannot go on stops.

mod stage;
mod trail;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stage::{COUNTERSIGN, Folder, argument, run};

const AGENTS: [&str; 4] = [
    "strategy-optimizer",
    "risk-manager",
    "fx-tuner",
    "rebalancer",
];
const EACH: usize = 4;

fn main() {
    let (count, rounds) = (argument(0, 100_000), argument(1, 100));
    let folder = Folder::new("pages");
    let repo = folder.join("governance.git");
    stage::copy_linked(&trail::trail(count), &repo);
    let state = folder.join("state");
    for agent in AGENTS {
        (0..EACH).for_each(|number| propose(&repo, agent, number));
    }
    let token = run(Command::new(COUNTERSIGN)
        .args(["token", "create", "--as", "alice", "--repo"])
        .arg(&repo)
        .env("COUNTERSIGN_STATE", &state));
    let id = newest(&repo);
    let (mut server, url) = serve(&repo, &state);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(120)))
        .build()
        .into();
    // The first question waits until the trail is read.
    ask(&agent, &url, "/", "");
    let cookie = sign_in(&agent, &url, token.trim());
    println!("{count} cases in {}, {rounds} rounds\n", repo.display());
    println!("{:<44}{:>10}{:>10}{:>10}", "page", "median", "p90", "bytes");
    let case = format!("/cases/{id}");
    let pages = [
        ("overview, all of time", "/", ""),
        ("overview, 90 days", "/?period=90d", ""),
        (
            "overview, from day to day",
            "/?since=2024-02-01&until=2024-02-20",
            "",
        ),
        ("pending, reading", "/pending", ""),
        ("pending, with forms", "/pending", cookie.as_str()),
        ("cases, all", "/cases", ""),
        ("cases, the last page", "/cases?page=100000", ""),
        (
            "cases, HIGH of one agent that failed",
            "/cases?agent=fx-tuner&level=HIGH&outcome=failure",
            "",
        ),
        ("cases, searched for two words", "/cases?q=carol+eurusd", ""),
        ("cases, searched in vain", "/cases?q=nobody-has-this", ""),
        ("case", &case, ""),
        ("case, with a form", &case, cookie.as_str()),
        ("agent, with its lessons", "/agents/strategy-optimizer", ""),
    ];
    let mut slowest = Duration::ZERO;
    for (name, path, cookie) in pages {
        let bytes = ask(&agent, &url, path, cookie).len();
        let mut took: Vec<Duration> = (0..rounds)
            .map(|_| {
                let begun = Instant::now();
                ask(&agent, &url, path, cookie);
                begun.elapsed()
            })
            .collect();
        took.sort();
        let (median, p90) = (took[took.len() / 2], took[took.len() * 9 / 10]);
        slowest = slowest.max(median);
        println!(
            "{name:<44}{:>7.1} ms{:>7.1} ms{bytes:>10}",
            millis(median),
            millis(p90)
        );
    }
    println!(
        "\n{:>7.1} ms for the slowest page (at most 20)",
        millis(slowest)
    );
    server.kill().ok();
    server.wait().ok();
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// A change that waits for people.
fn propose(repo: &Path, agent: &str, number: usize) {
    let target = trail_target(number);
    let mut propose = Command::new(COUNTERSIGN);
    propose.args([
        "propose",
        "--agent",
        agent,
        "--action",
        "modify_parameters",
        "--target",
        &target,
        "--set",
        "stop_loss_pct=8",
    ]);
    propose
        .args([
            "--rationale",
            "Backtests over 2024-2026 show a smaller drawdown.",
            "--repo",
        ])
        .arg(repo);
    run(&mut propose);
}

/// A target of the trail that is live.
fn trail_target(number: usize) -> String {
    [
        "rsi-eurusd-000",
        "mean-reversion-eurusd-004",
        "rsi-usdjpy-010",
        "trend-eurusd-002",
    ][number % 4]
        .to_owned()
}

fn newest(repo: &Path) -> String {
    let id = stage::git(
        repo,
        &[
            "log",
            "-1",
            "--first-parent",
            "--grep=^Event: decision$",
            "--format=%(trailers:key=Recommendation,valueonly)",
            "main",
        ],
    );
    id.trim().to_owned()
}

fn serve(repo: &Path, state: &Path) -> (Child, String) {
    let mut command = Command::new(COUNTERSIGN);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--repo"])
        .arg(repo)
        .env("COUNTERSIGN_STATE", state);
    let mut server = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cannot serve");
    let lines = BufReader::new(server.stderr.take().expect("piped")).lines();
    let mut said = String::new();
    let mut lines = lines.map_while(Result::ok);
    let url = lines.find_map(|line| {
        said.push_str(&line);
        let rest = line.split("listening on ").nth(1)?;
        Some(rest.split(';').next()?.to_owned())
    });
    let url = url.unwrap_or_else(|| panic!("it does not listen: {said}"));
    // Whatever else it says must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (server, url)
}

fn ask(agent: &ureq::Agent, url: &str, path: &str, cookie: &str) -> String {
    let mut request = agent.get(format!("{url}{path}"));
    if !cookie.is_empty() {
        request = request.header("cookie", cookie);
    }
    let mut answer = request.call().expect("no answer");
    let body = answer.body_mut().read_to_string().expect("no body");
    assert_eq!(answer.status(), 200, "{path}: {body}");
    body
}

fn sign_in(agent: &ureq::Agent, url: &str, token: &str) -> String {
    let answer = agent
        .post(format!("{url}/sign-in"))
        .send_form([("token", token)])
        .expect("no answer");
    let cookie = answer
        .headers()
        .get("set-cookie")
        .expect("not let in")
        .to_str()
        .expect("a cookie");
    cookie.split(';').next().unwrap_or_default().to_owned()
}
