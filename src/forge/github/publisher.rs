//! Tells people on GitHub: a request for review, a comment, a check run (or a commit status), a label.
//!
//! Each is written only when it says something new, and never twice: a write of which it is not known
//! whether it was carried out is looked up before it is repeated.

use serde_json::{Value, json};

use super::ask::{ask, whom};
use super::client::{Client, Method};
use super::error::ApiError;
use super::external_id::ExternalId;
use super::labels::LabelIds;
use super::pull_cache::{CheckRunContent, Posted, PostedText, TrackedPull};
use super::wire::{Label, WireCheckRun, WireNumbered, WireStatus};
use super::{CHECK_NAME, LABEL_PREFIX, open, read, words};
use crate::domain::ids::Sha;
use crate::domain::level::Level;
use crate::forge::{Report, ReportState};

type Result<T> = std::result::Result<T, ApiError>;

#[derive(Debug)]
pub(super) struct ReportPublisher {
    /// Whether check runs can be had at all: a personal token cannot write them.
    may_check: bool,
    pub(super) labels: LabelIds,
}

impl ReportPublisher {
    pub(super) fn new(may_check: bool) -> Self {
        Self {
            may_check,
            labels: LabelIds::default(),
        }
    }

    /// Whether several things can be written in one request: a commit status, which stands in for a check run, cannot.
    pub(super) const fn writes_at_once(&self) -> bool {
        self.may_check
    }

    /// Tells a report. Everything is tried; the first failure is reported.
    pub(super) fn tell(
        &self,
        client: &Client,
        tracked: &mut TrackedPull,
        report: &Report,
    ) -> Result<()> {
        let text = report.text();
        if tracked.pull.last_report.as_ref() == Some(&text) {
            return match tracked.has_right_labels() {
                true => Ok(()),
                false => self.label(client, tracked, report.details.level),
            };
        }
        // Whoever was asked is named in the comment, and both are kept in the check run.
        let asked = ask(client, tracked, &report.details.asks);
        self.open(client, tracked, report)?;
        let before = asked.and(comment(client, tracked, report));
        // A check run that bears the report's fingerprint says to the next process that all of it was told.
        let print = before.is_ok().then(|| words::print(&text));
        let told = [
            before,
            self.check(client, tracked, report, print),
            self.label(client, tracked, report.details.level),
        ];
        told.into_iter().collect::<Result<()>>()?;
        tracked.pull.last_report = Some(text);
        tracked.level = report.details.level;
        Ok(())
    }

    /// The first comment and the first check run of a pull request, at once where that can be done. What comes of it is
    /// not written again below; what does not is.
    fn open(&self, client: &Client, tracked: &mut TrackedPull, report: &Report) -> Result<()> {
        let is_new = tracked.comment == Posted::Nothing && tracked.check == Posted::Nothing;
        if !is_new || !self.writes_at_once() {
            return Ok(());
        }
        let Some(comment) = &report.details.comment else {
            return self.open_merged(client, tracked, report);
        };
        // A job shares its App with other jobs: its check run names the comment, which must be there first.
        if !client.is_app() {
            return Ok(());
        }
        let text = comment.text(&whom(client, tracked, &report.details.asks));
        open::open(client, tracked, report, &words::comment(&text))
    }

    /// The check run and the label of what is merged and needs no comment, at once where the label is known.
    fn open_merged(
        &self,
        client: &Client,
        tracked: &mut TrackedPull,
        report: &Report,
    ) -> Result<()> {
        let is_plain = report.state == ReportState::Success && report.details.problems.is_empty();
        let Some(name) = report.details.level.map(words::label) else {
            return Ok(());
        };
        let Some(id) = self.labels.find(&name) else {
            return Ok(());
        };
        if !is_plain || !tracked.labels.is_empty() {
            return Ok(());
        }
        let label = Label {
            name,
            node_id: Some(id),
        };
        open::open_merged(client, tracked, report, &label)?;
        if !tracked.labels.contains(&label.name) {
            // Somebody may have removed it from the repository: by its name it is made again.
            self.labels.forget(&label.name);
        }
        Ok(())
    }

