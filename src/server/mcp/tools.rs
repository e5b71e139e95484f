//! The tools: what each takes, and the part of the service that answers it.

use std::sync::LazyLock;
use std::time::Duration;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::{Extension, IntoCallToolResult};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResponse, CallToolResult};
use rmcp::{ErrorData, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::McpService;
use crate::domain::ids::{ActionName, TargetName};
use crate::insight::Period;
use crate::server::service::operations::{
    AMEND, ANSWER, CHECK, CHOICES, LESSONS, LIST, PROPOSE, REPORT, SHOW, WAIT, WITHDRAW,
};
use crate::server::service::{
    AnswerRequest, AuthContext, ChoicesRequest, Document, Filters, Kind, Report, Sent,
    ServiceError, Wait,
};

/// Clients give up after a minute, so a wait ends before.
const MOST_WAIT: u64 = 50;
const WAIT_SECONDS: u64 = 30;
const ROWS: usize = 20;

pub static ROUTER: LazyLock<ToolRouter<McpService>> = LazyLock::new(McpService::tools);

/// Nothing is needed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Of what the choices are asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only this action.
    #[serde(default)]
    action: Option<ActionName>,
    /// Only these targets.
    #[serde(default)]
    targets: Vec<TargetName>,
}

/// Which case.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The id of the case, as `propose_recommendation` answers it, or the number of its pull request.
    case: String,
}

/// Which case, and how long to wait.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Waited {
    /// The id of the case, as `propose_recommendation` answers it, or the number of its pull request.
    case: String,
    /// How many seconds to wait at most, up to 50; 30 if nothing is said.
    #[serde(default)]
    seconds: Option<u64>,
    /// The `state` of the last answer: the wait ends as soon as anything is otherwise.
    #[serde(default)]
    seen: Option<String>,
}

/// What a case is to propose instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Amendment {
    /// The id of the case, or the number of its pull request.
    case: String,
    /// The whole recommendation, as it is to be now.
    recommendation: Document,
}

/// An answer to a question.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answered {
    /// The id of the case, or the number of its pull request.
    case: String,
    /// The `id` of the question, as `questions` of the case has it; the oldest one that is open if nothing is said.
    #[serde(default)]
    question: Option<String>,
    /// What is answered, in at most 4,000 characters.
    text: String,
}

/// Which cases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// pending, auto_approved, granted, approved, rejected, refused, withdrawn or expired.
    #[serde(default)]
    status: Option<String>,
    /// LOW, MEDIUM or HIGH.
    #[serde(default)]
    level: Option<String>,
    /// That name this target.
    #[serde(default)]
    target: Option<String>,
    /// That mention each of these words: in id, number, names, targets, people or triggers.
    #[serde(default)]
    search: Option<String>,
    /// At most so many, up to 200; 20 if nothing is said.
    #[serde(default)]
    limit: Option<usize>,
    /// Where the page begins: the `next` of the page before.
    #[serde(default)]
    cursor: Option<String>,
}

/// What came of an approved case.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Outcome {
    /// The id of the case, or the number of its pull request.
    case: String,
    /// Whether it did what was approved.
    success: bool,
    /// What there is to say, such as `{"orders": 3}`.
    #[serde(default)]
    details: std::collections::BTreeMap<String, crate::domain::value::Value>,
    /// What went wrong; only with a failure.
    #[serde(default)]
    error: Option<String>,
}

type Answer = Result<CallToolResult, ServiceError>;

#[tool_router(router = tools)]
impl McpService {
    #[tool(description = CHOICES.text(), annotations(read_only_hint = true, open_world_hint = false))]
    async fn list_choices(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(asked): Parameters<Asked>,
    ) -> Answer {
        let request = ChoicesRequest {
            agent: None,
            action: asked.action,
            targets: asked.targets,
        };
        answer(&auth.choices(request).await?)
    }

    #[tool(description = CHECK.text(), annotations(read_only_hint = true, open_world_hint = false))]
    async fn check_recommendation(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(document): Parameters<Document>,
    ) -> Answer {
        answer(&auth.check(Sent::Json(Box::new(document))).await?)
    }

