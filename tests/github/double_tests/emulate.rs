//! This double and the GitHub of others are asked the same, and must say the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Stage;
use crate::double::emulate::Emulated;
use crate::double::{INSTALLATION, Response, ask};

/// One question, and what of the answer is compared.
struct Step {
    who: &'static str,
    method: &'static str,
    path: &'static str,
    body: Value,
    /// Pointers into the answer.
    same: &'static [&'static str],
}

const fn step(
    who: &'static str,
    method: &'static str,
    path: &'static str,
    same: &'static [&'static str],
) -> Step {
    Step {
        who,
        method,
        path,
        body: Value::Null,
        same,
    }
}

fn with(step: Step, body: Value) -> Step {
    Step { body, ..step }
}

/// What a bot and its people do, as far as `emulate` goes.
fn story() -> Vec<Step> {
    let agent = "strategy-optimizer";
    vec![
        step("alice", "GET", "/user", &["/login", "/type"]),
        step("alice", "GET", "/users/nobody-at-all", &["/message"]),
        step(
            "alice",
            "GET",
            "/repos/acme/governance",
            &["/full_name", "/default_branch", "/owner/login"],
        ),
        step("alice", "GET", "/repos/acme/nothing", &["/message"]),
        with(
            step(
                agent,
                "POST",
                "/repos/acme/governance/pulls",
                &[
                    "/number",
                    "/state",
                    "/title",
                    "/user/login",
                    "/head/ref",
                    "/base/ref",
                    "/draft",
                    "/merged",
                    "/body",
                ],
            ),
            json!({"title": "A", "head": "recommend/a", "base": "main", "body": "As discussed."}),
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/pulls?state=open",
            &["/0/number", "/0/state", "/0/head/ref", "/1"],
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/pulls?state=closed",
            &["/0"],
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/pulls/7",
            &["/message"],
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/pulls/1/files",
            &["/0/filename", "/0/status", "/1"],
        ),
        with(
            step(
                "alice",
                "POST",
                "/repos/acme/governance/issues/1/comments",
                &["/body", "/user/login"],
            ),
            json!({"body": "Hello."}),
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/issues/1/comments",
            &["/0/body", "/0/user/login", "/1"],
        ),
    ]
}

/// What people say to it.
fn story_of_the_people() -> Vec<Step> {
    vec![
        with(
            step(
                "alice",
                "POST",
                "/repos/acme/governance/pulls/1/reviews",
                &["/state", "/body", "/user/login"],
            ),
            json!({"event": "APPROVE", "body": "Good."}),
        ),
        with(
            step(
                "bob",
                "POST",
                "/repos/acme/governance/pulls/1/reviews",
                &["/state", "/body", "/user/login"],
            ),
            json!({"event": "REQUEST_CHANGES", "body": "Not so good."}),
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/pulls/1/reviews",
            &["/0/state", "/0/user/login", "/1/state", "/2"],
        ),
        with(
            step(
                "carol",
                "POST",
                "/repos/acme/governance/labels",
                &["/name", "/color"],
            ),
            json!({"name": "risk", "color": "ff0000"}),
        ),
        with(
            step(
                "carol",
                "POST",
                "/repos/acme/governance/issues/1/labels",
                &["/0/name", "/1"],
            ),
            json!({"labels": ["risk"]}),
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/issues/1/labels",
            &["/0/name", "/1"],
        ),
    ]
}

