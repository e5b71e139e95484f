//! How long it takes to answer a webhook, a signed `pull_request` of 20 kB, beside an axum handler that does nothing.
//! Both servers run in this process and are asked in turns over kept connections. What is answered with 202 was verified,
//! deduplicated, parsed, taken in by the forge, and has woken the worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use axum::Router;
use axum::routing::post;
use countersign::forge::github::{Auth, Connection, GithubConfig, GithubForge};
use countersign::server::{AppState, ListenConfig, PollIntervals, WorkerConfig, router};

use crate::server::Client;

const SECRET: &str = "the secret of the webhook";
const REPO: &str = "acme/governance";
const BYTES: usize = 20_000;

pub fn run(count: usize, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("no runtime");
    let empty = Router::new().route("/webhooks", post(async || "accepted\n"));
    let empty = serve(&runtime, empty);
    let app_state = app_state();
    let ours = serve(&runtime, router(app_state.clone()));
    let (mut empty, mut ours) = (Client::connect(&empty), Client::connect(&ours));
    let (mut took_empty, mut took_ours) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for number in 0..count {
            let request = request(round * count + number);
            took_empty.push(ask(&mut empty, &request, 200));
            took_ours.push(ask(&mut ours, &request, 202));
        }
    }
    let (empty, ours) = (median(took_empty), median(took_ours));
    println!(
        "{} webhooks of {BYTES} bytes, one after the other",
        rounds * count
    );
    println!("empty handler     median {:>7.1} us", micros(empty));
    println!("webhook answered  median {:>7.1} us", micros(ours));
    println!(
        "ratio             {:.2}, {:.1} us more",
        ours.as_secs_f64() / empty.as_secs_f64(),
        micros(ours) - micros(empty)
    );
    app_state.close();
}

/// One repository whose bot never comes: only the answering is measured.
fn app_state() -> AppState {
    let hour = Duration::from_secs(3600);
    let intervals = PollIntervals {
        look: hour,
        reconcile: hour,
    };
    let app_state = AppState::new(intervals, ListenConfig::default(), None);
    app_state.use_webhook_secret(SECRET.to_owned().into());
    let connection = Connection::new("http://127.0.0.1:9", Auth::Token("none".to_owned().into()))
        .expect("no connection");
    let config = GithubConfig {
        repository: REPO.to_owned(),
        clone_path: std::env::temp_dir().join("never-made.git"),
        git_url: None,
    };
    let forge = GithubForge::new(Arc::new(connection), config).expect("no forge");
    app_state
        .keep(WorkerConfig {
            name: REPO.to_owned(),
            bot_factory: Box::new(|| Err(anyhow::anyhow!("there is no bot here"))),
            github: Some(forge),
            tokens: None,
            decides: true,
        })
        .expect("no thread");
    app_state
}

fn serve(runtime: &tokio::runtime::Runtime, router: Router) -> String {
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("no port");
    let address = listener.local_addr().expect("no address");
    runtime.spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

/// A whole request, with an id of its own.
fn request(number: usize) -> Vec<u8> {
    let end = |branch: &str| serde_json::json!({"ref": branch, "sha": format!("{number:040x}")});
    let mut payload = serde_json::json!({
        "action": "synchronize",
        "repository": {"id": 1, "full_name": REPO},
        "sender": {"login": "strategy-optimizer", "id": 7, "type": "User"},
        "pull_request": {
            "number": number % 50 + 1,
            "html_url": "https://github.com/acme/governance/pull/1",
            "state": "open",
            "user": {"login": "strategy-optimizer", "id": 7, "type": "User"},
            "head": end("recommend/x"),
            "base": end("main"),
            "created_at": "2026-11-23T14:02:11Z",
            "updated_at": "2026-11-23T14:02:11Z",
            "links": {},
        },
    });
    // What GitHub sends along and nobody reads: many short fields.
    let mut size = payload.to_string().len();
    for field in 0.. {
        if size >= BYTES {
            break;
        }
        let (key, value) = (
            format!("field_{field}_url"),
            format!("https://api.github.com/repos/acme/governance/field/{field}{{/sha}}"),
        );
        size += key.len() + value.len() + 6;
        payload["pull_request"]["links"][key] = value.into();
    }
    let body = payload.to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!(
        "POST /webhooks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-github-event: pull_request\r\n\
         x-github-delivery: {number:08}\r\nx-hub-signature-256: sha256={hex}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn ask(client: &mut Client, request: &[u8], status: u16) -> Duration {
    let begun = Instant::now();
    let answer = client.send(request);
    let took = begun.elapsed();
    assert_eq!(
        answer.status,
        status,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    took
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
