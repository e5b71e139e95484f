//! A question to the agent of a proposal, and its answer: recorded where pull requests are ours, and checked before.
//! On GitHub people ask in a comment, and an agent answers with a token of its own account.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::case_view::CaseView;
use super::{Bot, BotError, Pending};
use crate::domain::command::Command;
use crate::domain::documents::{AccountRecord, QuestionRecord};
use crate::domain::ids::{AgentName, CaseId, Login, PullNumber};
use crate::domain::pull::{Pull, PullState};
use crate::domain::review::Comment;
use crate::forge::{ForgeError, NewComment};
use crate::gate::eligibility::agent_of;
use crate::gate::questions::{NotTaken, QuestionContext, Questions, bots, check_text};
use crate::ledger::LedgerError;
use crate::rules::Rules;

/// The id of a comment that is only imagined, to hear what would come of it.
const IMAGINED: &str = "imagined";

/// A question that is to be asked.
#[derive(Debug, Clone)]
pub struct NewQuestion {
    pub number: PullNumber,
    pub by: Login,
    pub text: String,
    pub at: DateTime<Utc>,
}

/// An answer that is to be given.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    pub number: PullNumber,
    pub by: AgentName,
    /// The id of the question; none: the oldest one that is open.
    pub question: Option<String>,
    pub text: String,
    pub at: DateTime<Utc>,
}

/// A question that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AskedQuestion {
    pub number: PullNumber,
    pub id: Option<CaseId>,
    /// What an answer names it by.
    pub question: String,
    /// Whether it is new; false if the same person asks the same already, and waits for the answer.
    pub created: bool,
    /// The `state` of the case with it: whoever waits from there is told of everything since.
    pub state: String,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GivenAnswer {
    pub number: PullNumber,
    pub id: Option<CaseId>,
    /// The question that it answers.
    pub question: String,
    /// The questions that still wait for an answer.
    pub open: Vec<String>,
    /// The `state` of the case with it: whoever waits from there is told of everything since.
    pub state: String,
}

impl Bot {
    /// Asks the agent of a pull request something.
    ///
    /// # Errors
    /// When there is no such open pull request, the question cannot be taken, or people ask on GitHub itself.
    pub fn ask(&mut self, new: &NewQuestion) -> Result<AskedQuestion, BotError> {
        let text = normalized(&new.text);
        check_text("/ask", &text)?;
        let comment = NewComment {
            number: new.number,
            by: AccountRecord {
                login: Some(new.by.clone()),
                ..AccountRecord::default()
            },
            body: with_text("/ask", &text)?,
            at: new.at,
        };
        let (imagined, pending) = self.imagine(&comment)?;
        if let Some(reason) = find_refused(&imagined) {
            return Err(reason.into());
        }
        if !imagined.asked.iter().any(|asked| asked.id == IMAGINED) {
            // The same person asks it already.
            let mut open = imagined.asked.iter().filter(|asked| asked.is_open());
            let known = open.find(|asked| asked.text == text);
            return Ok(AskedQuestion {
                number: new.number,
                id: pending.evaluation.id,
                question: known.map(|asked| asked.id.clone()).unwrap_or_default(),
                created: false,
                state: CaseView::pending(&pending).state,
            });
        }
        let (id, pending) = self.write_comment(comment)?;
        Ok(AskedQuestion {
            number: new.number,
            id: pending.evaluation.id,
            question: id,
            created: true,
            state: CaseView::pending(&pending).state,
        })
    }

    /// Answers a question in the name of the agent that proposed the case.
    ///
    /// # Errors
    /// When there is no such open pull request or question, or the answer cannot be taken.
    pub fn answer(&mut self, new: &NewAnswer) -> Result<GivenAnswer, BotError> {
        let text = normalized(&new.text);
        check_text("/answer", &text)?;
        if let Some(question) = &new.question
            && !Command::is_question_id(question)
        {
            return Err(NotTaken::NoQuestionId(question.clone()).into());
        }
        let by = self.account_of(&new.by)?;
        let comment = |question: Option<&str>| -> Result<NewComment, BotError> {
            let command = match question {
                Some(question) => format!("/answer {question}:"),
                None => "/answer".to_owned(),
            };
            Ok(NewComment {
                number: new.number,
                by: by.clone(),
                body: with_text(&command, &text)?,
                at: new.at,
            })
        };
        // What is written names the question: another one may have become the oldest by then.
        let (imagined, pending) = self.imagine(&comment(new.question.as_deref())?)?;
        if let Some(reason) = find_refused(&imagined) {
            return Err(reason.into());
        }
        let is_this = |asked: &&QuestionRecord| {
            let mut answers = asked.answers.iter();
            answers.any(|answer| answer.text == text)
        };
        let question = match &new.question {
            Some(question) => question.clone(),
            None => {
                let mut asked = imagined.asked.iter();
                let answered = asked.find(|asked| is_answered_by(asked, IMAGINED));
                let answered = answered.map(|asked| asked.id.clone());
                answered.ok_or(NotTaken::NothingOpen)?
            }
        };
        let is_said = |pending: &Pending| {
            let gate_result = pending.evaluation.gate_result.as_ref();
            let mut asked = gate_result.into_iter().flat_map(|result| &result.questions);
            asked.any(|asked| asked.id == question && is_this(&asked))
        };
        let mut asked = imagined.asked.iter();
        let pending = match asked.any(|asked| is_answered_by(asked, IMAGINED)) {
            true => self.write_comment(comment(Some(&question))?)?.1,
            // The same was answered before.
            false => pending,
        };
        if !is_said(&pending) {
            return Err(BotError::Refused(format!(
                "the answer is written to {}, and does not count: the account that wrote it is not one of `{}` in \
                 `rules/agents.yaml`",
                new.number, new.by
            )));
        }
        let open = pending
            .evaluation
            .gate_result
            .iter()
            .flat_map(|result| result.open_questions());
        Ok(GivenAnswer {
            number: new.number,
            id: pending.evaluation.id,
            question: question.clone(),
            open: open.map(|asked| asked.id.clone()).collect(),
            state: CaseView::pending(&pending).state,
        })
    }

