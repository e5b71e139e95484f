//! How fast a trail becomes the index of all cases, beside `git log` of the same trail with its trailers.
//!
//! `cargo bench --bench index [-- CASES ROUNDS]` (100,000 and 5). The trail is of every kind of case and ending
//! (`benches/trail`). Timed in turns are reading it cold, in this process, and `git log --first-parent` with
//! `%(trailers)`; then one new case on an index that is there, the figures of the dashboard, and a search. Also
//! said is what the index takes of memory: how much more this process holds with every further one. The bars: cold at most 1.5 times `git log`, a new case at most 5 ms,
//! figures at most 20 ms, a case at most 1.5 kB.

#![allow(clippy::expect_used, clippy::panic)] // A bench that cannot go on stops.

mod stage;
mod trail;

use std::hint::black_box;
use std::process::Command;

use countersign::git::Repository;
use countersign::insight::trend::Interval;
use countersign::insight::{Index, Metrics, Period, Query};
use countersign::ledger::index::{self, Update};
use stage::{Folder, Series, Took, argument, headline, line, measure};

fn main() {
    let (count, rounds) = (argument(0, 100_000), argument(1, 5));
    let repo = trail::trail(count);
    println!("{count} cases in {}, {rounds} rounds\n", repo.display());
    let held = read(&repo);
    let bytes = memory(&repo) / held.cases().len().max(1) as u64;
    let commits = held.commits();
    assert!(held.unreadable().is_empty(), "the trail is not of the bot");
    let [mut cold, mut log] = [const { Series::new() }; 2];
    for _ in 0..rounds {
        let (index, took) = measure(|| read(&repo));
        black_box(index);
        cold.push(took, commits);
        let mut git = Command::new("git");
        git.arg("-C").arg(&repo);
        git.args(["log", "--first-parent", "--format=%H %(trailers)", "main"]);
        log.push(stage::timed(&mut git), commits);
    }
    println!("{commits} commits, of which {} cases", held.cases().len());
    headline();
    line("index, cold (a commit)", &cold);
    line("git log --first-parent, with %(trailers) (a commit)", &log);
    println!();
    println!(
        "{:>9.2} x the time of git log (at most 1.5)",
        log.times_as_fast_as(&cold)
    );
    warm(&repo, &held, rounds);
    println!("{bytes:>9} bytes of memory a case (at most 1,500)");
}

/// What one more index takes. Reading leaves room behind that was freed and not given back; whoever reads once
/// more uses that, so what is left by one index is not counted with those that come after it.
fn memory(repo: &std::path::Path) -> u64 {
    const MORE: u64 = 3;
    let first = read(repo);
    let before = resident();
    let more: Vec<Index> = (0..MORE).map(|_| read(repo)).collect();
    let bytes = resident().saturating_sub(before) / MORE;
    black_box((first, more));
    bytes
}

fn read(repo: &std::path::Path) -> Index {
    let repo = Repository::open(repo).expect("cannot open the repository");
    index::read(&repo).expect("cannot read the trail")
}

/// What is done again and again with an index that is there.
fn warm(repo: &std::path::Path, held: &Index, rounds: usize) {
    let folder = Folder::new("index");
    let copy = folder.join("copy.git");
    stage::copy_linked(repo, &copy);
    let git = |arguments: &[&str]| stage::git(&copy, arguments).trim().to_owned();
    let tip = git(&["rev-parse", "main"]);
    // The last few commits once more, one at a time.
    let newest = git(&["rev-list", "--first-parent", "--reverse", "-20", "main"]);
    let newest: Vec<&str> = newest.lines().collect();
    let old = format!("{}^", newest.first().expect("no commits"));
    git(&["update-ref", "refs/heads/main", &old]);
    let opened = Repository::open(&copy).expect("cannot open the copy");
    let mut index = index::read(&opened).expect("cannot read the copy");
    let mut one_more = Vec::new();
    for commit in &newest {
        git(&["update-ref", "refs/heads/main", commit]);
        let (update, took) = measure(|| index::update(&opened, &mut index));
        assert_eq!(update.expect("cannot update"), Update::Appended(1));
        one_more.push(took);
    }
    assert_eq!(git(&["rev-parse", "main"]), tip);
    assert_eq!(
        index.cases(),
        held.cases(),
        "the index that grew is another"
    );
    let say = |what: &str, took: Took, bar: &str| {
        println!("{:>9.2} ms {what} ({bar})", took.wall.as_secs_f64() * 1e3);
    };
    one_more.sort_by_key(|took| took.wall);
    let middle = one_more.len() / 2;
    let median = one_more.get(middle).copied().unwrap_or_default();
    say("for one more commit, the median of 20", median, "at most 5");
    let (mut figures, mut search) = (Took::default(), Took::default());
    for _ in 0..rounds {
        let (_, took) = measure(|| black_box(Metrics::of(held, Period::ALL, Interval::Day)));
        figures = if took.wall > figures.wall {
            took
        } else {
            figures
        };
        let query = Query {
            text: Some("no-such-word".to_owned()),
            ..Query::default()
        };
        let (found, took) = measure(|| held.query(&query).count());
        assert_eq!(found, 0);
        search = if took.wall > search.wall {
            took
        } else {
            search
        };
    }
    say(
        "for all figures of the dashboard, the longest",
        figures,
        "at most 20",
    );
    say(
        "for a search that finds nothing, the longest",
        search,
        "no bar",
    );
}

/// What this process holds of memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
