//! Comments and labels. Every pull request is an issue; issues that are none are not made here.

use serde_json::{Value, json};

use super::super::world::{Comment, Kind, Label, World};
use super::pulls::is_app;
use super::{
    Answer, Handled, Request, allowed, created, done, invalid, not_found, ok, page, pull, refused,
    repo,
};

/// What GitHub takes in one comment.
const MAX_COMMENT_CHARS: usize = 65536;

pub fn one(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "issue_number", 1)?;
    let mut issue = world.issue(&name, number);
    let closed_by = world.repos[&name].pulls[&number].closed_by.clone();
    issue["closed_by"] = closed_by.map_or(Value::Null, |login| world.user(&login));
    ok(issue)
}

/// A pull request may be written to with either permission.
fn may_write(world: &World, request: &Request) -> Result<(), Answer> {
    allowed(world, request, "issues", "write")
        .or_else(|_| allowed(world, request, "pull_requests", "write"))
}

pub fn comments(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "issue_number", 1)?;
    let since = request
        .query
        .get("since")
        .and_then(|text| text.parse::<chrono::DateTime<chrono::Utc>>().ok());
    let comments = world.repos[&name].pulls[&number].comments.iter();
    let young = comments.filter(|comment| since.is_none_or(|since| comment.updated_at >= since));
    let items: Vec<Value> = young
        .map(|comment| world.comment(&name, number, comment))
        .collect();
    Ok(page(world, request, &items))
}

fn checked(request: &Request) -> Result<String, Answer> {
    let body = request.text("body").unwrap_or_default();
    if body.trim().is_empty() {
        return Err(invalid("IssueComment", "body", "Body can't be blank"));
    }
    if body.chars().count() > MAX_COMMENT_CHARS {
        return Err(invalid(
            "IssueComment",
            "body",
            "Body is too long (maximum is 65536 characters)",
        ));
    }
    Ok(body.to_owned())
}

pub fn comment(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "issue_number", 1)?;
    may_write(world, request)?;
    let body = checked(request)?;
    let by = request.actor.login.clone();
    if request.actor.kind == Kind::Nobody {
        return Err(refused(401, "Requires authentication"));
    }
    let made = Comment {
        id: world.fresh_id(),
        author: by.clone(),
        body: body.clone(),
        created_at: world.now,
        updated_at: world.now,
        by_app: is_app(request.actor.kind),
    };
    world.pull_mut(&name, number).comments.push(made.clone());
    if request.actor.under_test {
        world.said.push((name.clone(), number, body));
    }
    tell(world, &name, number, &made, ("created", &by, json!({})));
    created(world.comment(&name, number, &made))
}

fn tell(world: &mut World, name: &str, number: u64, comment: &Comment, how: (&str, &str, Value)) {
    let mut payload = json!({
        "action": how.0,
        "issue": world.issue(name, number),
        "comment": world.comment(name, number, comment),
    });
    for (key, value) in how.2.as_object().into_iter().flatten() {
        payload[key] = value.clone();
    }
    world.tell(name, how.1, "issue_comment", payload);
}

fn find(world: &World, request: &Request) -> Result<(String, u64, Comment), Answer> {
    let name = repo(world, request, 1)?;
    let id = request.number("comment_id");
    let pulls = world.repos[&name].pulls.values();
    let mut all = pulls.flat_map(|pull| pull.comments.iter().map(|comment| (pull.number, comment)));
    let (number, found) = all
        .find(|(_, comment)| comment.id == id)
        .ok_or_else(not_found)?;
    Ok((name.clone(), number, found.clone()))
}

pub fn one_comment(world: &mut World, request: &Request) -> Handled {
    let (name, number, found) = find(world, request)?;
    ok(world.comment(&name, number, &found))
}

/// Its author may, and whoever may write to the repository.
fn may_change(
    world: &World,
    request: &Request,
    name: &str,
    comment: &Comment,
) -> Result<(), Answer> {
    let own = comment.author == request.actor.login;
    let may = own || (world.power(&request.actor, name) >= 2 && !is_app(request.actor.kind));
    may.then_some(())
        .ok_or_else(|| refused(403, "Must have admin rights to Repository."))
}

pub fn edit_comment(world: &mut World, request: &Request) -> Handled {
    let (name, number, found) = find(world, request)?;
    may_write(world, request)?;
    may_change(world, request, &name, &found)?;
    let body = checked(request)?;
    let now = world.now;
    let pull = world.pull_mut(&name, number);
    let kept = pull
        .comments
        .iter_mut()
        .find(|comment| comment.id == found.id)
        .unwrap();
    kept.body.clone_from(&body);
    kept.updated_at = now;
    let made = kept.clone();
    if request.actor.under_test {
        world.said.push((name.clone(), number, body));
    }
    let changes = json!({"changes": {"body": {"from": found.body}}});
    tell(
        world,
        &name,
        number,
        &made,
        ("edited", &request.actor.login, changes),
    );
    ok(world.comment(&name, number, &made))
}

