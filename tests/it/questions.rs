//! Questions of people to the agent of a proposal, and its answers: what is taken, what is only text, and what is
//! recorded of it.

use countersign::domain::documents::AccountRecord;
use countersign::domain::ids::PullNumber;
use countersign::forge::local::LocalForge;
use countersign::forge::{Forge as _, NewComment};
use countersign::git::Repository;

use crate::support::proposals::{AGENT, MEDIUM};
use crate::support::{Ran, TestRepo, redact};

/// A proposal that waits.
fn waiting() -> TestRepo {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.report(1);
    stage
}

fn ask(stage: &TestRepo, who: &str, text: &str) -> Ran {
    stage.countersign(&["ask", "1", "--as", who, text])
}

fn answer(stage: &TestRepo, agent: &str, more: &[&str]) -> Ran {
    stage.countersign(&[&["answer", "1", "--agent", agent], more].concat())
}

/// Somebody comments this as it stands: a login, or the address of an agent.
fn comment(stage: &TestRepo, who: &str, text: &str) {
    let repo = Repository::open(&stage.repo).unwrap();
    let by = match who.contains('@') {
        true => AccountRecord {
            email: Some(who.to_owned()),
            ..AccountRecord::default()
        },
        false => AccountRecord {
            login: Some(who.parse().unwrap()),
            ..AccountRecord::default()
        },
    };
    let comment = NewComment {
        number: PullNumber(1),
        by,
        body: text.to_owned(),
        at: stage.now(),
    };
    LocalForge::new().comment(&repo, comment).unwrap();
}

/// The part of the record of the only case.
fn recorded(stage: &TestRepo) -> String {
    let shown = stage.countersign(&["show", "1", "--format", "json"]);
    let shown = shown.succeeds().json();
    let text = serde_json::to_string_pretty(&shown["questions"]).unwrap();
    redact(&text)
}

