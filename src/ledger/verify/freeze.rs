//! A freeze adds `freeze.yaml`, its end removes it, and neither does anything else.

use super::commit_check::CommitCheck;
use super::commit_verifier::CheckResult;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::documents::{AccountRecord, Freeze, Role, SaidIn};
use crate::domain::ids::Login;
use crate::gate::eligibility::{Principal, principal_of};
use crate::git::GitError;
use crate::ledger::entry;

/// Checks a freeze or its end.
pub fn check(check: &mut CommitCheck) -> Result<CheckResult, GitError> {
    check.check_parents(None);
    if check.adds(Freeze::PATH) {
        let Some(written) = check.take_document::<Freeze>(Freeze::PATH)? else {
            return Ok(CheckResult::default());
        };
        let Written {
            document: freeze,
            path,
            ..
        } = written;
        check.check_time(&path, "at", freeze.at);
        check.check_message(&entry::freeze_message(&freeze));
        check.check_role(&freeze.by, Role::Reviewer, "freezes");
        return Ok(CheckResult::default());
    }
    match check.take(Freeze::PATH) {
        Some(change) if change.new.is_none() => unfreeze(check),
        // Present before and after: an edit of the record.
        Some(_) => check.say(
            FindingKind::EditedRecord,
            format!(
                "`{}` is changed: a freeze is lifted and made anew, never edited",
                Freeze::PATH
            ),
        ),
        None => check.say(
            FindingKind::MissingChange,
            format!("it neither adds nor removes `{}`", Freeze::PATH),
        ),
    }
    Ok(CheckResult::default())
}

fn unfreeze(check: &mut CommitCheck) {
    let by = check
        .entry
        .trailers
        .find("By")
        .and_then(|by| by.parse::<Login>().ok());
    let Some(by) = by else {
        check.say(
            FindingKind::WrongMessage,
            "the trailer `By` does not say who lifts the freeze",
        );
        return;
    };
    let said_in: Vec<SaidIn> = check.entry.said_in().collect();
    check.check_message(&match check.entry.is_old_unfreeze() {
        true => entry::old_unfreeze_message(&by),
        false => entry::unfreeze_message(&by, &said_in),
    });
    check.check_role(&by, Role::Admin, "lifts the freeze");
}

impl CommitCheck<'_> {
    /// Whether a person had at least this role by the rules of the moment.
    pub fn check_role(&mut self, login: &Login, least: Role, does: &str) {
        let Some(version) = self.version.clone() else {
            return;
        };
        let account = AccountRecord {
            login: Some(login.clone()),
            ..AccountRecord::default()
        };
        let has = match principal_of(&account, &version.rules) {
            Principal::Person(person) => Some(person.role),
            Principal::Agent(_) | Principal::Unknown => None,
        };
        let message = match has {
            None => format!("`{login}` {does}, but `rules/people.yaml` did not list them"),
            Some(role) if role < least => {
                format!("`{login}` {does}, which takes the role {least}; theirs was {role}")
            }
            Some(_) => return,
        };
        self.say(FindingKind::NotEntitled, message);
    }
}
