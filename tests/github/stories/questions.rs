//! Questions to an agent on GitHub: asked in comments and reviews, answered by the agent's own account.

use countersign::domain::documents::{Decision, QuestionRecord};

use super::MEDIUM;
use super::ways::verified;
use super::world::{GithubFixture, app, decision, however_it_runs};
use crate::double::REPO;
use crate::support::{has, has_not};

const AGENT: &str = "strategy-optimizer";

/// What the record of the newest decision has.
fn recorded(fixture: &GithubFixture) -> Vec<QuestionRecord> {
    let text = fixture.github.file(&decision(fixture));
    let decision: Decision = serde_yaml::from_str(&text).unwrap();
    decision.questions
}

#[track_caller]
fn verifies(fixture: &GithubFixture) {
    let verified = verified(&fixture.github);
    assert!(verified.ok, "{:#?}", verified.findings);
}

/// Who asks what, and each answer, in a line each.
fn told(questions: &[QuestionRecord]) -> Vec<String> {
    let mut told = Vec::new();
    for question in questions {
        told.push(format!("{}: {}", question.by, question.text));
        let answers = question.answers.iter();
        told.extend(answers.map(|answer| format!("  {}: {}", answer.by, answer.text)));
    }
    told
}

#[test]
fn a_question_is_shown_as_open_until_the_agent_answers() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        fixture.github.read_comment(number);
        let text = "/ask Why 4, @strategy-optimizer? <b>Really</b>?";
        let asked = fixture.github.user("alice").comments(number, text);
        fixture.hears();
        let open = format!(
            "- alice asked the agent something, which it has not answered: question `{asked}`"
        );
        let check = fixture.check(number);
        has(
            &check,
            "in_progress: MEDIUM 55.00: needs 1 approval by a reviewer",
        );
        has(&check, &open);
        has(
            &check,
            &format!(
                "Question `{asked}` of alice, open:\n\n```text\nWhy 4, @strategy-optimizer? <b>Really</b>?\n```"
            ),
        );
        has(&fixture.github.read_comment(number), &open);
        // A review asks as well, and an answer names which question it is for.
        fixture.wait(chrono::TimeDelta::minutes(1));
        let more = "Please.\n\n/ask And why now?";
        fixture.github.user("bob").reviews(number, "COMMENT", more);
        fixture.hears();
        fixture.github.read_comment(number);
        let answer = format!("/answer {asked}: It was stopped out at 3.");
        fixture.github.agent(AGENT).comments(number, &answer);
        fixture.hears();
        let check = fixture.check(number);
        has_not(&check, &open);
        has(&check, "- bob asked the agent something");
        has(
            &check,
            "The answer of `strategy-optimizer`:\n\n```text\nIt was stopped out at 3.\n```",
        );
        has_not(&fixture.github.read_comment(number), &open);
        let rest = "/answer\n\nBecause of:\n\n- Monday";
        fixture.github.agent(AGENT).comments(number, rest);
        fixture.hears();
        has_not(&fixture.github.read_comment(number), "has not answered");
        fixture.github.user("alice").approves(number, "Looks fine.");
        fixture.hears();
        assert!(fixture.github.pull(number).merged_at.is_some());
        assert_eq!(
            told(&recorded(&fixture)),
            [
                "alice: Why 4, @strategy-optimizer? <b>Really</b>?",
                "  strategy-optimizer: It was stopped out at 3.",
                "bob: And why now?",
                "  strategy-optimizer: Because of:\n\n- Monday",
            ]
        );
        fixture.github.read_all();
        verifies(&fixture);
        fixture
    });
}

#[test]
fn an_agent_that_is_a_bot_answers_and_other_bots_are_not_heard() {
    const APP: &str = "optimizer[bot]";
    let mut fixture = GithubFixture::with(app, |example| {
        example.edit_on_main(
            "rules/agents.yaml",
            "logins: [strategy-optimizer]",
            "logins: [strategy-optimizer, \"optimizer[bot]\"]",
        );
    });
    fixture.github.bot_joins(APP);
    fixture.github.bot_joins("greeter[bot]");
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.read_comment(number);
    fixture.github.user("alice").comments(number, "/ask Why 4?");
    fixture.hears();
    fixture.github.read_comment(number);
    let greeter = fixture.github.user("greeter[bot]");
    greeter.comments(number, "/ask Shall I?");
    greeter.comments(number, "/answer Welcome!");
    fixture.github.user(APP).comments(number, "/ask May I?");
    fixture.hears();
    let check = fixture.check(number);
    has(&check, "- alice asked the agent something");
    has_not(&check, "not taken");
    let text = "/answer It was stopped out at 3.";
    fixture.github.user(APP).comments(number, text);
    fixture.hears();
    fixture.github.read_comment(number);
    fixture.github.user("alice").approves(number, "Looks fine.");
    fixture.hears();
    assert_eq!(
        told(&recorded(&fixture)),
        [
            "alice: Why 4?",
            "  strategy-optimizer: It was stopped out at 3."
        ]
    );
    fixture.github.read_all();
    verifies(&fixture);
}

