//! Reading objects, both stored ones and those that still wait in a buffer, by id and by path.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use super::buffer::ObjectBuffer;
use super::commit::{Commit, StoredCommit};
use super::error::{GitError, Result, ResultExt};
use super::object_cache::CacheKey;
use super::objects::{self, Entry, Found, Kind, Mode};
use super::pack::{MAX_OBJECT_LEN, inflate_all};
use super::packs::Place;
use super::repository::{Repository, oid};
use crate::domain::ids::Sha;

/// What is not larger is as soon read as measured, in bytes.
const SMALL: usize = 64 * 1024;

/// Where objects are looked for: first in a buffer, if there is one, then in the repository.
#[derive(Clone, Copy)]
pub struct Objects<'a> {
    pub(super) repo: &'a Repository,
    pub(super) buffer: Option<&'a ObjectBuffer>,
}

impl Objects<'_> {
    /// The kind and content of an object.
    pub fn read(&self, id: Sha) -> Result<(Kind, Vec<u8>)> {
        self.read_into(id)
    }

    fn read_into<T: for<'b> From<&'b [u8]>>(&self, id: Sha) -> Result<(Kind, T)> {
        if let Some(buffer) = self.buffer
            && let Some((kind, content)) = buffer.find(id)?
        {
            return Ok((kind, T::from(&content)));
        }
        if let Some((kind, content)) = self.read_packed(id, MAX_OBJECT_LEN)? {
            return Ok((kind, T::from(&content)));
        }
        if let Some((kind, content)) = self.read_loose(id)? {
            self.check_id(id, kind, &content)?;
            return Ok((kind, T::from(&content)));
        }
        let context = || format!("read the object `{id}`");
        let odb = self.repo.inner.odb().context(context)?;
        let object = odb.read(oid(id)?).context(context)?;
        let kind = known_kind(id, object.kind())?;
        self.check_id(id, kind, object.data())?;
        Ok((kind, T::from(object.data())))
    }

    /// From a file of its own: libgit2 reads one that is cut short, as a power failure may leave it, for ever. None
    /// if there is no such file, or it is larger than what we hold in memory at once.
    fn read_loose(&self, id: Sha) -> Result<Option<(Kind, Vec<u8>)>> {
        let path = self.repo.loose_path(id);
        let context = || format!("read the object `{id}`");
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(context),
        };
        if file.len() > MAX_OBJECT_LEN {
            return Ok(None);
        }
        let parse = || {
            let mut content = inflate_all(&file)?;
            let end = memchr::memchr(0, &content)?;
            let header = std::str::from_utf8(content.get(..end)?).ok()?;
            let (kind, len) = header.split_once(' ')?;
            let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
            let len = len.parse();
            content.drain(..=end);
            (len == Ok(content.len())).then_some((kind, content))
        };
        parse().map(Some).ok_or_else(|| {
            GitError::new(format!(
                "the file of the object `{id}` is cut short or damaged: run `git fsck`"
            ))
        })
    }

    /// By the shorter way; none if the object has to be looked for otherwise, as those that are larger than so many
    /// bytes.
    fn read_packed(&self, id: Sha, most: usize) -> Result<Option<(Kind, Arc<[u8]>)>> {
        let place = self.repo.find_packed_object(id);
        let packed = place.and_then(|place| self.repo.packs.borrow_mut().read(&place, most));
        if let Some((kind, content)) = &packed {
            self.check_id(id, *kind, content)?;
        }
        Ok(packed)
    }

    fn check_id(&self, id: Sha, kind: Kind, content: &[u8]) -> Result<()> {
        if !self.repo.checks_ids.get() {
            return Ok(());
        }
        let is = objects::object_id(kind, content);
        if is != id {
            return Err(GitError::new(format!(
                "the object `{id}` was tampered with or damaged: its content has the id `{is}`; run `git fsck`"
            )));
        }
        Ok(())
    }

    /// The bytes of a folder.
    pub(super) fn read_raw_tree(&self, id: Sha) -> Result<Arc<[u8]>> {
        let cache = self.repo.packs.borrow().cache().clone();
        let key = CacheKey::Id(id);
        if let Some((_, known)) = cache.find(key) {
            return Ok(known);
        }
        let content = self.read_shared(id, Kind::Tree)?;
        cache.keep(key, Kind::Tree, &content);
        Ok(content)
    }

    /// As [`Objects::read_kind`], without a copy of what is packed.
    fn read_shared(&self, id: Sha, wanted: Kind) -> Result<Arc<[u8]>> {
        match self.read_packed(id, MAX_OBJECT_LEN)? {
            Some((kind, content)) if kind == wanted => Ok(content),
            _ => self.read_kind_into(id, wanted),
        }
    }

    pub(super) fn read_kind(&self, id: Sha, wanted: Kind) -> Result<Vec<u8>> {
        self.read_kind_into(id, wanted)
    }

    fn read_kind_into<T: for<'b> From<&'b [u8]>>(&self, id: Sha, wanted: Kind) -> Result<T> {
        let (kind, content) = self.read_into(id)?;
        if kind != wanted {
            return Err(GitError::content(format!(
                "`{id}` is a {}, expected a {}",
                kind.name(),
                wanted.name()
            )));
        }
        Ok(content)
    }

    /// The content of a file.
    pub fn read_blob(&self, id: Sha) -> Result<Arc<[u8]>> {
        self.read_shared(id, Kind::Blob)
    }

    /// The content of a file, unless it is larger than so many bytes: then it is not even read.
    pub fn read_blob_up_to(&self, id: Sha, most: usize) -> Result<Option<Arc<[u8]>>> {
        if let Some((Kind::Blob, content)) = self.read_packed(id, most)? {
            return Ok(Some(content));
        }
        if self.blob_size(id)? > most {
            return Ok(None);
        }
        self.read_blob(id).map(Some)
    }

    /// The length of a file's content in bytes, without reading it if it is stored and large.
    pub fn blob_size(&self, id: Sha) -> Result<usize> {
        if self.buffer.is_some_and(|buffer| buffer.contains(id)) {
            return self.read_blob(id).map(|content| content.len());
        }
        match self.read_header(id)? {
            (Kind::Blob, size) => Ok(size),
            (kind, _) => Err(not_a_blob(id, kind.name())),
        }
    }

    /// The kind and the length of a stored object, without reading it if it is large.
    pub(super) fn read_header(&self, id: Sha) -> Result<(Kind, usize)> {
        if let Some((kind, content)) = self.read_packed(id, SMALL)? {
            return Ok((kind, content.len()));
        }
        if let Some((kind, content)) = self.read_loose(id)? {
            return Ok((kind, content.len()));
        }
        let context = || format!("read the size of `{id}`");
        let odb = self.repo.inner.odb().context(context)?;
        let (size, kind) = odb.read_header(oid(id)?).context(context)?;
        Ok((known_kind(id, kind)?, size))
    }

    pub fn read_commit(&self, id: Sha) -> Result<Commit> {
        self.read_stored_commit(id)?.read()
    }

    /// A commit that is read later, or elsewhere.
    pub fn read_stored_commit(&self, id: Sha) -> Result<StoredCommit> {
        let bytes = self.read_shared(id, Kind::Commit)?;
        Ok(StoredCommit { id, bytes })
    }

    /// All entries of a folder, in git's order. A malformed tree is an error.
    pub fn read_tree(&self, id: Sha) -> Result<Vec<Entry>> {
        let content = self.read_raw_tree(id)?;
        let entries = objects::parse_tree(&content).map_err(|error| in_tree(id, &error))?;
        Ok(entries
            .into_iter()
            .map(objects::RawEntry::to_entry)
            .collect())
    }

    /// What lies at this path (`a/b/c`) below a tree; `None` if nothing does.
    pub fn entry_at(&self, tree: Sha, path: &str) -> Result<Option<Found>> {
        let (folder, name) = match path.rsplit_once('/') {
            None => (Some(tree), path),
            Some((folder, name)) => (self.folder_at(tree, folder)?, name),
        };
        match folder {
            None => Ok(None),
            Some(folder) => self.entry_in(folder, name),
        }
    }

    /// What lies under each of these names in the folder at this path below a tree: one look through the folder for
    /// all of them.
    pub fn entries_at(
        &self,
        tree: Sha,
        folder: &str,
        names: &[String],
    ) -> Result<Vec<Option<Found>>> {
        let Some(folder) = self.folder_at(tree, folder)? else {
            return Ok(vec![None; names.len()]);
        };
        let content = self.read_raw_tree(folder)?;
        let names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        let mut found = vec![None; names.len()];
        objects::find_entries(&content, &names, &mut found)
            .map_err(|error| in_tree(folder, &error))?;
        let found = found.into_iter();
        Ok(found
            .map(|entry| entry.map(objects::RawEntry::found))
            .collect())
    }

    /// The folder at this path below a tree; `None` if there is none.
    fn folder_at(&self, tree: Sha, path: &str) -> Result<Option<Sha>> {
        // One step from the root is soon done, and must not make us forget the way to the cases.
        if !path.contains('/') {
            return self.folder_in(tree, path);
        }
        let mut way = self.repo.last_way.borrow_mut();
        let (mut folder, rest) = way.keep_common(tree, path);
        for name in rest.into_iter().flat_map(|rest| rest.split('/')) {
            match self.folder_in(folder, name)? {
                Some(found) => folder = found,
                None => return Ok(None),
            }
            way.go_on(name, folder);
        }
        Ok(Some(folder))
    }

    fn folder_in(&self, folder: Sha, name: &str) -> Result<Option<Sha>> {
        let entry = self.entry_in(folder, name)?;
        Ok(entry
            .filter(|entry| entry.mode == Mode::Tree)
            .map(|entry| entry.id))
    }

    fn entry_in(&self, folder: Sha, name: &str) -> Result<Option<Found>> {
        let content = self.read_raw_tree(folder)?;
        let entry = objects::find_entry(&content, name.as_bytes());
        let entry = entry.map_err(|error| in_tree(folder, &error))?;
        Ok(entry.map(objects::RawEntry::found))
    }

    /// The content of the regular file at this path; `None` if nothing is there, an error if something
    /// else is.
    pub fn read_path(&self, tree: Sha, path: &str) -> Result<Option<Arc<[u8]>>> {
        let Some(entry) = self.entry_at(tree, path)? else {
            return Ok(None);
        };
        if !matches!(entry.mode, Mode::File | Mode::Executable) {
            return Err(GitError::new(format!(
                "`{}` is not a regular file but has the mode {:o}",
                path.escape_default(),
                entry.mode.bits()
            )));
        }
        self.read_blob(entry.id).map(Some)
    }

    /// The entries of the folder at this path (empty: the root); none if there is no such folder.
    pub fn list_dir(&self, tree: Sha, path: &str) -> Result<Vec<Entry>> {
        if path.is_empty() {
            return self.read_tree(tree);
        }
        match self.entry_at(tree, path)? {
            Some(entry) if entry.mode == Mode::Tree => self.read_tree(entry.id),
            _ => Ok(Vec::new()),
        }
    }
}

