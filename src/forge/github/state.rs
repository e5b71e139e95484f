//! The state of a pull request, asked because it is about to be merged without anybody having been asked.
//!
//! The same request tells what GraphQL calls the label that it gets, so that the label can be set together with the
//! check run: a merge costs two requests. A label that nobody is known to have made yet is made, and the answer to that
//! shows the state as well.

use serde::Deserialize;
use serde_json::json;

use super::GithubForge;
use super::client::Client;
use super::error::ApiError;
use super::open::NodeIds;
use super::pull_cache::TrackedPull;
use super::wire::Label;
use crate::domain::ids::{PullNumber, Sha};

/// The double of the tests holds both against GitHub's schema.
const QUERY: &str = "query($owner: String!, $name: String!, $number: Int!, $label: String!) {
  repository(owner: $owner, name: $name) {
    label(name: $label) { id }
    pullRequest(number: $number) { state isDraft headRefOid baseRefName }
  }
}";
const MUTATION: &str = "mutation($label: CreateLabelInput!, $number: Int!) {
  createLabel(input: $label) {
    label {
      id
      repository {
        pullRequest(number: $number) { state isDraft headRefOid baseRefName }
      }
    }
  }
}";
/// GitHub's own for a label that nobody gave one.
const COLOR: &str = "ededed";

/// What counts before a merge.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    /// `OPEN`, `CLOSED` or `MERGED`.
    pub(super) state: String,
    pub(super) is_draft: bool,
    pub(super) head_ref_oid: Sha,
    pub(super) base_ref_name: String,
}

#[derive(Deserialize)]
struct Data {
    repository: Option<Repository>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    #[serde(default)]
    label: Option<Id>,
    pull_request: Option<State>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    create_label: Option<MadeLabel>,
}

#[derive(Deserialize)]
struct MadeLabel {
    label: Option<LabelAndState>,
}

#[derive(Deserialize)]
struct LabelAndState {
    id: String,
    repository: Repository,
}

/// What is asked: of which pull request, and with which label.
struct Question<'q> {
    number: PullNumber,
    label: &'q str,
}

impl GithubForge {
    /// The state of a pull request that is to get this label; none if there is no such pull request.
    pub(super) fn ask_state(
        &self,
        tracked: &TrackedPull,
        label: &str,
    ) -> Result<Option<State>, ApiError> {
        let (client, publisher) = (&self.shared.client, &self.shared.publisher);
        let question = Question {
            number: tracked.pull.number,
            label,
        };
        let is_known = tracked.labels.contains(label) || publisher.labels.find(label).is_some();
        let made = match &tracked.nodes {
            Some(nodes) if !is_known && publisher.writes_at_once() => {
                make_label(client, nodes, &question)
            }
            _ => None,
        };
        let (id, state) = match made {
            Some(made) => (Some(made.id), made.repository.pull_request),
            None => ask(client, &question)?,
        };
        if id.is_some() {
            publisher.labels.learn(&[Label {
                name: label.to_owned(),
                node_id: id,
            }]);
        }
        Ok(state)
    }
}

/// Makes the label; none where that is refused, because it is there already or the token may not. Whoever needs it
/// asks.
fn make_label(client: &Client, nodes: &NodeIds, asked: &Question<'_>) -> Option<LabelAndState> {
    let variables = json!({
        "label": { "repositoryId": nodes.repository, "name": asked.label, "color": COLOR },
        "number": asked.number.0,
    });
    match client.mutate::<Made>(MUTATION, &variables) {
        Ok(answer) => answer.data?.create_label?.label,
        Err(error) => {
            tracing::debug!("{error}");
            None
        }
    }
}

fn ask(client: &Client, asked: &Question<'_>) -> Result<(Option<String>, Option<State>), ApiError> {
    let (owner, name) = client.owner_and_name();
    let variables = json!({
        "owner": owner, "name": name, "number": asked.number.0, "label": asked.label,
    });
    let Data { repository } = client.query(QUERY, &variables)?;
    Ok(repository.map_or((None, None), |found| {
        (found.label.map(|label| label.id), found.pull_request)
    }))
}
