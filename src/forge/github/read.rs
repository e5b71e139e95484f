//! Reads pull requests from the API: all of them when we start and on a timer, single ones when an
//! event named them and no more.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::BASE;
use super::client::Client;
use super::error::ApiError;
use super::pull_cache::{Discussion, SAME_MOMENT, TrackedPull};
use super::wire::{Label, User, WireCheckRun, WireComment, WireIssue, WirePull, WireReview};
use crate::domain::documents::{AccountRecord, Status};
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::{CheckRun, PullState};
use crate::git::{GitError, Repository};
use crate::ledger::{Entry, MAIN};

/// How far back pull requests that were closed by hand are looked for.
const LOOK_BACK: TimeDelta = TimeDelta::days(30);
/// How far back, and how many, merged ones are looked at because we may have died before we told.
const LOOK_BACK_MERGED: TimeDelta = TimeDelta::days(1);
const MOST_MERGED: usize = 10;

/// What `main` says of the end of a pull request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded {
    pub(super) at: DateTime<Utc>,
    /// Whether its commit is merged.
    pub(super) is_approval: bool,
}

/// What the lists show.
pub(super) struct Listed {
    /// Every pull request that is open, and those that were closed by hand and not recorded.
    pub(super) pulls: BTreeMap<PullNumber, TrackedPull>,
    /// Of those that have ended, the ones that changed afterwards, and when: somebody may have said something.
    pub(super) changed_after_end: BTreeMap<PullNumber, DateTime<Utc>>,
    /// Every label that they have.
    pub(super) labels: Vec<Label>,
}

pub(super) fn all(
    client: &Client,
    recorded: &BTreeMap<PullNumber, Recorded>,
    now: DateTime<Utc>,
) -> Result<Listed, ApiError> {
    let mut pulls = BTreeMap::new();
    let mut changed_after_end = BTreeMap::new();
    let mut labels = Vec::new();
    let path = client.path(&format!("/pulls?state=open&base={BASE}&per_page=100"));
    for wire in client.list::<WirePull>(&path, None, |_| false)? {
        labels.extend_from_slice(&wire.labels);
        pulls.insert(PullNumber(wire.number), TrackedPull::new(&wire, false));
    }
    let path = client.path(&format!(
        "/pulls?state=closed&base={BASE}&sort=updated&direction=desc&per_page=100"
    ));
    let since = now - LOOK_BACK;
    let is_old = |wire: &WirePull| wire.updated_at.is_none_or(|at| at < since);
    let closed = client.list::<WirePull>(&path, None, |all| all.last().is_none_or(is_old))?;
    let mut count = 0;
    for wire in &closed {
        labels.extend_from_slice(&wire.labels);
        let number = PullNumber(wire.number);
        let changed_at = wire.updated_at.unwrap_or(wire.created_at);
        let record = recorded.get(&number);
        if record.is_some_and(|record| changed_at > record.at + SAME_MOMENT)
            && changed_at > now - LOOK_BACK_MERGED
            && changed_after_end.len() < MOST_MERGED
        {
            changed_after_end.insert(number, changed_at);
        }
        match wire.merged_at {
            Some(at)
                if recorded.contains_key(&number)
                    && at > now - LOOK_BACK_MERGED
                    && count < MOST_MERGED =>
            {
                count += 1;
                pulls.insert(number, merged(wire));
            }
            Some(_) => {}
            None if is_old(wire) || recorded.contains_key(&number) => {}
            None => {
                pulls.insert(number, closed_by_hand(client, wire)?);
            }
        }
    }
    Ok(Listed {
        pulls,
        changed_after_end,
        labels,
    })
}

/// Every pull request that has changed since, whatever its state and wherever to: the newest first, so that one
/// page is enough where little has.
pub(super) fn changed(client: &Client, since: DateTime<Utc>) -> Result<Vec<WirePull>, ApiError> {
    let path = client.path("/pulls?state=all&sort=updated&direction=desc&per_page=100");
    let is_older = |wire: &WirePull| wire.updated_at.is_some_and(|at| at < since);
    let mut pulls = client.list::<WirePull>(&path, None, |all| all.last().is_none_or(is_older))?;
    pulls.retain(|wire| !is_older(wire));
    Ok(pulls)
}

