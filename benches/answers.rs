//! How long every page of the dashboard and every answer of the API takes, asked over HTTP of a `countersign
//! serve` that keeps a big trail.
//!
//! `cargo bench --bench answers [-- CASES ROUNDS]` (100,000 and 100). The trail is of every kind of case and
//! ending (`benches/trail`), with some pull requests that wait. The index is warm, one request follows the
//! other on one connection, and what is said is the median and the ninth of ten of all rounds, as a client
//! sees it. The bar: each in at most 20 ms.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A bench that cannot go on stops.

mod stage;
mod trail;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
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
    let person = token(&repo, &state, ["--as", "alice"]);
    let program = token(&repo, &state, ["--agent", AGENTS[0]]);
    let id = newest(&repo);
    let (mut server, url) = serve(&repo, &state);
    let client: ureq::Agent = ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(120)))
        .build()
        .into();
    let asker = Asker { client, url };
    // The first question waits until the trail is read.
    asker.ask("/", As::Nobody);
    let cookie = asker.sign_in(&person);
    println!("{count} cases in {}, {rounds} rounds\n", repo.display());
    let pages = pages(&id, &cookie);
    let slowest_page = asker.table("page", &pages, rounds);
    let answers = answers(&id, &person, &program);
    let slowest_answer = asker.table("answer of the API", &answers, rounds);
    println!(
        "{:>7.1} ms for the slowest page, {:.1} ms for the slowest answer of the API (at most 20)",
        millis(slowest_page),
        millis(slowest_answer)
    );
    server.kill().ok();
    server.wait().ok();
}

/// Who asks.
#[derive(Clone, Copy)]
enum As<'a> {
    Nobody,
    Cookie(&'a str),
    Token(&'a str),
}

/// What is asked: what it is called, the path, who asks, and the body of a POST.
type Question<'a> = (&'static str, String, As<'a>, Option<fn(usize) -> Value>);

fn pages<'a>(id: &str, cookie: &'a str) -> Vec<Question<'a>> {
    let signed_in = As::Cookie(cookie);
    let case = format!("/cases/{id}");
    let page = |name, path: &str, by| (name, path.to_owned(), by, None);
    vec![
        page("overview, all of time", "/", As::Nobody),
        page("overview, 90 days", "/?period=90d", As::Nobody),
        page(
            "overview, from day to day",
            "/?since=2024-02-01&until=2024-02-20",
            As::Nobody,
        ),
        page("pending, reading", "/pending", As::Nobody),
        page("pending, with forms", "/pending", signed_in),
        page("cases, all", "/cases", As::Nobody),
        page("cases, the last page", "/cases?page=100000", As::Nobody),
        page(
            "cases, HIGH of one agent that failed",
            "/cases?agent=fx-tuner&level=HIGH&outcome=failure",
            As::Nobody,
        ),
        page(
            "cases, searched for two words",
            "/cases?q=carol+eurusd",
            As::Nobody,
        ),
        page(
            "cases, searched in vain",
            "/cases?q=nobody-has-this",
            As::Nobody,
        ),
        page("case", &case, As::Nobody),
        page("case, with a form", &case, signed_in),
        page(
            "agent, with its lessons",
            "/agents/strategy-optimizer",
            As::Nobody,
        ),
    ]
}

fn answers<'a>(id: &str, person: &'a str, program: &'a str) -> Vec<Question<'a>> {
    let (person, program) = (As::Token(person), As::Token(program));
    let cases = "/api/v1/recommendations";
    let get = |name, path: &str, by| (name, format!("/api/v1{path}"), by, None);
    let list = |name, asked: &str, by| (name, format!("{cases}{asked}"), by, None);
    vec![
        get("identity", "/identity", program),
        list("list, all", "", person),
        list("list, 200 of an agent's own", "?limit=200", program),
        list(
            "list, HIGH of one agent that failed",
            "?agent=fx-tuner&level=HIGH&outcome=failure",
            person,
        ),
        list(
            "list, searched for two words",
            "?search=carol+eurusd",
            person,
        ),
        list("list, searched in vain", "?search=nobody-has-this", person),
        list("show, a decided case", &format!("/{id}"), person),
        get("metrics, all of time", "/metrics", person),
        get("metrics, 90 days", "/metrics?since=90d", person),
        get("lessons", "/lessons", program),
        get("report, rejections", "/reports/rejections", person),
        get("report, successes", "/reports/successes", person),
        get("report, calibration", "/reports/calibration", person),
        get("report, agents", "/reports/agents", person),
        get("report, factors", "/reports/factors", person),
        get("report, weekly", "/reports/weekly", person),
        get("report, monthly", "/reports/monthly", person),
        ("check", "/api/v1/check".to_owned(), program, Some(proposal)),
        (
            "feedback",
            format!("{cases}/{id}/feedback"),
            person,
            Some(|number| json!({"message": format!("seen, {number} times")})),
        ),
        ("propose", cases.to_owned(), program, Some(proposal)),
    ]
}

/// What an agent proposes in this round.
fn proposal(round: usize) -> Value {
    json!({
        "action": "modify_parameters",
        "targets": [trail_target(round)],
        "changes": {"stop_loss_pct": 8},
        "rationale": format!("Round {round}: backtests over 2024-2026 show a smaller drawdown."),
    })
}

struct Asker {
    client: ureq::Agent,
    url: String,
}

impl Asker {
    /// Asks every question so many times; the median of the slowest.
    fn table(&self, title: &str, questions: &[Question<'_>], rounds: usize) -> Duration {
        println!("{title:<44}{:>10}{:>10}{:>10}", "median", "p90", "bytes");
        let mut slowest = Duration::ZERO;
        for (name, path, by, body) in questions {
            let put = |round: usize| match body {
                None => self.ask(path, *by),
                Some(body) => self.tell(path, *by, &body(round)),
            };
            let bytes = put(0).len();
            let mut took: Vec<Duration> = (1..=rounds)
                .map(|round| {
                    let begun = Instant::now();
                    put(round);
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
        println!();
        slowest
    }

    fn ask(&self, path: &str, by: As<'_>) -> String {
        let request = self.client.get(format!("{}{path}", self.url));
        let request = match by.header() {
            None => request,
            Some((name, value)) => request.header(name, value),
        };
        body(path, request.call().expect("no answer"))
    }

    fn tell(&self, path: &str, by: As<'_>, what: &Value) -> String {
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json");
        let request = match by.header() {
            None => request,
            Some((name, value)) => request.header(name, value),
        };
        body(path, request.send(what.to_string()).expect("no answer"))
    }

    fn sign_in(&self, token: &str) -> String {
        let answer = self
            .client
            .post(format!("{}/sign-in", self.url))
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
}

impl As<'_> {
    fn header(self) -> Option<(&'static str, String)> {
        match self {
            Self::Nobody => None,
            Self::Cookie(cookie) => Some(("cookie", cookie.to_owned())),
            Self::Token(token) => Some(("authorization", format!("Bearer {token}"))),
        }
    }
}

fn body(path: &str, mut answer: ureq::http::Response<ureq::Body>) -> String {
    let body = answer.body_mut().read_to_string().expect("no body");
    assert!(answer.status().is_success(), "{path}: {body}");
    body
}

fn token(repo: &Path, state: &Path, whose: [&str; 2]) -> String {
    let made = run(Command::new(COUNTERSIGN)
        .args(["token", "create"])
        .args(whose)
        .arg("--repo")
        .arg(repo)
        .env("COUNTERSIGN_STATE", state));
    made.trim().to_owned()
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
