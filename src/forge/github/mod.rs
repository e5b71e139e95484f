//! Pull requests on GitHub, or on a GitHub Enterprise Server: the only room that names octocrab.
//!
//! What people propose and what is decided moves by git; the API is asked for what git does not hold and
//! told what people are to read. Webhooks keep a `desk` up to date, so that only a merge asks (`confirm`): from opened to
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
mod desk;
mod error;
mod external_id;
mod labels;
pub mod manifest;
mod open;
mod pace;
mod propose;
mod pushers;
mod read;
mod reconcile;
mod scout;
mod state;
mod stored;
mod tell;
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
use crate::domain::pull::{Pull, PullState};
use crate::domain::review::Opinion;
use crate::forge::{
    AfterEnd, Afterword, Ask, Asked, Basis, Forge, ForgeError, Publication, Published, Report,
    Told, Untold, WorkflowOrder,
};
use crate::git::{Credentials, Remote, RemoteError, Repository};
use crate::ledger::MAIN;
use address::git_url;
use client::{Client, Method};
use connection::lock;
use content::Content;
use desk::{Desk, Held, Said, Talk};
use tell::Teller;
use webhook::{Happened, WebhookEvent};

pub use address::{is_login, is_repository, web_base};
pub use connection::{Auth, Connection, GITHUB_API};
pub use error::ApiError;
pub use pace::Timer;
pub use propose::NewPull;
pub use scout::Scout;

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
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    client: Arc<Client>,
    content: Content,
    teller: Teller,
    desk: Mutex<Desk>,
    teams: Mutex<HashMap<String, Known>>,
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
    ///
    /// # Errors
    /// When the repository is not `OWNER/NAME`.
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
        let teller = Teller::new(connection.may_check());
        let client = Arc::new(Client::new(connection, &repository));
        let credentials: Arc<dyn Credentials> = Arc::<Client>::clone(&client);
        let room = Room {
            client,
            content: Content {
                remote: Remote::new(&url, credentials),
                repository,
            },
            teller,
            desk: Mutex::new(Desk::of(we)),
            teams: Mutex::default(),
            untold: Mutex::default(),
            stored: Mutex::default(),
            said_after_end: Mutex::default(),
            clone_path: config.clone_path,
        };
        Ok(Self {
            room: Arc::new(room),
        })
    }

    /// `OWNER/NAME`.
    pub fn repository(&self) -> &str {
        &self.room.client.repository
    }

    /// How many requests were sent to the API about this repository; tokens and git are not counted.
    pub fn api_calls(&self) -> u64 {
        self.room.client.calls()
    }

    /// Our clone, made if it is not there, with `main` as the server has it.
    ///
    /// # Errors
    /// When it cannot be made, or the server cannot be asked.
    pub fn open_clone(&self) -> Result<Repository> {
        let path = &self.room.clone_path;
        let repo = if path.join("HEAD").exists() {
            Repository::open(path)?
        } else {
            Repository::init_bare(path)?
        };
        let (main, _) = self.fetch(&repo, &[])?;
        self.desk().main = main;
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
            Happened::Installation => self.room.client.learn_installation(None),
            // What is not about a repository may come from another installation.
            _ if event.installation.is_some() && event.repository.is_some() => {
                self.room.client.learn_installation(event.installation);
            }
            _ => {}
        }
        if let Happened::Pull { pull, .. } | Happened::Review { pull, .. } = &event.what {
            self.room.teller.labels.learn(&pull.labels);
        }
        if event.what == Happened::Team {
            lock(&self.room.teams).clear();
        }
        self.desk().take(event)
    }

    /// Makes the next run read everything from GitHub: what a lost webhook would have said is heard then.
    pub fn reconcile(&self) {
        self.desk().is_synced = false;
    }

    /// Brings `main` and these heads into the clone. Where git says no more than that the repository is
    /// elsewhere, the API says where.
    fn fetch(
        &self,
        repo: &Repository,
        pulls: &[PullNumber],
    ) -> Result<(Option<Sha>, BTreeMap<PullNumber, Sha>)> {
        let fetched = self.room.content.fetch(repo, pulls);
        if let Err(ForgeError::Remote(RemoteError::Status { status, .. })) = &fetched
            && (300..400).contains(status)
        {
            let client = &self.room.client;
            client.read::<serde::de::IgnoredAny>(&client.path(""))?;
        }
        fetched
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        lock(&self.room.desk)
    }

    /// Reads what events alone did not tell.
    fn catch_up(&self, repo: &Repository, now: DateTime<Utc>) -> Result<()> {
        let client = &self.room.client;
        self.desk().we = client.we()?;
        self.restore();
        if !self.desk().is_synced {
            self.read_lists(repo, now)?;
        }
        let unread: Vec<PullNumber> = self.desk().unread.iter().copied().collect();
        for number in unread {
            let held = read::one(client, number)?;
            let mut desk = self.desk();
            match (
                held.filter(|held| !held.is_merged),
                desk.pulls.get_mut(&number),
            ) {
                (Some(held), Some(known)) => {
                    known.pull.state = held.pull.state;
                }
                // Merged long ago, and what was said on it is kept.
                (Some(held), None) if held.pull.state == PullState::Done => {
                    desk.end(number, held.changed_at);
                }
                (Some(held), None) => {
                    desk.pulls.insert(number, held);
                }
                (None, _) => drop(desk.pulls.remove(&number)),
            }
            desk.unread.remove(&number);
        }
        let incomplete: Vec<Held> = {
            let desk = self.desk();
            let all = desk.pulls.values().filter(|held| !held.is_whole);
            all.cloned().collect()
        };
        for held in incomplete {
            let number = held.pull.number;
            let talk = self.read_talk(&held)?;
            let mut desk = self.desk();
            let we = desk.we;
            if let Some(held) = desk.pulls.get_mut(&number) {
                held.hear_all(&talk, we);
                held.read_at = Some(now);
            }
        }
        Ok(())
    }

    /// Of those that were merged lately, only the ones whose check lacks the news are still to be told.
    fn leave_what_was_told(&self, now: DateTime<Utc>) -> Result<()> {
        let merged: Vec<Held> = {
            let desk = self.desk();
            let merged = desk.pulls.values().filter(|held| held.is_merged);
            merged.cloned().collect()
        };
        for held in merged {
            let heard = self.room.teller.hear(&self.room.client, held.pull.head)?;
            if heard.is_concluded {
                self.desk().end(held.pull.number, now);
            }
        }
        Ok(())
    }

    /// Everything said on a pull request, by people and by us.
    fn read_talk(&self, held: &Held) -> Result<Talk> {
        let client = &self.room.client;
        let mut talk = read::talk(client, held.pull.number)?;
        if held.check == Said::Unknown {
            let head = held.pull.head;
            talk.check = Some((head, self.room.teller.hear(client, head)?));
        }
        Ok(talk)
    }

    /// Compares the heads that git shows with those that events told. Where they differ, the API says
    /// which is newer; what is still not clear then is left for the next run.
    fn settle_heads(&self, heads: &BTreeMap<PullNumber, Sha>) -> Result<BTreeSet<PullNumber>> {
        let held: Vec<(PullNumber, Sha)> = {
            let desk = self.desk();
            desk.ready()
                .map(|held| (held.pull.number, held.pull.head))
                .collect()
        };
        let mut unclear = BTreeSet::new();
        for (number, told) in held {
            let shown = heads.get(&number).copied();
            if shown == Some(told) {
                continue;
            }
            let now = read::one(&self.room.client, number)?.map(|held| held.pull.head);
            let mut desk = self.desk();
            match (now, desk.pulls.get_mut(&number)) {
                (Some(now), Some(held)) if Some(now) == shown => held.move_head(now),
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
        lock(&self.room.untold).insert(number, error);
    }

    fn keep_said(&self, told: &Held) {
        if let Some(held) = self.desk().pulls.get_mut(&told.pull.number) {
            held.keep_said(told);
        }
    }
}

impl Forge for GithubForge {
    fn open_pulls(&mut self, repo: &Repository, now: DateTime<Utc>) -> Result<Vec<Pull>> {
        let numbers = |desk: &Desk| -> Vec<PullNumber> { desk.pulls.keys().copied().collect() };
        let asked = numbers(&self.desk());
        let (main, mut heads) = self.fetch(repo, &asked)?;
        self.desk().main = main;
        self.catch_up(repo, now)?;
        let mut more = numbers(&self.desk());
        more.retain(|number| !asked.contains(number));
        if !more.is_empty() {
            heads.append(&mut self.fetch(repo, &more)?.1);
        }
        let unclear = self.settle_heads(&heads)?;
        let owed = std::mem::take(&mut self.desk().owed);
        self.conclude(owed, &[], now);
        let desk = self.desk();
        let ready = desk.ready().map(Held::shown);
        let mut pulls: Vec<Pull> = ready
            .filter(|pull| !unclear.contains(&pull.number))
            .collect();
        drop(desk);
        for pull in &mut pulls {
            remember_main(repo, pull)?;
        }
        Ok(pulls)
    }

    fn find_pull(&mut self, repo: &Repository, number: PullNumber) -> Result<Option<Pull>> {
        let known = self.desk().pulls.get(&number).cloned();
        let client = &self.room.client;
        let we = client.we()?;
        let held = known.map_or_else(|| read::one(client, number), |held| Ok(Some(held)))?;
        let Some(mut held) = held else {
            return Ok(None);
        };
        if !held.is_whole {
            held.hear_all(&self.read_talk(&held)?, we);
        }
        let mut pull = held.shown();
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
        let known = self.held(&conclusions);
        if Some(tip) != base {
            let pack = buffer.to_pack();
            // Ours first: what is on the server and not here could not be decided upon.
            let _kept = buffer.flush(repo)?;
            let published = self.room.content.publish(repo, (base, tip), &pack)?;
            if published == Published::Lost {
                return Ok(Published::Lost);
            }
            self.desk().main = Some(tip);
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
            let Some(mut held) = self.desk().pulls.get(&number).cloned() else {
                continue;
            };
            let told = self.room.teller.tell(&self.room.client, &mut held, &report);
            self.keep_said(&held);
            if let Err(error) = told {
                self.note_untold(number, error.into());
            }
        }
        Ok(())
    }

    fn end_run(&mut self, _repo: &Repository) -> Vec<Untold> {
        self.store();
        let untold = std::mem::take(&mut *lock(&self.room.untold));
        let untold = untold.into_iter();
        untold
            .map(|(number, error)| Untold { number, error })
            .collect()
    }

    fn afterwords(&mut self) -> Vec<Afterword> {
        self.desk().afterwords.values().cloned().collect()
    }

    fn forget_afterwords(&mut self, heard: &[Afterword]) {
        let known = &mut self.desk().afterwords;
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
        let known = lock(&self.room.teams).get(team).cloned();
        let known = match known.filter(|known| known.at.elapsed() < TEAM_LASTS) {
            Some(known) => known,
            None => {
                let fresh = Known {
                    at: Instant::now(),
                    members: read::team(&self.room.client, team),
                };
                lock(&self.room.teams).insert(team.to_owned(), fresh.clone());
                fresh
            }
        };
        Ok(known.members?)
    }

    fn asked(&self, number: PullNumber, ask: &Ask) -> Option<Asked> {
        let desk = self.desk();
        let held = desk.pulls.get(&number)?;
        Some(ask::find_asked(&self.room.client, held, ask))
    }

    fn start_workflow(&mut self, order: &WorkflowOrder) -> Result<()> {
        let client = &self.room.client;
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
