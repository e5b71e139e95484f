//! What was asked and answered, held against what was said: nothing is made up, put into other words or passed over.

use super::commit_check::CommitCheck;
use super::document::Written;
use super::finding::FindingKind;
use crate::domain::command::Command;
use crate::domain::documents::{Decision, OpinionRecord, QuestionRecord};
use crate::domain::engine::ENGINE;
use crate::domain::ids::{AgentName, quoted};
use crate::gate::eligibility::{Principal, may_speak, principal_of, shown};
use crate::gate::questions::QuestionContext;
use crate::gate::verdict::Uncounted;
use crate::rules::Rules;

/// Checks the questions of a decision; older engines recorded none. The words are only known where all of them were
/// kept.
pub fn check(
    check: &mut CommitCheck,
    written: &Written<Decision>,
    rules: &Rules,
    agent: Option<&AgentName>,
) {
    let decision = &written.document;
    if decision.questions.is_empty() && decision.engine != ENGINE {
        return;
    }
    let place = written.place(&["questions"]);
    let mut say = |what: String| check.say(FindingKind::WrongQuestions, format!("{place}: {what}"));
    let is_recorded = |opinion: &OpinionRecord| {
        let mut recorded = decision.questions.iter();
        recorded.any(|question| question.id == opinion.review)
    };
    let context = QuestionContext {
        agent,
        rules,
        asks: &[],
        bots: &[],
    };
    // Whether a rule asks somebody, who is no reviewer, was decided when it was asked.
    let said = context.read_by(&decision.opinions, |opinion| {
        match principal_of(&opinion.account, rules) {
            Principal::Person(person) if may_speak(person) || is_recorded(opinion) => Ok(person),
            Principal::Person(person) => Err(Uncounted::NoRole(person.name.clone())),
            Principal::Agent(agent) => Err(Uncounted::Agent(agent.clone())),
            Principal::Unknown => Err(Uncounted::Unlisted(shown(&opinion.account))),
        }
    });
    let kept = decision.opinions.iter().filter(|opinion| is_about(opinion));
    let is_whole = decision.omitted_opinions == 0
        && kept.clone().all(|opinion| opinion.omitted_characters == 0);
    if !is_whole {
        return;
    }
    for question in &decision.questions {
        let again = said.asked.iter().find(|again| again.id == question.id);
        if again != Some(question) {
            say(match again {
                None => format!(
                    "`{}` did not ask question {}",
                    question.by,
                    quoted(&question.id)
                ),
                Some(again) => difference(question, again),
            });
        }
    }
    for again in &said.asked {
        let mut recorded = decision.questions.iter();
        if !recorded.any(|question| question.id == again.id) {
            say(format!(
                "question {} of `{}` is left out",
                quoted(&again.id),
                again.by
            ));
        }
    }
}

fn difference(question: &QuestionRecord, again: &QuestionRecord) -> String {
    let id = quoted(&question.id);
    if question.answers != again.answers {
        format!("question {id} was not answered like that")
    } else {
        format!("question {id} was not asked like that")
    }
}

/// Whether it may hold a question or an answer.
fn is_about(opinion: &OpinionRecord) -> bool {
    let mut commands = Command::find_all(&opinion.words).into_iter();
    opinion.omitted_characters > 0
        || commands.any(|command| matches!(command, Ok(Command::Ask(_) | Command::Answer { .. })))
}
