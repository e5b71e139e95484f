//! Trees that we make, compared with git's; hostile ones; differences.

use super::*;

#[test]
fn an_editor_makes_the_trees_that_git_makes() {
    let (dir, repo) = repo();
    let work = dir.path().join("work");
    git(dir.path(), &["init", "-q", "-b", "main", "work"]);
    let (mut buffer, mut editor) = (ObjectBuffer::new(), TreeEditor::new(None));
    // Names whose order depends on the slash that git imagines behind folders.
    for path in [
        "a-b",
        "a/x",
        "a0",
        "a.b/c",
        "b/c/d/e",
        "z",
        "ä",
        "rules/people.yaml",
    ] {
        std::fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
        std::fs::write(work.join(path), path).unwrap();
        let blob = buffer.put_blob(path.as_bytes());
        editor
            .insert(repo.with(&buffer), path, Mode::File, blob)
            .unwrap();
        git(&work, &["add", "-A"]);
        assert_eq!(
            editor.write(&mut buffer).to_string(),
            git(&work, &["write-tree"]).trim(),
            "{path}"
        );
    }
    assert_eq!(
        *editor.read(repo.with(&buffer), "b/c/d/e").unwrap().unwrap(),
        *b"b/c/d/e"
    );
    for path in ["a/x", "b/c/d/e", "z"] {
        git(&work, &["rm", "-q", "-f", path]);
        assert!(editor.remove(repo.with(&buffer), path).unwrap());
        assert!(!editor.remove(repo.with(&buffer), path).unwrap());
        assert_eq!(
            editor.write(&mut buffer).to_string(),
            git(&work, &["write-tree"]).trim(),
            "{path}"
        );
    }
    let id = buffer.put_blob(b"");
    for wrong in [
        "",
        "/a",
        "a//b",
        "../x",
        "a/.git/hooks",
        "a0/below-a-file",
        "rules",
    ] {
        assert!(
            editor
                .insert(repo.with(&buffer), wrong, Mode::File, id)
                .is_err(),
            "{wrong}"
        );
    }
    let before = editor.write(&mut buffer);
    drop(buffer.flush(&repo).unwrap());
    let mut again = TreeEditor::new(Some(before));
    again
        .insert(repo.objects(), "a.b/c", Mode::Executable, id)
        .unwrap();
    let other = again.write(&mut buffer);
    editor
        .insert(repo.with(&buffer), "unwritten", Mode::File, id)
        .unwrap();
    editor.reset(repo.with(&buffer), other).unwrap();
    assert_eq!(editor.write(&mut buffer), other);
    assert_eq!(
        editor
            .find(repo.with(&buffer), "a.b/c")
            .unwrap()
            .unwrap()
            .mode,
        Mode::Executable
    );
    assert!(
        editor
            .find(repo.with(&buffer), "unwritten")
            .unwrap()
            .is_none()
    );
    drop(buffer.flush(&repo).unwrap());
    git(repo.path(), &["fsck", "--strict"]);
}

#[test]
fn many_random_edits_still_give_gits_trees() {
    let (_dir, repo) = repo();
    let (mut buffer, mut editor) = (ObjectBuffer::new(), TreeEditor::new(None));
    let mut random = 12345u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for round in 0..400u64 {
        for _ in 0..next(4) {
            let path = format!("d{}/e{}/f{}", next(5), next(5), next(40));
            if next(3) == 0 {
                editor.remove(repo.with(&buffer), &path).unwrap();
            } else {
                let blob = buffer.put_blob(&round.to_be_bytes());
                editor
                    .insert(repo.with(&buffer), &path, Mode::File, blob)
                    .unwrap();
            }
        }
        let root = editor.write(&mut buffer);
        if next(50) == 0 {
            drop(buffer.flush(&repo).unwrap());
            // What is kept in memory is what was stored.
            let changes = repo.diff_trees(Some(root), None, 10_000).unwrap();
            let mut fresh = TreeEditor::new(None);
            for change in changes {
                let old = change.old.unwrap();
                let path = String::from_utf8(change.path).unwrap();
                fresh
                    .insert(repo.objects(), &path, old.mode, old.id)
                    .unwrap();
            }
            assert_eq!(fresh.write(&mut ObjectBuffer::new()), root);
        }
    }
    drop(buffer.flush(&repo).unwrap());
    git(repo.path(), &["fsck", "--strict"]);
}

