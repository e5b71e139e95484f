//! `rules/people.yaml`: who people are, in which groups they are, and who of them reviews and administers.

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RuleFiles, file};
use crate::domain::documents::{AccountRecord, Role, TeamMember, schema_tag};
use crate::domain::forge_kind::ForgeKind;
use crate::domain::ids::{GroupName, Login, quoted};
use crate::domain::problem::{Problem, Problems};
use crate::domain::similar::did_you_mean;
use crate::domain::yaml;
use groups::Group;

/// Where this document is kept.
pub const PATH: &str = "rules/people.yaml";

schema_tag! {
    /// The value of `schema` in the people.
    PeopleSchema, "countersign/people/v1"
}

/// The document as written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPeople {
    schema: PeopleSchema,
    /// Each person by login, with the accounts they use.
    people: BTreeMap<String, RawPerson>,
    /// Who may approve MEDIUM.
    #[serde(default)]
    reviewers: RawGroup,
    /// Who may approve HIGH; an admin is also a reviewer.
    #[serde(default)]
    admins: RawGroup,
    /// Other groups, by name, for the rules that ask for them.
    #[serde(default)]
    groups: BTreeMap<GroupName, RawNamedGroup>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawPerson {
    /// The addresses of their commits.
    #[serde(default)]
    emails: Vec<String>,
    /// The numeric id of their account on the forge.
    #[serde(default)]
    id: Option<u64>,
    /// Other logins of the same person.
    #[serde(default)]
    aliases: Vec<Login>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    /// Logins listed under `people`.
    #[serde(default)]
    members: Vec<Login>,
    /// On GitHub: the team that holds them, as `ORGANISATION/TEAM-SLUG`.
    #[serde(default)]
    team: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawNamedGroup {
    /// What it is, for people.
    #[serde(default)]
    description: Option<String>,
    /// Logins listed under `people`.
    #[serde(default)]
    members: Vec<Login>,
    /// On GitHub: the team that holds them, as `ORGANISATION/TEAM-SLUG`.
    #[serde(default)]
    team: Option<String>,
    /// Groups whose people are all in this one, too.
    #[serde(default)]
    groups: Vec<GroupName>,
}

/// Who people are and what they may do.
#[derive(Debug, Clone, Default)]
pub struct People {
    people: BTreeMap<Login, Person>,
    by_login: BTreeMap<Login, Login>,
    by_email: BTreeMap<String, Login>,
    by_id: BTreeMap<u64, Login>,
    /// The team of reviewers on GitHub.
    pub reviewers_team: Option<String>,
    /// The team of admins on GitHub.
    pub admins_team: Option<String>,
    groups: BTreeMap<GroupName, Group>,
    missed: BTreeMap<String, String>,
}

/// Who a person is, by the login under which the rules list them. Only [`People`] makes one, so two of them are
/// equal if and only if they are the same person, whatever alias, address or id led there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonName(Login);

impl PersonName {
    /// The login, as records name the person.
    pub const fn login(&self) -> &Login {
        &self.0
    }
    /// The login as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}
impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who they are.
    pub name: PersonName,
    /// The most they may do.
    pub role: Role,
    /// The addresses of their commits; the first is the one to write to.
    pub emails: Vec<String>,
    /// The numeric id of their account on the forge.
    pub id: Option<u64>,
    /// The role that a team gives them, if without it they would not be known like this.
    pub by_team: Option<Role>,
    /// The named groups that they are in, through others too.
    pub groups: BTreeSet<GroupName>,
    /// Those of them that a team gives them.
    pub groups_by_team: BTreeSet<GroupName>,
}

impl Person {
    /// As a record has to name them, because a clone cannot ask who was in a team.
    pub fn team_member(&self) -> Option<TeamMember> {
        if self.by_team.is_none() && self.groups_by_team.is_empty() {
            return None;
        }
        Some(TeamMember {
            login: self.name.0.clone(),
            id: self.id?,
            role: self.by_team.unwrap_or(Role::None),
            groups: self.groups_by_team.iter().cloned().collect(),
        })
    }
}

impl People {
    /// The person of this login or alias.
    pub fn find(&self, login: &Login) -> Option<&Person> {
        self.by_login
            .get(login)
            .and_then(|login| self.people.get(login))
    }

    /// What a named group is, for people.
    pub fn describe_group(&self, name: &GroupName) -> Option<&String> {
        self.groups.get(name)?.description.as_ref()
    }

    /// Every login and alias.
    pub fn logins(&self) -> impl Iterator<Item = &Login> {
        self.by_login.keys()
    }

    /// The person behind an account: by numeric id where both have one, then by e-mail, then by login.
    ///
    /// An account whose login is a person's, but whose numeric id is not that person's, is a stranger
    /// who took over a freed login.
    pub fn find_by_account(&self, account: &AccountRecord) -> Option<&Person> {
        if let Some(person) = account
            .id
            .and_then(|id| self.by_id.get(&id))
            .and_then(|login| self.people.get(login))
        {
            return Some(person);
        }
        let email = account.email.as_deref().map(str::to_ascii_lowercase);
        if let Some(person) = email
            .and_then(|email| self.by_email.get(&email))
            .and_then(|login| self.people.get(login))
        {
            return Some(person);
        }
        self.find(account.login.as_ref()?)
            .filter(|person| account.id.is_none() || person.id.is_none())
    }

    /// Whether they can only be meant for GitHub: the local forge has neither teams nor ids.
    pub fn is_for_github(&self) -> bool {
        !self.by_id.is_empty() || !self.teams().is_empty()
    }

    /// Why nobody could ever change the rules again, if these were the people and so many admins had to approve that;
    /// none if somebody could.
    pub fn find_lockout(&self, forge: ForgeKind<'_>, needed: u32) -> Option<Problem> {
        if self.admins_team.is_some() {
            return None;
        }
        let admins: Vec<&Person> = self.with_role(Role::Admin).collect();
        let counts = |admin: &&&Person| !forge.is_github() || admin.id.is_some();
        let counting = admins.iter().filter(counts).count();
        let message = match (admins.len(), counting) {
            (0, _) => "nobody would administer, so the rules could never be changed again: keep a member or a team".to_owned(),
            (_, 0) => "no admin would have the numeric `id` of their account, without which they do not count on GitHub, so the \
                       rules could never be changed again: add it under `people`"
                .to_owned(),
            (_, counting) if u32::try_from(counting).is_ok_and(|counting| counting < needed) => format!(
                "{needed} admins would have to approve a change of the rules (`approvals.HIGH` in `rules/governance.yaml`), and {counting} \
                 would count, so they could never be changed again: list as many, or ask for fewer"
            ),
            _ => return None,
        };
        Some(Problem::of_key(PATH, "admins", message))
    }

    /// Takes the members of a team for what the team is. Somebody who is listed by name keeps the higher
    /// of both roles; a listed login with another numeric id stays a stranger.
    pub fn admit(&mut self, team: &str, members: &[AccountRecord]) {
        let role = if self.admins_team.as_deref() == Some(team) {
            Role::Admin
        } else if self.reviewers_team.as_deref() == Some(team) {
            Role::Reviewer
        } else {
            Role::None
        };
        let groups = self.groups_of_team(team);
        if role > Role::None || !groups.is_empty() {
            for member in members {
                self.admit_one(member, role, &groups);
            }
        }
    }

    fn admit_one(&mut self, member: &AccountRecord, role: Role, groups: &BTreeSet<GroupName>) {
        let Some(login) = &member.login else { return };
        let known = self
            .find_by_account(member)
            .map(|person| person.name.0.clone());
        if known.is_none() && self.find(login).is_none() {
            let person = RawPerson {
                id: member.id,
                ..RawPerson::default()
            };
            self.add(login.clone(), Role::None, person);
        } else if known.is_none() {
            return;
        }
        let login = known.unwrap_or_else(|| login.clone());
        let Some(person) = self.people.get_mut(&login) else {
            return;
        };
        if let (None, Some(id)) = (person.id, member.id) {
            person.id = Some(id);
            self.by_id.insert(id, login);
            person.by_team = Some(role);
        }
        if person.role < role {
            person.role = role;
            person.by_team = Some(role);
        }
        for group in groups {
            if person.groups.insert(group.clone()) {
                person.groups_by_team.insert(group.clone());
            }
        }
    }

    /// Takes somebody for a member of the team that gives this role, as a record says; where the rules name no such
    /// team, nobody is.
    pub fn admit_recorded(&mut self, account: &AccountRecord, role: Role) {
        let team = match role {
            Role::Admin => self.admins_team.clone(),
            Role::None | Role::Reviewer => {
                let team = self.reviewers_team.as_ref();
                team.or(self.admins_team.as_ref()).cloned()
            }
        };
        if let (Some(team), Some(_)) = (team, account.id) {
            self.admit(&team, std::slice::from_ref(account));
        }
    }

    /// It could not be asked who is in this team, and why: nobody is taken for a member.
    pub fn miss(&mut self, team: &str, reason: &str) {
        self.missed.insert(team.to_owned(), reason.to_owned());
    }

    /// The teams that could not be asked, and why.
    pub fn missed(&self) -> impl Iterator<Item = (&str, &str)> {
        let missed = self.missed.iter();
        missed.map(|(team, reason)| (team.as_str(), reason.as_str()))
    }

    /// The teams that hold people, each once.
    pub fn teams(&self) -> BTreeSet<&str> {
        let teams = [&self.reviewers_team, &self.admins_team];
        let teams = teams.into_iter().flatten().map(String::as_str);
        teams.chain(self.group_teams()).collect()
    }

    /// Everyone who has at least this role, in the order of their logins.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Person> {
        self.people
            .values()
            .filter(move |person| person.role >= role)
    }
}

