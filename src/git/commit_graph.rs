//! Git's commit-graph: a summary of commits (tree, parents, date, which paths they change) that git believes without
//! looking at the commits. We do not read by it; we say where it differs from what is so.
//!
//! The format is `gitformat-commit-graph(5)`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bloom::{Filter, Settings};
use super::commit::Commit;
use super::error::{GitError, Result};
use super::repository::Repository;
use crate::domain::ids::Sha;

/// One or several layers, the oldest first; positions of commits go on from one to the next.
#[derive(Debug, Clone, Default)]
pub struct CommitGraph {
    layers: Arc<Vec<Layer>>,
}

#[derive(Debug)]
struct Layer {
    bytes: Vec<u8>,
    /// How many commits the layers before it hold.
    base: usize,
    count: usize,
    chunks: Vec<Chunk>,
    bloom: Option<Settings>,
}

#[derive(Debug)]
struct Chunk {
    id: [u8; 4],
    start: usize,
    end: usize,
}

/// No parent; a last parent; a parent that stands in the list of further ones.
const NONE: u32 = 0x7000_0000;
const LAST: u32 = 0x8000_0000;
/// An id, two parents, and generation and date together.
const ROW: usize = 36;
/// What is known of a commit where no generation was computed.
const NO_GENERATION: u64 = 0;
const MOST_GENERATION: u64 = (1 << 30) - 1;

/// What the graph says of one commit.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    tree: Sha,
    parents: Vec<Sha>,
    /// Larger than that of each parent.
    generation: u64,
    time: i64,
}

impl Repository {
    /// The commit-graph that git would read.
    ///
    /// # Errors
    /// When a file of it is there and cannot be read.
    pub fn commit_graph(&self) -> Result<CommitGraph> {
        let own = self.common_dir().join("objects");
        let alternates = fs::read_to_string(own.join("info/alternates")).unwrap_or_default();
        let others = alternates.lines().map(|line| own.join(line));
        let mut folders = vec![own.clone()];
        folders.extend(others);
        for folder in &folders {
            let files = graph_files(folder, &folders)?;
            if !files.is_empty() {
                return CommitGraph::read(&files);
            }
        }
        Ok(CommitGraph::default())
    }
}

/// The files of the graph below a folder of objects.
fn graph_files(objects: &Path, all: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let single = objects.join("info/commit-graph");
    if single.exists() {
        return Ok(vec![single]);
    }
    let chain = objects.join("info/commit-graphs/commit-graph-chain");
    let text = match fs::read_to_string(&chain) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&chain, &error.to_string())),
    };
    let mut files = Vec::new();
    for hash in text.lines() {
        let name = format!("info/commit-graphs/graph-{hash}.graph");
        let places = all.iter().map(|folder| folder.join(&name));
        let found = places.into_iter().find(|path| path.exists());
        files.push(found.ok_or_else(|| unreadable(&chain, &format!("there is no `{name}`")))?);
    }
    Ok(files)
}

fn unreadable(path: &Path, why: &str) -> GitError {
    GitError::new(format!(
        "the commit-graph `{}` cannot be read: {why}; write it anew with `git commit-graph write --reachable`",
        path.display()
    ))
}

impl CommitGraph {
    fn read(files: &[PathBuf]) -> Result<Self> {
        let mut layers: Vec<Layer> = Vec::new();
        for path in files {
            let bytes = fs::read(path).map_err(|error| unreadable(path, &error.to_string()))?;
            let base = layers.last().map_or(0, |layer| layer.base + layer.count);
            let layer = Layer::parse(bytes, base);
            layers.push(layer.ok_or_else(|| unreadable(path, "it is malformed"))?);
        }
        Ok(Self {
            layers: Arc::new(layers),
        })
    }

    /// What it says otherwise of a commit than the commit does; none if it says nothing of it.
    pub fn find_difference(&self, commit: &Commit) -> Option<String> {
        let position = self.position_of(commit.id)?;
        let Some(row) = self.row_at(position) else {
            return Some("says nothing that can be read".to_owned());
        };
        if row.tree != commit.tree {
            return Some(format!("has another tree, {}", row.tree.short()));
        }
        if row.parents != commit.parents {
            let parents: Vec<String> = row.parents.iter().map(Sha::short).collect();
            return Some(match parents.as_slice() {
                [] => "has no parents".to_owned(),
                _ => format!("has other parents, {}", parents.join(" and ")),
            });
        }
        if row.time != commit.committer.time.timestamp() {
            return Some("has another date".to_owned());
        }
        let parents = row.parents.iter().filter_map(|id| self.position_of(*id));
        let generations = parents.filter_map(|at| Some(self.row_at(at)?.generation));
        let newest = generations.max().unwrap_or(NO_GENERATION);
        let is_computed = row.generation != NO_GENERATION && newest < MOST_GENERATION;
        if is_computed && row.generation <= newest {
            return Some("comes before one of its parents".to_owned());
        }
        None
    }

    /// Whether it holds which paths commits change: then it can also keep a commit from being shown with its path.
    pub fn has_paths(&self) -> bool {
        self.layers.iter().any(|layer| layer.bloom.is_some())
    }

