//! Packs that git wrote, read by the shorter way: every object of them, and what happens to one that is broken.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::git::pack::MAX_OBJECT_LEN;
use crate::git::packs::{Packs, search};
use crate::git::repository::oid;

/// A history with what packs are made of: a file that is edited (chains of deltas), one that is larger than a
/// piece of a pack, an empty one, many small ones, a tag.
fn history(dir: &Path) {
    git(dir, &["init", "-q", "-b", "main", "."]);
    fs::write(dir.join("empty"), "").unwrap();
    let noise: Vec<u8> = (0..60_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    fs::write(dir.join("large"), &noise).unwrap();
    grow(dir, 0..60);
    git(dir, &["tag", "-a", "-m", "the first", "v1"]);
}

fn grow(dir: &Path, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let line = |at: u32| {
            format!(
                "{} is line {at}\n",
                if at <= number { at * 7_919 } else { 0 }
            )
        };
        let text: String = (0..200).map(|at| line(at * 67 % 200)).collect();
        fs::write(dir.join("edited"), text).unwrap();
        fs::write(dir.join(format!("small-{number}")), format!("{number}\n")).unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "-q", "-m", &format!("commit {number}")]);
    }
}

fn packs(dir: &Path) -> Packs {
    Packs::bulk(&dir.join(".git/objects"))
}

fn read(packs: &mut Packs, id: Sha, most: usize) -> Option<(Kind, Arc<[u8]>)> {
    let place = packs.find(id)?;
    packs.read(&place, most)
}

/// Every object of a repository.
fn ids(dir: &Path) -> Vec<Sha> {
    let listed = git(
        dir,
        &[
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objectname)",
        ],
    );
    listed.lines().map(|id| id.parse().unwrap()).collect()
}

/// The only file of this kind among the packs.
fn pack_file(dir: &Path, kind: &str) -> PathBuf {
    let folder = fs::read_dir(dir.join(".git/objects/pack")).unwrap();
    let mut files = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == kind));
    let file = files.next().unwrap();
    assert!(files.next().is_none(), "there is more than one pack");
    file
}

/// Overwrites a file that git has made read-only.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[track_caller]
fn assert_reads_all(dir: &Path) {
    let (mut packs, repo) = (packs(dir), Repository::open(dir).unwrap());
    let bulk = repo.for_bulk().unwrap();
    bulk.check_ids();
    let libgit2 = repo.inner.odb().unwrap();
    let all = ids(dir);
    assert!(all.len() > 180, "{} objects", all.len());
    for id in all {
        let expected = libgit2.read(oid(id).unwrap()).unwrap();
        let (kind, packed) =
            read(&mut packs, id, MAX_OBJECT_LEN).unwrap_or_else(|| panic!("{id} is not found"));
        assert_eq!(kind.name(), expected.kind().str());
        assert_eq!(packed.as_ref(), expected.data());
        for handle in [&repo, &bulk] {
            let found = handle.objects().read(id).unwrap();
            assert_eq!(found, (kind, packed.to_vec()));
        }
    }
}

#[test]
fn every_object_of_every_kind_of_pack_is_read() {
    for by_offset in ["true", "false"] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        history(dir);
        let by_offset = format!("repack.useDeltaBaseOffset={by_offset}");
        let repack = ["-c", &by_offset, "repack", "-q", "-a", "-d", "-f"];
        git(dir, &repack);
        let chains = git(
            dir,
            &["verify-pack", "-s", pack_file(dir, "idx").to_str().unwrap()],
        );
        assert!(chains.contains("chain length = 5"), "{chains}");
        assert_reads_all(dir);
        // A second pack beside it.
        grow(dir, 60..70);
        git(dir, &["repack", "-q", "-d"]);
        assert_reads_all(dir);
    }
}

#[test]
fn what_is_stored_later_and_what_is_packed_again_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    history(dir);
    git(dir, &["gc", "-q"]);
    let bulk = Repository::open(dir).unwrap().for_bulk().unwrap();
    grow(dir, 60..62);
    git(dir, &["gc", "-q", "--prune=now"]);
    for id in ids(dir) {
        bulk.objects().read(id).unwrap();
    }
    let absent = "0123456789012345678901234567890123456789".parse().unwrap();
    assert!(bulk.objects().read(absent).unwrap_err().is_missing());
}

