//! Approval of less than was proposed, in the review that people know.

use chrono::TimeDelta;

use super::world::{GithubFixture, however_it_runs};
use crate::support::has;
use crate::support::proposals::MEDIUM;

#[test]
fn a_review_approves_less() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        let text = "Half of it.\n\n/approve with stop_loss_pct=3.5";
        fixture.github.user("alice").approves(number, text);
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        has(
            &fixture.check(number),
            "**Less than that was approved**, `with stop_loss_pct=3.5`, which is MEDIUM 55.00",
        );
        let target = fixture
            .github
            .git(&["show", "main:targets/rsi-eurusd.yaml"]);
        has(&target, "stop_loss_pct: 3.5 ");
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn a_comment_is_for_no_commit_and_approves_nothing() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        let text = "/approve with stop_loss_pct=3.5";
        fixture.github.user("alice").comments(number, text);
        fixture.hears();
        assert!(fixture.github.pull(number).open);
        has(
            &fixture.check(number),
            "not taken: `/approve` of `alice`: an approval is for a commit, so it stands in an approving review",
        );
        fixture.github.read_all();
        fixture
    });
}

/// Whoever takes the command out of somebody's review does not have them approve all of it.
#[test]
fn a_review_whose_text_was_edited_approves_nothing() {
    for hears in [true, false] {
        however_it_runs(|running| {
            let mut fixture = GithubFixture::running(running);
            let number = fixture.proposes(MEDIUM);
            fixture.hears();
            fixture.github.forget_webhooks();
            let text = "/approve with stop_loss_pct=3.5";
            let review = fixture.github.user("alice").approves(number, text);
            fixture.wait(TimeDelta::seconds(30));
            fixture
                .github
                .user("dana")
                .edits_review(number, review, "Fine.");
            if hears {
                fixture.hears();
            } else {
                fixture.restarts(true);
                fixture.runs();
            }
            assert!(fixture.github.pull(number).open);
            has(
                &fixture.check(number),
                "not counted: the review of `alice`: its text was edited, so nobody knows of what it was: approve again",
            );
            fixture.github.user("alice").approves(number, text);
            fixture.hears();
            let target = fixture
                .github
                .git(&["show", "main:targets/rsi-eurusd.yaml"]);
            has(&target, "stop_loss_pct: 3.5 ");
            fixture.github.read_all();
            fixture
        });
    }
}
