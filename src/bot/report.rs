//! What people are told about a pull request, in the check, the comment, the dashboard and the terminal.
//!
//! The canonical change comes first, the agent's own words last and fenced: nothing that an agent wrote
//! can pass for the bot's.

mod quote;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use self::quote::{block, fenced, sentence};
use super::amendments::WaitingPart;
use super::details;
use super::diff::Diff;
use super::rule_change::RuleChangePreview;
use crate::domain::documents::{
    Assessment, Freeze, QuestionRecord, Recommendation, Rejection, Requirement, Rescored, Status,
    time,
};
use crate::domain::ids::{AgentName, PullNumber, Sha};
use crate::domain::level::Level;
use crate::domain::problem::Problems;
use crate::forge::{Details, Report, ReportState};
use crate::gate::eligibility::shown;
use crate::gate::needs;
use crate::gate::verdict::{GateResult, Verdict};
use crate::risk::narrowing::Left;
use crate::risk::{Explanation, ProposedAction, code_span};
use crate::rules::Rules;
use crate::rules::people::PersonName;

/// How many lines a list gets before it is cut.
const MOST_LINES: usize = 20;
/// How much of a problem is shown, and how much of it in a title.
const MOST_PROBLEM: usize = 1_000;
/// How many bytes the explanation gets, and the list of what counted and what did not: both come before the
/// agent's words, which must not be cut off by a forge's limit.
const MOST_EXPLANATION: usize = 6_000;
const MOST_HEARD: usize = 4_000;

/// The rules on `main` cannot be read: nothing is decided until they can.
pub fn unreadable_rules(problems: &Problems) -> Report {
    let mut body =
        "Nothing is merged, rejected or executed until this is mended on `main`:\n\n".to_owned();
    list_problems(&mut body, problems);
    Report {
        state: ReportState::Failure,
        title: "the rules on main cannot be read".to_owned(),
        body,
        details: Details::default(),
    }
}

/// Something about the pull request keeps it from being decided.
pub fn invalid(problems: &Problems) -> Report {
    let count = problems.0.len();
    let title = match problems.0.first() {
        Some(first) if count == 1 => format!("invalid: {}", sentence(&first.to_string())),
        Some(first) => format!(
            "invalid: {} (and {} more)",
            sentence(&first.to_string()),
            count - 1
        ),
        None => "invalid".to_owned(),
    };
    let mut body = "Mend this and push again; nothing is merged until then:\n\n".to_owned();
    list_problems(&mut body, problems);
    Report {
        state: ReportState::Failure,
        title,
        body,
        details: Details {
            problems: problems.0.clone(),
            ..Details::default()
        },
    }
}

fn list_problems(body: &mut String, problems: &Problems) {
    let mut list = String::new();
    for problem in problems.0.iter().take(MOST_LINES) {
        let line: String = problem.to_string().chars().take(MOST_PROBLEM).collect();
        let _ = writeln!(list, "{}", line.replace('\n', " "));
    }
    if problems.0.len() > MOST_LINES {
        let _ = writeln!(list, "and {} more", problems.0.len() - MOST_LINES);
    }
    let _ = writeln!(body, "{}", block(&list));
}

/// Somebody else wrote to `main`.
pub fn unadopted(foreign: Sha) -> Report {
    Report {
        state: ReportState::Failure,
        title: "the bot did not make the newest commit of main".to_owned(),
        body: format!(
            "Nothing is decided or executed on top of {} before an admin has looked at it, and either takes it over with \
             `countersign adopt {foreign} --as LOGIN` or puts `main` back to what it was.\n",
            foreign.short()
        ),
        details: Details::default(),
    }
}

/// The policy tests of new rules took longer than they may.
pub fn took_too_long(limit: Duration) -> Report {
    Report {
        state: ReportState::Waiting,
        title: format!(
            "governance change: its policy tests take longer than {} s",
            limit.as_secs()
        ),
        body: "Nothing is decided on it, and nothing is recorded; the next run tries again. If it stays so, give \
               it fewer or cheaper policy tests and conditions, or the bot a faster machine.\n"
            .to_owned(),
        details: Details::default(),
    }
}

