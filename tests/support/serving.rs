//! `countersign serve` as a real process, asked over real HTTP.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::{COUNTERSIGN, Ran, TestRepo, clean};

/// How long a test waits for what must come. Only a test that fails waits so long.
const TIMEOUTS: Duration = Duration::from_secs(60);
/// Between two looks at what only an answer shows.
const LOOK: Duration = Duration::from_millis(10);

/// A server of one test.
pub struct Serving {
    child: Child,
    /// `http://127.0.0.1:PORT`; empty if it died before it listened.
    pub url: String,
    said: Arc<Said>,
}

#[derive(Default)]
struct Said {
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(held, _)| held == name);
        found.map_or("", |(_, value)| value)
    }
    #[track_caller]
    pub fn gives(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A command without anybody's identity on GitHub.
pub fn nobody(command: &mut Command) -> &mut Command {
    for name in [
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "GITHUB_ACTIONS",
        "GITHUB_API_URL",
        "COUNTERSIGN_TOKEN",
        "COUNTERSIGN_APP_ID",
        "COUNTERSIGN_APP_KEY",
        "COUNTERSIGN_APP_KEY_FILE",
        "COUNTERSIGN_API_URL",
        "COUNTERSIGN_STATE",
        "COUNTERSIGN_WEBHOOK_SECRET",
        "COUNTERSIGN_LISTEN",
        "COUNTERSIGN_DIE_AT_STEP",
    ] {
        command.env_remove(name);
    }
    command
}

/// How every server of a test is started: on a free port, looking often.
pub const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--look", "20"];

/// A server of this stage.
pub fn serve(stage: &TestRepo, more: &[&str]) -> Command {
    let mut command = stage.command(&[&SERVE, more].concat());
    nobody(&mut command).env("COUNTERSIGN_STATE", stage.folder("state"));
    command
}

/// A server for which nothing is configured, in an empty folder.
pub fn serve_nothing(folder: &Path) -> Command {
    let mut command = Command::new(COUNTERSIGN);
    command.current_dir(folder).args(SERVE).env("HOME", folder);
    command
        .env_remove("COUNTERSIGN_REPO")
        .env_remove("XDG_STATE_HOME");
    nobody(&mut command);
    clean(&mut command, "nobody@example.org");
    command
}

/// A command about the tokens that the servers of this stage know.
#[track_caller]
pub fn about_tokens(stage: &TestRepo, what: &[&str]) -> Ran {
    let mut command = stage.command(&[&["token"], what].concat());
    nobody(&mut command).env("COUNTERSIGN_STATE", stage.folder("state"));
    Ran::of(&command.output().unwrap())
}

/// A token, made by the command line.
#[track_caller]
pub fn token(stage: &TestRepo, whose: &[&str]) -> String {
    let made = about_tokens(stage, &[&["create"], whose].concat());
    made.succeeds().stdout.trim().to_owned()
}

/// A person's token.
#[track_caller]
pub fn persons_token(stage: &TestRepo, login: &str) -> String {
    token(stage, &["--as", login])
}

impl Serving {
    /// Starts a server that must come to listen.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let serving = Self::try_to_start(command);
        assert!(!serving.url.is_empty(), "it died:\n{}", serving.said());
        serving
    }

    /// Starts a server that may die before it listens.
    pub fn try_to_start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Said::default());
        let (lines, heard) = (
            BufReader::new(child.stderr.take().unwrap()).lines(),
            Arc::clone(&said),
        );
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.lines.lock().unwrap().0.push(line);
                heard.more.notify_all();
            }
            heard.lines.lock().unwrap().1 = true;
            heard.more.notify_all();
        });
        let mut serving = Self {
            child,
            url: String::new(),
            said,
        };
        if let Some(line) = serving.find_line("listening on http://") {
            let address = line.split("listening on ").nth(1).unwrap();
            serving.url = address.split(';').next().unwrap().to_owned();
        }
        serving
    }

    /// Waits for a line on standard error; none if the process ends without it.
    #[track_caller]
    pub fn find_line(&self, with: &str) -> Option<String> {
        let end = Instant::now() + TIMEOUTS;
        let mut lines = self.said.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.0.iter().find(|line| line.contains(with)) {
                return Some(line.clone());
            }
            if lines.1 {
                return None;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited in vain for `{with}`: {:?}",
                lines.0
            );
            lines = self.said.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Everything on standard error so far.
    pub fn said(&self) -> String {
        self.said.lines.lock().unwrap().0.join("\n")
    }

    /// Without a time limit of its own: a socket that has one gives up whenever a child of the test ends.
    /// The server answers everything within its own limit.
    fn agent() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into()
    }

    /// Asks; none if nobody answers.
    pub fn try_to_ask(&self, request: ureq::http::Request<Vec<u8>>) -> Option<Answer> {
        Self::send(request)
    }

    fn send(request: ureq::http::Request<Vec<u8>>) -> Option<Answer> {
        let url = request.uri().clone();
        let mut answer = Self::agent()
            .run(request)
            .inspect_err(|error| eprintln!("{url}: {error}"))
            .ok()?;
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Some(Answer {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body: answer.body_mut().read_to_string().unwrap_or_default(),
        })
    }

    #[track_caller]
    pub fn ask(&self, request: ureq::http::Request<Vec<u8>>) -> Answer {
        self.try_to_ask(request)
            .unwrap_or_else(|| panic!("nobody answers:\n{}", self.said()))
    }

    #[track_caller]
    pub fn at(&self, path: &str) -> Answer {
        let request = ureq::http::Request::get(format!("{}{path}", self.url));
        self.ask(request.body(Vec::new()).unwrap())
    }

    /// Asks with a token; none if nobody answers.
    pub fn fetch(url: &str, path: &str, token: &str) -> Option<Answer> {
        let request = ureq::http::Request::get(format!("{url}{path}"));
        let request = request.header("authorization", format!("Bearer {token}"));
        Self::send(request.body(Vec::new()).unwrap())
    }

    /// Waits until an address answers a token so.
    #[track_caller]
    pub fn wait_until_json(&self, token: &str, path: &str, so: impl Fn(&Json) -> bool) -> Json {
        let end = Instant::now() + TIMEOUTS;
        loop {
            let answer = Self::fetch(&self.url, path, token).unwrap();
            let said = answer.gives(200).json();
            if so(&said) {
                return said;
            }
            assert!(
                Instant::now() < end,
                "waited in vain: {said}\n{}",
                self.said()
            );
            std::thread::park_timeout(LOOK);
        }
    }

    #[track_caller]
    pub fn posts(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(body.to_vec()).unwrap())
    }

    /// Waits until an address answers so.
    #[track_caller]
    pub fn wait_until(&self, path: &str, what: &str, so: impl Fn(&Answer) -> bool) -> Answer {
        let end = Instant::now() + TIMEOUTS;
        loop {
            let answer = self.at(path);
            if so(&answer) {
                return answer;
            }
            assert!(
                Instant::now() < end,
                "waited in vain until {what}: {} {}\n{}",
                answer.status,
                answer.body,
                self.said()
            );
            std::thread::park_timeout(LOOK);
        }
    }

    #[track_caller]
    pub fn is_ready(&self) {
        self.wait_until("/readyz", "it is ready", |answer| answer.status == 200);
    }

    /// What is counted under this name and these labels.
    #[track_caller]
    pub fn counts(&self, name: &str, labels: &[&str]) -> f64 {
        Self::sum(&self.at("/metrics").body, name, labels)
    }

    fn sum(text: &str, name: &str, labels: &[&str]) -> f64 {
        let lines = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            let is_it = rest.is_some_and(|rest| rest.starts_with(['{', ' ']));
            is_it && labels.iter().all(|label| line.contains(label))
        });
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Waits until nothing waits for a bot, and none is at work.
    #[track_caller]
    pub fn is_idle(&self) {
        self.wait_until("/metrics", "it is idle", |answer| {
            Self::sum(&answer.body, "countersign_queued_work", &[]) == 0.0
        });
    }

    #[track_caller]
    pub fn wait_for_count(&self, name: &str, labels: &[&str], least: f64) {
        self.wait_until("/metrics", &format!("{name} is {least}"), |answer| {
            Self::sum(&answer.body, name, labels) >= least
        });
    }

    /// Sends a signal, and waits until it has ended.
    #[track_caller]
    pub fn is_told(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
        self.ends()
    }

    /// Ends a server that nothing more is asked of. Every test does it before it looks at what is left: until
    /// then the server goes on, and may report what nobody has read.
    #[track_caller]
    pub fn stops(mut self) {
        let status = self.is_told("-TERM");
        assert!(status.success(), "{status}:\n{}", self.said());
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        let end = Instant::now() + TIMEOUTS;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.said());
            std::thread::park_timeout(LOOK);
        }
    }

    /// Waits until it is ready and idle, or dead; whether it lives.
    pub fn is_done_or_dead(&mut self) -> bool {
        let end = Instant::now() + TIMEOUTS;
        while self.child.try_wait().unwrap().is_none() {
            let url = format!("{}/metrics", self.url);
            let request = ureq::http::Request::get(url).body(Vec::new()).unwrap();
            let is_done = Self::send(request).is_some_and(|answer| {
                let mut lines = answer.body.lines();
                let is_idle = |line: &str| {
                    line.starts_with("countersign_queued_work{") && line.ends_with(" 0")
                };
                lines.any(is_idle) && answer.body.contains("result=\"success\"")
            });
            if is_done {
                return true;
            }
            assert!(Instant::now() < end, "it is never done:\n{}", self.said());
            std::thread::park_timeout(LOOK);
        }
        false
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
