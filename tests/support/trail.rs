//! What has to hold of every repository, whatever happened to it: read with plain git, as an auditor would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use countersign::domain::ids::PullNumber;
use countersign::forge::Forge as _;
use countersign::forge::local::LocalForge;
use countersign::git::Repository;

use super::{COUNTERSIGN, TestRepo};

/// One commit of the first-parent history of `main`.
#[derive(Debug, Clone)]
pub struct Event {
    pub commit: String,
    pub parents: Vec<String>,
    pub kind: String,
    /// The case it is about; empty for genesis and freeze.
    pub case: String,
    /// The trailer `Decision` or `Outcome`.
    pub word: String,
    /// The trailer `Pull-request`, such as `#12`.
    pub number: String,
}

/// The trail, oldest first.
pub fn events(stage: &TestRepo) -> Vec<Event> {
    let keys = [
        "Event",
        "Recommendation",
        "Governance",
        "Decision",
        "Outcome",
        "Pull-request",
    ];
    let fields = keys.map(|key| format!("%x1f%(trailers:key={key},valueonly,separator=%x2C)"));
    let format = format!("--format=%H%x1f%P{}", fields.concat());
    let log = stage.git(&["log", "--first-parent", "--reverse", &format, "main"]);
    let event = |line: &str| {
        let fields: Vec<&str> = line.split('\u{1f}').collect();
        Event {
            commit: fields[0].to_owned(),
            parents: fields[1].split_whitespace().map(str::to_owned).collect(),
            kind: fields[2].to_owned(),
            case: format!("{}{}", fields[3], fields[4]),
            word: format!("{}{}", fields[5], fields[6]),
            number: fields[7].to_owned(),
        }
    };
    log.lines().map(event).collect()
}

/// How often each kind of event happened to a case.
pub fn count(events: &[Event], case: &str, kind: &str) -> usize {
    let of_case = events.iter().filter(|event| event.case == case);
    of_case.filter(|event| event.kind == kind).count()
}

/// The decisions and governance changes by case.
pub fn decisions(events: &[Event]) -> BTreeMap<String, Event> {
    let decided = events
        .iter()
        .filter(|event| event.kind == "decision" || event.kind == "governance");
    decided
        .map(|event| (event.case.clone(), event.clone()))
        .collect()
}

/// The branches that are there, without `main`.
pub fn branches(stage: &TestRepo) -> BTreeSet<String> {
    let refs = stage.git(&["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"]);
    refs.lines()
        .filter(|name| *name != "main")
        .map(str::to_owned)
        .collect()
}

/// The branch of every pull request that there ever was, by number.
pub fn pulls(stage: &TestRepo) -> BTreeMap<u64, String> {
    let repo = Repository::open(&stage.repo).unwrap();
    let mut forge = LocalForge::new();
    let mut branch = |number: u64| {
        let pull = forge.find_pull(&repo, PullNumber(number)).unwrap();
        (number, pull.unwrap().branch)
    };
    stage.numbers().into_iter().map(&mut branch).collect()
}

/// What holds always, even in the moment after a kill.
#[track_caller]
pub fn assert_whole(stage: &TestRepo) {
    let damage = stage.git(&["fsck", "--strict", "--no-dangling"]);
    assert_eq!(damage, "");
    let events = events(stage);
    let mut seen = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.kind == "genesis", place == 0, "{event:?}");
        assert!(!event.kind.is_empty(), "no event: {event:?}");
        match place {
            0 => assert!(event.parents.is_empty()),
            _ => assert_eq!(event.parents[0], events[place - 1].commit, "not linear"),
        }
        if matches!(event.kind.as_str(), "decision" | "governance") {
            assert!(seen.insert(&event.case), "decided twice: {event:?}");
            assert!(numbers.insert(&event.number), "number twice: {event:?}");
        }
    }
    for case in seen {
        assert!(count(&events, case, "claim") <= 1, "claimed twice: {case}");
    }
}

/// What holds when everything has come to rest.
#[track_caller]
pub fn assert_settled(stage: &TestRepo) {
    assert_whole(stage);
    let rows = stage
        .countersign(&["list", "--format", "json"])
        .succeeds()
        .json();
    let decided = decisions(&events(stage));
    let mut numbers = BTreeSet::new();
    let mut listed = 0;
    for row in rows.as_array().unwrap() {
        assert!(
            numbers.insert(row["number"].as_u64()),
            "listed twice: {row}"
        );
        // An id that is proposed once more has a number of its own, and waits to be mended.
        let event = decided.get(row["id"].as_str().unwrap_or_default());
        match event.filter(|event| event.number == format!("#{}", row["number"])) {
            Some(event) => {
                assert_eq!(row["status"], event.word.as_str());
                listed += 1;
            }
            None => assert_eq!(row["status"], "pending"),
        }
    }
    assert_eq!(listed, decided.len(), "not all are listed: {rows}");
    if can_verify() {
        stage.countersign(&["verify"]).succeeds();
    }
}

fn can_verify() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let help = Command::new(COUNTERSIGN).arg("help").output().unwrap();
        String::from_utf8_lossy(&help.stdout)
            .lines()
            .any(|line| line.trim_start().starts_with("verify "))
    })
}

/// Every file below a folder whose name ends like this.
pub fn files(folder: &Path, end: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// Fails the test if there is anything that only somebody who is at it may have there.
#[track_caller]
pub fn assert_nothing_left(repo: &Path) {
    let mut left = Vec::new();
    let mut folders = vec![repo.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_pack = name.starts_with("pack-");
            let has = |ending: &str| path.with_extension(ending).exists();
            let is_left = path.is_symlink()
                || [".lock", ".keep", ".new", ".pid"]
                    .iter()
                    .any(|end| name.ends_with(end))
                || [
                    "tmp_",
                    ".tmp-",
                    "countersign-new-",
                    "countersign-life-",
                    "countersign-incoming-",
                ]
                .iter()
                .any(|start| name.starts_with(start))
                || is_pack && !(has("pack") && has("idx"))
                || folder.ends_with("countersign-executions");
            if is_left {
                let inside = path.strip_prefix(repo).unwrap();
                left.push(inside.display().to_string());
            }
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            }
        }
    }
    assert_eq!(left, [""; 0]);
}

/// Lets the locks that a kill left grow older than any process holds one.
pub fn age_locks(repo: &Path) {
    for lock in files(repo, ".lock") {
        let file = std::fs::File::options().append(true).open(lock).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(90))
            .unwrap();
    }
}
