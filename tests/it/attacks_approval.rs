//! Attacks on the approval: by somebody who had a part in it, under another name, for another commit, on
//! other facts. What does not count is said, with the reason, and nothing is merged.

use crate::support::proposals::{AGENT, HIGH, MEDIUM};
use crate::support::{TestRepo, has, has_not};
use chrono::TimeDelta;

const AGENTS_EMAIL: &str = "strategy-optimizer@agents.example.org";

/// Proposes with a commit by these, on a branch.
#[track_caller]
fn propose_by(stage: &TestRepo, branch: &str, author: &str, committer: &str, message: &str) {
    let (path, text) = stage.recommendation(AGENT, MEDIUM);
    let clone = stage.clone_of(AGENT).start();
    clone
        .write(&path, &text)
        .commit_as(author, committer, message);
    clone.push(&format!("recommend/{branch}"));
}

#[test]
fn whoever_had_a_part_in_it_does_not_approve_it() {
    let mut stage = TestRepo::example();
    let alice = "alice@example.org";
    propose_by(&stage, "a", AGENTS_EMAIL, alice, "Propose\n");
    let trailer = format!(
        "Propose\n\nco-AUTHORED-by : Alice <{}>\n",
        alice.to_uppercase()
    );
    propose_by(&stage, "b", AGENTS_EMAIL, AGENTS_EMAIL, &trailer);
    let two = format!(
        "Propose\n\nCo-authored-by: Alice <{alice}> <{AGENTS_EMAIL}>\nNot the last line.\n"
    );
    propose_by(&stage, "c", AGENTS_EMAIL, AGENTS_EMAIL, &two);
    // A commit in the middle of the branch is hers, the newest is not.
    let (path, text) = stage.recommendation(AGENT, MEDIUM);
    let clone = stage.clone_of(AGENT).start();
    clone.write(&path, &text).commit("Propose");
    clone.commit_as(alice, alice, "A word of mine\n");
    clone.commit("Thank you").push("recommend/d");
    stage.run();
    stage.read_all();
    let before = stage.main();
    for (number, noun) in [
        (1, "committer"),
        (2, "co-author"),
        (3, "co-author"),
        (4, "author"),
    ] {
        has(
            &stage.approve(number, "alice"),
            &format!("it will not count: `alice` is the {noun} of commit"),
        );
    }
    stage.run();
    for (number, noun) in [
        (1, "committer"),
        (2, "co-author"),
        (3, "co-author"),
        (4, "author"),
    ] {
        let said = stage.report(number);
        has(
            &said,
            "waiting: MEDIUM 55.00: needs 1 approval by a reviewer",
        );
        has(
            &said,
            &format!("not counted: the review of `alice`: `alice` is the {noun} of commit"),
        );
    }
    stage.main_is_still(&before);
    stage.approve(1, "bob");
    stage.run();
    has(&stage.report(1), "approved and merged");
    stage.read_all();
    stage.verifies();
}

#[test]
fn the_owner_of_an_agent_does_not_approve_its_proposals() {
    let mut stage = TestRepo::example();
    stage.edit_on_main("rules/agents.yaml", "owner: dana", "owner: carol");
    stage.propose(AGENT, "a", HIGH);
    // Nor what another agent proposes with the help of hers.
    let (path, text) = stage.recommendation("risk-manager", HIGH);
    let clone = stage.clone_of("risk-manager").start();
    clone.write(&path, &text).commit(&format!(
        "Propose\n\nCo-authored-by: Optimizer <{AGENTS_EMAIL}>"
    ));
    clone.push("recommend/b");
    // Nor a change of the rules that a person opened and the agent had a hand in.
    let clone = stage.clone_of("dana").start();
    clone
        .write("docs/a.md", "a")
        .commit_as("dana@example.org", AGENTS_EMAIL, "Document\n");
    clone.push("govern/c");
    stage.run();
    stage.read_all();
    let before = stage.main();
    has(
        &stage.approve(1, "carol"),
        "it will not count: `carol` is the owner of the agent",
    );
    for number in [2, 3] {
        has(
            &stage.approve(number, "carol"),
            "it will not count: `carol` is the owner of `strategy-optimizer`, which had a part in commit",
        );
    }
    stage.run();
    has(
        &stage.report(1),
        "not counted: the review of `carol`: `carol` is the owner of the agent",
    );
    stage.read_all();
    stage.main_is_still(&before);
}

