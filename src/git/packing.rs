//! Moves loose refs into `packed-refs`, as `git pack-refs` does, but only those below one folder, which
//! git can do since 2.45 only.

use std::collections::{BTreeMap, HashMap};

use super::error::Result;
use super::lock::LockSet;
use super::objects::Kind;
use super::packed_refs::{self, PackedRefs};
use super::refs::Loose;
use super::repository::Repository;
use crate::domain::ids::Sha;

/// How many files are removed while `packed-refs` is locked. Git waits a second for that lock.
const AT_ONCE: usize = 256;

impl Repository {
    /// Packs the refs below a folder such as `refs/pull`, except for tags; says how many.
    ///
    /// First all are written into `packed-refs` as they are, under its lock, without which nobody
    /// deletes a ref. One that changes meanwhile keeps its file, which hides what is packed. Then each
    /// file is removed, if the ref's lock is free and `packed-refs` still says the same: both locks are
    /// needed, or the file may be that of a ref which was deleted and made again. Who holds a ref's
    /// lock may wait for that of `packed-refs`, so nobody is waited for here.
    pub(super) fn pack_loose(&self, folder: &str) -> Result<usize> {
        let names = self.loose_under(folder, &format!("{folder}/"))?;
        self.copy_into_packed(&names)?;
        let mut removed = 0;
        for some in names.chunks(AT_ONCE) {
            // The other locks become further names of its lock file.
            let mut locker = LockSet::new(&self.files);
            let _packed_lock = locker.hold(&self.common_dir().join("packed-refs"))?;
            let packed = PackedRefs::open(self.common_dir())?;
            for name in some {
                let Some(lock) = locker.try_hold(&self.common_dir().join(name))? else {
                    continue;
                };
                let found = self.read_loose(name);
                if let (Ok(Loose::Id(id)), Some(same)) = (found, packed.find(name)?)
                    && id == same
                {
                    lock.remove_target()?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn copy_into_packed(&self, names: &[String]) -> Result<()> {
        let mut locker = LockSet::new(&self.files);
        let _packed_lock = locker.hold(&self.common_dir().join("packed-refs"))?;
        let mut packed = PackedRefs::open(self.common_dir())?;
        if !packed.is_sorted() {
            return Ok(());
        }
        let mut changes: BTreeMap<&str, Option<Sha>> = BTreeMap::new();
        let mut plain: HashMap<Sha, bool> = HashMap::new();
        for name in names {
            // A broken one is for people to look at, and no reason to leave the others.
            let Ok(Loose::Id(id)) = self.read_loose(name) else {
                continue;
            };
            let is_plain = match plain.get(&id) {
                Some(known) => *known,
                None => self.is_no_tag(id),
            };
            plain.insert(id, is_plain);
            if is_plain {
                changes.insert(name, Some(id));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        packed_refs::replace(&self.files, &packed.with(&changes)?)
    }

    /// Whether a ref to it needs only one line in `packed-refs`. No, if it cannot be found.
    pub(super) fn is_no_tag(&self, id: Sha) -> bool {
        let header = self.objects().read_header(id);
        header.is_ok_and(|(kind, _)| kind != Kind::Tag)
    }
}