    /// The first of these paths, which a commit changes, that git would not find it by.
    pub fn find_hidden_path<'p>(
        &self,
        commit: Sha,
        mut changed: impl Iterator<Item = &'p [u8]>,
    ) -> Option<&'p [u8]> {
        let position = self.position_of(commit)?;
        let (layer, at) = self.layer_of(position)?;
        let filter = layer.filter(at)?;
        changed.find(|path| {
            let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            let mut parts = folders
                .map(|(slash, _)| slash)
                .chain(std::iter::once(path.len()));
            !parts.all(|end| path.get(..end).is_some_and(|part| filter.may_hold(part)))
        })
    }

    fn position_of(&self, id: Sha) -> Option<usize> {
        let found = |layer: &Layer| Some(layer.base + layer.find(id)?);
        self.layers.iter().rev().find_map(found)
    }

    fn layer_of(&self, position: usize) -> Option<(&Layer, usize)> {
        let layer = self
            .layers
            .iter()
            .rfind(|layer| layer.base <= position && position < layer.base + layer.count)?;
        Some((layer, position - layer.base))
    }

    fn id_at(&self, position: u32) -> Option<Sha> {
        let (layer, at) = self.layer_of(usize::try_from(position).ok()?)?;
        layer.id_at(at)
    }

    fn row_at(&self, position: usize) -> Option<Row> {
        let (layer, at) = self.layer_of(position)?;
        let bytes = layer.chunk(b"CDAT")?.get(at * ROW..(at + 1) * ROW)?;
        let (tree, rest) = bytes.split_first_chunk::<20>()?;
        let (first, second) = (number(rest, 0)?, number(rest, 1)?);
        let mut parents = Vec::new();
        if first != NONE {
            parents.push(self.id_at(first)?);
        }
        if second & LAST != 0 {
            let more = layer.chunk(b"EDGE")?;
            let mut next = usize::try_from(second & !LAST).ok()?;
            loop {
                let edge = number(more, next)?;
                parents.push(self.id_at(edge & !LAST)?);
                if edge & LAST != 0 {
                    break;
                }
                next += 1;
            }
        } else if second != NONE {
            parents.push(self.id_at(second)?);
        }
        let (high, low) = (u64::from(number(rest, 2)?), u64::from(number(rest, 3)?));
        let time = i64::try_from((high & 3) << 32 | low).ok()?;
        Some(Row {
            tree: Sha::from_bytes(*tree),
            parents,
            generation: high >> 2,
            time,
        })
    }
}

impl Layer {
    fn parse(bytes: Vec<u8>, base: usize) -> Option<Self> {
        // Signature, version 1, SHA-1, the number of chunks, the number of layers below.
        let header = bytes.strip_prefix(b"CGPH\x01\x01")?;
        let count_of_chunks = usize::from(*header.first()?);
        let table = bytes.get(8..)?;
        let entry = |index: usize| -> Option<([u8; 4], usize)> {
            let entry = table.get(index * 12..index * 12 + 12)?;
            let (id, offset) = entry.split_first_chunk::<4>()?;
            let offset = u64::from_be_bytes(*offset.first_chunk()?);
            Some((*id, usize::try_from(offset).ok()?))
        };
        let mut chunks = Vec::with_capacity(count_of_chunks);
        for index in 0..count_of_chunks {
            let ((id, start), (_, end)) = (entry(index)?, entry(index + 1)?);
            bytes.get(start..end)?;
            chunks.push(Chunk { id, start, end });
        }
        let mut layer = Self {
            bytes,
            base,
            count: 0,
            chunks,
            bloom: None,
        };
        layer.count = usize::try_from(number(layer.chunk(b"OIDF")?, 255)?).ok()?;
        if layer.chunk(b"OIDL")?.len() != layer.count * 20 {
            return None;
        }
        layer.bloom = match layer.chunk(b"BDAT") {
            Some(data) => Some(Settings::parse(data)?),
            None => None,
        };
        Some(layer)
    }

    fn chunk(&self, id: &[u8; 4]) -> Option<&[u8]> {
        let chunk = self.chunks.iter().find(|chunk| chunk.id == *id)?;
        self.bytes.get(chunk.start..chunk.end)
    }

    fn id_at(&self, at: usize) -> Option<Sha> {
        let bytes = self.chunk(b"OIDL")?.get(at * 20..at * 20 + 20)?;
        Some(Sha::from_bytes(*bytes.first_chunk()?))
    }

    /// The ids are looked up as git does, so what it does not find because they are out of order, we do not either.
    fn find(&self, id: Sha) -> Option<usize> {
        let first_byte = usize::from(*id.as_bytes().first()?);
        let fanout = self.chunk(b"OIDF")?;
        let before = first_byte.checked_sub(1).map(|byte| number(fanout, byte));
        let mut low = usize::try_from(before.unwrap_or(Some(0))?).ok()?;
        let mut high = usize::try_from(number(fanout, first_byte)?).ok()?;
        while low < high {
            let middle = low + (high - low) / 2;
            match id.as_bytes().cmp(self.id_at(middle)?.as_bytes()) {
                std::cmp::Ordering::Less => high = middle,
                std::cmp::Ordering::Greater => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// Which paths the commit changes; none where that was not computed.
    fn filter(&self, at: usize) -> Option<Filter<'_>> {
        let settings = self.bloom?;
        let index = self.chunk(b"BIDX")?;
        let start = match at.checked_sub(1) {
            Some(before) => number(index, before)?,
            None => 0,
        };
        let (start, end) = (usize::try_from(start).ok()?, number(index, at)?);
        let data = self.chunk(b"BDAT")?.get(Settings::LEN..)?;
        let bits = data.get(start..usize::try_from(end).ok()?)?;
        (!bits.is_empty()).then_some(Filter { settings, bits })
    }
}

/// The number at a place of a list of them.
fn number(bytes: &[u8], place: usize) -> Option<u32> {
    let bytes = bytes.get(place * 4..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}
