//! Pull requests that are one case: what is said on one is heard on all, and the first one with an id owns it.

use super::world::{GithubFixture, Running, decision, however_it_runs};
use super::{LOW, MEDIUM};
use crate::double::REPO;
use crate::support::{has, has_not};
use chrono::TimeDelta;

/// How another pull request is the same case.
#[derive(Clone, Copy, Debug)]
enum Same {
    Head,
    Id,
}

/// Two pull requests of one case; the second may be a draft.
fn two(fixture: &GithubFixture, same: Same, is_draft: bool) -> [u64; 2] {
    let first = fixture.proposes(MEDIUM);
    let agent = fixture.github.agent("strategy-optimizer");
    let listed = fixture.github.git(&[
        "diff",
        "--name-only",
        "main",
        &format!("refs/pull/{first}/head"),
    ]);
    let path = listed.trim();
    match same {
        Same::Head => {
            let clone = fixture
                .github
                .folder()
                .join("clones/strategy-optimizer-acme-governance");
            let refspec = "HEAD:refs/heads/again";
            agent.tries_to_push(REPO, &clone, refspec).unwrap();
        }
        Same::Id => {
            let text = fixture
                .github
                .git(&["show", &format!("refs/pull/{first}/head:{path}")]);
            let text = format!("{text}\nexpects: {{stop_loss_pct: 3.0}}\n");
            agent.pushes_branch("again", &[(path, &text)]);
        }
    }
    let second = match is_draft {
        true => agent.opens_draft_of("again", "The same once more"),
        false => agent.opens_pull_of("again", "The same once more"),
    };
    [first, second]
}

/// Tells a story of two such pull requests, however they are one case and however the bot runs; `drafts` says whether
/// the second one is one.
fn of_two(drafts: &[bool], story: impl Fn(&mut GithubFixture, [u64; 2])) {
    for same in [Same::Head, Same::Id] {
        for is_draft in drafts {
            however_it_runs(|running| {
                let mut fixture = GithubFixture::running(running);
                let pulls = two(&fixture, same, *is_draft);
                fixture.hears();
                fixture.wait(TimeDelta::minutes(1));
                story(&mut fixture, pulls);
                fixture.github.read_all();
                fixture
            });
        }
    }
}

#[test]
fn a_block_on_another_pull_request_of_the_case_keeps_it_from_being_merged() {
    of_two(&[false, true], |fixture, [first, second]| {
        fixture
            .github
            .user("bob")
            .requests_changes(second, "Not before Friday.");
        fixture.hears();
        fixture.github.user("alice").approves(first, "Fine.");
        fixture.hears();
        let github = &fixture.github;
        assert!(github.pull(first).open && github.pull(second).open);
        // Of one commit there is one check: it may say on which pull request.
        has(
            &fixture.check(first),
            " requested changes: it waits until they approve",
        );
        fixture.github.user("bob").approves(second, "Well, then.");
        fixture.hears();
        assert!(fixture.github.pull(first).merged_at.is_some());
    });
}

#[test]
fn a_rejection_on_another_pull_request_of_the_case_ends_all_and_is_recorded() {
    of_two(&[false, true], |fixture, [first, second]| {
        fixture
            .github
            .user("bob")
            .comments(second, "/reject too_risky: not this week");
        fixture.github.user("alice").approves(first, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(first).merged_at.is_none());
        assert!(!fixture.github.pull(first).open);
        has(&fixture.check(first), "rejected");
        let decision = fixture.github.file(&decision(fixture));
        has(&decision, "status: rejected\n");
        has(&decision, &format!("  number: {first}\n"));
        has(&decision, &format!("  pull: {second}\n"));
    });
}

#[test]
fn a_withdrawal_of_another_pull_request_of_the_case_ends_all_and_is_recorded() {
    of_two(&[false], |fixture, [first, second]| {
        fixture.github.agent("strategy-optimizer").closes(second);
        fixture.github.user("alice").approves(first, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(first).merged_at.is_none());
        assert!(!fixture.github.pull(first).open);
        let decision = fixture.github.file(&decision(fixture));
        has(&decision, "status: withdrawn\n");
        has(&decision, &format!("withdrawn_on: {second}\n"));
    });
}

/// When the thief's pull request was opened, before the victim's id was made, and what the thief proposes.
const AHEAD: [(TimeDelta, &str); 3] = [
    (TimeDelta::seconds(5), LOW),
    (TimeDelta::minutes(8), MEDIUM),
    (TimeDelta::minutes(30), LOW),
];

/// A victim proposes this, and the pull request `parked`, which was there before, proposes `body` under its id. Gives the
/// victim's number.
fn parked_takes_the_id_of(fixture: &mut GithubFixture, path: &str, text: &str, body: &str) -> u64 {
    let victim = fixture
        .github
        .agent("strategy-optimizer")
        .opens_pull("mine", &[(path, text)]);
    let (_, stolen) = fixture.example.recommendation("risk-manager", body);
    fixture
        .github
        .agent("risk-manager")
        .pushes_branch("parked", &[(path, &with_id_of(&stolen, text))]);
    fixture.hears();
    victim
}

