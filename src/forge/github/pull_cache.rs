//! What we know of the open pull requests without asking: webhooks keep it up to date, and a reconciling
//! run makes it anew.
//!
//! Every webhook carries the whole pull request, so the newest one wins and the others add nothing;
//! an edit, a dismissal and the commit that a review was first given for are never taken back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::BASE;
use super::afterwords::LateChange;
use super::ask::Requested;
use super::confirm::branch_of;
use super::external_id::ExternalId;
use super::labels::labels;
use super::open::NodeIds;
use super::pushers::{Branch, Pushed, Pushers};
use super::webhook::{EventKind, PullChange, WebhookEvent};
use super::wire::{User, WireApp, WireComment, WirePull, WireReview};
use super::words;
use crate::domain::command::Command;
use crate::domain::ids::{GroupName, PullNumber, Sha};
use crate::domain::level::Level;
use crate::domain::pull::{Pull, PullState, Pushes};
use crate::domain::review::{Opinion, Review};
use crate::forge::{Afterword, Conclusion};

/// GitHub's times have no more than seconds, and its clock and ours differ a little.
pub(super) const SAME_MOMENT: TimeDelta = TimeDelta::minutes(1);
/// How many events are kept while the pull requests are being read; beyond it they are read again.
const MOST_QUEUED: usize = 1_000;
/// Of how many branches without a pull request it is remembered who pushed; beyond it GitHub is asked.
const MOST_BRANCHES: usize = 1_000;

/// Something that we may have said already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Posted<T> {
    /// We do not know: it has to be looked up before we say it again.
    #[default]
    Unknown,
    Nothing,
    This(T),
}

/// Something that we said: its id on GitHub, and a fingerprint of its text.
pub(super) type PostedText = (u64, Option<Sha>);

/// A pull request, with what we said on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TrackedPull {
    pub(super) pull: Pull,
    /// What it proposes from; none once that repository is gone.
    pub(super) branch: Option<Branch>,
    /// What GraphQL calls it; none where GitHub did not say.
    #[serde(default)]
    pub(super) nodes: Option<NodeIds>,
    pub(super) pushers: Pushers,
    pub(super) is_draft: bool,
    pub(super) changed_at: DateTime<Utc>,
    /// Labels that say a level.
    pub(super) labels: BTreeSet<String>,
    /// The level that our last report gave it; none if it gave none, or none is known.
    #[serde(default)]
    pub(super) level: Option<Level>,
    /// The groups that we asked for a review of this commit.
    pub(super) asked: BTreeSet<GroupName>,
    /// Who is asked for one at the moment, by whomever.
    pub(super) requested: Requested,
    /// The check run, or the commit status, of the newest commit.
    pub(super) check: Posted<PostedText>,
    pub(super) comment: Posted<PostedText>,
    /// Whether its reviews and comments were read.
    pub(super) is_whole: bool,
    /// Whether it is merged, and only its check may lack the news.
    pub(super) is_merged: bool,
    /// Whether GitHub still shows it as open, although its commit is on `main`.
    pub(super) is_overlooked: bool,
    /// When it was read as a whole, if it was and not only told by webhooks.
    pub(super) read_at: Option<DateTime<Utc>>,
    /// Whether GitHub was asked which commit it was opened with.
    #[serde(default)]
    pub(super) is_opening_asked: bool,
}

/// Everything said on a pull request, as it was read.
#[derive(Debug, Default)]
pub(super) struct Discussion {
    pub(super) reviews: Vec<WireReview>,
    pub(super) comments: Vec<WireComment>,
    /// What we said last, if it was heard, and for which commit.
    pub(super) check: Option<(Sha, CheckRunContent)>,
}

/// What our check says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CheckRunContent {
    /// Its id and fingerprint; none if there is none.
    pub(super) words: Option<PostedText>,
    /// The whole report, where it can be read back.
    pub(super) report: Option<String>,
    /// Whether it says how it ended.
    pub(super) is_concluded: bool,
    /// What we kept in it.
    pub(super) id: ExternalId,
    /// Who pushed, as far as our App wrote it there.
    pub(super) pushers: Option<Pushers>,
}

