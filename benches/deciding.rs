//! How fast proposals are decided: many at once, one at a time, and in a repository that has grown.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use countersign::bot::Bot;
use countersign::forge::local::LocalForge;
use countersign::git::Repository;

use crate::measure::{
    self, COUNTERSIGN, Folder, Series, Took, copy, git, headline, hourly, line, settle, timed_run,
};
use crate::trail;

/// At so many whoever writes one more waits until some are joined.
const MOST_PACKS: usize = 24;
const BATCH: usize = 250;

/// A backlog of pushed branches, from the start of `countersign run` to its exit: every branch numbered, scored,
/// decided, executed, merged, told about, deleted; with 100 cases to an hour, as agents make them, and with all in
/// one. Beside it, in turns:
/// - `benches/porcelain.sh --bot-only --fsync`: the same commits on `main` with git's porcelain, without scoring
///   anything. It is asked for few records, because it becomes slower with each of them;
/// - `git fast-import` of the `main` that the bot made, agents' commits and bot's, out of the finished stream.
pub fn backlog(count: usize, rounds: usize) {
    for (layout, an_hour) in [("100 cases to an hour", 100), ("all in one hour", count)] {
        println!("{layout}:");
        let folder = Folder::new("backlog");
        let pushed = folder.join("pushed.git");
        measure::init(&pushed);
        measure::push(&pushed, 0..count, hourly(measure::now(), count, an_hour));

        let worked_off = folder.join("worked-off.git");
        copy(&pushed, &worked_off);
        let mut run = Command::new(COUNTERSIGN);
        let peak = measure::peak_memory(run.args(["run", "--repo"]).arg(&worked_off));
        check(&worked_off, count);
        let stream = folder.join("main.stream");
        let mut export = Command::new("git");
        export.arg("-C").arg(&worked_off);
        export.args(["fast-export", "main"]);
        let file = File::create(&stream).expect("cannot make the stream");
        assert!(
            export
                .stdout(file)
                .status()
                .is_ok_and(|status| status.success())
        );

        let [mut bot, mut script, mut import] = [const { Series::new() }; 3];
        let few = count.min(60);
        for round in 0..rounds {
            let ours = folder.join(&format!("ours-{round}.git"));
            copy(&pushed, &ours);
            settle(folder.path());
            bot.push(timed_run(&ours), count);
            check(&ours, count);
            import.push(fast_import(&folder, &stream), count);
            settle(folder.path());
            let took = measure::porcelain(&folder.join("porcelain"), few, false);
            script.push(took, few);
            fs::remove_dir_all(&ours).expect("cannot remove the copy");
        }
        headline();
        line("countersign run", &bot);
        line("porcelain.sh --bot-only --fsync", &script);
        line("git fast-import of main", &import);
        println!();
        println!("{:>7.1} x porcelain", bot.times_as_fast_as(&script));
        println!(
            "{:>7.2} x fast-import (at least 2.5 with 100 to an hour); by processor time {:.2}",
            bot.times_as_fast_as(&import),
            bot.times_as_cheap_as(&import)
        );
        println!("{:>7.1} MB of memory at most\n", peak / 1e6);
    }
}

/// Every branch has a decision and an outcome, in a few packs, and git finds nothing wrong.
fn check(repo: &Path, count: usize) {
    let log = git(repo, &["rev-list", "--count", "--first-parent", "main"]);
    assert_eq!(log.trim(), (2 * count + 1).to_string(), "commits on main");
    git(repo, &["fsck", "--strict", "--connectivity-only"]);
    let said = git(repo, &["count-objects", "-v"]);
    let counted = |key: &str| {
        said.lines()
            .find_map(|line| line.strip_prefix(key)?.trim().parse::<usize>().ok())
            .unwrap_or_else(|| panic!("git count-objects said: {said}"))
    };
    // Loose are only the versions of the index of open pull requests, one a batch.
    let batches = count.div_ceil(BATCH);
    assert!(
        counted("count:") <= 2 * batches + 2,
        "loose objects: {said}"
    );
    assert!(counted("packs:") <= MOST_PACKS, "packs: {said}");
}

fn fast_import(folder: &Folder, stream: &Path) -> Took {
    let repo = folder.join("imported.git");
    measure::run(
        Command::new("git")
            .args(["init", "-q", "--bare"])
            .arg(&repo),
    );
    settle(folder.path());
    let mut import = Command::new("git");
    import.arg("-C").arg(&repo);
    import.args(["-c", "core.fsync=all", "fast-import", "--quiet"]);
    let input = File::open(stream).expect("cannot read the stream");
    let took = measure::timed(import.stdin(input));
    fs::remove_dir_all(&repo).expect("cannot remove the copy");
    took
}

