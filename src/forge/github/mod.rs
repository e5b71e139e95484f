//! Pull requests on GitHub, or on a GitHub Enterprise Server: the only module that names octocrab.
//!
//! What people propose and what is decided moves by git; the API is asked for what git does not hold and told what
//! people are to read. Webhooks keep `pull_cache` up to date, so that only a merge asks (`confirm`): from opened to
//! merged a LOW costs two calls (the question; check run and label), a MEDIUM or HIGH five (comment and check run, a
//! request for review, a label, the question, and the check run's end).

mod address;
mod afterwords;
mod ask;
mod client;
mod conclude;
mod confirm;
mod connection;
mod content;
mod error;
mod external_id;
mod installation_scanner;
mod labels;
pub mod manifest;
mod open;
mod own_pull;
mod pace;
mod propose;
mod publisher;
mod pull_cache;
mod pushers;
mod read;
mod reconcile;
mod state;
mod stored;
#[cfg(test)]
mod tests;
pub mod webhook;
mod wire;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::domain::documents::AccountRecord;
use crate::domain::ids::{PullNumber, Sha};
use crate::domain::pull::{CheckRun, Pull, PullState};
use crate::domain::review::Opinion;
use crate::forge::{
    AfterEnd, Afterword, Ask, Asked, Basis, Forge, ForgeError, NewComment, NewHead, Publication,
    Published, Report, Told, Unreported, WorkflowOrder,
};
use crate::git::{Credentials, Remote, RemoteError, Repository};
use crate::ledger::MAIN;
use address::git_url;
use client::{Client, Method};
use connection::lock;
use content::Content;
use publisher::ReportPublisher;
use pull_cache::{Discussion, Posted, PullRequestCache, TrackedPull};
use webhook::{EventKind, WebhookEvent};

pub use address::{is_login, is_repository, web_base};
pub use connection::{Auth, Connection, GITHUB_API};
pub use error::ApiError;
pub use installation_scanner::InstallationScanner;
pub use pace::Timer;
pub use propose::NewPull;

/// The name of the check run, and the context of the commit status.
pub const CHECK_NAME: &str = "countersign";
/// The branch that pull requests must be for.
const BASE: &str = "main";
/// What the labels begin with.
const LABEL_PREFIX: &str = "risk: ";
/// What our comment begins with; the fingerprint of its text follows.
const MARKER: &str = "<!-- countersign ";
/// How long it is remembered who is in a team, or that the team could not be asked.
const TEAM_LASTS: Duration = Duration::from_secs(300);

type Result<T> = std::result::Result<T, ForgeError>;

/// Which repository, and where our clone of it is.
#[derive(Debug, Clone)]
pub struct GithubConfig {
    /// `OWNER/NAME`.
    pub repository: String,
    /// Our clone: a bare repository that is made if it is not there.
    pub clone_path: PathBuf,
    /// Where git is served, if that does not follow from the API's address.
    pub git_url: Option<String>,
}

/// One repository on GitHub. A clone of this is the same forge: the server keeps one for its webhooks
/// and gives the other to the bot.
#[derive(Debug, Clone)]
pub struct GithubForge {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Arc<Client>,
    content: Content,
    publisher: ReportPublisher,
    pull_cache: Mutex<PullRequestCache>,
    teams: Mutex<HashMap<String, Known>>,
    /// The check runs of the heads that were looked at since the pull requests were read.
    checks: Mutex<HashMap<Sha, Vec<CheckRun>>>,
    /// Whom something could not be told, and why.
    untold: Mutex<BTreeMap<PullNumber, ForgeError>>,
    /// What is written beside the clone of what we know; none before it was looked for.
    stored: Mutex<Option<String>>,
    /// What was said on pull requests after their end, by its key.
    said_after_end: Mutex<BTreeSet<String>>,
    clone_path: PathBuf,
}

/// Who is in a team, as of when; none if it could not be asked.
#[derive(Debug, Clone)]
struct Known {
    at: Instant,
    members: std::result::Result<Vec<AccountRecord>, ApiError>,
}

