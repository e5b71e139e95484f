//! What was read last of objects, for all handles of the process: within one bound, however many threads read and
//! however many repositories there are. Walking a trail asks for the same folders again and again, as the tree of one
//! commit and as that of the parent of the next, and for what the deltas of its neighbours are made from.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::objects::Kind;
use crate::cache::GenerationalCache;
use crate::domain::ids::Sha;

/// How many bytes are kept unless somebody says otherwise.
const USUAL: usize = 32 * 1024 * 1024;

/// What names an object that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CacheKey {
    Id(Sha),
    /// Others may be made from what is there.
    Packed {
        pack: u64,
        offset: u64,
    },
}

type Objects = GenerationalCache<CacheKey, (Kind, Arc<[u8]>)>;

/// A clone is the same cache.
#[derive(Debug, Clone)]
pub(super) struct ObjectCache(Arc<Mutex<Objects>>);

impl ObjectCache {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(GenerationalCache::new(bytes))))
    }

    /// The one that is shared.
    pub(super) fn of_process() -> Self {
        static OF_PROCESS: LazyLock<ObjectCache> = LazyLock::new(|| ObjectCache::new(USUAL));
        OF_PROCESS.clone()
    }

    pub(super) fn find(&self, key: CacheKey) -> Option<(Kind, Arc<[u8]>)> {
        self.lock().find(key)
    }

    pub(super) fn keep(&self, key: CacheKey, kind: Kind, content: &Arc<[u8]>) {
        self.lock()
            .keep(key, (kind, Arc::clone(content)), content.len());
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All handles of this process together keep at most so many bytes of the objects that they have read, except for those
/// that read a whole trail at once.
pub fn limit_object_cache(bytes: usize) {
    ObjectCache::of_process().lock().limit(bytes);
}