/// The same case was decided as another pull request.
pub fn decided_as(number: PullNumber, status: Status, main: Sha) -> Report {
    Report {
        title: format!("the same case was decided as {number}: {status}"),
        body: format!(
            "The decision is in the trail, recorded on main by {}.\n",
            main.short()
        ),
        ..landed(status, main)
    }
}

/// What was approved is not carried out, because it would be asked more by now.
pub fn rescored(rescored: &Rescored) -> String {
    let asked = |required: Requirement| needs::approvals(required, required.approvals);
    let mut text = format!(
        "**Scored again: {}**\n\nIt was decided with {}, and would need {} now.",
        rescored.change(),
        asked(rescored.was.required),
        asked(rescored.now.required)
    );
    for trigger in &rescored.now.risk.triggers {
        let _ = write!(
            text,
            "\n- {}: {}",
            code_span(trigger.id.as_str()),
            trigger.reason
        );
    }
    let _ = write!(
        text,
        "\n\n{}. Both scores are on `main`, in `{}`.\n",
        rescored.advice(),
        Rescored::path_of(rescored.id)
    );
    text
}

/// Everything is frozen, which was asked for where no other report says it.
pub fn frozen(freeze: &Freeze) -> String {
    format!(
        "**Everything is frozen** since {}, by {}: nothing is merged or executed until an admin runs \
         `countersign unfreeze --as LOGIN`.\n",
        time::text(&freeze.at),
        code_span(freeze.by.as_str()),
    )
}

/// It ended in an earlier run that did not come to say so.
pub fn landed(status: Status, main: Sha) -> Report {
    let state = if status.is_approval() {
        ReportState::Success
    } else {
        ReportState::Failure
    };
    Report {
        state,
        title: format!("{status}: recorded on main by {}", main.short()),
        body: "The decision is in the trail.\n".to_owned(),
        details: Details::default(),
    }
}

/// Too many proposals of this agent wait already.
pub fn over_limit(agent: Option<&AgentName>, limit: u32, gate_result: &GateResult) -> Report {
    let (who, has) = match agent {
        Some(agent) => (format!("`{agent}`"), "has"),
        None => ("those who are not registered".to_owned(), "have"),
    };
    let body = format!(
        "{who} {has} {limit} other proposals that wait for people, which is the limit (`pending_limit` in `rules/governance.yaml`). \
         Nobody is asked about this one until they are decided or withdrawn; it would need {}.\n",
        gate_result.needed()
    );
    Report {
        state: ReportState::Failure,
        title: format!("refused for now: {limit} proposals of {who} wait already"),
        body,
        details: Details::default(),
    }
}

/// What is proposed, and how risky that is.
pub struct ExplainedCase<'a> {
    pub document: &'a Recommendation,
    pub action: &'a ProposedAction,
    /// What was vouched for, a line each.
    pub vouched: &'a [String],
    pub explanation: &'a Explanation<'a>,
    /// What is carried out, if people approved less than all.
    pub amended: Option<&'a Left>,
    /// What some approved that is less, and what that waits for.
    pub waiting_parts: &'a [WaitingPart],
}