#[test]
fn agents_strangers_and_people_without_a_role_do_not_count() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    let before = stage.main();
    let said = stage.approve(1, AGENT);
    has(
        &said,
        "it will not count: `strategy-optimizer` is an agent: agents never count",
    );
    let said = stage.approve(1, "risk-manager");
    has(
        &said,
        "it will not count: `risk-manager` is an agent: agents never count",
    );
    has(
        &stage.approve(1, "dana"),
        "it will not count: `dana` is the owner of the agent",
    );
    let said = stage.review(1, "mallory", &["--approve"]).exits(1).text();
    has(&said, "`mallory` is not listed in `rules/people.yaml`");
    let said = stage
        .review(1, "alice\u{200b}", &["--approve"])
        .exits(2)
        .text();
    has(&said, "is not a login");
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "not counted: the review of `strategy-optimizer`: `strategy-optimizer` is an agent: agents never count",
    );
    has(&said, "not counted: the review of `dana`");
    stage.main_is_still(&before);
}

#[test]
fn a_reviewer_does_not_decide_what_is_high_nor_anybody_without_a_reason() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", HIGH);
    stage.run();
    stage.read_all();
    let before = stage.main();
    has(
        &stage.approve(1, "alice"),
        "`alice` is a reviewer: this needs an admin",
    );
    has(
        &stage.approve(1, "bob"),
        "`bob` is a reviewer: this needs an admin",
    );
    for text in [
        "",
        "ok",
        "/confidence very_confident",
        "/feedback a long text, but it is a command",
        "                         ",
    ] {
        let said = stage
            .review(1, "carol", &["--approve", "--message", text])
            .succeeds()
            .stdout;
        has(
            &said,
            "it will not count: it has no justification: the review's text needs at least 20 characters",
        );
    }
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "waiting: HIGH 75.00: needs 1 approval by an admin, with a justification",
    );
    has(
        &said,
        "not counted: the review of `carol`: it has no justification",
    );
    stage.main_is_still(&before);
}

#[test]
fn an_approval_is_for_one_commit() {
    let mut stage = TestRepo::example();
    let id = stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    let before = stage.main();
    let clone = stage.clone_of(AGENT);
    let old = clone.head();
    stage.approve(1, "alice");
    // Only the message differs: that is another commit.
    clone.git(&["commit", "-q", "--amend", "-m", "Propose it again"]);
    clone.push("recommend/a");
    // An approval of the old head that is given now is one of the old head all the same.
    let said = stage
        .review(1, "bob", &["--approve", "--head", &old])
        .succeeds()
        .stdout;
    has(
        &said,
        &format!(
            "it will not count: it is for commit {}: the head is now",
            &old[..7]
        ),
    );
    // Neither is one for the tip of main.
    let tip = stage.main();
    stage
        .review(1, "carol", &["--approve", "--head", &tip])
        .succeeds();
    stage.run();
    let said = stage.report(1);
    has(&said, "waiting: MEDIUM 55.00");
    for who in ["alice", "bob", "carol"] {
        has(
            &said,
            &format!("not counted: the review of `{who}`: it is for commit"),
        );
    }
    stage.main_is_still(&before);
    let nowhere = "1234567890123456789012345678901234567890";
    let said = stage
        .review(1, "bob", &["--approve", "--head", nowhere])
        .exits(1)
        .text();
    has(&said, "there is no commit");
    // What was pushed since has to be read first.
    stage.countersign(&["show", "1"]).succeeds();
    has(&stage.approve(1, "bob"), "`countersign run` merges it");
    stage.run();
    has(&stage.report(1), "approved and merged");
    let shown = stage
        .countersign(&["show", &id, "--format", "json"])
        .succeeds()
        .json();
    assert_eq!(
        shown["decision"]["approvals"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(shown["decision"]["approvals"][0]["by"], "bob");
    assert_eq!(shown["decision"]["pull"]["head"], clone.head());
    stage.verifies();
}

#[test]
fn an_approval_does_not_survive_other_facts() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "alice");
    stage.edit_on_main(
        "targets/rsi-eurusd.yaml",
        "stop_loss_pct: 3.0",
        "stop_loss_pct: 1.0",
    );
    let before = stage.main();
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "not counted: the review of `alice`: since it was given, a target has changed on `main`: approve again",
    );
    has(&said, "\n  stop_loss_pct: 1.0 → 4\n");
    stage.main_is_still(&before);
}