#[test]
fn a_file_is_read_up_to_a_size_however_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    history(dir);
    git(dir, &["gc", "-q"]);
    let blobs = |dir| -> Vec<Sha> {
        let is_blob = |id: &Sha| git(dir, &["cat-file", "-t", &id.to_string()]) == "blob\n";
        ids(dir).into_iter().filter(is_blob).collect()
    };
    let packed = blobs(dir);
    grow(dir, 60..61);
    let slow = Repository::open(dir).unwrap();
    let bulk = slow.for_bulk().unwrap();
    assert!(packed.len() > 60 && blobs(dir).len() > packed.len());
    // Twice, because what was read before is kept.
    for id in blobs(dir).into_iter().chain(packed) {
        let content = slow.read_blob(id).unwrap();
        for repo in [&bulk, &slow] {
            let up_to = |most| repo.objects().read_blob_up_to(id, most).unwrap();
            assert_eq!(up_to(content.len()).as_ref(), Some(&content));
            if let Some(less) = content.len().checked_sub(1) {
                assert_eq!(up_to(less), None);
            }
        }
    }
}

#[test]
fn an_object_under_another_name_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    history(dir);
    git(dir, &["gc", "-q"]);
    let [one, other] = ["main", "main~1"].map(|name| -> Sha {
        let id = git(dir, &["rev-parse", name]);
        id.trim().parse().unwrap()
    });
    // The index says of each of two commits that it is where the other one is.
    let index = pack_file(dir, "idx");
    let mut bytes = fs::read(&index).unwrap();
    let count = ids(dir).len();
    let [first, second] = [one, other].map(|id| {
        let names = &bytes[8 + 1024..8 + 1024 + 20 * count];
        let place = names.chunks(20).position(|name| name == id.as_bytes());
        8 + 1024 + 24 * count + 4 * place.unwrap()
    });
    for step in 0..4 {
        bytes.swap(first + step, second + step);
    }
    overwrite(&index, &bytes);
    let bulk = Repository::open(dir).unwrap().for_bulk().unwrap();
    let said = bulk.read_commit(one).unwrap().message;
    assert_eq!(said.trim(), "commit 58", "the index was read in vain");
    bulk.check_ids();
    let error = bulk.read_commit(one).unwrap_err().to_string();
    assert!(error.contains("was tampered with or damaged"), "{error}");
}

#[test]
fn what_cannot_be_understood_is_left_to_libgit2() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    history(dir);
    git(dir, &["gc", "-q"]);
    let (index, pack) = (pack_file(dir, "idx"), pack_file(dir, "pack"));
    let (whole, packed) = (fs::read(&index).unwrap(), fs::read(&pack).unwrap());
    let all = ids(dir);
    let tip: Sha = git(dir, &["rev-parse", "main"]).trim().parse().unwrap();
    let is_read = || {
        all.iter()
            .filter(|id| read(&mut packs(dir), **id, MAX_OBJECT_LEN).is_some())
            .count()
    };

    // An index of the first version, which begins otherwise.
    fs::remove_file(&index).unwrap();
    let old = ["index-pack", "--index-version=1", pack.to_str().unwrap()];
    git(dir, &old);
    assert_eq!(is_read(), 0);
    let bulk = Repository::open(dir).unwrap().for_bulk().unwrap();
    bulk.read_commit(tip).unwrap();

    // Cut short, at every so many bytes.
    for len in (0..whole.len()).step_by(997) {
        overwrite(&index, &whole[..len]);
        is_read();
    }
    overwrite(&index, &whole);
    for len in (0..packed.len()).step_by(29_989) {
        overwrite(&pack, &packed[..len]);
        assert!(is_read() < all.len(), "{len} bytes were enough");
    }

    // Every byte of the objects turned over: nothing is read as something else.
    let slow = |id: Sha| git(dir, &["cat-file", "-t", &id.to_string()]);
    let mut turned = packed.clone();
    let end = turned.len() - 20;
    turned[12..end].iter_mut().for_each(|byte| *byte ^= 0x55);
    overwrite(&pack, &turned);
    let mut found = packs(dir);
    assert!(
        all.iter()
            .all(|id| read(&mut found, *id, MAX_OBJECT_LEN).is_none())
    );
    overwrite(&pack, &packed);
    assert_eq!(is_read(), all.len());
    assert_eq!(slow(tip), "commit\n");
}

#[test]
fn ids_are_found_wherever_they_are() {
    let mut state = 7u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 11
    };
    for count in [0usize, 1, 2, 3, 100, 257] {
        for crowded in [1u64, 1 << 40] {
            let mut ids: Vec<[u8; 20]> = (0..count)
                .map(|_| {
                    let mut id = [0; 20];
                    id[..8].copy_from_slice(&(next() / crowded).to_be_bytes());
                    id[19] = next() as u8;
                    id
                })
                .collect();
            ids.sort_unstable();
            ids.dedup();
            for spacing in [1, u64::MAX / 257, u64::MAX] {
                let absent = [[0; 20], [0xff; 20], [0x80; 20]];
                for id in ids.iter().chain(&absent) {
                    assert_eq!(search(&ids, id, spacing), ids.binary_search(id));
                }
            }
        }
    }
}
