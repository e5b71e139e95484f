//! What agents have earned by the track records and rules of `main`: what is granted, is near, was lost, and what could
//! be granted.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{LedgerError, track_records};
use crate::domain::documents::{RateRecord, TrackRecord};
use crate::domain::ids::{ActionName, AgentName, GrantId, Sha};
use crate::gate::grants::GrantStanding;
use crate::git::{Mode, Repository};
use crate::rules::Rules;
use crate::rules::autonomy::Grant;

/// What became of the cases of one kind within the time of a track record, and what follows.
#[derive(Debug, Clone, Serialize)]
pub struct EarnedByKind {
    pub agent: AgentName,
    pub action: ActionName,
    pub environment: String,
    pub approved: RateRecord,
    pub succeeded: RateRecord,
    /// How many a grant let pass.
    pub granted: u32,
    /// How each grant stands that is about it, whatever its labels.
    pub grants: Vec<GrantStanding>,
    /// How the grant would stand that would be proposed, where there is none.
    pub proposed: Option<GrantStanding>,
}

impl EarnedByKind {
    fn of(
        agent: AgentName,
        action: ActionName,
        environment: String,
        record: &TrackRecord,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Self {
        let counts = record.all();
        let grants = rules.grants.iter();
        let grants = grants.filter(|grant| grant.is_about(&agent, &action, &environment));
        let grants: Vec<GrantStanding> = grants
            .map(|grant| GrantStanding::of(grant, record, now))
            .collect();
        let mut kind = Self {
            approved: counts.approval().into(),
            succeeded: counts.success().into(),
            granted: counts.granted,
            proposed: None,
            grants,
            agent,
            action,
            environment,
        };
        if kind.grants.is_empty() {
            kind.proposed = kind
                .proposal()
                .map(|grant| GrantStanding::of(&grant, record, now));
        }
        kind
    }

    /// The grant that would be proposed; none where no name is left for it.
    pub fn proposal(&self) -> Option<Grant> {
        let (agent, action, environment) = (&self.agent, &self.action, &self.environment);
        let id = format!("{agent}-{action}-{environment}").replace('.', "-");
        let id: GrantId = id.get(..id.len().min(64))?.parse().ok()?;
        Some(Grant::proposed(id, agent, action, environment))
    }
}

/// Reads all track records of a tree, in the order of their names. Those of agents that are not registered any more,
/// and of actions that are not listed any more, are left out.
pub fn read(
    repo: &Repository,
    root: Sha,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<Vec<EarnedByKind>, LedgerError> {
    let mut kinds = Vec::new();
    for (agent, _) in names(repo, root, TrackRecord::FOLDER)? {
        let folder = format!("{}/{agent}", TrackRecord::FOLDER);
        let Some((agent, _)) = rules.agents.get_key_value(agent.as_str()) else {
            continue;
        };
        for (action, _) in names(repo, root, &folder)? {
            let Some((action, _)) = rules.actions.get_key_value(action.as_str()) else {
                continue;
            };
            for (file, mode) in names(repo, root, &format!("{folder}/{action}"))? {
                let Some(environment) = file.strip_suffix(".yaml") else {
                    continue;
                };
                let path = TrackRecord::path_of(agent, action, environment);
                let bytes = match mode {
                    Mode::File => repo.read_path(root, &path)?,
                    _ => None,
                };
                let record = track_records::read(&path, bytes.as_deref())?;
                kinds.push(EarnedByKind::of(
                    agent.clone(),
                    action.clone(),
                    environment.to_owned(),
                    &record,
                    rules,
                    now,
                ));
            }
        }
    }
    Ok(kinds)
}

/// What lies in a folder.
fn names(repo: &Repository, root: Sha, folder: &str) -> Result<Vec<(String, Mode)>, LedgerError> {
    let entries = repo.list_dir(root, folder)?.into_iter();
    let names = entries.filter_map(|entry| Some((String::from_utf8(entry.name).ok()?, entry.mode)));
    Ok(names.collect())
}