/// Reads the file.
pub fn read(files: &RuleFiles) -> Result<People, Problems> {
    let raw: RawPeople = yaml::read(PATH, file(files, PATH)?)?;
    let mut problems = Vec::new();
    let listed = list(raw.people, &mut problems);
    let names: BTreeSet<Login> = listed.keys().cloned().collect();
    check_group("reviewers", &raw.reviewers, &names, &mut problems);
    check_group("admins", &raw.admins, &names, &mut problems);
    let groups = groups::Groups {
        raw: &raw.groups,
        reviewers: &raw.reviewers,
        admins: &raw.admins,
    };
    let groups = groups.resolved(&names, &mut problems);
    let mut people = People {
        reviewers_team: raw.reviewers.team,
        admins_team: raw.admins.team,
        ..People::default()
    };
    let (reviewers, admins): (BTreeSet<_>, BTreeSet<_>) = (
        raw.reviewers.members.iter().collect(),
        raw.admins.members.iter().collect(),
    );
    for (login, person) in listed {
        let role = match (admins.contains(&login), reviewers.contains(&login)) {
            (true, _) => Role::Admin,
            (false, true) => Role::Reviewer,
            (false, false) => Role::None,
        };
        if !people.add(login.clone(), role, person) {
            let message = "a login, alias, e-mail or id of theirs is somebody else's too: each belongs to one person";
            problems.push(Problem::of_key(PATH, format!("people.{login}"), message));
        }
    }
    people.join_groups(groups);
    if problems.is_empty() {
        Ok(people)
    } else {
        Err(Problems(problems))
    }
}

