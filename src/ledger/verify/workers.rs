//! Spreads the examination of commits over the processors, and hands the results on in order.
//!
//! Reading YAML and inflating objects is nearly all of the time, and commits are examined by
//! themselves; so each thread takes the next few hundred commits with a repository handle of its own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::examine::{Examined, Examiner};
use super::line::Line;
use crate::git::{GitError, Repository};

/// Consecutive commits that one thread examines at a time: neighbours share trees and parents.
const BLOCK: usize = 256;
/// More threads only wait for each other's disk.
const MOST_THREADS: usize = 8;

/// Examines every commit of the line; `then` gets each with how many are done, oldest first.
///
/// # Errors
/// When the repository cannot be opened once more for another thread.
pub fn examine_all(
    repo: &Repository,
    line: &Line,
    then: &mut dyn FnMut(usize, Examined),
) -> Result<(), GitError> {
    let available = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = available.min(MOST_THREADS).min(line.len().div_ceil(BLOCK));
    if threads < 2 {
        let mut examiner = Examiner::new(repo, line);
        for place in 0..line.len() {
            then(place + 1, examiner.examine(place));
        }
        return Ok(());
    }
    let handles = (0..threads)
        .map(|_| repo.reopen())
        .collect::<Result<Vec<_>, _>>()?;
    let next = AtomicUsize::new(0);
    // Bounded, so that a slow beginning does not pile up results in memory.
    let (sender, receiver) = mpsc::sync_channel::<(usize, Vec<Examined>)>(threads * 4);
    thread::scope(|scope| {
        for handle in handles {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || work(&handle, line, next, &sender));
        }
        drop(sender);
        let (mut early, mut due, mut done) = (BTreeMap::new(), 0, 0);
        for (block, examined) in receiver {
            early.insert(block, examined);
            while let Some(examined) = early.remove(&due) {
                due += 1;
                for one in examined {
                    done += 1;
                    then(done, one);
                }
            }
        }
    });
    Ok(())
}

fn work(
    repo: &Repository,
    line: &Line,
    next: &AtomicUsize,
    sender: &mpsc::SyncSender<(usize, Vec<Examined>)>,
) {
    let mut examiner = Examiner::new(repo, line);
    loop {
        let block = next.fetch_add(1, Ordering::Relaxed);
        let from = block.saturating_mul(BLOCK);
        if from >= line.len() {
            return;
        }
        let examined = (from..line.len().min(from + BLOCK))
            .map(|place| examiner.examine(place))
            .collect();
        if sender.send((block, examined)).is_err() {
            return;
        }
    }
}