#[test]
fn a_pull_request_that_was_there_before_cannot_take_anothers_id() {
    for (ahead, body) in AHEAD {
        however_it_runs(|running| {
            let mut fixture = GithubFixture::running(running);
            let (path, text) = fixture.example.recommendation("risk-manager", MEDIUM);
            let parked = fixture
                .github
                .agent("risk-manager")
                .opens_pull("parked", &[(&path, &text)]);
            fixture.hears();
            fixture.wait(ahead);
            fixture.example.wait(ahead);
            let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
            let victim = parked_takes_the_id_of(&mut fixture, &path, &text, body);
            has(
                &fixture.check(parked),
                &format!("#{victim} of `strategy-optimizer` was the first with this id"),
            );
            has(&fixture.check(victim), "needs 1 approval by a reviewer");
            fixture.github.user("alice").approves(victim, "Fine.");
            fixture.hears();
            assert!(fixture.github.pull(victim).merged_at.is_some());
            fixture.runs_by_timer();
            assert!(fixture.github.pull(parked).merged_at.is_none());
            fixture.github.read_all();
            fixture
        });
    }
}

#[test]
fn whoever_comes_later_cannot_take_an_id_whose_agents_clock_is_ahead() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        fixture.example.wait(TimeDelta::minutes(5));
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        let id = path.split('/').nth(5).unwrap();
        let victim = fixture
            .github
            .agent("strategy-optimizer")
            .opens_pull(&format!("recommend/{id}"), &[(&path, &text)]);
        fixture.hears();
        fixture.wait(TimeDelta::minutes(6));
        let (_, stolen) = fixture.example.recommendation("risk-manager", LOW);
        let stolen = with_id_of(&stolen, &text);
        let thief = fixture
            .github
            .agent("risk-manager")
            .opens_pull(&format!("mine/{id}"), &[(&path, &stolen)]);
        fixture.hears();
        has(
            &fixture.check(thief),
            &format!("#{victim} of `strategy-optimizer` was the first with this id"),
        );
        fixture.github.user("alice").approves(victim, "Fine.");
        fixture.hears();
        assert!(fixture.github.pull(victim).merged_at.is_some());
        has_not(&fixture.github.log().join("\n"), "rsi-eurusd-draft");
        fixture.github.read_all();
        fixture
    });
}

/// A clock that is ahead makes an id that seems to be made after the pull request was opened.
#[test]
fn an_agent_whose_clock_is_ahead_keeps_its_id_on_any_branch() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        fixture.example.wait(TimeDelta::minutes(5));
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        let victim = fixture
            .github
            .agent("strategy-optimizer")
            .opens_pull("mine", &[(&path, &text)]);
        fixture.hears();
        fixture.wait(TimeDelta::minutes(6));
        let (_, stolen) = fixture.example.recommendation("risk-manager", LOW);
        let stolen = with_id_of(&stolen, &text);
        let thief = fixture
            .github
            .agent("risk-manager")
            .opens_pull("yours", &[(&path, &stolen)]);
        fixture.hears();
        assert_keeps_its_id(&mut fixture, victim, thief);
        fixture
    });
}

/// It was opened after the id was made and before the pull request that has it.
#[test]
fn a_pull_request_that_was_opened_with_another_id_comes_after_the_one_that_was_opened_with_it() {
    for running in [Running::OneProcess, Running::RestartBeforeEachEvent] {
        let mut fixture = GithubFixture::running(running);
        let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
        fixture.wait(TimeDelta::minutes(1));
        let (other, parked) = fixture.example.recommendation("risk-manager", MEDIUM);
        let thief = fixture
            .github
            .agent("risk-manager")
            .opens_pull("parked", &[(&other, &parked)]);
        fixture.hears();
        let victim = parked_takes_the_id_of(&mut fixture, &path, &text, LOW);
        assert_keeps_its_id(&mut fixture, victim, thief);
    }
}

#[track_caller]
fn assert_keeps_its_id(fixture: &mut GithubFixture, victim: u64, thief: u64) {
    has(
        &fixture.check(thief),
        &format!("#{victim} of `strategy-optimizer` was the first with this id"),
    );
    has(&fixture.check(victim), "needs 1 approval by a reviewer");
    fixture.github.user("alice").approves(victim, "Fine.");
    fixture.hears();
    assert!(fixture.github.pull(victim).merged_at.is_some());
    assert!(fixture.github.pull(thief).merged_at.is_none());
    has_not(&fixture.github.log().join("\n"), "rsi-eurusd-draft");
    fixture.github.read_all();
}

/// The text with the id, and the time, of the other.
fn with_id_of(text: &str, other: &str) -> String {
    let line = |text: &str, key: &str| {
        let found = text.lines().find(|line| line.starts_with(key));
        found.unwrap().to_owned()
    };
    ["id: ", "created_at: "]
        .iter()
        .fold(text.to_owned(), |made, key| {
            made.replace(&line(text, key), &line(other, key))
        })
}
