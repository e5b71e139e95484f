//! What a branch adds, in a long history.

use super::*;

#[test]
fn what_a_branch_adds_is_found_without_reading_all_of_main() {
    let (_dir, repo) = repo();
    let mut buffer = ObjectBuffer::new();
    let main = line(&repo, &mut buffer, None, 20_000);
    let tip = *main.last().unwrap();
    let tree = repo.read_commit(tip).unwrap().tree;
    let base = main[19_500];
    let honest = buffer.put_commit(&commit(tree, &[base], 30_000));
    let old_date = buffer.put_commit(&commit(tree, &[honest], -1_000_000));
    let merge = buffer.put_commit(&commit(tree, &[old_date, main[19_600]], 40_000));
    let orphan = buffer.put_commit(&commit(tree, &[], 50_000));
    drop(buffer.flush(&repo).unwrap());
    let ids = |excluded: Sha, head: Sha| {
        repo.commits_between(excluded, head, 5)
            .unwrap()
            .iter()
            .map(|c| c.id)
            .collect::<Vec<_>>()
    };

    let started = Instant::now();
    assert_eq!(ids(tip, honest), [honest]);
    assert_eq!(repo.merge_base(tip, honest).unwrap(), Some(base));
    let first = started.elapsed();
    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(ids(tip, honest), [honest]);
    }
    println!(
        "first question {first:?}, each later one {:?}",
        started.elapsed() / 100
    );
    assert!(repo.ancestry.borrow().known_count() < 2_000);

    assert_eq!(ids(tip, old_date), [old_date, honest]);
    assert_eq!(ids(tip, merge), [merge, old_date, honest]);
    assert_eq!(repo.merge_base(tip, merge).unwrap(), Some(main[19_600]));
    assert!(ids(tip, base).is_empty());
    assert_eq!(repo.merge_base(tip, base).unwrap(), Some(base));
    assert_eq!(ids(tip, orphan), [orphan]);
    assert_eq!(repo.merge_base(tip, orphan).unwrap(), None);
    // A branch that is told to be older knows less; the rest is new to it.
    assert_eq!(ids(main[19_498], honest), [honest, base, main[19_499]]);
    assert!(
        repo.commits_between(main[10], honest, 5)
            .unwrap_err()
            .to_string()
            .contains("more than 5")
    );
    assert_eq!(repo.merge_base(main[10], tip).unwrap(), Some(main[10]));
    let fresh = repo.reopen().unwrap();
    let started = Instant::now();
    assert_eq!(fresh.commits_between(tip, old_date, 5).unwrap().len(), 2);
    println!(
        "a forged date makes us read 20,000 commits once: {:?}",
        started.elapsed()
    );
}