#[test]
fn who_may_not_ask_or_answer_is_told_so() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        fixture.github.joins("mallory", "read");
        let number = fixture.proposes(MEDIUM);
        fixture.hears();
        fixture.github.read_comment(number);
        fixture.github.user("mallory").comments(number, "/ask Why?");
        fixture
            .github
            .user("dana")
            .comments(number, "/answer Because.");
        fixture
            .github
            .agent(AGENT)
            .comments(number, "/ask Why not?");
        fixture.hears();
        let check = fixture.check(number);
        for told in [
            "- not taken: `/ask` of `mallory`: `mallory` is not listed in `rules/people.yaml`; reviewers and admins may",
            "- not taken: `/answer` of `dana`: `dana` is not the agent `strategy-optimizer`, which proposed this and alone answers",
            "- not taken: `/ask` of `strategy-optimizer`: `strategy-optimizer` is an agent: agents never count; reviewers and admins may",
        ] {
            has(&check, told);
        }
        has_not(&check, "Question");
        fixture.github.read_comment(number);
        fixture.github.read_all();
        fixture
    });
}

#[test]
fn what_is_asked_on_a_draft_is_heard_when_it_is_ready() {
    let mut fixture = GithubFixture::new();
    let agent = fixture.github.agent(AGENT);
    let (path, text) = fixture.example.recommendation(AGENT, MEDIUM);
    let branch = "recommend/draft";
    agent.pushes_branch(branch, &[(&path, &text)]);
    let number = agent.opens_draft_of(branch, "A draft");
    fixture.hears();
    let asked = fixture
        .github
        .user("alice")
        .comments(number, "/ask Is it done?");
    fixture.hears();
    assert!(fixture.github.find_check_run(number).is_none());
    fixture.wait(chrono::TimeDelta::minutes(5));
    fixture.github.world(|world| {
        let now = world.now;
        let pull = world.pull_mut(REPO, number);
        pull.draft = false;
        pull.updated_at = now;
    });
    fixture.forge.reconcile();
    fixture.runs();
    has(
        &fixture.check(number),
        &format!("Question `{asked}` of alice, open:\n\n```text\nIs it done?\n```"),
    );
    fixture.github.read_comment(number);
    fixture.github.read_all();
}

#[test]
fn a_question_that_was_edited_or_deleted_is_none() {
    let mut fixture = GithubFixture::new();
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.read_comment(number);
    let asks = |text: &str| fixture.github.user("alice").comments(number, text);
    let (edited, deleted) = (asks("/ask Why 4?"), asks("/ask Why now?"));
    let kept = asks("/ask And on paper?");
    fixture.hears();
    fixture.github.read_comment(number);
    fixture.wait(chrono::TimeDelta::minutes(5));
    let alice = fixture.github.user("alice");
    alice.edits_comment(edited, "/ask Why 5?");
    alice.deletes_comment(deleted);
    fixture.hears();
    let check = fixture.check(number);
    has_not(&check, &format!("question `{edited}`"));
    has_not(&check, &format!("question `{deleted}`"));
    has(&check, &format!("question `{kept}`"));
    fixture.github.read_comment(number);
    // What is answered to it by its name is for nothing; without a name it is for the one that is left.
    let named = format!("/answer {edited}: Because.");
    fixture.github.agent(AGENT).comments(number, &named);
    fixture.hears();
    let check = fixture.check(number);
    let nothing = format!(
        "- not taken: `/answer` of `strategy-optimizer`: there is no question {edited}; open: {kept}"
    );
    has(&check, &nothing);
    fixture.github.read_comment(number);
    let text = "/answer On paper as well.";
    fixture.github.agent(AGENT).comments(number, text);
    fixture.hears();
    fixture.github.read_comment(number);
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.hears();
    assert_eq!(
        told(&recorded(&fixture)),
        [
            "alice: And on paper?",
            "  strategy-optimizer: On paper as well."
        ]
    );
    fixture.github.read_all();
    verifies(&fixture);
}

#[test]
fn what_is_asked_after_the_end_is_text_and_costs_nothing() {
    let mut fixture = GithubFixture::new();
    let merged = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.read_comment(merged);
    fixture.github.user("alice").approves(merged, "Fine.");
    fixture.hears();
    let closed = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.read_comment(closed);
    fixture.github.agent(AGENT).closes(closed);
    fixture.hears();
    fixture.github.read_comment(closed);
    let before = fixture.github.log();
    fixture.github.forget_calls();
    for number in [merged, closed] {
        fixture.github.user("alice").comments(number, "/ask Why?");
        fixture
            .github
            .agent(AGENT)
            .comments(number, "/answer Because.");
    }
    fixture.hears();
    fixture.costs_at_most(0);
    assert_eq!(fixture.github.log(), before);
    fixture.github.read_all();
    verifies(&fixture);
}
