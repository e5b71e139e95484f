//! The other ways to work: with a token, inside GitHub Actions, with teams, from forks, with several repositories.

use std::sync::Arc;

use chrono::TimeDelta;
use countersign::bot::Bot;
use countersign::forge::Forge as _;
use countersign::forge::github::{Auth, Connection, GithubConfig, GithubForge, webhook};

use countersign::git::Repository;
use countersign::ledger::verify::{Verification, verify};

use super::world::{GithubFixture, app};
use super::{HIGH, LOW, MEDIUM, WHY};
use crate::double::{Fault, GithubStage, ORG, REPO};
use crate::support::{TestRepo, has};

const PULLS: &str = "/repos/{owner}/{repo}/pulls";
const TEAMS: &[(&str, &str)] = &[
    ("members: [alice, bob]", "team: acme/reviewers"),
    ("members: [carol]", "team: acme/admins"),
];

pub fn with_teams(example: &TestRepo) {
    let mut people = example.file("rules/people.yaml");
    for (from, to) in TEAMS {
        assert!(people.contains(from), "{people}");
        people = people.replace(from, to);
    }
    // Nobody is listed by name: only the teams say who they are.
    let start = people.find("\npeople:").unwrap();
    let end = people.find("\nreviewers:").unwrap();
    people.replace_range(
        start..end,
        "\npeople:\n  dana: {emails: [dana@example.org]}\n",
    );
    example.commit_to_main(&[("rules/people.yaml", Some(&people))]);
}