impl GithubForge {
    /// The forge of one repository. Nothing is sent yet.
    pub fn new(connection: Arc<Connection>, config: GithubConfig) -> Result<Self> {
        let repository = config.repository;
        if !is_repository(&repository) {
            return Err(ForgeError::Github(ApiError::SignIn(format!(
                "`{}` is not a repository: expected OWNER/NAME",
                repository.escape_default()
            ))));
        }
        let we = connection.we();
        let url = config
            .git_url
            .unwrap_or_else(|| git_url(connection.base(), &repository));
        let publisher = ReportPublisher::new(connection.may_check());
        let client = Arc::new(Client::new(connection, &repository));
        let credentials: Arc<dyn Credentials> = Arc::<Client>::clone(&client);
        let shared = Shared {
            client,
            content: Content {
                remote: Remote::new(&url, credentials),
                repository,
            },
            publisher,
            pull_cache: Mutex::new(PullRequestCache::of(we)),
            teams: Mutex::default(),
            checks: Mutex::default(),
            untold: Mutex::default(),
            stored: Mutex::default(),
            said_after_end: Mutex::default(),
            clone_path: config.clone_path,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// `OWNER/NAME`.
    pub fn repository(&self) -> &str {
        &self.shared.client.repository
    }

    /// How many requests were sent to the API about this repository; tokens and git are not counted.
    pub fn api_calls(&self) -> u64 {
        self.shared.client.calls()
    }

    /// Our clone, made if it is not there, with `main` as the server has it.
    ///
    /// # Errors
    /// When it cannot be made, or the server cannot be asked.
    pub fn open_clone(&self) -> Result<Repository> {
        let path = &self.shared.clone_path;
        let repo = if path.join("HEAD").exists() {
            Repository::open(path)?
        } else {
            Repository::init_bare(path)?
        };
        let (main, _) = self.fetch(&repo, &[])?;
        self.pull_cache().main = main;
        Ok(repo)
    }

    /// Takes in a webhook; says whether there may be something to decide. Asks nothing.
    pub fn on_event(&self, event: WebhookEvent) -> bool {
        let is_ours = event
            .repository
            .as_ref()
            .is_none_or(|name| name.eq_ignore_ascii_case(self.repository()));
        if !is_ours {
            return false;
        }
        match &event.what {
            EventKind::Installation => self.shared.client.learn_installation(None),
            // What is not about a repository may come from another installation.
            _ if event.installation.is_some() && event.repository.is_some() => {
                self.shared.client.learn_installation(event.installation);
            }
            _ => {}
        }
        if let EventKind::Pull { pull, .. } | EventKind::Review { pull, .. } = &event.what {
            self.shared.publisher.labels.learn(&pull.labels);
        }
        if event.what == EventKind::Team {
            lock(&self.shared.teams).clear();
        }
        self.pull_cache().take(event)
    }

    /// Makes the next run read everything from GitHub: what a lost webhook would have said is heard then.
    pub fn reconcile(&self) {
        self.pull_cache().is_synced = false;
    }

    /// Brings `main` and these heads into the clone. Where git says no more than that the repository is
    /// elsewhere, the API says where.
    fn fetch(
        &self,
        repo: &Repository,
        pulls: &[PullNumber],
    ) -> Result<(Option<Sha>, BTreeMap<PullNumber, Sha>)> {
        let fetched = self.shared.content.fetch(repo, pulls);
        if let Err(ForgeError::Remote(RemoteError::Status { status, .. })) = &fetched
            && (300..400).contains(status)
        {
            let client = &self.shared.client;
            client.read::<serde::de::IgnoredAny>(&client.path(""))?;
        }
        fetched
    }

    fn pull_cache(&self) -> std::sync::MutexGuard<'_, PullRequestCache> {
        lock(&self.shared.pull_cache)
    }

    /// Reads what events alone did not tell.
    fn catch_up(&self, repo: &Repository, now: DateTime<Utc>) -> Result<()> {
        let client = &self.shared.client;
        self.pull_cache().we = client.we()?;
        self.restore();
        if !self.pull_cache().is_synced {
            self.read_lists(repo, now)?;
        }
        let unread: Vec<PullNumber> = self.pull_cache().unread.iter().copied().collect();
        for number in unread {
            let tracked = read::one(client, number)?;
            let mut pull_cache = self.pull_cache();
            match (
                tracked.filter(|tracked| !tracked.is_merged),
                pull_cache.pulls.get_mut(&number),
            ) {
                (Some(tracked), Some(known)) => {
                    known.pull.state = tracked.pull.state;
                }
                // Merged long ago, and what was said on it is kept.
                (Some(tracked), None) if tracked.pull.state == PullState::Done => {
                    pull_cache.end(number, tracked.changed_at);
                }
                (Some(tracked), None) => {
                    pull_cache.pulls.insert(number, tracked);
                }
                (None, _) => drop(pull_cache.pulls.remove(&number)),
            }
            pull_cache.unread.remove(&number);
        }
        let incomplete: Vec<TrackedPull> = {
            let pull_cache = self.pull_cache();
            let all = pull_cache
                .pulls
                .values()
                .filter(|tracked| !tracked.is_whole);
            all.cloned().collect()
        };
        for tracked in incomplete {
            let number = tracked.pull.number;
            let discussion = self.read_talk(&tracked)?;
            let mut pull_cache = self.pull_cache();
            let we = pull_cache.we;
            if let Some(tracked) = pull_cache.pulls.get_mut(&number) {
                tracked.hear_all(&discussion, we);
                tracked.read_at = Some(now);
            }
        }
        Ok(())
    }

    /// Of those that were merged lately, only the ones whose check lacks the news are still to be told.
    fn leave_what_was_told(&self, now: DateTime<Utc>) -> Result<()> {
        let merged: Vec<TrackedPull> = {
            let pull_cache = self.pull_cache();
            let merged = pull_cache
                .pulls
                .values()
                .filter(|tracked| tracked.is_merged);
            merged.cloned().collect()
        };
        for tracked in merged {
            let heard = self
                .shared
                .publisher
                .hear(&self.shared.client, tracked.pull.head)?;
            if heard.is_concluded {
                self.pull_cache().end(tracked.pull.number, now);
            }
        }
        Ok(())
    }

    /// Everything said on a pull request, by people and by us.
    fn read_talk(&self, tracked: &TrackedPull) -> Result<Discussion> {
        let client = &self.shared.client;
        let mut discussion = read::discussion(client, tracked.pull.number)?;
        if tracked.check == Posted::Unknown {
            let head = tracked.pull.head;
            discussion.check = Some((head, self.shared.publisher.hear(client, head)?));
        }
        Ok(discussion)
    }

    /// Compares the heads that git shows with those that events told. Where they differ, the API says
    /// which is newer; what is still not clear then is left for the next run.
    fn settle_heads(&self, heads: &BTreeMap<PullNumber, Sha>) -> Result<BTreeSet<PullNumber>> {
        let tracked: Vec<(PullNumber, Sha)> = {
            let pull_cache = self.pull_cache();
            pull_cache
                .ready()
                .map(|tracked| (tracked.pull.number, tracked.pull.head))
                .collect()
        };
        let mut unclear = BTreeSet::new();
        for (number, told) in tracked {
            let shown = heads.get(&number).copied();
            if shown == Some(told) {
                continue;
            }
            let now = read::one(&self.shared.client, number)?.map(|tracked| tracked.pull.head);
            let mut pull_cache = self.pull_cache();
            match (now, pull_cache.pulls.get_mut(&number)) {
                (Some(now), Some(tracked)) if Some(now) == shown => tracked.move_head(now),
                _ => {
                    tracing::warn!(
                        "the head of {number} is not clear yet: it is left for the next run"
                    );
                    unclear.insert(number);
                }
            }
        }
        Ok(unclear)
    }

    /// Goes on without this one, and has the run say so at its end.
    fn note_untold(&self, number: PullNumber, error: ForgeError) {
        lock(&self.shared.untold).insert(number, error);
    }

    fn keep_said(&self, told: &TrackedPull) {
        if let Some(tracked) = self.pull_cache().pulls.get_mut(&told.pull.number) {
            tracked.keep_said(told);
        }
    }
}

impl Forge for GithubForge {
    fn open_pulls(&mut self, repo: &Repository, now: DateTime<Utc>) -> Result<Vec<Pull>> {
        let numbers = |pull_cache: &PullRequestCache| -> Vec<PullNumber> {
            pull_cache.pulls.keys().copied().collect()
        };
        lock(&self.shared.checks).clear();
        let asked = numbers(&self.pull_cache());
        let (main, mut heads) = self.fetch(repo, &asked)?;
        self.pull_cache().main = main;
        self.catch_up(repo, now)?;
        let mut more = numbers(&self.pull_cache());
        more.retain(|number| !asked.contains(number));
        if !more.is_empty() {
            heads.append(&mut self.fetch(repo, &more)?.1);
        }
        let unclear = self.settle_heads(&heads)?;
        let owed = std::mem::take(&mut self.pull_cache().owed);
        self.conclude(owed, &[], now);
        let pull_cache = self.pull_cache();
        let ready = pull_cache.ready().map(TrackedPull::shown);
        let mut pulls: Vec<Pull> = ready
            .filter(|pull| !unclear.contains(&pull.number))
            .collect();
        drop(pull_cache);
        for pull in &mut pulls {
            remember_main(repo, pull)?;
        }
        Ok(pulls)
    }

