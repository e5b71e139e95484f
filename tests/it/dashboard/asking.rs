//! Questions on the dashboard: asked by a form, shown as open on every page, and what is refused.

use super::{MEDIUM, waiting};
use crate::support::browser::{Browser, hidden};
use crate::support::serving::persons_token;
use crate::support::{TestRepo, has, has_not, shown};

const QUESTIONS: &str = "/pending/1/questions";

/// What a page says about questions: from their heading to what follows.
fn questions(page: &str) -> String {
    let page = shown(page);
    let from = page.find("Questions to the agent").unwrap_or(page.len());
    let rest = &page[from..];
    let end = ["Approve\n", "What was said", "Feedback\n"];
    let end = end.iter().filter_map(|end| rest.find(end)).min();
    rest[..end.unwrap_or(rest.len())].trim_end().to_owned()
}

fn answers(stage: &TestRepo, text: &str) {
    let answer = ["answer", "1", "--agent", "strategy-optimizer", text];
    stage.countersign(&answer).succeeds();
}

#[test]
fn a_question_is_asked_by_a_form_and_shown_until_it_is_answered() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").gives(200).body;
    has(
        &shown(&page),
        "Ask the agent\nWhat do you want to know?\nIt blocks nothing. Question and answer stay in the trail.\nAsk",
    );
    has_not(&page, "<span class=\"badge\">asked</span>");
    let text = "Why <b>4</b>?\r\n\r\n- on paper\r\n- or live";
    let fields = alice.form(&page, &[("message", text)]);
    let answer = alice.sends(QUESTIONS, &fields).gives(303);
    assert_eq!(answer.header("location"), "/pending#pull-1");
    let page = alice.waits_for("/pending", "<span class=\"badge\">asked</span>");
    insta::assert_snapshot!(questions(&page), @r"
        Questions to the agent
        alice asks (question r1), not answered [minute]
        Why <b>4</b>?
        - on paper
        - or live
        ");
    has(&page, "Why &lt;b&gt;4&lt;/b&gt;?");
    let notice = "Your question r1 on pull request #1 is recorded: the agent is told.";
    has(&shown(&page), notice);
    // The same form twice asks once, and so does the same question in another one.
    alice.sends(QUESTIONS, &fields).gives(303);
    let fields = alice.form(&page, &[("message", text)]);
    alice.sends(QUESTIONS, &fields).gives(303);
    has(
        &shown(&alice.gets("/pending").body),
        "You ask this on pull request #1 already: question r1 waits for its answer.",
    );
    // The overview and the page of the case show it too.
    has(
        &alice.gets("/").gives(200).body,
        "<span class=\"badge\">asked</span>",
    );
    has(
        &shown(&alice.gets("/cases/1").gives(200).body),
        "asks (question r1), not answered",
    );
    answers(&stage, "Because of <i>March</i>.");
    let page = alice.waits_for("/pending", "answers question r1");
    has_not(&page, "<span class=\"badge\">asked</span>");
    insta::assert_snapshot!(questions(&page), @r"
        Questions to the agent
        alice asks (question r1) [minute]
        Why <b>4</b>?
        - on paper
        - or live
        strategy-optimizer answers question r1 [minute]
        Because of <i>March</i>.
        ");
    stage.approve(1, "bob");
    let page = alice.waits_for("/cases/1", "What happened");
    insta::assert_snapshot!(questions(&page), @r"
        Questions to the agent
        alice asks (question r1) [minute]
        Why <b>4</b>?
        - on paper
        - or live
        strategy-optimizer answers question r1 [minute]
        Because of <i>March</i>.
        ");
    serving.stops();
    stage.verifies();
    stage.read_all();
}

#[test]
fn what_cannot_be_asked_comes_back_with_what_was_typed() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    stage.report(1);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").gives(200).body;
    for (text, problem) in [
        (
            " ",
            "Nothing was recorded: it says nothing: write /ask TEXT.",
        ),
        (
            "Why \u{202e}4?",
            "Nothing was recorded: it holds a bidirectional control character (U+202E): leave it out.",
        ),
        (
            "Why?\n\n/reject other: no",
            "Nothing was recorded: a line of it would be read as a command of its own: leave out the slash that it begins with.",
        ),
    ] {
        let page = alice.gets("/pending").gives(200).body;
        let fields = alice.form(&page, &[("message", text)]);
        let back = alice.sends(QUESTIONS, &fields).gives(422).body;
        has(&shown(&back), problem);
        has(
            &back,
            &format!(">{}</textarea>", text.replace('\u{202e}', "\\u{202e}")),
        );
        has(
            &back,
            "<details name=\"decide-1\" open><summary>Ask the agent</summary>",
        );
    }
    // Without a session, with another's form, as somebody who may not, and where there is nothing.
    Browser::at(&serving)
        .sends(QUESTIONS, &alice.form(&page, &[("message", "Why?")]))
        .gives(401);
    let stolen = [("csrf", "x"), ("once", "y"), ("message", "Why?")];
    alice.sends(QUESTIONS, &stolen).gives(403);
    let dana = Browser::signed_in(&serving, &persons_token(&stage, "dana"));
    let page = dana.gets("/pending").gives(200).body;
    has_not(&page, "Ask the agent");
    let csrf = hidden(&page, "csrf").or_else(|| {
        page.split("name=\"csrf\" value=\"")
            .nth(1)?
            .split('"')
            .next()
    });
    let fields = [("csrf", csrf.unwrap()), ("once", "z"), ("message", "Why?")];
    let refused = dana.sends(QUESTIONS, &fields).gives(422).body;
    has_not(&refused, "Ask the agent");
    let page = alice.gets("/pending").gives(200).body;
    let fields = alice.form(&page, &[("message", "Why?")]);
    let gone = alice.sends("/pending/7/questions", &fields).gives(409).body;
    has(
        &shown(&gone),
        "Pull request #7 is no longer pending, so nothing was recorded.",
    );
    has(&shown(&gone), "Why?");
    serving.stops();
    let shown = stage
        .countersign(&["show", "1", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["opinions"], serde_json::json!([]));
    stage.read_all();
}