#[test]
fn a_personal_token_sets_a_status_and_the_comment() {
    let mut fixture = GithubFixture::with(
        |github| Auth::Token(github.personal_token("carol").into()),
        |_| {},
    );
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    let statuses = || {
        fixture.github.world(|world| {
            let repo = &world.repos["acme/governance"];
            repo.statuses
                .iter()
                .map(|status| {
                    (
                        status.state.clone(),
                        status.description.clone().unwrap_or_default(),
                    )
                })
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(statuses().last().unwrap().0, "pending");
    has(
        &statuses().last().unwrap().1,
        "MEDIUM 55.00: needs 1 approval by a reviewer",
    );
    assert!(fixture.github.find_check_run(number).is_none());
    assert_eq!(fixture.github.all_comments(number).len(), 1);
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.hears();
    assert!(fixture.github.pull(number).merged_at.is_some());
    assert_eq!(
        fixture.github.world(|world| world.repos["acme/governance"]
            .statuses
            .last()
            .unwrap()
            .state
            .clone()),
        "success"
    );
    fixture.costs_at_most(6);
    // Read back after a restart, nothing of it is written again.
    fixture.restarts(true);
    fixture.github.forget_calls();
    fixture.runs();
    assert_eq!(
        fixture.github.calls().under_test().api().writes().count(),
        0
    );
    fixture.github.read_all();
}

#[test]
fn a_job_in_github_actions_needs_no_webhook_and_no_team() {
    let mut fixture = GithubFixture::with(
        |github| Auth::Actions(github.actions_token().into()),
        with_teams,
    );
    let low = fixture.proposes(LOW);
    let medium = fixture.proposes(MEDIUM);
    fixture.restarts(true);
    fixture.runs();
    has(&fixture.check(low), "success: LOW");
    has(&fixture.check(medium), "needs 1 approval by a reviewer");
    // Who is in the team cannot be asked here, so nobody is taken for a member.
    fixture.github.user("alice").approves(medium, "Fine.");
    fixture.restarts(true);
    fixture.runs();
    assert!(fixture.github.pull(medium).open);
    has(&fixture.check(medium), "not counted: the review of `alice`");
    fixture.github.read_all();
}

#[test]
fn teams_say_who_reviews_and_who_administers() {
    let mut fixture = GithubFixture::with(app, with_teams);
    // The rules were changed behind the bot's back, to begin with.
    let at_first = verified(&fixture.github).findings;
    let (medium, high) = (fixture.proposes(MEDIUM), fixture.proposes(HIGH));
    fixture.hears();
    assert_eq!(fixture.github.pull(medium).asked_teams, ["reviewers"]);
    assert_eq!(fixture.github.pull(high).asked_teams, ["admins"]);
    fixture.github.user("alice").approves(high, WHY);
    fixture.github.user("dana").approves(medium, "Fine.");
    fixture.hears();
    assert!(fixture.github.pull(medium).open && fixture.github.pull(high).open);
    fixture.github.user("bob").approves(medium, "Fine.");
    fixture.github.user("carol").approves(high, WHY);
    fixture.hears();
    assert!(fixture.github.pull(medium).merged_at.is_some());
    assert!(fixture.github.pull(high).merged_at.is_some());
    // Two of the fourteen for each approval that did not count: the check and the comment say why.
    fixture.costs_at_most(14);
    fixture.github.read_all();
    // A clone cannot ask who was in a team, and believes no more of it than the record says.
    let proved = verified(&fixture.github);
    assert_eq!(proved.findings, at_first, "{:#?}", proved.findings);
    assert_eq!(proved.by_team, 2);
}

pub fn verified(github: &GithubStage) -> Verification {
    let repo = Repository::open(&github.repository()).unwrap();
    verify(&repo, None, &mut |_, _| {}).unwrap()
}

#[test]
fn the_teams_are_asked_once_and_not_for_each_pull_request() {
    let mut fixture = GithubFixture::with(app, with_teams);
    let number = fixture.proposes(MEDIUM);
    fixture.hears();
    fixture.github.user("bob").approves(number, "Fine.");
    fixture.hears();
    assert!(fixture.github.pull(number).merged_at.is_some());
    fixture.costs_at_most(5);
    fixture.github.read_all();
}

#[test]
fn a_forks_pull_request_is_like_any_other() {
    let mut fixture = GithubFixture::new();
    let (path, text) = fixture.example.recommendation("strategy-optimizer", MEDIUM);
    let number = fixture
        .github
        .agent("strategy-optimizer")
        .opens_pull_from_fork("recommend/fork", &[(&path, &text)]);
    fixture.hears();
    has(&fixture.check(number), "needs 1 approval by a reviewer");
    fixture.github.user("alice").approves(number, "Fine.");
    fixture.github.deletes_fork("strategy-optimizer/governance");
    fixture.hears();
    assert!(fixture.github.pull(number).merged_at.is_some());
    fixture.github.read_all();
    // GitHub's own description of this webhook forgets that a fork can be gone.
    let odd = fixture.github.take_violations();
    assert!(
        odd.iter()
            .all(|text| text.contains("/pull_request/head/repo")),
        "{odd:?}"
    );
}

#[test]
fn lists_are_read_to_their_last_page() {
    let mut fixture = GithubFixture::new();
    let numbers: Vec<u64> = (0..3).map(|_| fixture.proposes(MEDIUM)).collect();
    fixture.github.pages_of(1);
    for login in ["dana", "bob"] {
        fixture.github.user(login).comments(numbers[2], "Hm.");
        fixture
            .github
            .user(login)
            .reviews(numbers[2], "COMMENT", "Hm.");
    }
    fixture.github.user("alice").approves(numbers[2], "Fine.");
    fixture.restarts(true);
    fixture.runs();
    assert!(fixture.github.pull(numbers[2]).merged_at.is_some());
    assert!(fixture.github.pull(numbers[0]).open);
    fixture.github.read_all();
}

fn minted(github: &GithubStage) -> usize {
    let route = "/app/installations/{installation_id}/access_tokens";
    github.calls().to("POST", route).count()
}

#[test]
fn a_token_is_minted_once_for_all_who_wait() {
    let fixture = GithubFixture::new();
    let forge = fixture.another_forge(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut forge = forge.clone();
            scope.spawn(move || forge.team_members("acme/admins").unwrap());
        }
    });
    assert_eq!(minted(&fixture.github), 1);
    // One that is about to end is replaced before it does.
    fixture.github.wait(TimeDelta::minutes(-57));
    let mut forge = fixture.another_forge(9);
    for team in ["acme/admins", "acme/reviewers"] {
        forge.team_members(team).unwrap();
    }
    assert_eq!(minted(&fixture.github), 3);
}

#[test]
fn one_server_serves_several_repositories() {
    let fixture = GithubFixture::new();
    fixture.github.world(|world| {
        world.add_repo(ORG, "second", None);
        world.app.repos.insert(format!("{ORG}/second"));
    });
    let connection = Arc::new(Connection::new(fixture.github.url(), app(&fixture.github)).unwrap());
    let mut forges = Vec::new();
    for name in ["governance", "second"] {
        let config = GithubConfig {
            repository: format!("{ORG}/{name}"),
            clone_path: fixture.github.folder().join(name),
            git_url: None,
        };
        let forge = GithubForge::new(Arc::clone(&connection), config).unwrap();
        let main = forge
            .open_clone()
            .unwrap()
            .find_ref("refs/heads/main")
            .unwrap();
        assert_eq!(
            main.is_some(),
            name == "governance",
            "the second one is empty yet"
        );
        forges.push(forge);
    }
    assert_eq!(minted(&fixture.github), 1);
    // An event is for the forge of its repository only.
    fixture.proposes(MEDIUM);
    let opened = fixture.github.waiting();
    let opened = opened
        .iter()
        .find(|one| one.event == "pull_request")
        .unwrap();
    let heard = forges.iter().map(|forge| {
        let event = webhook::parse(&opened.event, opened.body.as_bytes()).unwrap();
        forge.on_event(event.unwrap())
    });
    assert_eq!(heard.collect::<Vec<_>>(), [true, false]);
}

#[cfg(unix)]
#[test]
fn a_clone_that_a_group_may_read_stays_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut fixture = GithubFixture::new();
    fixture.proposes(MEDIUM);
    let folder = fixture.github.folder().to_owned();
    let clone_path = folder.join("shared.git");
    let init = ["init", "-q", "--bare", "--shared=0640", "shared.git"];
    crate::support::git(&folder, "root@example.org", &init);
    let connection = Arc::new(Connection::new(fixture.github.url(), app(&fixture.github)).unwrap());
    let config = GithubConfig {
        repository: REPO.to_owned(),
        clone_path: clone_path.clone(),
        git_url: None,
    };
    let forge = GithubForge::new(connection, config).unwrap();
    let (repo, now) = (forge.open_clone().unwrap(), fixture.github.now());
    let mut bot = Bot::new(repo, Box::new(forge), Box::new(move || now));
    bot.run(&mut |_, _| ()).unwrap();
    let (mut folders, mut packs) = (vec![clone_path.clone()], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&clone_path).unwrap().to_str().unwrap();
            if name.starts_with("hooks/") {
                continue;
            }
            let expected = match (path.is_dir(), name.starts_with("objects/")) {
                (true, _) => 0o2750,
                (false, true) => 0o440,
                (false, false) => 0o640,
            };
            let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, expected, "{name}: {mode:o}");
            packs += usize::from(name.ends_with(".pack"));
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    assert!(packs > 0 && clone_path.join("countersign-pulls.json").exists());
    fixture.hears();
    fixture.github.read_all();
}

