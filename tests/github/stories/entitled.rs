//! Who may speak, who is asked, and what those are told who may not.

use std::sync::Arc;

use countersign::forge::Forge as _;
use countersign::forge::github::{Connection, GithubConfig, GithubForge};

use super::refusals::REQUESTS;
use super::world::{GithubFixture, Running, app, however_it_runs};
use super::{HIGH, MEDIUM, WHY};
use crate::double::REPO;
use crate::support::{TestRepo, has, has_not};

#[test]
fn whoever_pushed_does_not_approve() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        let branch = fixture.github.pull(number).head_ref;
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        fixture
            .github
            .agent("strategy-optimizer")
            .pushes_branch("elsewhere", &[(&path, &text)]);
        // Bob wrote none of it: he only puts the agent's commit there.
        let bob = fixture.github.user("bob");
        bob.pushes_branch("junk", &[("notes.txt", "x")]);
        let clone = fixture.github.folder().join("clones/bob-acme-governance");
        let refspec = format!("+refs/remotes/origin/elsewhere:refs/heads/{branch}");
        bob.tries_to_push(REPO, &clone, &refspec).unwrap();
        fixture.github.user("bob").approves(number, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        has(
            &fixture.check(number),
            "not counted: the review of `bob`: `bob` is the pusher of commit",
        );
        fixture.github.user("alice").approves(number, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        let decision = path.replace("recommendation.yaml", "decision.yaml");
        has(&fixture.github.file(&decision), "  pushers:\n");
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn a_command_by_somebody_who_may_not_is_answered_once() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        fixture.github.forget_calls();
        for _ in 0..3 {
            fixture
                .github
                .user("dana")
                .comments(number, "/reject other: not mine\n/freeze now");
        }
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        let answer = "not taken: `/reject` of `dana`: `dana` is neither reviewer nor admin; reviewers and admins may";
        let check = fixture.check(number);
        assert_eq!(check.matches(answer).count(), 1, "{check}");
        has(&check, "not taken: `/freeze` of `dana`");
        fixture.costs_at_most_in_one_process(2);
        // The one process shows what so many cost; a process for each would only take long.
        let more = if running == Running::OneProcess {
            100
        } else {
            3
        };
        for _ in 0..more {
            fixture
                .github
                .user("dana")
                .comments(number, "/reject too_risky: again");
        }
        fixture.hears();
        fixture.costs_at_most_in_one_process(2);
        fixture.github.read_comment(number);
        has(&fixture.github.read_comment(number), answer);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn nobody_is_asked_who_could_not_approve() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running_with(running, |example| {
            // The owner of the agents reviews too, but not these.
            let (from, to) = ("members: [alice, bob]", "members: [alice, bob, dana]");
            example.edit_on_main("rules/people.yaml", from, to);
        });
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        assert_eq!(
            fixture.github.pull(number).asked_users,
            ["alice", "bob", "carol"]
        );
        has_not(&fixture.check(number), "dana");
        fixture.github.read_all();
        fixture
    });
}

// Not however it runs: a job asks no team, because its token sees none.
#[test]
fn a_team_that_cannot_be_asked_is_told_as_that() {
    let mut fixture = GithubFixture::with(app, |example| {
        let (from, to) = ("members: [carol]", "team: acme/no-such-team");
        example.edit_on_main("rules/people.yaml", from, to);
    });
    let number = fixture.proposes(HIGH);
    fixture.hears();
    has(
        &fixture.check(number),
        "The team `acme/no-such-team` could not be asked: there is no such team, or the bot may not see it.",
    );
    fixture.github.read_all();
}

// Not however it runs: no job is started by a check that is to be run again.
#[test]
fn a_check_that_is_run_again_is_told_again() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.user("carol").reruns_check(number);
    assert!(fixture.takes_events());
    fixture.runs();
    has(
        &fixture.check(number),
        "in_progress: MEDIUM 55.00: needs 1 approval by a reviewer",
    );
    assert!(fixture.github.pull(number).open);
    fixture.github.read_all();
}

