//! Whose signature a commit carries, held against the keys in the rules of its first parent.

use super::commit_check::CommitCheck;
use super::finding::FindingKind;
use crate::domain::ids::quoted;
use crate::domain::signing::Signed;
use crate::ledger::Version;
use crate::ledger::proposal::BotKey;

/// Checks the signature, where the rules say whose it has to be.
pub fn check(check: &mut CommitCheck) {
    let Some(signing) = check.signing.clone() else {
        return;
    };
    let Some(signature) = check.stored.find_signature() else {
        if signing.required {
            check.say(
                FindingKind::Unsigned,
                "it is not signed, but the rules of its parent ask for the bot's signature",
            );
        }
        return;
    };
    match signature.check(&signing.keys) {
        Signed::By(_) => check.signed = true,
        Signed::ByAnother(fingerprint) => {
            let named: Vec<String> = signing
                .keys
                .iter()
                .map(|key| match key.comment() {
                    "" => key.as_str().chars().take(30).collect(),
                    comment => quoted(comment),
                })
                .collect();
            let message = format!(
                "it is signed with the key {fingerprint}, but the rules of its parent list only {}",
                named.join(", ")
            );
            check.say(FindingKind::ForeignSignature, message);
        }
        Signed::Invalid => check.say(
            FindingKind::BadSignature,
            "its signature does not cover what it says: it was changed after it was signed, or the signature is another commit's",
        ),
    }
}

/// The key that a commit is signed with, held against those that a version of the rules lists.
pub fn bot_key(check: &CommitCheck, version: &Version) -> BotKey {
    let Some(signature) = check.stored.find_signature() else {
        return BotKey::None;
    };
    let signing = version.rules.governance.signing.as_ref();
    let keys = signing.map(|signing| signing.keys.as_slice());
    match signature.check(keys.unwrap_or_default()) {
        Signed::ByAnother(fingerprint) => BotKey::NotListed(fingerprint),
        // One that does not fit is a finding of its own.
        Signed::By(_) | Signed::Invalid => BotKey::Listed,
    }
}