    fn label(
        &self,
        client: &Client,
        tracked: &mut TrackedPull,
        level: Option<Level>,
    ) -> Result<()> {
        let Some(level) = level else { return Ok(()) };
        let wanted = words::label(level);
        let number = tracked.pull.number.0;
        let old: Vec<String> = tracked
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
            tracked.labels.remove(&name);
        }
        if tracked.labels.contains(&wanted) {
            return Ok(());
        }
        let path = client.path(&format!("/issues/{number}/labels"));
        let answer = client.write(Method::Post, &path, &json!({ "labels": [wanted] }))?;
        if let Ok(labels) = serde_json::from_value::<Vec<Label>>(answer) {
            self.labels.learn(&labels);
        }
        tracked.labels.insert(wanted);
        Ok(())
    }

    /// What our check of this commit says.
    pub(super) fn hear(&self, client: &Client, head: Sha) -> Result<CheckRunContent> {
        if self.may_check {
            match find_check(client, head) {
                Ok(Some(run)) => return Ok(words::of_check_run(&run, head, client.we()?)),
                Ok(None) => {}
                // Without the permission for check runs a status may stand in.
                Err(error) if error.status() == Some(403) => {}
                Err(error) => return Err(error),
            }
            // The App that may write check runs need not be allowed to read statuses, and has none then.
            return Ok(CheckRunContent::default());
        }
        let found = find_status(client, head)?;
        Ok(found.map_or_else(CheckRunContent::default, |status| words::of_status(&status)))
    }

    /// A check run; for this pull request and this time a commit status, where check runs are not permitted.
    fn check(
        &self,
        client: &Client,
        tracked: &mut TrackedPull,
        report: &Report,
        print: Option<Sha>,
    ) -> Result<()> {
        if !self.may_check {
            return commit_status(client, tracked, report);
        }
        match check_run(client, tracked, report, print) {
            // Nothing was written.
            Err(error) if error.status() == Some(403) => {
                tracked.check = Posted::Nothing;
                let Err(second) = commit_status(client, tracked, report) else {
                    tracing::warn!("{error}; a commit status stands in for the check run");
                    return Ok(());
                };
                tracked.check = Posted::Nothing;
                // Of two permissions that are missing, the one that we ask for is named.
                Err(if second.status() == Some(403) {
                    error
                } else {
                    second
                })
            }
            other => other,
        }
    }
}

/// One comment, kept up to date. What needs nobody gets none.
fn comment(client: &Client, tracked: &mut TrackedPull, report: &Report) -> Result<()> {
    let text = match (&report.details.comment, tracked.comment, report.state) {
        (Some(comment), ..) => comment.text(&whom(client, tracked, &report.details.asks)),
        // It says something that is no longer so.
        (None, Posted::This(_), ReportState::Failure) => {
            format!("**{}**\n\n{}", report.title, report.body)
        }
        _ => return Ok(()),
    };
    if tracked.comment == Posted::Unknown {
        let comments = read::comments(client, tracked.pull.number)?;
        let we = client.we()?;
        let own = comments
            .iter()
            .find_map(|comment| we.find_own_words(comment));
        tracked.comment = own.map_or(Posted::Nothing, Posted::This);
    }
    let body = words::comment(&text);
    let print = words::print_of_comment(&body);
    let body = json!({ "body": body });
    match tracked.comment {
        Posted::This((_, before)) if before == print => Ok(()),
        Posted::This((id, _)) => {
            let path = client.path(&format!("/issues/comments/{id}"));
            match client.write(Method::Patch, &path, &body) {
                Ok(_) => tracked.comment = Posted::This((id, print)),
                // Somebody removed it: they want no comment.
                Err(error) if error.status() == Some(404) => {}
                Err(error) => return Err(error),
            }
            Ok(())
        }
        Posted::Nothing | Posted::Unknown => {
            let path = client.path(&format!("/issues/{}/comments", tracked.pull.number.0));
            let sent = client.write(Method::Post, &path, &body);
            tracked.comment = note(&sent, print);
            sent.map(|_| ())
        }
    }
}

/// What we know after a write: its id, or nothing certain.
fn note(sent: &Result<Value>, print: Option<Sha>) -> Posted<PostedText> {
    match sent {
        Ok(answer) => match serde_json::from_value::<WireNumbered>(answer.clone()) {
            Ok(WireNumbered { id }) => Posted::This((id, print)),
            Err(_) => Posted::Unknown,
        },
        Err(error) if error.is_uncertain() => Posted::Unknown,
        Err(_) => Posted::Nothing,
    }
}

