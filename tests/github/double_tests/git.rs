//! Real git over HTTP, and what follows from a push.

use super::{FILE, Stage, bot, opened};
use crate::double::{Fault, git_room};

/// What a git client of the program under test says.
fn git_as(stage: &Stage, token: &str, arguments: &[&str]) -> Result<String, String> {
    let folder = stage.folder().join("bot");
    if !folder.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        git_room::git(&folder, &["init", "-q", "--template="]);
    }
    let remote =
        stage
            .clone_url()
            .replacen("http://", &format!("http://x-access-token:{token}@"), 1);
    let mut command = git_room::command(&folder);
    git_room::speak_as(&mut command, "countersign", "countersign@example.org");
    let arguments = arguments.iter().map(|one| {
        if *one == "REMOTE" {
            remote.as_str()
        } else {
            one
        }
    });
    let output = command.args(arguments).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(said(&output.stdout))
    } else {
        Err(said(&output.stderr))
    }
}

/// Fetches `main` and a head and merges them, as the bot does.
fn merge_in_clone(stage: &Stage, token: &str, number: u64) {
    let head = format!("+refs/pull/{number}/head:refs/heads/head");
    git_as(
        stage,
        token,
        &[
            "fetch",
            "-q",
            "REMOTE",
            "+refs/heads/main:refs/heads/base",
            &head,
        ],
    )
    .unwrap();
    git_as(stage, token, &["checkout", "-q", "-f", "--detach", "base"]).unwrap();
    git_as(
        stage,
        token,
        &["merge", "-q", "--no-ff", "-m", "Merge", "head"],
    )
    .unwrap();
}

#[test]
fn a_head_can_be_fetched_from_the_base_repository_forks_included() {
    let stage = Stage::new();
    stage.joins("erin", "read");
    let number = stage.user("erin").opens_pull_from_fork("recommend/a", FILE);
    let pull = stage.pull(number);
    assert_eq!(pull.head_repo.as_deref(), Some("erin/governance"));
    let token = stage.installation_token();
    let listed = git_as(&stage, &token, &["ls-remote", "REMOTE"]).unwrap();
    assert!(
        listed.contains(&format!("{}\trefs/pull/1/head", pull.head_sha)),
        "{listed}"
    );
    merge_in_clone(&stage, &token, number);
    stage.deletes_fork("erin/governance");
    let shown = bot(&stage, &token, "GET", "/pulls/1", None);
    assert_eq!(shown.body["head"]["repo"], serde_json::Value::Null);
}

#[test]
fn a_push_that_contains_a_head_merges_it_even_where_main_is_protected() {
    let stage = Stage::new();
    stage.protects_main();
    let number = opened(&stage);
    let refused = stage
        .user("carol")
        .tries_to_push_main(&[("b", "b\n")])
        .unwrap_err();
    assert!(
        refused.contains("GH013: Repository rule violations found for refs/heads/main"),
        "{refused}"
    );
    let token = stage.installation_token();
    merge_in_clone(&stage, &token, number);
    git_as(
        &stage,
        &token,
        &["push", "-q", "REMOTE", "HEAD:refs/heads/main"],
    )
    .unwrap();
    let pull = stage.pull(number);
    assert_eq!(pull.merged_by.as_deref(), Some("countersign[bot]"));
    assert_eq!(pull.merge_commit, Some(stage.tip()));
    assert!(stage.file("a.yaml").contains("a: 1"));
}

#[test]
fn a_push_from_an_old_tip_is_refused() {
    let stage = Stage::new();
    let number = opened(&stage);
    let token = stage.installation_token();
    merge_in_clone(&stage, &token, number);
    let moved = stage.user("carol").pushes_main(&[("b", "b\n")]);
    let refused = git_as(
        &stage,
        &token,
        &["push", "-q", "REMOTE", "HEAD:refs/heads/main"],
    )
    .unwrap_err();
    assert!(refused.contains("fetch first"), "{refused}");
    assert_eq!(stage.tip(), moved);
    assert!(stage.pull(number).open);
    assert_eq!(stage.pull(number).base_sha, moved);
}

#[test]
fn main_can_move_between_the_two_halves_of_a_push() {
    let stage = Stage::new();
    let number = opened(&stage);
    let token = stage.installation_token();
    merge_in_clone(&stage, &token, number);
    stage.fault(Fault::main_moves_before_push("carol"));
    let refused = git_as(
        &stage,
        &token,
        &["push", "-q", "REMOTE", "HEAD:refs/heads/main"],
    )
    .unwrap_err();
    // The client saw the old tip and thought itself up to date: only the server's own compare-and-swap is in the way.
    assert!(
        refused.contains("failed to update ref") || refused.contains("incorrect old value"),
        "{refused}"
    );
    assert!(stage.log().last().unwrap().starts_with("Change by carol"));
    assert!(stage.pull(number).open);
}

