//! The facts of a proposal, derived from `main` and from the commits of its branch; never from its claims.
//!
//! The bot decides on them and `verify` derives them again, from the same objects by the same code.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::documents::{
    AccountRecord, Baselines, EvidenceRecord, PullRecord, Recommendation, Target,
};
use crate::domain::forge_kind::ForgeKind;
use crate::domain::ids::{Sha, TargetName};
use crate::domain::problem::{Problems, Reading};
use crate::domain::pull::{Contribution, Part, Pull};
use crate::domain::similar::nearest;
use crate::domain::yaml;
use crate::gate::eligibility::find_unattributed;
use crate::git::{Commit, Found, GitError, Mode, Objects};
use crate::risk::limits::UsedLimits;
use crate::risk::{self, KnownTarget, RiskContext, validity};
use crate::rules::Rules;

/// Targets as risk sees them.
pub type KnownTargets = BTreeMap<TargetName, Arc<KnownTarget>>;

/// The targets that a proposal is about, as a tree of `main` holds them.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Those of them that exist; beside them, where somebody may be advised, their rehearsals and the
    /// rehearsals of those.
    pub known: KnownTargets,
    /// The files of the named ones, byte for byte.
    pub files: BTreeMap<TargetName, Arc<[u8]>>,
    /// Their blob ids: equal ids, equal facts.
    pub blobs: BTreeMap<TargetName, Sha>,
    /// The named ones that have a file of baselines.
    pub with_baselines: BTreeSet<TargetName>,
}

impl Targets {
    fn add(&mut self, name: &TargetName, blob: Sha, file: TargetFile) {
        self.blobs.insert(name.clone(), blob);
        self.files.insert(name.clone(), file.bytes);
        self.known.insert(name.clone(), file.known);
    }
}

/// Reads the targets that a recommendation names, as a stored tree holds them. Where one cannot be read, nothing is
/// decided.
pub fn targets(
    objects: Objects<'_>,
    root: Sha,
    about: &Recommendation,
) -> Result<Reading<Targets>, GitError> {
    targets_by(about, |path| read_file(objects, root, path))
}

/// So many targets are read of all that there are.
const MOST_TARGETS: usize = 5_000;

/// All targets of a tree that can be read, as far as the limit goes, without their baselines.
pub fn all_targets(objects: Objects<'_>, root: Sha) -> Result<KnownTargets, GitError> {
    let mut all = KnownTargets::new();
    let files = objects.list_dir(root, Target::FOLDER)?.into_iter();
    let files = files.filter(|entry| entry.mode == Mode::File);
    for entry in files.take(MOST_TARGETS) {
        let name = std::str::from_utf8(&entry.name).unwrap_or_default();
        let name = name
            .strip_suffix(".yaml")
            .and_then(|name| name.parse().ok());
        let Some(name) = name else { continue };
        let bytes = objects.read_blob(entry.id)?;
        if let Ok(file) = TargetFile::read(&name, bytes, None) {
            all.insert(name, file.known);
        }
    }
    Ok(all)
}

/// The blob id and the content of a file.
type StoredFile = (Sha, Arc<[u8]>);

/// A regular file of a stored tree.
pub fn read_file(
    objects: Objects<'_>,
    root: Sha,
    path: &str,
) -> Result<Option<StoredFile>, GitError> {
    let entry = objects.entry_at(root, path)?;
    let entry = entry.filter(|entry| entry.mode == Mode::File);
    entry
        .map(|entry| Ok((entry.id, objects.read_blob(entry.id)?)))
        .transpose()
}

