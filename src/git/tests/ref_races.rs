//! Many refs at once against git's own programs, other bots and sudden death. Which of them is faster
//! is left to chance; each must leave the same truth behind.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

fn start(dir: &Path, args: &[&str]) -> std::process::Child {
    Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn succeeds(dir: &Path, args: &[&str]) -> bool {
    start(dir, args).wait().unwrap().success()
}

fn batch(numbers: std::ops::Range<usize>, expected: Expect, id: Sha) -> Vec<RefEdit> {
    batch_in("refs/pull", numbers, expected, id)
}

fn batch_in(
    folder: &str,
    numbers: std::ops::Range<usize>,
    expected: Expect,
    id: Sha,
) -> Vec<RefEdit> {
    numbers
        .flat_map(|n| ["head", "meta"].map(|what| format!("{folder}/{n}/{what}")))
        .map(|name| set(&name, expected, Some(id)))
        .collect()
}

/// Everything that agrees in the end: git's listing, ours, and no lock is left.
fn check(repo: &Repository) -> BTreeMap<String, Sha> {
    let format = "--format=%(refname) %(objectname)";
    let listed = git(repo.path(), &["for-each-ref", format]);
    let theirs: BTreeMap<String, Sha> = listed
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, id)| (name.to_owned(), id.parse().unwrap()))
        .collect();
    let ours: BTreeMap<String, Sha> = repo.refs_under("refs/").unwrap().into_iter().collect();
    assert_eq!(theirs, ours);
    theirs
}

#[test]
fn of_two_bots_and_git_one_makes_each_branch() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 4);
    let zero = "0".repeat(40);
    for round in 0..12 {
        let first = round * 40;
        let contested = format!("refs/heads/{}/meta", first + 17 + round);
        let theirs = ids[2].to_string();
        let mut wins = Vec::new();
        std::thread::scope(|scope| {
            let bots: Vec<_> = (0..2)
                .map(|bot| {
                    let mine = repo.reopen().unwrap();
                    let edits = batch_in("refs/heads", first..first + 40, Expect::Absent, ids[bot]);
                    scope.spawn(move || {
                        mine.update_refs(&edits, Durability::Fast).unwrap() == RefsUpdate::Done
                    })
                })
                .collect();
            wins.push(succeeds(
                repo.path(),
                &["update-ref", &contested, &theirs, &zero],
            ));
            wins.extend(bots.into_iter().map(|bot| bot.join().unwrap()));
        });
        let found = check(&repo);
        let made =
            (first..first + 40).filter(|n| found.contains_key(&format!("refs/heads/{n}/meta")));
        // Git won and both bots saw that, or one bot won. Git may also give up on a lock.
        let winners = wins.iter().filter(|won| **won).count();
        assert!(winners == 1, "round {round}: {wins:?}");
        let winner = wins.iter().position(|won| *won).unwrap();
        assert_eq!(found[&contested], ids[[2, 0, 1][winner]]);
        assert_eq!(made.count(), if winner == 0 { 1 } else { 40 });
    }
    git(repo.path(), &["fsck", "--strict"]);
}

#[test]
fn of_several_bots_one_makes_the_refs_of_pull_requests() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 4);
    // Few have files, and many have none.
    for (round, count) in [4, 40, 4, 40, 4, 40, 4, 40].into_iter().enumerate() {
        let numbers = round * 40..round * 40 + count;
        let wins: Vec<bool> = std::thread::scope(|scope| {
            let bots = ids.iter().map(|id| {
                let mine = repo.reopen().unwrap();
                let edits = batch(numbers.clone(), Expect::Absent, *id);
                scope.spawn(move || {
                    mine.update_refs(&edits, Durability::Fast).unwrap() == RefsUpdate::Done
                })
            });
            let bots: Vec<_> = bots.collect();
            succeeds(repo.path(), &["pack-refs", "--all"]);
            bots.into_iter().map(|bot| bot.join().unwrap()).collect()
        });
        assert_eq!(wins.iter().filter(|won| **won).count(), 1, "{wins:?}");
        let winner = wins.iter().position(|won| *won).unwrap();
        let found = check(&repo);
        for n in numbers {
            for what in ["head", "meta"] {
                let name = format!("refs/pull/{n}/{what}");
                assert_eq!(found[&name], ids[winner], "{name}");
            }
        }
    }
    git(repo.path(), &["fsck", "--strict"]);
}

