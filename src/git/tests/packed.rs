//! Refs in `packed-refs`: found, made, deleted and packed as git itself would.

use super::*;

fn pull(n: usize, what: &str) -> String {
    format!("refs/pull/{n}/{what}")
}

/// What the local forge does for each of a backlog.
fn pulls(numbers: std::ops::Range<usize>, id: Sha) -> Vec<RefEdit> {
    let of_one = |n| {
        [
            set(&pull(n, "meta"), Expect::Absent, Some(id)),
            set(&pull(n, "head"), Expect::Any, Some(id)),
        ]
    };
    numbers.flat_map(of_one).collect()
}

fn files_under(path: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => files_under(&entry.path()),
            false => 1,
        })
        .sum()
}

fn all(repo: &Repository) -> Vec<String> {
    let listed = git(
        repo.path(),
        &["for-each-ref", "--format=%(objectname) %(refname)"],
    );
    listed.lines().map(str::to_owned).collect()
}

fn ours(repo: &Repository) -> Vec<String> {
    let refs = repo.refs_under("refs/").unwrap();
    refs.iter()
        .map(|(name, id)| format!("{id} {name}"))
        .collect()
}

#[test]
fn a_backlog_goes_straight_into_packed_refs() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 2);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    git(repo.path(), &["tag", "-a", "-m", "t", "v1", "main"]);
    git(repo.path(), &["pack-refs", "--all"]);
    let branches: Vec<RefEdit> = (0..100)
        .map(|n| {
            set(
                &format!("refs/heads/recommend/{n}"),
                Expect::Absent,
                Some(ids[0]),
            )
        })
        .collect();
    repo.update_refs(&branches[..50], Durability::Fast).unwrap();
    git(repo.path(), &["pack-refs", "--all"]);
    repo.update_refs(&branches[50..], Durability::Fast).unwrap();
    let mut edits = pulls(1..100, ids[1]);
    edits.extend(branches.iter().map(|edit| RefEdit {
        expected: Expect::Is(ids[0]),
        new: None,
        ..edit.clone()
    }));
    assert_eq!(
        repo.update_refs(&edits, Durability::Fast).unwrap(),
        RefsUpdate::Done
    );
    assert_eq!(files_under(&repo.path().join("refs")), 0);
    assert!(!repo.path().join("refs/pull/1").exists());
    assert_eq!(all(&repo), ours(&repo));
    assert_eq!(ours(&repo).len(), 2 * 99 + 2);
    assert!(git(repo.path(), &["show-ref", "--dereference"]).contains("refs/tags/v1^{}"));

    // The same again is lost, and changes nothing.
    let before = std::fs::read(repo.path().join("packed-refs")).unwrap();
    let again = pulls(50..150, ids[0]);
    let lost = repo.update_refs(&again, Durability::Fast).unwrap();
    let name = "refs/pull/50/meta".to_owned();
    assert_eq!(
        lost,
        RefsUpdate::Lost {
            name,
            found: Some(ids[1])
        }
    );
    assert_eq!(
        std::fs::read(repo.path().join("packed-refs")).unwrap(),
        before
    );
    assert_eq!(files_under(&repo.path().join("refs")), 0);

    // One at a time, and with what is packed already.
    update(&repo, "refs/pull/7/meta", Expect::Is(ids[1]), Some(ids[0]));
    let mut edits = pulls(100..200, ids[0]);
    edits.insert(0, set("refs/pull/7/meta", Expect::Is(ids[0]), Some(ids[1])));
    edits.push(set("refs/pull/8/meta", Expect::Is(ids[1]), None));
    repo.update_refs(&edits, Durability::Durable).unwrap();
    assert_eq!(repo.find_ref("refs/pull/7/meta").unwrap(), Some(ids[1]));
    assert_eq!(repo.find_ref("refs/pull/8/meta").unwrap(), None);
    assert_eq!(all(&repo), ours(&repo));
    git(repo.path(), &["fsck", "--strict"]);
    git(repo.path(), &["pack-refs", "--all"]);
    assert_eq!(all(&repo), ours(&repo));
}