/// Reads the targets that a recommendation names, through whatever gives a regular file's blob id and
/// content by its path.
pub fn targets_by<E>(
    about: &Recommendation,
    mut read_file: impl FnMut(&str) -> Result<Option<StoredFile>, E>,
) -> Result<Reading<Targets>, E> {
    let mut targets = Targets::default();
    for name in &about.targets {
        let baselines = read_file(&Baselines::path_of(name))?.map(|(_, bytes)| bytes);
        if baselines.is_some() {
            targets.with_baselines.insert(name.clone());
        }
        let Some((blob, bytes)) = read_file(&Target::path_of(name))? else {
            continue;
        };
        match TargetFile::read(name, bytes, baselines.as_deref()) {
            Ok(file) => targets.add(name, blob, file),
            Err(problems) => return Ok(Reading::Invalid(problems)),
        }
    }
    let rehearsal_of = |known: &Arc<KnownTarget>| known.rehearsal.clone();
    let mut next: Vec<TargetName> = targets.known.values().filter_map(rehearsal_of).collect();
    for _ in 0..risk::MOST_REHEARSALS {
        for name in std::mem::take(&mut next) {
            if targets.known.contains_key(&name) {
                continue;
            }
            // It only ever serves a suggestion, so an unreadable one is left out.
            let Some((_, bytes)) = read_file(&Target::path_of(&name))? else {
                continue;
            };
            let baselines = read_file(&Baselines::path_of(&name))?.map(|(_, bytes)| bytes);
            if let Ok(file) = TargetFile::read(&name, bytes, baselines.as_deref()) {
                next.extend(rehearsal_of(&file.known));
                targets.known.insert(name, file.known);
            }
        }
    }
    Ok(Reading::Valid(targets))
}

/// A target as risk sees it, with the file of its baselines, if there is one.
pub fn known_target(
    name: &TargetName,
    target: Target,
    baselines: Option<&[u8]>,
) -> Result<KnownTarget, Problems> {
    let known = KnownTarget::from(target);
    Ok(match baselines {
        Some(bytes) => known.with_baselines(yaml::read(&Baselines::path_of(name), bytes)?),
        None => known,
    })
}

/// A target's file, byte for byte and as risk sees it.
#[derive(Debug, Clone)]
struct TargetFile {
    bytes: Arc<[u8]>,
    known: Arc<KnownTarget>,
}

impl TargetFile {
    fn read(
        name: &TargetName,
        bytes: Arc<[u8]>,
        baselines: Option<&[u8]>,
    ) -> Result<Self, Problems> {
        let target = yaml::read(&Target::path_of(name), &bytes)?;
        let known = known_target(name, target, baselines)?.into();
        Ok(Self { bytes, known })
    }
}

/// Targets by blob id, so that one which hundreds of cases are about is read once; those who work on one trail
/// together share one. Holds nothing that git does not.
#[derive(Debug, Default, Clone)]
pub struct TargetCache {
    files: Arc<Mutex<HashMap<Blobs, TargetFile>>>,
}

/// The blob ids of a target's file and of its baselines.
type Blobs = (Sha, Option<Sha>);

/// How many versions of targets are kept before the oldest knowledge is thrown away.
const MOST_FILES: usize = 4_096;

impl TargetCache {
    /// As [`targets`], without rehearsals: what was decided is not advised any more.
    pub fn targets(
        &self,
        objects: Objects<'_>,
        root: Sha,
        about: &Recommendation,
    ) -> Result<Reading<Targets>, GitError> {
        let mut targets = Targets::default();
        let files: Vec<String> = about.targets.iter().map(Target::file_of).collect();
        let entries = objects.entries_at(root, Target::FOLDER, &files)?;
        let baselines = objects.entries_at(root, Baselines::FOLDER, &files)?;
        let is_file = |entry: &Found| entry.mode == Mode::File;
        for ((name, entry), baselines) in about.targets.iter().zip(entries).zip(baselines) {
            let baselines = baselines.filter(is_file).map(|entry| entry.id);
            if baselines.is_some() {
                targets.with_baselines.insert(name.clone());
            }
            let Some(entry) = entry.filter(is_file) else {
                continue;
            };
            let blobs = (entry.id, baselines);
            let file = match self.find(&blobs) {
                Some(known) => known,
                None => {
                    let bytes = objects.read_blob(entry.id)?;
                    let baselines = baselines.map(|id| objects.read_blob(id)).transpose()?;
                    match TargetFile::read(name, bytes, baselines.as_deref()) {
                        Ok(file) => self.keep(blobs, file),
                        Err(problems) => return Ok(Reading::Invalid(problems)),
                    }
                }
            };
            targets.add(name, entry.id, file);
        }
        Ok(Reading::Valid(targets))
    }

    fn find(&self, blobs: &Blobs) -> Option<TargetFile> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(blobs).cloned()
    }

    fn keep(&self, blobs: Blobs, file: TargetFile) -> TargetFile {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MOST_FILES {
            files.clear();
        }
        files.insert(blobs, file.clone());
        file
    }
}

