//! What is said when something goes wrong: the error in one line, then a hint what to do about it.

use crate::bot::BotError;
use crate::forge::ForgeError;
use crate::ledger::LedgerError;

use super::output;

const RED: u8 = 31;
const CYAN: u8 = 36;

/// An error with a hint.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Hinted {
    message: String,
    hint: String,
}

/// An error together with what to do about it.
pub fn hinted(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted {
        message: message.into(),
        hint: hint.into(),
    }
    .into()
}

/// The arguments fit no use of the command, in a way that only the command itself can tell.
pub fn usage(message: impl std::fmt::Display) -> anyhow::Error {
    let kind = clap::error::ErrorKind::ValueValidation;
    <super::Cli as clap::CommandFactory>::command()
        .error(kind, message)
        .into()
}

/// Says an error on standard error.
pub fn report(error: &anyhow::Error) {
    let (message, hint) = in_parts(error);
    output::labelled("error", RED, &message);
    if let Some(hint) = hint {
        output::labelled("hint", CYAN, &hint);
    }
}

/// What went wrong, and what to do about it.
pub fn in_parts(error: &anyhow::Error) -> (String, Option<String>) {
    if let Some(Hinted { message, hint }) = error.downcast_ref() {
        return (message.clone(), Some(hint.clone()));
    }
    let known = match error.downcast_ref::<BotError>() {
        Some(BotError::Forge(error)) => of_forge(error),
        Some(BotError::Ledger(error)) => of_ledger(error),
        Some(BotError::Unrecordable(what)) => Some((
            what.to_string(),
            "shorten it, and leave out characters that are not text",
        )),
        Some(BotError::Busy(_)) => Some((
            "`main` was moved by others again and again".to_owned(),
            TRY_AGAIN,
        )),
        _ => error
            .downcast_ref()
            .and_then(of_forge)
            .or_else(|| error.downcast_ref().and_then(of_ledger)),
    };
    match known {
        Some((message, hint)) => (message, Some(hint.to_owned())),
        None => (format!("{error:#}"), None),
    }
}

const TRY_AGAIN: &str = "try again in a moment";

fn of_forge(error: &ForgeError) -> Option<(String, &'static str)> {
    match error {
        ForgeError::NoSuchPull(number) => Some((
            format!("there is no pull request {number}"),
            "`countersign list --status pending` shows the open ones",
        )),
        ForgeError::Ended(number) => Some((
            format!("pull request {number} has ended: nothing more can be said on it"),
            "`countersign show NUMBER` tells how it ended; `countersign feedback` says something about it",
        )),
        ForgeError::Busy(_) => Some((
            "the record of pull requests was changed by others again and again".to_owned(),
            TRY_AGAIN,
        )),
        _ => None,
    }
}

fn of_ledger(error: &LedgerError) -> Option<(String, &'static str)> {
    match error {
        LedgerError::NoSuchCase(id) => Some((
            format!("there is no decided case `{id}`"),
            "`countersign list` shows all cases, decided and pending",
        )),
        LedgerError::NoMain => Some((
            "this repository has no branch `main`, so it is no governance repository".to_owned(),
            "make one with `countersign init PATH`, or name another with `--repo PATH`",
        )),
        LedgerError::ClockBehind { .. } => Some((
            error.to_string(),
            "set the clock of this machine (`timedatectl`); if it is right, the other one was ahead: wait, or take back what it wrote, as docs/operators.md says under \"Clocks\"",
        )),
        LedgerError::Unadopted(_) => Some((
            error.to_string(),
            "look at it with `git log -p main`; then an admin runs `countersign adopt COMMIT --as LOGIN`, or puts `main` back",
        )),
        LedgerError::Unsigned => Some((
            error.to_string(),
            "give the bot its key with `--signing-key FILE` or COUNTERSIGN_SIGNING_KEY: nothing is written unsigned",
        )),
        LedgerError::ForeignKey(_) => Some((
            error.to_string(),
            "give the bot a key whose public half is under `signing.keys`, or first add this one there with a governance change",
        )),
        _ => None,
    }
}

/// Why the system refused, in lower case and without its number.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