#[test]
fn what_does_not_fit_into_packed_refs_gets_files() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 2);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    git(repo.path(), &["tag", "-a", "-m", "t", "v1", "main"]);
    let tag = repo.find_ref("refs/tags/v1").unwrap().unwrap();
    // A tag would need a second line there.
    repo.update_refs(&pulls(0..100, tag), Durability::Fast)
        .unwrap();
    assert_eq!(files_under(&repo.path().join("refs/pull")), 200);
    // A folder that somebody left.
    std::fs::create_dir_all(repo.path().join("refs/pull/150")).unwrap();
    repo.update_refs(&pulls(100..200, ids[0]), Durability::Fast)
        .unwrap();
    assert_eq!(files_under(&repo.path().join("refs/pull")), 200);
    assert!(!repo.path().join("refs/pull/150").exists());
    // New ones between others that have files keep their place in the order.
    let mut mixed = pulls(200..300, ids[0]);
    for at in (0..200).rev().step_by(20) {
        let name = pull(at, "head");
        mixed.insert(at, set(&name, Expect::Any, Some(ids[1])));
    }
    repo.update_refs(&mixed, Durability::Fast).unwrap();
    assert_eq!(all(&repo), ours(&repo));
    assert_eq!(ours(&repo).len(), 602);
    // A name below a ref, and above one.
    let mut edits = pulls(300..400, ids[0]);
    for name in [
        "refs/pull/301/meta/x",
        "refs/pull/150/meta/x",
        "refs/pull/150",
    ] {
        edits.push(set(name, Expect::Absent, Some(ids[0])));
        let error = repo.update_refs(&edits, Durability::Fast).unwrap_err();
        assert!(error.to_string().contains("refs/pull/"), "{error}");
        edits.pop();
    }
    assert_eq!(ours(&repo).len(), 602);
    assert!(!repo.path().join("refs/pull/301").exists());
    // An old file without order.
    let path = repo.path().join("packed-refs");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    lines.reverse();
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    assert_eq!(all(&repo), ours(&repo));
    edits.push(set("refs/pull/150/meta", Expect::Is(ids[0]), None));
    repo.update_refs(&edits, Durability::Fast).unwrap();
    assert_eq!(repo.find_ref("refs/pull/150/meta").unwrap(), None);
    assert_eq!(repo.find_ref("refs/pull/151/meta").unwrap(), Some(ids[0]));
    assert_eq!(all(&repo), ours(&repo));
}

