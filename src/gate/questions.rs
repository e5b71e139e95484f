//! What people ask the agent of a proposal, and what it answers: read from what was said, as it is shown and as it is
//! recorded. A question blocks nothing.

use super::asks::AskStatus;
use super::eligibility::{Principal, may_speak, principal_of, shown};
use super::verdict::{GateResult, RejectedCommand, Uncounted, find_person};
use crate::domain::command::Command;
use crate::domain::documents::{AccountRecord, AnswerRecord, OpinionRecord, QuestionRecord};
use crate::domain::hidden::is_bidirectional;
use crate::domain::ids::{AgentName, quoted};
use crate::domain::pull::Pull;
use crate::rules::Rules;
use crate::rules::people::{People, Person};

/// How long a question or an answer may be, in characters.
pub const MOST_TEXT: usize = 4_000;
/// How long all questions and answers of one case may be together, so that its record always has room for them.
pub const MOST_BYTES: usize = 20_000;
/// How many commands that were not taken are answered.
const MOST_REFUSED: usize = 10;

const ASK: &str = "/ask";
const ANSWER: &str = "/answer";

/// Whom a question is put to, and who may ask.
#[derive(Debug, Clone, Copy)]
pub struct QuestionContext<'a> {
    /// What programs wrote, by the ids of reviews and comments: none of them asks.
    pub bots: &'a [&'a str],
    /// Who proposed it; none for a change that a person proposed.
    pub agent: Option<&'a AgentName>,
    pub rules: &'a Rules,
    /// Whose members may ask beside reviewers and admins.
    pub asks: &'a [AskStatus],
}

/// The questions of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// Oldest first.
    pub asked: Vec<QuestionRecord>,
    pub refused: Vec<RefusedWord>,
}

/// A question or an answer that is only text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWord {
    /// The id of the review or comment that holds it.
    pub review: String,
    pub account: AccountRecord,
    pub command: &'static str,
    pub reason: NotTaken,
}

/// Why a question or an answer is only text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("{0}; reviewers and admins may")]
    MayNotAsk(Uncounted),
    #[error("a person proposed this, and no agent could answer: ask them in a comment")]
    NoAgent,
    #[error("`{0}` is not listed in `rules/agents.yaml`, so nobody is known to answer for it")]
    UnlistedAgent(AgentName),
    #[error("{who} is not the agent `{agent}`, which proposed this and alone answers")]
    MayNotAnswer { who: String, agent: AgentName },
    #[error("it says nothing: write `{0} TEXT`")]
    Empty(&'static str),
    #[error("it has {0} characters, and at most {MOST_TEXT} are taken: shorten it")]
    TooLong(usize),
    #[error("it holds {what} (U+{:04X}): leave it out", u32::from(*.character))]
    Hidden { what: &'static str, character: char },
    #[error(
        "the questions and answers of a case have at most {MOST_BYTES} bytes together, and {left} are left: shorten it"
    )]
    NoRoom { left: usize },
    #[error("{} is not the id of a question: expected one as the case shows it, such as `r3`", quoted(.0))]
    NoQuestionId(String),
    #[error("there is no question {question}; {open}")]
    NoSuchQuestion { question: String, open: String },
    #[error("no question is open")]
    NothingOpen,
}

/// Whether a text can be taken as a question or an answer.
///
/// # Errors
/// When it is empty, too long, or a reader would not see it as it is.
pub fn check_text(command: &'static str, text: &str) -> Result<(), NotTaken> {
    if text.trim().is_empty() {
        return Err(NotTaken::Empty(command));
    }
    let count = text.chars().count();
    if count > MOST_TEXT {
        return Err(NotTaken::TooLong(count));
    }
    let hidden = text.chars().find_map(|character| {
        let what = match character {
            '\n' | '\t' => None,
            _ if is_bidirectional(character) => Some("a bidirectional control character"),
            _ if character.is_control() => Some("a control character"),
            _ => None,
        };
        what.map(|what| NotTaken::Hidden { what, character })
    });
    hidden.map_or(Ok(()), Err)
}

