//! How long every page of the dashboard and every answer of the API takes, asked over HTTP of a `countersign serve` that
//! keeps a big trail, with some pull requests that wait. The index is warm, one request follows the other on one
//! connection, and what is said is the median and the ninth of ten of all rounds, as a client sees it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::measure::{self, COUNTERSIGN, Folder};
use crate::server::{Client, Request, Server};
use crate::trail;

const EACH: usize = 4;

/// What is asked: its name, the path, and the body of a POST.
struct Question {
    name: &'static str,
    path: String,
    headers: Vec<String>,
    body: Option<fn(usize) -> Value>,
}

pub fn run(count: usize, rounds: usize) {
    let folder = Folder::new("pages");
    let repo = folder.join("governance.git");
    measure::copy_linked(&trail::trail(count), &repo);
    for agent in &trail::AGENTS[..4] {
        (0..EACH).for_each(|number| propose(&repo, agent, number));
    }
    let newest = "--format=%(trailers:key=Recommendation,valueonly)";
    let newest = [
        "log",
        "-1",
        "--first-parent",
        "--grep=^Event: decision$",
        newest,
        "main",
    ];
    let id = measure::git(&repo, &newest).trim().to_owned();
    let server = Server::start(&folder, &repo);
    let person = server.token(["--as", "alice"]);
    let program = server.token(["--agent", trail::AGENTS[0]]);
    let mut client = Client::connect(&server.address);
    // The first question waits until the trail is read.
    client.get("/", &[]).text("/");
    let cookie = sign_in(&mut client, &person);
    let slowest_page = table(&mut client, "page", &pages(&id, &cookie), rounds);
    let answers = answers(&id, &person, &program);
    let slowest_answer = table(&mut client, "answer of the API", &answers, rounds);
    println!(
        "{:>7.1} ms for the slowest page, {:.1} ms for the slowest answer of the API (at most 20)",
        millis(slowest_page),
        millis(slowest_answer)
    );
    server.stop();
}

fn pages(id: &str, cookie: &str) -> Vec<Question> {
    let case = format!("/cases/{id}");
    let page = |name, path: &str, signed_in: bool| Question {
        name,
        path: path.to_owned(),
        headers: signed_in
            .then(|| format!("cookie: {cookie}"))
            .into_iter()
            .collect(),
        body: None,
    };
    let from_day_to_day = "/?since=2024-02-01&until=2024-02-20";
    let high_of_one = "/cases?agent=fx-tuner&level=HIGH&outcome=failure";
    vec![
        page("overview, all of time", "/", false),
        page("overview, 90 days", "/?period=90d", false),
        page("overview, from day to day", from_day_to_day, false),
        page("pending, reading", "/pending", false),
        page("pending, with forms", "/pending", true),
        page("cases, all", "/cases", false),
        page("cases, the last page", "/cases?page=100000", false),
        page("cases, HIGH of one agent that failed", high_of_one, false),
        page(
            "cases, searched for two words",
            "/cases?q=carol+eurusd",
            false,
        ),
        page("cases, searched in vain", "/cases?q=nobody-has-this", false),
        page("case", &case, false),
        page("case, with a form", &case, true),
        page(
            "agent, with its lessons",
            "/agents/strategy-optimizer",
            false,
        ),
    ]
}

fn answers(id: &str, person: &str, program: &str) -> Vec<Question> {
    let question = |name, path: String, token: &str, body| Question {
        name,
        path: format!("/api/v1{path}"),
        headers: vec![
            format!("authorization: Bearer {token}"),
            "content-type: application/json".to_owned(),
        ],
        body,
    };
    let get = |name, path: &str, token| question(name, path.to_owned(), token, None);
    let list = |name, query: &str, token| get(name, &format!("/recommendations{query}"), token);
    let feedback: fn(usize) -> Value = |number| json!({"message": format!("seen, {number} times")});
    let high_of_one = "?agent=fx-tuner&level=HIGH&outcome=failure";
    vec![
        get("identity", "/identity", program),
        list("list, all", "", person),
        list("list, 200 of an agent's own", "?limit=200", program),
        list("list, HIGH of one agent that failed", high_of_one, person),
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
        question("check", "/check".to_owned(), program, Some(proposal)),
        question(
            "feedback",
            format!("/recommendations/{id}/feedback"),
            person,
            Some(feedback),
        ),
        question(
            "propose",
            "/recommendations".to_owned(),
            program,
            Some(proposal),
        ),
    ]
}

/// What an agent proposes in this round.
fn proposal(round: usize) -> Value {
    json!({
        "action": "modify_parameters",
        "targets": [trail::live_target(round)],
        "changes": {"stop_loss_pct": 8},
        "rationale": format!("Round {round}: backtests over 2024-2026 show a smaller drawdown."),
    })
}

/// Asks every question so many times; the median of the slowest.
fn table(client: &mut Client, title: &str, questions: &[Question], rounds: usize) -> Duration {
    println!("{title:<44}{:>10}{:>10}{:>10}", "median", "p90", "bytes");
    let mut slowest = Duration::ZERO;
    for Question {
        name,
        path,
        headers,
        body,
    } in questions
    {
        let mut ask = |round: usize| {
            let body = body.map(|body| body(round).to_string());
            let method = if body.is_some() { "POST" } else { "GET" };
            let body = body.as_deref().unwrap_or_default();
            let answer = client.ask(&Request {
                method,
                path,
                headers,
                body,
            });
            answer.text(path).len()
        };
        let bytes = ask(0);
        let timed = (1..=rounds).map(|round| {
            let begun = Instant::now();
            ask(round);
            begun.elapsed()
        });
        let mut took: Vec<Duration> = timed.collect();
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

fn sign_in(client: &mut Client, token: &str) -> String {
    let answer = client.ask(&Request {
        method: "POST",
        path: "/sign-in",
        headers: &["content-type: application/x-www-form-urlencoded".to_owned()],
        body: &format!("token={token}"),
    });
    let mut headers = answer.headers.iter();
    let cookie = headers.find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.expect("not let in").split(';').next();
    cookie.unwrap_or_default().to_owned()
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// A change that waits for people.
fn propose(repo: &Path, agent: &str, number: usize) {
    let mut propose = Command::new(COUNTERSIGN);
    propose.args(["propose", "--agent", agent, "--action", "modify_parameters"]);
    propose.args([
        "--target",
        trail::live_target(number),
        "--set",
        "stop_loss_pct=8",
    ]);
    propose.args([
        "--rationale",
        "Backtests show a smaller drawdown.",
        "--repo",
    ]);
    measure::run(propose.arg(repo));
}