impl TrackedPull {
    pub(super) fn new(wire: &WirePull, is_new: bool) -> Self {
        let nothing = if is_new {
            Posted::Nothing
        } else {
            Posted::Unknown
        };
        let state = match wire.state.as_str() {
            "open" => PullState::Open,
            _ => PullState::Done,
        };
        Self {
            pull: Pull {
                number: PullNumber(wire.number),
                url: wire.html_url.clone(),
                branch: wire.head.branch.clone(),
                author: User::record(wire.user.as_ref()),
                pushers: Vec::new(),
                pushes: Pushes::NotAsked,
                base_changed_at: None,
                head: wire.head.sha,
                opened_with: is_new.then_some(wire.head.sha),
                opened_at: wire.created_at,
                state,
                reviews: Vec::new(),
                comments: Vec::new(),
                last_report: None,
            },
            branch: branch_of(&wire.head),
            nodes: NodeIds::of(wire),
            pushers: Pushers::default(),
            is_draft: wire.draft,
            changed_at: wire.updated_at.unwrap_or(wire.created_at),
            labels: labels(wire),
            level: None,
            asked: BTreeSet::new(),
            requested: Requested::of(wire),
            check: nothing,
            comment: nothing,
            is_whole: is_new,
            is_merged: false,
            is_overlooked: false,
            read_at: None,
            is_opening_asked: false,
        }
    }

    /// Whether this says no more than what is known: nothing has changed since it was read, nor within the
    /// same moment.
    pub(super) fn is_known(&self, wire: &WirePull) -> bool {
        let changed_at = wire.updated_at.unwrap_or(wire.created_at);
        let is_settled = self
            .read_at
            .is_some_and(|read_at| changed_at + SAME_MOMENT < read_at);
        self.is_whole && changed_at <= self.changed_at && is_settled
    }

    /// Takes over what the pull request itself says now, unless that is older than what we know.
    pub(super) fn update(&mut self, wire: &WirePull) -> bool {
        let changed_at = wire.updated_at.unwrap_or(wire.created_at);
        if changed_at < self.changed_at {
            return false;
        }
        // What was told within the same moment may be from before we wrote.
        if changed_at > self.changed_at {
            self.labels = labels(wire);
            self.requested = Requested::of(wire);
        }
        self.changed_at = changed_at;
        self.is_draft = wire.draft;
        self.pull.branch.clone_from(&wire.head.branch);
        self.branch = branch_of(&wire.head);
        if self.pull.head != wire.head.sha {
            self.move_head(wire.head.sha);
        }
        true
    }

    /// A new commit has no check run yet.
    pub(super) fn move_head(&mut self, head: Sha) {
        self.pull.head = head;
        self.pull.last_report = None;
        self.level = None;
        self.check = Posted::Nothing;
        self.asked.clear();
    }

    /// As it is shown to others. Whoever pushed to it had a hand in it, also when later commits came.
    pub(super) fn shown(&self) -> Pull {
        let mut pull = self.pull.clone();
        if self.is_draft && pull.state == PullState::Open {
            pull.state = PullState::Draft;
        }
        // Somebody took our label away, or added another: that is to be told again.
        if !self.has_right_labels() {
            pull.last_report = None;
        }
        let known = self.pushers.known().iter();
        let others = known.filter(|by| by.id != pull.author.id);
        pull.pushers = others.cloned().collect();
        if self.pushers.is_complete_for(pull.head) {
            pull.pushes = Pushes::Known;
        }
        pull
    }

    /// Whether of the labels that we write it has that of its level, and no other.
    pub(super) fn has_right_labels(&self) -> bool {
        let Some(level) = self.level else { return true };
        let mut all = Level::ALL.iter();
        all.all(|one| self.labels.contains(&words::label(*one)) == (*one == level))
    }

    fn close(&mut self, by: Option<&User>, wire: &WirePull) {
        let at = wire
            .closed_at
            .or(wire.updated_at)
            .unwrap_or(wire.created_at);
        let by = User::record(by);
        self.pull.state = PullState::Closed { by, at };
    }

    /// `main` is where `main` was when the review was given, where we saw that.
    pub(super) fn hear_review(&mut self, wire: &WireReview, was_edited: bool, main: Option<Sha>) {
        let Some(mut review) = wire.review() else {
            return;
        };
        review.edited |= was_edited;
        review.main = main;
        let reviews = &mut self.pull.reviews;
        match reviews.iter_mut().find(|known| known.id == review.id) {
            Some(known) => *known = merged(known, review),
            None => reviews.push(review),
        }
        reviews.sort_by_key(|review| (review.at, review.id.parse::<u64>().unwrap_or(u64::MAX)));
    }