#[test]
fn a_name_of_any_length_is_found_and_no_other() {
    let (_dir, repo) = repo();
    let (mut buffer, mut editor) = (ObjectBuffer::new(), TreeEditor::new(None));
    let names: Vec<String> = (1..40)
        .flat_map(|len| ["x", "y"].map(|end| format!("{}{end}", "a".repeat(len - 1))))
        .collect();
    for name in &names {
        let blob = buffer.put_blob(name.as_bytes());
        // The same names at the root, and where the way to them parts late or early.
        for path in [
            name.clone(),
            format!("d/e/{name}"),
            format!("d/ee/{name}/f"),
        ] {
            editor
                .insert(repo.with(&buffer), &path, Mode::File, blob)
                .unwrap();
        }
    }
    let root = editor.write(&mut buffer);
    let other_blob = buffer.put_blob(b"other");
    for name in &names {
        let path = format!("d/e/{name}");
        editor
            .insert(repo.with(&buffer), &path, Mode::File, other_blob)
            .unwrap();
    }
    let other_root = editor.write(&mut buffer);
    drop(buffer.flush(&repo).unwrap());
    let found = |tree: Sha, path: &str| repo.entry_at(tree, path).unwrap();
    let git_says = git(repo.path(), &["ls-tree", "-r", "-t", &root.to_string()]);
    assert_eq!(git_says.lines().count(), 4 * names.len() + 3);
    for line in git_says.lines() {
        let (entry, path) = line.split_once('\t').unwrap();
        let mut words = entry.split(' ');
        let mode = u32::from_str_radix(words.next().unwrap(), 8).unwrap();
        let id: Sha = words.nth(1).unwrap().parse().unwrap();
        let there = found(root, path).unwrap();
        assert_eq!((there.mode.bits(), there.id), (mode, id), "{path}");
    }
    for name in &names {
        let other = format!("b{}", &name[1..]);
        for absent in [format!("{name}z"), other, name[..name.len() - 1].to_owned()] {
            if names.contains(&absent) {
                continue;
            }
            assert_eq!(found(root, &absent), None, "{absent}");
            assert_eq!(found(root, &format!("d/e/{absent}")), None, "{absent}");
            assert_eq!(found(root, &format!("d/ee/{absent}/f")), None, "{absent}");
        }
        // A path means something else in another tree.
        let path = format!("d/e/{name}");
        assert_ne!(found(other_root, &path), None);
        assert_ne!(found(other_root, &path), found(root, &path));
    }
}

#[test]
fn a_name_that_is_there_twice_is_never_found() {
    let (_dir, repo) = repo();
    let blob = repo.inner.blob(b"x").unwrap();
    for name in [
        "a",
        "seven_7",
        "eight__8",
        "nine____9",
        "recommendation.yaml",
    ] {
        let entries = [("100644", name), ("100644", "between"), ("40000", name)];
        let bytes = entries.map(|(mode, name)| {
            let text = format!("{mode} {name}\0");
            [text.as_bytes(), blob.as_bytes()].concat()
        });
        let odb = repo.inner.odb().unwrap();
        let tree = odb.write(git2::ObjectType::Tree, &bytes.concat()).unwrap();
        let tree: Sha = tree.to_string().parse().unwrap();
        let error = repo.entry_at(tree, name).unwrap_err().to_string();
        assert!(error.contains("there twice"), "{name}: {error}");
        assert!(repo.entry_at(tree, "between").unwrap().is_some());
    }
}

