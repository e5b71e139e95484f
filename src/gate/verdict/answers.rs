//! Whom to ask for an approval, and what those are told who gave a command that they may not give.

use super::{GateEvaluation, Uncounted, Verdict, without_id};
use crate::domain::command::Command;
use crate::domain::documents::{AccountRecord, Role, TeamMember};
use crate::domain::review::Opinion;
use crate::gate::eligibility::{Principal, principal_of};
use crate::rules::people::{Person, PersonName};

/// How many commands that were not taken are answered.
const MOST_REJECTED_COMMANDS: usize = 10;

/// A command by somebody who may not give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedCommand {
    pub account: AccountRecord,
    pub command: &'static str,
    /// Why not, and who may.
    pub reason: String,
}

/// A text, and who said it.
struct Said<'p> {
    account: &'p AccountRecord,
    is_bot: bool,
    body: &'p str,
    /// Whether it stands in a review that approves.
    approves: bool,
}

impl<'a> GateEvaluation<'a> {
    /// Everybody who may approve.
    pub(super) fn eligible(&self) -> Vec<(PersonName, Role)> {
        if self.case.interests.find_unattributed(self.rules).is_some() {
            return Vec::new();
        }
        let may = self
            .entitled()
            .filter(|person| !self.needs_id() || person.id.is_some());
        may.map(|person| (person.name.clone(), person.role))
            .collect()
    }

    /// Why those do not count who may approve, but are known by a login alone: unless their own review is told that.
    pub(super) fn without_id(&self) -> Vec<String> {
        let nameless = self.entitled().filter(|person| {
            let is_told = self.ignored.iter().any(|ignored| {
                matches!(principal_of(&ignored.account, self.rules), Principal::Person(told) if told == *person)
            });
            self.needs_id() && self.required.role > Role::None && person.id.is_none() && !is_told
        });
        nameless.map(|person| without_id(person, None)).collect()
    }

    /// Everybody with a role that is enough and no part in it.
    fn entitled(&self) -> impl Iterator<Item = &'a Person> {
        let people = self.rules.people.with_role(Role::Reviewer);
        people.filter(|person| {
            let account = AccountRecord {
                login: Some(person.name.login().clone()),
                id: person.id,
                email: None,
            };
            person.role >= self.required.role && self.conflict(person, &account).is_none()
        })
    }

    /// Who is known or entitled through a team only, of all that the answer rests on.
    pub(super) fn team_members(&self, verdict: &Verdict) -> Vec<TeamMember> {
        let rejection = match verdict {
            Verdict::Reject(rejection) => Some(&rejection.account),
            _ => None,
        };
        let interests = self.case.interests.contributions.iter();
        let accounts = interests
            .map(|contribution| &contribution.account)
            .chain(self.approvals.iter().map(|approval| &approval.account))
            .chain(self.ignored.iter().map(|ignored| &ignored.account))
            .chain(rejection);
        let mut members: Vec<TeamMember> = Vec::new();
        for account in accounts {
            if let Principal::Person(person) = principal_of(account, self.rules)
                && let Some(member) = person.team_member()
                && !members.contains(&member)
            {
                members.push(member);
            }
        }
        members
    }

    /// Whoever gives a command that they may not give is answered once, however often they give it.
    pub(super) fn rejected_commands(&self) -> Vec<RejectedCommand> {
        let pull = self.case.pull;
        let reviews = pull.reviews.iter().filter(|review| !review.edited);
        let reviews = reviews.map(|review| Said {
            account: &review.account,
            is_bot: review.is_bot,
            body: &review.body,
            approves: review.opinion == Opinion::Approve,
        });
        let comments = pull.comments.iter().filter(|comment| !comment.edited);
        let comments = comments.map(|comment| Said {
            account: &comment.account,
            is_bot: comment.is_bot,
            body: &comment.body,
            approves: false,
        });
        let mut rejected_commands: Vec<RejectedCommand> = Vec::new();
        // A bot is never answered: two of them would go on for ever.
        for said in reviews.chain(comments).filter(|said| !said.is_bot) {
            let account = said.account;
            let may = |who: &str, refusal: Option<Uncounted>| {
                refusal.map(|refusal| format!("{refusal}; {who} may"))
            };
            for command in Command::find_all(said.body).into_iter().flatten() {
                let (command, refusal) = match command {
                    Command::Reject { .. } => (
                        "/reject",
                        may("reviewers and admins", self.speaker(account, false).err()),
                    ),
                    Command::Freeze(_) => (
                        "/freeze",
                        may("reviewers and admins", self.speaker(account, false).err()),
                    ),
                    Command::Feedback(_) => {
                        let refusal = self.person(account, false).err();
                        (
                            "/feedback",
                            may("everybody in `rules/people.yaml`", refusal),
                        )
                    }
                    // In a comment nothing says which commit it is for.
                    Command::Approve(_)
                        if !said.approves && self.person(account, false).is_ok() =>
                    {
                        (
                            "/approve",
                            Some(
                                "an approval is for a commit, so it stands in an approving review"
                                    .to_owned(),
                            ),
                        )
                    }
                    // Whether an attestation counts, only its head and value tell; of an approval, the review does; what
                    // is asked and answered, is told with it.
                    Command::Confidence(_)
                    | Command::Recheck
                    | Command::Attest(_)
                    | Command::Approve(_)
                    | Command::Ask(_)
                    | Command::Answer { .. } => continue,
                };
                let is_told = rejected_commands
                    .iter()
                    .any(|known| known.account == *account && known.command == command);
                if let (Some(reason), false, true) = (
                    refusal,
                    is_told,
                    rejected_commands.len() < MOST_REJECTED_COMMANDS,
                ) {
                    rejected_commands.push(RejectedCommand {
                        account: account.clone(),
                        command,
                        reason,
                    });
                }
            }
        }
        rejected_commands
    }
}
