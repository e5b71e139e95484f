//! What a look at a pull request tells: its labels.

use std::collections::BTreeSet;

use super::LABEL_PREFIX;
use super::wire::WirePull;

pub(super) fn labels(wire: &WirePull) -> BTreeSet<String> {
    let names = wire.labels.iter().map(|label| label.name.clone());
    names
        .filter(|name| name.starts_with(LABEL_PREFIX))
        .collect()
}
