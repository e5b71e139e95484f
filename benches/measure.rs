//! What is measured with, and what on: times and their tables, and repositories with pushed branches.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use countersign::domain::documents::Recommendation;
use countersign::domain::ids::CaseId;

/// The binary that is measured.
pub const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// A folder of this process that is removed at the end; `TMPDIR` says on which disk.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("countersign-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("cannot make the folder");
        Self(path)
    }
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Now, as git and the documents write it.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(0)
}

/// A new governance repository with the example's rules and targets.
pub fn init(repo: &Path) {
    run(Command::new(COUNTERSIGN)
        .args(["init", "--example"])
        .arg(repo));
}

/// The files of the repository that `init --example` makes.
pub fn example() -> Vec<(String, Vec<u8>)> {
    let folder = Folder::new("example");
    let repo = folder.join("governance.git");
    init(&repo);
    let paths = git(&repo, &["ls-tree", "-r", "--name-only", "main"]);
    let paths = paths.lines().map(str::to_owned);
    paths
        .map(|path| {
            let content = git(&repo, &["show", &format!("main:{path}")]);
            (path, content.into_bytes())
        })
        .collect()
}

/// Branches with one harmless recommendation each, as agents push them: the ids are those numbers, at
/// the times that are told.
pub fn push(repo: &Path, numbers: std::ops::Range<usize>, at: impl Fn(usize) -> DateTime<Utc>) {
    let mut stream = String::new();
    for number in numbers {
        let at = at(number);
        let id = CaseId::from_parts(at, number as u128);
        let text = format!(
            "schema: countersign/recommendation/v1\nid: {id}\nagent: strategy-optimizer\nsession: bench-{}\naction: modify_parameters\n\
             targets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: {}}}\nrationale: Backtests over 2024-2026 show a smaller drawdown at this value, number {number}.\n\
             citations: [{{title: Walk-forward study, url: https://example.org/study/{number}}}]\ncreated_at: {}\n",
            number / 10,
            (number % 25) as f64 / 10.0 + 0.5,
            at.format("%Y-%m-%dT%H:%M:%SZ"),
        );
        let who = format!(
            "strategy-optimizer <strategy-optimizer@agents.example.org> {} +0000",
            at.timestamp()
        );
        let path = Recommendation::path_of(id);
        let _ = write!(
            stream,
            "commit refs/heads/recommend/b{number:06}\nauthor {who}\ncommitter {who}\ndata 8\nPropose\n\nfrom refs/heads/main^0\nM 100644 inline {path}\ndata {}\n{text}\n",
            text.len()
        );
    }
    fast_import(repo, &stream);
}

pub fn fast_import(repo: &Path, stream: &str) {
    let mut import = Command::new("git")
        .arg("-C")
        .arg(repo)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git is needed");
    let mut input = import.stdin.take().expect("piped");
    input
        .write_all(stream.as_bytes())
        .expect("git fast-import stopped");
    drop(input);
    let status = import.wait();
    assert!(
        status.is_ok_and(|status| status.success()),
        "git fast-import failed"
    );
}

/// So many ids to an hour, the last one in the hour before `end`.
pub fn hourly(end: DateTime<Utc>, total: usize, an_hour: usize) -> impl Fn(usize) -> DateTime<Utc> {
    move |number| {
        let hours_back = total.saturating_sub(number).div_ceil(an_hour);
        end - TimeDelta::hours(i64::try_from(hours_back).expect("not that far back"))
    }
}

/// A copy that may be changed.
pub fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from).arg(to));
}

/// A copy that shares its files: everything in a repository is replaced, never written in place.
pub fn copy_linked(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-al").arg(from).arg(to));
}

/// So that what was written before does not weigh on what is timed next.
pub fn settle(folder: &Path) {
    run(Command::new("sync").arg("-f").arg(folder));
}

/// Runs a command that has to succeed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn git(repo: &Path, arguments: &[&str]) -> String {
    run(Command::new("git").arg("-C").arg(repo).args(arguments))
}

/// What something took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Took {
    /// From its start to its end.
    pub wall: Duration,
    /// Of the processor: on a machine with other work to do, the steadier of the two.
    pub cpu: Duration,
}

impl std::iter::Sum for Took {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, took| Self {
            wall: sum.wall + took.wall,
            cpu: sum.cpu + took.cpu,
        })
    }
}

