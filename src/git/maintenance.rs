//! Keeps the number of packs small: each batch adds one, and every lookup of an object has to ask them
//! all. And packs the refs of old pull requests, each of which takes three blocks of the disk and
//! makes every clone slower.

use std::fs;
use std::sync::Once;
use std::time::{Duration, Instant};

use super::error::Result;
use super::joining::{self, Joinable, Joined, Need, count_packs};
use super::kept_pack;
use super::lock::{process_guard, sweep};
use super::ref_update::PULLS;
use super::repository::Repository;
use super::sharing::{INCOMING, NEW, NEW_INDEX, NEW_PACK, sweep_unfinished};

/// With so many packs, whoever adds one joins them first, or waits for who is joining them.
const MOST_PACKS: usize = 24;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Who joins packs holds this.
const GUARD: &str = "countersign-maintenance";

/// From so many folders with loose refs of pull requests on those are packed. Branches are soon deleted, which would
/// cost a rewrite of `packed-refs` each time.
const MOST_LOOSE: usize = 2000;

/// What [`consolidate`] did to the packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// There are few packs.
    NotNeeded,
    /// Another process of ours is at it.
    Busy,
    /// The program `git` is not installed; everything works on, only slower.
    NoGitProgram,
    Consolidated {
        /// How many there were.
        before: usize,
        /// How many are left.
        after: usize,
    },
}

/// Joins packs of about one size if there are several, so that the work stays in proportion to what was added. Also
/// packs the loose refs of pull requests when those have become thousands, and clears away the lock of all packed
/// refs if a killed process left it. Safe while others read and write. Takes seconds: call it off the decision's
/// path.
pub fn consolidate(repo: &Repository) -> Result<Maintenance> {
    sweep_left_overs(repo)?;
    let pulls = repo.common_dir().join(PULLS);
    if fs::read_dir(&pulls).is_ok_and(|found| found.take(MOST_LOOSE + 1).count() > MOST_LOOSE)
        && let Some(_guard) = process_guard(&repo.files, GUARD)?
    {
        let packed = repo.pack_pull_refs()?;
        tracing::info!("packed {packed} refs of pull requests");
    }
    if joining::are_loose_objects_many(repo.common_dir())
        && let Some(_guard) = process_guard(&repo.files, GUARD)?
    {
        joining::pack_loose_objects(&repo.files)?;
    }
    join_packs(repo)
}

/// Removes what killed processes of ours left.
fn sweep_left_overs(repo: &Repository) -> Result<()> {
    let git_dir = repo.common_dir();
    sweep(&repo.files)?;
    let objects = git_dir.join("objects");
    let packs = objects.join("pack");
    kept_pack::sweep(&packs)?;
    sweep_unfinished(&packs, &[NEW, NEW_PACK, NEW_INDEX])?;
    sweep_unfinished(&objects, &[INCOMING])?;
    sweep_unfinished(&git_dir.join("hooks"), &[NEW])?;
    sweep_unfinished(git_dir, &[NEW])
}

/// Joins packs of about one size if there are several. Cheap if there are not.
pub fn join_packs(repo: &Repository) -> Result<Maintenance> {
    join_if(repo, Need::Usual)
}

/// Before a pack is added: keeps their number bounded, however fast they come and whoever makes them.
pub(super) fn make_room(repo: &Repository) {
    let folder = repo.common_dir().join("objects/pack");
    let begun = Instant::now();
    // Most of the time their number is all that has to be known.
    while count_packs(&folder) >= MOST_PACKS
        && Joinable::find(&folder).is_ok_and(|packs| packs.count() >= MOST_PACKS)
        && begun.elapsed() < LONGEST_WAIT
    {
        match join_if(repo, Need::Pressing) {
            Ok(Maintenance::Consolidated { before, after }) if after < before => {}
            Ok(Maintenance::Busy) => std::thread::sleep(BETWEEN_LOOKS),
            Ok(_) => return,
            Err(error) => {
                return tracing::warn!("{error}; the repository becomes slower until that works");
            }
        }
    }
}

fn join_if(repo: &Repository, need: Need) -> Result<Maintenance> {
    let folder = repo.common_dir().join("objects/pack");
    if Joinable::find(&folder)?.choose(need).is_empty() {
        return Ok(Maintenance::NotNeeded);
    }
    let Some(_guard) = process_guard(&repo.files, GUARD)? else {
        return Ok(Maintenance::Busy);
    };
    // Whoever had it before has perhaps done it.
    let packs = Joinable::find(&folder)?;
    let is_so = need == Need::Usual || packs.count() >= MOST_PACKS;
    let chosen = packs.choose(need);
    if chosen.is_empty() || !is_so {
        return Ok(Maintenance::NotNeeded);
    }
    if joining::join(&repo.files, &chosen)? == Joined::NoGitProgram {
        static WARNING: Once = Once::new();
        WARNING.call_once(|| {
            tracing::warn!("the program `git` was not found: packs accumulate and slow everything down, install it");
        });
        return Ok(Maintenance::NoGitProgram);
    }
    // What was removed must not be kept open.
    repo.look_for_packs();
    Ok(Maintenance::Consolidated {
        before: packs.count(),
        after: Joinable::find(&folder)?.count(),
    })
}
