//! Spreads work on many commits over the processors, and hands the results on in order.
//!
//! Reading YAML and inflating objects is nearly all of the time, and commits are looked at by themselves; so
//! each thread takes the next few hundred with a repository handle of its own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::git::{GitError, Repository};

/// Consecutive places that one thread takes at a time: neighbours share trees and parents.
const BLOCK: usize = 256;
/// More threads only wait for each other's disk.
const MOST_THREADS: usize = 8;

/// What one thread does with a place; it may keep what saves reading things again.
pub type Work<'a, T> = Box<dyn FnMut(usize) -> T + 'a>;

/// So many handles on a repository as work on this many places is worth.
///
/// # Errors
/// When the repository cannot be opened once more.
pub fn handles(repo: &Repository, count: usize) -> Result<Vec<Repository>, GitError> {
    let available = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = available
        .min(MOST_THREADS)
        .min(count.div_ceil(BLOCK))
        .max(1);
    (0..threads).map(|_| repo.reopen()).collect()
}

/// Works on all places from 0 to `count`, a thread a handle; `then` gets each result, in order.
pub fn in_order<'a, T: Send>(
    handles: &'a mut [Repository],
    count: usize,
    start: &(dyn Fn(&'a Repository) -> Work<'a, T> + Sync),
    then: &mut dyn FnMut(T),
) {
    if let [handle] = handles {
        let mut work = start(handle);
        (0..count).for_each(|place| then(work(place)));
        return;
    }
    let next = AtomicUsize::new(0);
    // Bounded, so that a slow beginning does not pile up results in memory.
    let (sender, receiver) = mpsc::sync_channel::<(usize, Vec<T>)>(handles.len() * 4);
    thread::scope(|scope| {
        for handle in handles {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                let mut work = start(handle);
                take_blocks(count, next, &sender, &mut work);
            });
        }
        drop(sender);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (block, results) in receiver {
            early.insert(block, results);
            while let Some(results) = early.remove(&due) {
                due += 1;
                results.into_iter().for_each(&mut *then);
            }
        }
    });
}

fn take_blocks<T>(
    count: usize,
    next: &AtomicUsize,
    sender: &mpsc::SyncSender<(usize, Vec<T>)>,
    work: &mut Work<'_, T>,
) {
    loop {
        let block = next.fetch_add(1, Ordering::Relaxed);
        let from = block.saturating_mul(BLOCK);
        if from >= count {
            return;
        }
        let results = (from..count.min(from + BLOCK)).map(&mut *work).collect();
        if sender.send((block, results)).is_err() {
            return;
        }
    }
}
