//! Who decides on the dashboard: what its cards say, and what its forms do and refuse.

use super::{HIGH, MEDIUM, WHY, waiting};
use crate::support::browser::{Browser, hidden};
use crate::support::proposals::LOW;
use crate::support::serving::{Serving, persons_token, serve};
use crate::support::{TestRepo, has, has_not, redact, shown};
use chrono::TimeDelta;

/// Whoever decides sees all that is executed, the lines of a governance change, what was said and what is needed.
#[test]
fn a_card_shows_everything_that_a_decision_is_about() {
    let mut stage = TestRepo::example();
    stage.wait(-TimeDelta::days(2));
    stage.propose(
        "strategy-optimizer",
        "a",
        "action: modify_parameters\ntargets: [rsi-eurusd, rsi-eurusd-draft]\nchanges: {stop_loss_pct: 4}\ndetails: {command: <b>rm</b>}",
    );
    stage.govern("alice", "b", &[("docs/x.md", "<i>one</i>\ntwo\n")]);
    stage
        .review(
            1,
            "bob",
            &["--request-changes", "--message", "Halve it first."],
        )
        .succeeds();
    stage.wait(TimeDelta::days(2));
    stage.run();
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    let page = carol.gets("/pending").gives(200).body;
    insta::assert_snapshot!(shown(&page), @r#"
    Pending
    2 proposals wait, the oldest first
    MEDIUM RISK 65.00
    modify_parameters on rsi-eurusd, rsi-eurusd-draft
    #1 by strategy-optimizer, session story-1 · waits for 2 days · branch recommend/a at [commit]
    What is executed
    target rsi-eurusd (live)
    stop_loss_pct: 3.0 → 4
    target rsi-eurusd-draft (inactive)
    stop_loss_pct: 3.0 → 4
    details
    "command": "<b>rm</b>"
    Why this is MEDIUM
    Adds | Factor |
    +40.00 | environment: counts as production live (targets/rsi-eurusd.yaml), 100.00 points × 40 % |
    +15.00 | parameters: stop_loss_pct 4 is moderate stop_loss_pct: 4 (rules/parameters.yaml), 50.00 points × 30 % |
    +10.00 | scope: multiple entities 2 targets (recommendation.yaml), 50.00 points × 20 % |
    +0.00 | reversibility: modify_parameters is easily reversible easy (rules/actions.yaml), 0.00 points × 10 % |
    What would make it less risky
    only on rsi-eurusd-draft reaches LOW 15.00 (only the targets outside production)
    What is needed
    1 approval by a reviewer.
    Who may give it: alice, bob, carol.
    It has waited too long for its reviewers, so the admins are asked too.
    bob requested changes: it waits until they approve.
    What was said
    bob requested changes [minute]
    Halve it first.
    Approve
    Notes for future reference
    Optional. It stays in the trail.
    How confident are you in this decision?
    very confident
    confident
    uncertain
    Approve less of it
    Empty: as proposed. A value lies between the present and the proposed one. The agent’s file stays as it is; what is left is scored again and carried out.
    stop_loss_pct
    without stop_loss_pct
    without rsi-eurusd
    without rsi-eurusd-draft
    Approve commit [commit]
    Approve only without rsi-eurusd (LOW 15.00)
    Request changes
    What has to change?
    It waits until you approve.
    Request changes
    Reject
    What is the main concern?
    Too risky
    Unclear benefit
    Timing not right
    Need more information
    Other
    Reason, for the agent to learn from
    Optional, except for Other. A rejection ends the proposal.
    Reject
    Ask the agent
    What do you want to know?
    It blocks nothing. Question and answer stay in the trail.
    Ask
    HIGH RISK 75.00
    Governance change
    #2 by alice@example.org · waits for 2 days · branch govern/b at [commit]
    Files it changes
    docs/x.md new, 2 lines
    --- /dev/null
    +++ b/docs/x.md
    @@ -0,0 +1,2 @@
    +<i>one</i>
    +two
    The same in a clone: git fetch origin refs/pull/2/head && git diff [commit] [commit]
    What would follow
    The rules can be read, and [n] policy tests pass.
    Why this is HIGH
    HIGH in any case, governance_change: changes what decisions are made by: docs/x.md
    What is needed
    1 approval by an admin, with a justification.
    Who may give it: carol.
    It has waited too long.
    Approve
    Justification
    Required: at least 20 characters. It stays in the trail.
    How confident are you in this decision?
    very confident
    confident
    uncertain
    Approve commit [commit]
    Request changes
    What has to change?
    It waits until you approve.
    Request changes
    Reject
    What is the main concern?
    Too risky
    Unclear benefit
    Timing not right
    Need more information
    Other
    Reason, for the agent to learn from
    Optional, except for Other. A rejection ends the proposal.
    Reject
    "#);
    has(
        &page,
        "<span class=\"added\">+&lt;i&gt;one&lt;/i&gt;\n</span><span class=\"added\">+two\n</span>",
    );
    stage.approve(2, "carol");
    stage.approve(1, "bob");
    stage.run();
    let decided = carol.gets("/cases/2").gives(200).body;
    insta::assert_snapshot!(shown(&decided), @"
    HIGH RISK 75.00 approved
    Governance change
    [id] · pull request #2 from govern/b
    Files it changes
    docs/x.md new, 2 lines
    --- /dev/null
    +++ b/docs/x.md
    @@ -0,0 +1,2 @@
    +<i>one</i>
    +two
    The same in a clone: git diff [commit] [commit]
    Why it was HIGH
    By the rules of commit [commit]
    HIGH in any case, governance_change: changes what decisions are made by: docs/x.md
    What happened
    Proposed by alice@example.org [minute]
    Approved by carol (admin) [minute]
    I read it and agree with every line of it.
    Decided: approved in mode two_tier; it needed an admin, with a justification [minute]
    Feedback
    Nobody has said anything yet.
    Commits on main
    Commit | Subject | When |
    [commit] | governance: approve change of docs/x.md (HIGH 75.00) | [minute] |
    See the same with git
    git log --first-parent --grep='^Governance: [id]$' main
    git show main:governance/[date]/[id]/decision.yaml
    git show [commit]
    ");
    let decided = carol.gets("/cases/1").gives(200).body;
    insta::assert_snapshot!(shown(&decided), @r#"
    MEDIUM RISK 65.00 approved success
    modify_parameters on rsi-eurusd, rsi-eurusd-draft
    [id] · by strategy-optimizer, session story-1 · pull request #1 from recommend/a
    What is executed
    target rsi-eurusd (live)
    stop_loss_pct: 3.0 → 4
    target rsi-eurusd-draft (inactive)
    stop_loss_pct: 3.0 → 4
    details
    "command": "<b>rm</b>"
    Why it was MEDIUM
    By the rules of commit [commit]
    Adds | Factor |
    +40.00 | environment: counts as production live (targets/rsi-eurusd.yaml), 100.00 points × 40 % |
    +15.00 | parameters: stop_loss_pct 4 is moderate stop_loss_pct: 4 (rules/parameters.yaml), 50.00 points × 30 % |
    +10.00 | scope: multiple entities 2 targets (recommendation.yaml), 50.00 points × 20 % |
    +0.00 | reversibility: modify_parameters is easily reversible easy (rules/actions.yaml), 0.00 points × 10 % |
    What happened
    Proposed by strategy-optimizer@agents.example.org [minute]
    bob requested changes [minute]
    Halve it first.
    Approved by bob (reviewer) [minute]
    I read it and agree with every line of it.
    Decided: approved in mode two_tier; it needed a reviewer [minute]
    Outcome: success, by apply, reported by countersign [minute]
    files
    [targets/rsi-eurusd.yaml, targets/rsi-eurusd-draft.yaml]
    Feedback
    Nobody has said anything yet.
    What should the agent learn from this?
    Give feedback
    Commits on main
    Commit | Subject | When |
    [commit] | decision: approve modify_parameters on rsi-eurusd and 1 more (MEDIUM 65.00) | [minute] |
    [commit] | outcome: success of modify_parameters on rsi-eurusd and 1 more | [minute] |
    See the same with git
    git log --first-parent --grep='^Recommendation: [id]$' main
    git show main:recommendations/[date]/[id]/decision.yaml
    git show [commit]
    git show [commit]
    "#);
    serving.stops();
    stage.read_all();
    stage.verifies();
}

#[test]
fn a_card_says_where_people_saw_a_value_last() {
    let far =
        "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 15}";
    let (mut stage, serving) = waiting(&[LOW, far], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = shown(&alice.gets("/pending").gives(200).body);
    let line = page
        .lines()
        .find(|line| line.starts_with("stop_loss_pct |"));
    insta::assert_snapshot!(line.unwrap(), @"stop_loss_pct | 1.5 (3.0 when people saw it last) | → | 15 |");
    serving.stops();
    stage.read_all();
}

#[test]
fn a_reviewer_decides_from_one_screen() {
    let (mut stage, serving) = waiting(&[LOW, MEDIUM, HIGH], &[]);
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    let page = carol.gets("/pending").gives(200).body;
    // What changes comes first, then why, what would lower it, what is needed and from whom.
    insta::assert_snapshot!(shown(&page), @"
    Pending
    2 proposals wait, the oldest first
    MEDIUM RISK 55.00
    modify_parameters on rsi-eurusd
    #2 by strategy-optimizer, session story-1 · waits for less than a minute · branch recommend/b1 at [commit]
    What is executed
    Parameter | Now | becomes | Proposed |
    stop_loss_pct | 3.0 | → | 4 |
    Why this is MEDIUM
    Adds | Factor |
    +40.00 | environment: counts as production live (targets/rsi-eurusd.yaml), 100.00 points × 40 % |
    +15.00 | parameters: stop_loss_pct 4 is moderate stop_loss_pct: 4 (rules/parameters.yaml), 50.00 points × 30 % |
    +0.00 | scope: single entity 1 target (recommendation.yaml), 0.00 points × 20 % |
    +0.00 | reversibility: modify_parameters is easily reversible easy (rules/actions.yaml), 0.00 points × 10 % |
    What would make it less risky
    stop_loss_pct: 2, only on rsi-eurusd-paper reaches LOW 20.00 (on one rehearsal target first)
    The words of strategy-optimizer
    Backtests show a smaller drawdown.
    What is needed
    1 approval by a reviewer.
    Who may give it: alice, bob, carol.
    Approve
    Notes for future reference
    Optional. It stays in the trail.
    How confident are you in this decision?
    very confident
    confident
    uncertain
    Approve less of it
    Empty: as proposed. A value lies between the present and the proposed one. The agent’s file stays as it is; what is left is scored again and carried out.
    stop_loss_pct
    without stop_loss_pct
    Approve commit [commit]
    Request changes
    What has to change?
    It waits until you approve.
    Request changes
    Reject
    What is the main concern?
    Too risky
    Unclear benefit
    Timing not right
    Need more information
    Other
    Reason, for the agent to learn from
    Optional, except for Other. A rejection ends the proposal.
    Reject
    Ask the agent
    What do you want to know?
    It blocks nothing. Question and answer stay in the trail.
    Ask
    HIGH RISK 75.00
    modify_parameters on rsi-eurusd
    #3 by strategy-optimizer, session story-1 · waits for less than a minute · branch recommend/b2 at [commit]
    What is executed
    Parameter | Now | becomes | Proposed |
    stop_loss_enabled | true | → | false |
    Why this is HIGH
    Adds | Factor |
    +40.00 | environment: counts as production live (targets/rsi-eurusd.yaml), 100.00 points × 40 % |
    +22.50 | parameters: stop_loss_enabled false is aggressive stop_loss_enabled: false (rules/parameters.yaml), 75.00 points × 30 % |
    +0.00 | scope: single entity 1 target (recommendation.yaml), 0.00 points × 20 % |
    +0.00 | reversibility: modify_parameters is easily reversible easy (rules/actions.yaml), 0.00 points × 10 % |
    62.50 | in all, lifted to 75.00 by what follows |
    HIGH in any case, safety_off: disables a safety control: stop_loss_enabled
    What would make it less risky
    stop_loss_enabled: true reaches MEDIUM 40.00 (which leaves everything as it is)
    What is needed
    1 approval by an admin, with a justification.
    Who may give it: carol.
    Approve
    Justification
    Required: at least 20 characters. It stays in the trail.
    How confident are you in this decision?
    very confident
    confident
    uncertain
    Approve less of it
    Empty: as proposed. A value lies between the present and the proposed one. The agent’s file stays as it is; what is left is scored again and carried out.
    stop_loss_enabled
    without stop_loss_enabled
    Approve commit [commit]
    Approve only with stop_loss_enabled=true (MEDIUM 40.00)
    Request changes
    What has to change?
    It waits until you approve.
    Request changes
    Reject
    What is the main concern?
    Too risky
    Unclear benefit
    Timing not right
    Need more information
    Other
    Reason, for the agent to learn from
    Optional, except for Other. A rejection ends the proposal.
    Reject
    Ask the agent
    What do you want to know?
    It blocks nothing. Question and answer stay in the trail.
    Ask
    ");
    let fields = carol.form(
        &page,
        &[
            ("decision", "approve"),
            ("message", ""),
            ("confidence", "confident"),
        ],
    );
    let answer = carol.sends("/pending/2", &fields).gives(303);
    assert_eq!(answer.header("location"), "/pending#pull-2");
    let page = carol.gets("/pending").body;
    has(&page, "Your approval of pull request #2 is recorded");
    has_not(&page, "id=\"pull-2\"");
    // It stays until it is read: it is lost neither by a reload nor by the page that fetches itself, nor on the way.
    for path in ["/pending", "/cases/2"] {
        let live = [("x-countersign-live", "1")];
        has(&carol.gets_with(path, &live).body, "is recorded");
        has(&carol.gets(path).body, "is recorded");
    }
    let page = carol.gets("/cases?level=LOW").body;
    let (_, notice) = page.split_once("action=\"/notices/").unwrap();
    let (id, _) = notice.split_once('"').unwrap();
    let next = hidden(&page, "next").unwrap();
    assert_eq!(next, "/cases?level=LOW");
    let address = format!("/notices/{id}");
    let stolen = [("csrf", "stolen"), ("next", next)];
    carol.sends(&address, &stolen).gives(403);
    let read = [("csrf", hidden(&page, "csrf").unwrap()), ("next", next)];
    let answer = carol.sends(&address, &read).gives(303);
    assert_eq!(answer.header("location"), "/cases?level=LOW");
    has_not(&carol.gets("/pending").body, "is recorded");
    let case = carol.gets("/cases/2").gives(200).body;
    has(&case, "Approved by carol (admin), confident");
    has(&case, "Outcome: success, by apply");

    // HIGH takes no approval without a justification, and forgets nothing that was typed.
    let page = carol.gets("/pending").body;
    let short = carol.form(
        &page,
        &[
            ("decision", "approve"),
            ("message", "ok"),
            ("confidence", "uncertain"),
        ],
    );
    carol.sends("/pending/3", &short);
    has(&carol.gets("/pending").body, "it has no justification");
    let page = carol.gets("/pending").body;
    let nothing = carol.form(
        &page,
        &[
            ("decision", "reject"),
            ("message", "Not while the market is closed."),
        ],
    );
    let again = carol.sends("/pending/3", &nothing).gives(422).body;
    has(&again, "Choose the main concern.");
    has(&again, "Not while the market is closed.</textarea>");
    let rejected = carol.form(
        &again,
        &[
            ("decision", "reject"),
            ("category", "bad_timing"),
            ("message", "Not while the market is closed."),
        ],
    );
    carol.sends("/pending/3", &rejected).gives(303);
    let case = carol.waits_for("/cases/3", "Rejected by carol: timing not right");
    has(&case, "Not while the market is closed.");
    has(&carol.gets("/pending").body, "Nothing waits for people");
    serving.stops();
    stage.verifies();
    stage.read_all();
}

#[test]
fn requested_changes_block_until_the_same_person_approves() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let (alice, bob) = (
        Browser::signed_in(&serving, &persons_token(&stage, "alice")),
        Browser::signed_in(&serving, &persons_token(&stage, "bob")),
    );
    let page = alice.gets("/pending").body;
    let silent = alice.form(&page, &[("decision", "request_changes"), ("message", " ")]);
    has(
        &alice.sends("/pending/1", &silent).gives(422).body,
        "Say what has to change.",
    );
    let page = alice.gets("/pending").body;
    let fields = alice.form(
        &page,
        &[
            ("decision", "request_changes"),
            ("message", "Name the study."),
        ],
    );
    alice.sends("/pending/1", &fields).gives(303);
    let page = bob.waits_for(
        "/pending",
        "alice requested changes: it waits until they approve.",
    );
    let fields = bob.form(&page, &[("decision", "approve")]);
    bob.sends("/pending/1", &fields).gives(303);
    has(
        &bob.gets("/pending").body,
        "it still waits for alice, who requested changes",
    );
    let page = alice.gets("/pending").body;
    let fields = alice.form(&page, &[("decision", "approve")]);
    alice.sends("/pending/1", &fields).gives(303);
    alice.waits_for("/cases/1", "Decided: approved");
    serving.stops();
    stage.read_all();
}

#[test]
fn a_form_that_lacks_something_says_what_and_records_nothing() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let long = "x".repeat(10_001);
    let other = ("category", "other");
    for (fields, problem) in [
        (
            vec![("decision", "approve"), ("confidence", "absolutely")],
            "Choose how sure you are.",
        ),
        (
            vec![("decision", "reject"), other, ("message", " \n")],
            "Say what the concern is.",
        ),
        (
            vec![("decision", "reject"), ("category", "ugly")],
            "Choose the main concern.",
        ),
        (
            vec![("decision", "approve"), ("message", long.as_str())],
            "The text is too long: at most 10,000 characters.",
        ),
        (
            vec![("decision", "merge")],
            "Choose whether to approve, to ask for changes or to reject.",
        ),
    ] {
        let page = alice.gets("/pending").body;
        let fields = alice.form(&page, &fields);
        let answer = alice.sends("/pending/1", &fields).gives(422).body;
        has(&answer, problem);
    }
    // Had any of them been taken, this would not be the first word of alice, nor the one that decides.
    let page = alice.gets("/pending").body;
    has(&page, "1 approval by a reviewer");
    let fields = alice.form(
        &page,
        &[
            ("decision", "reject"),
            other,
            ("message", "Nobody asked for it."),
        ],
    );
    alice.sends("/pending/1", &fields).gives(303);
    let case = alice.waits_for("/cases/1", "Rejected by alice: other");
    has(&case, "Nobody asked for it.");
    has_not(&case, "pproved by alice");
    serving.stops();
    stage.read_all();
}

#[test]
fn who_may_not_decide_is_told_before_they_try() {
    let (mut stage, serving) = waiting(&[HIGH], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").body;
    has(
        &page,
        "Your approval would not count: alice is a reviewer: this needs an admin.",
    );
    has_not(&page, "Approve commit");
    has(&page, "What is the main concern?");
    let dana = Browser::signed_in(&serving, &persons_token(&stage, "dana"));
    has(
        &dana.gets("/pending").body,
        "dana is neither reviewer nor admin",
    );
    let page = Browser::at(&serving).gets("/pending").gives(200).body;
    has(&page, "Sign in to decide");
    has_not(&page, "<textarea");
    serving.stops();
    stage.read_all();
}

#[test]
fn a_form_for_a_head_that_nobody_has_seen_is_not_recorded() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").body;
    let main = stage.main();
    let clone = stage.clone_of("strategy-optimizer");
    clone.git(&[
        "commit",
        "-q",
        "--amend",
        "--allow-empty",
        "-m",
        "Propose once more",
    ]);
    clone.git(&[
        "push",
        "-q",
        "--force",
        "origin",
        "HEAD:refs/heads/recommend/b0",
    ]);
    let fields = alice.form(&page, &[("decision", "approve"), ("message", WHY)]);
    let again = alice.sends("/pending/1", &fields).gives(422).body;
    has(
        &again,
        "The proposal was changed while you were reading, so nothing was recorded.",
    );
    has(&again, WHY);
    stage.main_is_still(&main);
    // What it shows now can be approved.
    let head = clone.head();
    let again = alice.waits_for("/pending", &head);
    let fields = alice.form(&again, &[("decision", "approve"), ("message", WHY)]);
    alice.sends("/pending/1", &fields).gives(303);
    alice.waits_for("/cases/1", "Decided: approved");
    serving.stops();
    stage.read_all();
}

#[test]
fn a_form_that_is_sent_again_does_nothing() {
    let (mut stage, serving) = waiting(&[LOW, MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let id = stage.file("recommendations").lines().count();
    assert!(id > 0);
    let case = alice.gets("/cases/1").body;
    let href = case
        .split("action=\"")
        .find_map(|rest| {
            rest.split('"')
                .next()
                .filter(|path| path.ends_with("/feedback"))
        })
        .unwrap();
    let fields = alice.form(&case, &[("message", "Well done.")]);
    for _ in 0..3 {
        alice.sends(href, &fields).gives(303);
    }
    let case = alice.waits_for("/cases/1", "Well done.");
    assert_eq!(case.matches("Well done.").count(), 1, "{case}");
    // A decision that was taken is not taken again.
    let page = alice.gets("/pending").body;
    let fields = alice.form(&page, &[("decision", "reject"), ("category", "too_risky")]);
    alice.sends("/pending/2", &fields).gives(303);
    alice.waits_for("/cases/2", "Rejected by alice");
    let main = stage.main();
    alice.sends("/pending/2", &fields).gives(303);
    let mut fresh = fields.clone();
    fresh.retain(|(name, _)| *name != "once");
    fresh.push(("once", "another"));
    has(
        &alice.sends("/pending/2", &fresh).gives(409).body,
        "no longer pending",
    );
    serving.stops();
    stage.main_is_still(&main);
    stage.read_all();
}

#[test]
fn no_page_of_anybody_else_sends_a_form() {
    let (mut stage, serving) = waiting(&[MEDIUM], &[]);
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").body;
    let fields = alice.form(&page, &[("decision", "approve")]);
    let main = stage.main();
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", serving.url.as_str()),
        ],
    ] {
        alice.sends_with("/pending/1", &fields, headers).gives(403);
    }
    for csrf in ["", "0", &"0".repeat(64)] {
        let mut forged = fields.clone();
        forged.retain(|(name, _)| *name != "csrf");
        forged.push(("csrf", csrf));
        has(
            &alice.sends("/pending/1", &forged).gives(403).body,
            "does not belong to your session",
        );
    }
    // Not even with a token of the form from somebody else's session.
    let bob = Browser::signed_in(&serving, &persons_token(&stage, "bob"));
    bob.sends("/pending/1", &fields).gives(403);
    Browser::at(&serving)
        .sends("/pending/1", &fields)
        .gives(401);
    alice.sends("/sign-out", &[("csrf", "wrong")]).gives(403);
    alice.gets("/pending").gives(200);
    serving.stops();
    stage.main_is_still(&main);
    assert!(
        stage
            .said_on(1)
            .iter()
            .all(|said| !said.contains("approved by"))
    );
    stage.read_all();
}

#[test]
fn a_trigger_to_medium_says_how_far_it_lifts() {
    let delete = "action: delete_strategy\ntargets: [rsi-eurusd-draft]";
    let (mut stage, serving) = waiting(&[delete], &[]);
    stage.read_all();
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    let page = carol.gets("/pending").gives(200).body;
    insta::assert_snapshot!(shown(&page), @"
    Pending
    1 proposal waits
    MEDIUM RISK 50.00
    delete_strategy on rsi-eurusd-draft
    #1 by strategy-optimizer, session story-1 · waits for less than a minute · branch recommend/b0 at [commit]
    What is executed
    target rsi-eurusd-draft (inactive)
    Why this is MEDIUM
    Adds | Factor |
    +0.00 | environment: counts 0 points inactive (targets/rsi-eurusd-draft.yaml), 0.00 points × 40 % |
    +0.00 | parameters: nothing changes no change (recommendation.yaml), 0.00 points × 30 % |
    +0.00 | scope: single entity 1 target (recommendation.yaml), 0.00 points × 20 % |
    +10.00 | reversibility: delete_strategy is irreversible irreversible (rules/actions.yaml), 100.00 points × 10 % |
    10.00 | in all, lifted to 50.00 by what follows |
    lifts to at least MEDIUM 50.00, irreversible: delete_strategy cannot be undone (no edit of the values removes this)
    What would make it less risky
    No edit that was tried makes it less risky.
    What is needed
    1 approval by a reviewer.
    Who may give it: alice, bob, carol.
    Approve
    Notes for future reference
    Optional. It stays in the trail.
    How confident are you in this decision?
    very confident
    confident
    uncertain
    Approve commit [commit]
    Request changes
    What has to change?
    It waits until you approve.
    Request changes
    Reject
    What is the main concern?
    Too risky
    Unclear benefit
    Timing not right
    Need more information
    Other
    Reason, for the agent to learn from
    Optional, except for Other. A rejection ends the proposal.
    Reject
    Ask the agent
    What do you want to know?
    It blocks nothing. Question and answer stay in the trail.
    Ask
    ");
}

#[test]
fn a_card_of_other_rules_says_what_they_ask_for_less() {
    let mut stage = TestRepo::example();
    let people = stage.file("rules/people.yaml");
    let more = people.replace("members: [alice, bob]", "members: [alice, bob, dana]");
    let parameters = stage.file("rules/parameters.yaml");
    let wider = parameters
        .replace("conservative: [0.5, 3]", "conservative: [0.5, 4]")
        .replace("moderate: [3, 5]", "moderate: [4, 5]");
    stage.govern(
        "alice",
        "wider",
        &[
            ("rules/people.yaml", &more),
            ("rules/parameters.yaml", &wider),
        ],
    );
    stage.run();
    stage.read_all();
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    let carol = Browser::signed_in(&serving, &persons_token(&stage, "carol"));
    let page = shown(&carol.gets("/pending").gives(200).body);
    let (_, follows) = page.split_once("What would follow\n").unwrap();
    let (follows, _) = follows.split_once("Why this is HIGH").unwrap();
    insta::assert_snapshot!(follows, @"
    The rules can be read, and [n] policy tests pass.
    Against the rules that hold now: 1536 proposals made up from the bounds of both versions of the rules: laxer for 9.
    LOW before: 299, the same for all of them
    MEDIUM before: 476, laxer for 9
    HIGH before: 761, the same for all of them
    Laxer whatever is proposed:
    dana approves in reviewers
    Laxer, the smallest example of each:
    modify_parameters on rsi-eurusd-paper (paper) by risk-manager, stop_loss_pct: 3.1: MEDIUM 35.00 → LOW 20.00, asks nobody instead of 1 reviewer (varied: stop_loss_pct)
    Looked at: 6 actions on 3 targets, one of each kind; of each of these proposals, one at a time, 9 parameters (122 values), the agent (1), the number of targets (5), the target (1), who made the commits (1). Beside these, who approves and vouches, and a change of each of 11 files. Of anything else, nothing is said.
    ");
}

/// One click on what was computed, and a field beside each value.
#[test]
fn less_is_approved_by_a_button_or_by_fields() {
    let mut stage = TestRepo::example();
    let both = "action: modify_parameters\ntargets: [rsi-eurusd, rsi-eurusd-draft]\nchanges: {stop_loss_pct: 4}";
    stage.propose("strategy-optimizer", "a", both);
    stage.propose("strategy-optimizer", "b", MEDIUM);
    stage.run();
    let serving = Serving::start(&mut serve(&stage, &[]));
    serving.is_ready();
    let alice = Browser::signed_in(&serving, &persons_token(&stage, "alice"));
    let page = alice.gets("/pending").gives(200).body;
    let (_, form) = page
        .split_once("<summary>Approve less of it</summary>")
        .unwrap();
    let (form, _) = form.split_once("</form>").unwrap();
    insta::assert_snapshot!(redact(form), @r#"
    <p class="hint" id="less-hint-1">Empty: as proposed. A value lies between the present and the proposed one. The agent’s file stays as it is; what is left is scored again and carried out.</p>
    <div class="row"><label for="set-1-stop_loss_pct">stop_loss_pct</label><input type="text" id="set-1-stop_loss_pct" name="set.stop_loss_pct" value="" placeholder="4" aria-describedby="less-hint-1"><div class="choices"><label><input type="checkbox" name="without.stop_loss_pct" value="on">without stop_loss_pct</label></div></div>
    <div class="row"><div class="choices"><label><input type="checkbox" name="without.rsi-eurusd" value="on">without rsi-eurusd</label></div></div>
    <div class="row"><div class="choices"><label><input type="checkbox" name="without.rsi-eurusd-draft" value="on">without rsi-eurusd-draft</label></div></div>
    </details>
    <button class="main">Approve commit [commit]</button>
    <button name="less" value="without rsi-eurusd">Approve only without rsi-eurusd (LOW 15.00)</button>
    "#);
    let ready = [("decision", "approve"), ("less", "without rsi-eurusd")];
    let fields = alice.form(&page, &ready);
    alice.sends("/pending/1", &fields).gives(303);
    let page = alice.gets("/pending").gives(200).body;
    // What was typed stays where something else is wrong.
    let wrong = [
        ("decision", "approve"),
        ("set.stop_loss_pct", "3.5"),
        ("confidence", "no"),
    ];
    let fields = alice.form(&page, &wrong);
    let again = alice.sends("/pending/2", &fields).gives(422).body;
    has(&again, "name=\"set.stop_loss_pct\" value=\"3.5\"");
    let typed = [("decision", "approve"), ("set.stop_loss_pct", "3.5")];
    let fields = alice.form(&again, &typed);
    alice.sends("/pending/2", &fields).gives(303);
    for number in [1, 2] {
        alice.waits_for(&format!("/cases/{number}"), "approved only");
    }
    insta::assert_snapshot!(stage.git(&["diff", "--stat", "HEAD~4", "HEAD", "--", "targets"]), @"
    targets/rsi-eurusd-draft.yaml | 2 +-
    targets/rsi-eurusd.yaml       | 2 +-
    2 files changed, 2 insertions(+), 2 deletions(-)
    ");
    drop(serving);
    stage.read_all();
    stage.verifies();
}