#[test]
fn every_packed_ref_is_found_and_no_other() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 1);
    for count in [1, 2, 30, 60, 400, 5000] {
        let mut names: Vec<String> = (0..count)
            .map(|n| match n % 7 {
                0 => format!("refs/heads/{}/n{n}", "long-".repeat(n % 40 + 1)),
                _ => format!("refs/pull/{}/meta", n * 3),
            })
            .collect();
        names.sort();
        let mut text = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
        for (at, name) in names.iter().enumerate() {
            text += &format!("{} {name}\n", ids[0]);
            if at % 5 == 0 {
                text += &format!("^{}\n", ids[0]);
            }
        }
        std::fs::write(repo.path().join("packed-refs"), text).unwrap();
        for name in &names {
            assert_eq!(repo.find_ref(name).unwrap(), Some(ids[0]), "{name}");
            for other in [format!("{name}0"), name[..name.len() - 1].to_owned()] {
                let there = names.binary_search(&other).is_ok();
                assert_eq!(repo.find_ref(&other).unwrap().is_some(), there, "{other}");
            }
        }
        for prefix in [
            "refs/",
            "refs/heads/",
            "refs/pull/",
            "refs/pull/9",
            "refs/x/",
        ] {
            let expected = names.iter().filter(|name| name.starts_with(prefix));
            let found = repo.refs_under(prefix).unwrap();
            assert!(
                expected.eq(found.iter().map(|(name, _)| name)),
                "{prefix} of {count}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn what_a_killed_process_of_an_old_version_left_is_passed_over_and_taken_over() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 1);
    repo.update_refs(&pulls(0..100, ids[0]), Durability::Fast)
        .unwrap();
    let left = repo.path().join("refs/pull/500");
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(".locked-by-countersign", &left).unwrap();
    for args in [
        &["for-each-ref"][..],
        &["fsck", "--strict"],
        &["pack-refs", "--all"],
        &["gc", "-q"],
        &["repack", "-adq"],
    ] {
        let output = Command::new("git")
            .arg("-C")
            .arg(repo.path())
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        assert!(!said.contains("500"), "{args:?}: {said}");
    }
    assert_eq!(all(&repo), ours(&repo));
    // Git cannot make a ref in there meanwhile.
    let id = ids[0].to_string();
    let theirs = Command::new("git")
        .arg("-C")
        .arg(repo.path())
        .args(["update-ref", "refs/pull/500/meta", &id])
        .stderr(Stdio::null())
        .status();
    assert!(!theirs.unwrap().success());
    // Whoever left it is gone, so we take it over at once.
    update(&repo, "refs/pull/500/meta", Expect::Absent, Some(ids[0]));
    // One that is alive is waited for.
    let owner = repo.path().join("countersign-life-1-1");
    let file = std::fs::File::create(&owner).unwrap();
    file.lock().unwrap();
    std::fs::write(&owner, "locked by countersign\n").unwrap();
    let left = repo.path().join("refs/pull/501");
    std::os::unix::fs::symlink(".locked-by-countersign-life-1-1", &left).unwrap();
    let theirs = left.clone();
    std::thread::scope(|scope| {
        let (told, waits) = std::sync::mpsc::channel();
        scope.spawn(move || {
            waits.recv().unwrap();
            std::fs::remove_file(theirs).unwrap();
            drop(file);
        });
        let mine = repo.reopen().unwrap();
        assert_eq!(mine.find_ref("refs/pull/501/meta").unwrap(), None);
        told.send(()).unwrap();
        update(&mine, "refs/pull/501/meta", Expect::Absent, Some(ids[0]));
    });
    assert_eq!(repo.find_ref("refs/pull/501/meta").unwrap(), Some(ids[0]));
    // A lock with that mark whose process is gone.
    let main = repo.path().join("refs/heads/main.lock");
    std::fs::write(&main, "locked by countersign\n").unwrap();
    update(&repo, "refs/heads/main", Expect::Any, Some(ids[0]));
    // What nobody asks for is swept.
    let left = [
        owner,
        repo.path().join("refs/heads/gone.lock"),
        repo.path().join("refs/pull/502"),
        repo.path().join("countersign-new-1-1-0"),
    ];
    for path in [&left[1], &left[3]] {
        std::fs::write(path, "locked by countersign\n").unwrap();
        let old = SystemTime::now() - Duration::from_secs(61);
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(old).unwrap();
    }
    std::os::unix::fs::symlink(".locked-by-countersign-life-1-1", &left[2]).unwrap();
    consolidate(&repo).unwrap();
    for path in &left {
        assert!(std::fs::symlink_metadata(path).is_err(), "{path:?}");
    }
    assert_eq!(all(&repo), ours(&repo));
}

#[cfg(unix)]
#[test]
fn what_a_killed_process_left_of_its_locks_is_taken_over_and_swept() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 2);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    let owner = repo.path().join("countersign-locks");
    let locks = [
        "refs/heads/main.lock",
        "refs/heads/gone/far.lock",
        "packed-refs.lock",
        "config.lock",
    ]
    .map(|lock| repo.path().join(lock));
    std::fs::create_dir(repo.path().join("refs/heads/gone")).unwrap();
    for lock in &locks {
        std::fs::hard_link(&owner, lock).unwrap();
    }
    update(&repo, "refs/heads/main", Expect::Is(ids[0]), Some(ids[1]));
    assert!(!locks[0].exists());
    update(&repo, "refs/heads/main", Expect::Is(ids[1]), None);
    assert!(!locks[2].exists());
    assert!(locks[1].exists() && locks[3].exists());
    consolidate(&repo).unwrap();
    assert!(locks.iter().all(|lock| !lock.exists()));

    // A copy of the repository has copies of them.
    std::fs::copy(&owner, &locks[0]).unwrap();
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));

    // One that is alive is waited for.
    let file = std::fs::File::open(&owner).unwrap();
    file.lock().unwrap();
    std::fs::hard_link(&owner, &locks[0]).unwrap();
    std::thread::scope(|scope| {
        let mine = repo.reopen().unwrap();
        let new = ids[1];
        let waits = scope.spawn(move || update(&mine, "refs/heads/main", Expect::Any, Some(new)));
        assert_eq!(repo.find_ref("refs/heads/main").unwrap(), Some(ids[0]));
        std::fs::remove_file(&locks[0]).unwrap();
        drop(file);
        assert_eq!(waits.join().unwrap(), RefsUpdate::Done);
    });
    assert_eq!(repo.find_ref("refs/heads/main").unwrap(), Some(ids[1]));
}

#[test]
fn thousands_of_loose_pull_refs_are_packed_and_branches_are_not() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 1);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    git(repo.path(), &["tag", "-a", "-m", "t", "v1", "main"]);
    let tag = repo.find_ref("refs/tags/v1").unwrap().unwrap();
    for n in 0..2001 {
        update(&repo, &pull(n, "meta"), Expect::Absent, Some(ids[0]));
    }
    update(&repo, "refs/pull/5/head", Expect::Absent, Some(tag));
    let before = all(&repo);
    consolidate(&repo).unwrap();
    assert_eq!(all(&repo), before);
    assert_eq!(ours(&repo), before);
    assert_eq!(files_under(&repo.path().join("refs")), 3);
    assert!(!repo.path().join("refs/pull/0").exists());
    consolidate(&repo).unwrap();
    assert_eq!(files_under(&repo.path().join("refs")), 3);
    git(repo.path(), &["fsck", "--strict"]);
}