#[test]
fn an_approval_does_not_survive_rules_that_raise_the_level() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "alice");
    stage.approve(1, "carol");
    stage.edit_on_main(
        "rules/parameters.yaml",
        "standard_deviation: 2",
        "standard_deviation: 0.4",
    );
    let before = stage.main();
    stage.run();
    let said = stage.report(1);
    has(&said, "waiting: HIGH 75.00: needs 1 approval by an admin");
    has(
        &said,
        "not counted: the review of `alice`: `alice` is a reviewer: this needs an admin",
    );
    has(
        &said,
        "not counted: the review of `carol`: since it was given, the level has changed from MEDIUM to HIGH: approve again",
    );
    stage.main_is_still(&before);
}

#[test]
fn somebody_who_lost_the_role_does_not_count_any_more() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "alice");
    stage.edit_on_main(
        "rules/people.yaml",
        "members: [alice, bob]",
        "members: [bob]",
    );
    let before = stage.main();
    stage.run();
    has(
        &stage.report(1),
        "not counted: the review of `alice`: `alice` is neither reviewer nor admin",
    );
    stage.main_is_still(&before);
}

#[test]
fn two_approvals_are_of_two_people() {
    let mut stage = TestRepo::example();
    stage.edit_on_main("rules/governance.yaml", "  MEDIUM: 1", "  MEDIUM: 2");
    stage.edit_on_main(
        "rules/people.yaml",
        "alice: {emails: [alice@example.org]}",
        "alice: {emails: [alice@example.org], aliases: [alice-at-work]}",
    );
    stage.commit_to_main(&[("rules/tests", None)]);
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    has(
        &stage.report(1),
        "waiting: MEDIUM 55.00: needs 2 approvals by different reviewers",
    );
    let before = stage.main();
    for who in ["alice", "ALICE", "alice-at-work", "alice"] {
        has(
            &stage.approve(1, who),
            "it still needs 1 approval by a reviewer",
        );
    }
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "waiting: MEDIUM 55.00: needs 1 approval by a reviewer",
    );
    assert_eq!(said.matches("approved by alice").count(), 1, "{said}");
    stage.main_is_still(&before);
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "approved and merged");
}

#[test]
fn an_alias_does_not_hide_whose_commit_it_is() {
    let mut stage = TestRepo::example();
    stage.edit_on_main(
        "rules/people.yaml",
        "alice: {emails: [alice@example.org]}",
        "alice: {emails: [alice@example.org, al@home.example], aliases: [al]}",
    );
    propose_by(&stage, "a", AGENTS_EMAIL, "AL@home.example", "Propose\n");
    stage.run();
    stage.read_all();
    for who in ["alice", "al", "Al"] {
        has(
            &stage.approve(1, who),
            "it will not count: `alice` is the committer of commit",
        );
    }
    stage.run();
    has(&stage.report(1), "waiting: MEDIUM 55.00");
}

