//! The index of a real trail: the same whether it was read at once or as it grew, and honest about what is
//! not of the bot.

use chrono::TimeDelta;
use countersign::domain::ids::CaseId;
use countersign::git::Repository;
use countersign::insight::{Case, Index, Query};
use countersign::ledger::index::{self, Update};

use super::{MANAGER, TUNER, trail};
use crate::support::{TestRepo, git_with, has};

fn cases(index: &Index) -> Vec<Case> {
    index.cases().to_vec()
}

#[test]
fn an_index_that_grew_is_the_one_that_is_read_at_once() {
    let stage = TestRepo::example();
    let repo = Repository::open(&stage.repo).unwrap();
    let mut grown = index::read(&repo).unwrap();
    assert_eq!((grown.cases().len(), grown.commits()), (0, 1));
    drop(stage);

    let mut stage = trail();
    let repo = Repository::open(&stage.repo).unwrap();
    let genesis = stage.git(&["rev-list", "--max-parents=0", "main"]);
    let tip = stage.main();
    stage.git(&[
        "update-ref",
        "refs/heads/main",
        genesis.lines().last().unwrap(),
    ]);
    grown = index::read(&repo).unwrap();
    let commits = stage.git(&["rev-list", "--first-parent", "--reverse", &tip]);
    let commits: Vec<&str> = commits.lines().collect();
    for commit in &commits[1..] {
        stage.git(&["update-ref", "refs/heads/main", commit]);
        assert_eq!(
            index::update(&repo, &mut grown).unwrap(),
            Update::Appended(1)
        );
    }
    assert_eq!(
        index::update(&repo, &mut grown).unwrap(),
        Update::Appended(0)
    );
    let whole = index::read(&repo).unwrap();
    assert_eq!(cases(&grown), cases(&whole));
    assert_eq!((grown.tip(), grown.commits()), (whole.tip(), commits.len()));
    assert_eq!(whole.unreadable(), []);

    let second = whole
        .find_number(countersign::domain::ids::PullNumber(2))
        .unwrap();
    assert_eq!(second.agent.as_deref(), Some(TUNER));
    assert_eq!(second.decided_by().as_deref(), Some("alice"));
    assert_eq!(second.confidence.len(), 1);
    assert_eq!(second.feedback, 1);
    assert_eq!(second.commits.len(), 3);
    assert_eq!(
        second.contribution("environment").unwrap().to_string(),
        "40.00"
    );
    assert!(second.opened_at.is_some() && second.execution.is_some());
    let high = Query {
        agent: Some(MANAGER.to_owned()),
        ..Query::default()
    };
    let high: Vec<&Case> = whole.query(&high).collect();
    assert_eq!(high.len(), 1);
    assert_eq!(high[0].triggers.len(), 1, "{:?}", high[0]);
    stage.read_all();
}

#[test]
fn a_rewritten_main_is_read_anew_and_said() {
    let stage = trail();
    let repo = Repository::open(&stage.repo).unwrap();
    let mut grown = index::read(&repo).unwrap();
    let was = grown.tip().unwrap();
    stage.git(&["update-ref", "refs/heads/main", "main~1"]);
    assert_eq!(
        index::update(&repo, &mut grown).unwrap(),
        Update::Rebuilt { was }
    );
    assert_eq!(cases(&grown), cases(&index::read(&repo).unwrap()));
}

#[test]
fn a_commit_that_is_not_of_the_bot_is_reported_and_skipped() {
    let stage = trail();
    stage.write_to_main(&[("README.md", Some("By hand"))]);
    let half = stage.commit_tree(
        "main^{tree}",
        &["main"],
        "root@example.org",
        "decision: approve\n\nEvent: decision\nRecommendation: 01JDC3V5J9M0K3W8Q2ZT4B6N7R\nRisk: LOW 1.00\n",
    );
    stage.git(&["update-ref", "refs/heads/main", &half]);
    let repo = Repository::open(&stage.repo).unwrap();
    let index = index::read(&repo).unwrap();
    assert_eq!(index.cases().len(), 4);
    let reasons: Vec<&str> = index
        .unreadable()
        .iter()
        .map(|found| found.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "it does not say which event it is: the bot did not make it",
            "it does not say what was decided"
        ]
    );
    let listed = stage.countersign(&["list"]).succeeds();
    has(
        &listed.stderr,
        "warning: 2 of 11 commits on `main` are in no case",
    );
    let weekly = stage.countersign(&["report", "weekly"]).succeeds();
    has(&weekly.stdout, "2 commits on main are in no case");
}

/// The trail is read by batches of 512 commits, the first on one thread and the rest on two: at every border, none is
/// read twice and none is lost, whether the trail is read at once or from where an index stood.
#[test]
fn no_commit_is_lost_or_read_twice_at_the_border_of_a_batch() {
    let stage = TestRepo::example();
    let count = 3 * 512 + 2;
    let mut history = String::new();
    for number in 1..count {
        let at = stage.now() + TimeDelta::seconds(number);
        let id = CaseId::from_parts(at, u128::from(number.unsigned_abs()));
        let message = format!(
            "decision: approve analyze\n\nEvent: decision\nRecommendation: {id}\nAction: analyze\nRisk: LOW 0.00\nDecision: auto_approved\nPull-request: #{number}\n"
        );
        history.push_str(&format!(
            "commit refs/heads/main\ncommitter bot <bot@example.org> {} +0000\ndata {}\n{message}{}\n",
            at.timestamp(),
            message.len(),
            if number == 1 { "from refs/heads/main^0\n" } else { "" },
        ));
    }
    git_with(
        &stage.repo,
        "root@example.org",
        &[],
        &["fast-import", "--quiet"],
        &history,
    );
    let commits = stage.git(&["rev-list", "--first-parent", "--reverse", "main"]);
    let commits: Vec<&str> = commits.lines().collect();
    let repo = Repository::open(&stage.repo).unwrap();
    let stand_at = |commits: usize, tip: &str| {
        stage.git(&["update-ref", "refs/heads/main", tip]);
        let index = index::read(&repo).unwrap();
        assert_eq!(index.commits(), commits);
        index
    };
    for length in [511, 512, 513, 1023, 1024, 1025, 1536, 1537] {
        let index = stand_at(length, commits[length - 1]);
        let numbers: Vec<u64> = cases(&index)
            .iter()
            .map(|case| case.number.unwrap().0)
            .collect();
        assert_eq!(
            numbers,
            (1..length as u64).collect::<Vec<_>>(),
            "{length} commits"
        );
    }
    let whole = stand_at(commits.len(), commits[commits.len() - 1]);
    for added in [511, 512, 513, 1024, 1025, 1536, 1537] {
        let before = commits.len() - added;
        let mut grown = stand_at(before, commits[before - 1]);
        stage.git(&["update-ref", "refs/heads/main", commits[commits.len() - 1]]);
        assert_eq!(
            index::update(&repo, &mut grown).unwrap(),
            Update::Appended(added)
        );
        assert_eq!(cases(&grown), cases(&whole), "{added} commits added");
    }
}

#[test]
fn a_list_can_be_searched() {
    let stage = trail();
    let numbers = |words: &str| {
        let listed = stage.countersign(&["list", "--search", words, "--format", "json"]);
        let listed = listed.succeeds().json();
        let rows = listed.as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["number"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("paper"), [1]);
    assert_eq!(numbers("Bob"), [4]);
    assert_eq!(numbers("risk-manager live"), [0_u64; 0]);
    assert_eq!(numbers("manager"), [5, 3]);
}
