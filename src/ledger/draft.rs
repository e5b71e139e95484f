//! Events appended in memory on top of a tip of `main`, one commit each.
//!
//! Nothing is visible until the forge publishes the draft by a compare-and-swap of `main`; a lost
//! race throws the draft away and decides again. A draft keeps its tree in memory, so a thousand
//! events cost no more than a thousand times one.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    AppendError, BOT_EMAIL, BOT_NAME, ForeignCheck, LedgerError, Unrecordable, entry, track_records,
};
use crate::domain::clock::CLOCK_TOLERANCE;
use crate::domain::documents::{
    Claim, Decision, Feedback, Freeze, Outcome, Recommendation, Rescored, SaidIn, TrackRecord,
};
use crate::domain::ids::{Login, Sha};
use crate::domain::mode::Mode;
use crate::domain::yaml;
use crate::gate::permit::MergePermit;
use crate::git::{
    Change, Found, Mode as FileMode, NewCommit, ObjectBuffer, Objects, Repository, Signature,
    SigningKey, TreeEditor,
};
use crate::rules::governance::{self, Signing};
use crate::rules::{RuleFiles, Rules};

type Result<T> = std::result::Result<T, LedgerError>;
/// What came of appending something.
type Appended<T> = std::result::Result<T, AppendError>;

/// A moment of a draft to which it can go back.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    tip: Option<Sha>,
    root: Option<Sha>,
    latest: Option<DateTime<Utc>>,
    rules: Option<Sha>,
}

/// Unpublished events on top of a tip.
pub struct Draft<'r> {
    repo: &'r Repository,
    signer: Option<&'r SigningKey>,
    base: Option<Sha>,
    tip: Option<Sha>,
    root: Option<Sha>,
    /// The time of the last commit.
    latest: Option<DateTime<Utc>>,
    /// What the clock says, while it is behind that.
    clock_behind: Option<DateTime<Utc>>,
    tree: TreeEditor,
    buffer: ObjectBuffer,
    /// The folder `rules` of the last commit: what the next one is judged by.
    rules: Option<Sha>,
    /// What the rules of a folder say about signatures.
    signing: Option<(Sha, Option<Signing>)>,
    /// Whether the bot did not make the commit that it stands on; none until that is asked.
    is_on_foreign: Option<bool>,
}

impl<'r> Draft<'r> {
    /// A draft on top of a commit of `main`; on nothing for a new repository.
    pub fn on(repo: &'r Repository, tip: Option<Sha>) -> Result<Self> {
        let commit = tip.map(|tip| repo.read_commit(tip)).transpose()?;
        let root = commit.as_ref().map(|commit| commit.tree);
        Ok(Self {
            repo,
            signer: None,
            base: tip,
            tip,
            root,
            latest: commit.map(|commit| commit.committer.time),
            clock_behind: None,
            tree: TreeEditor::new(root),
            buffer: ObjectBuffer::new(),
            rules: match root {
                Some(root) => repo.entry_at(root, Rules::FOLDER)?.map(|entry| entry.id),
                None => None,
            },
            signing: None,
            is_on_foreign: None,
        })
    }