#[test]
fn who_may_not_approve_may_not_block_either_but_a_reviewer_may() {
    let mut stage = TestRepo::example();
    propose_by(&stage, "a", AGENTS_EMAIL, "alice@example.org", "Propose\n");
    stage.run();
    stage.read_all();
    let block = ["--request-changes", "--message", "Not like this."];
    has(
        &stage.review(1, "alice", &block).succeeds().stdout,
        "it will not count: the request for changes does not block: `alice` is the committer of commit",
    );
    has(
        &stage.review(1, "dana", &block).succeeds().stdout,
        "it will not count: the request for changes does not block",
    );
    let reject = ["--reject", "other", "--message", "No."];
    has(
        &stage.review(1, "dana", &reject).succeeds().stdout,
        "it will not count: `dana` is neither reviewer nor admin",
    );
    let before = stage.main();
    stage.approve(1, "bob");
    stage.review(1, "carol", &block).succeeds();
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "carol requested changes: it waits until they approve",
    );
    has(&said, "approved by bob (reviewer)");
    stage.main_is_still(&before);
    stage.review(1, "carol", &["--dismiss"]).succeeds();
    stage.run();
    let said = stage.report(1);
    has(&said, "approved and merged");
    has(
        &said,
        "not counted: the review of `carol`: it was dismissed",
    );
    stage.verifies();
}

#[test]
fn an_approval_that_is_taken_back_does_not_count() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    stage.read_all();
    let before = stage.main();
    stage.approve(1, "alice");
    stage.review(1, "alice", &["--dismiss"]).succeeds();
    stage.approve(1, "bob");
    stage
        .review(1, "bob", &["--request-changes", "--message", "Wait."])
        .succeeds();
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "not counted: the review of `alice`: it was dismissed",
    );
    has(&said, "bob requested changes");
    has_not(&said, "approved by");
    stage.main_is_still(&before);
}

#[test]
fn an_approval_is_of_one_pull_request_and_ends_with_it() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.propose(AGENT, "b", MEDIUM);
    stage.run();
    stage.read_all();
    stage.approve(1, "alice");
    stage.run();
    has(&stage.report(1), "approved and merged");
    let said = stage.report(2);
    has(
        &said,
        "waiting: MEDIUM 40.00: needs 1 approval by a reviewer",
    );
}

#[test]
fn an_owner_is_a_person_by_whatever_name() {
    let mut stage = TestRepo::example();
    let people = stage.file("rules/people.yaml").replace(
        "carol: {emails: [carol@example.org]}",
        "carol: {emails: [carol@example.org], aliases: [carol-ops]}",
    );
    let agents = stage.file("rules/agents.yaml");
    let agents = agents.replacen("owner: dana", "owner: Carol-Ops", 1);
    stage.govern(
        "alice",
        "owner",
        &[
            ("rules/people.yaml", &people),
            ("rules/agents.yaml", &agents),
        ],
    );
    stage.run();
    stage.read_all();
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "approved and merged");
    stage.propose(AGENT, "a", HIGH);
    // The agent's own wish for less oversight.
    let rules = stage
        .file("rules/governance.yaml")
        .replace("mode: two_tier", "mode: auto_approve");
    stage.govern(AGENT, "b", &[("rules/governance.yaml", &rules)]);
    stage.run();
    stage.read_all();
    let before = stage.main();
    let refusal = "it will not count: `carol` is the owner of the agent";
    for (number, who) in [
        (2, "carol"),
        (2, "carol-ops"),
        (3, "CAROL"),
        (3, "carol-ops"),
    ] {
        has(&stage.approve(number, who), refusal);
    }
    stage.run();
    for number in [2, 3] {
        has(&stage.report(number), "`carol` is the owner of the agent");
    }
    stage.main_is_still(&before);
    // What she does by that name is hers.
    let request = ["--request-changes", "--message", "Not like this."];
    let id = stage.propose("risk-manager", "c", MEDIUM);
    stage.run();
    has(
        &stage.review(4, "carol-ops", &request).succeeds().stdout,
        "it waits until the same person approves",
    );
    let reject = ["--reject", "other", "--message", "No."];
    has(
        &stage.review(4, "carol-ops", &reject).succeeds().stdout,
        "; `countersign run` closes it",
    );
    stage.run();
    let outcome = ["outcome", &id, "--as", "carol-ops", "--success"];
    has(&stage.countersign(&outcome).exits(1).stderr, "rejected");
    stage.read_all();
    stage.verifies();
}

