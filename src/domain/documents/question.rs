//! What people asked the agent of a proposal, and what it answered.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{AgentName, Login};

/// A question of a person to the agent. It blocks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionRecord {
    /// The id of the review or comment that asks it: what an answer names it by.
    pub id: String,
    /// Who asks, as `rules/people.yaml` names them.
    pub by: Login,
    /// When.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// In their words.
    pub text: String,
    /// What the agent answered, oldest first; it is open while there is nothing.
    #[serde(default)]
    pub answers: Vec<AnswerRecord>,
}

/// An answer of the agent to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRecord {
    /// The agent.
    pub by: AgentName,
    /// When.
    #[serde(with = "super::time")]
    #[schemars(with = "DateTime<Utc>")]
    pub at: DateTime<Utc>,
    /// The id of the review or comment that gives it.
    pub review: String,
    /// In its words.
    pub text: String,
}

impl QuestionRecord {
    /// Whether it waits for its answer.
    pub const fn is_open(&self) -> bool {
        self.answers.is_empty()
    }

    /// Who asks what, and by what an answer names it.
    pub fn sentence(&self) -> String {
        format!("{} asks (question {}): {}", self.by, self.id, self.text)
    }
}

impl AnswerRecord {
    /// Who answers what.
    pub fn sentence(&self, question: &str) -> String {
        format!("{} answers question {question}: {}", self.by, self.text)
    }
}
