//! A cache in two generations, bounded by bytes.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// What an entry takes beside its content.
const ENTRY: usize = 128;

/// What was not asked for during a whole generation is forgotten. Takes at most so many bytes, and keeps at least the
/// last half of that.
#[derive(Debug)]
pub struct GenerationalCache<K, V> {
    young: HashMap<K, (V, usize), RandomState>,
    old: HashMap<K, (V, usize), RandomState>,
    young_bytes: usize,
    most: usize,
}

impl<K: Eq + Hash, V: Clone> GenerationalCache<K, V> {
    pub fn new(most: usize) -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            young_bytes: 0,
            most,
        }
    }

    /// From now on so many bytes.
    pub fn limit(&mut self, most: usize) {
        *self = Self::new(most);
    }

    pub fn find(&mut self, name: K) -> Option<V> {
        if let Some((known, _)) = self.young.get(&name) {
            return Some(known.clone());
        }
        let (known, bytes) = self.old.remove(&name)?;
        self.keep(name, known.clone(), bytes);
        Some(known)
    }

    /// Keeps what takes so many bytes, unless that is too much for one.
    pub fn keep(&mut self, name: K, value: V, bytes: usize) {
        let (whole, half) = (bytes.saturating_add(ENTRY), self.most / 2);
        if whole > half {
            return;
        }
        if self.young_bytes + whole > half {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += whole;
        self.young.insert(name, (value, bytes));
    }
}