    fn find_pull(&mut self, repo: &Repository, number: PullNumber) -> Result<Option<Pull>> {
        let known = self.pull_cache().pulls.get(&number).cloned();
        let client = &self.shared.client;
        let we = client.we()?;
        let tracked =
            known.map_or_else(|| read::one(client, number), |tracked| Ok(Some(tracked)))?;
        let Some(mut tracked) = tracked else {
            return Ok(None);
        };
        if !tracked.is_whole {
            tracked.hear_all(&self.read_talk(&tracked)?, we);
        }
        let mut pull = tracked.shown();
        if pull.state != PullState::Open && read::recorded(repo, Utc::now())?.contains_key(&number)
        {
            pull.state = PullState::Done;
        }
        let shown = self.fetch(repo, &[number])?.1;
        if shown.get(&number) != Some(&pull.head) {
            tracing::warn!("the head of {number} is not clear yet");
        }
        remember_main(repo, &mut pull)?;
        Ok(Some(pull))
    }

    fn comment(&mut self, repo: &Repository, comment: NewComment) -> Result<Pull> {
        let pull = self.find_pull(repo, comment.number)?;
        let pull = pull.ok_or(ForgeError::NoSuchPull(comment.number))?;
        self.comment_as_agent(pull, &comment)
    }

    fn push_head(&mut self, repo: &Repository, new: NewHead) -> Result<()> {
        self.push_own_head(repo, new)
    }

