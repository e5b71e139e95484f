//! Who is behind an address on GitHub: its private ones name accounts, and its own committer is nobody.

use std::path::PathBuf;

use super::ways::{verified, with_teams};
use super::world::{GithubFixture, app, however_it_runs};
use super::{HIGH, LOW, MEDIUM, WHY};
use crate::double::{REPO, git_room};
use crate::support::{COUNTERSIGN, Ran, clean, has, has_not};

impl GithubFixture {
    /// The agent pushes its proposal with a commit by these addresses; gives the pull request's number.
    fn proposes_by(&self, author: &str, committer: &str, message: &str, body: &str) -> u64 {
        let (path, text) = self.example.recommendation("strategy-optimizer", body);
        let branch = format!("recommend/{}", path.split('/').nth(5).unwrap());
        let agent = self.github.agent("strategy-optimizer");
        agent.pushes_branch("prepared", &[(&path, &text)]);
        let clone = self.clone_of("strategy-optimizer");
        let mut amend = git_room::command(&clone);
        amend
            .args(["commit", "-q", "--amend", "--reset-author", "-m", message])
            .env("GIT_AUTHOR_NAME", "Somebody")
            .env("GIT_AUTHOR_EMAIL", author)
            .env("GIT_COMMITTER_NAME", "Somebody")
            .env("GIT_COMMITTER_EMAIL", committer);
        git_room::run(&mut amend);
        agent
            .tries_to_push(REPO, &clone, &format!("+HEAD:refs/heads/{branch}"))
            .unwrap();
        agent.opens_pull_of(&branch, &branch)
    }

    fn clone_of(&self, login: &str) -> PathBuf {
        let folder = self.github.folder().join("clones");
        folder.join(format!("{login}-acme-governance"))
    }

    fn private_address(&self, login: &str) -> String {
        let id = self.github.id_of(login);
        format!("{id}+{login}@users.noreply.github.com")
    }
}

const AGENT: &str = "strategy-optimizer@agents.example.org";

#[test]
fn a_private_address_is_the_persons_own() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let alice = fixture.private_address("alice");
        let old = "Alice@users.noreply.GitHub.com";
        let co_author = format!("Propose\n\nCo-authored-by: A <{alice}>\n");
        let proposals = [
            (
                fixture.proposes_by(&alice, AGENT, "Propose\n", MEDIUM),
                "author",
            ),
            (
                fixture.proposes_by(AGENT, old, "Propose\n", MEDIUM),
                "committer",
            ),
            (
                fixture.proposes_by(AGENT, AGENT, &co_author, MEDIUM),
                "co-author",
            ),
        ];
        fixture.hears();
        for (number, noun) in proposals {
            // Somebody whom the rules know, so nothing makes it HIGH.
            has(
                &fixture.check(number),
                // The second and third find its value already there.
                "in_progress: MEDIUM ",
            );
            fixture.github.user("alice").approves(number, "Fine.");
            fixture.hears();
            has(
                &fixture.check(number),
                &format!("not counted: the review of `alice`: `alice` is the {noun} of commit"),
            );
            fixture.github.user("bob").approves(number, "Fine.");
            fixture.hears();
            assert!(fixture.github.pull(number).merged_at.is_some());
        }
        fixture.github.read_all();
        assert_eq!(verified(&fixture.github).findings, []);
        fixture
    });
}

#[test]
fn a_private_address_is_a_members_who_is_known_through_a_team() {
    let mut fixture = GithubFixture::with(app, with_teams);
    // The rules were changed behind the bot's back, to begin with.
    let at_first = verified(&fixture.github).findings;
    let alice = fixture.private_address("alice");
    let number = fixture.proposes_by(&alice, AGENT, "Propose\n", MEDIUM);
    let alone = fixture.proposes_by(&alice, AGENT, "Propose\n", LOW);
    fixture.hears();
    has(
        &fixture.check(alone),
        "success: LOW 0.00: merged by the bot",
    );
    has(&fixture.check(number), "in_progress: MEDIUM 55.00");
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.hears();
    has(&fixture.check(number), "`alice` is the author of commit");
    fixture.github.user("bob").approves(number, "Fine.");
    fixture.hears();
    assert!(fixture.github.pull(number).merged_at.is_some());
    fixture.github.read_all();
    has(&fixture.github.log().join("\n"), "decision: approve");
    assert_eq!(verified(&fixture.github).findings, at_first);
}