/// Everything outside the recommendation and the rules that its risk depends on.
pub fn situation(
    about: &Recommendation,
    targets: KnownTargets,
    contributions: &[Contribution],
    evidence: &[EvidenceRecord],
    rules: &Rules,
    at: DateTime<Utc>,
) -> RiskContext {
    RiskContext {
        windows: rules.governance.windows.open_at(at),
        evidence: rules.evidence_states(evidence, at),
        targets,
        agent_registered: rules.agents.contains_key(&about.agent),
        unattributed: find_unattributed(contributions, rules).is_some(),
        used: UsedLimits::default(),
        near: BTreeMap::new(),
    }
}

/// For the first targets that are named and do not exist, those that were probably meant: part of what their agent is
/// told, never of a decision.
pub fn find_near(
    objects: Objects<'_>,
    root: Sha,
    about: &Recommendation,
    known: &KnownTargets,
) -> Result<BTreeMap<TargetName, TargetName>, GitError> {
    let mut missing = about
        .targets
        .iter()
        .filter(|name| !known.contains_key(*name))
        .take(validity::MOST_UNKNOWN)
        .peekable();
    if missing.peek().is_none() {
        return Ok(BTreeMap::new());
    }
    let files = objects.list_dir(root, Target::FOLDER)?;
    let names: Vec<&str> = files
        .iter()
        .filter_map(|entry| std::str::from_utf8(&entry.name).ok()?.strip_suffix(".yaml"))
        .collect();
    let near = missing.filter_map(|name| {
        let meant = nearest(name.as_str(), names.iter().copied())?;
        Some((name.clone(), meant.parse().ok()?))
    });
    Ok(near.collect())
}

/// What a forge says of a branch, beside its commits.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    pub forge: ForgeKind<'a>,
    pub author: &'a AccountRecord,
    pub pushers: &'a [AccountRecord],
    pub head: Sha,
}

impl<'a> From<&'a Pull> for Opened<'a> {
    fn from(pull: &'a Pull) -> Self {
        Self {
            forge: pull.forge(),
            author: &pull.author,
            pushers: &pull.pushers,
            head: pull.head,
        }
    }
}

impl<'a> From<&'a PullRecord> for Opened<'a> {
    fn from(pull: &'a PullRecord) -> Self {
        Self {
            forge: pull.forge(),
            author: &pull.author,
            pushers: &pull.pushers,
            head: pull.head,
        }
    }
}

/// Everyone who had a hand in the branch (who opened it, who pushed, who is in its commits), each account
/// and part once.
pub fn contributions<'a>(opened: impl Into<Opened<'a>>, commits: &[Commit]) -> Vec<Contribution> {
    let Opened {
        forge,
        author,
        pushers,
        head,
    } = opened.into();
    let mut all = vec![Contribution {
        account: author.clone(),
        part: Part::Opener,
        commit: head,
    }];
    all.extend(pushers.iter().map(|pusher| Contribution {
        account: pusher.clone(),
        part: Part::Pusher,
        commit: head,
    }));
    for commit in commits {
        let mut add = |email: &str, part: Part| {
            let account = forge.account_of(email);
            if !all
                .iter()
                .any(|known: &Contribution| known.account == account && known.part == part)
            {
                all.push(Contribution {
                    account,
                    part,
                    commit: commit.id,
                });
            }
        };
        add(&commit.author.email, Part::Author);
        if !forge.is_own_committer(&commit.committer.email) {
            add(&commit.committer.email, Part::Committer);
        }
        for email in co_authors(&commit.message) {
            add(&email, Part::CoAuthor);
        }
    }
    all
}

/// The addresses in `Co-authored-by` lines, wherever in the message they stand. A line that names none
/// stands for itself: nobody knows that address, so the commit counts as unattributed.
fn co_authors(message: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in message.lines() {
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        if !key.trim().eq_ignore_ascii_case("co-authored-by") {
            continue;
        }
        let before = found.len();
        let addresses = value.split('<').skip(1);
        found.extend(addresses.filter_map(|rest| Some(rest.split_once('>')?.0.trim().to_owned())));
        if found.len() == before {
            found.push(value.trim().to_owned());
        }
    }
    found
}