/// Proposals that come one at a time, each on the disk before the next: one `countersign run` for each; one call of
/// `Bot::run` for each, as a bot that stays does; `countersign propose` and `run`. Beside them `benches/porcelain.sh
/// --fsync`, without and with the agent's part.
pub fn single(count: usize, rounds: usize) {
    let folder = Folder::new("single");
    let repos = ["by-process.git", "in-process.git", "proposed.git"].map(|name| folder.join(name));
    let [by_process, in_process, proposed] = &repos;
    repos.iter().for_each(|repo| measure::init(repo));
    let mut bot = bot(in_process, Box::new(measure::now));
    let mut all = [const { Series::new() }; 5];
    for round in 0..rounds {
        let numbers = round * count..(round + 1) * count;
        let mut timed: [&mut dyn FnMut() -> Took; 5] = [
            &mut || each(by_process, numbers.clone(), || timed_run(by_process)),
            &mut || each(in_process, numbers.clone(), || one_call(&mut bot)),
            &mut || measure::porcelain(&folder.join("porcelain"), count, false),
            &mut || (0..count).map(|_| propose_and_run(proposed)).sum(),
            &mut || measure::porcelain(&folder.join("porcelain"), count, true),
        ];
        for (series, timed) in all.iter_mut().zip(&mut timed) {
            settle(folder.path());
            series.push(timed(), count);
        }
    }
    let [process, stays, script, both, whole_script] = &all;
    headline();
    line("countersign run", process);
    line("Bot::run in a process that stays", stays);
    line("porcelain.sh --bot-only --fsync", script);
    line("countersign propose, countersign run", both);
    line("porcelain.sh --fsync", whole_script);
    println!();
    for (what, ours, theirs) in [
        ("countersign run", process, script),
        ("Bot::run", stays, script),
        ("countersign propose, countersign run", both, whole_script),
    ] {
        println!("{:>7.1} x porcelain: {what}", ours.times_as_fast_as(theirs));
    }
}

fn bot(repo: &Path, clock: Box<dyn Fn() -> DateTime<Utc> + Send>) -> Bot {
    let repo = Repository::open(repo).expect("cannot open the repository");
    Bot::new(repo, Box::new(LocalForge::new()), clock)
}

/// How long the bot took for all of them; the pushes in between are not timed.
fn each(repo: &Path, numbers: Range<usize>, mut work_off: impl FnMut() -> Took) -> Took {
    numbers
        .map(|number| {
            let at = measure::now();
            measure::push(repo, number..number + 1, |_| at);
            work_off()
        })
        .sum()
}

fn one_call(bot: &mut Bot) -> Took {
    let (summary, took) = measure::measure(|| bot.run(&mut |_, _| {}));
    assert_eq!(summary.expect("the bot stopped").handled.len(), 1);
    took
}

fn propose_and_run(repo: &Path) -> Took {
    let mut propose = Command::new(COUNTERSIGN);
    propose.args([
        "propose",
        "--agent",
        "strategy-optimizer",
        "--action",
        "modify_parameters",
    ]);
    propose.args(["--target", "rsi-eurusd-draft", "--set", "stop_loss_pct=2.5"]);
    propose
        .args(["--rationale", "A smaller drawdown.", "--repo"])
        .arg(repo);
    [measure::timed(&mut propose), timed_run(repo)]
        .into_iter()
        .sum()
}

const FEW: usize = 1_000;
const SINGLES: usize = 20;
const AN_HOUR: usize = 50;
/// So many branches are pushed before the bot works them off, while a repository is made.
const STEP: usize = 1_000;

/// What a record costs in a repository that holds many of them, as a ratio to one that holds 1,000: batches of 250 new
/// branches and single ones, through `countersign run`. Both repositories are made by the bot, with fifty ids to an
/// hour, and kept below the target folder, because the larger one takes minutes.
pub fn growth(many: usize, rounds: usize) {
    let mut sides = [FEW, many].map(Grown::new);
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
    for (what, few, many) in [
        ("250 at once", &few.batches, &many.batches),
        ("one at a time", &few.singles, &many.singles),
    ] {
        println!(
            "{:>7.2} x the time (at most 1.2), {:.2} x the processor time: {what}",
            few.times_as_fast_as(many),
            few.times_as_cheap_as(many)
        );
    }
}

/// One repository and its times.
struct Grown {
    count: usize,
    next: usize,
    folder: Folder,
    repo: PathBuf,
    batches: Series,
    singles: Series,
}

impl Grown {
    fn new(count: usize) -> Self {
        let folder = Folder::new(&format!("growth-{count}"));
        let repo = folder.join("governance.git");
        copy(&grown(count), &repo);
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
        let at = hourly(measure::now(), self.next, AN_HOUR);
        measure::push(&self.repo, numbers, at);
        timed_run(&self.repo)
    }
}

/// A repository with so many records.
fn grown(count: usize) -> PathBuf {
    measure::kept(&format!("growth-{count}-v4"), |repo| {
        let at = hourly(measure::now(), count, AN_HOUR);
        trail::begin(repo, &with_limits(), at(0) - TimeDelta::hours(1));
        for start in (0..count).step_by(STEP) {
            let numbers = start..count.min(start + STEP);
            let then = at(numbers.end);
            measure::push(repo, numbers.clone(), &at);
            let mut bot = bot(repo, Box::new(move || then));
            let summary = bot.run(&mut |_, _| {}).expect("the bot stopped");
            assert_eq!(summary.handled.len(), numbers.len());
            eprint!("\rmaking a repository of {count} records: {}", numbers.end);
        }
        eprintln!();
    })
}

/// The example with limits that the decisions of a day and ten thousand of them use.
fn with_limits() -> Vec<(String, Vec<u8>)> {
    const RULES: &str = "\n  - id: a_day\n    when: effect == 'modify'\n    \
        limit: {at_most: 1000000, per: agent, within: 24h}\n    then: MEDIUM\n    reason: many\n\
        \n  - id: ten_thousand\n    when: effect == 'modify'\n    \
        limit: {at_most: 1000000, per: agent, within: 200h}\n    then: MEDIUM\n    reason: many\n";
    let mut files = measure::example();
    let policy = files
        .iter_mut()
        .find(|(path, _)| path == "rules/policy.yaml");
    policy.unwrap().1.extend(RULES.bytes());
    files
}