#[test]
fn an_owner_whom_nobody_lists_is_refused_at_load() {
    let mut stage = TestRepo::example();
    let agents = stage.file("rules/agents.yaml");
    let wrong = agents.replacen("owner: dana", "owner: danna", 1);
    stage.govern("alice", "a", &[("rules/agents.yaml", &wrong)]);
    let people = stage
        .file("rules/people.yaml")
        .replace("  dana: {emails: [dana@example.org]}\n", "")
        .replace("members: [carol]", "members: [carol]\n  team: acme/admins");
    stage.govern("bob", "b", &[("rules/people.yaml", &people)]);
    stage.run();
    has(
        &stage.report(1),
        "rules/agents.yaml:13:12: agents.strategy-optimizer.owner: `danna` is not listed under `people` in `rules/people.yaml`: did you mean `dana`? \
         add `danna: {}` there: the owner of an agent is always a person whom the rules know",
    );
    has(
        &stage.report(2),
        "`dana` is not listed under `people` in `rules/people.yaml`; add `dana: {}` there, also if a team holds them: \
         the owner of an agent is always a person whom the rules know",
    );
}

#[test]
fn a_rejection_is_answered_as_what_it_is() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    propose_by(&stage, "b", AGENTS_EMAIL, "alice@example.org", "Propose\n");
    stage.run();
    stage.read_all();
    let reject = ["--reject", "other", "--message", "No."];
    let said = |ran: crate::support::Ran| {
        let stdout = ran.succeeds().stdout;
        let (_, meaning) = stdout.split_once("; ").unwrap();
        meaning.trim().to_owned()
    };
    assert_eq!(
        said(stage.review(1, "dana", &reject)),
        "it will not count: `dana` is neither reviewer nor admin"
    );
    assert_eq!(
        said(stage.review(1, "bob", &["--dismiss"])),
        "there was no review of bob to take back; it still needs 1 approval by a reviewer"
    );
    stage.run();
    has(
        &stage.report(1),
        "- not counted: the review of `dana`: the rejection does not count: `dana` is neither reviewer nor admin\n",
    );
    // Whoever had a part in it cannot block it, and may still end it.
    assert_eq!(
        said(stage.review(2, "alice", &reject)),
        "`countersign run` closes it"
    );
    assert_eq!(
        said(stage.review(1, "bob", &reject)),
        "`countersign run` closes it"
    );
    assert_eq!(
        said(stage.review(1, "bob", &["--dismiss"])),
        "it does not take the rejection of bob back, which stands: `countersign run` closes it"
    );
    stage.run();
    has(&stage.report(1), "rejected by bob (other)");
    let said = stage.report(2);
    has(&said, "rejected by alice (other)");
    has_not(&said, "not counted");
    stage.verifies();
}

