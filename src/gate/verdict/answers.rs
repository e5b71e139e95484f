//! Whom to ask for an approval, and what those are told who gave a command that they may not give.

use super::Hearing;
use crate::domain::command::Command;
use crate::domain::documents::{AccountRecord, Role};
use crate::rules::people::PersonName;

/// How many commands that were not taken are answered.
const MOST_UNHEARD: usize = 10;

/// A command by somebody who may not give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// Who.
    pub account: AccountRecord,
    /// Which.
    pub command: &'static str,
    /// Why not, and who may.
    pub reason: String,
}

impl Hearing<'_> {
    /// Everybody who may approve.
    pub(super) fn eligible(&self) -> Vec<(PersonName, Role)> {
        let people = self.rules.people.with_role(Role::Reviewer);
        let may = people.filter(|person| {
            let account = AccountRecord {
                login: Some(person.name.login().clone()),
                id: person.id,
                email: None,
            };
            person.role >= self.required.role && self.conflict(person, &account).is_none()
        });
        may.map(|person| (person.name.clone(), person.role))
            .collect()
    }

    /// Whoever gives a command that they may not give is answered once, however often they give it.
    pub(super) fn unheard(&self) -> Vec<Unheard> {
        let pull = self.case.pull;
        let reviews = pull.reviews.iter().filter(|review| !review.edited);
        let reviews = reviews.map(|review| (&review.account, review.is_bot, &review.body));
        let comments = pull.comments.iter().filter(|comment| !comment.edited);
        let comments = comments.map(|comment| (&comment.account, comment.is_bot, &comment.body));
        let mut unheard: Vec<Unheard> = Vec::new();
        // A bot is never answered: two of them would go on for ever.
        for (account, _, body) in reviews.chain(comments).filter(|(_, is_bot, _)| !is_bot) {
            for command in Command::find_all(body).into_iter().flatten() {
                let (command, may, refusal) = match command {
                    Command::Reject { .. } => (
                        "/reject",
                        "reviewers and admins",
                        self.speaker(account, false).err(),
                    ),
                    Command::Freeze(_) => (
                        "/freeze",
                        "reviewers and admins",
                        self.speaker(account, false).err(),
                    ),
                    Command::Feedback(_) => (
                        "/feedback",
                        "everybody in `rules/people.yaml`",
                        self.person(account, false).err(),
                    ),
                    Command::Confidence(_) | Command::Recheck => continue,
                };
                let is_told = unheard
                    .iter()
                    .any(|known| known.account == *account && known.command == command);
                if let (Some(refusal), false, true) =
                    (refusal, is_told, unheard.len() < MOST_UNHEARD)
                {
                    unheard.push(Unheard {
                        account: account.clone(),
                        command,
                        reason: format!("{refusal}; {may} may"),
                    });
                }
            }
        }
        unheard
    }
}