/// A recommendation, decided or waiting.
pub fn recommendation(case: &ExplainedCase<'_>, gate_result: &GateResult, rules: &Rules) -> Report {
    let &ExplainedCase {
        document,
        action,
        vouched,
        explanation,
        amended,
        waiting_parts,
    } = case;
    let mut body = String::new();
    proposed(&mut body, document, action);
    if let Some(left) = amended {
        let edits = code_span(&left.amendment.to_string());
        let Assessment { level, score, .. } = &left.assessment;
        let text = ProposedAction::of(&left.document, &left.situation).with_units(rules);
        let text = block(&text.text());
        let _ = writeln!(
            body,
            "\n**Less than that was approved**, {edits}, which is {level} {score}:\n\n{text}"
        );
    }
    if !vouched.is_empty() {
        body.push_str("\nWhat others vouch for:\n\n");
        for line in vouched {
            let _ = writeln!(body, "- {}", code_span(line));
        }
    }
    let why = explanation.markdown();
    let _ = writeln!(body, "\n{}", clamp(why.trim_end(), MOST_EXPLANATION));
    if let Some(grant) = &gate_result.grant {
        let _ = writeln!(body, "\n{}", grant.sentence());
    }
    if gate_result.still_needed().is_some() {
        less(&mut body, document, explanation);
    }
    let case = body.clone();
    if !waiting_parts.is_empty() {
        body.push_str("\nLess of it was approved:\n\n");
        for part in waiting_parts {
            let _ = writeln!(body, "- {}", part.sentence);
        }
    }
    gate(&mut body, gate_result, rules);
    if !document.rationale.is_empty() {
        let _ = writeln!(
            body,
            "\nThe agent's words:\n\n{}",
            block(&document.rationale)
        );
    }
    questions(&mut body, &gate_result.questions);
    let risk = explanation.assessment;
    let what = format!("{} {}", risk.level, risk.score);
    let what = match amended.map(|left| &left.assessment) {
        Some(left) if (left.level, left.score) == (risk.level, risk.score) => {
            format!("{what}, less than proposed")
        }
        Some(left) => format!("{} {} instead of {what}", left.level, left.score),
        None => what,
    };
    let about = Headed {
        what: &what,
        case: &case,
        level: risk.level,
    };
    finish(body, about, gate_result, rules)
}

/// How to approve less, ready to be copied.
fn less(body: &mut String, document: &Recommendation, explanation: &Explanation<'_>) {
    let reductions = explanation.reductions.iter();
    let mut ready = reductions
        .filter_map(|reduction| Some((reduction, reduction.as_amendment(document)?)))
        .peekable();
    if ready.peek().is_some() {
        body.push_str("\nTo approve less, in an approving review:\n\n");
    }
    for (reduction, amendment) in ready {
        let command = code_span(&format!("/approve {amendment}"));
        let _ = writeln!(
            body,
            "- {command} ({} {})",
            reduction.level, reduction.score
        );
    }
}

/// A governance change, decided or waiting.
pub fn governance(
    diff: &Diff,
    rule_change: &RuleChangePreview,
    assessment: &Assessment,
    gate_result: &GateResult,
    rules: &Rules,
) -> Report {
    let mut body =
        "**A governance change**, judged by the rules on `main` and not by its own:\n\n".to_owned();
    body.push_str(&diff.markdown());
    let _ = writeln!(
        body,
        "\nThe rules that it would make are readable; {} policy tests pass.",
        rule_change.validation.tests
    );
    for asked in assessment
        .triggers
        .iter()
        .filter(|fired| fired.ask.is_some())
    {
        let _ = writeln!(body, "\n- {} ({})", asked.reason, asked.id);
    }
    if let Some(comparison) = &rule_change.comparison {
        let _ = writeln!(
            body,
            "\nWhat they ask for, against the rules on `main`:\n\n{}",
            comparison.markdown()
        );
    }
    if let Some(backtest) = rule_change
        .backtest
        .as_ref()
        .filter(|backtest| backtest.replayed > 0)
    {
        let _ = writeln!(
            body,
            "\nUnder them, the newest decisions again:\n\n{}",
            backtest.markdown()
        );
    }
    let case = body.clone();
    gate(&mut body, gate_result, rules);
    questions(&mut body, &gate_result.questions);
    let what = format!("governance change, {}", assessment.level);
    let about = Headed {
        what: &what,
        case: &case,
        level: assessment.level,
    };
    finish(body, about, gate_result, rules)
}

