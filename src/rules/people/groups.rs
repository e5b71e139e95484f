//! Named groups of people, for the rules that ask for them. `reviewers` and `admins` are two of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{People, Person, RawGroup, RawNamedGroup, check_group};
use crate::domain::documents::{AccountRecord, Role};
use crate::domain::ids::{GroupName, Login};
use crate::domain::problem::Problem;
use crate::domain::similar::did_you_mean;

/// The groups that are roles.
const REVIEWERS: &str = GroupName::REVIEWERS;
const ADMINS: &str = GroupName::ADMINS;

/// A named group, with everybody who is in it through others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// What it is, for people.
    pub description: Option<String>,
    members: BTreeSet<Login>,
    /// The GitHub teams that hold its people.
    pub teams: BTreeSet<String>,
}

impl Group {
    fn of(raw: &RawGroup) -> Self {
        Self {
            description: None,
            members: raw.members.iter().cloned().collect(),
            teams: raw.team.iter().cloned().collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.teams.is_empty()
    }

    fn take_in(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        self.teams.extend(other.teams.iter().cloned());
    }
}

/// The groups as written, while those inside of others are looked up.
pub(super) struct Groups<'r> {
    pub raw: &'r BTreeMap<GroupName, RawNamedGroup>,
    pub reviewers: &'r RawGroup,
    pub admins: &'r RawGroup,
}

impl Groups<'_> {
    /// Every named group with all its people; says what is wrong.
    pub fn resolved(
        &self,
        listed: &BTreeSet<Login>,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<GroupName, Group> {
        let mut groups = BTreeMap::new();
        for (name, raw) in self.raw {
            let key = format!("groups.{name}");
            let mut say =
                |message: String| problems.push(Problem::of_key(super::PATH, key.clone(), message));
            if matches!(name.as_str(), REVIEWERS | ADMINS) {
                say(format!(
                    "`{name}` is a group already: list its people under `{name}` at the top"
                ));
                continue;
            }
            let plain = RawGroup {
                members: raw.members.clone(),
                team: raw.team.clone(),
            };
            for inner in &raw.groups {
                if self.find(inner).is_none() {
                    let known = self.raw.keys().map(GroupName::as_str);
                    let meant = did_you_mean(inner.as_str(), known.chain([REVIEWERS, ADMINS]));
                    say(format!("there is no group `{inner}`{meant}"));
                }
            }
            let mut inside = vec![name];
            match self.gather(name, &mut inside) {
                Ok(group) if group.is_empty() => {
                    say("nobody is in this group: give `members`, `team` or `groups`".to_owned())
                }
                Ok(group) => {
                    groups.insert(name.clone(), group);
                }
                Err(path) => say(format!(
                    "the group is inside of itself: {}",
                    path.join(" > ")
                )),
            }
            check_group(&key, &plain, listed, problems);
        }
        groups
    }

    fn find(&self, name: &GroupName) -> Option<Group> {
        match name.as_str() {
            REVIEWERS => {
                let mut group = Group::of(self.reviewers);
                group.take_in(&Group::of(self.admins));
                Some(group)
            }
            ADMINS => Some(Group::of(self.admins)),
            _ => {
                let raw = self.raw.get(name)?;
                Some(Group {
                    description: raw.description.clone(),
                    members: raw.members.iter().cloned().collect(),
                    teams: raw.team.iter().cloned().collect(),
                })
            }
        }
    }

    /// A group with those inside of it; the way back to itself where it is inside of itself.
    fn gather<'g>(
        &'g self,
        name: &GroupName,
        inside: &mut Vec<&'g GroupName>,
    ) -> Result<Group, Vec<String>> {
        let mut group = self.find(name).unwrap_or_default();
        let inner = self.raw.get(name).into_iter().flat_map(|raw| &raw.groups);
        for inner in inner {
            if inside.contains(&inner) {
                let path = inside.iter().map(ToString::to_string);
                return Err(path.chain([inner.to_string()]).collect());
            }
            inside.push(inner);
            let gathered = self.gather(inner, inside)?;
            inside.pop();
            group.take_in(&gathered);
        }
        Ok(group)
    }
}

impl People {
    /// Whether there is a group of this name.
    pub fn has_group(&self, name: &GroupName) -> bool {
        matches!(name.as_str(), REVIEWERS | ADMINS) || self.groups.contains_key(name)
    }

    /// The names of all groups.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        let named = self.groups.keys().map(GroupName::as_str);
        [REVIEWERS, ADMINS].into_iter().chain(named)
    }

    /// Whether a person is in a group.
    pub fn is_in(person: &Person, group: &GroupName) -> bool {
        match group.as_str() {
            REVIEWERS => person.role >= Role::Reviewer,
            ADMINS => person.role >= Role::Admin,
            _ => person.groups.contains(group),
        }
    }

    /// Everybody in a group, as far as it is known.
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = &Person> {
        self.people
            .values()
            .filter(|person| Self::is_in(person, group))
    }

    /// The GitHub teams whose members are in a group.
    pub fn teams_of(&self, group: &GroupName) -> BTreeSet<&str> {
        let admins = self.admins_team.as_deref();
        let reviewers = self.reviewers_team.as_deref();
        match group.as_str() {
            ADMINS => admins.into_iter().collect(),
            REVIEWERS => reviewers.into_iter().chain(admins).collect(),
            _ => {
                let group = self.groups.get(group);
                let teams = group.into_iter().flat_map(|group| &group.teams);
                teams.map(String::as_str).collect()
            }
        }
    }

    /// The GitHub teams that a group's approvals are asked of: of the reviewers, their own.
    pub fn teams_to_ask(&self, group: &GroupName) -> Vec<String> {
        match group.as_str() {
            REVIEWERS => self.reviewers_team.iter().cloned().collect(),
            _ => self
                .teams_of(group)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The named groups that a team's members are in.
    pub(super) fn groups_of_team(&self, team: &str) -> BTreeSet<GroupName> {
        let groups = self.groups.iter();
        let groups = groups.filter(|(_, group)| group.teams.contains(team));
        groups.map(|(name, _)| name.clone()).collect()
    }

    /// Takes somebody for a member of the teams that give these groups, as a record says; where the rules name no
    /// such team, nobody is.
    pub fn admit_recorded_to(&mut self, account: &AccountRecord, groups: &[GroupName]) {
        if account.id.is_none() {
            return;
        }
        let known = groups.iter().filter(|group| {
            let group = self.groups.get(*group);
            group.is_some_and(|group| !group.teams.is_empty())
        });
        let known: BTreeSet<GroupName> = known.cloned().collect();
        if !known.is_empty() {
            self.admit_one(account, Role::None, &known);
        }
    }

    pub(super) fn join_groups(&mut self, groups: BTreeMap<GroupName, Group>) {
        for (name, group) in &groups {
            for login in &group.members {
                if let Some(person) = self.people.get_mut(login) {
                    person.groups.insert(name.clone());
                }
            }
        }
        self.groups = groups;
    }

    pub(super) fn group_teams(&self) -> impl Iterator<Item = &str> {
        let groups = self.groups.values();
        groups.flat_map(|group| group.teams.iter().map(String::as_str))
    }
}