/// What the App does.
fn story_of_the_app() -> Vec<Step> {
    vec![
        step("the app itself", "GET", "/app", &["/id", "/slug"]),
        step(
            "the app itself",
            "GET",
            "/repos/acme/governance/installation",
            &["/id", "/app_id", "/account/login"],
        ),
        step(
            "app",
            "GET",
            "/orgs/acme/teams/reviewers/memberships/alice",
            &["/state"],
        ),
        step(
            "app",
            "GET",
            "/orgs/acme/teams/reviewers/memberships/carol",
            &["/message"],
        ),
        step(
            "app",
            "GET",
            "/orgs/acme/teams/nobodies/memberships/alice",
            &["/message"],
        ),
        with(
            step(
                "app",
                "POST",
                "/repos/acme/governance/issues/1/comments",
                &["/body", "/user/login", "/user/type"],
            ),
            json!({"body": "waiting: MEDIUM 55.00"}),
        ),
        with(
            step(
                "app",
                "POST",
                "/repos/acme/governance/check-runs",
                &[
                    "/name",
                    "/status",
                    "/conclusion",
                    "/output/title",
                    "/head_sha",
                ],
            ),
            json!({"name": "countersign", "head_sha": "HEAD", "status": "in_progress", "output": {"title": "MEDIUM 55.00", "summary": "waits"}}),
        ),
        with(
            step(
                "app",
                "POST",
                "/repos/acme/governance/check-runs",
                &["/name", "/status", "/conclusion", "/app/slug"],
            ),
            json!({"name": "countersign", "head_sha": "HEAD", "status": "completed", "conclusion": "success"}),
        ),
        step(
            "app",
            "GET",
            "/repos/acme/governance/commits/HEAD/check-runs?check_name=countersign",
            &["/total_count", "/check_runs/0/conclusion"],
        ),
        with(
            step("alice", "POST", "/repos/acme/governance/check-runs", &[]),
            json!({"name": "countersign", "head_sha": "HEAD"}),
        ),
        with(
            step(
                "app",
                "POST",
                "/repos/acme/governance/pulls/1/requested_reviewers",
                &["/requested_reviewers/0/login", "/requested_reviewers/1"],
            ),
            json!({"reviewers": ["dana"]}),
        ),
    ]
}

/// How it ends.
fn end_of_the_story() -> Vec<Step> {
    vec![
        step(
            "carol",
            "DELETE",
            "/repos/acme/governance/issues/1/labels/risk",
            &["/0"],
        ),
        with(
            step(
                "carol",
                "PATCH",
                "/repos/acme/governance/pulls/1",
                &["/state", "/merged"],
            ),
            json!({"state": "closed"}),
        ),
        with(
            step(
                "carol",
                "PATCH",
                "/repos/acme/governance/pulls/1",
                &["/state", "/closed_at"],
            ),
            json!({"state": "open"}),
        ),
        with(
            step(
                "carol",
                "PUT",
                "/repos/acme/governance/pulls/1/merge",
                &["/merged"],
            ),
            json!({}),
        ),
        step(
            "alice",
            "GET",
            "/repos/acme/governance/pulls/1",
            &["/state", "/merged", "/merged_by/login"],
        ),
    ]
}

/// Where `emulate` differs from GitHub's own description or lacks something; each must still be so, or it goes.
const NOT_AS_GITHUB: &[(&str, &str)] = &[
    // Files that came by its own contents API are in no pull request.
    ("GET /repos/acme/governance/pulls/1/files", "/0/filename"),
    ("GET /repos/acme/governance/pulls/1/files", "/0/status"),
    // GitHub answers 200 to a new review, and 201 to who asks for one.
    ("POST /repos/acme/governance/pulls/1/reviews", "200 and 201"),
    (
        "POST /repos/acme/governance/pulls/1/requested_reviewers",
        "201 and 200",
    ),
    // It lets anybody write checks, and forgets who wrote them.
    ("POST /repos/acme/governance/check-runs", "403 and 201"),
    ("POST /repos/acme/governance/check-runs", "/app/slug"),
];

/// Both, with what a step needs that differs between them.
struct Side {
    url: String,
    tokens: Box<dyn Fn(&str) -> String>,
    head: String,
}

impl Side {
    fn asks(&self, step: &Step) -> Response {
        let body = step.body.to_string().replace("HEAD", &self.head);
        let body = (!step.body.is_null()).then(|| serde_json::from_str(&body).unwrap());
        let path = step.path.replace("HEAD", &self.head);
        ask(
            &format!("{}{path}", self.url),
            &(self.tokens)(step.who),
            step.method,
            body.as_ref(),
        )
    }
}

