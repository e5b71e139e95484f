//! Reviews, and who was asked for one.

use serde_json::{Value, json};

use super::super::world::{Kind, Review, World};
use super::{
    Answer, Handled, Request, allowed, created, not_found, ok, page, pull, refused, unprocessable,
};

pub fn list(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    allowed(world, request, "pull_requests", "read")?;
    let reviews = &world.repos[&name].pulls[&number].reviews;
    let items: Vec<Value> = reviews
        .iter()
        .map(|review| world.review(&name, number, review))
        .collect();
    Ok(page(world, request, &items))
}

fn find(world: &World, request: &Request) -> Result<(String, u64, Review), Answer> {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    let id = request.number("review_id");
    let mut reviews = world.repos[&name].pulls[&number].reviews.iter();
    let found = reviews
        .find(|review| review.id == id)
        .cloned()
        .ok_or_else(not_found)?;
    Ok((name, number, found))
}

pub fn one(world: &mut World, request: &Request) -> Handled {
    let (name, number, found) = find(world, request)?;
    ok(world.review(&name, number, &found))
}

pub fn make(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    allowed(world, request, "pull_requests", "write")?;
    let by = request.actor.login.clone();
    let known = &world.repos[&name].pulls[&number];
    let body = request.text("body").unwrap_or_default().to_owned();
    let state = match request.text("event") {
        Some("APPROVE") => "APPROVED",
        Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
        Some("COMMENT") => "COMMENTED",
        _ => "PENDING",
    };
    if known.author == by && state == "APPROVED" {
        return Err(unprocessable("Can not approve your own pull request"));
    }
    if known.author == by && state == "CHANGES_REQUESTED" {
        return Err(unprocessable(
            "Can not request changes on your own pull request",
        ));
    }
    if body.is_empty() && matches!(state, "CHANGES_REQUESTED" | "COMMENTED") {
        return Err(unprocessable("Body can't be blank"));
    }
    let head = known.head_sha.clone();
    let commit = request.text("commit_id").map_or(head, str::to_owned);
    let id = world.fresh_id();
    let made = Review {
        id,
        author: by.clone(),
        body: body.clone(),
        state: state.to_owned(),
        commit,
        at: world.now,
        edited: None,
    };
    let pull = world.pull_mut(&name, number);
    pull.reviews.push(made.clone());
    // Who reviewed is no longer asked to.
    pull.asked_users.retain(|login| *login != by);
    if request.actor.under_test && !body.is_empty() {
        world.said.push((name.clone(), number, body));
    }
    tell(world, &name, number, &made, ("submitted", &by));
    ok(world.review(&name, number, &made))
}

/// Somebody edits the text of a review on its page.
pub fn edit(world: &mut World, name: &str, (number, id): (u64, u64), by: &str, text: &str) {
    let now = world.now;
    let pull = world.pull_mut(name, number);
    let found = pull
        .reviews
        .iter_mut()
        .find(|review| review.id == id)
        .unwrap();
    let old = std::mem::replace(&mut found.body, text.to_owned());
    found.edited = Some((now, by.to_owned()));
    let made = found.clone();
    let payload = json!({
        "action": "edited",
        "changes": {"body": {"from": old}},
        "review": told(world, name, number, &made),
        "pull_request": world.pull(name, number, false),
    });
    world.tell(name, by, "pull_request_review", payload);
}

pub fn dismiss(world: &mut World, request: &Request) -> Handled {
    let (name, number, found) = find(world, request)?;
    if world.power(&request.actor, &name) < 2 {
        return Err(refused(403, "Must have admin rights to Repository."));
    }
    if !matches!(found.state.as_str(), "APPROVED" | "CHANGES_REQUESTED") {
        return Err(unprocessable(
            "Can not dismiss a commented pull request review",
        ));
    }
    let pull = world.pull_mut(&name, number);
    let kept = pull
        .reviews
        .iter_mut()
        .find(|review| review.id == found.id)
        .unwrap();
    "DISMISSED".clone_into(&mut kept.state);
    let made = kept.clone();
    tell(
        world,
        &name,
        number,
        &made,
        ("dismissed", &request.actor.login),
    );
    ok(world.review(&name, number, &made))
}

/// In a webhook a review's state is written in small letters.
fn told(world: &World, name: &str, number: u64, review: &Review) -> Value {
    let mut shown = world.review(name, number, review);
    shown["state"] = json!(review.state.to_lowercase());
    if review.body.is_empty() {
        shown["body"] = Value::Null;
    }
    shown
}

fn tell(world: &mut World, name: &str, number: u64, review: &Review, how: (&str, &str)) {
    let shown = told(world, name, number, review);
    let payload =
        json!({"action": how.0, "review": shown, "pull_request": world.pull(name, number, false)});
    world.tell(name, how.1, "pull_request_review", payload);
}

pub fn asked(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 1)?;
    let shown = world.pull(&name, number, false);
    ok(json!({"users": shown["requested_reviewers"], "teams": shown["requested_teams"]}))
}

pub fn ask(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 2)?;
    allowed(world, request, "pull_requests", "write")?;
    let (users, teams) = (request.texts("reviewers"), request.texts("team_reviewers"));
    let known = &world.repos[&name];
    let org = known.owner.clone();
    let strangers = users
        .iter()
        .any(|login| !known.collaborators.contains_key(login));
    // A workflow's token sees no teams.
    let unseen = request.actor.kind == Kind::Actions && !teams.is_empty();
    let unknown = teams
        .iter()
        .any(|slug| world.find_team(&org, slug).is_none());
    if strangers || unseen || unknown {
        let words = format!(
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the {name} repository."
        );
        return Err(refused(422, &words));
    }
    if users.contains(&known.pulls[&number].author) {
        return Err(refused(
            422,
            "Review cannot be requested from pull request author.",
        ));
    }
    let by = request.actor.login.clone();
    for login in users {
        let pull = world.pull_mut(&name, number);
        if !pull.asked_users.contains(&login) {
            pull.asked_users.push(login.clone());
            let more = json!({"requested_reviewer": world.user(&login)});
            world.tell_pull(&name, number, "review_requested", &by, more);
        }
    }
    for slug in teams {
        let pull = world.pull_mut(&name, number);
        if !pull.asked_teams.contains(&slug) {
            pull.asked_teams.push(slug.clone());
            let more = json!({"requested_team": world.team(&org, &slug)});
            world.tell_pull(&name, number, "review_requested", &by, more);
        }
    }
    created(world.pull(&name, number, false))
}

pub fn unask(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "pull_number", 2)?;
    allowed(world, request, "pull_requests", "write")?;
    let by = request.actor.login.clone();
    let org = world.repos[&name].owner.clone();
    for login in request.texts("reviewers") {
        let pull = world.pull_mut(&name, number);
        let before = pull.asked_users.len();
        pull.asked_users.retain(|one| *one != login);
        if pull.asked_users.len() < before {
            let more = json!({"requested_reviewer": world.user(&login)});
            world.tell_pull(&name, number, "review_request_removed", &by, more);
        }
    }
    for slug in request.texts("team_reviewers") {
        let pull = world.pull_mut(&name, number);
        let before = pull.asked_teams.len();
        pull.asked_teams.retain(|one| *one != slug);
        if pull.asked_teams.len() < before {
            let more = json!({"requested_team": world.team(&org, &slug)});
            world.tell_pull(&name, number, "review_request_removed", &by, more);
        }
    }
    ok(world.pull(&name, number, false))
}
