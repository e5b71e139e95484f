//! How fast a whole trail of every kind of case and ending (`trail`) is read, beside `git log --first-parent` of it with
//! `%(trailers)`, which only reads the commits, and beside `sqlite3`.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use countersign::git::Repository;
use countersign::insight::trend::Interval;
use countersign::insight::{Index, Metrics, Period, Query};
use countersign::ledger::index::{self as trail_index, Update};

use crate::measure::{
    self, COUNTERSIGN, Folder, Series, Took, git, headline, line, measure, settle, timed,
};
use crate::trail::trail;

fn countersign(command: &str, repo: &Path) -> Command {
    let mut run = Command::new(COUNTERSIGN);
    run.args([command, "--repo"]).arg(repo);
    run
}

fn git_log(repo: &Path) -> Took {
    let mut log = Command::new("git");
    log.arg("-C").arg(repo);
    timed(log.args(["log", "--first-parent", "--format=%H %(trailers)", "main"]))
}

fn beside_git_log(what: &str, ours: &Series, log: &Series) {
    headline();
    line(what, ours);
    line("git log --first-parent, with %(trailers)", log);
    println!();
    println!(
        "{:>7.2} x the time of git log; by processor time {:.2}",
        log.times_as_fast_as(ours),
        log.times_as_cheap_as(ours)
    );
}

/// `countersign verify`, which reads every commit, tree and document, recomputes every decision and asks the gate again.
pub fn verify(count: usize, rounds: usize) {
    let repo = trail(count);
    println!("{}", measure::run(&mut countersign("verify", &repo)));
    let [mut ours, mut log] = [const { Series::new() }; 2];
    for _ in 0..rounds {
        ours.push(timed(&mut countersign("verify", &repo)), count);
        log.push(git_log(&repo), count);
    }
    beside_git_log("countersign verify", &ours, &log);
    let peak = measure::peak_memory(&mut countersign("verify", &repo));
    println!("{:>7.1} MB of memory at most", peak / 1e6);
}

/// `countersign backtest` of rules with a higher threshold, so that thousands of decisions come out differently.
pub fn backtest(count: usize, rounds: usize) {
    let repo = trail(count);
    let folder = Folder::new("backtest");
    fs::create_dir_all(folder.join("rules")).expect("cannot make the folder");
    for path in git(&repo, &["ls-tree", "-r", "--name-only", "main", "rules/"]).lines() {
        let text = git(&repo, &["show", &format!("main:{path}")]);
        let lines = text.lines().map(|line| match line.trim_start() {
            threshold if threshold.starts_with("low_up_to:") => "  low_up_to: 50\n".to_owned(),
            _ => format!("{line}\n"),
        });
        fs::write(folder.join(path), lines.collect::<String>()).expect("cannot write the rules");
    }
    let backtest = || {
        let mut backtest = countersign("backtest", &repo);
        backtest.arg("--rules").arg(folder.path());
        backtest
    };
    let said = measure::run(&mut backtest());
    let summary = said.split("\nNobody").next().unwrap_or_default();
    println!("{}\n", summary.trim_end());
    let [mut ours, mut log] = [const { Series::new() }; 2];
    for _ in 0..rounds {
        ours.push(timed(&mut backtest()), count);
        log.push(git_log(&repo), count);
    }
    beside_git_log("countersign backtest", &ours, &log);
}

/// `countersign export` in every format, beside `sqlite3` that makes the same table, imports the CSV export into it and
/// makes the same indexes. Needs `sqlite3` on the PATH.
pub fn export(count: usize, rounds: usize) {
    const FORMATS: [&str; 4] = ["sqlite", "csv", "jsonl", "parquet"];
    let repo = trail(count);
    let folder = Folder::new("export");
    let export = |format: &str| {
        let mut export = countersign("export", &repo);
        export.args(["--format", format, "--output"]);
        export.arg(folder.join(&format!("trail.{format}")));
        settle(folder.path());
        timed(&mut export)
    };
    FORMATS[..2].iter().for_each(|format| _ = export(format));
    let mut sqlite = Command::new("sqlite3");
    let schema =
        "SELECT group_concat(sql, ';') FROM sqlite_schema WHERE tbl_name = 'agent_governance_log'";
    let schema = measure::run(sqlite.arg(folder.join("trail.sqlite")).arg(schema));
    let (table, indexes) = schema.split_once("CREATE INDEX").expect("indexes");
    let import = || {
        let database = folder.join("imported.sqlite");
        fs::remove_file(&database).ok();
        let csv = folder.join("trail.csv");
        let mut sqlite = Command::new("sqlite3");
        sqlite.arg(&database).arg(table);
        sqlite.arg(format!(
            ".import --csv --skip 1 {} agent_governance_log",
            csv.display()
        ));
        sqlite.arg(format!("CREATE INDEX{indexes}"));
        settle(folder.path());
        timed(&mut sqlite)
    };
    let [mut theirs, mut ours @ ..] = [const { Series::new() }; 1 + FORMATS.len()];
    for _ in 0..rounds {
        theirs.push(import(), count);
        for (series, format) in ours.iter_mut().zip(FORMATS) {
            series.push(export(format), count);
        }
    }
    headline();
    line("sqlite3 .import of the same rows, with indexes", &theirs);
    for (series, format) in ours.iter().zip(FORMATS) {
        line(&format!("countersign export --format {format}"), series);
    }
    println!();
    println!(
        "{:>7.2} x the time of sqlite3 .import (at most 4)",
        theirs.times_as_fast_as(&ours[0])
    );
}

