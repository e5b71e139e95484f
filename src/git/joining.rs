//! Joins packs into one. Which: those of about one size, once there are several of them, so that an object is written
//! again only a few times however many there will be, and no join takes longer than what it joins is worth.
//!
//! Not by `git repack --geometric`, which walks the history of what it joins to guess names for files: with thousands
//! of cases in one folder that is most of its work, and grows with the square of their number. `git pack-objects` is
//! told the objects instead.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use super::error::{GitError, Result, ResultExt};
use super::kept_pack::{self, KeptPack};
use super::packs::object_ids;
use super::program;
use super::sharing::{INCOMING, RepositoryFiles, UnfinishedFolder};
use super::step;
use crate::domain::ids::Sha;

/// Packs below so many bytes are of one size; then those below so many times as many, and so on.
const SMALL: u64 = 512 * 1024;
const TIMES: u64 = 8;
/// So many of one size are joined.
const MANY: usize = 8;

/// So many objects with a file of their own are many; they are counted in one of their 256 folders.
const MANY_LOOSE: usize = 2_048;
const SAMPLE: &str = "17";

/// What accompanies a pack and can be made again.
const ACCOMPANYING: [&str; 1] = ["rev"];

/// Packs that may be joined, by their size.
pub(super) struct Joinable {
    by_size: BTreeMap<u32, Vec<PathBuf>>,
}

/// Which packs are to be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// As many of one size as are worth it.
    Usual,
    /// Any, because there are too many.
    Pressing,
}

impl Joinable {
    /// Those in a folder. Not what somebody keeps, or what is of a special kind; and a pack without its index is what a
    /// killed process left: it counts for nothing, here as in git.
    pub(super) fn find(folder: &Path) -> Result<Self> {
        let mut names: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        let context = || format!("list `{}`", folder.display());
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            entries => Some(entries.context(context)?),
        };
        for entry in entries.into_iter().flatten() {
            let path = entry.context(context)?.path();
            let is_pack = path.file_name().is_some_and(|name| {
                let name = name.to_string_lossy();
                name.starts_with("pack-")
            });
            if let Some(ending) = path.extension().filter(|_| is_pack) {
                let ending = ending.to_string_lossy().into_owned();
                names
                    .entry(path.with_extension(""))
                    .or_default()
                    .push(ending);
            }
        }
        let mut by_size: BTreeMap<u32, Vec<PathBuf>> = BTreeMap::new();
        for (name, endings) in names {
            let is = |wanted: &str| endings.iter().any(|ending| ending == wanted);
            let is_plain = |ending: &String| {
                let ending = ending.as_str();
                matches!(ending, "pack" | "idx") || ACCOMPANYING.contains(&ending)
            };
            if !is("pack") || !is("idx") || !endings.iter().all(is_plain) {
                continue;
            }
            // It may be gone by now.
            if let Ok(file) = fs::metadata(name.with_extension("pack")) {
                by_size
                    .entry(size_class(file.len()))
                    .or_default()
                    .push(name);
            }
        }
        Ok(Self { by_size })
    }

    pub(super) fn count(&self) -> usize {
        self.by_size.values().map(Vec::len).sum()
    }

    /// Those that are to be joined, the smallest first; none if it is not worth it.
    pub(super) fn choose(&self, need: Need) -> Vec<&Path> {
        let mut sizes = self.by_size.iter();
        let worth = sizes.find(|(_, packs)| packs.len() >= MANY);
        let fullest = || {
            let sizes = self.by_size.iter().rev();
            sizes.max_by_key(|(_, packs)| packs.len())
        };
        let largest = match need {
            Need::Usual => worth,
            Need::Pressing => worth.or_else(fullest),
        };
        let Some((largest, _)) = largest else {
            return Vec::new();
        };
        // The smaller ones cost little more.
        let chosen = self.by_size.range(..=largest);
        let chosen: Vec<&Path> = chosen
            .flat_map(|(_, packs)| packs.iter().map(PathBuf::as_path))
            .collect();
        if chosen.len() > 1 { chosen } else { Vec::new() }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    Done,
    NoGitProgram,
}

