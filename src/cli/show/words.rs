//! A whole case in words: what, why this score, who decided and why, what came of it.

use std::fmt::Write as _;

use crate::bot::case_view::{CaseView, CaseViewPull};
use crate::cli::output::{one_line, quoted_block};
use crate::domain::documents::{
    Assessment, Claim, Decision, EvidenceRecord, Feedback, OpinionRecord, Outcome, QuestionRecord,
    Recommendation, Rescored, time,
};
use crate::domain::review::Confidence;
use crate::domain::value::Value;
use crate::gate::eligibility::shown as account;
use crate::risk::ProposedAction;

/// The case in words.
pub fn said(shown: &CaseView) -> String {
    let mut text = heading(shown);
    match (&shown.decision, &shown.report) {
        (Some(decision), _) => {
            if let Some(recommendation) = &shown.recommendation {
                proposed(&mut text, recommendation, shown.action.as_ref());
            }
            if let Some(diff) = &shown.diff {
                text.push('\n');
                text.push_str(&unfolded(&diff.markdown()));
            }
            risk(&mut text, &decision.risk);
            vouched_for(&mut text, &decision.evidence);
            decided(&mut text, decision);
            asked(&mut text, &shown.questions);
            said_by_people(&mut text, &shown.opinions, decision.omitted_opinions);
            if let Some(rescored) = &shown.rescored {
                scored_again(&mut text, rescored);
            }
            carried_out(&mut text, shown.claim.as_ref(), &shown.outcomes);
            talked_about(&mut text, &shown.feedback);
        }
        (None, Some(report)) => {
            let _ = write!(
                text,
                "\n{}: {}\n\n{}",
                report.state,
                one_line(&report.title),
                unfolded(&report.body)
            );
            said_by_people(&mut text, &shown.opinions, 0);
        }
        (None, None) => {
            text.push_str("\nThe bot has said nothing yet: `countersign run` works it off.\n")
        }
    }
    if !shown.events.is_empty() {
        text.push_str("\nCommits on main\n");
    }
    for event in &shown.events {
        let _ = writeln!(
            text,
            "  {} {}  {}",
            event.commit.short(),
            event.at,
            one_line(&event.subject)
        );
    }
    text
}

/// `01J…  approved` and under it where it came from.
fn heading(shown: &CaseView) -> String {
    let mut text = shown.id.map(|id| format!("{id}  ")).unwrap_or_default();
    let _ = writeln!(text, "{}", shown.status);
    if let Some(CaseViewPull {
        number,
        head,
        branch,
        state,
    }) = &shown.pull
    {
        let _ = writeln!(
            text,
            "pull request {number} ({state}), branch {} at {}",
            one_line(branch),
            head.short()
        );
    }
    text
}

fn proposed(text: &mut String, recommendation: &Recommendation, executed: Option<&ProposedAction>) {
    let Recommendation {
        agent,
        action,
        session,
        created_at,
        ..
    } = recommendation;
    let _ = writeln!(
        text,
        "\n{action}, proposed by {agent} in session {session} on {}",
        time::text(created_at)
    );
    let executed = executed.map(ProposedAction::text).unwrap_or_default();
    for line in executed.lines() {
        let _ = writeln!(text, "  {line}");
    }
    if !recommendation.rationale.is_empty() {
        let _ = write!(
            text,
            "\nThe agent's words\n{}",
            quoted_block(&recommendation.rationale)
        );
    }
}

fn risk(text: &mut String, risk: &Assessment) {
    let _ = writeln!(text, "\n{} RISK, score {}", risk.level, risk.score);
    reasons(text, risk);
}

fn reasons(text: &mut String, risk: &Assessment) {
    for factor in &risk.factors {
        let (name, input, source, reason) =
            (&factor.name, &factor.input, &factor.source, &factor.reason);
        let _ = writeln!(
            text,
            "  +{} {}",
            factor.contribution,
            one_line(&format!("{name}: {input} ({source}): {reason}"))
        );
    }
    for trigger in &risk.triggers {
        let _ = writeln!(
            text,
            "  {}, {}: {}",
            trigger.effect_in_words(),
            trigger.id,
            one_line(&trigger.reason)
        );
    }
}

fn vouched_for(text: &mut String, evidence: &[EvidenceRecord]) {
    if !evidence.is_empty() {
        text.push_str("\nWhat others vouched for\n");
    }
    for one in evidence {
        let _ = writeln!(text, "  {}", one_line(&one.in_words()));
    }
}

