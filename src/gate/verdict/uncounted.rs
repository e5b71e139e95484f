//! Why somebody's word does not count, in the words of the record.

use crate::domain::documents::Role;
use crate::domain::ids::{AgentName, Sha};
use crate::gate::amendments::{ApprovedPart, LESS};
use crate::rules::people::PersonName;

/// Why a review, a command or a person's say on a proposal does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncounted {
    #[error("`{0}` is a bot: bots never count")]
    Bot(String),
    #[error("`{0}` is an agent: agents never count")]
    Agent(AgentName),
    #[error("`{0}` is not listed in `rules/people.yaml`")]
    Unlisted(String),
    #[error("`{0}` is neither reviewer nor admin")]
    NoRole(PersonName),
    /// The part that they had in the proposal.
    #[error("{0}")]
    Conflict(String),
    #[error("`{by}` is {}: this needs an {needed}", with_article(*.role))]
    LesserRole {
        by: PersonName,
        role: Role,
        needed: Role,
    },
    #[error("it is for commit {}: the head is now {}", .given.short(), .head.short())]
    OtherHead { given: Sha, head: Sha },
    #[error("it is older than the last change of the base branch: approve again")]
    OtherBase,
    #[error(
        "it is not known who pushed commit {}, and nobody approves what they pushed: {help}",
        .head.short()
    )]
    UnknownPushers { head: Sha, help: String },
    /// What has changed on `main`.
    #[error("since it was given, {0}: approve again")]
    Outdated(String),
    #[error("{LESS}{0}")]
    Less(ApprovedPart),
    #[error("it approves all of it, and what is decided is less: `{0}`")]
    All(String),
    #[error("its text was edited, so nobody knows of what it was: approve again")]
    Edited,
    /// Why nobody's approval counts.
    #[error("{0}")]
    Unattributed(String),
    /// What is missing in the rules.
    #[error("{0}")]
    WithoutId(String),
    #[error(
        "it has no justification: the review's text needs at least {least} characters{}",
        if *.edited { "; a text that was edited does not count" } else { "" }
    )]
    NoJustification { least: u32, edited: bool },
}

fn with_article(role: Role) -> &'static str {
    match role {
        Role::None => "neither reviewer nor admin",
        Role::Reviewer => "a reviewer",
        Role::Admin => "an admin",
    }
}