#[test]
fn malformed_trees_and_commits_are_errors() {
    let (dir, repo) = repo();
    let blob = repo.inner.blob(b"x").unwrap();
    let odb = repo.inner.odb().unwrap();
    let entry = |mode: &str, name: &str| {
        [
            mode.as_bytes(),
            b" ",
            name.as_bytes(),
            b"\0",
            blob.as_bytes(),
        ]
        .concat()
    };
    let cases = [
        [entry("100644", "b"), entry("100644", "a")].concat(),
        [entry("100644", "a"), entry("100644", "a")].concat(),
        [
            entry("100644", "a"),
            entry("100644", "a-b"),
            entry("40000", "a"),
        ]
        .concat(),
        entry("100644", "a/b"),
        entry("40000", ".GIT"),
        entry("100644", ".."),
        b"100644 a".to_vec(),
    ];
    for bytes in cases {
        let id: Sha = odb
            .write(git2::ObjectType::Tree, &bytes)
            .unwrap()
            .to_string()
            .parse()
            .unwrap();
        assert!(repo.read_tree(id).is_err(), "{bytes:?}");
        assert!(repo.diff_trees(None, Some(id), 10).is_err());
        assert!(
            repo.read_commit(id)
                .unwrap_err()
                .to_string()
                .ends_with("is a tree, expected a commit")
        );
    }
    let bytes = format!("tree {blob}\nauthor A <a@b> x +0000\ncommitter A <a@b> 1 +0000\n\nm");
    let id: Sha = odb
        .write(git2::ObjectType::Commit, bytes.as_bytes())
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    assert!(repo.read_commit(id).is_err());
    let bytes = [
        format!("tree {blob}\nauthor A <a@b> 1 +0130\ncommitter A <a@b> 1 +0000\nencoding x\n\n")
            .as_bytes(),
        b"\xff!",
    ]
    .concat();
    let id: Sha = odb
        .write(git2::ObjectType::Commit, &bytes)
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    let odd = repo.read_commit(id).unwrap();
    assert!(!odd.valid_utf8 && odd.message == "\u{fffd}!");
    let absent: Sha = "9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a9f1c0d4a".parse().unwrap();
    assert!(repo.read_blob(absent).unwrap_err().is_missing());
    let error = Repository::open(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("countersign init") && error.contains("--repo"),
        "{error}"
    );
    let refused = |path: &Path| Repository::init_bare(path).unwrap_err().to_string();
    assert!(refused(dir.path()).contains("not empty"));
    // Whoever made this one may have died before the first commit; after it, it is somebody's.
    Repository::init_bare(repo.path()).unwrap();
    let ids = line(&repo, &mut ObjectBuffer::new(), None, 1);
    update(&repo, "refs/heads/main", Expect::Absent, Some(ids[0]));
    assert!(refused(repo.path()).contains("not empty"));
    assert_eq!(
        std::fs::read_to_string(repo.path().join("HEAD")).unwrap(),
        "ref: refs/heads/main\n"
    );
    assert!(!repo.path().join("hooks").exists());
}

#[test]
fn a_diff_lists_leaves_and_honours_its_limit() {
    let (_dir, repo) = repo();
    let mut buffer = ObjectBuffer::new();
    let (one, two) = (buffer.put_blob(b"1"), buffer.put_blob(b"2"));
    let mut tree = |files: &[(&str, Mode, Sha)]| {
        let mut editor = TreeEditor::new(None);
        for (path, mode, id) in files {
            editor.insert(repo.objects(), path, *mode, *id).unwrap();
        }
        editor.write(&mut buffer)
    };
    let old = tree(&[
        ("a", Mode::File, one),
        ("b/c", Mode::File, one),
        ("b/d", Mode::File, one),
        ("same/x", Mode::File, one),
    ]);
    let new = tree(&[
        ("a/b", Mode::File, one),
        ("a/c", Mode::Symlink, one),
        ("b/c", Mode::File, two),
        ("b/d", Mode::Executable, one),
        ("same/x", Mode::File, one),
    ]);
    let changes = repo
        .with(&buffer)
        .diff_trees(Some(old), Some(new), 5)
        .unwrap();
    let shown: Vec<String> = changes
        .iter()
        .map(|c| {
            format!(
                "{}{}{}",
                if c.old.is_some() { "-" } else { "" },
                if c.new.is_some() { "+" } else { "" },
                String::from_utf8_lossy(&c.path)
            )
        })
        .collect();
    assert_eq!(shown, ["-a", "+a/b", "+a/c", "-+b/c", "-+b/d"]);
    let error = repo
        .with(&buffer)
        .diff_trees(Some(old), Some(new), 4)
        .unwrap_err();
    assert_eq!(error.to_string(), "more than 4 files differ");
    assert!(
        repo.with(&buffer)
            .diff_trees(Some(new), Some(new), 0)
            .unwrap()
            .is_empty()
    );
}

