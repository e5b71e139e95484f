//! `POST /pending/NUMBER/questions`: somebody asks the agent something, on the local forge.

use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::decide::{Number, entitled};
use super::form::Typed;
use super::page_context::PageContext;
use super::pages::{PageError, refused};
use super::pending::{Returned, show_again};
use super::text::unquoted;
use crate::bot::BotError;
use crate::bot::questions::NewQuestion;
use crate::domain::ids::PullNumber;
use crate::forge::ForgeError;

/// What the form says that somebody is about to do.
pub const ASK: &str = "ask";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    csrf: String,
    once: String,
    message: String,
}

pub async fn ask(
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
        let why = "People ask on GitHub itself, where it is certain who they are: comment `/ask TEXT` on the pull request.";
        return refused(
            StatusCode::CONFLICT,
            PageError::new("Not here", unquoted(why)),
        );
    }
    let there = format!("{}/pending#pull-{}", context.base, number.0);
    if !context
        .app_state
        .sessions()
        .is_first(&viewer.key, &sent.once)
    {
        return Redirect::to(&there).into_response();
    }
    let (by, text) = (viewer.login, sent.message.clone());
    let edition = *context.worker.case_store().watch().borrow();
    let asked = context
        .worker
        .with_bot(move |bot| {
            let at = bot.now();
            bot.ask(&NewQuestion {
                number,
                by,
                text,
                at,
            })
        })
        .await;
    let refuse = |status, title, why: String| {
        let mut refusal = PageError::new(title, why);
        refusal.typed.clone_from(&sent.message);
        refusal.next = (
            format!("{}/cases/{}", context.base, number.0),
            "To the case",
        );
        refused(status, refusal)
    };
    match asked {
        Ok(Ok(asked)) => {
            context.worker.wake();
            context.settle(edition).await;
            let question = asked.question;
            context.tell(
                "good",
                match asked.created {
                    true => format!(
                        "Your question {question} on pull request {number} is recorded: the agent is told."
                    ),
                    false => format!(
                        "You ask this on pull request {number} already: question {question} waits for its answer."
                    ),
                },
            );
            Redirect::to(&there).into_response()
        }
        Ok(Err(BotError::Forge(ForgeError::Ended(_) | ForgeError::NoSuchPull(_)))) => refuse(
            StatusCode::CONFLICT,
            "Decided already",
            format!("Pull request {number} is no longer pending, so nothing was recorded."),
        ),
        Ok(Err(error)) => back(context, number, &error, sent).await,
        Err(error) => {
            tracing::error!("{error}");
            let why = "The server could not record it. Try again in a moment.".to_owned();
            refuse(StatusCode::SERVICE_UNAVAILABLE, "Not recorded", why)
        }
    }
}

/// The page once more, with the form as it was sent.
async fn back(context: PageContext, number: PullNumber, error: &BotError, sent: Sent) -> Response {
    let typed = Typed {
        decision: ASK.to_owned(),
        message: sent.message,
        problem: format!("Nothing was recorded: {}.", unquoted(&error.to_string())),
        ..Typed::default()
    };
    show_again(context, Returned { number, typed }).await
}