/// What a report is about.
struct Headed<'a> {
    /// In a few words.
    what: &'a str,
    /// All of it, without how it stands.
    case: &'a str,
    level: Level,
}

fn finish(body: String, about: Headed<'_>, gate_result: &GateResult, rules: &Rules) -> Report {
    let Headed { what, case, level } = about;
    let (title, state) = headline(what, gate_result);
    let mut report = Report {
        state,
        title,
        body,
        details: Details::default(),
    };
    report.details = Details {
        level: Some(level),
        asks: details::asks(gate_result, rules),
        comment: (level > Level::Low)
            .then(|| details::comment(&report, what, case, gate_result, rules))
            .flatten(),
        problems: Vec::new(),
    };
    report
}

fn headline(what: &str, gate_result: &GateResult) -> (String, ReportState) {
    let (state, title) = match &gate_result.verdict {
        Verdict::Approve(Status::AutoApproved) => {
            (ReportState::Success, format!("{what}: merged by the bot"))
        }
        Verdict::Approve(Status::Granted) => (
            ReportState::Success,
            format!("{what}: granted, merged by the bot"),
        ),
        Verdict::Approve(_) => (ReportState::Success, format!("{what}: approved and merged")),
        Verdict::Reject(rejection) => (
            ReportState::Failure,
            format!(
                "{what}: rejected by {} ({})",
                rejection.by, rejection.category
            ),
        ),
        Verdict::Withdraw => (
            ReportState::Failure,
            format!("{what}: withdrawn by its author"),
        ),
        Verdict::Refuse => (ReportState::Failure, format!("{what}: refused by a rule")),
        Verdict::Expire => (
            ReportState::Failure,
            format!("{what}: expired, nobody decided in time"),
        ),
        Verdict::Wait(wait) if wait.frozen => (
            ReportState::Waiting,
            format!("{what}: everything is frozen"),
        ),
        Verdict::Wait(wait) if !wait.blocked_by.is_empty() => {
            (ReportState::Waiting, format!("{what}: changes requested"))
        }
        Verdict::Wait(wait) if wait.unattributed.is_some() => (
            ReportState::Waiting,
            format!("{what}: waits for a head whose authors are known"),
        ),
        Verdict::Wait(_) => (
            ReportState::Waiting,
            match (gate_result.still_needed(), gate_result.held()) {
                (Some(needed), _) => format!("{what}: needs {needed}"),
                (None, Some(held)) => format!("{what}: held back: {}", sentence(&held)),
                (None, None) => format!("{what}: waits"),
            },
        ),
    };
    (title, state)
}

/// What is executed, whole: nothing of it is ever cut.
fn proposed(body: &mut String, document: &Recommendation, action: &ProposedAction) {
    let _ = write!(body, "**{}**", document.action);
    match document.targets.as_slice() {
        [] => {}
        [target] => _ = write!(body, " on `{target}`"),
        targets => _ = write!(body, " on {} targets", targets.len()),
    }
    let (agent, id) = (&document.agent, document.id);
    let _ = writeln!(body, ", proposed by `{agent}` as `{id}`");
    let text = action.text();
    if !text.is_empty() {
        let _ = writeln!(body, "\n{}", block(&text));
    }
}