/// Keys are parsed here, because logins that differ by case only are the same person.
fn list(
    raw: BTreeMap<String, RawPerson>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Login, RawPerson> {
    let mut listed = BTreeMap::new();
    for (name, person) in raw {
        match name.parse::<Login>() {
            Err(error) => problems.push(Problem::of_key(
                PATH,
                format!("people.{}", quoted(&name)),
                error.to_string(),
            )),
            Ok(login) => {
                if listed.insert(login, person).is_some() {
                    let message = "is listed twice: logins that differ by case only are the same";
                    problems.push(Problem::of_key(PATH, format!("people.{name}"), message));
                }
            }
        }
    }
    listed
}

fn check_group(key: &str, group: &RawGroup, listed: &BTreeSet<Login>, problems: &mut Vec<Problem>) {
    let unlisted = group.members.iter().enumerate();
    for (index, login) in unlisted.filter(|(_, login)| !listed.contains(*login)) {
        let meant = did_you_mean(login.as_str(), listed.iter().map(Login::as_str));
        let mend = if meant.is_empty() {
            ": add them there with their e-mail"
        } else {
            &meant
        };
        let message = format!("`{login}` is not listed under `people`{mend}");
        problems.push(Problem::of_key(
            PATH,
            format!("{key}.members[{index}]"),
            message,
        ));
    }
    let is_team =
        |team: &str| team.matches('/').count() == 1 && team.split('/').all(|part| !part.is_empty());
    if group.team.as_deref().is_some_and(|team| !is_team(team)) {
        problems.push(Problem::of_key(
            PATH,
            format!("{key}.team"),
            "expected `ORGANISATION/TEAM-SLUG`",
        ));
    }
}

impl People {
    /// Adds a person; false if one of their names is taken.
    fn add(&mut self, login: Login, role: Role, raw: RawPerson) -> bool {
        let mut taken = false;
        for name in std::iter::once(&login).chain(&raw.aliases) {
            taken |= self.by_login.insert(name.clone(), login.clone()).is_some();
        }
        for email in &raw.emails {
            taken |= self
                .by_email
                .insert(email.to_ascii_lowercase(), login.clone())
                .is_some();
        }
        if let Some(id) = raw.id {
            taken |= self.by_id.insert(id, login.clone()).is_some();
        }
        let person = Person {
            name: PersonName(login.clone()),
            role,
            emails: raw.emails,
            id: raw.id,
            by_team: None,
            groups: BTreeSet::new(),
            groups_by_team: BTreeSet::new(),
        };
        self.people.insert(login, person);
        !taken
    }
}