    /// Whether that is anything new: a question decides nothing, but somebody may wait for it.
    pub(super) fn hear_comment(&mut self, wire: &WireComment, was_edited: bool, we: We) -> bool {
        if self.is_own_comment(wire, we) {
            return self.hear_own_comment(wire);
        }
        let mut comment = wire.comment();
        // What a bot carries over counts by its signature; an agent may be one, and answers.
        let is_word = |body: &str| Command::attests_signed(body) || Command::answers(body);
        if comment.is_bot && !is_word(&comment.body) {
            return false;
        }
        comment.edited |= was_edited;
        let comments = &mut self.pull.comments;
        match comments.iter_mut().find(|known| known.id == comment.id) {
            Some(known) => {
                comment.edited |= known.edited;
                let is_news = *known != comment;
                *known = comment;
                is_news
            }
            None => {
                comments.push(comment);
                // Those of one second in the order of their numbers, in whichever order they were heard.
                let number = |id: &str| id.parse::<u64>().unwrap_or(u64::MAX);
                comments.sort_by_key(|comment| (comment.at, number(&comment.id)));
                true
            }
        }
    }

    /// By its author and its id; before we know its id, by its author and the mark.
    fn is_own_comment(&self, wire: &WireComment, we: We) -> bool {
        match self.comment {
            Posted::This((id, _)) => id == wire.id && we.wrote(wire),
            Posted::Unknown | Posted::Nothing => we.find_own_words(wire).is_some(),
        }
    }

    /// Whether it has to be put right: somebody else has changed what we wrote.
    fn hear_own_comment(&mut self, wire: &WireComment) -> bool {
        let print = words::print_of_comment(wire.body.as_deref().unwrap_or_default());
        if print.is_some() && matches!(self.comment, Posted::This((_, Some(_)))) {
            return false;
        }
        self.comment = Posted::This((wire.id, print));
        if print.is_none() {
            self.pull.last_report = None;
        }
        print.is_none()
    }

    /// Takes in everything that was read.
    pub(super) fn hear_all(&mut self, discussion: &Discussion, we: We) {
        if let Some((head, heard)) = &discussion.check
            && *head == self.pull.head
            && self.check == Posted::Unknown
        {
            self.check = heard.words.map_or(Posted::Nothing, Posted::This);
            self.pull.last_report.clone_from(&heard.report);
            self.asked.clone_from(&heard.id.asked);
            self.level = heard.id.level;
            if let Some(pushers) = &heard.pushers {
                self.pushers.learn(pushers.clone(), *head);
            }
            if let (Posted::Unknown, Some(id)) = (self.comment, heard.id.comment) {
                self.comment = Posted::This((id, None));
            }
        }
        for review in &discussion.reviews {
            self.hear_review(review, false, None);
        }
        for comment in &discussion.comments {
            self.hear_comment(comment, false, we);
        }
        if self.comment == Posted::Unknown {
            self.comment = Posted::Nothing;
        }
        self.is_whole = true;
    }

    /// What we said since this was copied, kept unless a new commit has come.
    pub(super) fn keep_said(&mut self, told: &Self) {
        self.labels.clone_from(&told.labels);
        self.requested.clone_from(&told.requested);
        self.comment = told.comment;
        if self.pull.head == told.pull.head {
            self.asked.clone_from(&told.asked);
            self.level = told.level;
            self.check = told.check;
            self.pull.last_report.clone_from(&told.pull.last_report);
        }
    }

    fn forget_comment(&mut self, wire: &WireComment) -> bool {
        if let Posted::This((id, _)) = self.comment
            && id == wire.id
        {
            self.comment = Posted::Nothing;
            self.pull.last_report = None;
            return true;
        }
        let id = wire.id.to_string();
        let before = self.pull.comments.len();
        self.pull.comments.retain(|comment| comment.id != id);
        before != self.pull.comments.len()
    }
}

fn merged(known: &Review, new: Review) -> Review {
    Review {
        opinion: if known.opinion == Opinion::Dismissed {
            Opinion::Dismissed
        } else {
            new.opinion
        },
        // GitHub may bind a review to a new head after a rebase: what counts is the one it was given for.
        head: known.head,
        edited: known.edited || new.edited,
        main: known.main,
        ..new
    }
}

