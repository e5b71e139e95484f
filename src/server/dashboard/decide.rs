//! `POST /pending/NUMBER`: somebody approves, asks for changes, or rejects, on the local forge.
//!
//! What counts is decided by the gate alone, on the commit that the page had shown: a form for another head
//! is not recorded at all, because whoever sent it has not seen what it would be for.

use std::collections::BTreeMap;

use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::LONGEST_TEXT;
use super::super::secrets::is_equal;
use super::form::{SET, Typed, WITHOUT};
use super::page_context::{PageContext, Viewer};
use super::pages::{PageError, refused};
use super::pending::{Returned, show_again};
use super::sign_in;
use super::text::unquoted;
use crate::bot::review::{NewWord, ReviewWord, Reviewed};
use crate::bot::{Bot, BotError};
use crate::domain::amendment::AmendmentText;
use crate::domain::documents::RejectionCategory;
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::review::Confidence;
use crate::domain::value::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    csrf: String,
    once: String,
    head: String,
    decision: String,
    message: String,
    confidence: String,
    category: String,
    /// The computed part that was chosen.
    less: String,
    /// What was typed or ticked to approve less.
    #[serde(flatten)]
    parts: BTreeMap<String, String>,
}

/// The number in the address.
#[derive(Debug, Deserialize)]
pub struct Number {
    number: u64,
}

impl Number {
    pub const fn number(&self) -> PullNumber {
        PullNumber(self.number)
    }
}

/// What became of it.
enum Done {
    Recorded(Box<Reviewed>),
    Gone,
    Moved,
}

/// Why a form goes back to whoever sent it, in words for them.
type Problem = &'static str;

impl Sent {
    /// What somebody wants to say; or what is missing.
    fn word(&self) -> Result<ReviewWord, Problem> {
        let is_silent = self.message.trim().is_empty();
        if self.message.chars().count() > LONGEST_TEXT {
            return Err("The text is too long: at most 10,000 characters.");
        }
        match self.decision.as_str() {
            "approve" => match self.confidence.parse::<Confidence>() {
                Ok(sure) => Ok(self.approval(Some(sure))?),
                Err(_) if self.confidence.is_empty() => Ok(self.approval(None)?),
                Err(_) => Err("Choose how sure you are."),
            },
            "request_changes" if is_silent => Err("Say what has to change."),
            "request_changes" => Ok(ReviewWord::RequestChanges),
            "reject" => match self.category.parse::<RejectionCategory>() {
                Ok(RejectionCategory::Other) if is_silent => Err("Say what the concern is."),
                Ok(category) => Ok(ReviewWord::Reject(category)),
                Err(_) => Err("Choose the main concern."),
            },
            _ => Err("Choose whether to approve, to ask for changes or to reject."),
        }
    }

    fn approval(&self, confidence: Option<Confidence>) -> Result<ReviewWord, Problem> {
        let less = match self.less.as_str() {
            "" => self.typed_part()?,
            ready => ready
                .parse()
                .map_err(|_| "This page is out of date. Look at the proposal again.")?,
        };
        Ok(ReviewWord::Approve {
            confidence,
            less: Some(less).filter(|less| !less.is_empty()),
        })
    }

    /// What is left by the fields that lower something or leave it out.
    fn typed_part(&self) -> Result<AmendmentText, Problem> {
        let mut set = BTreeMap::new();
        let mut without = Vec::new();
        for (field, typed) in &self.parts {
            if let Some(name) = field.strip_prefix(WITHOUT) {
                without.push(name.to_owned());
            } else if let (Some(name), false) = (field.strip_prefix(SET), typed.trim().is_empty()) {
                let name = name
                    .parse()
                    .map_err(|_| "A parameter has another name than any can have.")?;
                let value = Value::from_argument(typed.trim());
                set.insert(
                    name,
                    value.map_err(|_| "A value cannot be read: write a number, a text or JSON.")?,
                );
            }
        }
        Ok(AmendmentText::new(set, without))
    }

    fn typed(self, problem: impl Into<String>) -> Typed {
        Typed {
            decision: self.decision,
            message: self.message,
            confidence: self.confidence,
            category: self.category,
            less: self.parts,
            problem: problem.into(),
        }
    }
}

