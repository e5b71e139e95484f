//! What a look at a pull request or comment tells: its labels, and whether it says a command.

use std::collections::BTreeSet;

use super::LABEL_PREFIX;
use super::wire::WirePull;
use crate::domain::command::Command;
use crate::domain::review::Comment;

pub(super) fn labels(wire: &WirePull) -> BTreeSet<String> {
    let names = wire.labels.iter().map(|label| label.name.clone());
    names
        .filter(|name| name.starts_with(LABEL_PREFIX))
        .collect()
}

pub(super) fn says_command(comment: &Comment) -> bool {
    !Command::find_all(&comment.body).is_empty()
}
