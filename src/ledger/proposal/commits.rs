//! Commits of a branch that would not read in `git log` as what they are.

use super::{Objection, Refusal};
use crate::domain::hidden::is_bidirectional;
use crate::domain::ids::quoted;
use crate::git::Commit;
use crate::ledger::{BOT_EMAIL, find_forged};

/// What is wrong with a commit.
pub fn find_objection(commit: &Commit) -> Option<Objection> {
    let short = commit.id.short();
    let say = |refusal, message: String| Some(Objection::of_proposal(refusal, message));
    if let Some(key) = find_forged(&commit.message) {
        return say(
            Refusal::ForgedTrailer,
            format!(
                "the message of commit {short} carries the trailer `{key}`, which only the bot writes: reword it (`git commit --amend`)"
            ),
        );
    }
    let people = [&commit.author, &commit.committer];
    if people
        .iter()
        .any(|who| who.email.eq_ignore_ascii_case(BOT_EMAIL))
    {
        return say(
            Refusal::InNameOfBot,
            format!(
                "commit {short} is in the name of the bot: commit in your own (`git commit --amend --reset-author`)"
            ),
        );
    }
    if let Some(encoding) = &commit.encoding {
        return say(
            Refusal::ForeignEncoding,
            format!(
                "commit {short} is in the encoding {}, in which it can read differently: set `i18n.commitEncoding` to UTF-8 and reword it (`git commit --amend`)",
                quoted(encoding)
            ),
        );
    }
    if !commit.valid_utf8 {
        return say(
            Refusal::NotUtf8,
            format!(
                "the message of commit {short} or a name in it is not UTF-8: reword it (`git commit --amend`)"
            ),
        );
    }
    let is_bad = |c: &char| is_bidirectional(*c) || (c.is_control() && !matches!(c, '\n' | '\t'));
    let names = people.iter().flat_map(|who| [&who.name, &who.email]);
    let message = commit.message.replace("\r\n", "\n");
    let bad = names
        .chain([&message])
        .find_map(|text| text.chars().find(is_bad))?;
    say(
        Refusal::HiddenCharacter,
        format!(
            "commit {short} has a control or direction character (U+{:04X}) in its message or in a name: reword it (`git commit --amend`)",
            u32::from(bad)
        ),
    )
}
