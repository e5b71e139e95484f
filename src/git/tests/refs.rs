//! Compare-and-swap against threads, processes and leftovers.

use super::*;

#[test]
fn refs_are_created_listed_packed_and_deleted() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 3);
    let edits: Vec<RefEdit> = (0..5)
        .map(|n| set(&format!("refs/pull/{n}/head"), Expect::Absent, Some(ids[0])))
        .collect();
    assert_eq!(
        repo.update_refs(&edits, Durability::Durable).unwrap(),
        RefsUpdate::Done
    );
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    update(&repo, "refs/heads/recommend/x", Expect::Any, Some(ids[1]));
    git(repo.path(), &["tag", "-a", "-m", "t", "v1", "main"]);
    git(repo.path(), &["pack-refs", "--all"]);
    update(&repo, "refs/pull/3/head", Expect::Is(ids[0]), Some(ids[1]));
    update(&repo, "refs/pull/10/meta", Expect::Absent, Some(ids[2]));
    assert_eq!(repo.find_ref("HEAD").unwrap(), Some(ids[0]));
    let names = |prefix: &str| {
        repo.refs_under(prefix)
            .unwrap()
            .into_iter()
            .map(|(n, _)| n)
            .collect::<Vec<_>>()
    };
    let expected = git(repo.path(), &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(names("refs/"), expected.lines().collect::<Vec<_>>());
    assert_eq!(
        names("refs/pull/1"),
        ["refs/pull/1/head", "refs/pull/10/meta"]
    );
    assert_eq!(names("refs/heads/recommend/"), ["refs/heads/recommend/x"]);
    assert!(
        repo.refs_under("refs/pull/")
            .unwrap()
            .contains(&("refs/pull/3/head".into(), ids[1]))
    );

    let lost = repo.update_refs(
        &[
            set("refs/pull/0/head", Expect::Any, None),
            set("refs/pull/3/head", Expect::Is(ids[0]), None),
        ],
        Durability::Fast,
    );
    assert_eq!(
        lost.unwrap(),
        RefsUpdate::Lost {
            name: "refs/pull/3/head".into(),
            found: Some(ids[1])
        }
    );
    assert_eq!(repo.find_ref("refs/pull/0/head").unwrap(), Some(ids[0]));
    let lost = update(
        &repo,
        "refs/heads/gone/far",
        Expect::Is(ids[0]),
        Some(ids[1]),
    );
    assert_eq!(
        lost,
        RefsUpdate::Lost {
            name: "refs/heads/gone/far".into(),
            found: None
        }
    );
    assert!(!repo.path().join("refs/heads/gone").exists());
    for name in ["refs/pull/3/head", "refs/pull/0/head", "refs/pull/10/meta"] {
        assert_eq!(update(&repo, name, Expect::Any, None), RefsUpdate::Done);
        assert_eq!(repo.find_ref(name).unwrap(), None, "{name}");
    }
    assert!(!repo.path().join("refs/pull/10").exists());
    assert!(git(repo.path(), &["show-ref", "--dereference"]).contains("refs/tags/v1^{}"));

    for (name, why) in [
        ("refs/heads/recommend", "refs/heads/recommend/x"),
        ("refs/heads/main/x", "refs/heads/main"),
        ("HEAD", "not a ref name"),
        ("refs/heads/../x", "not a ref name"),
    ] {
        let error = repo
            .update_refs(&[set(name, Expect::Any, Some(ids[0]))], Durability::Fast)
            .unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    git(repo.path(), &["fsck", "--strict"]);
    assert!(!git(repo.path(), &["for-each-ref"]).is_empty());
}

#[test]
fn one_of_many_racers_wins_each_round() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 200);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    for round in 0..12 {
        let tip = repo.find_ref("refs/heads/main").unwrap().unwrap();
        if round % 3 == 1 {
            git(repo.path(), &["pack-refs", "--all"]);
        }
        let mut wins = 0;
        std::thread::scope(|scope| {
            let racers: Vec<_> = (0..6)
                .map(|n| {
                    let (mine, new) = (repo.reopen().unwrap(), ids[1 + round * 10 + n]);
                    scope.spawn(move || {
                        update(&mine, "refs/heads/main", Expect::Is(tip), Some(new))
                            == RefsUpdate::Done
                    })
                })
                .collect();
            // Other processes race too, with git's own compare-and-swap.
            let others: Vec<_> = (6..8)
                .map(|n| {
                    let args = [
                        "update-ref",
                        "refs/heads/main",
                        &ids[1 + round * 10 + n].to_string(),
                        &tip.to_string(),
                    ]
                    .map(str::to_owned);
                    Command::new("git")
                        .arg("-C")
                        .arg(repo.path())
                        .args(args)
                        .stderr(Stdio::null())
                        .spawn()
                        .unwrap()
                })
                .collect();
            wins += racers
                .into_iter()
                .filter_map(|r| r.join().ok())
                .filter(|won| *won)
                .count();
            wins += others
                .into_iter()
                .map(|mut o| o.wait().unwrap().success())
                .filter(|won| *won)
                .count();
        });
        assert_eq!(wins, 1, "round {round}");
        assert_ne!(repo.find_ref("refs/heads/main").unwrap(), Some(tip));
    }
}

#[test]
fn packing_and_deleting_at_the_same_time_loses_no_ref() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 1);
    let edits: Vec<RefEdit> = (0..60)
        .map(|n| set(&format!("refs/pull/{n}/head"), Expect::Absent, Some(ids[0])))
        .collect();
    repo.update_refs(&edits, Durability::Fast).unwrap();
    std::thread::scope(|scope| {
        for part in 0..2 {
            let mine = repo.reopen().unwrap();
            let id = ids[0];
            scope.spawn(move || {
                for n in (part..40).step_by(2) {
                    assert_eq!(
                        update(&mine, &format!("refs/pull/{n}/head"), Expect::Is(id), None),
                        RefsUpdate::Done
                    );
                    assert_eq!(
                        update(
                            &mine,
                            &format!("refs/pull/{}/head", n + 100),
                            Expect::Absent,
                            Some(id)
                        ),
                        RefsUpdate::Done
                    );
                }
            });
        }
        for _ in 0..15 {
            // It may give up when it meets a lock, which is its right.
            let _ = Command::new("git")
                .arg("-C")
                .arg(repo.path())
                .args(["pack-refs", "--all"])
                .stderr(Stdio::null())
                .status();
        }
    });
    let left = repo.refs_under("refs/pull/").unwrap();
    let expected = (40..60).chain(100..140).count();
    assert_eq!(left.len(), expected);
    assert_eq!(
        git(repo.path(), &["for-each-ref", "refs/pull/"])
            .lines()
            .count(),
        expected
    );
}

#[test]
fn a_lock_of_a_killed_process_ends_and_one_of_a_live_process_is_waited_for() {
    let (_dir, repo) = repo();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 2);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    let lock = repo.path().join("refs/heads/main.lock");
    let file = std::fs::File::create(&lock).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(61))
        .unwrap();
    update(&repo, "refs/heads/main", Expect::Is(ids[0]), Some(ids[1]));
    assert!(!lock.exists());

    std::fs::File::create(&lock).unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            std::fs::remove_file(&lock).unwrap();
        });
        let mine = repo.reopen().unwrap();
        update(&mine, "refs/heads/main", Expect::Is(ids[1]), Some(ids[0]));
    });
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(repo.find_ref("refs/heads/main").unwrap(), Some(ids[0]));
}