    fn withdraw(
        &mut self,
        _repo: &Repository,
        pull: &Pull,
        _by: AccountRecord,
        _at: DateTime<Utc>,
    ) -> Result<()> {
        self.close_own(pull)
    }

    fn confirm(&mut self, _repo: &Repository, pull: &Pull, basis: Basis) -> Result<Option<Pull>> {
        self.ask_again(pull, basis)
    }

    fn asks_before_merge(&self) -> bool {
        true
    }

    fn find_opening_head(&mut self, number: PullNumber) -> Result<Option<Sha>> {
        self.ask_opening_head(number)
    }

    fn publish(&mut self, repo: &Repository, publication: Publication) -> Result<Published> {
        let Publication {
            base,
            tip,
            mut buffer,
            conclusions,
            now,
        } = publication;
        let known = self.tracked(&conclusions);
        if Some(tip) != base {
            // Ours first: what is on the server and not here could not be decided upon.
            let _kept = buffer.flush(repo)?;
            let published = self.shared.content.publish(repo, base, tip)?;
            if published == Published::Lost {
                return Ok(Published::Lost);
            }
            self.pull_cache().main = Some(tip);
        }
        self.conclude(conclusions, &known, now);
        Ok(Published::Done)
    }

    fn report(
        &mut self,
        _repo: &Repository,
        reports: Vec<(PullNumber, Report)>,
        _now: DateTime<Utc>,
    ) -> Result<()> {
        for (number, report) in reports {
            let Some(mut tracked) = self.pull_cache().pulls.get(&number).cloned() else {
                continue;
            };
            let told = self
                .shared
                .publisher
                .tell(&self.shared.client, &mut tracked, &report);
            self.keep_said(&tracked);
            if let Err(error) = told {
                self.note_untold(number, error.into());
            }
        }
        Ok(())
    }