/// Every leaf below a tree, read whole.
fn leaves(repo: &Repository, tree: Sha, folder: &str, found: &mut Vec<(String, Mode, Sha)>) {
    for entry in repo.read_tree(tree).unwrap() {
        let path = format!("{folder}{}", String::from_utf8(entry.name).unwrap());
        match entry.mode {
            Mode::Tree => leaves(repo, entry.id, &format!("{path}/"), found),
            mode => found.push((path, mode, entry.id)),
        }
    }
}

#[test]
fn a_diff_of_large_folders_is_that_of_their_leaves() {
    let (_dir, repo) = repo();
    let mut random = 99u64;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (mut buffer, mut editor) = (ObjectBuffer::new(), TreeEditor::new(None));
    let mut roots = Vec::new();
    for _ in 0..150 {
        for _ in 0..=next(6) {
            // Ids of few kinds and names alike, so that equal bytes are often not equal entries.
            let path = match next(3) {
                0 => format!("d{}/e{}", next(3), next(60)),
                1 => format!("f{}", next(60)),
                _ => format!("f{}/x", 60 + next(30)),
            };
            if next(3) == 0 {
                editor.remove(repo.with(&buffer), &path).unwrap();
            } else {
                let blob = buffer.put_blob(&[u8::try_from(next(3)).unwrap()]);
                let mode = [Mode::File, Mode::Symlink][usize::try_from(next(2)).unwrap()];
                editor
                    .insert(repo.with(&buffer), &path, mode, blob)
                    .unwrap();
            }
        }
        roots.push(editor.write(&mut buffer));
    }
    drop(buffer.flush(&repo).unwrap());
    for pair in roots.windows(2).chain(roots.windows(40)) {
        let (old, new) = (pair[0], pair[pair.len() - 1]);
        let mut all = [Vec::new(), Vec::new()];
        leaves(&repo, old, "", &mut all[0]);
        leaves(&repo, new, "", &mut all[1]);
        let [before, after] = all;
        let mut expected: Vec<String> = before
            .iter()
            .filter(|leaf| !after.contains(leaf))
            .map(|(path, mode, id)| format!("-{path} {mode:?} {id}"))
            .collect();
        let added = after.iter().filter(|leaf| !before.contains(leaf));
        expected.extend(added.map(|(path, mode, id)| format!("+{path} {mode:?} {id}")));
        let mut found = Vec::new();
        for change in repo.diff_trees(Some(old), Some(new), 10_000).unwrap() {
            let path = String::from_utf8(change.path).unwrap();
            for (sign, side) in [("-", change.old), ("+", change.new)] {
                found.extend(side.map(|e| format!("{sign}{path} {:?} {}", e.mode, e.id)));
            }
        }
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_new_entry_is_held_against_all_others_of_its_folder() {
    let (_dir, repo) = repo();
    let blob = repo.inner.blob(b"x").unwrap();
    let empty = ObjectBuffer::new().put_tree(&[], None);
    repo.inner.treebuilder(None).unwrap().write().unwrap();
    let odb = repo.inner.odb().unwrap();
    let entry = |mode: &str, name: &str| {
        let id = if mode == "40000" {
            empty.as_bytes()
        } else {
            blob.as_bytes()
        };
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", id].concat()
    };
    let store = |entries: &[Vec<u8>]| -> Sha {
        let id = odb
            .write(git2::ObjectType::Tree, &entries.concat())
            .unwrap();
        id.to_string().parse().unwrap()
    };
    let (file, between, folder, last) = (
        entry("100644", "a"),
        entry("100644", "a-b"),
        entry("40000", "a"),
        entry("100644", "z"),
    );
    let olds = [
        store(&[between.clone(), folder.clone(), last.clone()]),
        store(&[file.clone(), between.clone(), last.clone()]),
        store(&[file.clone(), last.clone()]),
    ];
    let twice = store(&[file.clone(), between.clone(), folder, last.clone()]);
    for old in [olds[0], olds[1]] {
        assert!(repo.diff_trees(Some(old), Some(twice), 10).is_err());
    }
    let unsorted = store(&[file, last, between]);
    assert!(repo.diff_trees(Some(olds[2]), Some(unsorted), 10).is_err());
}
