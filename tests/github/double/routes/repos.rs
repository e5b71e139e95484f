//! Repositories: themselves, their branches and commits, who may do what, and dispatches.

use serde_json::{Value, json};

use super::super::git_room;
use super::super::world::{Kind, World, stamp};
use super::{
    Answer, Handled, Request, allowed, answer, done, invalid, not_found, ok, refused, repo,
};

pub fn one(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    ok(world.full_repository(&name))
}

pub fn permission(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let user = world
        .find_user(request.param("username"))
        .ok_or_else(not_found)?;
    let known = &world.repos[&name];
    let none = if known.private { "none" } else { "read" };
    let held = known
        .collaborators
        .get(&user.login)
        .map_or(none, String::as_str);
    let mut person = world.user(&user.login);
    person["role_name"] = json!(held);
    let can = |level: &[&str]| level.contains(&held);
    person["permissions"] = json!({
        "pull": held != "none", "triage": can(&["write", "admin"]), "push": can(&["write", "admin"]),
        "maintain": can(&["admin"]), "admin": can(&["admin"]),
    });
    ok(json!({"permission": held, "role_name": held, "user": person}))
}

pub fn dispatch(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 2)?;
    allowed(world, request, "contents", "write")?;
    let payload = &request.body["client_payload"];
    if payload.as_object().is_some_and(|keys| keys.len() > 10) {
        return Err(invalid(
            "RepositoryDispatch",
            "client_payload",
            "No more than 10 properties are allowed",
        ));
    }
    let kind = request.text("event_type").unwrap_or_default().to_owned();
    let kept = json!({"repository": name, "event_type": kind, "client_payload": payload});
    world.dispatches.push(kept);
    let branch = world.repos[&name].default_branch.clone();
    let told = json!({"action": kind, "branch": branch, "client_payload": payload});
    world.tell(
        &name,
        &request.actor.login.clone(),
        "repository_dispatch",
        told,
    );
    done()
}

/// A commit of the repository, by whatever names it.
pub fn find_commit(world: &World, name: &str, wanted: &str) -> Option<String> {
    let path = world.repo_path(name);
    let short = wanted.strip_prefix("refs/").unwrap_or(wanted);
    let names = [
        format!("refs/heads/{wanted}"),
        format!("refs/{short}"),
        wanted.to_owned(),
    ];
    names.iter().find_map(|name| git_room::resolve(&path, name))
}

pub fn commit(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let wanted = request.param("ref");
    let sha = find_commit(world, &name, wanted);
    let sha = sha.ok_or_else(|| refused(422, &format!("No commit found for SHA: {wanted}")))?;
    let path = world.repo_path(&name);
    let found = git_room::commits(&path, &["-1", &sha]);
    ok(world.commit(&name, &found[0]))
}

pub fn branch(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let branch = request.param("branch");
    let known = &world.repos[&name];
    let Some(sha) = known.branches.get(branch) else {
        return Err(refused(404, "Branch not found"));
    };
    let protected = known.protected.contains_key(branch);
    let found = git_room::commits(&world.repo_path(&name), &["-1", sha]);
    let url = format!("{}/repos/{name}/branches/{branch}", world.api);
    ok(json!({
        "name": branch,
        "commit": world.commit(&name, &found[0]),
        "_links": {"self": url, "html": format!("{}/{name}/tree/{branch}", world.api)},
        "protected": protected,
        "protection": {"enabled": protected},
        "protection_url": format!("{url}/protection"),
    }))
}