/// The App that a job's own token acts as; its number differs from server to server.
const ACTIONS_APP: &str = "github-actions";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum We {
    /// The bot of the App with this number.
    App(u64),
    /// A job in GitHub Actions.
    #[default]
    Actions,
    /// The account of the person whose token we use; none before it was asked for.
    Person(Option<u64>),
}

impl We {
    /// Whether this is the App that we are.
    pub(super) fn is_app(self, app: &WireApp) -> bool {
        match self {
            Self::App(id) => app.id == id,
            Self::Actions => app.slug == ACTIONS_APP,
            Self::Person(_) => false,
        }
    }

    /// Whether we wrote this comment. An App's user may write through it too, under a name of their own.
    pub(super) fn wrote(self, wire: &WireComment) -> bool {
        match (self, &wire.user, &wire.app) {
            (Self::Person(id), Some(user), None) => !user.is_bot() && id == Some(user.id),
            (_, Some(user), Some(app)) => user.is_bot() && self.is_app(app),
            _ => false,
        }
    }

    /// Our own comment: by its author and its mark, with the fingerprint of its text if that is what we wrote.
    pub(super) fn find_own_words(self, wire: &WireComment) -> Option<PostedText> {
        let body = wire.body.as_deref()?;
        let is_own = self.wrote(wire) && body.starts_with(super::MARKER);
        is_own.then(|| (wire.id, words::print_of_comment(body)))
    }
}

fn is_own_edit(comment: &WireComment, by: &User, we: We) -> bool {
    let author = comment.user.as_ref();
    we.wrote(comment) && author.is_some_and(|author| author.id == by.id)
}

/// What a look at what changed has found.
#[derive(Debug)]
pub(super) enum Change {
    /// It is no longer ours: merged, or for another branch.
    Gone(PullNumber),
    /// How it is now.
    Read(Box<TrackedPull>),
}

/// Every open pull request that we know of.
#[derive(Debug, Default)]
pub(super) struct PullRequestCache {
    /// Whether the pull requests were read since we started.
    pub(super) is_synced: bool,
    pub(super) pulls: BTreeMap<PullNumber, TrackedPull>,
    /// What we ended, and when: a late webhook does not bring it back.
    pub(super) ended: BTreeMap<PullNumber, DateTime<Utc>>,
    /// Who pushed to branches of which no pull request is known.
    branches: BTreeMap<Branch, Pushers>,
    /// Pull requests that have to be read because an event named them and no more.
    pub(super) unread: BTreeSet<PullNumber>,
    /// What may be feedback on those that ended, until it is recorded.
    pub(super) afterwords: BTreeMap<PullNumber, Afterword>,
    /// Conclusions that are on `main` and could not be told yet.
    pub(super) owed: Vec<Conclusion>,
    /// Where `main` was last.
    pub(super) main: Option<Sha>,
    /// Nothing that changed before this is unknown; none before everything was read once.
    pub(super) seen_until: Option<DateTime<Utc>>,
    pub(super) we: We,
    /// Whether the rules have an App vouch for something, so that its check runs are news.
    pub(super) watches_checks: bool,
    queue: Vec<WebhookEvent>,
}

impl PullRequestCache {
    /// A cache that knows nothing yet.
    pub(super) fn of(we: We) -> Self {
        Self {
            we,
            ..Self::default()
        }
    }

    /// Takes in what happened; says whether there may be something to decide.
    pub(super) fn take(&mut self, event: WebhookEvent) -> bool {
        if self.is_synced {
            return self.apply(event);
        }
        if self.queue.len() < MOST_QUEUED {
            self.queue.push(event);
        }
        true
    }

    /// Takes over the pull requests that were read, and then what happened meanwhile.
    pub(super) fn sync(&mut self, read: BTreeMap<PullNumber, TrackedPull>) {
        let mut known = std::mem::take(&mut self.pulls);
        for (number, mut tracked) in read {
            if let Some(known) = known.remove(&number) {
                tracked.inherit(known);
            }
            self.pulls.insert(number, tracked);
        }
        // Closed by hand, and not recorded yet.
        known.retain(|_, tracked| matches!(tracked.pull.state, PullState::Closed { .. }));
        self.pulls.append(&mut known);
        self.hear_queued();
    }

