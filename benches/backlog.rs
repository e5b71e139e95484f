//! How fast a backlog is worked off, as ratios against baselines of the same run.
//!
//! `cargo bench --bench backlog [-- COUNT]`. Makes COUNT pushed branches (1,000), then times, each on a
//! copy of the same repository, durable (synced) in every case:
//! - the bot: `countersign run`, from start to exit, and its peak memory;
//! - `benches/porcelain.sh`, which makes the same commits with git's porcelain;
//! - `git fast-import` of the very objects that the bot made.

// A benchmark that cannot be set up has nothing to say.
#![allow(clippy::expect_used)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{SubsecRound, Utc};
use countersign::domain::documents::Recommendation;
use countersign::domain::ids::CaseId;

const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

fn main() {
    let count: usize = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(1_000);
    let folder = std::env::temp_dir().join(format!("countersign-backlog-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("cannot make the folder");
    let pushed = folder.join("pushed.git");
    push_branches(&pushed, count);

    let ours = copy(&pushed, &folder.join("ours.git"));
    let (bot, peak) = timed(Command::new(COUNTERSIGN).args(["run", "--repo"]).arg(&ours));
    let log = git(&ours, &["rev-list", "--count", "--first-parent", "main"]);
    assert_eq!(
        log.trim(),
        (2 * count + 1).to_string(),
        "every branch has a decision and an outcome"
    );
    git(&ours, &["fsck", "--strict", "--connectivity-only"]);
    line("countersign run", count, bot);
    println!("  peak memory {:.1} MB", peak / 1e6);

    let stream = folder.join("stream");
    let export = fs::File::create(&stream).expect("cannot make the stream");
    let status = Command::new("git")
        .arg("-C")
        .arg(&ours)
        .args(["fast-export", "main"])
        .stdout(export)
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "git fast-export failed"
    );
    let imported = folder.join("imported.git");
    git(
        &folder,
        &["init", "-q", "--bare", &imported.display().to_string()],
    );
    let input = fs::File::open(&stream).expect("cannot read the stream");
    let mut import = Command::new("git");
    import
        .arg("-C")
        .arg(&imported)
        .args(["-c", "core.fsync=all", "fast-import", "--quiet"])
        .stdin(input);
    let (import, _) = timed(&mut import);
    line("git fast-import of the same objects", count, import);
    println!(
        "  ratio of the bot to it: {:.2}",
        import.as_secs_f64() / bot.as_secs_f64()
    );

    let few = count.min(100);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/porcelain.sh");
    let slow = folder.join("porcelain");
    let (porcelain, _) = timed(
        Command::new("bash")
            .arg(script)
            .arg("--bot-only")
            .arg(&slow)
            .arg(few.to_string()),
    );
    println!(
        "  (whole process, with its set-up: {:.1} s)",
        porcelain.as_secs_f64()
    );
    fs::remove_dir_all(&folder).ok();
}

/// Runs a command to its end: how long it took, and its peak memory in bytes.
fn timed(command: &mut Command) -> (Duration, f64) {
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("cannot start");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0.0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let hwm = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        peak = hwm.map_or(peak, |kilobytes| kilobytes * 1024.0);
        if let Some(status) = child.try_wait().expect("cannot wait") {
            assert!(status.success(), "{command:?} failed");
            return (began.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn line(what: &str, count: usize, took: Duration) {
    println!(
        "{what}: {count} in {:.2} s, {:.0} a second",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );
}

/// A governance repository with so many pushed branches, written as one stream.
fn push_branches(repo: &Path, count: usize) {
    let status = Command::new(COUNTERSIGN)
        .args(["init", "--example"])
        .arg(repo)
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "init failed");
    let mut stream = String::new();
    let now = Utc::now().trunc_subsecs(0);
    for number in 0..count {
        let id = CaseId::from_parts(now, number as u128);
        let text = format!(
            "schema: countersign/recommendation/v1\nid: {id}\nagent: strategy-optimizer\nsession: bench-{}\naction: modify_parameters\n\
             targets: [rsi-eurusd-draft]\nchanges: {{stop_loss_pct: {}}}\nrationale: Backtests over 2024-2026 show a smaller drawdown at this value, number {number}.\n\
             citations: [{{title: Walk-forward study, url: https://example.org/study/{number}}}]\ncreated_at: {}\n",
            number / 10,
            (number % 25) as f64 / 10.0 + 0.5,
            now.format("%Y-%m-%dT%H:%M:%SZ"),
        );
        let who = format!(
            "strategy-optimizer <strategy-optimizer@agents.example.org> {} +0000",
            now.timestamp()
        );
        let path = Recommendation::path_of(id);
        let _ = write!(
            stream,
            "commit refs/heads/recommend/b{number:06}\nauthor {who}\ncommitter {who}\ndata 8\nPropose\n\nfrom refs/heads/main^0\nM 100644 inline {path}\ndata {}\n{text}\n",
            text.len()
        );
    }
    let mut import = Command::new("git");
    import
        .arg("-C")
        .arg(repo)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped());
    let mut import = import.spawn().expect("git is needed");
    import
        .stdin
        .take()
        .expect("piped")
        .write_all(stream.as_bytes())
        .expect("git fast-import stopped");
    assert!(
        import.wait().is_ok_and(|status| status.success()),
        "git fast-import failed"
    );
}

fn copy(from: &Path, to: &Path) -> PathBuf {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()), "cp failed");
    to.to_owned()
}

fn git(repo: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(repo)
        .args(arguments)
        .output()
        .expect("git is needed");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
