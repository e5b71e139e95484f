//! How fast a whole trail is replayed under other rules, beside `git log` of the same trail.
//!
//! `cargo bench --bench backtest [-- CASES ROUNDS]` (100,000 and 3). The other rules are those of the trail's
//! tip with a higher threshold, so that thousands of decisions come out differently. Timed in turns are
//! `countersign backtest` and `git log --first-parent` with `%(trailers)`, which only reads the commits.

#![allow(clippy::expect_used, clippy::panic)] // A bench that cannot go on stops.

mod stage;
mod trail;

use std::fs;
use std::path::Path;
use std::process::Command;

use stage::{COUNTERSIGN, Folder, Series, argument, git, headline, line};

fn main() {
    let (count, rounds) = (argument(0, 100_000), argument(1, 3));
    let repo = trail::trail(count);
    println!("{count} cases in {}, {rounds} rounds\n", repo.display());
    let folder = Folder::new("backtest");
    other_rules(&repo, &folder);
    let said = stage::run(&mut backtest(&repo, &folder));
    let summary: Vec<&str> = said
        .lines()
        .take_while(|line| !line.starts_with("Nobody"))
        .collect();
    println!("{}\n", summary.join("\n").trim_end());
    let [mut ours, mut log] = [const { Series::new() }; 2];
    for _ in 0..rounds {
        ours.push(stage::timed(&mut backtest(&repo, &folder)), count);
        let mut git = Command::new("git");
        git.arg("-C").arg(&repo);
        git.args(["log", "--first-parent", "--format=%H %(trailers)", "main"]);
        log.push(stage::timed(&mut git), count);
    }
    headline();
    line("countersign backtest", &ours);
    line("git log --first-parent, with %(trailers)", &log);
    println!();
    println!(
        "{:>7.2} x the time of git log; by processor time {:.2}",
        log.times_as_fast_as(&ours),
        log.times_as_cheap_as(&ours)
    );
}

fn backtest(repo: &Path, folder: &Folder) -> Command {
    let mut command = Command::new(COUNTERSIGN);
    command.arg("backtest").arg("--repo").arg(repo);
    command.arg("--rules").arg(folder.path());
    command
}

/// The rules at the tip, with more of it LOW.
fn other_rules(repo: &Path, folder: &Folder) {
    fs::create_dir_all(folder.join("rules")).expect("cannot make the folder");
    for path in git(repo, &["ls-tree", "-r", "--name-only", "main", "rules/"]).lines() {
        let text = git(repo, &["show", &format!("main:{path}")]);
        let lines = text.lines().map(|line| match line.trim_start() {
            threshold if threshold.starts_with("low_up_to:") => "  low_up_to: 50\n".to_owned(),
            _ => format!("{line}\n"),
        });
        fs::write(folder.join(path), lines.collect::<String>()).expect("cannot write the rules");
    }
}
