//! What a server on the local forge does under a load that does not pause: clients propose LOW changes through the API
//! into an empty repository, each as soon as its last one was answered. While that goes on, packs, disk and memory of
//! the server are looked at. Beside it a loop of `git push` of the same files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::measure::{self, COUNTERSIGN, Folder, git};
use crate::server::{Client, Request, Server};

/// The clients are compared in so many.
const PART: usize = 1_000;
const LOOK: Duration = Duration::from_millis(50);

/// The most of what was seen while the load lasted.
#[derive(Default)]
struct Peak {
    packs: usize,
    disk: u64,
    memory: f64,
}

/// When an answer came, and how long it took.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Answered {
    at: Duration,
    wait: Duration,
}

pub fn run(count: usize, clients: usize, pushes: usize) {
    let folder = Folder::new("load");
    let repo = folder.join("governance.git");
    measure::init(&repo);
    let server = Server::start(&folder, &repo);
    let token = server.token(["--agent", "risk-manager"]);
    let begun = Instant::now();
    let answered = Mutex::new(Vec::with_capacity(count));
    let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let peak = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&repo, server.process(), &done));
        let propose_all = || {
            let mut client = Client::connect(&server.address);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let asked = Instant::now();
                propose(&mut client, &token, number);
                let (at, wait) = (begun.elapsed(), asked.elapsed());
                answered.lock().unwrap().push(Answered { at, wait });
            }
        };
        let proposing: Vec<_> = (0..clients).map(|_| scope.spawn(propose_all)).collect();
        for client in proposing {
            client.join().expect("a client has stopped");
        }
        done.store(true, Ordering::Relaxed);
        watching.join().expect("nothing can be watched")
    });
    let mut answered = answered.into_inner().unwrap();
    answered.sort();
    let failed = failed_runs(&server);
    let decided_after = wait_until_decided(&repo, count);
    server.stop();
    let pushing = push(&folder, pushes);
    git(&repo, &["gc", "-q", "--prune=now"]);
    let packed = disk(&repo) as f64;

    let part = PART.min(count / 2).max(1);
    let rate = |part: &[Answered]| {
        let took = part[part.len() - 1].at - part[0].at;
        (part.len() - 1).max(1) as f64 / took.as_secs_f64()
    };
    let (first, last) = (rate(&answered[..part]), rate(&answered[count - part..]));
    let mut waits: Vec<Duration> = answered.iter().map(|answer| answer.wait).collect();
    waits.sort();
    let wait = |percent: usize| waits[(count - 1) * percent / 100].as_secs_f64() * 1e3;
    let line = |what: &str, is: String, bar: &str| println!("{what:<44} {is:>10}   {bar}");
    line(
        "git push of the same, one by one, a second",
        format!("{pushing:.0}"),
        "",
    );
    line(
        &format!("first {part}, a second"),
        format!("{first:.0}"),
        "at least 252",
    );
    line(&format!("last {part}, a second"), format!("{last:.0}"), "");
    line(
        "last to first",
        format!("{:.2}", last / first),
        "at least 0.8",
    );
    line("median wait, ms", format!("{:.0}", wait(50)), "");
    line(
        "99th percentile, ms",
        format!("{:.0}", wait(99)),
        "below 1000",
    );
    line("most packs", peak.packs.to_string(), "at most 30");
    line(
        "most disk to packed",
        format!("{:.2}", peak.disk as f64 / packed),
        "at most 2",
    );
    line("packed repository, MB", format!("{:.1}", packed / 1e6), "");
    line(
        "most memory, MB",
        format!("{:.0}", peak.memory / 1e6),
        "at most 300",
    );
    line(
        "decided after the last answer, s",
        format!("{:.1}", decided_after.as_secs_f64()),
        "",
    );
    line("failed runs", failed.to_string(), "0");
}