pub async fn decide(
    context: PageContext,
    Path(path): Path<Number>,
    Form(sent): Form<Sent>,
) -> Response {
    let number = path.number();
    let viewer = match entitled(&context, &sent.csrf, &sent.message) {
        Ok(viewer) => viewer,
        Err(refusal) => return *refusal,
    };
    if context.worker.github().is_some() {
        let why = "Pull requests of this repository are reviewed on GitHub, where it is certain who you are.";
        return refused(StatusCode::CONFLICT, PageError::new("Not here", why));
    }
    let word = match sent.word() {
        Ok(word) => word,
        Err(problem) => return back(context, number, problem, sent).await,
    };
    let Ok(head) = sent.head.parse::<Sha>() else {
        let problem = "This page is out of date. Look at the proposal again.";
        return back(context, number, problem, sent).await;
    };
    if !context
        .app_state
        .sessions()
        .is_first(&viewer.key, &sent.once)
    {
        return Redirect::to(&format!("{}/pending", context.base)).into_response();
    }
    let word = NewWord {
        number,
        by: viewer.login,
        word,
        message: sent.message.replace("\r\n", "\n").replace('\r', "\n"),
        head: Some(head),
        // The bot's own time, once it takes it.
        at: chrono::DateTime::UNIX_EPOCH,
    };
    take(context, word, sent).await
}

/// The page once more, with the form as it was sent.
async fn back(context: PageContext, number: PullNumber, problem: &str, sent: Sent) -> Response {
    let typed = sent.typed(problem);
    show_again(context, Returned { number, typed }).await
}

/// Has the bot record it, and says what follows.
async fn take(context: PageContext, word: NewWord, sent: Sent) -> Response {
    let number = word.number;
    let edition = *context.worker.case_store().watch().borrow();
    match context.worker.with_bot(move |bot| record(bot, word)).await {
        Ok(Ok(Done::Recorded(reviewed))) => {
            context.settle(edition).await;
            said(&context, number, &reviewed)
        }
        Ok(Ok(Done::Gone)) => gone(&context, number, sent.message),
        Ok(Ok(Done::Moved)) => {
            let problem = "The proposal was changed while you were reading, so nothing was recorded. Look at it as it is now, and decide again.";
            back(context, number, problem, sent).await
        }
        Ok(Err(error)) => {
            tracing::warn!("a review is refused: {error}");
            back(context, number, &error.to_string(), sent).await
        }
        Err(error) => {
            tracing::error!("{error}");
            let why = "The server could not record it. Try again in a moment.";
            let mut refusal = PageError::new("Not recorded", why);
            refusal.typed = sent.message;
            refused(StatusCode::SERVICE_UNAVAILABLE, refusal)
        }
    }
}

/// Whoever has signed in and sent a form of theirs.
pub fn entitled(context: &PageContext, csrf: &str, typed: &str) -> Result<Viewer, Box<Response>> {
    let refuse = |status, title, why: &str| {
        let mut refusal = PageError::new(title, why);
        refusal.typed = typed.to_owned();
        refusal.next = match status {
            StatusCode::UNAUTHORIZED => (sign_in::address(&context.path), "Sign in"),
            _ => (context.path.clone(), "Back to the page"),
        };
        Err(Box::new(refused(status, refusal)))
    };
    match &context.viewer {
        None => refuse(
            StatusCode::UNAUTHORIZED,
            "Sign in first",
            "Your session has ended, so nothing was recorded. Sign in and send it again.",
        ),
        Some(viewer) if !is_equal(&viewer.csrf, csrf) => refuse(
            StatusCode::FORBIDDEN,
            "Not recorded",
            "The form does not belong to your session, so nothing was recorded. Open the page again.",
        ),
        Some(viewer) => Ok(viewer.clone()),
    }
}

fn record(bot: &mut Bot, word: NewWord) -> Result<Done, BotError> {
    let word = NewWord {
        at: bot.now(),
        ..word
    };
    let mut open = bot.open_pulls()?.into_iter();
    match open.find(|pull| pull.number == word.number) {
        None => Ok(Done::Gone),
        Some(pull) if Some(pull.head) != word.head => Ok(Done::Moved),
        Some(_) => Ok(Done::Recorded(Box::new(bot.review(&word)?))),
    }
}

/// Says what follows, on the page where that is seen.
fn said(context: &PageContext, number: PullNumber, reviewed: &Reviewed) -> Response {
    let class = if reviewed.counts == Some(false) {
        "warn"
    } else {
        "good"
    };
    let meaning = unquoted(
        &reviewed
            .meaning
            .replace("`countersign run`", "the bot's next run"),
    );
    context.tell(
        class,
        format!(
            "Your {} of pull request {number} is recorded: {meaning}.",
            reviewed.opinion
        ),
    );
    Redirect::to(&format!("{}/pending#pull-{}", context.base, number.0)).into_response()
}

fn gone(context: &PageContext, number: PullNumber, typed: String) -> Response {
    let why = format!(
        "Pull request {number} is no longer pending, so nothing was recorded. If there is something to say about it, give feedback on its page."
    );
    let mut refusal = PageError::new("Decided already", why);
    refusal.typed = typed;
    refusal.next = (
        format!("{}/cases/{}", context.base, number.0),
        "To the case",
    );
    refused(StatusCode::CONFLICT, refusal)
}
