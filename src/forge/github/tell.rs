//! Tells people on GitHub: a check run (or a commit status), a label, a comment, a request for review.
//!
//! Each is written only when it says something new, and never twice: a write of which it is not known
//! whether it was carried out is looked up before it is repeated.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::client::{Client, Method};
use super::desk::{Heard, Held, Said, We};
use super::error::ApiError;
use super::wire::{WireCheckRun, WireNumbered, WireStatus};
use super::{CHECK_NAME, LABEL_PREFIX, MARKER, read, words};
use crate::domain::ids::{Login, Sha};
use crate::domain::level::Level;
use crate::forge::{Ask, Report, ReportState};

type Result<T> = std::result::Result<T, ApiError>;

/// Tells people.
#[derive(Debug)]
pub(super) struct Teller {
    /// Whether check runs are to be had; a personal token, and an App without that permission, cannot.
    may_check: AtomicBool,
    we: We,
}

impl Teller {
    pub(super) const fn new(may_check: bool, we: We) -> Self {
        Self {
            may_check: AtomicBool::new(may_check),
            we,
        }
    }

    /// Tells a report. Everything is tried; the first failure is reported.
    pub(super) fn tell(&self, client: &Client, held: &mut Held, report: &Report) -> Result<()> {
        let text = report.text();
        if held.pull.last_report.as_ref() == Some(&text) {
            return Ok(());
        }
        let told = [
            self.check(client, held, report),
            label(client, held, report.details.level),
            self.comment(client, held, report),
            ask(client, held, report.details.ask.as_ref()),
        ];
        told.into_iter().collect::<Result<()>>()?;
        held.pull.last_report = Some(text);
        Ok(())
    }

    /// What our check of this commit says.
    pub(super) fn hear(&self, client: &Client, head: Sha) -> Result<Heard> {
        if !self.may_check.load(Ordering::Relaxed) {
            let found = find_status(client, head)?;
            return Ok(found.map_or_else(Heard::default, |status| words::of_status(&status)));
        }
        let found = find_check(client, head)?;
        Ok(found.map_or_else(Heard::default, |run| words::of_check_run(&run)))
    }

    fn check(&self, client: &Client, held: &mut Held, report: &Report) -> Result<()> {
        if self.may_check.load(Ordering::Relaxed) {
            match check_run(client, held, report) {
                // The token may not; nothing was written.
                Err(error) if error.status() == Some(403) => {
                    tracing::warn!("{error}; a commit status stands in for the check run");
                    self.may_check.store(false, Ordering::Relaxed);
                    held.check = Said::Unknown;
                }
                other => return other,
            }
        }
        commit_status(client, held, report)
    }

    /// One comment, kept up to date. What needs nobody gets none.
    fn comment(&self, client: &Client, held: &mut Held, report: &Report) -> Result<()> {
        let text = match (&report.details.comment, held.comment, report.state) {
            (Some(text), ..) => text.clone(),
            // It says something that is no longer so.
            (None, Said::This(_), ReportState::Failure) => {
                format!("**{}**\n\n{}", report.title, report.body)
            }
            _ => return Ok(()),
        };
        let print = words::print(&text);
        if held.comment == Said::Unknown {
            let comments = read::comments(client, held.pull.number)?;
            let own = comments
                .iter()
                .find_map(|comment| self.we.find_own_words(comment));
            held.comment = own.map_or(Said::Nothing, Said::This);
        }
        let body = json!({ "body": format!("{MARKER}{print} -->\n{}", words::cut(&text)) });
        match held.comment {
            Said::This((_, Some(before))) if before == print => Ok(()),
            Said::This((id, _)) => {
                let path = client.path(&format!("/issues/comments/{id}"));
                match client.write(Method::Patch, &path, &body) {
                    Ok(_) => held.comment = Said::This((id, Some(print))),
                    // Somebody removed it: they want no comment.
                    Err(error) if error.status() == Some(404) => {}
                    Err(error) => return Err(error),
                }
                Ok(())
            }
            Said::Nothing | Said::Unknown => {
                let path = client.path(&format!("/issues/{}/comments", held.pull.number.0));
                let sent = client.write(Method::Post, &path, &body);
                held.comment = note(&sent, print);
                sent.map(|_| ())
            }
        }
    }
}

/// What we know after a write: its id, or nothing certain.
fn note(sent: &Result<Value>, print: Sha) -> Said<(u64, Option<Sha>)> {
    match sent {
        Ok(answer) => match serde_json::from_value::<WireNumbered>(answer.clone()) {
            Ok(WireNumbered { id }) => Said::This((id, Some(print))),
            Err(_) => Said::Unknown,
        },
        Err(error) if error.is_uncertain() => Said::Unknown,
        Err(_) => Said::Nothing,
    }
}

fn check_run(client: &Client, held: &mut Held, report: &Report) -> Result<()> {
    let print = words::print(&report.text());
    if held.check == Said::Unknown {
        let heard = find_check(client, held.pull.head)?.map(|run| words::of_check_run(&run));
        held.check = heard
            .and_then(|heard| heard.words)
            .map_or(Said::Nothing, Said::This);
    }
    let mut body = words::check_run(report, print);
    match held.check {
        Said::This((_, Some(before))) if before == print => Ok(()),
        // GitHub adds annotations to those that are there: new ones need a new run.
        Said::This((id, _)) if report.details.problems.is_empty() => {
            let path = client.path(&format!("/check-runs/{id}"));
            let sent = client.write(Method::Patch, &path, &body);
            held.check = match &sent {
                Ok(_) => Said::This((id, Some(print))),
                Err(_) => Said::This((id, None)),
            };
            sent.map(|_| ())
        }
        _ => {
            if let Some(body) = body.as_object_mut() {
                body.insert("name".to_owned(), json!(CHECK_NAME));
                body.insert("head_sha".to_owned(), json!(held.pull.head.to_string()));
            }
            let path = client.path("/check-runs");
            let sent = client.write(Method::Post, &path, &body);
            held.check = note(&sent, print);
            sent.map(|_| ())
        }
    }
}

