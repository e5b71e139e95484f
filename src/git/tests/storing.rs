//! Packs that we write, read by git; and how fast.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

#[test]
fn what_we_store_git_reads() {
    let (_dir, repo) = repo();
    let (mut buffer, mut editor) = (ObjectBuffer::new(), TreeEditor::new(None));
    let tip = record(&repo, &mut buffer, &mut editor, None, 0..120);
    let unflushed = repo.with(&buffer).read_commit(tip).unwrap();
    assert!(repo.with(&buffer).read_tree(unflushed.tree).unwrap().len() == 1);
    drop(buffer.flush(&repo).unwrap());
    assert!(buffer.is_empty());
    assert_eq!(
        update(&repo, "refs/heads/main", Expect::Absent, Some(tip)),
        RefsUpdate::Done
    );
    let second = record(&repo, &mut buffer, &mut editor, Some(tip), 120..160);
    drop(buffer.flush(&repo).unwrap());
    update(&repo, "refs/heads/main", Expect::Is(tip), Some(second));

    git(repo.path(), &["fsck", "--strict", "--full"]);
    for entry in std::fs::read_dir(repo.path().join("objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().unwrap() == "idx" {
            let listing = git(repo.path(), &["verify-pack", "-v", path.to_str().unwrap()]);
            assert!(listing.contains("chain length = 50:"), "{listing}");
            assert!(!listing.contains("chain length = 51:"));
        }
    }
    let log = git(
        repo.path(),
        &[
            "log",
            "--first-parent",
            "--format=%s|%an|%ae|%(trailers:key=Event,valueonly)",
            "main",
        ],
    );
    assert!(
        log.starts_with("event 159|Bot x|bot@example.org|decision"),
        "{log}"
    );
    let path = "recommendations/2026/11/23/14/01JDC3V5J9M0K3W8Q2ZT000007/decision.yaml";
    let theirs = git(repo.path(), &["cat-file", "blob", &format!("main:{path}")]);
    let found = repo.read_commit(second).unwrap();
    assert!(found.valid_utf8 && found.message.starts_with("event 159\n"));
    assert_eq!(
        *repo.read_path(found.tree, path).unwrap().unwrap(),
        *theirs.as_bytes()
    );
    let id = repo.entry_at(found.tree, path).unwrap().unwrap().id;
    assert_eq!(repo.blob_size(id).unwrap(), theirs.len());
    repo.check_object(id).unwrap();
    repo.check_object(found.tree).unwrap();
    assert_eq!(
        repo.list_dir(found.tree, "recommendations/2026/11/23/14")
            .unwrap()
            .len(),
        160
    );
    assert!(repo.list_dir(found.tree, "nowhere").unwrap().is_empty());
    assert!(repo.read_path(found.tree, "nowhere/x").unwrap().is_none());
    assert!(repo.read_path(found.tree, "recommendations").is_err());
    assert_eq!(
        repo.first_parents(second).filter(Result::is_ok).count(),
        161
    );
}

#[test]
fn a_buffer_gives_back_what_was_put_and_stores_it_once() {
    let (_dir, repo) = repo();
    let mut buffer = ObjectBuffer::new();
    let big: Vec<u8> = (0..200_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    for content in [&b""[..], b"x", &[7; 99], &[7; 100], &[7; 70_000], &big] {
        let id = buffer.put_blob(content);
        assert_eq!(buffer.put_blob(content), id);
        assert_eq!(
            buffer.find(id).unwrap().unwrap(),
            (Kind::Blob, content.to_vec())
        );
    }
    assert_eq!(buffer.len(), 6);
    drop(buffer.flush(&repo).unwrap());
    drop(buffer.flush(&repo).unwrap());
    git(repo.path(), &["fsck", "--strict"]);
    assert_eq!(
        std::fs::read_dir(repo.path().join("objects/pack"))
            .unwrap()
            .count(),
        2
    );
}

#[test]
fn a_failed_flush_leaves_nothing_behind_and_can_be_repeated() {
    let (_dir, repo) = repo();
    let pack = repo.path().join("objects/pack");
    std::fs::remove_dir_all(&pack).unwrap();
    std::fs::write(&pack, "in the way").unwrap();
    let mut buffer = ObjectBuffer::new();
    let id = buffer.put_blob(b"content of some length");
    let error = buffer.flush(&repo).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot store 1 objects in"),
        "{error}"
    );
    std::fs::remove_file(&pack).unwrap();
    drop(buffer.flush(&repo).unwrap());
    assert_eq!(*repo.read_blob(id).unwrap(), *b"content of some length");
}

/// How many packs there are.
fn pack_count(repo: &Repository) -> usize {
    let packs = std::fs::read_dir(repo.path().join("objects/pack")).unwrap();
    let paths = packs.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "idx"))
        .count()
}