#[test]
fn a_backtest_has_the_members_that_a_team_had_at_each_decision() {
    let mut fixture = GithubFixture::with(app, |example| {
        let (before, after) = ("low_up_to: 30", "low_up_to: 29");
        example.edit_on_main("rules/governance.yaml", before, after);
        with_teams(example);
    });
    fixture.github.has_team("reviewers", &["alice"]);
    fixture.restarts(true);
    let (alice, bob) = (
        fixture.private_address("alice"),
        fixture.private_address("bob"),
    );
    let members = fixture.proposes_by(&alice, AGENT, "Propose\n", MEDIUM);
    let strangers = fixture.proposes_by(&bob, AGENT, "Propose\n", MEDIUM);
    fixture.hears();
    has(&fixture.check(members), "in_progress: MEDIUM 55.00");
    has(&fixture.check(strangers), "in_progress: HIGH 75.00");
    fixture.github.user("carol").approves(members, "Fine.");
    let no = "/reject other: by whom?";
    fixture.github.user("carol").comments(strangers, no);
    fixture.hears();
    assert!(fixture.github.pull(members).merged_at.is_some());
    // One leaves, another one joins: of the decisions that were made nothing changes.
    fixture.github.has_team("reviewers", &["bob"]);
    fixture.restarts(true);
    let rules = fixture.github.file("rules/governance.yaml");
    let rules = rules.replace("low_up_to: 29", "low_up_to: 30");
    let files = [("rules/governance.yaml", rules.as_str())];
    let change = fixture.github.user("dana").opens_pull("govern/a", &files);
    fixture.hears();
    let nothing = "2 past decisions replayed: 0 would have had another level, 0 been asked of other people.\n";
    has(&fixture.check(change), nothing);
    let mut backtest = std::process::Command::new(COUNTERSIGN);
    backtest.args(["backtest", "--rules", "govern/a", "--repo"]);
    backtest.arg(fixture.github.repository());
    clean(&mut backtest, "auditor@example.org");
    let ran = Ran::of(&backtest.output().unwrap()).succeeds();
    has(&ran.stdout, nothing);
    fixture.github.read_all();
}

#[test]
fn githubs_own_committer_is_neither_somebody_nor_unknown() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let number = fixture.proposes_by(AGENT, "noreply@github.com", "Propose\n", LOW);
        let alice = "alice@example.org";
        let edited = fixture.proposes_by(alice, "noreply@github.com", "Propose\n", MEDIUM);
        // As an author it is nobody.
        let authored = fixture.proposes_by("noreply@github.com", AGENT, "Propose\n", MEDIUM);
        fixture.hears();
        has(
            &fixture.check(number),
            "success: LOW 0.00: merged by the bot",
        );
        fixture.github.user("alice").approves(edited, "Fine.");
        fixture.hears();
        has(&fixture.check(edited), "`alice` is the author of commit");
        has_not(&fixture.check(edited), "by nobody that the rules know");
        has(&fixture.check(authored), "by nobody that the rules know");
        fixture.github.read_all();
        assert_eq!(verified(&fixture.github).findings, []);
        fixture
    });
}

#[test]
fn a_login_alone_does_not_count_for_what_is_high() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running_with(running, |example| {
            let people = example.file("rules/people.yaml");
            let start = people.find("  carol: {id: ").unwrap() + "  carol: {".len();
            let end = start + people[start..].find("emails").unwrap();
            let people = format!("{}{}", &people[..start], &people[end..]);
            example.commit_to_main(&[("rules/people.yaml", Some(&people))]);
        });
        let at_first = verified(&fixture.github).findings;
        let (medium, high) = (fixture.proposes(MEDIUM), fixture.proposes(HIGH));
        let change = fixture
            .github
            .user("alice")
            .opens_pull("govern/a", &[("docs/a.md", "a")]);
        fixture.hears();
        let alone = "`rules/people.yaml` knows `carol` by a login alone, which may become anybody's: add to `carol` there";
        for number in [high, change] {
            has(
                &fixture.check(number),
                &format!(
                    "Not asked: {alone} `id: …`, the number that `gh api users/carol --jq .id` prints."
                ),
            );
        }
        for number in [medium, high, change] {
            fixture.github.user("carol").approves(number, WHY);
        }
        fixture.hears();
        let id = fixture.github.id_of("carol");
        for number in [high, change] {
            has(
                &fixture.check(number),
                &format!(
                    "not counted: the review of `carol`: {alone} `id: {id}`, if that account is theirs\n"
                ),
            );
            assert!(fixture.github.pull(number).open);
        }
        assert!(fixture.github.pull(medium).merged_at.is_some());
        fixture.github.read_all();
        assert_eq!(verified(&fixture.github).findings, at_first);
        fixture
    });
}

#[test]
fn a_change_that_leaves_only_admins_without_an_id_is_refused() {
    however_it_runs(|running| {
        let mut fixture = GithubFixture::running(running);
        let people = fixture.github.file("rules/people.yaml");
        let wrong = people.replace(&format!("id: {}, ", fixture.github.id_of("carol")), "");
        assert_ne!(people, wrong);
        let files = [("rules/people.yaml", wrong.as_str())];
        let number = fixture.github.user("alice").opens_pull("govern/a", &files);
        fixture.hears();
        has(
            &fixture.check(number),
            "rules/people.yaml: admins: no admin would have the numeric `id` of their account, without which they do not count on GitHub",
        );
        fixture.github.read_all();
        fixture
    });
}
