//! The tools: what each does in words that a model chooses by, what it takes, and the part of the counter
//! that answers it.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::level::Level;
use crate::domain::unexpected::Unexpected;
use crate::insight::{CaseStatus, Period, Query};
use crate::server::service::{
    AuthContext, CaseName, Document, Kind, Report, Sent, ServiceError, Wait,
};

/// Clients give up after a minute, so a wait ends before.
const MOST_WAIT: u64 = 50;
const WAIT: u64 = 30;
const ROWS: usize = 20;

/// Nothing is needed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

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

/// Which cases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// pending, auto_approved, approved, rejected, withdrawn or expired.
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

/// Every tool.
pub fn all() -> Vec<Tool> {
    vec![
        tool::<Document>(
            "check_recommendation",
            "Validate and score a recommendation before you propose it; changes nothing. Answers whether it is valid, the \
             risk (score, level, every factor and trigger with its reason), which approval it would need, and in `reduce` \
             the smallest edits that would bring it to a lower level. Check again after every edit.",
            ToolAnnotations::new().read_only(true),
        ),
        tool::<Document>(
            "propose_recommendation",
            "Propose an action for approval: opens a pull request in your name. Answers its id and number. LOW risk is \
             approved and carried out at once, MEDIUM waits for a reviewer, HIGH for an admin. Give an `id` of your own to \
             be able to repeat the call without harm. Do not take the action before it is approved.",
            ToolAnnotations::new().read_only(false).destructive(false),
        ),
        tool::<Waited>(
            "wait_for_decision",
            "Wait for news of a case, and answer all of it: until it is decided, somebody requests changes or asks \
             something, or it stands otherwise; `news` says what. If changes are requested, propose what they ask for. \
             To wait on, give the `state` of the last answer as `seen`. While `status` is `pending` when the time is up, \
             `report` says whom it waits for. When it is `approved` or `auto_approved`, `outcome` says what came of it; \
             when it is `rejected`, `decision.rejection` says why.",
            ToolAnnotations::new().read_only(true),
        ),
        tool::<Wanted>(
            "list_recommendations",
            "List your own cases, pending ones first, then the newest decided ones: number, status, score, level, who \
             decided, what came of it.",
            ToolAnnotations::new().read_only(true),
        ),
        tool::<Which>(
            "show_recommendation",
            "Show one of your cases in full: what you proposed, why it got its score, who decided and why, what came of it, \
             and what people said about it.",
            ToolAnnotations::new().read_only(true),
        ),
        tool::<Nothing>(
            "read_lessons",
            "Read what your own decided cases teach, the most useful facts first: what was rejected and why, which values \
             came to which level, what failed, what people said. Read it before you propose.",
            ToolAnnotations::new().read_only(true),
        ),
        tool::<Outcome>(
            "report_outcome",
            "Report what came of an approved case that you or another system carried out (executor `external`). Cases with \
             another executor are carried out and recorded by the bot itself.",
            ToolAnnotations::new().read_only(false).destructive(false),
        ),
    ]
}

fn tool<T: JsonSchema>(
    name: &'static str,
    description: &'static str,
    hints: ToolAnnotations,
) -> Tool {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>();
    // The type's own documentation is about the type, not about the tool.
    schema.remove("description");
    let schema: JsonObject = match schema.to_value() {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    };
    Tool::new(name, description, Arc::new(schema)).with_annotations(hints.open_world(false))
}

/// Answers a call.
///
/// # Errors
/// When there is no such tool, its arguments do not fit, or the service refuses.
pub async fn call(auth: &AuthContext, name: &str, arguments: Value) -> Result<Value, ServiceError> {
    match name {
        "check_recommendation" => {
            let document = Box::new(read::<Document>(arguments)?);
            value(&auth.check(Sent::Json(document)).await?)
        }
        "propose_recommendation" => {
            let document = Box::new(read::<Document>(arguments)?);
            value(&auth.propose(Sent::Json(document)).await?)
        }
        "wait_for_decision" => {
            let waited: Waited = read(arguments)?;
            let seconds = waited.seconds.unwrap_or(WAIT).min(MOST_WAIT);
            let wait = Wait {
                longest: Duration::from_secs(seconds),
                seen: waited.seen,
            };
            value(&auth.wait(waited.case.parse()?, wait).await?)
        }
        "list_recommendations" => list(auth, read(arguments)?).await,
        "show_recommendation" => {
            let case: CaseName = read::<Which>(arguments)?.case.parse()?;
            value(&auth.show(case).await?)
        }
        "read_lessons" => {
            let Nothing {} = read(arguments)?;
            value(&auth.lessons(None, Period::ALL).await?)
        }
        "report_outcome" => {
            let outcome: Outcome = read(arguments)?;
            let case = outcome.case.parse()?;
            let report = Report {
                success: outcome.success,
                details: outcome.details,
                error: outcome.error,
            };
            value(&auth.report(case, report).await?)
        }
        _ => Err(ServiceError::new(
            Kind::NotFound,
            format!("there is no tool {}", crate::domain::ids::quoted(name)),
            "list the tools to see which there are",
        )),
    }
}

async fn list(auth: &AuthContext, wanted: Wanted) -> Result<Value, ServiceError> {
    let wrong = |name: &str, why: &Unexpected| {
        ServiceError::new(
            Kind::Malformed,
            format!("`{name}` cannot be understood: {why}"),
            "mend it, or leave it out",
        )
    };
    let status = wanted.status.map(|text| text.parse::<CaseStatus>());
    let level = wanted.level.map(|text| text.parse::<Level>());
    let query = Query {
        standing: status
            .transpose()
            .map_err(|error| wrong("status", &error))?,
        level: level.transpose().map_err(|error| wrong("level", &error))?,
        target: wanted.target,
        text: wanted.search,
        ..Query::default()
    };
    let limit = wanted.limit.unwrap_or(ROWS);
    let listed = auth.list(query, limit, wanted.cursor.as_deref()).await?;
    Ok(json!({"recommendations": listed.rows, "next": listed.next}))
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, ServiceError> {
    serde_json::from_value(arguments).map_err(|error| {
        ServiceError::new(
            Kind::Malformed,
            format!("the arguments do not fit: {error}"),
            "mend what is named and call again; the tool's schema says what it takes",
        )
    })
}

fn value<T: Serialize>(answer: &T) -> Result<Value, ServiceError> {
    serde_json::to_value(answer).map_err(|error| ServiceError::internal(&error))
}
