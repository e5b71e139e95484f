//! Asks GitHub once more before something is merged. Of what people approved one GraphQL query says what webhooks may
//! have told late and what REST does not tell at all (that a text was edited, and when the base was changed), and
//! where it is not known who pushed, GitHub's account of the pushes says that.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::error::ApiError;
use super::pull_cache::TrackedPull;
use super::pushers::{self, Branch, Pushers};
use super::state::State;
use super::wire::{End, User, WireActivity, WireReview};
use super::{BASE, GithubForge, Posted, Result, read, words};
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::{Pull, PullState, Pushes};
use crate::domain::review as domain;
use crate::forge::Basis;

/// How many pages of reviews are read.
const MOST_PAGES: usize = 100;

/// The one query. The double of the tests holds it against GitHub's schema.
const QUERY: &str = "query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      state
      isDraft
      headRefOid
      baseRefName
      maintainerCanModify
      timelineItems(itemTypes: [BASE_REF_CHANGED_EVENT, AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT], last: 1) {
        nodes {
          ... on BaseRefChangedEvent { createdAt }
          ... on AutomaticBaseChangeSucceededEvent { createdAt }
        }
      }
      reviews(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          fullDatabaseId
          state
          body
          submittedAt
          lastEditedAt
          editor { login }
          commit { oid }
          author {
            __typename
            login
            ... on User { databaseId }
            ... on Bot { databaseId }
            ... on Mannequin { databaseId }
          }
        }
      }
    }
  }
}";

#[derive(Deserialize)]
struct Data {
    repository: Option<Repository>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    pull_request: Option<Asked>,
}