    #[tool(
        description = PROPOSE.text(),
        annotations(read_only_hint = false, destructive_hint = false, open_world_hint = false)
    )]
    async fn propose_recommendation(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(document): Parameters<Document>,
    ) -> Answer {
        answer(&auth.propose(Sent::Json(Box::new(document))).await?)
    }

    #[tool(description = WAIT.text(), annotations(read_only_hint = true, open_world_hint = false))]
    async fn wait_for_decision(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(waited): Parameters<Waited>,
    ) -> Answer {
        let seconds = waited.seconds.unwrap_or(WAIT_SECONDS).min(MOST_WAIT);
        let wait = Wait {
            longest: Duration::from_secs(seconds),
            seen: waited.seen,
        };
        answer(&auth.wait(waited.case.parse()?, wait).await?)
    }

    #[tool(
        description = AMEND.text(),
        annotations(read_only_hint = false, destructive_hint = false, open_world_hint = false)
    )]
    async fn amend_recommendation(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(amendment): Parameters<Amendment>,
    ) -> Answer {
        let sent = Sent::Json(Box::new(amendment.recommendation));
        answer(&auth.amend(amendment.case.parse()?, sent).await?)
    }

    #[tool(
        description = WITHDRAW.text(),
        annotations(read_only_hint = false, destructive_hint = true, open_world_hint = false)
    )]
    async fn withdraw_recommendation(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(which): Parameters<Which>,
    ) -> Answer {
        answer(&auth.withdraw(which.case.parse()?).await?)
    }

    #[tool(
        description = ANSWER.text(),
        annotations(read_only_hint = false, destructive_hint = false, open_world_hint = false)
    )]
    async fn answer_question(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(answered): Parameters<Answered>,
    ) -> Answer {
        let request = AnswerRequest {
            question: answered.question,
            text: answered.text,
        };
        answer(&auth.answer(answered.case.parse()?, request).await?)
    }

    #[tool(description = LIST.text(), annotations(read_only_hint = true, open_world_hint = false))]
    async fn list_recommendations(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(wanted): Parameters<Wanted>,
    ) -> Answer {
        let filters = Filters {
            status: wanted.status,
            level: wanted.level,
            target: wanted.target,
            search: wanted.search,
            ..Filters::default()
        };
        let limit = wanted.limit.unwrap_or(ROWS);
        let listed = auth
            .list(filters.query()?, limit, wanted.cursor.as_deref())
            .await?;
        answer(&json!({"recommendations": listed.rows, "next": listed.next}))
    }

    #[tool(description = SHOW.text(), annotations(read_only_hint = true, open_world_hint = false))]
    async fn show_recommendation(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(which): Parameters<Which>,
    ) -> Answer {
        answer(&auth.show(which.case.parse()?).await?)
    }

    #[tool(description = LESSONS.text(), annotations(read_only_hint = true, open_world_hint = false))]
    async fn read_lessons(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(Nothing {}): Parameters<Nothing>,
    ) -> Answer {
        answer(&auth.lessons(None, Period::ALL).await?)
    }

    #[tool(
        description = REPORT.text(),
        annotations(read_only_hint = false, destructive_hint = false, open_world_hint = false)
    )]
    async fn report_outcome(
        &self,
        Extension(auth): Extension<AuthContext>,
        Parameters(outcome): Parameters<Outcome>,
    ) -> Answer {
        let report = Report {
            success: outcome.success,
            details: outcome.details,
            error: outcome.error,
        };
        answer(&auth.report(outcome.case.parse()?, report).await?)
    }
}

/// Not rmcp's `Json`: with it every model would read the schema of every answer before it calls anything.
fn answer(value: &impl Serialize) -> Answer {
    let value = serde_json::to_value(value).map_err(|error| ServiceError::internal(&error))?;
    Ok(CallToolResult::structured(value))
}

impl IntoCallToolResult for ServiceError {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        let mut said = json!({"error": self.detail, "next": self.next});
        if let (Some(checked), Some(said)) = (&self.checked, said.as_object_mut()) {
            said.insert("check".to_owned(), json!(checked));
        }
        Ok(CallToolResult::structured_error(said).into())
    }
}

/// Whether rmcp itself refused the arguments: then nothing says what to do next.
pub fn is_misfit(result: &CallToolResult) -> bool {
    result.is_error == Some(true) && result.structured_content.is_none()
}

pub fn misfit(result: &CallToolResult) -> ServiceError {
    let text = result.content.first().and_then(|content| content.as_text());
    ServiceError::new(
        Kind::Malformed,
        text.map_or("the arguments do not fit", |text| &text.text),
        "mend what is named and call again; the tool's schema says what it takes",
    )
}