fn size_class(bytes: u64) -> u32 {
    (bytes / SMALL).checked_ilog(TIMES).map_or(0, |log| log + 1)
}

/// Makes one pack of these, and removes them. Objects that are not reachable stay, too.
pub(super) fn join(files: &RepositoryFiles, packs: &[&Path]) -> Result<Joined> {
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for pack in packs {
        let index = pack.with_extension("idx");
        let all = object_ids(&index).context(|| format!("read `{}`", index.display()))?;
        ids.extend(all.into_iter().filter(|id| seen.insert(*id)));
    }
    step("packs about to be joined");
    let Some(made) = pack_objects(files, &ids)? else {
        return Ok(Joined::NoGitProgram);
    };
    step("packs joined");
    // It would name what is removed.
    let index_of_all = files.git_dir().join("objects/pack/multi-pack-index");
    match fs::remove_file(&index_of_all) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        removed => removed.context(|| format!("remove `{}`", index_of_all.display()))?,
    }
    for pack in packs.iter().filter(|pack| **pack != made.path) {
        let removed = kept_pack::remove(files, &pack.with_extension("pack"));
        removed.context(|| format!("remove the pack `{}`", pack.display()))?;
        step("joined pack removed");
    }
    Ok(Joined::Done)
}

/// How many packs there are, whatever their kind.
pub(super) fn count_packs(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter(|name| name.as_encoded_bytes().ends_with(b".pack"))
        .count()
}

/// Whether pushes of a few objects have left many with a file each. Ids are spread evenly, so one folder tells.
pub(super) fn are_loose_objects_many(git_dir: &Path) -> bool {
    loose_in(&git_dir.join("objects"), SAMPLE).len() >= MANY_LOOSE / 256
}

/// Makes a pack of the objects that have a file each.
pub(super) fn pack_loose_objects(files: &RepositoryFiles) -> Result<Joined> {
    let git_dir = files.git_dir();
    let objects = git_dir.join("objects");
    let folders = (0..=u8::MAX).map(|first| format!("{first:02x}"));
    let ids: Vec<Sha> = folders
        .flat_map(|folder| loose_in(&objects, &folder))
        .collect();
    step("objects about to be packed");
    let Some(_made) = pack_objects(files, &ids)? else {
        return Ok(Joined::NoGitProgram);
    };
    step("objects packed");
    let output = program::command(git_dir)
        .args(["prune-packed", "-q"])
        .output();
    output.context(|| "run `git prune-packed`".to_owned())?;
    Ok(Joined::Done)
}

fn loose_in(objects: &Path, folder: &str) -> Vec<Sha> {
    let entries = fs::read_dir(objects.join(folder)).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter_map(|name| format!("{folder}{name}").parse().ok())
        .collect()
}

/// A pack that was made, by its path without an ending.
struct MadePack {
    path: PathBuf,
    _kept: KeptPack,
}

/// A folder for new objects that git finds the repository's own objects from. What is left of it when we are killed is
/// known for ours.
pub(super) fn borrowing_folder(files: &RepositoryFiles) -> Result<UnfinishedFolder> {
    let objects = files.git_dir().join("objects");
    let folder = files.unfinished_folder(&objects, INCOMING);
    let folder = folder.context(|| format!("make a folder in `{}`", objects.display()))?;
    let borrow = || {
        let info = folder.path().join("info");
        files.create_folders(&info)?;
        let mut alternates = files.create_new(&info.join("alternates"))?;
        alternates.write_all(objects.as_os_str().as_encoded_bytes())?;
        alternates.write_all(b"\n")
    };
    borrow().context(|| format!("write into `{}`", folder.path().display()))?;
    Ok(folder)
}

