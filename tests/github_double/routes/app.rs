//! The App: itself, where it is installed, and its tokens.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

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

pub fn installations(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    Ok(page(world, request, &[world.installation()]))
}

pub fn installation(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    if request.number("installation_id") != world.app.installation {
        return Err(not_found());
    }
    ok(world.installation())
}

pub fn of_repository(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    let wanted = format!("{}/{}", request.param("owner"), request.param("repo"));
    if !world.app.repos.contains(&wanted) {
        return Err(not_found());
    }
    ok(world.installation())
}

pub fn of_org(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    if world.app.org != request.param("org") {
        return Err(not_found());
    }
    ok(world.installation())
}

/// A token of an hour, for all repositories of the installation or for those that are named.
pub fn token(world: &mut World, request: &Request) -> Handled {
    by_app(request)?;
    if request.number("installation_id") != world.app.installation {
        return Err(not_found());
    }
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
            (names.is_empty() && ids.is_empty())
                || names.contains(&known.name)
                || ids.contains(&known.id)
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
