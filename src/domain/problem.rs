//! What is wrong with a document, and where: the one shape in which every invalid file is reported.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// One thing that is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DocumentProblem")]
pub struct Problem {
    /// The file's path in the repository, or as the user named it.
    pub file: String,
    /// Line, counted from 1, where known.
    pub line: Option<u64>,
    /// Column in characters, counted from 1, where known.
    pub column: Option<u64>,
    /// The key path, such as `changes.replicas`, where known.
    pub key: Option<String>,
    /// What is wrong, what was expected, and what to do about it.
    pub message: String,
}

impl Problem {
    /// A problem with the file as a whole.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            column: None,
            key: None,
            message: message.into(),
        }
    }

    /// A problem with the value of one key, at an unknown place.
    pub fn of_key(
        file: impl Into<String>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            key: Some(key.into()),
            ..Self::of_file(file, message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Problem {}

/// Everything that is wrong with one or more files; never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Problems {
    /// Without their places, which is for those who know the file.
    pub fn in_one_line(&self) -> String {
        let said = self.0.iter().map(|problem| match &problem.key {
            Some(key) => format!("{key}: {}", problem.message),
            None => problem.to_string(),
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What was read, or why it cannot be: then nothing is known of what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    Valid(T),
    Invalid(Problems),
}

impl<T> Reading<T> {
    pub fn valid(self) -> Option<T> {
        self.into_result().ok()
    }

    /// For whom it is an error that it cannot be read.
    pub fn into_result(self) -> Result<T, Problems> {
        match self {
            Self::Valid(value) => Ok(value),
            Self::Invalid(problems) => Err(problems),
        }
    }

    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Valid(value) => Reading::Valid(of(value)),
            Self::Invalid(problems) => Reading::Invalid(problems),
        }
    }
}

impl<T> From<Result<T, Problems>> for Reading<T> {
    fn from(read: Result<T, Problems>) -> Self {
        match read {
            Ok(value) => Self::Valid(value),
            Err(problems) => Self::Invalid(problems),
        }
    }
}
