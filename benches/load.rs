//! What a server on the local forge does under a load that does not pause, beside a loop of `git push` of the same files.
//!
//! `cargo bench --bench load [-- COUNT CLIENTS PUSHES]`. CLIENTS clients (32) propose COUNT LOW changes (10,000) through
//! the API into an empty repository, each as soon as its last one was answered; PUSHES of them (200) are then pushed one
//! by one with git. While that goes on, packs, disk and memory of the server are looked at. Printed beside each figure
//! is what it has to be.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A bench that cannot go on stops.

mod stage;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stage::{COUNTERSIGN, Folder, argument, git, run};

/// The clients are compared in so many.
const PART: usize = 1_000;
const LOOK: Duration = Duration::from_millis(50);

/// The most of what was seen while the load lasted.
#[derive(Default)]
struct Peak {
    packs: usize,
    disk: u64,
    /// Kilobytes.
    memory: u64,
    threads: u64,
}

fn main() {
    let (count, clients, pushes) = (argument(0, 10_000), argument(1, 32), argument(2, 200));
    let folder = Folder::new("load");
    let repo = folder.join("governance.git");
    stage::init(&repo);
    let token = token(&folder, &repo);
    let mut server = Server::start(&folder, &repo);
    let begun = Instant::now();
    let answered = Mutex::new(Vec::with_capacity(count));
    let (next, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let peak = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&repo, server.child.id(), &done));
        let proposing: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(&server.address, &token);
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return;
                        }
                        let asked = Instant::now();
                        client.propose(number);
                        let answer = (begun.elapsed(), asked.elapsed());
                        answered.lock().expect("no client panics").push(answer);
                    }
                })
            })
            .collect();
        for client in proposing {
            client.join().expect("a client has stopped");
        }
        done.store(true, Ordering::Relaxed);
        watching.join().expect("nothing can be watched")
    });
    let mut answered = answered.into_inner().expect("no client panics");
    answered.sort();
    let failed = server.failed_runs();
    let decided_in = server.wait_until_decided(&repo, count);
    server.stop();
    let pushing = push(&folder, pushes);
    git(&repo, &["gc", "-q", "--prune=now"]);
    let packed = disk(&repo);

    println!("{count} proposals by {clients} clients, then {pushes} pushes\n");
    let say = |what: &str, is: String, wanted: &str| println!("{what:<44} {is:>12}   {wanted}");
    say(
        "git push of the same, one by one, a second",
        format!("{pushing:.0}"),
        "",
    );
    for (what, is, wanted) in lines(&answered, &peak, packed) {
        say(&what, is, wanted);
    }
    say(
        "decided after the last answer, s",
        format!("{:.1}", decided_in.as_secs_f64()),
        "",
    );
    say("failed runs", failed.to_string(), "0");
}

/// What is measured, what it is, and what it has to be. The answers are in their order: when each came, and how long it
/// took.
fn lines(
    answered: &[(Duration, Duration)],
    peak: &Peak,
    packed: u64,
) -> Vec<(String, String, &'static str)> {
    let count = answered.len();
    let part = PART.min(count / 2).max(1);
    let rate = |part: &[(Duration, Duration)]| {
        let took = part[part.len() - 1].0 - part[0].0;
        (part.len() - 1).max(1) as f64 / took.as_secs_f64()
    };
    let (first, last) = (rate(&answered[..part]), rate(&answered[count - part..]));
    let mut waits: Vec<Duration> = answered.iter().map(|(_, wait)| *wait).collect();
    waits.sort();
    let wait = |percent: usize| waits[(count - 1) * percent / 100].as_secs_f64() * 1e3;
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let line = |what: &str, is: String, wanted| (what.to_owned(), is, wanted);
    vec![
        line(
            &format!("first {part}, a second"),
            format!("{first:.0}"),
            "at least 252",
        ),
        line(&format!("last {part}, a second"), format!("{last:.0}"), ""),
        line(
            "last to first",
            format!("{:.2}", last / first),
            "at least 0.8",
        ),
        line("median wait, ms", format!("{:.0}", wait(50)), ""),
        line(
            "99th percentile, ms",
            format!("{:.0}", wait(99)),
            "below 1000",
        ),
        line("most packs", peak.packs.to_string(), "at most 30"),
        line("most disk, MB", megabytes(peak.disk), ""),
        line("packed repository, MB", megabytes(packed), ""),
        line(
            "most disk to packed",
            format!("{:.2}", peak.disk as f64 / packed as f64),
            "at most 2",
        ),
        line(
            "most memory, MB",
            format!("{:.0}", peak.memory as f64 / 1024.0),
            "at most 300",
        ),
        line("most threads", peak.threads.to_string(), ""),
    ]
}

fn countersign(folder: &Folder) -> Command {
    let mut command = Command::new(COUNTERSIGN);
    command.env("XDG_STATE_HOME", folder.join("state"));
    command
}