/// Asks both, and notes where they differ.
fn compare(sides: [&Side; 2], story: &[Step], differences: &mut Vec<(String, String)>) {
    for step in story {
        let [one, other] = sides.map(|side| side.asks(step));
        let name = format!("{} {}", step.method, step.path);
        if one.status != other.status {
            differences.push((name, format!("{} and {}", one.status, other.status)));
            continue;
        }
        for pointer in step.same {
            let [left, right] = [&one, &other].map(|answer| answer.body.pointer(pointer).cloned());
            // Commits are each one's own.
            let own = pointer.ends_with("/head_sha")
                && left == Some(json!(sides[0].head))
                && right == Some(json!(sides[1].head));
            if left != right && !own {
                differences.push((name.clone(), format!("at {pointer} {left:?} and {right:?}")));
            }
        }
    }
}

fn token_of_the_app(url: &str, jwt: &str) -> String {
    let path = format!("{url}/app/installations/{INSTALLATION}/access_tokens");
    ask(&path, jwt, "POST", None).gives(201)["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Makes in the other one what the stage begins with.
fn prepared(theirs: &Emulated) {
    for team in ["reviewers", "admins"] {
        theirs
            .asks(
                "carol",
                "POST",
                "/orgs/acme/teams",
                Some(&json!({"name": team})),
            )
            .gives(201);
    }
    for login in ["alice", "bob"] {
        let path = format!("/orgs/acme/teams/reviewers/memberships/{login}");
        theirs
            .asks("carol", "PUT", &path, Some(&json!({"role": "member"})))
            .gives(200);
    }
    let main = theirs
        .asks(
            "carol",
            "GET",
            "/repos/acme/governance/git/ref/heads/main",
            None,
        )
        .gives(200);
    let branch = json!({"ref": "refs/heads/recommend/a", "sha": main["object"]["sha"]});
    theirs
        .asks(
            "carol",
            "POST",
            "/repos/acme/governance/git/refs",
            Some(&branch),
        )
        .gives(201);
    let file = json!({"message": "a", "branch": "recommend/a", "content": "YTogMQo="});
    theirs
        .asks(
            "carol",
            "PUT",
            "/repos/acme/governance/contents/a.yaml",
            Some(&file),
        )
        .gives(201);
}

#[test]
fn both_say_the_same() {
    let (ours, theirs) = (Stage::new(), Emulated::new());
    let head = ours
        .agent("strategy-optimizer")
        .pushes_branch("recommend/a", &[("a.yaml", "a: 1\n")]);
    prepared(&theirs);
    let jwt = ours.app_jwt();
    let people = ["alice", "bob", "carol", "dana", "strategy-optimizer"];
    let known: BTreeMap<&str, String> = people.map(|login| (login, ours.token_of(login))).into();
    let (app_here, app_there) = (
        token_of_the_app(ours.url(), &jwt),
        token_of_the_app(&theirs.url, &jwt),
    );
    let also = jwt.clone();
    let one = Side {
        url: ours.url().to_owned(),
        tokens: Box::new(move |who| match who {
            "app" => app_here.clone(),
            "the app itself" => jwt.clone(),
            login => known[login].clone(),
        }),
        head,
    };
    let mut other = Side {
        url: theirs.url.clone(),
        tokens: Box::new(move |who| match who {
            "app" => app_there.clone(),
            "the app itself" => also.clone(),
            login => format!("token-{login}"),
        }),
        head: String::new(),
    };
    let mut differences = Vec::new();
    compare([&one, &other], &story(), &mut differences);
    compare([&one, &other], &story_of_the_people(), &mut differences);
    let shown = theirs
        .asks("alice", "GET", "/repos/acme/governance/pulls/1", None)
        .gives(200);
    shown["head"]["sha"]
        .as_str()
        .unwrap()
        .clone_into(&mut other.head);
    compare([&one, &other], &story_of_the_app(), &mut differences);
    compare([&one, &other], &end_of_the_story(), &mut differences);
    let is_known = |found: &(String, String), known: &(&str, &str)| {
        found.0 == known.0 && found.1.contains(known.1)
    };
    let gone: Vec<_> = NOT_AS_GITHUB
        .iter()
        .filter(|known| !differences.iter().any(|found| is_known(found, known)))
        .collect();
    assert!(gone.is_empty(), "no longer different: {gone:?}");
    differences.retain(|found| !NOT_AS_GITHUB.iter().any(|known| is_known(found, known)));
    assert!(differences.is_empty(), "{differences:#?}");
    ours.read_all();
}
