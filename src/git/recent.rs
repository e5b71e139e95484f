//! The trees that were read last: walking a trail asks for the same folders again and again, as the tree of
//! one commit and as that of the parent of the next.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::ids::Sha;

/// So many bytes of trees are kept at least, and twice as many at most.
const KEPT_BYTES: usize = 2 * 1024 * 1024;

/// Trees by id, in two generations: what was not asked for during a whole generation is forgotten.
#[derive(Debug, Default)]
pub(super) struct RecentTrees {
    young: HashMap<Sha, Arc<[u8]>>,
    old: HashMap<Sha, Arc<[u8]>>,
    young_bytes: usize,
}

impl RecentTrees {
    pub(super) fn find(&mut self, id: Sha) -> Option<Arc<[u8]>> {
        if let Some(known) = self.young.get(&id) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(&id)?;
        self.keep(id, Arc::clone(&known));
        Some(known)
    }

    pub(super) fn keep(&mut self, id: Sha, tree: Arc<[u8]>) {
        if self.young_bytes > KEPT_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += tree.len();
        self.young.insert(id, tree);
    }
}
