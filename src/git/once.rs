//! What is wrong with a ref is true at each of a thousand looks, and worth one line.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// So many are remembered; then they are said anew.
const MOST: usize = 1_000;

static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Warns, unless this process has said the same before.
pub fn warn_once(what: &str) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.contains(what) {
        return;
    }
    if said.len() >= MOST {
        said.clear();
    }
    said.insert(what.to_owned());
    tracing::warn!("{what}");
}