#[test]
fn a_limit_of_one_organisation_holds_up_no_other() {
    let fixture = GithubFixture::new();
    let (github, main) = (&fixture.github, &fixture.example.repo);
    github.app_is_installed_by("beta", 8151, "oversight", main);
    let connection = Arc::new(Connection::new(github.url(), app(github)).unwrap());
    let mut forges = [REPO, "beta/oversight"].map(|name| {
        let config = GithubConfig {
            repository: name.to_owned(),
            clone_path: github.folder().join(name.replace('/', "-")),
            git_url: None,
        };
        let forge = GithubForge::new(Arc::clone(&connection), config).unwrap();
        let clone = forge.open_clone().unwrap();
        (forge, clone)
    });
    github.fault(Fault::rate_limited(3600).on("GET", PULLS));
    let now = github.now();
    for expected in [1, 0] {
        github.forget_calls();
        let (forge, clone) = &mut forges[0];
        let error = forge.open_pulls(clone, now).unwrap_err().to_string();
        has(&error, "GitHub's rate limit is used up");
        let asked = github.calls().under_test().to("GET", PULLS).count();
        assert_eq!(asked, expected, "it is not asked before that is over");
    }
    let (forge, clone) = &mut forges[1];
    assert_eq!(forge.open_pulls(clone, now).unwrap(), []);
    assert!(github.calls().under_test().to("GET", PULLS).count() > 0);
}