    /// What would come of a comment; nothing is written.
    fn imagine(&mut self, comment: &NewComment) -> Result<(Questions, Pending), BotError> {
        let open = self.open_pulls()?;
        let mut pull = self.find_open(&open, comment.number)?;
        pull.comments.push(Comment {
            id: IMAGINED.to_owned(),
            account: comment.by.clone(),
            is_bot: false,
            body: comment.body.clone(),
            at: self.now().max(comment.at),
            edited: false,
        });
        let pending = self.hear(pull, &open)?;
        let rules = self.rules()?;
        let evaluation = &pending.evaluation;
        let Some(gate_result) = &evaluation.gate_result else {
            return Err(BotError::Refused(format!(
                "nothing can be asked and answered on {} as long as it cannot be decided: {}",
                comment.number, evaluation.report.title
            )));
        };
        let author = agent_of(&pending.pull.author, &rules);
        let document = evaluation.document.as_ref();
        let context = QuestionContext {
            bots: &bots(&pending.pull),
            agent: document.map(|document| &document.agent).or(author),
            rules: &rules,
            asks: &gate_result.asks,
        };
        let questions = context.read(&gate_result.opinions);
        Ok((questions, pending))
    }

    /// A pull request on which something can still be said.
    pub(super) fn find_open(
        &mut self,
        open: &[Pull],
        number: PullNumber,
    ) -> Result<Pull, BotError> {
        let found = open.iter().find(|pull| pull.number == number);
        match found.map(|pull| (&pull.state, pull)) {
            Some((PullState::Open, pull)) => Ok(pull.clone()),
            Some((PullState::Draft, _)) => Err(BotError::Refused(format!(
                "pull request {number} is a draft, which its author still works on"
            ))),
            Some((PullState::Closed { .. } | PullState::Done, _)) => {
                Err(ForgeError::Ended(number).into())
            }
            None => match self.find_pull(number)? {
                Some(_) => Err(ForgeError::Ended(number).into()),
                None => Err(ForgeError::NoSuchPull(number).into()),
            },
        }
    }

    /// Writes it, and hears the pull request as it is then. Gives the id of the comment.
    fn write_comment(&mut self, comment: NewComment) -> Result<(String, Pending), BotError> {
        let number = comment.number;
        let pull = self.forge.comment(&self.repo, comment)?;
        let id = pull.comments.last().map(|comment| comment.id.clone());
        let id = id.ok_or(ForgeError::NoSuchPull(number))?;
        let open = self.open_pulls()?;
        Ok((id, self.hear(pull, &open)?))
    }

    /// The rules on `main`.
    pub(super) fn rules(&mut self) -> Result<Arc<Rules>, BotError> {
        let root = self.repo.read_commit(self.main()?)?.tree;
        let version = self.rules_cache.read(self.repo.objects(), root)?;
        let version = version.into_result().map_err(LedgerError::from)?;
        Ok(version.rules)
    }

    /// An account by which the rules know an agent.
    pub(super) fn account_of(&mut self, agent: &AgentName) -> Result<AccountRecord, BotError> {
        let rules = self.rules()?;
        let registered = rules
            .agents
            .get(agent)
            .ok_or_else(|| NotTaken::UnlistedAgent(agent.clone()))?;
        let email = registered.emails.first().map(|email| AccountRecord {
            email: Some(email.clone()),
            ..AccountRecord::default()
        });
        let account = email.or_else(|| registered.accounts().into_iter().next());
        account.ok_or_else(|| {
            BotError::Refused(format!(
                "`{agent}` has no address and no account in `rules/agents.yaml`, so that nothing could be known to be its word"
            ))
        })
    }
}

/// Without the differences that do not count: how lines end, and what is blank around it.
fn normalized(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// The comment that gives a command with a text, on its line or below it.
///
/// # Errors
/// When another command would be read in it.
fn with_text(command: &str, text: &str) -> Result<String, BotError> {
    let body = match text.contains('\n') {
        true => format!("{command}\n\n{text}"),
        false => format!("{command} {text}"),
    };
    let commands = Command::find_all(&body);
    let read = match commands.as_slice() {
        [Ok(Command::Ask(read) | Command::Answer { text: read, .. })] if read.is_empty() => {
            Command::strip(&body)
        }
        [Ok(Command::Ask(read) | Command::Answer { text: read, .. })] => read.clone(),
        _ => String::new(),
    };
    if read == text {
        return Ok(body);
    }
    Err(BotError::Refused(
        "a line of it would be read as a command of its own: leave out the slash that it begins with"
            .to_owned(),
    ))
}

fn find_refused(questions: &Questions) -> Option<NotTaken> {
    let mut refused = questions.refused.iter();
    let refused = refused.find(|refused| refused.review == IMAGINED);
    refused.map(|refused| refused.reason.clone())
}

/// Whether this review or comment holds an answer to it.
fn is_answered_by(asked: &QuestionRecord, review: &str) -> bool {
    asked.answers.iter().any(|answer| answer.review == review)
}