    /// The commit that the bot did not make and nobody has adopted, if this draft stands on one: then nothing is
    /// appended but its adoption.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn find_unadopted(&mut self) -> Result<Option<Sha>> {
        let Some(base) = self.base.filter(|_| self.is_empty()) else {
            return Ok(None);
        };
        let is_foreign = match self.is_on_foreign {
            Some(known) => known,
            None => ForeignCheck::new(self.repo).is_foreign(&self.repo.read_commit(base)?)?,
        };
        self.is_on_foreign = Some(is_foreign);
        Ok(is_foreign.then_some(base))
    }

    /// The same draft, whose commits are signed.
    #[must_use]
    pub fn signed_by(self, signer: Option<&'r SigningKey>) -> Self {
        Self { signer, ..self }
    }

    /// The time of what is appended next: what the clock says, or the time of the last commit where the clock is
    /// behind it. Every commit that is made then carries what the clock said.
    ///
    /// # Errors
    /// When it is so far behind that one of the two clocks is wrong.
    pub fn now(&mut self, clock: DateTime<Utc>) -> Result<DateTime<Utc>> {
        self.clock_behind = None;
        match self.latest {
            Some(latest) if clock < latest - CLOCK_TOLERANCE => {
                Err(LedgerError::ClockBehind { clock, latest })
            }
            Some(latest) if clock < latest => {
                self.clock_behind = Some(clock);
                Ok(latest)
            }
            _ => Ok(clock),
        }
    }

    /// The same for who only looks: however far the clock is behind.
    pub fn time_to_show(&self, clock: DateTime<Utc>) -> DateTime<Utc> {
        self.latest.map_or(clock, |latest| latest.max(clock))
    }

    /// The key that its commits are signed with.
    pub const fn signer(&self) -> Option<&'r SigningKey> {
        self.signer
    }

    /// The commit of `main` that this draft stands on.
    pub const fn base(&self) -> Option<Sha> {
        self.base
    }

    /// The last commit of the draft.
    pub fn tip(&self) -> Result<Sha> {
        self.tip.ok_or(LedgerError::NoMain)
    }

    /// The tree of the last commit of the draft.
    pub fn root(&self) -> Result<Sha> {
        self.root.ok_or(LedgerError::NoMain)
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.base == self.tip
    }

    /// The repository that it is written for; what is in the draft alone is not in there yet.
    pub const fn repository(&self) -> &'r Repository {
        self.repo
    }

    /// Reads objects, those of the draft included.
    pub fn objects(&self) -> Objects<'_> {
        self.repo.with(&self.buffer)
    }

    /// The entry at a path of the draft's tree.
    pub fn find(&mut self, path: &str) -> Result<Option<Found>> {
        Ok(self.tree.find(self.repo.with(&self.buffer), path)?)
    }

    /// The content of a file of the draft's tree.
    pub fn read(&mut self, path: &str) -> Result<Option<Arc<[u8]>>> {
        Ok(self.tree.read(self.repo.with(&self.buffer), path)?)
    }

    /// The blob id and content of a regular file of the draft's tree.
    pub fn read_file(&mut self, path: &str) -> Result<Option<(Sha, Arc<[u8]>)>> {
        match self
            .find(path)?
            .filter(|entry| entry.mode == FileMode::File)
        {
            Some(entry) => Ok(Some((entry.id, self.objects().read_blob(entry.id)?))),
            None => Ok(None),
        }
    }

    /// The first event: these files.
    pub fn genesis(
        &mut self,
        files: &[(String, Vec<u8>)],
        mode: Mode,
        at: DateTime<Utc>,
    ) -> Appended<Sha> {
        for (path, bytes) in files {
            let id = self.buffer.put_blob(bytes);
            self.insert(path, id)?;
        }
        self.commit(entry::genesis_message(mode), &[], at)
    }

    /// Merges a recommendation together with the decision on it, and what changes of the use of limits.
    ///
    /// # Errors
    /// When the permit is for another tip, or the case is recorded already.
    pub fn merge(
        &mut self,
        permit: &MergePermit,
        about: &Recommendation,
        executor: &str,
        usage: &[(String, Option<Vec<u8>>)],
    ) -> Appended<Sha> {
        self.check(permit)?;
        let decision = permit.decision();
        self.put_recommendation(decision, about)?;
        self.put_document(&Decision::path_of(decision.id), decision)?;
        self.put_files(usage)?;
        self.count(decision, |record| record.add_decision(decision))?;
        self.commit(
            entry::decision_message(decision, about, Some(executor)),
            &[permit.head()],
            decision.decided_at,
        )
    }

    /// Merges a governance change together with the decision on it.
    ///
    /// # Errors
    /// When the permit is for another tip, or the change is recorded already.
    pub fn merge_governance(&mut self, permit: &MergePermit, changes: &[Change]) -> Appended<Sha> {
        self.check(permit)?;
        let decision = permit.decision();
        let paths = self.apply(changes)?;
        self.put_document(&Decision::governance_path_of(decision.id), decision)?;
        self.commit(
            entry::governance_message(decision, &paths),
            &[permit.head()],
            decision.decided_at,
        )
    }

    /// Makes the changes of a proposal in the draft's tree, and says which paths they touch.
    fn apply(&mut self, changes: &[Change]) -> Appended<Vec<String>> {
        self.tree.apply(self.repo.with(&self.buffer), changes)?;
        let mut paths: Vec<String> = changes.iter().map(Change::path_text).collect();
        paths.sort();
        Ok(paths)
    }

    pub const fn mark(&self) -> Mark {
        Mark {
            tip: self.tip,
            root: self.root,
            latest: self.latest,
            rules: self.rules,
        }
    }

    /// Takes back every event since a moment, and what was begun of another. Their objects stay in the buffer, where
    /// nothing refers to them.
    pub fn go_back(&mut self, to: Mark) -> Result<()> {
        match to.root {
            Some(root) => self.tree.reset(self.repo.with(&self.buffer), root)?,
            None => self.tree = TreeEditor::new(None),
        }
        self.tip = to.tip;
        self.root = to.root;
        self.latest = to.latest;
        self.rules = to.rules;
        Ok(())
    }

    /// The tree that there would be with these changes; the draft's own tree stays as it is.
    pub fn preview(&mut self, changes: &[Change]) -> Appended<Sha> {
        let before = self.tree.clone();
        let applied = self.apply(changes);
        let mut tree = std::mem::replace(&mut self.tree, before);
        applied?;
        Ok(tree.write(&mut self.buffer))
    }

    /// Records that a recommendation ended without a merge.
    pub fn close(&mut self, decision: &Decision, about: &Recommendation) -> Appended<Sha> {
        self.put_recommendation(decision, about)?;
        self.put_document(&Decision::path_of(decision.id), decision)?;
        self.count(decision, |record| record.add_decision(decision))?;
        self.commit(
            entry::decision_message(decision, about, None),
            &[],
            decision.decided_at,
        )
    }

    /// Records that a governance change ended without a merge.
    pub fn close_governance(&mut self, decision: &Decision, paths: &[String]) -> Appended<Sha> {
        self.put_document(&Decision::governance_path_of(decision.id), decision)?;
        self.commit(
            entry::governance_message(decision, paths),
            &[],
            decision.decided_at,
        )
    }

    /// Records that an approved case would be asked more by now.
    pub fn rescored(&mut self, rescored: &Rescored, about: &Recommendation) -> Appended<Sha> {
        self.put_document(&Rescored::path_of(rescored.id), rescored)?;
        self.commit(entry::rescored_message(rescored, about), &[], rescored.at)
    }

    /// Records that an execution is about to start.
    pub fn claim(&mut self, claim: &Claim, about: &Recommendation) -> Appended<Sha> {
        self.put_document(&Claim::path_of(claim.id), claim)?;
        self.commit(entry::claim_message(claim, about), &[], claim.started_at)
    }

    /// Records an outcome of what was decided, with the files that the execution changed (path → new content, none
    /// for a removal).
    pub fn outcome(
        &mut self,
        outcome: &Outcome,
        about: &Recommendation,
        decision: &Decision,
        files: &[(String, Option<Vec<u8>>)],
    ) -> Appended<Sha> {
        self.put_document(&Outcome::path_of(outcome.id, outcome.attempt), outcome)?;
        self.count(decision, |record| record.add_outcome(outcome))?;
        self.put_files(files)?;
        self.commit(
            entry::outcome_message(outcome, about),
            &[],
            outcome.finished_at,
        )
    }

    /// Records what a person has to say.
    pub fn feedback(&mut self, feedback: &Feedback, about: &Recommendation) -> Appended<Sha> {
        self.put_document(
            &Feedback::path_of(feedback.recommendation, feedback.id),
            feedback,
        )?;
        self.commit(entry::feedback_message(feedback, about), &[], feedback.at)
    }

    pub fn freeze(&mut self, freeze: &Freeze) -> Appended<Sha> {
        self.put_document(Freeze::PATH, freeze)?;
        self.commit(entry::freeze_message(freeze), &[], freeze.at)
    }

    /// Lets everything go on. What was said in these reviews and comments has had its effect.
    pub fn unfreeze(&mut self, by: &Login, said_in: &[SaidIn], at: DateTime<Utc>) -> Appended<Sha> {
        self.tree
            .remove(self.repo.with(&self.buffer), Freeze::PATH)?;
        self.commit(entry::unfreeze_message(by, said_in), &[], at)
    }

    /// Records that an admin takes over so many commits, up to the one that this draft stands on.
    ///
    /// # Errors
    /// When it stands on none.
    pub fn adopted(&mut self, by: &Login, count: usize, at: DateTime<Utc>) -> Appended<Sha> {
        let newest = self.tip()?;
        self.write_commit(entry::adopted_message(by, count, newest), &[], at)
    }

    /// The objects of the draft, for the forge to store and publish.
    pub fn into_buffer(self) -> ObjectBuffer {
        self.buffer
    }

    fn check(&self, permit: &MergePermit) -> Result<()> {
        let actual = self.tip()?;
        if permit.tip() == actual {
            Ok(())
        } else {
            Err(LedgerError::StalePermit {
                permitted: permit.tip(),
                actual,
            })
        }
    }

    fn put_recommendation(&mut self, decision: &Decision, about: &Recommendation) -> Appended<()> {
        let path = Recommendation::path_of(about.id);
        let Some(blob) = decision.recommendation else {
            let reason = "the decision names no recommendation".to_owned();
            return Err(Unrecordable::Document { path, reason }.into());
        };
        if self.find(&path)?.is_some() {
            return Err(Unrecordable::AlreadyRecorded(path).into());
        }
        self.insert(&path, blob)
    }

    /// The track record at a path; an empty one where nothing is on record yet.
    pub fn read_track_record(&mut self, path: &str) -> Result<TrackRecord> {
        track_records::read(path, self.read(path)?.as_deref())
    }

    /// Adds something about a case to the track record in which it counts, if it counts.
    fn count(&mut self, decision: &Decision, add: impl FnOnce(&mut TrackRecord)) -> Appended<()> {
        let Some(path) = &decision.track_record else {
            return Ok(());
        };
        let before = self.read_track_record(path)?;
        let mut record = before.clone();
        add(&mut record);
        if record == before {
            return Ok(());
        }
        let text = track_records::write(path, &record)?;
        let id = self.buffer.put_blob(text.as_bytes());
        self.insert(path, id)
    }

    fn put_document<T: Serialize>(&mut self, path: &str, document: &T) -> Appended<()> {
        if self.find(path)?.is_some() {
            return Err(Unrecordable::AlreadyRecorded(path.to_owned()).into());
        }
        let text = yaml::write(document).map_err(|error| Unrecordable::Document {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let id = self.buffer.put_blob(text.as_bytes());
        self.insert(path, id)
    }

    /// Writes files, and removes those without content.
    fn put_files(&mut self, files: &[(String, Option<Vec<u8>>)]) -> Appended<()> {
        for (path, content) in files {
            match content {
                Some(content) => {
                    let id = self.buffer.put_blob(content);
                    self.insert(path, id)?;
                }
                None => {
                    self.tree.remove(self.repo.with(&self.buffer), path)?;
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, id: Sha) -> Appended<()> {
        Ok(self
            .tree
            .insert(self.repo.with(&self.buffer), path, FileMode::File, id)?)
    }

    fn commit(&mut self, message: String, merged: &[Sha], at: DateTime<Utc>) -> Appended<Sha> {
        match self.find_unadopted()? {
            Some(foreign) => Err(LedgerError::Unadopted(foreign).into()),
            None => self.write_commit(message, merged, at),
        }
    }

    fn write_commit(
        &mut self,
        mut message: String,
        merged: &[Sha],
        at: DateTime<Utc>,
    ) -> Appended<Sha> {
        if let Some(latest) = self.latest.filter(|latest| at < *latest) {
            return Err(LedgerError::TooEarly { at, latest }.into());
        }
        if let Some(clock) = self.clock_behind {
            entry::note_clock(&mut message, clock);
        }
        let root = self.tree.write(&mut self.buffer);
        let bot = Signature {
            name: BOT_NAME.to_owned(),
            email: BOT_EMAIL.to_owned(),
            time: at,
        };
        let mut commit = NewCommit {
            tree: root,
            parents: self.tip.iter().chain(merged).copied().collect(),
            author: bot.clone(),
            committer: bot,
            message,
            signature: None,
        };
        self.check_signer()?;
        if let Some(signer) = self.signer {
            let signature = signer.sign(&commit.payload())?;
            commit.signature = Some(signature.armored().to_owned());
        }
        let id = self.buffer.put_commit(&commit);
        self.rules = self.find(Rules::FOLDER)?.map(|entry| entry.id);
        self.tip = Some(id);
        self.root = Some(root);
        self.latest = Some(at);
        tracing::trace!(target: "countersign::step", commit = %id, "drafted");
        Ok(id)
    }

    /// The rules of the last commit have a say in who signs the next one. Where they ask for a signature,
    /// nothing is written without, and nothing that `verify` would not take for the bot's.
    fn check_signer(&mut self) -> Result<()> {
        let Some(folder) = self.rules else {
            return Ok(());
        };
        let signing = match &self.signing {
            Some((known, signing)) if *known == folder => signing.clone(),
            _ => {
                let signing = self.read_signing(folder)?;
                self.signing = Some((folder, signing.clone()));
                signing
            }
        };
        match (signing, self.signer) {
            (None, _) => Ok(()),
            (Some(signing), None) if signing.required => Err(LedgerError::Unsigned),
            (Some(_), None) => Ok(()),
            (Some(signing), Some(signer)) => {
                let key = signer.public()?;
                match signing.lists(&key) {
                    true => Ok(()),
                    false => Err(LedgerError::ForeignKey(key.to_string())),
                }
            }
        }
    }

    fn read_signing(&self, folder: Sha) -> Result<Option<Signing>> {
        let (_, name) = governance::PATH.rsplit_once('/').unwrap_or_default();
        // Without rules nothing is decided, and without this file there are none.
        let Some(bytes) = self.objects().read_path(folder, name)? else {
            return Ok(None);
        };
        let files = RuleFiles::from([(governance::PATH.to_owned(), bytes.to_vec())]);
        Ok(governance::read(&files)?.signing)
    }
}