/// What counted, what did not and why, what is still needed and from whom.
fn gate(body: &mut String, gate_result: &GateResult, rules: &Rules) {
    let mut heard = String::new();
    for approval in &gate_result.approvals {
        let _ = writeln!(heard, "- approved by {} ({})", approval.by, approval.role);
    }
    for ignored in &gate_result.ignored {
        let _ = writeln!(
            heard,
            "- not counted: the review of {}: {}",
            code_span(&shown(&ignored.account)),
            ignored.reason
        );
    }
    rejected_commands(&mut heard, gate_result);
    let mut list = clamp(&heard, MOST_HEARD).into_owned();
    if let Verdict::Wait(wait) = &gate_result.verdict {
        for who in wait.blockers() {
            let _ = writeln!(
                list,
                "- {who} requested changes: it waits until they approve"
            );
        }
        open_questions(&mut list, gate_result);
    }
    if !list.is_empty() {
        let _ = write!(body, "\n{list}");
    }
    match &gate_result.verdict {
        Verdict::Wait(wait) => {
            if wait.frozen {
                body.push_str(
                    "\nEverything is frozen: nothing is merged until an admin lifts it.\n",
                );
            } else if let Some(needed) = gate_result.still_needed() {
                body.push('\n');
                if let Some(late) = gate_result.escalation() {
                    let _ = write!(body, "{late} ");
                }
                let _ = writeln!(body, "Still needed: {needed}.{}", whom(gate_result, rules));
            }
            if let Some(held) = gate_result.held() {
                let _ = writeln!(
                    body,
                    "\nNothing is merged while this holds: {}.",
                    code_span(&held)
                );
            }
        }
        Verdict::Reject(rejection) => rejected(body, rejection),
        Verdict::Approve(_) | Verdict::Withdraw | Verdict::Refuse | Verdict::Expire => {}
    }
}

/// As many whole lines as fit, and how many more there are.
fn clamp(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if kept.len() + line.len() >= most {
            let _ = writeln!(kept, "- and {} more lines", lines.count() + 1);
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    Cow::Owned(kept)
}

fn rejected(body: &mut String, rejection: &Rejection) {
    let (by, category) = (&rejection.by, rejection.category);
    let _ = if rejection.reason.is_empty() {
        writeln!(body, "\nRejected by {by} ({category}), without a reason.")
    } else {
        let reason = fenced(&rejection.reason);
        writeln!(body, "\nRejected by {by} ({category}):\n\n{reason}")
    };
}

/// What waits for an answer of the agent, a line each.
pub(super) fn open_questions(body: &mut String, gate_result: &GateResult) {
    for open in gate_result.open_questions() {
        let _ = writeln!(
            body,
            "- {} asked the agent something, which it has not answered: question `{}`",
            open.by, open.id
        );
    }
}

/// What the agent was asked, and what it answered.
fn questions(body: &mut String, questions: &[QuestionRecord]) {
    for question in questions {
        let open = if question.is_open() { ", open" } else { "" };
        let _ = writeln!(
            body,
            "\nQuestion `{}` of {}{open}:\n\n{}",
            question.id,
            question.by,
            block(&question.text)
        );
        for answer in &question.answers {
            let _ = writeln!(
                body,
                "\nThe answer of `{}`:\n\n{}",
                answer.by,
                block(&answer.text)
            );
        }
    }
}

/// The answer to those who gave a command that they may not give.
pub(super) fn rejected_commands(body: &mut String, gate_result: &GateResult) {
    for rejected_commands in &gate_result.rejected_commands {
        let (who, command) = (
            code_span(&shown(&rejected_commands.account)),
            rejected_commands.command,
        );
        let _ = writeln!(
            body,
            "- not taken: `{command}` of {who}: {}",
            rejected_commands.reason
        );
    }
}

/// Who may give it, and which teams nobody knows the members of.
pub(super) fn whom(gate_result: &GateResult, rules: &Rules) -> String {
    let people = gate_result.may_approve().take(MOST_LINES);
    let people: Vec<&str> = people.map(PersonName::as_str).collect();
    let mut text = match people.as_slice() {
        [] => String::new(),
        names => format!(" Who may give it: {}.", names.join(", ")),
    };
    for reason in &gate_result.without_id {
        let _ = write!(text, " Not asked: {reason}.");
    }
    text.push_str(&unasked_teams(rules));
    text
}

/// The teams that nobody knows the members of, and why.
pub(super) fn unasked_teams(rules: &Rules) -> String {
    let mut text = String::new();
    for (team, reason) in rules.people.missed() {
        let _ = write!(
            text,
            " The team {} could not be asked: {reason}.",
            code_span(team)
        );
    }
    text
}
