//! The description of the API. Addresses and answers come from the handlers (utoipa), the shapes of bodies from
//! the very types that are written and read (schemars), so that there is one truth for documents and API.

use std::borrow::Cow;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::figures::Identity;
use super::problem::Problem;
use crate::bot::case_view::CaseView;
use crate::bot::check::Checked;
use crate::bot::choices::Choices;
use crate::bot::own_proposal::{Amended, Withdrawn};
use crate::bot::questions::{AskedQuestion, GivenAnswer};
use crate::bot::review::Reviewed;
use crate::domain::documents::RejectionCategory;
use crate::domain::ids::{CaseId, PullNumber};
use crate::domain::level::{Level, Score};
use crate::domain::review::Confidence;
use crate::server::service::{
    AnswerRequest, Document, FeedbackRequest, NewOpinion, Proposed, QuestionRequest, Recorded,
    Report,
};

/// What the description begins with.
pub fn frame() -> OpenApi {
    let mut components = Components::new();
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.description = Some(
        "A token of `countersign token create`: it says who asks, and which repository is meant."
            .to_owned(),
    );
    components.add_security_scheme("token", SecurityScheme::Http(token));
    let info = InfoBuilder::new()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Agents sign their proposals, people countersign. Every error says in `next` what to do."))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}

/// The whole description as JSON.
pub fn whole(described: &OpenApi) -> String {
    let mut whole = serde_json::to_value(described).unwrap_or_default();
    if let Some(components) = whole.get_mut("components").and_then(Value::as_object_mut) {
        components.insert("schemas".to_owned(), Value::Object(shapes()));
    }
    whole.to_string()
}

/// The types that are read and written, by the names that the description has for them: utoipa refers to these, and
/// schemars says what they look like.
macro_rules! shapes {
    ($($name:literal: $type:ty,)*) => {
        $(
            impl PartialSchema for $type {
                fn schema() -> RefOr<utoipa::openapi::Schema> {
                    Ref::from_schema_name($name).into()
                }
            }

            impl ToSchema for $type {
                fn name() -> Cow<'static, str> {
                    $name.into()
                }
            }
        )*

        fn shapes() -> Map<String, Value> {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            let mut generator = settings.into_generator();
            $(name::<$type>(&mut generator, $name);)*
            generator.take_definitions(true)
        }
    };
}

shapes! {
    "Document": Document,
    "Checked": Checked,
    "Choices": Choices,
    "Proposed": Proposed,
    "Shown": CaseView,
    "Report": Report,
    "Said": FeedbackRequest,
    "NewOpinion": NewOpinion,
    "Reviewed": Reviewed,
    "Recorded": Recorded,
    "Question": QuestionRequest,
    "AskedQuestion": AskedQuestion,
    "Answer": AnswerRequest,
    "GivenAnswer": GivenAnswer,
    "Amended": Amended,
    "Withdrawn": Withdrawn,
    "Problem": Problem,
    "Identity": Identity,
    "Cases": Cases,
    "Figures": Figures,
}

/// Puts a shape among the others under this name.
fn name<T: JsonSchema>(generator: &mut SchemaGenerator, name: &str) {
    let schema: Schema = generator.subschema_for::<T>();
    let own = format!("#/components/schemas/{name}");
    if schema.get("$ref") != Some(&json!(own)) {
        generator
            .definitions_mut()
            .insert(name.to_owned(), schema.to_value());
    }
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub struct Cases(Vec<Row>);

/// As `countersign report` and `lessons` print with `--format json`
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub struct Figures(Map<String, Value>);

// What its own serializer writes, which is by hand because a hundred thousand of them stay in memory. Tests hold
// answers against this.
/// A case in a list.
#[derive(JsonSchema)]
#[schemars(rename = "Case", deny_unknown_fields)]
#[expect(dead_code, reason = "only its description is used")]
struct Row {
    /// The case.
    id: Option<CaseId>,
    /// Its pull request.
    number: Option<PullNumber>,
    /// `recommendation` or `governance`.
    kind: String,
    /// Who proposed it.
    agent: Option<String>,
    /// The agent's session.
    session: Option<String>,
    /// The action type.
    action: Option<String>,
    /// What it acts on.
    targets: Vec<String>,
    /// Its score; none while it is invalid.
    score: Option<Score>,
    /// Its level.
    level: Option<Level>,
    /// What each factor added.
    factors: std::collections::BTreeMap<String, Score>,
    /// The triggers that fired.
    triggers: Vec<String>,
    /// `pending`, or how it was decided.
    status: String,
    /// The people who approved or rejected it.
    decided_by: Option<String>,
    /// The people whose approval counted, of a rejected case too.
    approved_by: Vec<String>,
    /// The person who rejected it.
    rejected_by: Option<String>,
    /// The main concern of a rejection.
    category: Option<RejectionCategory>,
    /// How sure the approvers were.
    confidence: Vec<Confidence>,
    /// When its pull request was opened.
    opened_at: Option<String>,
    /// When it was decided.
    decided_at: Option<String>,
    /// What carries it out.
    executor: Option<String>,
    /// Whether an execution ended.
    executed: bool,
    /// Whether it did what was approved.
    success: Option<bool>,
    /// `success`, `failure` or `unknown`; `rescored` if it was not executed because it would be asked more by now.
    outcome: Option<String>,
    /// When the execution ended.
    outcome_at: Option<String>,
    /// When it was scored again and would have been asked more.
    rescored_at: Option<String>,
    /// How often people had something to say.
    feedback: u32,
    /// The branch of a pending one.
    #[schemars(default)]
    branch: Option<String>,
    /// What the bot says to a pending one, in one line.
    #[schemars(default)]
    title: Option<String>,
    /// How many questions to the agent of a pending one have no answer.
    #[schemars(default)]
    open_questions: Option<usize>,
}
