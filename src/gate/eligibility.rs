//! Who is behind an account, and whether that person may decide on this proposal.

use crate::domain::documents::{AccountRecord, Role};
use crate::domain::ids::{AgentName, quoted};
use crate::domain::pull::{Contribution, Part};
use crate::rules::Rules;
use crate::rules::people::{Person, PersonName};

/// Whom the rules know behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'r> {
    /// A person of `rules/people.yaml`.
    Person(&'r Person),
    /// An agent of `rules/agents.yaml`.
    Agent(&'r AgentName),
    /// Nobody: never approves anything.
    Unknown,
}

/// Whom the rules know behind an account.
pub fn principal_of<'r>(account: &AccountRecord, rules: &'r Rules) -> Principal<'r> {
    if let Some((name, _)) = rules.agents.iter().find(|(_, agent)| agent.owns(account)) {
        return Principal::Agent(name);
    }
    rules
        .people
        .find_by_account(account)
        .map_or(Principal::Unknown, Principal::Person)
}

/// The agent that the rules know behind an account.
pub fn agent_of<'r>(account: &AccountRecord, rules: &'r Rules) -> Option<&'r AgentName> {
    match principal_of(account, rules) {
        Principal::Agent(agent) => Some(agent),
        Principal::Person(_) | Principal::Unknown => None,
    }
}

/// How people are shown an account: login, else e-mail, else number.
pub fn shown(account: &AccountRecord) -> String {
    let text = match (&account.login, &account.email, account.id) {
        (Some(login), ..) => login.to_string(),
        (None, Some(email), _) => email.clone(),
        (None, None, Some(id)) => format!("account {id}"),
        (None, None, None) => "an unknown account".to_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// What keeps people from deciding on a proposal: their part in it.
#[derive(Debug, Clone, Copy)]
pub struct Interests<'a> {
    /// Everyone who had a hand in the commits.
    pub contributions: &'a [Contribution],
    /// The person who answers for the proposing agent.
    pub owner: Option<&'a PersonName>,
}

impl Interests<'_> {
    /// Why nobody's approval counts: the branch may be the work of whoever approves it. What helps is a head whose
    /// every hand is known.
    pub fn find_unattributed(&self, rules: &Rules) -> Option<String> {
        let contribution = find_unattributed(self.contributions, rules)?;
        let account = &contribution.account;
        let address = account.email.as_deref().map(quoted);
        let who = address.unwrap_or_else(|| quoted(&shown(account)));
        let nobody = "neither `rules/people.yaml` nor `rules/agents.yaml` lists";
        Some(match contribution.part.find_noun() {
            None => format!(
                "{who} opened the pull request, whom {nobody}, so it may be anybody's: open it from a listed account"
            ),
            Some(noun) => format!(
                "the {noun} of commit {} is {who}, whom {nobody}, so it may be anybody's: push a new head whose commits \
                 are by listed addresses (`git commit --amend --reset-author`)",
                contribution.commit.short()
            ),
        })
    }

    /// Why this person, with this account, may not approve; nothing if they may.
    pub fn find_conflict(
        &self,
        person: &Person,
        account: &AccountRecord,
        rules: &Rules,
    ) -> Option<String> {
        if self.owner == Some(&person.name) {
            return Some(format!("`{}` is the owner of the agent", person.name));
        }
        let owned = self.contributions.iter().find_map(|contribution| {
            match principal_of(&contribution.account, rules) {
                Principal::Agent(name) if rules.agents.get(name)?.owner == person.name => {
                    Some((name, contribution.commit))
                }
                _ => None,
            }
        });
        if let Some((agent, commit)) = owned {
            return Some(format!(
                "`{}` is the owner of `{agent}`, which had a part in commit {}",
                person.name,
                commit.short()
            ));
        }
        let theirs = |contribution: &&Contribution| {
            matches!(principal_of(&contribution.account, rules), Principal::Person(other) if other.name == person.name)
                || is_same_account(&contribution.account, account)
        };
        let contribution = self.contributions.iter().find(theirs)?;
        let commit = contribution.commit.short();
        Some(match contribution.part.find_noun() {
            None => format!("`{}` opened the pull request", person.name),
            Some(noun) => format!("`{}` is the {noun} of commit {commit}", person.name),
        })
    }
}

/// A hand in the branch of somebody whom the rules do not know. Who only pushed is known by their account, listed
/// or not; a commit is known by its address alone, and that may be anybody's.
pub fn find_unattributed<'c>(
    contributions: &'c [Contribution],
    rules: &Rules,
) -> Option<&'c Contribution> {
    contributions.iter().find(|contribution| {
        contribution.part != Part::Pusher
            && principal_of(&contribution.account, rules) == Principal::Unknown
    })
}

fn is_same_account(a: &AccountRecord, b: &AccountRecord) -> bool {
    let same_email = match (&a.email, &b.email) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    };
    (a.id.is_some() && a.id == b.id) || (a.login.is_some() && a.login == b.login) || same_email
}

/// Whether somebody may speak on a proposal at all: reject, ask for changes, freeze.
pub fn may_speak(person: &Person) -> bool {
    person.role >= Role::Reviewer
}
