//! How fast a whole trail is verified, beside `git log` of the same trail with its trailers.
//!
//! `cargo bench --bench verify [-- CASES ROUNDS]` (100,000 and 3). The trail is of every kind of case and
//! ending (`benches/trail`). Timed in turns are `countersign verify`, which reads every commit, tree and
//! document, recomputes every decision and asks the gate again, and `git log --first-parent` with
//! `%(trailers)`, which only reads the commits. Also said is what verifying takes of memory at most.

#![allow(clippy::expect_used, clippy::panic)] // A bench that cannot go on stops.

mod stage;
mod trail;

use std::process::Command;

use stage::{COUNTERSIGN, Series, argument, headline, line};

fn main() {
    let (count, rounds) = (argument(0, 100_000), argument(1, 3));
    let repo = trail::trail(count);
    println!("{count} cases in {}, {rounds} rounds\n", repo.display());
    let mut verify = Command::new(COUNTERSIGN);
    let said = stage::run(verify.arg("verify").arg("--repo").arg(&repo));
    println!("{said}");
    let [mut ours, mut log] = [const { Series::new() }; 2];
    for _ in 0..rounds {
        let mut verify = Command::new(COUNTERSIGN);
        ours.push(
            stage::timed(verify.arg("verify").arg("--repo").arg(&repo)),
            count,
        );
        let mut git = Command::new("git");
        git.arg("-C").arg(&repo);
        git.args(["log", "--first-parent", "--format=%H %(trailers)", "main"]);
        log.push(stage::timed(&mut git), count);
    }
    headline();
    line("countersign verify", &ours);
    line("git log --first-parent, with %(trailers)", &log);
    println!();
    println!(
        "{:>7.2} x the time of git log; by processor time {:.2}",
        log.times_as_fast_as(&ours),
        log.times_as_cheap_as(&ours)
    );
    let mut verify = Command::new(COUNTERSIGN);
    if let Some(bytes) = stage::peak_memory(verify.arg("verify").arg("--repo").arg(&repo)) {
        println!("{:>7.1} MB of memory at most", bytes / 1e6);
    }
}