#[test]
fn what_may_be_the_approvers_own_waits_for_a_head_whose_authors_are_known() {
    let mut stage = TestRepo::example();
    // Carol wrote it, under an address that nobody lists.
    let (path, text) = stage.recommendation(AGENT, HIGH);
    let clone = stage.clone_of(AGENT).start();
    clone.write(&path, &text);
    let home = "carol@home.example";
    let commit = clone.commit_as(AGENTS_EMAIL, home, "Propose\n");
    clone.push("recommend/a");
    let clone = stage.clone_of("alice").start();
    clone.write("docs/a.md", "a");
    clone.commit_as("alice@example.org", home, "Document\n");
    clone.push("govern/b");
    stage.run();
    stage.read_all();
    let before = stage.main();
    let reason = format!(
        "the committer of commit {} is `{home}`, whom neither `rules/people.yaml` nor `rules/agents.yaml` lists, so it may be anybody's: \
         push a new head whose commits are by listed addresses (`git commit --amend --reset-author`)",
        &commit[..7]
    );
    has(
        &stage.approve(1, "carol"),
        &format!("it will not count: {reason}"),
    );
    has(
        &stage.approve(2, "carol"),
        "it will not count: the committer of commit",
    );
    stage.run();
    let said = stage.report(1);
    has(
        &said,
        "waiting: HIGH 75.00: waits for a head whose authors are known",
    );
    has(&said, "a commit is by nobody that the rules know");
    has(
        &said,
        &format!(
            "\nStill needed: a new head, because no approval counts for this one: {reason}.\n"
        ),
    );
    has_not(&said, "Who may give it");
    has(
        &stage.report(2),
        "waiting: governance change, HIGH: waits for a head whose authors are known",
    );
    stage.main_is_still(&before);
    // A clean head is approved as any other.
    let clone = stage.clone_of(AGENT).start();
    clone
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/a");
    stage.run();
    stage.read_all();
    stage.countersign(&["show", "1"]).succeeds();
    stage.approve(1, "carol");
    stage.run();
    has(&stage.report(1), "approved and merged");
    has(
        &stage
            .review(2, "carol", &["--reject", "other", "-m", "No."])
            .succeeds()
            .stdout,
        "`countersign run` closes it",
    );
    stage.run();
    stage.read_all();
    stage.verifies();
}

#[test]
fn where_nobody_is_asked_an_unknown_author_stops_nothing() {
    let mut stage = TestRepo::in_mode("auto_approve");
    propose_by(
        &stage,
        "a",
        AGENTS_EMAIL,
        "somebody@home.example",
        "Propose\n",
    );
    stage.run();
    has(&stage.report(1), "success: HIGH 75.00: merged by the bot");
    stage.verifies();
}

#[test]
fn a_change_that_leaves_no_admin_is_refused() {
    let mut stage = TestRepo::example();
    let people = stage.file("rules/people.yaml");
    let without = people.replace("members: [carol]", "members: []");
    stage.govern("alice", "a", &[("rules/people.yaml", &without)]);
    let team = people.replace("members: [carol]", "team: acme/admins");
    stage.govern("alice", "b", &[("rules/people.yaml", &team)]);
    let two = stage
        .file("rules/governance.yaml")
        .replace("HIGH: 1", "HIGH: 2");
    stage.govern("alice", "c", &[("rules/governance.yaml", &two)]);
    let more = people.replace("members: [carol]", "members: [carol, bob]");
    let both = [
        ("rules/governance.yaml", two.as_str()),
        ("rules/people.yaml", more.as_str()),
    ];
    stage.govern("alice", "d", &both);
    stage.run();
    has(
        &stage.report(1),
        "failure: invalid: rules/people.yaml: admins: nobody would administer, so the rules could never be changed again: \
         keep a member or a team",
    );
    has(
        &stage.report(2),
        "waiting: governance change, HIGH: needs 1 approval",
    );
    let locked = "2 admins would have to approve a change of the rules (`approvals.HIGH` in `rules/governance.yaml`), and 1 would \
                  count, so they could never be changed again: list as many, or ask for fewer";
    has(&stage.report(3), locked);
    has_not(&stage.report(4), "could never be changed again");
}

/// What the bot said last on a pull request, in its first line.
fn last_title(stage: &mut TestRepo, number: u64) -> String {
    let said = stage.said_on(number);
    stage.read_all();
    let last = said.last().unwrap();
    last.lines().next().unwrap().to_owned()
}