#[test]
fn a_question_is_asked_shown_answered_and_recorded() {
    let mut stage = waiting();
    insta::assert_snapshot!(ask(&stage, "alice", "Why 4, and not 3.5?").succeeds().stdout, @"recorded: question r1 of alice on #1; the agent answers it with `countersign answer 1`, the API, MCP or a comment");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r"
        waiting: MEDIUM 55.00: needs 1 approval by a reviewer

        **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

        ```text
        target rsi-eurusd (live)
          stop_loss_pct: 3.0 → 4
        ```

        **MEDIUM RISK (score 55.00)**

        This is MEDIUM risk because:

        - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
        - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
        - `+0.00 scope: 1 target (recommendation.yaml): single entity`
        - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

        To make it less risky:

        - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

        It needs the approval of a reviewer.

        - alice asked the agent something, which it has not answered: question `r1`

        Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.

        Question `r1` of alice, open:

        ```text
        Why 4, and not 3.5?
        ```
        ");
    insta::assert_snapshot!(stage.countersign(&["list"]).succeeds().stdout, @r"
        #  STATUS          RISK          AGENT               WHAT                          OUTCOME
        1  pending, asked  MEDIUM 55.00  strategy-optimizer  modify_parameters rsi-eurusd
        ");
    insta::assert_snapshot!(answer(&stage, AGENT, &["3.5 is where it was stopped out in March."]).succeeds().stdout, @"recorded: the answer of strategy-optimizer to question r1 on #1; no question is open");
    stage.run();
    insta::assert_snapshot!(redact(&stage.report(1)), @r"
        waiting: MEDIUM 55.00: needs 1 approval by a reviewer

        **modify_parameters** on `rsi-eurusd`, proposed by `strategy-optimizer` as `[id]`

        ```text
        target rsi-eurusd (live)
          stop_loss_pct: 3.0 → 4
        ```

        **MEDIUM RISK (score 55.00)**

        This is MEDIUM risk because:

        - `+40.00 environment: live (targets/rsi-eurusd.yaml): counts as production`
        - `+15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate`
        - `+0.00 scope: 1 target (recommendation.yaml): single entity`
        - `+0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible`

        To make it less risky:

        - `stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)`

        It needs the approval of a reviewer.

        Still needed: 1 approval by a reviewer. Who may give it: alice, bob, carol.

        Question `r1` of alice:

        ```text
        Why 4, and not 3.5?
        ```

        The answer of `strategy-optimizer`:

        ```text
        3.5 is where it was stopped out in March.
        ```
        ");
    stage.approve(1, "alice");
    stage.run();
    stage.report(1);
    insta::assert_snapshot!(recorded(&stage), @r#"
        [
          {
            "answers": [
              {
                "at": "[time]",
                "by": "strategy-optimizer",
                "review": "r2",
                "text": "3.5 is where it was stopped out in March."
              }
            ],
            "at": "[time]",
            "by": "alice",
            "id": "r1",
            "text": "Why 4, and not 3.5?"
          }
        ]
        "#);
    insta::assert_snapshot!(redact(&stage.countersign(&["show", "1"]).succeeds().stdout), @r"
        [id]  approved
        pull request #1 (merged), branch recommend/a at [commit]

        modify_parameters, proposed by strategy-optimizer in session story-1 on [time]
          target rsi-eurusd (live)
            stop_loss_pct: 3.0 → 4

        MEDIUM RISK, score 55.00
          +40.00 environment: live (targets/rsi-eurusd.yaml): counts as production
          +15.00 parameters: stop_loss_pct: 4 (rules/parameters.yaml): stop_loss_pct 4 is moderate
          +0.00 scope: 1 target (recommendation.yaml): single entity
          +0.00 reversibility: easy (rules/actions.yaml): modify_parameters is easily reversible

        Decision: approved on [time], in mode two_tier, by the rules of [commit]
          approved by alice (reviewer) on [time]

        Question r1 of alice on [time]
          | Why 4, and not 3.5?
          answered by strategy-optimizer on [time]
          | 3.5 is where it was stopped out in March.

        What was said
          alice approved on [time], commit [commit]
          | I read it and agree with every line of it.
          alice commented on [time]
          | /ask Why 4, and not 3.5?
          strategy-optimizer@agents.example.org commented on [time]
          | /answer r1: 3.5 is where it was stopped out in March.

        Outcome: success on [time], executor apply, reported by countersign
          files: [targets/rsi-eurusd.yaml]

        Commits on main
          [commit] [time]  decision: approve modify_parameters on rsi-eurusd (MEDIUM 55.00)
          [commit] [time]  outcome: success of modify_parameters on rsi-eurusd
        ");
    stage.verifies();
    stage.read_all();
}

/// Everything about questions that the report of the only pull request says.
fn told(stage: &mut TestRepo) -> String {
    stage.run();
    let report = redact(&stage.report(1));
    let from = report.find("Question `").unwrap_or(report.len());
    let lines = report[..from].lines();
    let lines = lines.filter(|line| line.contains("`/a") || line.contains("asked the agent"));
    let lines: Vec<&str> = lines.chain(report[from..].lines()).collect();
    lines.join("\n")
}

/// Runs the bot, which has nothing new to say.
#[track_caller]
fn says_nothing_more(stage: &TestRepo) {
    let before = stage.said_on(1).len();
    stage.run();
    assert_eq!(stage.said_on(1).len(), before);
}

#[test]
fn a_question_of_somebody_who_may_not_ask_is_text_and_they_are_told() {
    let mut stage = waiting();
    for who in ["dana", "mallory", AGENT] {
        comment(&stage, who, "/ask Why?");
    }
    comment(&stage, "risk-manager@agents.example.org", "/ask Why?");
    comment(&stage, "strategy-optimizer@agents.example.org", "/ask Why?");
    insta::assert_snapshot!(told(&mut stage), @r"
        - not taken: `/ask` of `dana`: `dana` is neither reviewer nor admin; reviewers and admins may
        - not taken: `/ask` of `mallory`: `mallory` is not listed in `rules/people.yaml`; reviewers and admins may
        - not taken: `/ask` of `strategy-optimizer`: `strategy-optimizer` is an agent: agents never count; reviewers and admins may
        - not taken: `/ask` of `risk-manager\u{40}agents.example.org`: `risk-manager` is an agent: agents never count; reviewers and admins may
        - not taken: `/ask` of `strategy-optimizer\u{40}agents.example.org`: `strategy-optimizer` is an agent: agents never count; reviewers and admins may
        ");
    let refused = |who: &str| ask(&stage, who, "Why?").exits(1).stderr;
    insta::assert_snapshot!(refused("dana"), @"error: `dana` is neither reviewer nor admin; reviewers and admins may");
    insta::assert_snapshot!(refused("mallory"), @r"
        error: `mallory` is not listed in `rules/people.yaml`
        hint: reviewers and admins are alice, bob, carol
        ");
    insta::assert_snapshot!(refused(AGENT), @"error: `strategy-optimizer` is an agent: agents never count; reviewers and admins may");
    stage.approve(1, "alice");
    stage.run();
    stage.report(1);
    assert_eq!(recorded(&stage), "[]");
    stage.verifies();
    stage.read_all();
}

#[test]
fn an_answer_of_anybody_but_the_agent_or_to_nothing_is_text() {
    let mut stage = waiting();
    comment(
        &stage,
        "strategy-optimizer@agents.example.org",
        "/answer Because.",
    );
    ask(&stage, "alice", "Why?").succeeds();
    comment(&stage, "alice", "/answer Because.");
    comment(
        &stage,
        "risk-manager@agents.example.org",
        "/answer Because.",
    );
    comment(&stage, "mallory", "/answer r2: Because.");
    insta::assert_snapshot!(told(&mut stage), @r"
        - not taken: `/answer` of `strategy-optimizer\u{40}agents.example.org`: no question is open
        - not taken: `/answer` of `alice`: `alice` is not the agent `strategy-optimizer`, which proposed this and alone answers
        - not taken: `/answer` of `risk-manager\u{40}agents.example.org`: `risk-manager@agents.example.org` is not the agent `strategy-optimizer`, which proposed this and alone answers
        - not taken: `/answer` of `mallory`: `mallory` is not the agent `strategy-optimizer`, which proposed this and alone answers
        - alice asked the agent something, which it has not answered: question `r2`
        Question `r2` of alice, open:

        ```text
        Why?
        ```
        ");
    // Who is told once is not told again.
    comment(
        &stage,
        "strategy-optimizer@agents.example.org",
        "/answer r7: Because.",
    );
    says_nothing_more(&stage);
    let refused = |agent: &str, more: &[&str]| answer(&stage, agent, more).exits(1).stderr;
    insta::assert_snapshot!(refused("risk-manager", &["Because."]), @"error: `risk-manager@agents.example.org` is not the agent `strategy-optimizer`, which proposed this and alone answers");
    insta::assert_snapshot!(refused("alice", &["Because."]), @"error: `alice` is not listed in `rules/agents.yaml`, so nobody is known to answer for it");
    insta::assert_snapshot!(refused("nobody", &["Because."]), @"error: `nobody` is not listed in `rules/agents.yaml`, so nobody is known to answer for it");
    insta::assert_snapshot!(refused(AGENT, &["--question", "r7", "Because."]), @"error: there is no question r7; open: r2");
    answer(&stage, AGENT, &["Because."]).succeeds();
    insta::assert_snapshot!(refused(AGENT, &["Because of that."]), @"error: no question is open");
    // To a question that is named, more can be said.
    insta::assert_snapshot!(answer(&stage, AGENT, &["--question", "r2", "And of that."]).succeeds().stdout, @"recorded: the answer of strategy-optimizer to question r2 on #1; no question is open");
    insta::assert_snapshot!(told(&mut stage), @r"
        - not taken: `/answer` of `strategy-optimizer\u{40}agents.example.org`: no question is open
        - not taken: `/answer` of `alice`: `alice` is not the agent `strategy-optimizer`, which proposed this and alone answers
        - not taken: `/answer` of `risk-manager\u{40}agents.example.org`: `risk-manager@agents.example.org` is not the agent `strategy-optimizer`, which proposed this and alone answers
        - not taken: `/answer` of `mallory`: `mallory` is not the agent `strategy-optimizer`, which proposed this and alone answers
        Question `r2` of alice:

        ```text
        Why?
        ```

        The answer of `strategy-optimizer`:

        ```text
        Because.
        ```

        The answer of `strategy-optimizer`:

        ```text
        And of that.
        ```
        ");
    stage.approve(1, "alice");
    stage.run();
    stage.report(1);
    stage.verifies();
    stage.read_all();
}

#[test]
fn each_answer_is_for_the_question_it_names_or_the_oldest_that_is_open() {
    let mut stage = waiting();
    ask(&stage, "alice", "First?").succeeds();
    ask(&stage, "bob", "Second?").succeeds();
    ask(&stage, "carol", "Third?\n\nIn two paragraphs.").succeeds();
    insta::assert_snapshot!(answer(&stage, AGENT, &["--question", "r2", "To the second."]).succeeds().stdout, @"recorded: the answer of strategy-optimizer to question r2 on #1; still open: r1, r3");
    insta::assert_snapshot!(answer(&stage, AGENT, &["To the first."]).succeeds().stdout, @"recorded: the answer of strategy-optimizer to question r1 on #1; still open: r3");
    let json = answer(
        &stage,
        AGENT,
        &["To the third:\n\n- one\n- two", "--format", "json"],
    );
    insta::assert_snapshot!(redact(&json.succeeds().stdout), @r#"
        {
          "number": 1,
          "id": "[id]",
          "question": "r3",
          "open": [],
          "state": "6-[commit]"
        }
        "#);
    insta::assert_snapshot!(told(&mut stage), @r"
        Question `r1` of alice:

        ```text
        First?
        ```

        The answer of `strategy-optimizer`:

        ```text
        To the first.
        ```

        Question `r2` of bob:

        ```text
        Second?
        ```

        The answer of `strategy-optimizer`:

        ```text
        To the second.
        ```

        Question `r3` of carol:

        ```text
        Third?

        In two paragraphs.
        ```

        The answer of `strategy-optimizer`:

        ```text
        To the third:

        - one
        - two
        ```
        ");
    stage.approve(1, "alice");
    stage.run();
    stage.report(1);
    insta::assert_snapshot!(recorded(&stage), @r#"
        [
          {
            "answers": [
              {
                "at": "[time]",
                "by": "strategy-optimizer",
                "review": "r5",
                "text": "To the first."
              }
            ],
            "at": "[time]",
            "by": "alice",
            "id": "r1",
            "text": "First?"
          },
          {
            "answers": [
              {
                "at": "[time]",
                "by": "strategy-optimizer",
                "review": "r4",
                "text": "To the second."
              }
            ],
            "at": "[time]",
            "by": "bob",
            "id": "r2",
            "text": "Second?"
          },
          {
            "answers": [
              {
                "at": "[time]",
                "by": "strategy-optimizer",
                "review": "r6",
                "text": "To the third:\n\n- one\n- two"
              }
            ],
            "at": "[time]",
            "by": "carol",
            "id": "r3",
            "text": "Third?\n\nIn two paragraphs."
          }
        ]
        "#);
    stage.verifies();
    stage.read_all();
}

#[test]
fn the_same_question_twice_is_one_until_it_is_answered() {
    let mut stage = waiting();
    let asked = |who: &str| redact(&ask(&stage, who, "Why?").succeeds().stdout);
    insta::assert_snapshot!(asked("alice"), @"recorded: question r1 of alice on #1; the agent answers it with `countersign answer 1`, the API, MCP or a comment");
    insta::assert_snapshot!(asked("alice"), @"alice asks this on #1 already: question r1");
    insta::assert_snapshot!(asked("bob"), @"recorded: question r2 of bob on #1; the agent answers it with `countersign answer 1`, the API, MCP or a comment");
    comment(&stage, "alice", "Once more:\n\n/ask Why?");
    insta::assert_snapshot!(ask(&stage, "alice", "Why?\n").succeeds().stdout, @"alice asks this on #1 already: question r1");
    answer(&stage, AGENT, &["Because."]).succeeds();
    answer(&stage, AGENT, &["--question", "r1", "Because."]).succeeds();
    insta::assert_snapshot!(asked("alice"), @"recorded: question r5 of alice on #1; the agent answers it with `countersign answer 1`, the API, MCP or a comment");
    insta::assert_snapshot!(told(&mut stage), @r"
        - bob asked the agent something, which it has not answered: question `r2`
        - alice asked the agent something, which it has not answered: question `r5`
        Question `r1` of alice:

        ```text
        Why?
        ```

        The answer of `strategy-optimizer`:

        ```text
        Because.
        ```

        Question `r2` of bob, open:

        ```text
        Why?
        ```

        Question `r5` of alice, open:

        ```text
        Why?
        ```
        ");
    stage.read_all();
}

#[test]
fn a_question_is_taken_from_a_review_and_decides_nothing_by_itself() {
    let mut stage = waiting();
    stage
        .review(
            1,
            "bob",
            &[
                "--request-changes",
                "--message",
                "Too much at once.\n\n/ask Why not 3.5?",
            ],
        )
        .succeeds();
    insta::assert_snapshot!(told(&mut stage), @r"
        - bob asked the agent something, which it has not answered: question `r1`
        Question `r1` of bob, open:

        ```text
        Why not 3.5?
        ```
        ");
    stage
        .review(
            1,
            "bob",
            &[
                "--approve",
                "--message",
                "Fine by me, but:\n\n/ask Is it tested?\n/ask And where?",
            ],
        )
        .succeeds();
    stage.run();
    stage.report(1);
    insta::assert_snapshot!(recorded(&stage), @r#"
        [
          {
            "answers": [],
            "at": "[time]",
            "by": "bob",
            "id": "r1",
            "text": "Why not 3.5?"
          },
          {
            "answers": [],
            "at": "[time]",
            "by": "bob",
            "id": "r2",
            "text": "Is it tested?\nAnd where?"
          }
        ]
        "#);
    stage.verifies();
    stage.read_all();
}

#[test]
fn what_is_asked_in_markup_is_shown_as_it_is() {
    let mut stage = waiting();
    let nasty = "<script>alert(1)</script> **bold** [a](javascript:x) @alice ``` #1 <!-- countersign --> https://example.org";
    ask(&stage, "alice", nasty).succeeds();
    answer(
        &stage,
        AGENT,
        &["```\nApproved by carol\n````\n<img src=x onerror=alert(1)> $(id) %0a"],
    )
    .succeeds();
    insta::assert_snapshot!(told(&mut stage), @r"
        Question `r1` of alice:

        ````text
        <script>alert(1)</script> **bold** [a](javascript:x) @alice ``` #1 <!-- countersign --> https://example.org
        ````

        The answer of `strategy-optimizer`:

        `````text
        ```
        Approved by carol
        ````
        <img src=x onerror=alert(1)> $(id) %0a
        `````
        ");
    // In a code block or a quotation it is text about questions, and hidden it is nothing.
    comment(
        &stage,
        "alice",
        "```\n/ask Why?\n```\n> /ask Why?\n\n<!--\n/ask Why?\n-->",
    );
    comment(&stage, "alice", "Shall I `/ask` it?");
    says_nothing_more(&stage);
    stage.read_all();
}

#[test]
fn what_cannot_be_read_as_it_is_or_says_nothing_or_too_much_is_refused() {
    let mut stage = waiting();
    let refused = |text: &str| ask(&stage, "alice", text).exits(1).stderr;
    insta::assert_snapshot!(refused(""), @"error: it says nothing: write `/ask TEXT`");
    insta::assert_snapshot!(refused(" \n "), @"error: it says nothing: write `/ask TEXT`");
    insta::assert_snapshot!(refused("Why \u{202e}4?"), @"error: it holds a bidirectional control character (U+202E): leave it out");
    insta::assert_snapshot!(refused("Why\u{7}?"), @"error: it holds a control character (U+0007): leave it out");
    insta::assert_snapshot!(refused("Why\r4?"), @"error: it holds a control character (U+000D): leave it out");
    insta::assert_snapshot!(refused(&"?".repeat(4_001)), @"error: it has 4001 characters, and at most 4000 are taken: shorten it");
    insta::assert_snapshot!(refused("Why?\n\n/reject other: no"), @"error: a line of it would be read as a command of its own: leave out the slash that it begins with");
    // Characters that are joined into one sign are characters like others.
    ask(&stage, "bob", "👩\u{200d}💻?").succeeds();
    insta::assert_snapshot!(answer(&stage, AGENT, &["\u{1b}[31mred"]).exits(1).stderr, @"error: it holds a control character (U+001B): leave it out");
    insta::assert_snapshot!(answer(&stage, AGENT, &["--question", "r1; rm -rf /", "x"]).exits(1).stderr, @"error: `r1; rm -rf /` is not the id of a question: expected one as the case shows it, such as `r3`");
    comment(&stage, "alice", "/ask");
    comment(&stage, "bob", "/ask Why \u{2066}4?");
    comment(&stage, "carol", &format!("/ask {}", "?".repeat(4_001)));
    insta::assert_snapshot!(told(&mut stage), @r"
        - not taken: `/ask` of `alice`: it says nothing: write `/ask TEXT`
        - not taken: `/ask` of `bob`: it holds a bidirectional control character (U+2066): leave it out
        - not taken: `/ask` of `carol`: it has 4006 characters, and at most 4000 are taken: shorten it
        - bob asked the agent something, which it has not answered: question `r1`
        Question `r1` of bob, open:

        ```text
        👩�💻?
        ```
        ");
    stage.read_all();
}

#[test]
fn many_questions_never_keep_a_case_from_being_recorded() {
    let mut stage = waiting();
    let long = |count: usize| format!("{count:03}{}", "\"\\".repeat(1_900));
    for count in 0..2 {
        ask(&stage, "alice", &long(count)).succeeds();
        answer(&stage, AGENT, &[&long(count)]).succeeds();
    }
    ask(&stage, "bob", &long(2)).succeeds();
    insta::assert_snapshot!(ask(&stage, "bob", &long(3)).exits(1).stderr, @"error: the questions and answers of a case have at most 20000 bytes together, and 985 are left: shorten it");
    insta::assert_snapshot!(answer(&stage, AGENT, &[&long(3)]).exits(1).stderr, @"error: the questions and answers of a case have at most 20000 bytes together, and 985 are left: shorten it");
    for count in 0..30 {
        comment(&stage, "carol", &format!("/ask {}", long(count)));
    }
    stage.approve(1, "alice");
    stage.run();
    stage.report(1);
    let shown = stage
        .countersign(&["show", "1", "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(shown["status"], "approved");
    let asked = shown["questions"].as_array().unwrap();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0]["text"], long(0));
    assert_eq!(asked[1]["answers"][0]["text"], long(1));
    stage.verifies();
    stage.read_all();
}

#[test]
fn what_has_ended_is_not_asked_about() {
    let mut stage = waiting();
    stage.approve(1, "alice");
    stage.run();
    stage.report(1);
    insta::assert_snapshot!(ask(&stage, "alice", "Why?").exits(1).stderr, @r"
        error: pull request #1 has ended: nothing more can be said on it
        hint: `countersign show NUMBER` tells how it ended; `countersign feedback` says something about it
        ");
    insta::assert_snapshot!(answer(&stage, AGENT, &["Because."]).exits(1).stderr, @r"
        error: pull request #1 has ended: nothing more can be said on it
        hint: `countersign show NUMBER` tells how it ended; `countersign feedback` says something about it
        ");
    let none = |stage: &TestRepo, command: &[&str]| stage.countersign(command).exits(1).stderr;
    insta::assert_snapshot!(none(&stage, &["ask", "7", "--as", "alice", "Why?"]), @r"
        error: there is no pull request #7
        hint: `countersign list --status pending` shows the open ones
        ");
    insta::assert_snapshot!(none(&stage, &["answer", "7", "--agent", AGENT, "Because."]), @r"
        error: there is no pull request #7
        hint: `countersign list --status pending` shows the open ones
        ");
    // Closed by hand, and not recorded yet.
    stage.propose(AGENT, "b", MEDIUM);
    stage.run();
    stage.report(2);
    stage
        .clone_of(AGENT)
        .git(&["push", "-q", "origin", "--delete", "recommend/b"]);
    insta::assert_snapshot!(none(&stage, &["ask", "2", "--as", "alice", "Why?"]), @r"
        error: pull request #2 has ended: nothing more can be said on it
        hint: `countersign show NUMBER` tells how it ended; `countersign feedback` says something about it
        ");
    stage.run();
    stage.report(2);
    stage.read_all();
}

#[test]
fn what_people_propose_has_no_agent_to_ask() {
    let mut stage = TestRepo::example();
    stage.govern("carol", "a", &[("docs.md", "# How we work\n")]);
    stage.run();
    stage.report(1);
    insta::assert_snapshot!(ask(&stage, "alice", "Why?").exits(1).stderr, @"error: a person proposed this, and no agent could answer: ask them in a comment");
    comment(&stage, "alice", "/ask Why?");
    insta::assert_snapshot!(told(&mut stage), @"- not taken: `/ask` of `alice`: a person proposed this, and no agent could answer: ask them in a comment");
    stage.read_all();
}
