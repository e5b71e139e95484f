//! What a record costs in a repository that holds 100,000 of them, as a ratio to one that holds 1,000.
//!
//! `cargo bench --bench growth [-- MANY ROUNDS]`. Both repositories are made by the product itself, with
//! ids of fifty to an hour, and kept below the target folder for the next time, because the larger one
//! takes minutes. Timed are batches of 250 new branches and single ones, through `countersign run`,
//! durable, in turns.

#![allow(clippy::expect_used, clippy::panic)] // A bench that cannot go on stops.

mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use countersign::bot::Bot;
use countersign::forge::local::LocalForge;
use countersign::git::Repository;
use stage::{Folder, Series, Took, argument, headline, line, settle};

const FEW: usize = 1_000;
const BATCH: usize = 250;
const SINGLES: usize = 20;
const AN_HOUR: usize = 50;
/// So many branches are pushed before the bot works them off, while a repository is made.
const STEP: usize = 1_000;

fn main() {
    let (many, rounds) = (argument(0, 100_000), argument(1, 7));
    let mut sides = [FEW, many].map(Side::new);
    println!(
        "{FEW} and {many} records, {rounds} rounds in {}, all durable\n",
        std::env::temp_dir().display()
    );
    for round in 0..=rounds {
        for side in &mut sides {
            // The first round only warms what a machine keeps warm.
            side.measure(round > 0);
        }
    }
    headline();
    for side in &sides {
        line(
            &format!("{} records, {BATCH} at once", side.count),
            &side.batches,
        );
        line(
            &format!("{} records, one at a time", side.count),
            &side.singles,
        );
    }
    let [few, many] = &sides;
    println!();
    let ratio = |what: &str, few: &Series, many: &Series| {
        println!(
            "{:>7.2} x the time (at most 1.2), {:.2} x the processor time: {what}",
            few.times_as_fast_as(many),
            few.times_as_cheap_as(many)
        );
    };
    ratio("250 at once", &few.batches, &many.batches);
    ratio("one at a time", &few.singles, &many.singles);
}

/// One repository and its times.
struct Side {
    count: usize,
    next: usize,
    folder: Folder,
    repo: PathBuf,
    batches: Series,
    singles: Series,
}

impl Side {
    fn new(count: usize) -> Self {
        let folder = Folder::new(&format!("growth-{count}"));
        let repo = folder.join("governance.git");
        stage::copy(&kept(count), &repo);
        Self {
            count,
            next: count,
            folder,
            repo,
            batches: Series::new(),
            singles: Series::new(),
        }
    }

    fn measure(&mut self, counts: bool) {
        settle(self.folder.path());
        let batch = self.work_off(BATCH);
        settle(self.folder.path());
        let singles = (0..SINGLES).map(|_| self.work_off(1)).sum();
        if counts {
            self.batches.push(batch, BATCH);
            self.singles.push(singles, SINGLES);
        }
    }

    fn work_off(&mut self, count: usize) -> Took {
        let numbers = self.next..self.next + count;
        self.next = numbers.end;
        let end = self.next;
        stage::push(
            &self.repo,
            numbers,
            stage::hourly(stage::now(), end, AN_HOUR),
        );
        stage::timed_run(&self.repo)
    }
}

/// A repository with so many records, made now or by an earlier run.
fn kept(count: usize) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let repo = folder.join(format!("growth-{count}-v1.git"));
    if repo.exists() {
        return repo;
    }
    let unfinished = folder.join(format!("growth-{count}-{}", std::process::id()));
    fs::create_dir_all(folder).expect("cannot make the folder");
    stage::init(&unfinished);
    let at = stage::hourly(stage::now(), count, AN_HOUR);
    for start in (0..count).step_by(STEP) {
        let numbers = start..count.min(start + STEP);
        let last = at(numbers.end);
        stage::push(&unfinished, numbers.clone(), &at);
        work_off_at(&unfinished, last, numbers.len());
        eprint!("\rmaking a repository of {count} records: {}", numbers.end);
    }
    eprintln!();
    fs::rename(&unfinished, &repo).expect("cannot keep the repository");
    repo
}

/// As if the bot had run then.
fn work_off_at(repo: &Path, then: DateTime<Utc>, expected: usize) {
    let mut bot = Bot::new(
        Repository::open(repo).expect("cannot open the repository"),
        Box::new(LocalForge::new()),
        Box::new(move || then),
    );
    let summary = bot.run(&mut |_, _| {}).expect("the bot stopped");
    assert_eq!(
        summary.handled.len(),
        expected,
        "proposals that were decided"
    );
}