/// One that we merged: its check run tells whether that was told.
pub(super) fn merged(wire: &WirePull) -> TrackedPull {
    let mut tracked = TrackedPull::new(wire, false);
    tracked.pull.state = PullState::Open;
    tracked.is_merged = true;
    tracked.is_whole = true;
    tracked
}

/// One pull request; none if there is no such, or if it is for another branch.
pub(super) fn one(client: &Client, number: PullNumber) -> Result<Option<TrackedPull>, ApiError> {
    let path = client.path(&format!("/pulls/{}", number.0));
    let Some(wire) = client.find::<WirePull>(&path)? else {
        return Ok(None);
    };
    if wire.base.branch != BASE {
        return Ok(None);
    }
    if wire.state == "open" || wire.merged_at.is_some() {
        return Ok(Some(TrackedPull::new(&wire, false)));
    }
    closed_by_hand(client, &wire).map(Some)
}

pub(super) fn closed_by_hand(client: &Client, wire: &WirePull) -> Result<TrackedPull, ApiError> {
    let path = client.path(&format!("/issues/{}", wire.number));
    let issue: WireIssue = client.read(&path)?;
    let mut tracked = TrackedPull::new(wire, false);
    tracked.pull.state = PullState::Closed {
        by: User::record(issue.closed_by.as_ref()),
        at: wire.closed_at.unwrap_or(tracked.changed_at),
    };
    Ok(tracked)
}

/// Everything that was said on a pull request.
pub(super) fn discussion(client: &Client, number: PullNumber) -> Result<Discussion, ApiError> {
    let path = client.path(&format!("/pulls/{}/reviews?per_page=100", number.0));
    Ok(Discussion {
        reviews: client.list::<WireReview>(&path, None, |_| false)?,
        comments: comments(client, number)?,
        check: None,
    })
}

/// The comments on a pull request, our own among them.
pub(super) fn comments(client: &Client, number: PullNumber) -> Result<Vec<WireComment>, ApiError> {
    let path = client.path(&format!("/issues/{}/comments?per_page=100", number.0));
    client.list::<WireComment>(&path, None, |_| false)
}

/// The completed check runs of a commit; none where we may not see them.
pub(super) fn check_runs(client: &Client, head: Sha) -> Result<Vec<CheckRun>, ApiError> {
    let path = client.path(&format!(
        "/commits/{head}/check-runs?status=completed&filter=all&per_page=100"
    ));
    match client.list::<WireCheckRun>(&path, Some("check_runs"), |_| false) {
        Ok(runs) => Ok(runs
            .into_iter()
            .filter_map(WireCheckRun::check_run)
            .collect()),
        Err(error) if matches!(error.status(), Some(403 | 404)) => {
            tracing::warn!("the check runs of {head} cannot be read: {error}");
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Who is in a team. Bots are not asked.
pub(super) fn team(client: &Client, team: &str) -> Result<Vec<AccountRecord>, ApiError> {
    let (organisation, slug) = team.split_once('/').unwrap_or((team, team));
    let path = format!("/orgs/{organisation}/teams/{slug}/members?per_page=100");
    let members = client.list::<User>(&path, None, |_| false)?;
    let people = members.iter().filter(|member| !member.is_bot());
    Ok(people.map(User::account).collect())
}

/// The pull requests whose end is on `main` already, and since when, as far back as anybody looks.
pub(super) fn recorded(
    repo: &Repository,
    now: DateTime<Utc>,
) -> Result<BTreeMap<PullNumber, Recorded>, GitError> {
    let mut numbers = BTreeMap::new();
    let Some(main) = repo.find_ref(MAIN)? else {
        return Ok(numbers);
    };
    for commit in repo.first_parents(main) {
        let commit = commit?;
        if commit.committer.time < now - LOOK_BACK {
            break;
        }
        let entry = Entry::of(&commit);
        let status: Option<Status> = entry
            .trailers
            .find("Decision")
            .and_then(|status| status.parse().ok());
        let recorded = Recorded {
            at: commit.committer.time,
            is_approval: status.is_some_and(Status::is_approval),
        };
        numbers.extend(entry.pull().map(|number| (number, recorded)));
    }
    Ok(numbers)
}