/// The folders on the way to what was asked for last: who asks for one file of a case asks for the next one, and
/// then for the next case, which mostly lies beside it.
#[derive(Debug, Default)]
pub(super) struct PathCache {
    tree: Option<Sha>,
    path: String,
    /// Where in the path the name of each folder ends, and which folder it is; the outermost first.
    folders: Vec<(usize, Sha)>,
}

impl PathCache {
    /// Goes back to where the way to this path parts; gives that folder, and the rest of the path if there is any.
    fn keep_common<'p>(&mut self, tree: Sha, path: &'p str) -> (Sha, Option<&'p str>) {
        let same_tree = self.tree.replace(tree) == Some(tree);
        let is_common = |(end, _): &&(usize, Sha)| {
            let next = path.as_bytes().get(*end);
            path.get(..*end) == self.path.get(..*end) && matches!(next, None | Some(b'/'))
        };
        let common = self.folders.iter().take_while(is_common).count();
        self.folders.truncate(if same_tree { common } else { 0 });
        let Some((end, folder)) = self.folders.last().copied() else {
            self.path.clear();
            return (tree, Some(path));
        };
        self.path.truncate(end);
        (folder, path.get(end + 1..))
    }

    fn go_on(&mut self, name: &str, folder: Sha) {
        if !self.folders.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(name);
        self.folders.push((self.path.len(), folder));
    }
}

