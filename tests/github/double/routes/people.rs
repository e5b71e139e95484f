//! Accounts and teams.

use serde_json::{Value, json};

use super::super::world::{Kind, World};
use super::{Answer, Handled, Request, allowed, not_found, ok, page, refused};

pub fn oneself(world: &mut World, request: &Request) -> Handled {
    match request.actor.kind {
        Kind::Personal => ok(world.full_user(&request.actor.login)),
        Kind::Nobody => Err(refused(401, "Requires authentication")),
        _ => Err(refused(403, "Resource not accessible by integration")),
    }
}

pub fn user(world: &mut World, request: &Request) -> Handled {
    let known = world
        .find_user(request.param("username"))
        .ok_or_else(not_found)?;
    ok(world.full_user(&known.login))
}

pub fn by_id(world: &mut World, request: &Request) -> Handled {
    let id = request.number("account_id");
    let known = world
        .users
        .values()
        .find(|user| user.id == id)
        .ok_or_else(not_found)?;
    ok(world.full_user(&known.login))
}

pub fn rate_limit(world: &mut World, request: &Request) -> Handled {
    let used = world.rate.get(&request.actor.login).copied().unwrap_or(0);
    let limit = 5000;
    let reset = world.now.timestamp() + 3600;
    let rate = json!({"limit": limit, "used": used, "remaining": u64::saturating_sub(limit, used), "reset": reset});
    ok(json!({"resources": {"core": rate, "search": rate, "graphql": rate}, "rate": rate}))
}

/// The team of the address, for those who may see it.
fn team_of(world: &World, request: &Request) -> Result<(String, String), Answer> {
    allowed(world, request, "members", "read")?;
    let (org, slug) = (request.param("org"), request.param("team_slug"));
    let member = |login: &str| {
        world
            .teams
            .iter()
            .any(|team| team.org == org && team.members.contains_key(login))
    };
    let sees = match request.actor.kind {
        Kind::Installation => world.app.org == org,
        Kind::Personal => member(&request.actor.login),
        _ => false,
    };
    let team = world
        .find_team(org, slug)
        .filter(|_| sees)
        .ok_or_else(not_found)?;
    Ok((team.org.clone(), team.slug.clone()))
}

pub fn team(world: &mut World, request: &Request) -> Handled {
    let (org, slug) = team_of(world, request)?;
    ok(world.full_team(&org, &slug))
}

pub fn team_members(world: &mut World, request: &Request) -> Handled {
    let (org, slug) = team_of(world, request)?;
    let team = world.find_team(&org, &slug).unwrap();
    let active = team.members.iter().filter(|(_, state)| *state == "active");
    let items: Vec<Value> = active.map(|(login, _)| world.user(login)).collect();
    Ok(page(world, request, &items))
}

pub fn membership(world: &mut World, request: &Request) -> Handled {
    let (org, slug) = team_of(world, request)?;
    let user = world
        .find_user(request.param("username"))
        .ok_or_else(not_found)?;
    let team = world.find_team(&org, &slug).unwrap();
    let state = team.members.get(&user.login).ok_or_else(not_found)?;
    ok(json!({
        "url": format!("{}{}", world.api, request.path),
        "role": "member",
        "state": state,
    }))
}