/// Stores a pack of these objects; none if there is no program `git`.
fn pack_objects(files: &RepositoryFiles, ids: &[Sha]) -> Result<Option<MadePack>> {
    let list: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let folder = borrowing_folder(files)?;
    let output = match run_pack_objects(files.git_dir(), folder.path(), &list) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        output => output.context(|| "run `git pack-objects`".to_owned())?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(GitError::new(format!(
            "`git pack-objects` failed: {}",
            said.trim()
        )));
    }
    let hash = String::from_utf8_lossy(&output.stdout);
    let name = format!("pack-{}", hash.trim());
    let index = folder.path().join(&name).with_extension("idx");
    let stored = object_ids(&index).context(|| format!("read `{}`", index.display()))?;
    // What is removed next must be in it.
    if stored.len() != ids.len() {
        return Err(GitError::new(format!(
            "`git pack-objects` stored {} of {} objects",
            stored.len(),
            ids.len()
        )));
    }
    let packs = files.git_dir().join("objects/pack");
    let kept = kept_pack::put_in_place(files, &name, folder.path(), &packs);
    Ok(Some(MadePack {
        path: packs.join(name),
        _kept: kept.context(|| format!("store a pack in `{}`", packs.display()))?,
    }))
}

fn run_pack_objects(git_dir: &Path, folder: &Path, list: &str) -> io::Result<Output> {
    // What we write has deltas already, except for the first tree of a batch: two neighbours are enough to find it a
    // base.
    let mut child = program::command(git_dir)
        .args(["pack-objects", "-q", "--delta-base-offset"])
        .args(["--threads=1", "--window=2"])
        .arg(folder.join("pack"))
        // Also what is not finished.
        .env("GIT_OBJECT_DIRECTORY", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // It answers only after it has read all. If it has stopped before, it says why.
    let input = child.stdin.take();
    let written = input.map_or(Ok(()), |mut input| input.write_all(list.as_bytes()));
    let output = child.wait_with_output()?;
    match written {
        Err(error) if output.status.success() => Err(error),
        _ => Ok(output),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Which of these packs are chosen: a name and a size in kilobytes each.
    fn chosen(need: Need, packs: &[(&str, u64)], others: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, kilobytes) in packs {
            let pack = folder.path().join(format!("pack-{name}.pack"));
            let file = fs::File::create(&pack).unwrap();
            file.set_len(kilobytes * 1024).unwrap();
            fs::write(pack.with_extension("idx"), "").unwrap();
        }
        for other in others {
            fs::write(folder.path().join(other), "").unwrap();
        }
        let found = Joinable::find(folder.path()).unwrap();
        let chosen = found.choose(need).into_iter();
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        chosen.map(name).collect()
    }

    #[test]
    fn packs_of_one_size_are_joined_once_there_are_several() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let small: Vec<(&str, u64)> = names.into_iter().zip(1..).collect();
        let all: Vec<String> = names.map(|name| format!("pack-{name}")).to_vec();
        let large = [("x", 600), ("y", 700), ("z", 90_000)];
        let both = [&small[..], &large].concat();
        assert_eq!(chosen(Need::Usual, &both, &[]), all);
        assert_eq!(chosen(Need::Pressing, &both, &[]), all);
        // One fewer is not worth it, unless there are too many.
        let fewer = [&small[1..], &large].concat();
        assert_eq!(chosen(Need::Usual, &fewer, &[]), [""; 0]);
        assert_eq!(chosen(Need::Pressing, &fewer, &[]), all[1..]);
        // Those that are larger are joined together with what is smaller.
        let large = names.map(|name| (name, 1_000));
        let mixed = [&large[..], &[("z", 1)]].concat();
        let expected = [&["pack-z".to_owned()][..], &all].concat();
        assert_eq!(chosen(Need::Usual, &mixed, &[]), expected);
        // What somebody keeps, and what has no index, is none of them.
        for other in ["pack-a.keep", "pack-a.promisor", "pack-a.mtimes"] {
            assert_eq!(chosen(Need::Usual, &small, &[other]), [""; 0], "{other}");
        }
        assert_eq!(chosen(Need::Usual, &small[1..], &["pack-a.pack"]), [""; 0]);
        assert_eq!(chosen(Need::Pressing, &[("a", 1)], &[]), [""; 0]);
    }
}
