//! The first check run of a pull request and its first comment, or its label, in one request: a mutation in GraphQL
//! has two fields, each of which comes about or fails by itself. REST writes what was refused, and whatever is
//! written later.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Client, GraphqlAnswer};
use super::error::ApiError;
use super::external_id::ExternalId;
use super::pull_cache::{Posted, PostedText, TrackedPull};
use super::wire::{Label, WirePull};
use super::{CHECK_NAME, words};
use crate::domain::ids::Sha;
use crate::forge::{Report, ReportState};

/// The double of the tests holds it against GitHub's schema.
const MUTATION: &str = "mutation($comment: AddCommentInput!, $check: CreateCheckRunInput!) {
  addComment(input: $comment) { commentEdge { node { fullDatabaseId } } }
  createCheckRun(input: $check) { checkRun { databaseId } }
}";

const MUTATION_WITH_LABEL: &str =
    "mutation($check: CreateCheckRunInput!, $label: AddLabelsToLabelableInput!) {
  createCheckRun(input: $check) { checkRun { databaseId } }
  addLabelsToLabelable(input: $label) { clientMutationId }
}";

/// What GraphQL calls a pull request and the repository that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeIds {
    pull: String,
    pub(super) repository: String,
}

impl NodeIds {
    pub(super) fn of(wire: &WirePull) -> Option<Self> {
        Some(Self {
            pull: wire.node_id.clone()?,
            repository: wire.base.repo.as_ref()?.node_id.clone()?,
        })
    }
}

/// Writes both. What came about is noted with its id, what was refused as not written, and anything else as not known,
/// so that it is looked up before it is written.
///
/// # Errors
/// When it is not known whether they were written: the next run looks.
pub(super) fn open(
    client: &Client,
    tracked: &mut TrackedPull,
    report: &Report,
    comment: &str,
) -> Result<(), ApiError> {
    let is_plain = report.state == ReportState::Waiting && report.details.problems.is_empty();
    let (Some(nodes), true) = (&tracked.nodes, is_plain) else {
        return Ok(());
    };
    let print = words::print(&report.text());
    let variables = json!({
        "comment": { "subjectId": nodes.pull, "body": comment },
        "check": check(tracked, nodes, report),
    });
    match client.mutate::<Value>(MUTATION, &variables) {
        Ok(answer) => {
            let id = "/addComment/commentEdge/node/fullDatabaseId";
            let comment_print = words::print_of_comment(comment);
            tracked.comment = note(&answer, "addComment", id, comment_print);
            let id = "/createCheckRun/checkRun/databaseId";
            tracked.check = note(&answer, "createCheckRun", id, Some(print));
        }
        Err(error) if error.is_uncertain() => {
            tracked.comment = Posted::Unknown;
            tracked.check = Posted::Unknown;
            return Err(error);
        }
        // Nothing was written, and REST says why where it is refused as well.
        Err(error) => tracing::debug!("{error}"),
    }
    Ok(())
}

/// Writes the check run of what is merged at once, and its label. What came about is noted, like above.
///
/// # Errors
/// When it is not known whether they were written: the next run looks.
pub(super) fn open_merged(
    client: &Client,
    tracked: &mut TrackedPull,
    report: &Report,
    label: &Label,
) -> Result<(), ApiError> {
    let (Some(nodes), Some(label_id)) = (&tracked.nodes, &label.node_id) else {
        return Ok(());
    };
    let mut check = check(tracked, nodes, report);
    if let Value::Object(check) = &mut check {
        check.insert("status".to_owned(), json!("COMPLETED"));
        check.insert("conclusion".to_owned(), json!("SUCCESS"));
    }
    let variables = json!({
        "check": check,
        "label": { "labelableId": nodes.pull, "labelIds": [label_id] },
    });
    match client.mutate::<Value>(MUTATION_WITH_LABEL, &variables) {
        Ok(answer) => {
            let id = "/createCheckRun/checkRun/databaseId";
            let print = words::print(&report.text());
            tracked.check = note(&answer, "createCheckRun", id, Some(print));
            let labelled = answer
                .data
                .as_ref()
                .and_then(|data| data.get("addLabelsToLabelable"));
            if labelled.is_some_and(Value::is_object) {
                tracked.labels.insert(label.name.clone());
            }
        }
        Err(error) if error.is_uncertain() => {
            tracked.check = Posted::Unknown;
            return Err(error);
        }
        Err(error) => tracing::debug!("{error}"),
    }
    Ok(())
}

/// The check run as it is while it waits.
fn check(tracked: &TrackedPull, nodes: &NodeIds, report: &Report) -> Value {
    let external_id = ExternalId {
        report: Some(words::print(&report.text())),
        asked: tracked.asked.clone(),
        // Not known yet: whoever needs it finds it by its author and its mark.
        comment: None,
        level: report.details.level,
        pushed: tracked.pushers.carried(tracked.pull.head),
    };
    json!({
        "repositoryId": nodes.repository,
        "name": CHECK_NAME,
        "headSha": tracked.pull.head.to_string(),
        "status": "IN_PROGRESS",
        "externalId": external_id.to_string(),
        "output": words::output(report),
    })
}

/// What we know of one field, whose id is at that place of the answer.
fn note(
    answer: &GraphqlAnswer<Value>,
    field: &str,
    place: &str,
    print: Option<Sha>,
) -> Posted<PostedText> {
    let id = answer.data.as_ref().and_then(|data| data.pointer(place));
    // A number beyond 32 bits is written as a text.
    let id = id.and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()));
    match id {
        Some(id) => Posted::This((id, print)),
        None if answer.errors.iter().any(|error| error.refuses(field)) => Posted::Nothing,
        None => Posted::Unknown,
    }
}
