//! The App: itself, where it is installed, and its tokens.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::super::crypto;
use super::super::world::{Actor, Kind, World, stamp};
use super::{Answer, Handled, Request, counted_page, created, not_found, ok, page, refused};

fn by_app(request: &Request) -> Result<(), Answer> {
    let words = "A JSON web token could not be decoded";
    (request.actor.kind == Kind::App)
        .then_some(())
        .ok_or_else(|| refused(401, words))
}

pub fn itself(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    let mut made = world.integration();
    made["installations_count"] = json!(1);
    ok(made)
}

/// A manifest that somebody confirmed in a browser becomes the App, once.
pub fn convert(world: &mut World, request: &Request) -> Handled {
    let code = request.param("code");
    let Some(manifest) = world.manifests.remove(code) else {
        return Err(not_found());
    };
    let granted = manifest["default_permissions"].as_object().unwrap();
    // From now on it may do what it asked for, and no more.
    world.app.permissions = granted
        .iter()
        .map(|(name, level)| (name.clone(), level.as_str().unwrap().to_owned()))
        .collect();
    let events = manifest["default_events"].as_array().unwrap();
    let mut events: Vec<String> = events
        .iter()
        .map(|event| event.as_str().unwrap().to_owned())
        .collect();
    // These are told to every App.
    events.extend(["installation", "installation_repositories"].map(str::to_owned));
    world.outbox.subscribed = Some(events);
    let mut made = world.integration();
    made["name"] = manifest["name"].clone();
    made["client_secret"] = json!("a client secret that nobody needs");
    made["webhook_secret"] = json!(world.outbox.secret);
    made["pem"] = json!(crypto::private_key_pem());
    created(made)
}

pub fn installations(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    let all = world.app.installations();
    let all: Vec<Value> = all
        .map(|(org, id)| world.installation_of(org, id))
        .collect();
    Ok(page(world, request, &all))
}

pub fn installation(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    let org = org_of(world, request)?;
    ok(world.installation_of(&org, request.number("installation_id")))
}

pub fn of_repository(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    let wanted = format!("{}/{}", request.param("owner"), request.param("repo"));
    if !world.app.repos.contains(&wanted) {
        return Err(not_found());
    }
    of_owner(world, request.param("owner"))
}

pub fn of_org(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    of_owner(world, request.param("org"))
}

fn of_owner(world: &World, org: &str) -> Handled {
    let id = world.app.find_installation_of(org).ok_or_else(not_found)?;
    ok(world.installation_of(org, id))
}

/// Whose installation the request names.
fn org_of(world: &World, request: &Request) -> Result<String, Answer> {
    let id = request.number("installation_id");
    let mut all = world.app.installations();
    let found = all.find(|(_, known)| *known == id);
    Ok(found.ok_or_else(not_found)?.0.to_owned())
}

/// A token of an hour, for all repositories of the installation or for those that are named.
pub fn token(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    let org = org_of(world, request)?;
    if world.app.suspended {
        return Err(refused(403, "This installation has been suspended"));
    }
    let names = request.texts("repositories");
    let ids: Vec<u64> = request.body["repository_ids"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    let chosen: BTreeSet<String> = world
        .app
        .repos
        .iter()
        .filter(|full| {
            let known = &world.repos[*full];
            known.owner == org
                && ((names.is_empty() && ids.is_empty())
                    || names.contains(&known.name)
                    || ids.contains(&known.id))
        })
        .cloned()
        .collect();
    if chosen.is_empty() {
        let words = "There is at least one repository that does not exist or is not accessible to the parent installation.";
        return Err(refused(422, words));
    }
    if let Some(wanted) = request.body["permissions"].as_object() {
        for (permission, level) in wanted {
            if !world.app_may(permission, level.as_str().unwrap_or_default()) {
                return Err(refused(
                    422,
                    "The permissions requested are not granted to this installation.",
                ));
            }
        }
    }
    let actor = Actor {
        login: world.app.login(),
        kind: Kind::Installation,
        under_test: true,
        only: Some(chosen),
    };
    let lifetime = TimeDelta::hours(1);
    let token = world.mint(actor, Some(lifetime));
    created(json!({
        "token": token,
        "expires_at": stamp(world.now + lifetime),
        "permissions": world.app.permissions,
        "repository_selection": "selected",
    }))
}

pub fn repositories(world: &mut World, request: &Request) -> Handled {
    if request.actor.kind != Kind::Installation {
        return Err(refused(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        ));
    }
    let only = request.actor.only.as_ref();
    let chosen = world
        .app
        .repos
        .iter()
        .filter(|name| only.is_none_or(|only| only.contains(*name)));
    let items: Vec<Value> = chosen.map(|name| world.repository(name)).collect();
    Ok(counted_page(world, request, "repositories", &items))
}
