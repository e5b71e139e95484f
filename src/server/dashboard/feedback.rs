//! `POST /cases/ID/feedback`: what a person has to say about a decided case, for the agent to learn from.

use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::LONGEST_TEXT;
use super::decide::entitled;
use super::page_context::PageContext;
use super::pages::{PageError, refused};
use crate::bot::NewFeedback;
use crate::domain::ids::{CaseId, Login};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    csrf: String,
    once: String,
    message: String,
}

/// The case in the address.
#[derive(Debug, Deserialize)]
pub struct Case {
    id: String,
}

pub async fn give(
    context: PageContext,
    Path(case): Path<Case>,
    Form(sent): Form<Sent>,
) -> Response {
    let viewer = match entitled(&context, &sent.csrf, &sent.message) {
        Ok(viewer) => viewer,
        Err(refusal) => return *refusal,
    };
    let refuse = |status, why: String| {
        let mut refusal = PageError::new("Not recorded", why);
        refusal.typed.clone_from(&sent.message);
        refusal.next = (format!("{}/cases", context.base), "To the cases");
        refused(status, refusal)
    };
    let Ok(id) = case.id.parse::<CaseId>() else {
        return refuse(StatusCode::NOT_FOUND, "There is no such case.".to_owned());
    };
    let there = Redirect::to(&format!("{}/cases/{id}#feedback", context.base)).into_response();
    let message = sent.message.replace("\r\n", "\n").trim().to_owned();
    if message.is_empty() || message.chars().count() > LONGEST_TEXT {
        context.tell(
            "bad",
            "Say something, in at most 10,000 characters. Nothing was recorded.",
        );
        return there;
    }
    if !context
        .app_state
        .sessions()
        .is_first(&viewer.key, &sent.once)
    {
        return there;
    }
    record(&context, id, viewer.login, message)
        .await
        .map_or_else(|(status, why)| refuse(status, why), |()| there)
}

/// Has the bot record it.
async fn record(
    context: &PageContext,
    id: CaseId,
    by: Login,
    message: String,
) -> Result<(), (StatusCode, String)> {
    let new = NewFeedback {
        id,
        by,
        message,
        random: ulid::Ulid::generate().random(),
    };
    let edition = *context.worker.case_store().watch().borrow();
    match context
        .worker
        .with_bot(move |bot| bot.record_feedback(&new))
        .await
    {
        Ok(Ok(_)) => {
            context.settle(edition).await;
            context.tell("good", "Your feedback is in the trail.");
            Ok(())
        }
        Ok(Err(error)) => Err((
            StatusCode::CONFLICT,
            format!("It was not recorded: {error}."),
        )),
        Err(error) => {
            tracing::error!("{error}");
            let why = "The server could not record it. Try again in a moment.".to_owned();
            Err((StatusCode::SERVICE_UNAVAILABLE, why))
        }
    }
}
