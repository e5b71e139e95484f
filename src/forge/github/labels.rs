//! Labels that say a level: which of them a pull request has, and what GraphQL calls those of the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::LABEL_PREFIX;
use super::connection::lock;
use super::wire::{Label, WirePull};

pub(super) fn labels(wire: &WirePull) -> BTreeSet<String> {
    let names = wire.labels.iter().map(|label| label.name.clone());
    names
        .filter(|name| name.starts_with(LABEL_PREFIX))
        .collect()
}

/// The ids of the repository's labels, by their names, as far as GitHub told them.
#[derive(Debug, Default)]
pub(super) struct LabelIds(Mutex<BTreeMap<String, String>>);

impl LabelIds {
    pub(super) fn find(&self, name: &str) -> Option<String> {
        lock(&self.0).get(name).cloned()
    }

    pub(super) fn learn(&self, labels: &[Label]) {
        let ours = labels
            .iter()
            .filter(|label| label.name.starts_with(LABEL_PREFIX));
        let known = ours.filter_map(|label| Some((label.name.clone(), label.node_id.clone()?)));
        lock(&self.0).extend(known);
    }

    pub(super) fn forget(&self, name: &str) {
        lock(&self.0).remove(name);
    }

    /// Everything that is known, for the next process.
    pub(super) fn all(&self) -> Vec<Label> {
        let known = lock(&self.0).clone().into_iter();
        known
            .map(|(name, id)| Label {
                name,
                node_id: Some(id),
            })
            .collect()
    }
}
