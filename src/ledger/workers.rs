//! Spreads work on many commits over the processors, and hands the results on in order.
//!
//! Reading YAML and inflating objects is nearly all of the time, and commits are looked at by themselves; so
//! each thread takes the next few hundred with a repository handle of its own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::git::{GitError, Repository};

/// Consecutive items that one thread takes at a time: neighbours share trees and parents.
const BLOCK: usize = 256;
/// More threads only wait for each other's disk.
const MOST_THREADS: usize = 8;

/// What one thread does with an item; it may keep what saves reading things again.
pub type Work<'a, I, T> = Box<dyn FnMut(I) -> T + 'a>;

/// So many handles on a repository as work on this many items is worth.
pub fn handles(repo: &Repository, count: usize) -> Result<Vec<Repository>, GitError> {
    let available = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = available
        .min(MOST_THREADS)
        .min(count.div_ceil(BLOCK))
        .max(1);
    (0..threads).map(|_| repo.reopen()).collect()
}

/// Works on all items, a thread a handle; `then` gets each result, in order. The items may be dear themselves:
/// whichever thread needs more of them has the next ones made.
pub fn in_order<'a, I, T: Send>(
    handles: &'a mut [Repository],
    items: impl Iterator<Item = I> + Send,
    start: &(dyn Fn(&'a Repository) -> Work<'a, I, T> + Sync),
    then: &mut dyn FnMut(T),
) {
    if let [handle] = handles {
        items.map(start(handle)).for_each(then);
        return;
    }
    let items = Mutex::new(items.enumerate());
    // Bounded, so that a slow beginning does not pile up results in memory.
    let (sender, receiver) = mpsc::sync_channel::<(usize, Vec<T>)>(handles.len() * 4);
    thread::scope(|scope| {
        for handle in handles {
            let (sender, items) = (sender.clone(), &items);
            scope.spawn(move || take_blocks(items, &sender, start(handle)));
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

fn take_blocks<I, T>(
    items: &Mutex<impl Iterator<Item = (usize, I)>>,
    sender: &mpsc::SyncSender<(usize, Vec<T>)>,
    mut work: Work<'_, I, T>,
) {
    loop {
        let block: Vec<(usize, I)> = {
            let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
            items.by_ref().take(BLOCK).collect()
        };
        let Some((first, _)) = block.first() else {
            return;
        };
        let number = first / BLOCK;
        let results = block.into_iter().map(|(_, item)| work(item)).collect();
        if sender.send((number, results)).is_err() {
            return;
        }
    }
}