fn token(folder: &Folder, repo: &Path) -> String {
    let mut command = countersign(folder);
    command
        .args([
            "token",
            "create",
            "--agent",
            "risk-manager",
            "--format",
            "json",
            "--repo",
        ])
        .arg(repo);
    let said: serde_json::Value = serde_json::from_str(&run(&mut command)).expect("no JSON");
    said["token"].as_str().expect("no token").to_owned()
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Folder, repo: &Path) -> Self {
        let mut child = countersign(folder)
            .args(["serve", "--listen", "127.0.0.1:0", "--repo"])
            .arg(repo)
            .stderr(Stdio::piped())
            .spawn()
            .expect("no server");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            let read = said.read_line(&mut line).expect("cannot be read");
            assert!(read > 0, "the server has ended");
            if let Some((_, rest)) = line.split_once("http://") {
                break rest
                    .split(';')
                    .next()
                    .expect("an address")
                    .trim()
                    .to_owned();
            }
        };
        // Nobody may wait for us to read what it says.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                eprintln!("server: {line}");
            }
        });
        Self { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("cannot connect");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("cannot ask");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("no answer");
        answer
    }

    fn failed_runs(&self) -> u64 {
        let metrics = self.get("/metrics");
        let lines = metrics.lines();
        lines
            .filter(|line| line.starts_with("countersign_runs_total") && line.contains("fail"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// How long it takes until everything that was proposed is decided.
    fn wait_until_decided(&self, repo: &Path, count: usize) -> Duration {
        let begun = Instant::now();
        let decided = || {
            let log = git(repo, &["log", "--first-parent", "--format=%s", "main"]);
            log.lines()
                .filter(|line| line.starts_with("decision:"))
                .count()
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

    fn stop(&mut self) {
        run(Command::new("kill").args(["-TERM", &self.child.id().to_string()]));
        let status = self.child.wait().expect("cannot wait");
        assert!(status.success(), "the server has failed");
    }
}

struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Client {
    fn connect(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).expect("cannot connect");
        stream.set_nodelay(true).expect("cannot be set");
        Self {
            stream: BufReader::new(stream),
            token: token.to_owned(),
        }
    }

    fn propose(&mut self, number: usize) {
        let body = serde_json::json!({
            "action": "modify_parameters",
            "targets": ["rsi-eurusd-draft"],
            "changes": {"stop_loss_pct": (number % 100) as f64 / 100.0 + 1.0},
            "rationale": "load",
            "session": "load",
        })
        .to_string();
        let request = format!(
            "POST /api/v1/recommendations HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes()).expect("cannot ask");
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("no answer");
        let status = line.trim().to_owned();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("no answer");
            if line.trim().is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).expect("no answer");
        assert!(
            status.contains("201"),
            "{status}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
}

/// Looks again and again until the load ends.
fn watch(repo: &Path, server: u32, done: &AtomicBool) -> Peak {
    let mut peak = Peak::default();
    let status = PathBuf::from(format!("/proc/{server}/status"));
    while !done.load(Ordering::Relaxed) {
        let names = fs::read_dir(repo.join("objects/pack")).expect("no packs");
        let is_index = |name: &PathBuf| name.extension().is_some_and(|kind| kind == "idx");
        let packs = names.flatten().map(|entry| entry.path()).filter(is_index);
        peak.packs = peak.packs.max(packs.count());
        peak.disk = peak.disk.max(disk(repo));
        let status = fs::read_to_string(&status).unwrap_or_default();
        let number = |name: &str| {
            let mut lines = status.lines();
            let line = lines.find_map(|line| line.strip_prefix(name)).unwrap_or("");
            let number = line.split_whitespace().next().and_then(|n| n.parse().ok());
            number.unwrap_or(0)
        };
        peak.memory = peak.memory.max(number("VmHWM:"));
        peak.threads = peak.threads.max(number("Threads:"));
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

/// How many of the same files a second git pushes, one by one, as an agent does that commits and pushes.
fn push(folder: &Folder, count: usize) -> f64 {
    let (repo, clone) = (folder.join("pushed.git"), folder.join("clone"));
    stage::init(&repo);
    run(Command::new("git")
        .arg("clone")
        .arg("-q")
        .arg(&repo)
        .arg(&clone));
    for (name, value) in [
        ("user.name", "strategy-optimizer"),
        ("user.email", "strategy-optimizer@agents.example.org"),
    ] {
        git(&clone, &["config", name, value]);
    }
    let mut made = Vec::new();
    for number in 0..count {
        let change = format!("stop_loss_pct={}", (number % 100) as f64 / 100.0 + 1.0);
        let mut command = countersign(folder);
        command
            .args([
                "new",
                "--agent",
                "strategy-optimizer",
                "--action",
                "modify_parameters",
            ])
            .args([
                "--target",
                "rsi-eurusd-draft",
                "--set",
                &change,
                "--rationale",
                "load",
            ]);
        let text = run(&mut command);
        let path = text.lines().next().expect("a path").trim_start_matches('#');
        made.push((path.trim().to_owned(), text));
    }
    let begun = Instant::now();
    for (number, (path, text)) in made.iter().enumerate() {
        let file = clone.join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("cannot make it");
        fs::write(&file, text).expect("cannot write");
        git(&clone, &["checkout", "-q", "--detach", "origin/main"]);
        git(&clone, &["add", path]);
        git(&clone, &["commit", "-q", "-m", "Propose"]);
        git(
            &clone,
            &[
                "push",
                "-q",
                "origin",
                &format!("HEAD:refs/heads/recommend/b{number}"),
            ],
        );
    }
    count as f64 / begun.elapsed().as_secs_f64()
}
