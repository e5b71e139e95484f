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

/// Requests a review of this commit, once a role. What GitHub refuses (a team that does not exist, people without
/// access) is left: the comment says who could not be asked.
pub(super) fn ask(client: &Client, tracked: &mut TrackedPull, ask: Option<&Ask>) -> Result<()> {
    let Some(ask) = ask else { return Ok(()) };
    if tracked.asked.contains(&ask.role) {
        return Ok(());
    }
    let team = team(client, ask);
    let is_asked = match team {
        Some(slug) => {
            tracked.requested.teams.contains(slug) || request(client, tracked, &[], Some(slug))?
        }
        None => false,
    };
    if !is_asked {
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
    }
    tracked.asked.insert(ask.role);
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
pub(super) fn find_asked(client: &Client, tracked: &TrackedPull, ask: &Ask) -> Asked {
    if team(client, ask).is_some_and(|slug| tracked.requested.teams.contains(slug)) {
        return Asked {
            team: ask.team.clone(),
            ..Asked::default()
        };
    }
    let others = ask.people.iter().filter(|login| !is_author(tracked, login));
    let (people, refused) = others.cloned().partition(|login| was_asked(tracked, login));
    Asked {
        team: None,
        people,
        refused: match tracked.asked.contains(&ask.role) {
            true => refused,
            false => Vec::new(),
        },
    }
}

/// What the comment says of it.
pub(super) fn whom(client: &Client, tracked: &TrackedPull, ask: Option<&Ask>) -> String {
    let asked = ask.map(|ask| find_asked(client, tracked, ask).to_string());
    match asked.unwrap_or_default().as_str() {
        "" => String::new(),
        asked => format!(" {asked}"),
    }
}

/// The team to ask, where it can be: of the repository's own organisation, and not by a job, whose token
/// sees none.
fn team<'a>(client: &Client, ask: &'a Ask) -> Option<&'a str> {
    let owner = client.repository.split('/').next().unwrap_or_default();
    let (organisation, slug) = ask.team.as_deref()?.split_once('/')?;
    (client.sees_teams() && organisation.eq_ignore_ascii_case(owner)).then_some(slug)
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