/// A pull request as GraphQL shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    #[serde(flatten)]
    now: State,
    maintainer_can_modify: bool,
    timeline_items: Nodes<BaseChange>,
    reviews: Nodes<Review>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nodes<T> {
    nodes: Vec<Option<T>>,
    #[serde(default)]
    page_info: Option<PageInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BaseChange {
    created_at: DateTime<Utc>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    full_database_id: String,
    state: String,
    body: String,
    submitted_at: Option<DateTime<Utc>>,
    last_edited_at: Option<DateTime<Utc>>,
    editor: Option<Editor>,
    commit: Option<Commit>,
    author: Option<Author>,
}

#[derive(Deserialize)]
struct Editor {}

#[derive(Deserialize)]
struct Commit {
    oid: Sha,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Author {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
    #[serde(default)]
    database_id: Option<u64>,
}

impl Author {
    /// As REST shows the same account; one without a number is nobody that could be known again.
    fn user(&self) -> Option<User> {
        let is_bot = self.kind == "Bot";
        let login = match is_bot && !self.login.ends_with("[bot]") {
            true => format!("{}[bot]", self.login),
            false => self.login.clone(),
        };
        Some(User {
            login,
            id: self.database_id?,
            kind: self.kind.clone(),
        })
    }
}

impl Review {
    /// As REST shows it, and whether its text was changed after it was given.
    fn as_told(&self) -> Option<(WireReview, bool)> {
        let given = self.submitted_at?;
        let was_edited = match self.last_edited_at {
            Some(at) => at > given,
            None => self.editor.is_some(),
        };
        let wire = WireReview {
            id: self.full_database_id.parse().ok()?,
            user: self.author.as_ref().and_then(Author::user),
            body: Some(self.body.clone()),
            state: self.state.clone(),
            commit_id: self.commit.as_ref().map(|commit| commit.oid),
            submitted_at: self.submitted_at,
            updated_at: None,
        };
        Some((wire, was_edited))
    }
}

/// Asks for one pull request with all its reviews; none if there is no such.
fn ask(client: &Client, number: PullNumber) -> std::result::Result<Option<Asked>, ApiError> {
    let (owner, name) = client.owner_and_name();
    let mut whole: Option<Asked> = None;
    let mut after: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let variables = json!({ "owner": owner, "name": name, "number": number.0, "after": after });
        let data: Data = client.query(QUERY, &variables)?;
        let Some(mut asked) = data.repository.and_then(|found| found.pull_request) else {
            return Ok(None);
        };
        let next = asked.reviews.page_info.take();
        let next = next.filter(|page| page.has_next_page);
        match &mut whole {
            None => whole = Some(asked),
            // What is last said of it is what counts.
            Some(whole) => {
                let mut reviews = std::mem::take(&mut whole.reviews.nodes);
                reviews.append(&mut asked.reviews.nodes);
                *whole = asked;
                whole.reviews.nodes = reviews;
            }
        }
        match next.and_then(|page| page.end_cursor) {
            Some(cursor) => after = Some(cursor),
            None => break,
        }
    }
    Ok(whole)
}

/// The reviews of a pull request, and whether their texts were edited, which REST does not tell.
pub(super) fn read_reviews(
    client: &Client,
    number: PullNumber,
) -> std::result::Result<Vec<domain::Review>, ApiError> {
    let asked = ask(client, number)?;
    let reviews = asked.into_iter().flat_map(|asked| asked.reviews.nodes);
    let told = reviews.flatten().filter_map(|review| {
        let (wire, was_edited) = review.as_told()?;
        let mut review = wire.review()?;
        review.edited |= was_edited;
        Some(review)
    });
    Ok(told.collect())
}

impl TrackedPull {
    /// Takes in what was asked. What was given is never forgotten, even where GitHub no longer shows it.
    fn take_in(&mut self, asked: &Asked) {
        let changes = asked.timeline_items.nodes.iter().flatten();
        let changed_at = changes.map(|change| change.created_at).max();
        self.pull.base_changed_at = self.pull.base_changed_at.max(changed_at);
        for review in asked.reviews.nodes.iter().flatten() {
            if let Some((wire, was_edited)) = review.as_told() {
                self.hear_review(&wire, was_edited, None);
            }
        }
    }
}

impl GithubForge {
    pub(super) fn ask_again(&self, pull: &Pull, basis: Basis) -> Result<Option<Pull>> {
        let number = pull.number;
        let Some(tracked) = self.pull_cache().pulls.get(&number).cloned() else {
            return Ok(None);
        };
        if tracked.pull.head != pull.head || tracked.pull.state != pull.state {
            return Ok(None);
        }
        let client = &self.shared.client;
        let (state, asked) = match basis {
            Basis::Risk(level) => (self.ask_state(&tracked, &words::label(level))?, None),
            Basis::People => {
                let asked = ask(client, number)?;
                (asked.as_ref().map(|asked| asked.now.clone()), asked)
            }
        };
        let Some(state) = state.filter(|state| state.base_ref_name == BASE) else {
            self.pull_cache().leave(number);
            return Ok(None);
        };
        match state.state.as_str() {
            "OPEN" => {}
            "CLOSED" => {
                // By whom it was closed decides how it ends.
                let closed = read::one(client, number)?;
                let mut pull_cache = self.pull_cache();
                return Ok(match (closed, pull_cache.pulls.get_mut(&number)) {
                    (Some(closed), Some(tracked)) => {
                        tracked.pull.state = closed.pull.state;
                        let is_closed = matches!(tracked.pull.state, PullState::Closed { .. });
                        is_closed.then(|| tracked.shown())
                    }
                    _ => None,
                });
            }
            _ => {
                self.pull_cache().leave(number);
                return Ok(None);
            }
        }
        let moved = state.head_ref_oid != pull.head;
        let pushers = match &asked {
            Some(asked) if !moved => Some(self.pushers(&tracked, asked)?),
            _ => None,
        };
        let mut pull_cache = self.pull_cache();
        let Some(tracked) = pull_cache.pulls.get_mut(&number) else {
            return Ok(None);
        };
        tracked.is_draft = state.is_draft;
        if let Some(asked) = &asked {
            tracked.take_in(asked);
        }
        if moved || tracked.is_draft || tracked.pull.head != pull.head {
            return Ok(None);
        }
        if let Some(pushers) = pushers {
            tracked.pushers.learn(pushers, pull.head);
        }
        let mut shown = tracked.shown();
        if basis == Basis::People && shown.pushes == Pushes::NotAsked {
            shown.pushes = pushers::unknown(tracked.is_fork(client));
        }
        // Where `main` was at each review was found out for the one that was handed out.
        for review in &mut shown.reviews {
            let known = pull.reviews.iter().find(|known| known.id == review.id);
            review.main = review.main.or_else(|| known.and_then(|known| known.main));
        }
        Ok(Some(shown))
    }

    /// Who pushed: as far as we were told, as our check run of this head says, or else as GitHub accounts for it.
    fn pushers(&self, tracked: &TrackedPull, asked: &Asked) -> Result<Pushers> {
        let head = tracked.pull.head;
        let mut pushers = tracked.pushers.clone();
        if pushers.is_complete_for(head) {
            return Ok(pushers);
        }
        let client = &self.shared.client;
        if tracked.check == Posted::Unknown {
            let heard = self.shared.publisher.hear(client, head)?;
            if let Some(carried) = heard.pushers {
                pushers.learn(carried, head);
            }
        }
        if pushers.is_complete_for(head) {
            return Ok(pushers);
        }
        let moves = match &tracked.branch {
            Some(branch) => read_moves(client, branch, &tracked.pull)?,
            None => None,
        };
        match moves {
            Some(moves) => {
                let account = Pushers::of_activity(&moves, head, &tracked.pull.author);
                pushers.learn(account, head);
            }
            None => {
                let is_closed_fork = tracked.is_fork(client) && !asked.maintainer_can_modify;
                if is_closed_fork || pushers.is_last_of(&tracked.pull.author, head) {
                    pushers.learn(Pushers::nobody_else(head), head);
                }
            }
        }
        Ok(pushers)
    }

    pub(super) fn ask_opening_head(&self, number: PullNumber) -> Result<Option<Sha>> {
        let Some(tracked) = self.pull_cache().pulls.get(&number).cloned() else {
            return Ok(None);
        };
        let pull = &tracked.pull;
        if pull.opened_with.is_some() || tracked.is_opening_asked {
            return Ok(pull.opened_with);
        }
        let moves = match &tracked.branch {
            Some(branch) => read_moves(&self.shared.client, branch, pull)?,
            None => None,
        };
        let mut moves = moves.into_iter().flatten();
        let before = moves.find(|push| push.timestamp <= pull.opened_at);
        let opened_with = before.map(|push| push.after);
        if let Some(tracked) = self.pull_cache().pulls.get_mut(&number) {
            tracked.pull.opened_with = opened_with;
            tracked.is_opening_asked = true;
        }
        Ok(opened_with)
    }
}

/// GitHub's account of the pushes to a branch since it was made, the newest first; none if it gives none to us.
fn read_moves(
    client: &Client,
    branch: &Branch,
    pull: &Pull,
) -> std::result::Result<Option<Vec<WireActivity>>, ApiError> {
    let name: String = branch.name.bytes().map(encoded).collect();
    let path = format!(
        "/repos/{}/activity?ref=refs/heads/{name}&per_page=100",
        branch.repository()
    );
    let is_made = |all: &[WireActivity]| {
        let mut all = all.iter();
        all.any(|one| one.is_creation() && one.timestamp <= pull.opened_at)
    };
    let mut all = match client.list::<WireActivity>(&path, None, is_made) {
        Ok(all) => all,
        // Of somebody's private fork, or of one that is gone, we are told nothing.
        Err(error) if matches!(error.status(), Some(403 | 404)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let made = all
        .iter()
        .position(|one| one.is_creation() && one.timestamp <= pull.opened_at);
    if let Some(made) = made {
        all.truncate(made + 1);
    }
    all.retain(WireActivity::moves);
    Ok(Some(all))
}

fn encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}

impl TrackedPull {
    pub(super) fn is_fork(&self, client: &Client) -> bool {
        let branch = self.branch.as_ref();
        branch.is_none_or(|branch| !branch.is_in(&client.repository))
    }
}

/// The branch of one end of a pull request; none once its repository is gone.
pub(super) fn branch_of(end: &End) -> Option<Branch> {
    let repository = end.repo.as_ref()?;
    Some(Branch::new(&repository.full_name, &end.branch))
}