#[test]
fn packs_are_joined_while_they_come_and_open_handles_read_on() {
    let (_dir, repo) = repo();
    let other = repo.reopen().unwrap();
    let (mut buffer, mut editor) = (ObjectBuffer::new(), TreeEditor::new(None));
    let mut tip = None;
    let mut blobs = Vec::new();
    let mut most = 0;
    for number in 0..60 {
        tip = Some(record(
            &repo,
            &mut buffer,
            &mut editor,
            tip,
            number..number + 1,
        ));
        blobs.push(buffer.put_blob(format!("blob {number}").as_bytes()));
        let kept = buffer.flush(&repo).unwrap();
        update(&repo, "refs/heads/main", Expect::Any, tip);
        drop(kept);
        most = most.max(pack_count(&repo));
        for handle in [&repo, &other] {
            handle.read_blob(blobs[0]).unwrap();
            handle.read_blob(blobs[number as usize]).unwrap();
        }
    }
    assert!((12..=24).contains(&most), "{most} packs");
    consolidate(&repo).unwrap();
    assert!(pack_count(&repo) < 12, "{} are left", pack_count(&repo));
    assert_eq!(consolidate(&repo).unwrap(), Maintenance::NotNeeded);
    for blob in &blobs {
        other.read_blob(*blob).unwrap();
        repo.read_blob(*blob).unwrap();
    }
    git(repo.path(), &["fsck", "--strict"]);
}

#[test]
fn writers_at_once_keep_few_packs() {
    let (_dir, repo) = repo();
    let (done, most) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let watched = repo.reopen().unwrap();
        let (done, most) = (&done, &most);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(pack_count(&watched), Ordering::Relaxed);
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mine = repo.reopen().unwrap();
                scope.spawn(move || {
                    let mut buffer = ObjectBuffer::new();
                    for number in 0..40 {
                        buffer.put_blob(format!("{writer} {number}").as_bytes());
                        drop(buffer.flush(&mine).unwrap());
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let most = most.load(Ordering::Relaxed);
    assert!((12..=30).contains(&most), "{most} packs");
}

#[test]
fn a_pack_that_no_ref_needs_yet_survives_every_repack() {
    let (_dir, repo) = repo();
    let packs = repo.path().join("objects/pack");
    let endings = || {
        let entries = std::fs::read_dir(&packs).unwrap().flatten();
        let mut endings: Vec<String> = entries
            .map(|entry| {
                entry
                    .path()
                    .extension()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        endings.sort();
        endings
    };
    for arguments in [
        &["repack", "-a", "-d", "-q"][..],
        &["repack", "-A", "-d", "-q", "--unpack-unreachable=now"],
        &["gc", "-q", "--prune=now"],
    ] {
        let mut buffer = ObjectBuffer::new();
        let blob = buffer.put_blob(arguments.join(" ").as_bytes());
        let tree = buffer.put_empty_tree();
        let tip = buffer.put_commit(&commit(tree, &[], 1));
        let kept = buffer.flush(&repo).unwrap();
        git(repo.path(), arguments);
        assert!(
            repo.reopen().unwrap().objects().read_header(blob).is_ok(),
            "{arguments:?}"
        );
        update(&repo, "refs/heads/main", Expect::Any, Some(tip));
        drop(kept);
        git(repo.path(), arguments);
        assert!(!endings().contains(&"keep".to_owned()), "{:?}", endings());
        git(repo.path(), &["fsck", "--strict"]);
    }
}

#[test]
fn what_a_killed_process_keeps_is_let_go_and_what_others_keep_is_not() {
    let (_dir, repo) = repo();
    let packs = repo.path().join("objects/pack");
    let mut buffer = ObjectBuffer::new();
    buffer.put_blob(b"of a process that lives");
    let kept = buffer.flush(&repo).unwrap();
    let alive: Vec<_> = keeps(&packs);
    assert_eq!(alive.len(), 1);
    let left_over = packs.join("pack-0123456789012345678901234567890123456789.keep");
    std::fs::copy(&alive[0], &left_over).unwrap();
    let of_git = packs.join("pack-1123456789012345678901234567890123456789.keep");
    std::fs::write(&of_git, "receive-pack 4711 on host\n").unwrap();
    consolidate(&repo).unwrap();
    let mut expected = vec![alive[0].clone(), of_git.clone()];
    expected.sort();
    assert_eq!(keeps(&packs), expected);
    drop(kept);
    assert_eq!(keeps(&packs), [of_git]);
}

#[test]
fn what_killed_processes_left_unfinished_is_removed_and_what_others_are_at_is_not() {
    let (_dir, repo) = repo();
    let objects = repo.path().join("objects");
    let make = |path: &std::path::Path| std::fs::File::create(path).unwrap();
    let mut left = vec![
        // It had no time to write its mark.
        repo.path().join("countersign-life-1-1"),
        repo.path().join("countersign-new-1-1-1"),
        repo.path().join("countersign-new-1_1"),
        objects.join("pack/tmp_pack_1_1"),
        objects.join("pack/tmp_idx_1_2"),
    ];
    left.iter().for_each(|path| drop(make(path)));
    left.push(objects.join("countersign-incoming-1_1"));
    std::fs::create_dir(&left[5]).unwrap();
    let alive = [
        repo.path().join("countersign-life-1-2"),
        objects.join("pack/tmp_pack_1_3"),
    ];
    let locks = alive.each_ref().map(|path| make(path));
    locks.iter().for_each(|file| file.lock().unwrap());
    let of_git = objects.join("pack/tmp_pack_Ab12cD");
    make(&of_git);
    consolidate(&repo).unwrap();
    for path in &left {
        assert!(!path.exists(), "{}", path.display());
    }
    for path in alive.iter().chain([&of_git]) {
        assert!(path.exists(), "{}", path.display());
    }
}

fn keeps(packs: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(packs).unwrap().flatten();
    let mut keeps: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "keep"))
        .collect();
    keeps.sort();
    keeps
}