#[test]
fn backlogs_beside_packing_pushing_and_collecting_lose_nothing() {
    let (dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 3);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[2]));
    let clone = dir.path().join("clone");
    git(
        dir.path(),
        &["clone", "-q", repo.path().to_str().unwrap(), "clone"],
    );
    let done = AtomicBool::new(false);
    let running = |tries: &usize| *tries < 2000 && !done.load(Ordering::Relaxed);
    let mut pushed = 0;
    let path = repo.path();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in (0..).take_while(running) {
                succeeds(path, &["pack-refs", "--all"]);
            }
        });
        scope.spawn(|| {
            for _ in (0..).take_while(running) {
                succeeds(path, &["gc", "-q"]);
            }
        });
        let mine = repo.reopen().unwrap();
        scope.spawn({
            let running = &running;
            move || {
                for _ in (0..).take_while(running) {
                    mine.pack_pull_refs().unwrap();
                }
            }
        });
        let mine = repo.reopen().unwrap();
        let ids = &ids;
        let bot = scope.spawn(move || {
            for round in 0..15 {
                let first = round * 100;
                let mut edits = batch(first..first + 100, Expect::Absent, ids[0]);
                // What the round before made changes, or goes.
                for n in first.saturating_sub(100)..first {
                    let head = format!("refs/pull/{n}/head");
                    let meta = format!("refs/pull/{n}/meta");
                    edits.push(set(&head, Expect::Is(ids[0]), Some(ids[1])));
                    edits.push(set(&meta, Expect::Is(ids[0]), None));
                }
                let update = mine.update_refs(&edits, Durability::Fast).unwrap();
                assert_eq!(update, RefsUpdate::Done, "round {round}");
            }
        });
        while !bot.is_finished() && pushed < 100 {
            let spec = format!("HEAD:refs/pull/{pushed}/pushed");
            if succeeds(&clone, &["push", "-q", "origin", &spec]) {
                pushed += 1;
            }
        }
        let ended = bot.join();
        done.store(true, Ordering::Relaxed);
        ended.unwrap();
    });
    let found = check(&repo);
    for n in 0..1500 {
        let is = |what: &str| found.get(&format!("refs/pull/{n}/{what}")).copied();
        let is_last = n >= 1400;
        assert_eq!(is("meta"), is_last.then_some(ids[0]), "{n}");
        assert_eq!(is("head"), Some(ids[usize::from(!is_last)]), "{n}");
        assert_eq!(is("pushed").is_some(), n < pushed, "{n}");
    }
    git(repo.path(), &["fsck", "--strict"]);
}

fn branch(n: usize) -> String {
    format!("refs/heads/recommend/{n}")
}

fn branches(numbers: std::ops::Range<usize>, expected: Expect, id: Sha) -> Vec<RefEdit> {
    numbers
        .map(|n| set(&branch(n), expected, Some(id)))
        .collect()
}

const VICTIM: &str = "COUNTERSIGN_TEST_VICTIM";

/// The process that the next test kills: without its variable it does nothing.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else {
        return;
    };
    let repo = Repository::open(Path::new(&path)).unwrap();
    let tip = repo.find_ref("refs/heads/main").unwrap().unwrap();
    let base = repo.read_commit(tip).unwrap().parents[0];
    for round in 0..10_000 {
        let first = round * 40;
        let mut edits = batch(first..first + 40, Expect::Absent, base);
        for n in first.saturating_sub(40)..first {
            edits.push(set(
                &format!("refs/pull/{n}/head"),
                Expect::Is(base),
                Some(tip),
            ));
            edits.push(set(&format!("refs/pull/{n}/meta"), Expect::Is(base), None));
            edits.push(set(&branch(n), Expect::Is(base), None));
        }
        edits.extend(branches(first..first + 40, Expect::Absent, base));
        repo.update_refs(&edits, Durability::Fast).unwrap();
        println!("round {round}");
    }
}

#[test]
fn a_killed_process_leaves_only_what_it_wrote() {
    for lives in [1, 2, 3, 5, 8, 9] {
        let (_dir, repo) = repo();
        let ids = line(&repo, &mut ObjectBuffer::new(), None, 2);
        update(&repo, "refs/heads/main", Expect::Absent, Some(ids[1]));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "git::tests::ref_races::victim", "--nocapture"])
            .env(VICTIM, repo.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let rounds = output
            .lines()
            .map(Result::unwrap)
            .filter(|line| line.contains("round "));
        assert_eq!(rounds.take(lives).count(), lives);
        child.kill().unwrap();
        child.wait().unwrap();

        let found = check(&repo);
        let done = lives * 40;
        for n in 0..done - 40 {
            assert_eq!(found[&format!("refs/pull/{n}/head")], ids[1], "{n}");
            assert!(!found.contains_key(&format!("refs/pull/{n}/meta")), "{n}");
            assert!(!found.contains_key(&branch(n)), "{n}");
        }
        for (name, id) in &found {
            let mut numbers = name.split('/').filter_map(|part| part.parse().ok());
            let n: usize = numbers.next().unwrap_or(0);
            assert!(
                *id == ids[1] || (*id == ids[0] && n + 40 >= done),
                "{name} {id}"
            );
        }
        // Of each batch all new refs are there, or none.
        let heads = found.keys().filter(|name| name.ends_with("/head")).count();
        assert!(heads >= done && heads % 40 == 0, "{heads}");
        git(repo.path(), &["fsck", "--strict"]);
        take_over(&repo, done, ids[0]);
    }
}

/// The locks that were left are no obstacle to us, at once.
fn take_over(repo: &Repository, done: usize, id: Sha) {
    let mut edits = batch(done - 40..done + 80, Expect::Any, id);
    edits.extend(branches(done - 40..done + 80, Expect::Any, id));
    repo.update_refs(&edits, Durability::Fast).unwrap();
    let found = check(repo);
    assert!(edits.iter().all(|edit| found[&edit.name] == id));
    git(repo.path(), &["pack-refs", "--all"]);
    assert_eq!(check(repo), found);
    git(repo.path(), &["fsck", "--strict"]);
}