/// How long this takes.
pub fn measure<T>(what: impl FnOnce() -> T) -> (T, Took) {
    let (cpu, began) = (processor_time(), Instant::now());
    let result = what();
    let wall = began.elapsed();
    let cpu = processor_time().saturating_sub(cpu);
    (result, Took { wall, cpu })
}

/// What this process and all that it has waited for have had of the processor, where the system tells.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything: eleven numbers, then user and system time, own and
    // children's, in hundredths of a second.
    let numbers = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let hundredths: u64 = numbers
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|number| number.parse::<u64>().ok())
        .sum();
    Duration::from_millis(hundredths * 10)
}

/// `countersign run`, from its start to its exit.
pub fn timed_run(repo: &Path) -> Took {
    timed(Command::new(COUNTERSIGN).args(["run", "--repo"]).arg(repo))
}

/// How long a command takes that has to succeed, from its start to its exit.
pub fn timed(command: &mut Command) -> Took {
    let (status, took) = measure(|| command.stdout(Stdio::null()).status());
    assert!(
        status.is_ok_and(|status| status.success()),
        "{command:?} failed"
    );
    took
}

/// The most memory that a command had, in bytes. It is looked at while it runs, so this run is not timed.
pub fn peak_memory(command: &mut Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).spawn().expect("cannot start");
    let mut peak = 0.0;
    loop {
        peak = memory(child.id(), "VmHWM:").unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("cannot wait") {
            assert!(status.success(), "{command:?} failed");
            return peak;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// What Linux says of a process's memory, in bytes.
pub fn memory(process: u32, key: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// A repository that takes long to make: made now or by an earlier run. Whoever writes to it works on a copy.
pub fn kept(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let repo = folder.join(format!("{name}.git"));
    if !repo.exists() {
        let unfinished = folder.join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(folder).expect("cannot make the folder");
        make(&unfinished);
        git(&unfinished, &["gc", "--quiet", "--prune=now"]);
        fs::rename(&unfinished, &repo).expect("cannot keep the repository");
    }
    repo
}

/// What `benches/porcelain.sh` took for so many records, durable, as it says itself: without its set-up.
/// `whole` includes the agents' part, their branches and commits.
pub fn porcelain(folder: &Path, count: usize, whole: bool) -> Took {
    fs::remove_dir_all(folder).ok();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/porcelain.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg("--fsync");
    if !whole {
        command.arg("--bot-only");
    }
    let said = run(command.arg(folder).arg(count.to_string()));
    fs::remove_dir_all(folder).ok();
    let seconds = said
        .split_once(" recommendations in ")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    let wall =
        Duration::from_secs_f64(seconds.unwrap_or_else(|| panic!("porcelain.sh said: {said}")));
    // Its set-up cannot be told apart from outside.
    Took {
        wall,
        cpu: Duration::ZERO,
    }
}

/// Times of one thing, round by round, in seconds a record.
#[derive(Debug, Clone, Default)]
pub struct Series {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Series {
    pub const fn new() -> Self {
        Self {
            wall: Vec::new(),
            cpu: Vec::new(),
        }
    }
    /// Adds a round in which so many records took so long.
    pub fn push(&mut self, took: Took, records: usize) {
        self.wall.push(took.wall.as_secs_f64() / records as f64);
        self.cpu.push(took.cpu.as_secs_f64() / records as f64);
    }
    /// How many times as fast this is as the other.
    pub fn times_as_fast_as(&self, other: &Self) -> f64 {
        median(&other.wall) / median(&self.wall)
    }
    /// How many times less of the processor this needs than the other.
    pub fn times_as_cheap_as(&self, other: &Self) -> f64 {
        median(&other.cpu) / median(&self.cpu)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().expect("no round was measured");
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(at(middle - 1), at(middle))
    } else {
        at(middle)
    }
}

pub fn headline() {
    println!(
        "{:<52} {:>9} {:>8} {:>8} {:>8} {:>9}",
        "milliseconds a record", "median", "least", "most", "cpu", "a second"
    );
}

pub fn line(what: &str, series: &Series) {
    let median_wall = median(&series.wall);
    let cpu = median(&series.cpu);
    let cpu = if cpu > 0.0 {
        format!("{:.3}", cpu * 1e3)
    } else {
        "-".to_owned()
    };
    println!(
        "{what:<52} {:>9.3} {:>8.3} {:>8.3} {cpu:>8} {:>9.0}",
        median_wall * 1e3,
        series.wall.iter().copied().fold(f64::INFINITY, f64::min) * 1e3,
        series.wall.iter().copied().fold(0.0, f64::max) * 1e3,
        1.0 / median_wall
    );
}
