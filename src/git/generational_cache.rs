//! What was read last: walking a trail asks for the same folders again and again, as the tree of one commit and
//! as that of the parent of the next, and for what the deltas of its neighbours are made from.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Objects by what names them, in two generations: what was not asked for during a whole generation is
/// forgotten. Holds at least so many bytes, and twice as many at most.
#[derive(Debug)]
pub(super) struct GenerationalCache<K, V, const BYTES: usize> {
    young: HashMap<K, (V, usize), RandomState>,
    old: HashMap<K, (V, usize), RandomState>,
    young_bytes: usize,
}

impl<K, V, const BYTES: usize> Default for GenerationalCache<K, V, BYTES> {
    fn default() -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            young_bytes: 0,
        }
    }
}

impl<K: Eq + Hash, V: Clone, const BYTES: usize> GenerationalCache<K, V, BYTES> {
    pub(super) fn find(&mut self, name: K) -> Option<V> {
        if let Some((known, _)) = self.young.get(&name) {
            return Some(known.clone());
        }
        let (known, bytes) = self.old.remove(&name)?;
        self.keep(name, known.clone(), bytes);
        Some(known)
    }

    /// Keeps what takes so many bytes.
    pub(super) fn keep(&mut self, name: K, value: V, bytes: usize) {
        if self.young_bytes > BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(name, (value, bytes));
    }
}