fn propose(client: &mut Client, token: &str, number: usize) {
    let body = serde_json::json!({
        "action": "modify_parameters",
        "targets": ["rsi-eurusd-draft"],
        "changes": {"stop_loss_pct": (number % 100) as f64 / 100.0 + 1.0},
        "rationale": "load",
        "session": "load",
    });
    let headers = [
        format!("authorization: Bearer {token}"),
        "content-type: application/json".to_owned(),
    ];
    let answer = client.ask(&Request {
        method: "POST",
        path: "/api/v1/recommendations",
        headers: &headers,
        body: &body.to_string(),
    });
    assert_eq!(
        answer.status,
        201,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
}

fn failed_runs(server: &Server) -> u64 {
    let metrics = Client::connect(&server.address)
        .get("/metrics", &[])
        .text("metrics");
    let lines = metrics.lines();
    lines
        .filter(|line| line.starts_with("countersign_runs_total") && line.contains("fail"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// How long it takes until everything that was proposed is decided.
fn wait_until_decided(repo: &Path, count: usize) -> Duration {
    let begun = Instant::now();
    let decided = || {
        let log = git(repo, &["log", "--first-parent", "--format=%s", "main"]);
        let lines = log.lines();
        lines.filter(|line| line.starts_with("decision:")).count()
    };
    while decided() < count {
        assert!(
            begun.elapsed() < Duration::from_secs(600),
            "it is not decided"
        );
        std::thread::sleep(LOOK);
    }
    begun.elapsed()
}

/// Looks again and again until the load ends.
fn watch(repo: &Path, server: u32, done: &AtomicBool) -> Peak {
    let mut peak = Peak::default();
    while !done.load(Ordering::Relaxed) {
        let names = fs::read_dir(repo.join("objects/pack")).expect("no packs");
        let is_index = |name: &PathBuf| name.extension().is_some_and(|kind| kind == "idx");
        let packs = names.flatten().map(|entry| entry.path()).filter(is_index);
        peak.packs = peak.packs.max(packs.count());
        peak.disk = peak.disk.max(disk(repo));
        peak.memory = measure::memory(server, "VmHWM:").unwrap_or(peak.memory);
        std::thread::sleep(LOOK);
    }
    peak
}

/// The bytes of all files below a folder. What vanishes meanwhile has none.
fn disk(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => disk(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

/// How many of the same files git pushes a second, one by one, as an agent does that commits and pushes.
fn push(folder: &Folder, count: usize) -> f64 {
    let (repo, clone) = (folder.join("pushed.git"), folder.join("clone"));
    measure::init(&repo);
    measure::run(
        Command::new("git")
            .args(["clone", "-q"])
            .arg(&repo)
            .arg(&clone),
    );
    let agent = "strategy-optimizer";
    git(&clone, &["config", "user.name", agent]);
    git(
        &clone,
        &[
            "config",
            "user.email",
            &format!("{agent}@agents.example.org"),
        ],
    );
    let files = (0..count).map(|number| {
        let change = format!("stop_loss_pct={}", (number % 100) as f64 / 100.0 + 1.0);
        let mut new = Command::new(COUNTERSIGN);
        new.args(["new", "--agent", agent, "--action", "modify_parameters"]);
        new.args([
            "--target",
            "rsi-eurusd-draft",
            "--set",
            &change,
            "--rationale",
            "load",
        ]);
        let text = measure::run(&mut new);
        let path = text.lines().next().expect("a path").trim_start_matches('#');
        (path.trim().to_owned(), text)
    });
    let files: Vec<(String, String)> = files.collect();
    let begun = Instant::now();
    for (number, (path, text)) in files.iter().enumerate() {
        let file = clone.join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("cannot make it");
        fs::write(&file, text).expect("cannot write");
        git(&clone, &["checkout", "-q", "--detach", "origin/main"]);
        git(&clone, &["add", path]);
        git(&clone, &["commit", "-q", "-m", "Propose"]);
        let branch = format!("HEAD:refs/heads/recommend/b{number}");
        git(&clone, &["push", "-q", "origin", &branch]);
    }
    count as f64 / begun.elapsed().as_secs_f64()
}
