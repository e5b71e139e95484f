//! What people read on GitHub, within the lengths that GitHub takes.

use serde_json::{Value, json};

use super::MARKER;
use super::external_id::ExternalId;
use super::pull_cache::{CheckRunContent, We};
use super::pushers::Pushers;
use super::wire::{WireCheckRun, WireStatus};
use crate::domain::ids::Sha;
use crate::domain::level::Level;
use crate::domain::problem::Problem;
use crate::forge::{Details, Report, ReportState};
use crate::git::blob_id;

/// The longest text of a check run or a comment, in bytes; GitHub's limit is a little above.
const LONGEST_TEXT: usize = 60_000;
/// The longest title of a check run, and the longest description of a commit status, in characters.
const LONGEST_TITLE: usize = 250;
const LONGEST_DESCRIPTION: usize = 140;
/// How many annotations one request takes.
const MOST_ANNOTATIONS: usize = 50;

/// A fingerprint of what was said.
pub(super) fn print(text: &str) -> Sha {
    blob_id(text.as_bytes())
}

/// The label of a level.
pub(super) fn label(level: Level) -> String {
    format!(
        "{}{}",
        super::LABEL_PREFIX,
        level.as_str().to_ascii_lowercase()
    )
}

/// A text that GitHub takes whole.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let mut end = LONGEST_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or_default();
    format!("{kept}\n\n[…]")
}

/// Our comment, with the mark that tells it from others of ours and holds the fingerprint of its text.
pub(super) fn comment(text: &str) -> String {
    let text = cut(text);
    format!("{MARKER}{} -->\n{text}", print(settled(&text).as_str()))
}

/// The fingerprint that our comment carries; none if its text is not the one that it is of.
pub(super) fn print_of_comment(body: &str) -> Option<Sha> {
    let (mark, text) = body.strip_prefix(MARKER)?.split_once(" -->")?;
    let mark: Sha = mark.trim().parse().ok()?;
    (print(settled(text).as_str()) == mark).then_some(mark)
}

/// What GitHub leaves of a text: it may end its lines otherwise, and drop what is blank around it.
fn settled(text: &str) -> String {
    text.replace('\r', "").trim().to_owned()
}

fn first(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// What a check run shows.
pub(super) fn output(report: &Report) -> Value {
    json!({
        "title": first(&report.title, LONGEST_TITLE),
        "summary": cut(&report.body),
    })
}

/// A check run without its name and commit.
pub(super) fn check_run(report: &Report, external_id: &ExternalId) -> Value {
    let annotations: Vec<Value> = report
        .details
        .problems
        .iter()
        .filter_map(annotation)
        .take(MOST_ANNOTATIONS)
        .collect();
    let mut output = output(report);
    if let (Some(output), false) = (output.as_object_mut(), annotations.is_empty()) {
        output.insert("annotations".to_owned(), Value::Array(annotations));
    }
    let mut run = json!({ "external_id": external_id.to_string(), "output": output });
    let conclusion = match report.state {
        ReportState::Success => Some("success"),
        ReportState::Failure => Some("failure"),
        ReportState::Waiting => None,
    };
    if let Some(run) = run.as_object_mut() {
        match conclusion {
            Some(conclusion) => {
                run.insert("status".to_owned(), json!("completed"));
                run.insert("conclusion".to_owned(), json!(conclusion));
            }
            None => {
                run.insert("status".to_owned(), json!("in_progress"));
            }
        }
    }
    run
}

/// A problem on the line that it is about; none if it is about no file.
fn annotation(problem: &Problem) -> Option<Value> {
    if !problem.file.contains(['/', '.']) {
        return None;
    }
    let line = problem.line.unwrap_or(1).max(1);
    let title = problem.key.clone().unwrap_or_else(|| "invalid".to_owned());
    let mut annotation = json!({
        "path": problem.file,
        "start_line": line,
        "end_line": line,
        "annotation_level": "failure",
        "title": first(&title, LONGEST_TITLE),
        "message": first(&problem.message, 2_000),
    });
    if let (Some(annotation), Some(column), Some(_)) =
        (annotation.as_object_mut(), problem.column, problem.line)
    {
        annotation.insert("start_column".to_owned(), json!(column.max(1)));
        annotation.insert("end_column".to_owned(), json!(column.max(1)));
    }
    Some(annotation)
}

/// A commit status: its state and its one line.
pub(super) fn status(report: &Report) -> (&'static str, String) {
    let state = match report.state {
        ReportState::Success => "success",
        ReportState::Failure => "failure",
        ReportState::Waiting => "pending",
    };
    (state, first(&report.title, LONGEST_DESCRIPTION))
}

/// What a check run of ours says. Its text is taken for the report only if it is the one we sent.
pub(super) fn of_check_run(run: &WireCheckRun, head: Sha, we: We) -> CheckRunContent {
    let id = ExternalId::of(run).unwrap_or_default();
    let print = id.report;
    // In a job of GitHub Actions other workflows are the same App, and could write what they like.
    let is_ours = matches!(we, We::App(_)) && run.app.as_ref().is_some_and(|app| we.is_app(app));
    let pushers = id.pushed.clone().filter(|_| is_ours);
    let state = match run.conclusion.as_deref() {
        Some("success") => ReportState::Success,
        Some(_) => ReportState::Failure,
        None => ReportState::Waiting,
    };
    let report = Report {
        state,
        title: run.output.title.clone().unwrap_or_default(),
        body: run.output.summary.clone().unwrap_or_default(),
        details: Details::default(),
    };
    let text = report.text();
    CheckRunContent {
        words: Some((run.id, print)),
        report: (print == Some(self::print(&text))).then_some(text),
        is_concluded: run.status == "completed",
        id,
        pushers: pushers.map(|pushed| Pushers::of_check(pushed, head)),
    }
}

/// What a commit status of ours says; it holds too little to tell the report.
pub(super) fn of_status(status: &WireStatus) -> CheckRunContent {
    let description = status.description.as_deref().unwrap_or_default();
    let print = print(&format!("{} {description}", status.state));
    CheckRunContent {
        words: Some((0, Some(print))),
        report: None,
        is_concluded: status.state != "pending",
        id: ExternalId::default(),
        pushers: None,
    }
}