impl<'a> QuestionContext<'a> {
    /// Everything that was asked and answered, of everything that was said.
    pub fn read(&self, opinions: &[OpinionRecord]) -> Questions {
        self.read_by(opinions, |opinion| self.asker(opinion))
    }

    /// The same, where somebody else says who may ask.
    pub fn read_by(
        &self,
        opinions: &[OpinionRecord],
        asker: impl Fn(&OpinionRecord) -> Result<&'a Person, Uncounted>,
    ) -> Questions {
        let mut reader = Reader {
            context: self,
            questions: Questions::default(),
            bytes: 0,
        };
        for opinion in opinions {
            for command in Command::find_all(&opinion.words).into_iter().flatten() {
                let (name, taken) = match command {
                    Command::Ask(text) => (ASK, reader.ask(opinion, text, &asker)),
                    Command::Answer { question, text } => {
                        (ANSWER, reader.answer(opinion, question, text))
                    }
                    _ => continue,
                };
                if let Err(reason) = taken {
                    reader.questions.refused.push(RefusedWord {
                        review: opinion.review.clone(),
                        account: opinion.account.clone(),
                        command: name,
                        reason,
                    });
                }
            }
        }
        reader.questions
    }

    fn is_bot(&self, review: &str) -> bool {
        self.bots.contains(&review)
    }

    fn asker(&self, opinion: &OpinionRecord) -> Result<&'a Person, Uncounted> {
        let person = find_person(&opinion.account, self.is_bot(&opinion.review), self.rules)?;
        let groups = self.asks.iter().flat_map(|asked| &asked.ask.any_of);
        let mut groups = groups.flatten().map(|part| &part.from);
        if may_speak(person) || groups.any(|group| People::is_in(person, group)) {
            Ok(person)
        } else {
            Err(Uncounted::NoRole(person.name.clone()))
        }
    }
}

struct Reader<'c, 'a> {
    context: &'c QuestionContext<'a>,
    questions: Questions,
    /// How long everything is that was taken.
    bytes: usize,
}

impl<'a> Reader<'_, 'a> {
    fn ask(
        &mut self,
        opinion: &OpinionRecord,
        text: String,
        asker: impl Fn(&OpinionRecord) -> Result<&'a Person, Uncounted>,
    ) -> Result<(), NotTaken> {
        let by = asker(opinion).map_err(NotTaken::MayNotAsk)?;
        let agent = self.context.agent.ok_or(NotTaken::NoAgent)?;
        if !self.context.rules.agents.contains_key(agent) {
            return Err(NotTaken::UnlistedAgent(agent.clone()));
        }
        let by = by.name.login();
        let text = self.take_text(ASK, opinion, text)?;
        let mut asked = self.questions.asked.iter_mut();
        if let Some(first) = asked.find(|asked| asked.id == opinion.review) {
            first.text.push('\n');
            first.text.push_str(&text);
        } else if !self.is_asked_again(by.as_str(), &text) {
            self.questions.asked.push(QuestionRecord {
                id: opinion.review.clone(),
                by: by.clone(),
                at: opinion.at,
                text,
                answers: Vec::new(),
            });
        }
        Ok(())
    }

    /// Whether somebody asks what they ask already.
    fn is_asked_again(&self, by: &str, text: &str) -> bool {
        let mut open = self.questions.asked.iter().filter(|asked| asked.is_open());
        open.any(|asked| asked.by.as_str() == by && asked.text == text)
    }

    fn answer(
        &mut self,
        opinion: &OpinionRecord,
        question: Option<String>,
        text: String,
    ) -> Result<(), NotTaken> {
        let agent = self.context.agent.ok_or(NotTaken::NoAgent)?;
        if principal_of(&opinion.account, self.context.rules) != Principal::Agent(agent) {
            return Err(NotTaken::MayNotAnswer {
                who: quoted(&shown(&opinion.account)),
                agent: agent.clone(),
            });
        }
        let place = self.find_question(question)?;
        let text = self.take_text(ANSWER, opinion, text)?;
        if let Some(asked) = self.questions.asked.get_mut(place)
            && !asked.answers.iter().any(|known| known.text == text)
        {
            asked.answers.push(AnswerRecord {
                by: agent.clone(),
                at: opinion.at,
                review: opinion.review.clone(),
                text,
            });
        }
        Ok(())
    }

    /// The place of the question that is named, or of the oldest one that is open.
    fn find_question(&self, named: Option<String>) -> Result<usize, NotTaken> {
        let asked = &self.questions.asked;
        let Some(question) = named else {
            let open = asked.iter().position(QuestionRecord::is_open);
            return open.ok_or(NotTaken::NothingOpen);
        };
        let place = asked.iter().position(|asked| asked.id == question);
        place.ok_or_else(|| NotTaken::NoSuchQuestion {
            question,
            open: open_in_words(asked),
        })
    }

    /// What is said, if it can be taken and there is room for it.
    fn take_text(
        &mut self,
        command: &'static str,
        opinion: &OpinionRecord,
        text: String,
    ) -> Result<String, NotTaken> {
        let text = match text.is_empty() {
            true => Command::strip(&opinion.words),
            false => text,
        };
        let omitted = usize::try_from(opinion.omitted_characters).unwrap_or(usize::MAX);
        if omitted > 0 {
            return Err(NotTaken::TooLong(
                opinion.words.chars().count().saturating_add(omitted),
            ));
        }
        check_text(command, &text)?;
        let left = MOST_BYTES.saturating_sub(self.bytes);
        if text.len() > left {
            return Err(NotTaken::NoRoom { left });
        }
        self.bytes += text.len();
        Ok(text)
    }
}