    /// Takes over those that have changed since we looked last: the others are as they were.
    pub(super) fn sync_changed(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Gone(number) => {
                    self.pulls.remove(&number);
                }
                Change::Read(mut tracked) => {
                    let number = tracked.pull.number;
                    self.ended.remove(&number);
                    if let Some(known) = self.pulls.remove(&number) {
                        tracked.inherit(known);
                    }
                    self.pulls.insert(number, *tracked);
                }
            }
        }
        self.hear_queued();
    }

    /// Hears what happened while everything was read.
    fn hear_queued(&mut self) {
        self.is_synced = self.queue.len() < MOST_QUEUED;
        for event in std::mem::take(&mut self.queue) {
            self.apply(event);
        }
    }

    fn apply(&mut self, event: WebhookEvent) -> bool {
        let WebhookEvent {
            repository, what, ..
        } = event;
        match what {
            EventKind::Pull { pull, by, change } => self.hear_pull(&pull, by.as_ref(), change),
            EventKind::Review {
                pull,
                review,
                was_edited,
            } => match (self.main, self.find_or_hold(&pull)) {
                (main, Some(tracked)) => {
                    let is_newest = tracked.update(&pull);
                    tracked.hear_review(&review, was_edited, main);
                    // Closed, and we were not told by whom: it is not decided before that was asked.
                    if is_newest && pull.state != "open" && tracked.pull.state == PullState::Open {
                        tracked.pull.state = PullState::Done;
                        self.unread.insert(PullNumber(pull.number));
                    }
                    true
                }
                (_, None) if pull.base.branch == BASE => {
                    self.hear_late_review(PullNumber(pull.number), &review, was_edited)
                }
                (_, None) => false,
            },
            EventKind::Comment {
                number,
                comment,
                by,
                was_edited,
                was_deleted,
            } => {
                let (number, we) = (PullNumber(number), self.we);
                match self.pulls.get_mut(&number) {
                    Some(tracked) if was_deleted => tracked.forget_comment(&comment),
                    Some(tracked) => {
                        // Our own edits are no news, whatever GitHub made of the text.
                        let is_news = tracked.hear_comment(&comment, was_edited, we);
                        is_news && !by.is_some_and(|by| is_own_edit(&comment, &by, we))
                    }
                    None if we.find_own_words(&comment).is_some() => false,
                    None => {
                        let change = LateChange {
                            was_edited,
                            was_deleted,
                        };
                        let is_news = self.hear_late_comment(number, &comment, change);
                        let is_ended = self.ended.contains_key(&number);
                        is_news || (!is_ended && self.unread.insert(number))
                    }
                }
            }
            EventKind::Push {
                name,
                before,
                after,
                by,
            } => {
                let name = name.strip_prefix("refs/heads/").unwrap_or(&name);
                if name == BASE {
                    return after.is_none() || after != self.main;
                }
                let branch = Branch::new(&repository.unwrap_or_default(), name);
                let by = by.as_ref();
                match after {
                    Some(after) => self.hear_push(branch, &Pushed { before, after, by }),
                    None => drop(self.branches.remove(&branch)),
                }
                false
            }
            EventKind::CheckAgain { head } => {
                let all = self.pulls.values_mut();
                let mut is_known = false;
                for tracked in all.filter(|tracked| Some(tracked.pull.head) == head) {
                    tracked.check = Posted::Nothing;
                    tracked.pull.last_report = None;
                    is_known = true;
                }
                is_known
            }
            EventKind::Checked { head } => {
                let mut heads = self.pulls.values().map(|tracked| tracked.pull.head);
                self.watches_checks && heads.any(|known| Some(known) == head)
            }
            EventKind::Installation => false,
            EventKind::Team => true,
        }
    }

    fn hear_pull(&mut self, wire: &WirePull, by: Option<&User>, change: PullChange) -> bool {
        let number = PullNumber(wire.number);
        let is_open = wire.state == "open";
        if wire.base.branch != BASE || wire.merged_at.is_some() {
            return self.leave(number) && is_open;
        }
        let changed_at = wire.updated_at.unwrap_or(wire.created_at);
        if let Some(ended_at) = self.ended.get(&number) {
            // Only who opens it again by hand, after we ended it, has it heard anew.
            if change != PullChange::Reopened || !is_open || changed_at <= *ended_at {
                return false;
            }
            self.ended.remove(&number);
            self.pulls.insert(number, TrackedPull::new(wire, false));
            return true;
        }
        let is_known = self.pulls.contains_key(&number);
        if !is_known {
            let mut tracked = TrackedPull::new(wire, change == PullChange::Opened);
            if let Some(branch) = &tracked.branch {
                tracked.pushers = self.branches.remove(branch).unwrap_or_default();
            }
            self.pulls.insert(number, tracked);
        }
        let Some(tracked) = self.pulls.get_mut(&number) else {
            return false;
        };
        let after = wire.head.sha;
        match change {
            PullChange::Opened => tracked.pull.opened_with = Some(after),
            PullChange::Pushed { before } if before.is_some() => {
                tracked.pushers.hear(&Pushed { before, after, by });
            }
            PullChange::Retargeted => {
                tracked.pull.base_changed_at = tracked.pull.base_changed_at.max(Some(changed_at));
            }
            _ => {}
        }
        if is_known && !tracked.update(wire) {
            return false;
        }
        if is_open && change == PullChange::Reopened {
            tracked.pull.state = PullState::Open;
        }
        if !is_open {
            tracked.close(by, wire);
        }
        if change == PullChange::Labelled {
            tracked.labels = labels(wire);
            // Of what a program does a list tells later: two that put each other right would never end.
            return !tracked.has_right_labels() && !by.is_some_and(User::is_bot);
        }
        !tracked.is_draft
    }

    /// The same push may be told twice: as a push, and as something new on a pull request.
    fn hear_push(&mut self, branch: Branch, push: &Pushed<'_>) {
        let mut is_held = false;
        for tracked in self.pulls.values_mut() {
            if tracked.branch.as_ref() == Some(&branch) {
                tracked.pushers.hear(push);
                is_held = true;
            }
        }
        if is_held {
            return;
        }
        if self.branches.len() >= MOST_BRANCHES {
            self.branches.clear();
        }
        self.branches.entry(branch).or_default().hear(push);
    }

    /// The pull request of a review; one that we do not know yet is read before it is decided.
    fn find_or_hold(&mut self, wire: &WirePull) -> Option<&mut TrackedPull> {
        let number = PullNumber(wire.number);
        let is_ours = wire.base.branch == BASE && wire.state == "open";
        if !self.pulls.contains_key(&number) {
            if !is_ours || self.ended.contains_key(&number) {
                return None;
            }
            self.pulls.insert(number, TrackedPull::new(wire, false));
        }
        self.pulls.get_mut(&number)
    }

    /// Those of which all is known, so that they may be decided now; drafts among them, unless they are closed.
    pub(super) fn ready(&self) -> impl Iterator<Item = &TrackedPull> {
        let all = self.pulls.values().filter(|tracked| tracked.is_whole);
        all.filter(|tracked| match tracked.pull.state {
            PullState::Open | PullState::Draft => true,
            PullState::Closed { .. } => !tracked.is_draft,
            PullState::Done => false,
        })
    }

    /// It has ended: nothing more is to be done about it.
    pub(super) fn end(&mut self, number: PullNumber, at: DateTime<Utc>) {
        self.leave(number);
        self.ended.insert(number, at);
    }

    /// Lets go of a pull request; says whether it was known. What was said on it while it ended is kept.
    pub(super) fn leave(&mut self, number: PullNumber) -> bool {
        let Some(TrackedPull { pull, .. }) = self.pulls.remove(&number) else {
            return false;
        };
        self.keep_afterwords(number, pull.reviews, pull.comments);
        true
    }
}

impl TrackedPull {
    /// What only we knew: what was said, and what GitHub's lists no longer tell.
    fn inherit(&mut self, known: Self) {
        for review in &known.pull.reviews {
            match self.pull.reviews.iter_mut().find(|r| r.id == review.id) {
                Some(new) => *new = merged(review, new.clone()),
                None => self.pull.reviews.push(review.clone()),
            }
        }
        if self.pull.head == known.pull.head {
            self.check = known.check;
            self.pull.last_report = known.pull.last_report;
        }
        self.comment = known.comment;
        if self.pull.head == known.pull.head {
            self.asked = known.asked;
            self.level = known.level;
        }
        self.pushers.learn(known.pushers, self.pull.head);
        self.pull.opened_with = self.pull.opened_with.or(known.pull.opened_with);
        self.is_opening_asked |= known.is_opening_asked;
        self.pull.base_changed_at = self.pull.base_changed_at.max(known.pull.base_changed_at);
    }
}