fn decided(text: &mut String, decision: &Decision) {
    let (status, at, mode) = (
        decision.status,
        time::text(&decision.decided_at),
        decision.mode,
    );
    let _ = writeln!(
        text,
        "\nDecision: {status} on {at}, in mode {mode}, by the rules of {}",
        decision.rules.commit.short()
    );
    for approval in &decision.approvals {
        let confidence = approval.confidence.map(sure).unwrap_or_default();
        let _ = writeln!(
            text,
            "  approved by {} ({}) on {}{confidence}",
            approval.by,
            approval.role,
            time::text(&approval.at)
        );
        if let (Some(words), true) = (&approval.justification, decision.opinions.is_empty()) {
            text.push_str(&quoted_block(words));
        }
    }
    if let Some(rejection) = &decision.rejection {
        let _ = writeln!(
            text,
            "  rejected by {} ({}) on {}",
            rejection.by,
            rejection.category,
            time::text(&rejection.at)
        );
        if !rejection.reason.is_empty() && decision.opinions.is_empty() {
            text.push_str(&quoted_block(&rejection.reason));
        }
    }
    for ignored in &decision.ignored {
        let _ = writeln!(
            text,
            "  not counted: the review of {}: {}",
            one_line(&account(&ignored.account)),
            one_line(&ignored.reason)
        );
    }
    if decision.approvals.is_empty()
        && decision.rejection.is_none()
        && decision.status.is_approval()
    {
        text.push_str("  nobody had to approve\n");
    }
    if let Some(amendment) = &decision.amendment {
        let _ = writeln!(
            text,
            "  only {} was approved and is carried out",
            amendment.in_words()
        );
    }
    if let Some(grant) = &decision.grant {
        let _ = writeln!(text, "  {}", grant.reason);
    }
}

/// What the agent was asked, and what it answered.
fn asked(text: &mut String, questions: &[QuestionRecord]) {
    for question in questions {
        let open = if question.is_open() {
            ", never answered"
        } else {
            ""
        };
        let _ = write!(
            text,
            "\nQuestion {} of {} on {}{open}\n{}",
            question.id,
            question.by,
            time::text(&question.at),
            quoted_block(&question.text)
        );
        for answer in &question.answers {
            let _ = write!(
                text,
                "  answered by {} on {}\n{}",
                answer.by,
                time::text(&answer.at),
                quoted_block(&answer.text)
            );
        }
    }
}

/// Everything that was said on the pull request, in order, whether it counted or not.
fn said_by_people(text: &mut String, opinions: &[OpinionRecord], omitted: u64) {
    if opinions.is_empty() {
        return;
    }
    text.push_str("\nWhat was said\n");
    for opinion in opinions {
        let who = match &opinion.person {
            Some(person) => person.to_string(),
            None => one_line(&account(&opinion.account)),
        };
        let (what, at) = (opinion.kind.verb(), time::text(&opinion.at));
        let head = opinion
            .head
            .map(|head| format!(", commit {}", head.short()));
        let edited = if opinion.edited {
            "; the text was edited and is not kept"
        } else {
            ""
        };
        let head = head.unwrap_or_default();
        let _ = writeln!(text, "  {who} {what} on {at}{head}{edited}");
        if !opinion.words.is_empty() {
            text.push_str(&quoted_block(&opinion.words));
        }
        if opinion.omitted_characters > 0 {
            let more = opinion.omitted_characters;
            let _ = writeln!(text, "  and {more} more characters that are not kept");
        }
    }
    if omitted > 0 {
        let _ = writeln!(text, "  and {omitted} more that are not kept");
    }
}

/// Our Markdown without the tags that fold a part of it, which a terminal does not know. What is inside of blocks
/// is somebody else's and stays as it is.
fn unfolded(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if line == open => fence = None,
            None if ticks >= 3 => fence = line.get(..ticks),
            None if line == "</details>" => continue,
            _ => {}
        }
        let summary = line.strip_prefix("<details><summary>");
        let summary = summary.and_then(|line| line.strip_suffix("</summary>"));
        match summary.filter(|_| fence.is_none()) {
            Some(summary) => _ = writeln!(text, "{summary}:"),
            None => _ = writeln!(text, "{line}"),
        }
    }
    text
}

fn sure(confidence: Confidence) -> String {
    format!(", {}", confidence.as_str().replace('_', " "))
}

fn scored_again(text: &mut String, rescored: &Rescored) {
    let _ = writeln!(
        text,
        "\nScored again on {}: {}\n{}",
        time::text(&rescored.at),
        rescored.change(),
        rescored.advice()
    );
    reasons(text, &rescored.now.risk);
}

fn carried_out(text: &mut String, claim: Option<&Claim>, outcomes: &[Outcome]) {
    if let (Some(claim), true) = (claim, outcomes.is_empty()) {
        let _ = writeln!(
            text,
            "\nIts execution ({}) began on {}",
            claim.executor,
            time::text(&claim.started_at)
        );
    }
    for outcome in outcomes {
        let word = Outcome::word(outcome.success);
        let by = one_line(&outcome.reported_by);
        let _ = writeln!(
            text,
            "\nOutcome: {word} on {}, executor {}, reported by {by}",
            time::text(&outcome.finished_at),
            outcome.executor
        );
        for (key, value) in &outcome.details {
            let _ = writeln!(text, "  {}: {}", one_line(key), shown_value(value));
        }
        if let Some(error) = &outcome.error {
            text.push_str(&quoted_block(error));
        }
    }
}

fn shown_value(value: &Value) -> String {
    one_line(&value.to_string())
}

fn talked_about(text: &mut String, feedback: &[Feedback]) {
    for said in feedback {
        let _ = write!(
            text,
            "\nFeedback of {} on {}\n{}",
            said.by,
            time::text(&said.at),
            quoted_block(&said.message)
        );
    }
}