#[test]
fn a_new_head_is_told_and_pinned() {
    let stage = Stage::new();
    let number = opened(&stage);
    let before = stage.pull(number).head_sha;
    let after = stage
        .agent("strategy-optimizer")
        .pushes_more("recommend/a", &[("b", "b\n")]);
    let told = stage
        .waiting()
        .into_iter()
        .find(|one| one.action.as_deref() == Some("synchronize"));
    let payload = told.unwrap().payload();
    assert_eq!(
        (payload["before"].as_str(), payload["after"].as_str()),
        (Some(&*before), Some(&*after))
    );
    assert_eq!(stage.git(&["rev-parse", "refs/pull/1/head"]).trim(), after);
    // A forced push as well.
    let forced = stage
        .agent("strategy-optimizer")
        .pushes_branch("recommend/a", &[("c", "c\n")]);
    assert_eq!(stage.pull(number).head_sha, forced);
}

#[test]
fn a_deleted_branch_closes_its_pull_request_and_keeps_its_head() {
    let stage = Stage::new();
    let number = opened(&stage);
    let head = stage.pull(number).head_sha;
    stage
        .agent("strategy-optimizer")
        .deletes_branch("recommend/a");
    let pull = stage.pull(number);
    assert!(!pull.open && pull.merged_at.is_none());
    assert_eq!(stage.git(&["rev-parse", "refs/pull/1/head"]).trim(), head);
    let refused = stage.agent("strategy-optimizer").asks(
        "PATCH",
        "/pulls/1",
        Some(&serde_json::json!({"state": "open"})),
    );
    refused.gives(422);
}

#[test]
fn a_base_can_be_retargeted() {
    let stage = Stage::new();
    stage.user("carol").pushes_branch("other", &[("o", "o\n")]);
    let number = opened(&stage);
    stage.user("alice").retargets(number, "other");
    assert_eq!(stage.pull(number).base_ref, "other");
    let told = stage.waiting().pop().unwrap().payload();
    assert_eq!(told["changes"]["base"]["ref"]["from"], "main");
    // What it was opened against no longer merges it.
    stage.user("carol").merges_by_push(number);
    assert!(stage.pull(number).open);
}

#[test]
fn refs_of_pull_requests_cannot_be_pushed() {
    let stage = Stage::new();
    let number = opened(&stage);
    let token = stage.installation_token();
    merge_in_clone(&stage, &token, number);
    let refused = git_as(
        &stage,
        &token,
        &["push", "-q", "REMOTE", "HEAD:refs/pull/7/head"],
    )
    .unwrap_err();
    assert!(refused.contains("hidden ref"), "{refused}");
}

#[test]
fn git_wants_a_token_that_is_good_for_the_repository() {
    let stage = Stage::new();
    let list = ["ls-remote", "REMOTE"];
    let refused = git_as(&stage, "ghs_wrong", &list).unwrap_err();
    assert!(refused.contains("Authentication failed"), "{refused}");
    stage.joins("mallory", "none");
    let stranger = stage.personal_token("mallory");
    let refused = git_as(&stage, &stranger, &list).unwrap_err();
    assert!(refused.contains("not found"), "{refused}");
    let token = stage.installation_token();
    git_as(&stage, &token, &list).unwrap();
    stage.wait(chrono::TimeDelta::minutes(61));
    git_as(&stage, &token, &list).unwrap_err();
    stage.app_may("contents", "read");
    let number = opened(&stage);
    let token = stage.installation_token();
    merge_in_clone(&stage, &token, number);
    let refused = git_as(
        &stage,
        &token,
        &["push", "-q", "REMOTE", "HEAD:refs/heads/main"],
    )
    .unwrap_err();
    assert!(refused.contains("403"), "{refused}");
}

#[test]
fn git_can_fail_like_everything_else() {
    let stage = Stage::new();
    let token = stage.installation_token();
    stage.fault(Fault::answers(502, "Server Error").on_git());
    let refused = git_as(&stage, &token, &["ls-remote", "REMOTE"]).unwrap_err();
    assert!(refused.contains("502"), "{refused}");
    git_as(&stage, &token, &["ls-remote", "REMOTE"]).unwrap();
    assert_eq!(stage.calls().api().count(), 0, "git is no API call");
}

#[test]
fn pushes_at_the_same_time_are_all_noticed() {
    let stage = Stage::new();
    std::thread::scope(|scope| {
        for (login, branch) in [
            ("strategy-optimizer", "a"),
            ("risk-manager", "b"),
            ("market-analyst", "c"),
        ] {
            let stage = &stage;
            scope.spawn(move || {
                stage
                    .agent(login)
                    .opens_pull(&format!("recommend/{branch}"), &[(branch, "1\n")])
            });
        }
    });
    let mut authors: Vec<String> = (1..=3).map(|number| stage.pull(number).author).collect();
    authors.sort();
    assert_eq!(
        authors,
        ["market-analyst", "risk-manager", "strategy-optimizer"]
    );
}