/// The number under which a commit status is remembered: it has none.
const STATUS: u64 = 0;

/// `print` is the fingerprint that it is to bear; none while not all of the report was told.
fn check_run(
    client: &Client,
    tracked: &mut TrackedPull,
    report: &Report,
    print: Option<Sha>,
) -> Result<()> {
    if tracked.check == Posted::Unknown {
        let we = client.we()?;
        let heard = find_check(client, tracked.pull.head)?
            .map(|run| words::of_check_run(&run, tracked.pull.head, we));
        tracked.check = heard
            .and_then(|heard| heard.words)
            .map_or(Posted::Nothing, Posted::This);
    }
    let external_id = ExternalId {
        report: print,
        asked: tracked.asked.clone(),
        comment: match tracked.comment {
            Posted::This((id, _)) => Some(id),
            Posted::Nothing | Posted::Unknown => None,
        },
        level: report.details.level,
        pushed: tracked.pushers.carried(tracked.pull.head),
    };
    let mut body = words::check_run(report, &external_id);
    match tracked.check {
        Posted::This((id, Some(before))) if id != STATUS && Some(before) == print => Ok(()),
        // GitHub adds annotations to those that are there: new ones need a new run.
        Posted::This((id, _)) if id != STATUS && report.details.problems.is_empty() => {
            let path = client.path(&format!("/check-runs/{id}"));
            let sent = client.write(Method::Patch, &path, &body);
            tracked.check = match &sent {
                Ok(_) => Posted::This((id, print)),
                Err(_) => Posted::This((id, None)),
            };
            sent.map(|_| ())
        }
        _ => {
            if let Some(body) = body.as_object_mut() {
                body.insert("name".to_owned(), json!(CHECK_NAME));
                body.insert("head_sha".to_owned(), json!(tracked.pull.head.to_string()));
            }
            let path = client.path("/check-runs");
            let sent = client.write(Method::Post, &path, &body);
            tracked.check = note(&sent, print);
            sent.map(|_| ())
        }
    }
}

/// Our own check run of a commit: made by our App, and holding what only we write. Others may use its name,
/// the job that we are among them.
fn find_check(client: &Client, head: Sha) -> Result<Option<WireCheckRun>> {
    let path = client.path(&format!(
        "/commits/{head}/check-runs?check_name={CHECK_NAME}&filter=all&per_page=100"
    ));
    let runs = client.list::<WireCheckRun>(&path, Some("check_runs"), |_| false)?;
    Ok(runs
        .into_iter()
        .filter(|run| run.name == CHECK_NAME && client.is_own_app(run.app.as_ref()))
        .filter(|run| ExternalId::of(run).is_some())
        .max_by_key(|run| run.id))
}

/// A commit holds at most a thousand statuses of one name, so one is written only when it changes.
fn commit_status(client: &Client, tracked: &mut TrackedPull, report: &Report) -> Result<()> {
    let head = tracked.pull.head;
    let (state, description) = words::status(report);
    let print = words::print(&format!("{state} {description}"));
    if tracked.check == Posted::Unknown {
        let heard = find_status(client, head)?.map(|status| words::of_status(&status));
        tracked.check = heard
            .and_then(|heard| heard.words)
            .map_or(Posted::Nothing, Posted::This);
    }
    if tracked.check == Posted::This((STATUS, Some(print))) {
        return Ok(());
    }
    let body = json!({ "state": state, "context": CHECK_NAME, "description": description });
    let sent = client.write(
        Method::Post,
        &client.path(&format!("/statuses/{head}")),
        &body,
    );
    tracked.check = match &sent {
        Ok(_) => Posted::This((STATUS, Some(print))),
        Err(_) => Posted::Unknown,
    };
    sent.map(|_| ())
}

fn find_status(client: &Client, head: Sha) -> Result<Option<WireStatus>> {
    let path = client.path(&format!("/commits/{head}/status?per_page=100"));
    let all = client.list::<WireStatus>(&path, Some("statuses"), |_| false)?;
    Ok(all.into_iter().find(|status| status.context == CHECK_NAME))
}