    fn end_run(&mut self, repo: &Repository) -> Vec<Unreported> {
        self.store(repo);
        let untold = std::mem::take(&mut *lock(&self.shared.untold));
        let untold = untold.into_iter();
        untold
            .map(|(number, error)| Unreported { number, error })
            .collect()
    }

    fn afterwords(&mut self) -> Vec<Afterword> {
        self.pull_cache().afterwords.values().cloned().collect()
    }

    fn forget_afterwords(&mut self, heard: &[Afterword]) {
        let known = &mut self.pull_cache().afterwords;
        for heard in heard {
            if let Some(known) = known.get_mut(&heard.number) {
                known.forget(heard);
            }
        }
        known.retain(|_, said| !said.reviews.is_empty() || !said.comments.is_empty());
    }

    fn say_after_end(&mut self, said: &AfterEnd) -> Told {
        match self.comment_after_end(said) {
            Ok(()) => Told::Done,
            Err(error) => {
                self.note_untold(said.number, error);
                Told::Later
            }
        }
    }

    fn team_members(&mut self, team: &str) -> Result<Vec<AccountRecord>> {
        let known = lock(&self.shared.teams).get(team).cloned();
        let known = match known.filter(|known| known.at.elapsed() < TEAM_LASTS) {
            Some(known) => known,
            None => {
                let fresh = Known {
                    at: Instant::now(),
                    members: read::team(&self.shared.client, team),
                };
                lock(&self.shared.teams).insert(team.to_owned(), fresh.clone());
                fresh
            }
        };
        Ok(known.members?)
    }

    fn check_runs(&mut self, head: Sha) -> Result<Vec<CheckRun>> {
        self.pull_cache().watches_checks = true;
        if let Some(known) = lock(&self.shared.checks).get(&head) {
            return Ok(known.clone());
        }
        let runs = read::check_runs(&self.shared.client, head)?;
        lock(&self.shared.checks).insert(head, runs.clone());
        Ok(runs)
    }

    fn asked(&self, number: PullNumber, asks: &[Ask]) -> Option<Asked> {
        let pull_cache = self.pull_cache();
        let tracked = pull_cache.pulls.get(&number)?;
        Some(ask::find_asked(&self.shared.client, tracked, asks))
    }

    fn start_workflow(&mut self, order: &WorkflowOrder) -> Result<()> {
        let client = &self.shared.client;
        let path = match &order.repository {
            Some(repository) => format!("/repos/{repository}/dispatches"),
            None => client.path("/dispatches"),
        };
        let body = serde_json::json!({
            "event_type": order.event_type,
            "client_payload": order.payload,
        });
        client.write(Method::Post, &path, &body)?;
        Ok(())
    }
}

/// Where `main` was when an approval was given, if no event told: the newest commit from before it.
fn remember_main(repo: &Repository, pull: &mut Pull) -> Result<()> {
    let approvals = pull
        .reviews
        .iter_mut()
        .filter(|review| review.opinion == Opinion::Approve && review.main.is_none());
    for review in approvals {
        let Some(main) = repo.find_ref(MAIN)? else {
            return Ok(());
        };
        for commit in repo.first_parents(main) {
            let commit = commit?;
            if commit.committer.time < review.at {
                review.main = Some(commit.id);
                break;
            }
        }
    }
    Ok(())
}