#[test]
fn a_no_on_one_branch_is_heard_on_every_branch_of_the_case() {
    let mut stage = TestRepo::example();
    stage.propose(AGENT, "a", MEDIUM);
    stage.run();
    let block = ["--request-changes", "--message", "It doubles the exposure."];
    stage.review(1, "bob", &block).succeeds();
    stage.run();
    let commit = stage.git(&["rev-parse", "refs/heads/recommend/a"]);
    stage.point("recommend/b", commit.trim());
    stage.run();
    let before = stage.main();
    stage.wait(TimeDelta::minutes(1));
    has(
        &stage.approve(2, "alice"),
        "it still waits for bob on #1, who requested changes",
    );
    stage.run();
    stage.main_is_still(&before);
    has(
        stage.said_on(2).last().unwrap(),
        "bob on #1 requested changes: it waits until they approve",
    );
    stage.wait(TimeDelta::minutes(1));
    // One that approves is heard on all, and counts where it was given.
    stage.approve(2, "bob");
    let ran = stage.countersign(&["run"]).succeeds();
    has(&ran.stdout, "1 merged, 0 closed, 1 waiting");
    let ran = stage.countersign(&["run"]).succeeds();
    has(&ran.stdout, "0 merged, 1 closed, 0 waiting");
    assert_eq!(
        last_title(&mut stage, 1),
        "success: the same case was decided as #2: approved"
    );
    let shown = stage.countersign(&["show", "1"]).succeeds().stdout;
    has(&shown, "the same case was decided as #2: approved");
    has_not(&shown, "merged");
    stage.verifies();
}

#[test]
fn a_rejection_or_a_withdrawal_on_one_branch_ends_the_case_and_says_where() {
    let mut stage = TestRepo::example();
    let id = stage.propose(AGENT, "a", MEDIUM);
    let commit = stage.git(&["rev-parse", "refs/heads/recommend/a"]);
    stage.point("recommend/b", commit.trim());
    stage.run();
    stage.approve(1, "alice");
    let reject = ["--reject", "too_risky", "--message", "Not this week."];
    stage.review(2, "bob", &reject).succeeds();
    stage.run();
    has(
        stage.said_on(1).last().unwrap(),
        "rejected by bob (too_risky)",
    );
    assert_eq!(
        last_title(&mut stage, 2),
        "failure: the same case was decided as #1: rejected"
    );
    let show = ["show", &id, "--format", "json"];
    let shown = stage.countersign(&show).succeeds().json();
    assert_eq!(shown["decision"]["rejection"]["pull"], 2);
    assert_eq!(shown["decision"]["pull"]["number"], 1);
    stage.verifies();

    let id = stage.propose(AGENT, "c", MEDIUM);
    let commit = stage.git(&["rev-parse", "refs/heads/recommend/c"]);
    stage.point("recommend/d", commit.trim());
    stage.run();
    stage.approve(3, "alice");
    stage.git(&["update-ref", "-d", "refs/heads/recommend/d"]);
    stage.run();
    has(stage.said_on(3).last().unwrap(), "withdrawn by its author");
    assert_eq!(
        last_title(&mut stage, 4),
        "failure: the same case was decided as #3: withdrawn"
    );
    let show = ["show", &id, "--format", "json"];
    let shown = stage.countersign(&show).succeeds().json();
    assert_eq!(shown["decision"]["withdrawn_on"], 4);
    stage.verifies();
}

#[test]
fn the_first_pull_request_with_an_id_owns_it() {
    let mut stage = TestRepo::example();
    // Another agent waits with a proposal of its own.
    let other = stage.propose("risk-manager", "old", MEDIUM);
    stage.run();
    stage.wait(TimeDelta::minutes(30));
    let (path, text) = stage.recommendation(AGENT, MEDIUM);
    let victim = stage.clone_of(AGENT).start();
    victim
        .write(&path, &text)
        .commit("Propose")
        .push("recommend/victim");
    let stolen = text
        .replace("agent: strategy-optimizer", "agent: risk-manager")
        .replace("targets: [rsi-eurusd]", "targets: [rsi-eurusd-draft]");
    stage.run();
    // It uses the same id, on a new branch and on the one that was there before.
    let thief = stage.clone_of("risk-manager").start();
    thief
        .write(&path, &stolen)
        .commit("Propose")
        .push("recommend/new");
    thief.git(&[
        "push",
        "-q",
        "-f",
        "origin",
        "HEAD:refs/heads/recommend/old",
    ]);
    let before = stage.main();
    stage.run();
    for number in [1, 3] {
        let title = last_title(&mut stage, number);
        has(&title, "failure: invalid:");
        has(
            &title,
            "2 of 'strategy-optimizer' was the first with this id, which is its own while it is open: take a fresh id ('countersign new')",
        );
    }
    stage.main_is_still(&before);
    let shown = stage.countersign(&["show", "3"]).succeeds().stdout;
    has(
        &shown,
        "#2 of `strategy-optimizer` was the first with this id",
    );
    stage.approve(2, "alice");
    stage.run();
    has(&last_title(&mut stage, 2), "approved and merged");
    let title = last_title(&mut stage, 3);
    has(&title, "this id is decided already");
    stage.read_all();
    stage.verifies();
    assert_ne!(other, "");
}