fn find_check(client: &Client, head: Sha) -> Result<Option<WireCheckRun>> {
    let path = client.path(&format!(
        "/commits/{head}/check-runs?check_name={CHECK_NAME}&per_page=100"
    ));
    let runs = client.list::<WireCheckRun>(&path, Some("check_runs"), |_| false)?;
    Ok(runs
        .into_iter()
        .filter(|run| run.name == CHECK_NAME)
        .max_by_key(|run| run.id))
}

/// A commit holds at most a thousand statuses of one name, so one is written only when it changes.
fn commit_status(client: &Client, held: &mut Held, report: &Report) -> Result<()> {
    let head = held.pull.head;
    let (state, description) = words::status(report);
    let print = words::print(&format!("{state} {description}"));
    if held.check == Said::Unknown {
        let heard = find_status(client, head)?.map(|status| words::of_status(&status));
        held.check = heard
            .and_then(|heard| heard.words)
            .map_or(Said::Nothing, Said::This);
    }
    if held.check == Said::This((0, Some(print))) {
        return Ok(());
    }
    let body = json!({ "state": state, "context": CHECK_NAME, "description": description });
    let sent = client.write(
        Method::Post,
        &client.path(&format!("/statuses/{head}")),
        &body,
    );
    held.check = match &sent {
        Ok(_) => Said::This((0, Some(print))),
        Err(_) => Said::Unknown,
    };
    sent.map(|_| ())
}

fn find_status(client: &Client, head: Sha) -> Result<Option<WireStatus>> {
    let path = client.path(&format!("/commits/{head}/status?per_page=100"));
    let all = client.list::<WireStatus>(&path, Some("statuses"), |_| false)?;
    Ok(all.into_iter().find(|status| status.context == CHECK_NAME))
}

fn label(client: &Client, held: &mut Held, level: Option<Level>) -> Result<()> {
    let Some(level) = level else { return Ok(()) };
    let wanted = words::label(level);
    let number = held.pull.number.0;
    let old: Vec<String> = held
        .labels
        .iter()
        .filter(|l| **l != wanted)
        .cloned()
        .collect();
    for name in old {
        let name_in_path = name.replace(' ', "%20").replace(':', "%3A");
        let is_ours = Level::ALL.iter().any(|level| words::label(*level) == name);
        debug_assert!(name.starts_with(LABEL_PREFIX));
        if is_ours {
            let path = client.path(&format!("/issues/{number}/labels/{name_in_path}"));
            match client.write(Method::Delete, &path, &json!({})) {
                Err(error) if error.status() != Some(404) => return Err(error),
                _ => {}
            }
        }
        held.labels.remove(&name);
    }
    if held.labels.contains(&wanted) {
        return Ok(());
    }
    let path = client.path(&format!("/issues/{number}/labels"));
    client.write(Method::Post, &path, &json!({ "labels": [wanted] }))?;
    held.labels.insert(wanted);
    Ok(())
}

/// Requests a review, once a role. What GitHub refuses (a team that does not exist, people without
/// access) is left: the report names them all the same.
fn ask(client: &Client, held: &mut Held, ask: Option<&Ask>) -> Result<()> {
    let Some(ask) = ask else { return Ok(()) };
    if held.asked.contains(&ask.role) {
        return Ok(());
    }
    // Asked by another process of ours, before we started.
    let was_asked = held.is_asked && held.asked.is_empty();
    held.asked.insert(ask.role);
    if was_asked {
        return Ok(());
    }
    let owner = client.repository.split('/').next().unwrap_or_default();
    let team = ask.team.as_deref().and_then(|team| team.split_once('/'));
    let team = team.filter(|(organisation, _)| organisation.eq_ignore_ascii_case(owner));
    let is_author = |login: &&Login| held.pull.author.login.as_ref() == Some(*login);
    let people: Vec<&str> = ask
        .people
        .iter()
        .filter(|login| !is_author(login))
        .map(Login::as_str)
        .collect();
    let mut wanted = Vec::new();
    wanted.extend(team.map(|(_, slug)| json!({ "team_reviewers": [slug] })));
    if !people.is_empty() {
        wanted.push(json!({ "reviewers": people }));
    }
    let path = client.path(&format!(
        "/pulls/{}/requested_reviewers",
        held.pull.number.0
    ));
    for body in wanted {
        match client.write(Method::Post, &path, &body) {
            Ok(_) => return Ok(()),
            Err(error) if matches!(error.status(), Some(403 | 404 | 422)) => {
                tracing::warn!(
                    "nobody was requested to review {}: {error}",
                    held.pull.number
                );
            }
            Err(error) => {
                if !error.is_uncertain() {
                    held.asked.remove(&ask.role);
                }
                return Err(error);
            }
        }
    }
    Ok(())
}
