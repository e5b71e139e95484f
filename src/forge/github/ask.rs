//! Requests for a review: whom a report needs, whom GitHub lets us ask, and what people are told of it.
//!
//! Whether somebody was asked follows from the pull request itself (its open requests and its reviews), so that
//! a request that others made takes nothing away from ours, and a new process asks nobody twice.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::{Client, Method};
use super::error::ApiError;
use super::pull_cache::TrackedPull;
use super::wire::{Team, User, WirePull};
use crate::domain::ids::Login;
use crate::forge::{Ask, Asked};

type Result<T> = std::result::Result<T, ApiError>;

/// Who is asked for a review at the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requested {
    people: BTreeSet<Login>,
    /// Their names in addresses.
    teams: BTreeSet<String>,
}

/// GitHub's answer to a request: the pull request.
#[derive(Deserialize)]
struct WireRequested {
    #[serde(default)]
    requested_reviewers: Vec<Option<User>>,
    #[serde(default)]
    requested_teams: Vec<Team>,
}

impl Requested {
    pub(super) fn of(wire: &WirePull) -> Self {
        Self::new(&wire.requested_reviewers, &wire.requested_teams)
    }

    fn new(people: &[Option<User>], teams: &[Team]) -> Self {
        Self {
            people: people
                .iter()
                .flatten()
                .filter_map(|user| user.login.parse().ok())
                .collect(),
            teams: teams.iter().map(|team| team.slug.clone()).collect(),
        }
    }
}

/// Requests reviews of this commit, once a group. What GitHub refuses (a team that does not exist, people without
/// access) is left: the comment says who could not be asked.
pub(super) fn ask(client: &Client, tracked: &mut TrackedPull, asks: &[Ask]) -> Result<()> {
    for ask in asks {
        if !tracked.asked.contains(&ask.group) {
            ask_group(client, tracked, ask)?;
            tracked.asked.insert(ask.group.clone());
        }
    }
    Ok(())
}

fn ask_group(client: &Client, tracked: &mut TrackedPull, ask: &Ask) -> Result<()> {
    let mut is_asked = false;
    for team in reachable_teams(client, ask) {
        is_asked |= tracked.requested.teams.contains(team.slug)
            || request(client, tracked, &[], Some(team.slug))?;
    }
    if is_asked {
        return Ok(());
    }
    let missing: Vec<&str> = ask
        .people
        .iter()
        .filter(|login| !is_author(tracked, login) && !was_asked(tracked, login))
        .map(Login::as_str)
        .collect();
    // One of them without access makes GitHub refuse all of them.
    if !missing.is_empty() && !request(client, tracked, &missing, None)? && missing.len() > 1 {
        for login in missing {
            request(client, tracked, &[login], None)?;
        }
    }
    Ok(())
}

/// Sends one request; says whether GitHub took it. Repeating one changes nothing.
fn request(
    client: &Client,
    tracked: &mut TrackedPull,
    people: &[&str],
    team: Option<&str>,
) -> Result<bool> {
    let path = client.path(&format!(
        "/pulls/{}/requested_reviewers",
        tracked.pull.number.0
    ));
    let body = match team {
        Some(slug) => json!({ "team_reviewers": [slug] }),
        None => json!({ "reviewers": people }),
    };
    match client.write(Method::Post, &path, &body) {
        Ok(answer) => {
            if let Ok(now) = serde_json::from_value::<WireRequested>(answer) {
                tracked.requested = Requested::new(&now.requested_reviewers, &now.requested_teams);
            }
            Ok(true)
        }
        Err(error) if matches!(error.status(), Some(404 | 422)) => {
            let who = team.map_or_else(|| people.join(", "), str::to_owned);
            tracing::warn!("{who} not asked to review {}: {error}", tracked.pull.number);
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Who of them was asked, and who could not be.
pub(super) fn find_asked(client: &Client, tracked: &TrackedPull, asks: &[Ask]) -> Asked {
    let mut asked = Asked::default();
    for ask in asks {
        let teams = reachable_teams(client, ask);
        let teams: Vec<&str> = teams
            .filter(|team| tracked.requested.teams.contains(team.slug))
            .map(|team| team.name)
            .collect();
        if !teams.is_empty() {
            asked.teams.extend(teams.into_iter().map(str::to_owned));
            continue;
        }
        for login in ask.people.iter().filter(|login| !is_author(tracked, login)) {
            if was_asked(tracked, login) {
                asked.people.push(login.clone());
            } else if tracked.asked.contains(&ask.group) {
                asked.refused.push(login.clone());
            }
        }
    }
    // Somebody may be in several groups.
    keep_first(&mut asked.teams);
    keep_first(&mut asked.people);
    keep_first(&mut asked.refused);
    asked
}

/// Each once.
fn keep_first<T: Clone + Ord>(named: &mut Vec<T>) {
    let mut seen = BTreeSet::new();
    named.retain(|one| seen.insert(one.clone()));
}

/// What the comment says of it.
pub(super) fn whom(client: &Client, tracked: &TrackedPull, asks: &[Ask]) -> String {
    match find_asked(client, tracked, asks).to_string().as_str() {
        "" => String::new(),
        asked => format!(" {asked}"),
    }
}

/// A team that can be asked.
struct Reachable<'a> {
    /// As `ORGANISATION/SLUG`.
    name: &'a str,
    slug: &'a str,
}

/// The teams to ask, where they can be: of the repository's own organisation, and not by a job, whose token
/// sees none.
fn reachable_teams<'a>(
    client: &'a Client,
    ask: &'a Ask,
) -> impl Iterator<Item = Reachable<'a>> + use<'a> {
    let owner = client.repository.split('/').next().unwrap_or_default();
    let teams = ask.teams.iter().filter(|_| client.sees_teams());
    teams.filter_map(move |name| {
        let (organisation, slug) = name.split_once('/')?;
        let is_ours = organisation.eq_ignore_ascii_case(owner);
        is_ours.then_some(Reachable { name, slug })
    })
}

fn is_author(tracked: &TrackedPull, login: &Login) -> bool {
    tracked.pull.author.login.as_ref() == Some(login)
}

/// Asked and not answered yet, or answered for this commit.
fn was_asked(tracked: &TrackedPull, login: &Login) -> bool {
    let mut reviews = tracked.pull.reviews.iter();
    tracked.requested.people.contains(login)
        || reviews.any(|review| {
            review.head == tracked.pull.head && review.account.login.as_ref() == Some(login)
        })
}