pub fn delete_comment(world: &mut World, request: &Request) -> Handled {
    let (name, number, found) = find(world, request)?;
    may_write(world, request)?;
    may_change(world, request, &name, &found)?;
    world
        .pull_mut(&name, number)
        .comments
        .retain(|comment| comment.id != found.id);
    tell(
        world,
        &name,
        number,
        &found,
        ("deleted", &request.actor.login, json!({})),
    );
    done()
}

pub fn labels(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "issue_number", 1)?;
    let items = world.labels_of(&name, number);
    Ok(page(world, request, &items))
}

/// Labels come as a list under a key, as names or as objects.
fn named(request: &Request) -> Vec<String> {
    let list = request.body["labels"]
        .as_array()
        .or_else(|| request.body.as_array());
    let items = list.into_iter().flatten();
    items
        .filter_map(|item| item.as_str().or_else(|| item["name"].as_str()))
        .map(str::to_owned)
        .collect()
}

pub fn add_labels(world: &mut World, request: &Request) -> Handled {
    change_labels(world, request, |held| {
        let mut wanted = held.to_vec();
        for name in named(request) {
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
        wanted
    })
}

pub fn set_labels(world: &mut World, request: &Request) -> Handled {
    change_labels(world, request, |_| named(request))
}

pub fn remove_labels(world: &mut World, request: &Request) -> Handled {
    change_labels(world, request, |_| Vec::new())?;
    done()
}

pub fn remove_label(world: &mut World, request: &Request) -> Handled {
    let (name, number) = pull(world, request, "issue_number", 1)?;
    let label = request.param("name").to_owned();
    if !world.repos[&name].pulls[&number].labels.contains(&label) {
        return Err(refused(404, "Label does not exist"));
    }
    change_labels(world, request, |held| {
        held.iter().filter(|one| **one != label).cloned().collect()
    })
}

/// Brings the labels to what is wanted; an unknown one is made, for whoever may write issues.
fn change_labels(
    world: &mut World,
    request: &Request,
    wanted: impl Fn(&[String]) -> Vec<String>,
) -> Handled {
    let (name, number) = pull(world, request, "issue_number", 2)?;
    may_write(world, request)?;
    let by = request.actor.login.clone();
    let held = world.repos[&name].pulls[&number].labels.clone();
    let wanted = wanted(&held);
    for label in &wanted {
        if !world.repos[&name].labels.contains_key(label) {
            allowed(world, request, "issues", "write")?;
            let made = Label {
                id: world.fresh_id(),
                name: label.clone(),
                color: "ededed".to_owned(),
                description: None,
            };
            world
                .repos
                .get_mut(&name)
                .unwrap()
                .labels
                .insert(label.clone(), made);
        }
    }
    world.pull_mut(&name, number).labels.clone_from(&wanted);
    let gone = held
        .iter()
        .filter(|label| !wanted.contains(label))
        .map(|label| ("unlabeled", label));
    let new = wanted
        .iter()
        .filter(|label| !held.contains(label))
        .map(|label| ("labeled", label));
    for (action, label) in gone.chain(new) {
        let shown = world.label(&name, &world.repos[&name].labels[label]);
        world.tell_pull(&name, number, action, &by, json!({"label": shown}));
    }
    let items = world.labels_of(&name, number);
    ok(json!(items))
}

pub fn known_labels(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let labels = world.repos[&name].labels.values();
    let items: Vec<Value> = labels.map(|label| world.label(&name, label)).collect();
    Ok(page(world, request, &items))
}

pub fn known_label(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let found = world.repos[&name]
        .labels
        .get(request.param("name"))
        .ok_or_else(not_found)?;
    ok(world.label(&name, found))
}

pub fn make_label(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 2)?;
    allowed(world, request, "issues", "write")?;
    let label = request.text("name").unwrap_or_default().to_owned();
    if world.repos[&name].labels.contains_key(&label) {
        let mut refusal = refused(422, "Validation Failed");
        let error = json!({"resource": "Label", "code": "already_exists", "field": "name"});
        refusal.body.as_mut().unwrap()["errors"] = json!([error]);
        return Err(refusal);
    }
    let made = Label {
        id: world.fresh_id(),
        name: label.clone(),
        color: request.text("color").unwrap_or("ededed").to_owned(),
        description: request.text("description").map(str::to_owned),
    };
    world
        .repos
        .get_mut(&name)
        .unwrap()
        .labels
        .insert(label, made.clone());
    created(world.label(&name, &made))
}