/// The index of all cases, read cold in this process; one new case on an index that is there, the figures of the
/// dashboard, a search; and what one more index takes of memory.
pub fn index(count: usize, rounds: usize) {
    let repo = trail(count);
    let held = read(&repo);
    assert!(held.unreadable().is_empty(), "the trail is not of the bot");
    let bytes = memory(&repo) / held.cases().len().max(1) as u64;
    let commits = held.commits();
    let [mut cold, mut log] = [const { Series::new() }; 2];
    for _ in 0..rounds {
        let (index, took) = measure(|| read(&repo));
        black_box(index);
        cold.push(took, commits);
        log.push(git_log(&repo), commits);
    }
    println!("{commits} commits, of which {} cases", held.cases().len());
    beside_git_log("index, cold (a commit)", &cold, &log);
    let milliseconds = |what: &str, took: Took| {
        println!("{:>7.2} ms {what}", took.wall.as_secs_f64() * 1e3);
    };
    milliseconds(
        "for one more commit, the median of 20",
        one_more(&repo, &held),
    );
    let slowest = |what: &dyn Fn()| {
        let all = (0..rounds).map(|_| measure(what).1);
        all.max_by_key(|took| took.wall).unwrap_or_default()
    };
    let figures = slowest(&|| _ = black_box(Metrics::of(&held, Period::ALL, Interval::Day)));
    milliseconds("for all figures of the dashboard, the longest", figures);
    let query = Query {
        text: Some("no-such-word".to_owned()),
        ..Query::default()
    };
    let search = slowest(&|| assert_eq!(held.query(&query).count(), 0));
    milliseconds("for a search that finds nothing, the longest", search);
    println!("{bytes:>7} bytes of memory a case (at most 1,500)");
}

fn read(repo: &Path) -> Index {
    let repo = Repository::open(repo).expect("cannot open the repository");
    trail_index::read(&repo).expect("cannot read the trail")
}

/// Reading leaves room behind that was freed and not given back; whoever reads once more uses that, so what is left by
/// one index is not counted with those that come after it.
fn memory(repo: &Path) -> u64 {
    const MORE: u64 = 3;
    let first = read(repo);
    let resident = || measure::memory(std::process::id(), "VmRSS:").unwrap_or(0.0) as u64;
    let before = resident();
    let more: Vec<Index> = (0..MORE).map(|_| read(repo)).collect();
    let bytes = resident().saturating_sub(before) / MORE;
    black_box((first, more));
    bytes
}

/// The last few commits once more, one at a time.
fn one_more(repo: &Path, held: &Index) -> Took {
    let folder = Folder::new("index");
    let copy = folder.join("copy.git");
    measure::copy_linked(repo, &copy);
    let newest = git(
        &copy,
        &["rev-list", "--first-parent", "--reverse", "-20", "main"],
    );
    let newest: Vec<&str> = newest.lines().collect();
    git(
        &copy,
        &["update-ref", "refs/heads/main", &format!("{}^", newest[0])],
    );
    let opened = Repository::open(&copy).expect("cannot open the copy");
    let mut index = trail_index::read(&opened).expect("cannot read the copy");
    let mut took = Vec::new();
    for commit in newest {
        git(&copy, &["update-ref", "refs/heads/main", commit]);
        let (update, one) = measure(|| trail_index::update(&opened, &mut index));
        assert_eq!(update.expect("cannot update"), Update::Appended(1));
        took.push(one);
    }
    assert_eq!(
        index.cases(),
        held.cases(),
        "the index that grew is another"
    );
    took.sort_by_key(|took| took.wall);
    took[took.len() / 2]
}