#[test]
fn an_approval_on_the_command_line_is_for_what_was_shown() {
    let mut stage = TestRepo::example();
    let push_another = |stage: &TestRepo, branch: &str, value: &str| {
        let clone = stage.clone_of(AGENT);
        clone.git(&["fetch", "-q", "origin"]);
        clone.git(&["checkout", "-q", "--detach", &format!("origin/{branch}")]);
        let path = clone.git(&["diff", "--name-only", "origin/main", "HEAD"]);
        let text = std::fs::read_to_string(clone.path.join(path.trim())).unwrap();
        let text = text
            .replace("stop_loss_pct: 4.5", "stop_loss_pct: 4")
            .replace("stop_loss_pct: 4", &format!("stop_loss_pct: {value}"));
        clone.write(path.trim(), &text).commit("More").push(branch);
        clone.git(&["rev-parse", "HEAD"]).trim().to_owned()
    };
    let heads = |stage: &TestRepo| {
        let shown = stage
            .countersign(&["show", "1", "--format", "json"])
            .succeeds();
        shown.json()["pull"]["head"].as_str().unwrap().to_owned()
    };
    stage.propose(AGENT, "a", MEDIUM);
    // Shown before the bot ever ran, and changed before it did.
    let first = heads(&stage);
    let second = push_another(&stage, "recommend/a", "4.9");
    let before = stage.main();
    let approve = ["--approve", "--message", "I've read it."];
    let refused = stage.review(1, "alice", &approve).exits(2);
    has(
        &refused.stderr,
        &format!(
            "you were shown its head {}, and #1 is now at {}: an approval is for what you have read. Read it with `countersign show 1`, then",
            &first[..7],
            &second[..7]
        ),
    );
    has(
        &refused.stderr,
        "countersign review 1 --as alice --approve --message 'I'\\''ve read it.' --now ",
    );
    has(&refused.stderr, &format!(" --head {second}\n"));
    stage.run();
    stage.main_is_still(&before);
    // A no is no risk.
    stage
        .review(1, "bob", &["--request-changes", "--message", "Wait."])
        .succeeds();
    stage.review(1, "bob", &["--dismiss"]).succeeds();
    assert_eq!(heads(&stage), second);
    has(
        &stage.review(1, "alice", &approve).succeeds().stdout,
        &format!(
            "recorded: approval of #1 at {}; `countersign run` merges it",
            &second[..7]
        ),
    );
    stage.run();
    stage.read_all();
    // Never shown: only what was never changed may be approved unnamed.
    stage.propose(
        AGENT,
        "b",
        &MEDIUM.replace("stop_loss_pct: 4", "stop_loss_pct: 4.5"),
    );
    stage.run();
    let head = push_another(&stage, "recommend/b", "4.8");
    let refused = stage.review(2, "alice", &approve).exits(2);
    has(
        &refused.stderr,
        &format!(
            "its head has changed since it was opened, and #2 is now at {}",
            &head[..7]
        ),
    );
    let named = [&approve[..], &["--head", &head]].concat();
    stage.review(2, "alice", &named).succeeds();
    stage.run();
    has(&last_title(&mut stage, 2), "approved and merged");
    stage.verifies();
}