fn known_kind(id: Sha, kind: git2::ObjectType) -> Result<Kind> {
    match kind {
        git2::ObjectType::Commit => Ok(Kind::Commit),
        git2::ObjectType::Tree => Ok(Kind::Tree),
        git2::ObjectType::Blob => Ok(Kind::Blob),
        git2::ObjectType::Tag => Ok(Kind::Tag),
        git2::ObjectType::Any => Err(GitError::new(format!(
            "the object `{id}` is of no known kind: run `git fsck`"
        ))),
    }
}

fn not_a_blob(id: Sha, kind: &str) -> GitError {
    GitError::content(format!("`{id}` is a {kind}, expected a blob"))
}

pub(super) fn in_tree(id: Sha, error: &GitError) -> GitError {
    error.reworded(format!("cannot read the tree `{id}`: {error}"))
}

impl Repository {
    /// Looks for objects in this buffer before it looks in the repository.
    pub fn with<'a>(&'a self, buffer: &'a ObjectBuffer) -> Objects<'a> {
        Objects {
            repo: self,
            buffer: Some(buffer),
        }
    }

    /// Looks for stored objects only.
    pub fn objects(&self) -> Objects<'_> {
        Objects {
            repo: self,
            buffer: None,
        }
    }

    /// See [`Objects::read_blob`].
    pub fn read_blob(&self, id: Sha) -> Result<Arc<[u8]>> {
        self.objects().read_blob(id)
    }

    /// See [`Objects::blob_size`].
    pub fn blob_size(&self, id: Sha) -> Result<usize> {
        self.objects().blob_size(id)
    }

    /// See [`Objects::read_commit`].
    pub fn read_commit(&self, id: Sha) -> Result<Commit> {
        self.objects().read_commit(id)
    }

    /// See [`Objects::read_tree`].
    pub fn read_tree(&self, id: Sha) -> Result<Vec<Entry>> {
        self.objects().read_tree(id)
    }

    /// See [`Objects::entry_at`].
    pub fn entry_at(&self, tree: Sha, path: &str) -> Result<Option<Found>> {
        self.objects().entry_at(tree, path)
    }

    /// See [`Objects::read_path`].
    pub fn read_path(&self, tree: Sha, path: &str) -> Result<Option<Arc<[u8]>>> {
        self.objects().read_path(tree, path)
    }

    /// See [`Objects::list_dir`].
    pub fn list_dir(&self, tree: Sha, path: &str) -> Result<Vec<Entry>> {
        self.objects().list_dir(tree, path)
    }

    /// Where an object is packed. Others may have packed it just now.
    fn find_packed_object(&self, id: Sha) -> Option<Place> {
        let mut packs = self.packs.borrow_mut();
        match packs.find(id) {
            None if !self.loose_path(id).exists() => packs.find_new(id),
            found => found,
        }
    }

    fn loose_path(&self, id: Sha) -> PathBuf {
        let name = id.to_string();
        let (folder, rest) = name.split_at(2);
        self.common_dir().join("objects").join(folder).join(rest)
    }

    /// Whether the object is stored here.
    pub fn contains(&self, id: Sha) -> Result<bool> {
        if self.find_packed_object(id).is_some() {
            return Ok(true);
        }
        let odb = self.inner.odb().context(|| format!("look for `{id}`"))?;
        Ok(odb.exists(oid(id)?))
    }

    /// Hashes an object again: an error if its content is not what its id says.
    pub fn check_object(&self, id: Sha) -> Result<()> {
        let (kind, content) = self.objects().read(id)?;
        let really = objects::object_id(kind, &content);
        if really != id {
            return Err(GitError::new(format!(
                "the object stored as `{id}` is really `{really}`: the repository is damaged or was tampered with, run `git fsck`"
            )));
        }
        Ok(())
    }
}