// Not however it runs: it is about one address.
#[test]
fn an_enterprise_servers_api_is_below_its_path() {
    let fixture = GithubFixture::new();
    let address = format!("{}/api/v3", fixture.github.url());
    let connection = Arc::new(Connection::new(&address, app(&fixture.github)).unwrap());
    let config = GithubConfig {
        repository: REPO.to_owned(),
        clone_path: fixture.github.folder().join("enterprise.git"),
        git_url: None,
    };
    fixture.proposes(MEDIUM);
    fixture.proposes(HIGH);
    fixture.github.pages_of(1);
    let mut forge = GithubForge::new(connection, config).unwrap();
    let repo = forge.open_clone().unwrap();
    assert!(repo.find_ref("refs/heads/main").unwrap().is_some());
    // The second page is found below the same path.
    let pulls = forge.open_pulls(&repo, fixture.github.now()).unwrap();
    assert_eq!(pulls.len(), 2);
}

#[test]
fn rules_whose_admins_have_no_account_are_mended_by_hand_and_adopted() {
    however_it_runs(|running| {
        let without_ids = |example: &TestRepo| {
            let people = example.file("rules/people.yaml");
            let lines = people.lines().map(|line| match line.split_once("{id: ") {
                Some((name, rest)) => format!("{name}{{{}", rest.split_once(", ").unwrap().1),
                None => line.to_owned(),
            });
            let without = lines.collect::<Vec<_>>().join("\n") + "\n";
            assert_ne!(people, without);
            example.commit_to_main(&[("rules/people.yaml", Some(&without))]);
        };
        let mut fixture = GithubFixture::running_with(running, without_ids);
        let mut mended = fixture.github.file("rules/people.yaml");
        for (login, id) in fixture.github.accounts() {
            let (from, to) = (format!("  {login}: {{"), format!("  {login}: {{id: {id}, "));
            mended = mended.replace(&from, &to);
        }
        let number = fixture.proposes(HIGH);
        fixture.hears();
        fixture.github.user("carol").approves(number, WHY);
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        has(&fixture.check(number), "not counted: the review of `carol`");
        let carol = fixture.github.user("carol");
        let pushed = carol.pushes_main(&[("rules/people.yaml", &mended)]);
        fixture.github.user("bob").comments(number, "What now?");
        let errors = fixture.tries_to_hear();
        has(
            errors.first().unwrap(),
            &format!("the bot did not make {pushed}, the newest commit of `main`"),
        );
        assert!(fixture.github.pull(number).open);
        let check = fixture.check(number);
        has(
            &check,
            "failure: the bot did not make the newest commit of main",
        );
        has(&check, &format!("`countersign adopt {pushed} --as LOGIN`"));
        let refused = fixture.adopts(&pushed, "alice").unwrap_err().to_string();
        has(&refused, "`alice` was no admin before these commits");
        fixture.adopts(&pushed, "carol").unwrap();
        fixture.github.user("bob").comments(number, "And now?");
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        fixture.github.read_all();
        fixture
    });
}

// Not however it runs: a job asks no team, because its token sees none.
#[test]
fn whom_rules_ask_is_requested_for_a_review() {
    let mut fixture = GithubFixture::with(app, |example| {
        let groups = "groups:\n  desk: {team: acme/reviewers}\n  risk: {members: [erin, alice]}\n\nreviewers:";
        example.edit_on_main("rules/people.yaml", "reviewers:", groups);
        let erin = "people:\n  erin: {emails: [erin@example.org]}";
        example.edit_on_main("rules/people.yaml", "people:", erin);
        let rule = "rules:\n  - id: stop_loss\n    when: \"'stop_loss_pct' in parameters\"\n    ask: [{from: desk}, {from: risk}]\n    reason: the stop loss is the desk's and the risk team's";
        example.edit_on_main("rules/policy.yaml", "rules:", rule);
    });
    fixture.github.joins("erin", "read");
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    let pull = fixture.github.pull(number);
    assert_eq!(pull.asked_teams, ["reviewers"]);
    assert_eq!(pull.asked_users, ["alice", "bob", "carol", "erin"]);
    let comment = fixture.github.read_comment(number);
    let lead = comment.lines().find(|line| line.starts_with("**"));
    insta::assert_snapshot!(lead.unwrap(), @"**MEDIUM 55.00** needs 1 approval by a reviewer; 1 approval from desk and 1 approval from risk (stop_loss). Asked: the team acme/reviewers, alice, bob, carol, erin.");
    // What is met is asked of nobody, and nobody is asked twice.
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.restarts(true);
    fixture.github.forget_calls();
    fixture.runs();
    fixture.hears();
    let requests = fixture.github.calls().under_test().to("POST", REQUESTS);
    assert_eq!(requests.count(), 0);
    fixture.github.read_all();
}
