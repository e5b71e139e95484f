//! Moves the loose refs of pull requests into `packed-refs`, as `git pack-refs` does with all refs, or, since 2.45, with
//! chosen ones.

use super::error::Result;
use super::objects::Kind;
use super::ref_update::PULLS;
use super::refs::{Durability, Expect, Loose, RefEdit, RefsUpdate};
use super::repository::Repository;
use crate::domain::ids::Sha;

impl Repository {
    /// Sets many of them at once to what they are, which puts them into `packed-refs`, except for tags; says how many.
    pub(super) fn pack_pull_refs(&self) -> Result<usize> {
        let mut edits = Vec::new();
        for name in self.loose_under(PULLS.trim_end_matches('/'), PULLS)? {
            // A broken one is for people to look at, and no reason to leave the others.
            if let Ok(Loose::Id(id)) = self.read_loose(&name) {
                edits.push(RefEdit {
                    name,
                    expected: Expect::Is(id),
                    new: Some(id),
                });
            }
        }
        // Where one has changed meanwhile, all stay until the next time.
        match self.update_refs(&edits, Durability::Fast)? {
            RefsUpdate::Done => Ok(edits.len()),
            RefsUpdate::Lost { .. } => Ok(0),
        }
    }

    /// Whether a ref to it needs only one line in `packed-refs`. No, if it cannot be found.
    pub(super) fn is_no_tag(&self, id: Sha) -> bool {
        let header = self.objects().read_header(id);
        header.is_ok_and(|(kind, _)| kind != Kind::Tag)
    }
}
