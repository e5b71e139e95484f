//! What agents and people can read: cases one by one and in lists. Agents read their own.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::{AuthContext, CaseName, Kind, Result, ServiceError};
use crate::bot::BotError;
use crate::bot::case_view::CaseView;
use crate::domain::ids::PullNumber;
use crate::insight::{Case, Index, Query};
use crate::server::authentication::Caller;

/// The most rows of one page.
pub const MOST_ROWS: usize = 200;
/// The longest wait for a decision.
pub const MOST_SECONDS: u64 = 60;

/// How somebody waits for news of a case.
#[derive(Debug, Clone, Default)]
pub struct Wait {
    /// How long at most.
    pub longest: Duration,
    /// The `state` that they know; none: how it stands when they begin to wait.
    pub seen: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The cases as `countersign list` shows them, newest first.
    pub rows: Vec<Json>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<String>,
}

/// Where a page begins: after this case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    /// After the pending one of this number.
    Pending(u64),
    /// After the decided one at this place.
    Decided(usize),
}

impl std::str::FromStr for Cursor {
    type Err = ServiceError;
    fn from_str(text: &str) -> Result<Self> {
        let read = match text.split_at_checked(1) {
            Some(("p", number)) => number.parse().ok().map(Self::Pending),
            Some(("d", place)) => place.parse().ok().map(Self::Decided),
            _ => None,
        };
        read.ok_or_else(|| {
            let next = "take the `cursor` of the link to the next page, or leave it out";
            ServiceError::new(
                Kind::Malformed,
                "the cursor is none that was given out",
                next,
            )
        })
    }
}

impl AuthContext {
    /// The cases that are asked for, one page of them.
    ///
    /// # Errors
    /// When an agent asks for another's, or the cursor is none.
    pub async fn list(&self, query: Query, limit: usize, cursor: Option<&str>) -> Result<Listed> {
        let mut query = query;
        if let Caller::Agent(name) = &self.caller {
            let wanted = query.agent.get_or_insert_with(|| name.to_string());
            self.own(Some(wanted))?;
        }
        let cursor = cursor.map(str::parse).transpose()?;
        let limit = limit.clamp(1, MOST_ROWS);
        let listed = self
            .worker
            .case_store()
            .read(move |reader| page(reader.snapshot.index(), &query, limit, cursor));
        listed
            .await?
            .map_err(|error| ServiceError::internal(&error))
    }

    /// One whole case, as it stands.
    ///
    /// # Errors
    /// When there is no such case, or it is another agent's.
    pub async fn show(&self, case: CaseName) -> Result<CaseView> {
        self.show_now(case).await
    }

    /// One whole case, as soon as there is news of it, or when the time is up.
    ///
    /// # Errors
    /// When there is no such case, or it is another agent's.
    pub async fn wait(&self, case: CaseName, wait: Wait) -> Result<CaseView> {
        let mut editions = self.worker.case_store().watch();
        let until = Instant::now() + wait.longest.min(Duration::from_secs(MOST_SECONDS));
        let mut seen = wait.seen;
        loop {
            // What changes from here on is heard below.
            editions.mark_unchanged();
            let mut shown = self.show_now(case).await?;
            shown.news = shown.news_since(seen.as_deref());
            if shown.news.is_some() {
                return Ok(shown);
            }
            seen.get_or_insert_with(|| shown.state.clone());
            match tokio::time::timeout_at(until, editions.changed()).await {
                Ok(Ok(())) => {}
                // The time is up, or the server stops: this is how it stands.
                Ok(Err(_)) | Err(_) => return Ok(shown),
            }
        }
    }

    async fn show_now(&self, case: CaseName) -> Result<CaseView> {
        let known = match self.find_known(case).await? {
            Some(known) => Some(known),
            None => self.find_new(case).await?,
        };
        let shown = match known {
            Some(shown) if shown.recommendation.is_some() => shown,
            // It may have been decided between the two questions.
            known => {
                let decided = self.find_known(case).await?.or(known);
                decided.ok_or_else(|| no_such_case(case))?
            }
        };
        let agent = shown.agent().map(|agent| agent.as_str());
        // Whether there is such a case is nobody else's business either.
        self.own(agent).map_err(|_| no_such_case(case))?;
        Ok(shown)
    }

    async fn find_known(&self, case: CaseName) -> Result<Option<CaseView>> {
        let known = self.worker.case_store().read(move |reader| {
            let snapshot = reader.snapshot;
            let (index, pending) = (snapshot.index(), snapshot.pending());
            let found = match case {
                CaseName::Id(id) => index.find(id),
                CaseName::Number(number) => index.find_number(number),
            };
            match found {
                Some(Case {
                    id: Some(id),
                    decided_at: Some(_),
                    commits,
                    ..
                }) => CaseView::decided(reader.repo, *id, commits).map(Some),
                Some(case) => {
                    let pending = case.number.and_then(|number| pending.get(&number));
                    Ok(pending.map(|pending| CaseView::pending(pending)))
                }
                None => Ok(None),
            }
        });
        Ok(known.await??)
    }

    /// What was opened since the last run, or ended without becoming a case.
    async fn find_new(&self, case: CaseName) -> Result<Option<CaseView>> {
        let asked = self.worker.with_bot(move |bot| match case {
            CaseName::Id(id) => bot.show_named(id),
            CaseName::Number(number) => bot.show_undecided(number),
        });
        let shown: std::result::Result<_, BotError> = asked.await?;
        Ok(shown?)
    }
}

fn no_such_case(case: CaseName) -> ServiceError {
    let what = match case {
        CaseName::Id(id) => format!("there is no case `{id}`"),
        CaseName::Number(PullNumber(number)) => format!("there is no pull request #{number}"),
    };
    ServiceError::new(
        Kind::NotFound,
        what,
        "list the cases to see which there are; an agent sees its own",
    )
}

fn page(
    index: &Index,
    query: &Query,
    limit: usize,
    cursor: Option<Cursor>,
) -> std::result::Result<Listed, serde_json::Error> {
    let before = match cursor {
        None => Some(u64::MAX),
        Some(Cursor::Pending(number)) => Some(number),
        Some(Cursor::Decided(_)) => None,
    };
    let end = match cursor {
        Some(Cursor::Decided(place)) => place,
        _ => usize::MAX,
    };
    let is_next = |case: &&Case| {
        let number = case.number.map_or(0, |number| number.0);
        before.is_some_and(|before| number < before)
    };
    let pending = index.query_pending(query).filter(is_next);
    let pending = pending.map(|case| {
        (
            Cursor::Pending(case.number.map_or(0, |number| number.0)),
            case,
        )
    });
    let decided = index.query_decided(query, end);
    let decided = decided.map(|(place, case)| (Cursor::Decided(place), case));
    let mut rows = Vec::new();
    let mut last = None;
    for (place, case) in pending.chain(decided) {
        if rows.len() == limit {
            let next = last.map(|last| match last {
                Cursor::Pending(number) => format!("p{number}"),
                Cursor::Decided(place) => format!("d{place}"),
            });
            return Ok(Listed { rows, next });
        }
        rows.push(serde_json::to_value(case)?);
        last = Some(place);
    }
    Ok(Listed { rows, next: None })
}