/// One file of the repository.
pub fn content(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    allowed(world, request, "contents", "read")?;
    let known = &world.repos[&name];
    let branch = request.query.get("ref").unwrap_or(&known.default_branch);
    let path = request.param("path");
    let folder = world.repo_path(&name);
    let object = format!("{branch}:{path}");
    let text = git_room::try_git(&folder, &["cat-file", "blob", &object]).ok_or_else(not_found)?;
    let sha = git_room::git(&folder, &["rev-parse", &object]);
    let url = format!("{}/repos/{name}/contents/{path}", world.api);
    ok(json!({
        "type": "file",
        "encoding": "none",
        "size": text.len(),
        "name": path.rsplit('/').next(),
        "path": path,
        "content": "",
        "sha": sha.trim(),
        "url": url,
        "git_url": null,
        "html_url": null,
        "download_url": null,
        "_links": {"git": null, "html": null, "self": url},
    }))
}

fn branch_of(request: &Request) -> Result<String, Answer> {
    let name = request.param("ref").strip_prefix("heads/");
    name.map(str::to_owned).ok_or_else(not_found)
}

pub fn reference(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    let wanted = request.param("ref").to_owned();
    let full = format!("refs/{wanted}");
    let sha = git_room::resolve(&world.repo_path(&name), &full).ok_or_else(not_found)?;
    ok(json!({
        "ref": full,
        "node_id": format!("REF_{sha}"),
        "url": format!("{}/repos/{name}/git/{full}", world.api),
        "object": {"type": "commit", "sha": sha, "url": format!("{}/repos/{name}/git/commits/{sha}", world.api)},
    }))
}

pub fn delete_reference(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 2)?;
    allowed(world, request, "contents", "write")?;
    let branch = branch_of(request)?;
    let known = &world.repos[&name];
    if !known.branches.contains_key(&branch) {
        return Err(refused(422, "Reference does not exist"));
    }
    if known.protected.contains_key(&branch) || branch == known.default_branch {
        return Err(refused(422, "Cannot delete this branch"));
    }
    git_room::delete_ref(&world.repo_path(&name), &format!("refs/heads/{branch}"));
    world.branches_moved(&name, &request.actor.login.clone());
    done()
}

/// Whether a branch may be moved by somebody.
pub fn may_move(world: &World, name: &str, branch: &str, login: &str, kind: Kind) -> bool {
    let held = world.repos[name].protected.get(branch);
    kind != Kind::Nobody && held.is_none_or(|who| who.iter().any(|one| one == login))
}

/// What befell a branch, newest first; pages follow a cursor.
pub fn activity(world: &mut World, request: &Request) -> Handled {
    let name = repo(world, request, 1)?;
    allowed(world, request, "contents", "read")?;
    let wanted = request
        .query
        .get("ref")
        .map(|name| name.trim_start_matches("refs/heads/"));
    let all: Vec<_> = world.repos[&name]
        .activity
        .iter()
        .rev()
        .filter(|one| wanted.is_none_or(|wanted| wanted == one.branch))
        .cloned()
        .collect();
    let ask = |key: &str| {
        request
            .query
            .get(key)
            .and_then(|text| text.parse::<usize>().ok())
    };
    let per_page = ask("per_page")
        .unwrap_or(30)
        .clamp(1, 100)
        .min(world.page_limit);
    let start = ask("after").unwrap_or(0);
    let items: Vec<Value> = all
        .iter()
        .skip(start)
        .take(per_page)
        .map(|one| {
            json!({
                "id": one.id,
                "node_id": format!("PSH_{}", one.id),
                "before": one.before,
                "after": one.after,
                "ref": format!("refs/heads/{}", one.branch),
                "timestamp": stamp(one.at),
                "activity_type": one.kind,
                "actor": one.actor.as_ref().map(|login| world.user(login)),
            })
        })
        .collect();
    let mut made = answer(200, Some(json!(items)));
    if start + per_page < all.len() {
        let reference = wanted.map_or(String::new(), |name| format!("ref=refs/heads/{name}&"));
        let next = format!(
            "{}{}?{reference}per_page={per_page}&after={}",
            world.api,
            request.path,
            start + per_page
        );
        made.headers
            .push(("link".to_owned(), format!("<{next}>; rel=\"next\"")));
    }
    Ok(made)
}
