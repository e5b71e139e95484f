//! How fast a backlog is worked off, as ratios to baselines of the same run.
//!
//! `cargo bench --bench backlog [-- COUNT ROUNDS]`. Makes COUNT pushed branches (1,000), then times in
//! ROUNDS turns (5), each on a fresh copy and everything synced to the disk:
//! - the bot: `countersign run`, from the start of the process to its exit: every branch numbered,
//!   scored, decided, executed, merged, told about, its branch deleted;
//! - `benches/porcelain.sh --bot-only --fsync`: the same commits on `main` with git's porcelain, without
//!   scoring anything. It is asked for few records, because it becomes slower with each of them;
//! - `git fast-import` of the `main` that the bot made, agents' commits and bot's, out of the finished
//!   stream; and of everything that is in the repository then, with the forge's own records.

#![allow(clippy::expect_used, clippy::panic)] // A bench that cannot go on stops.

mod stage;

use std::fs::File;
use std::path::Path;
use std::process::Command;

use stage::{COUNTERSIGN, Folder, Series, Took, argument, copy, git, headline, line, settle};

fn main() {
    let (count, rounds) = (argument(0, 1_000), argument(1, 5));
    let folder = Folder::new("backlog");
    let pushed = folder.join("pushed.git");
    stage::init(&pushed);
    let at = stage::now();
    stage::push(&pushed, 0..count, |_| at);
    println!(
        "{count} branches, {rounds} rounds in {}, all durable\n",
        folder.path().display()
    );

    let worked_off = folder.join("worked-off.git");
    copy(&pushed, &worked_off);
    let mut run = Command::new(COUNTERSIGN);
    let peak = stage::peak_memory(run.args(["run", "--repo"]).arg(&worked_off));
    check(&worked_off, count);
    let main_stream = folder.join("main.stream");
    export(&worked_off, "main", &main_stream);
    let whole_stream = folder.join("whole.stream");
    export(&worked_off, "--all", &whole_stream);

    let [mut bot, mut script, mut main, mut whole] = [const { Series::new() }; 4];
    let few = count.min(60);
    for round in 0..rounds {
        let ours = folder.join(&format!("ours-{round}.git"));
        copy(&pushed, &ours);
        settle(folder.path());
        bot.push(stage::timed_run(&ours), count);
        check(&ours, count);
        main.push(import(&folder, &main_stream), count);
        whole.push(import(&folder, &whole_stream), count);
        settle(folder.path());
        let took = stage::porcelain(&folder.join("porcelain"), few, false);
        script.push(took, few);
        std::fs::remove_dir_all(&ours).expect("cannot remove the copy");
    }
    headline();
    line("countersign run", &bot);
    line("porcelain.sh --bot-only --fsync", &script);
    line("git fast-import of main", &main);
    line("git fast-import of main and the forge's records", &whole);
    println!();
    println!(
        "{:>7.1} x porcelain (at least 15)",
        bot.times_as_fast_as(&script)
    );
    for (what, baseline) in [("of main (at least 0.4)", &main), ("of everything", &whole)] {
        println!(
            "{:>7.2} x fast-import {what}; by processor time {:.2}",
            bot.times_as_fast_as(baseline),
            bot.times_as_cheap_as(baseline)
        );
    }
    if let Some(bytes) = peak {
        println!("{:>7.1} MB of memory at most", bytes / 1e6);
    }
}

/// Every branch has a decision and an outcome, in a few packs, and git finds nothing wrong.
/// At so many whoever writes one more waits until some are joined.
const MOST_PACKS: usize = 24;

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
    let batches = count.div_ceil(250);
    assert!(
        counted("count:") <= 2 * batches + 2,
        "loose objects: {said}"
    );
    assert!(counted("packs:") <= MOST_PACKS, "packs: {said}");
}

fn export(repo: &Path, what: &str, stream: &Path) {
    let file = File::create(stream).expect("cannot make the stream");
    let mut export = Command::new("git");
    export.arg("-C").arg(repo).args(["fast-export", what]);
    let status = export.stdout(file).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "git fast-export failed"
    );
}

fn import(folder: &Folder, stream: &Path) -> Took {
    let repo = folder.join("imported.git");
    stage::run(
        Command::new("git")
            .args(["init", "-q", "--bare"])
            .arg(&repo),
    );
    settle(folder.path());
    let input = File::open(stream).expect("cannot read the stream");
    let mut import = Command::new("git");
    import
        .arg("-C")
        .arg(&repo)
        .args(["-c", "core.fsync=all", "fast-import", "--quiet"]);
    let took = stage::timed(import.stdin(input));
    std::fs::remove_dir_all(&repo).expect("cannot remove the copy");
    took
}
