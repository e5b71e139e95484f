//! How fast proposals are decided that come one at a time, as ratios to a baseline of the same run.
//!
//! `cargo bench --bench single [-- COUNT ROUNDS]`. Every decision is on the disk before the next
//! proposal comes; each round works off COUNT of them (40), in turns:
//! - one `countersign run` for each, from the start of the process to its exit;
//! - one call of `Bot::run` for each, as a bot that stays does;
//! - `benches/porcelain.sh --bot-only --fsync`, where the branches are there already;
//! - `countersign propose` and `countersign run` against the whole of `benches/porcelain.sh --fsync`:
//!   with the agent's part.

#![allow(clippy::expect_used, clippy::panic)] // A bench that cannot go on stops.

mod stage;

use std::path::Path;
use std::process::Command;

use countersign::bot::Bot;
use countersign::forge::local::LocalForge;
use countersign::git::Repository;
use stage::{COUNTERSIGN, Folder, Series, Took, argument, headline, line, settle};

fn main() {
    let (count, rounds) = (argument(0, 40), argument(1, 5));
    let folder = Folder::new("single");
    println!(
        "{count} proposals one at a time, {rounds} rounds in {}, each durable before the next\n",
        folder.path().display()
    );
    let repos = ["by-process.git", "in-process.git", "proposed.git"].map(|name| folder.join(name));
    let [by_process, in_process, proposed] = &repos;
    repos.iter().for_each(|repo| stage::init(repo));
    let mut bot = Bot::new(
        Repository::open(in_process).expect("cannot open the repository"),
        Box::new(LocalForge::new()),
        Box::new(stage::now),
    );
    let [
        mut process,
        mut stays,
        mut script,
        mut both,
        mut whole_script,
    ] = [const { Series::new() }; 5];
    for round in 0..rounds {
        let numbers = round * count..(round + 1) * count;
        settle(folder.path());
        process.push(
            each(by_process, numbers.clone(), || stage::timed_run(by_process)),
            count,
        );
        settle(folder.path());
        stays.push(each(in_process, numbers, || one_call(&mut bot)), count);
        settle(folder.path());
        let took = stage::porcelain(&folder.join("porcelain"), count, false);
        script.push(took, count);
        settle(folder.path());
        both.push((0..count).map(|_| propose_and_run(proposed)).sum(), count);
        settle(folder.path());
        let took = stage::porcelain(&folder.join("porcelain"), count, true);
        whole_script.push(took, count);
    }
    headline();
    line("countersign run", &process);
    line("Bot::run in a process that stays", &stays);
    line("porcelain.sh --bot-only --fsync", &script);
    line("countersign propose, countersign run", &both);
    line("porcelain.sh --fsync", &whole_script);
    println!();
    let ratio = |what: &str, ours: &Series, theirs: &Series| {
        println!(
            "{:>7.1} x porcelain (at least 3): {what}",
            ours.times_as_fast_as(theirs)
        );
    };
    ratio("countersign run", &process, &script);
    ratio("Bot::run", &stays, &script);
    ratio("countersign propose, countersign run", &both, &whole_script);
}

/// How long the bot took for all of them; the pushes in between are not timed.
fn each(repo: &Path, numbers: std::ops::Range<usize>, mut work_off: impl FnMut() -> Took) -> Took {
    numbers
        .map(|number| {
            let at = stage::now();
            stage::push(repo, number..number + 1, |_| at);
            work_off()
        })
        .sum()
}

fn one_call(bot: &mut Bot) -> Took {
    let (summary, took) = stage::measure(|| bot.run(&mut |_, _| {}));
    let summary = summary.expect("the bot stopped");
    assert_eq!(summary.handled.len(), 1, "proposals that were decided");
    took
}

fn propose_and_run(repo: &Path) -> Took {
    let mut propose = Command::new(COUNTERSIGN);
    propose.args(["propose", "--agent", "strategy-optimizer"]);
    propose.args([
        "--action",
        "modify_parameters",
        "--target",
        "rsi-eurusd-draft",
    ]);
    propose.args([
        "--set",
        "stop_loss_pct=2.5",
        "--rationale",
        "A smaller drawdown.",
    ]);
    let proposed = stage::timed(propose.arg("--repo").arg(repo));
    [proposed, stage::timed_run(repo)].into_iter().sum()
}