/// What programs wrote on a pull request, by the ids of reviews and comments.
pub fn bots(pull: &Pull) -> Vec<&str> {
    let reviews = pull.reviews.iter().filter(|review| review.is_bot);
    let comments = pull.comments.iter().filter(|comment| comment.is_bot);
    let reviews = reviews.map(|review| review.id.as_str());
    let comments = comments.map(|comment| comment.id.as_str());
    reviews.chain(comments).collect()
}

/// Which questions are open: `open: r3, r5`.
pub fn open_in_words(asked: &[QuestionRecord]) -> String {
    let open = asked.iter().filter(|asked| asked.is_open());
    let open: Vec<&str> = open.map(|asked| asked.id.as_str()).collect();
    match open.is_empty() {
        true => "none is open".to_owned(),
        false => format!("open: {}", open.join(", ")),
    }
}

impl GateResult {
    /// With the questions of the case, an answer to those whose words are not taken, and those who ask and are known
    /// through a team only.
    pub fn with_questions(mut self, pull: &Pull, agent: Option<&AgentName>, rules: &Rules) -> Self {
        let context = QuestionContext {
            bots: &bots(pull),
            agent,
            rules,
            asks: &self.asks,
        };
        let Questions { asked, refused } = context.read(&self.opinions);
        for word in refused {
            let is_told = self
                .rejected_commands
                .iter()
                .any(|known| known.account == word.account && known.command == word.command);
            // A bot is never answered: two of them would go on for ever.
            if !context.is_bot(&word.review)
                && !is_told
                && self.rejected_commands.len() < MOST_REFUSED
            {
                self.rejected_commands.push(RejectedCommand {
                    account: word.account,
                    command: word.command,
                    reason: word.reason.to_string(),
                });
            }
        }
        for question in &asked {
            let mut opinions = self.opinions.iter();
            let opinion = opinions.find(|opinion| opinion.review == question.id);
            if let Some(opinion) = opinion
                && let Principal::Person(person) = principal_of(&opinion.account, rules)
                && let Some(member) = person.team_member()
                && !self.team_members.contains(&member)
            {
                self.team_members.push(member);
            }
        }
        self.questions = asked;
        self
    }

    /// The questions that wait for an answer.
    pub fn open_questions(&self) -> impl Iterator<Item = &QuestionRecord> {
        self.questions.iter().filter(|asked| asked.is_open())
    }
}
