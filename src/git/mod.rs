//! The only module that names git2: it gives the rest of the house a repository it can read, and a way
//! to add commits at several thousand a second and publish them by compare-and-swap.
//!
//! - [`Repository`] opens, reads objects, walks history and compares trees.
//! - [`Repository::update_refs`] is the only way a branch moves.
//! - [`ObjectBuffer`] makes objects in memory and stores them as one pack; [`TreeEditor`] makes the trees.
//! - [`Objects`] reads both what is stored and what is still in a buffer.
//! - [`Remote`] brings commits from a server and moves a branch there, by git's own program.
//! - [`consolidate`] keeps the number of packs and of loose refs small.
//!
//! The order that survives a crash, and a `git repack` at any moment: put objects, [`ObjectBuffer::flush`], then
//! `update_refs`, and only then drop the [`KeptPack`].

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod ancestry;
mod bloom;
mod buffer;
mod commit;
mod commit_graph;
mod diff;
mod error;
mod history;
mod joining;
mod kept_pack;
mod lock;
mod maintenance;
mod object_cache;
mod objects;
mod once;
mod overlays;
mod pack;
mod packed_refs;
mod packing;
mod packs;
mod program;
mod read;
mod ref_update;
mod refs;
mod remote;
mod repository;
mod sharing;
mod signing;
#[cfg(test)]
mod tests;
mod tree;
mod tree_node;
mod trusted;

pub use buffer::ObjectBuffer;
pub use commit::{Commit, NewCommit, Signature, StoredCommit};
pub use commit_graph::CommitGraph;
pub use diff::Change;
pub use error::GitError;
pub use history::FirstParents;
pub use kept_pack::KeptPack;
pub use maintenance::{Maintenance, consolidate, join_packs};
pub use object_cache::limit_object_cache;
pub use objects::{Entry, Found, Kind, Mode, blob_id};
pub use once::warn_once;
pub use overlays::Overlay;
pub use program::{ProgramError, program_version};
pub use read::Objects;
pub use refs::{Durability, Expect, RefEdit, RefsUpdate, Turn};
pub use remote::{Credentials, Fetched, NoPassword, Push, Pushed, Remote, RemoteError};
pub use repository::{Repository, configured_identity};
pub use sharing::RepositoryFiles;
pub use signing::{CommitSignature, SigningKey};
pub use tree::{InsertError, TreeEditor};

/// Marks a point at which the process may die without harm; the crash tests kill it at each of them.
fn step(name: &'static str) {
    tracing::trace!(target: "countersign::step", "{name}");
}
