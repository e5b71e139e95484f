//! Everything for which a proposal is refused, whatever people say of it.

use std::fmt;

use crate::domain::problem::{Problem, Problems};

/// Declares the refusals together with the list of them.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Why a proposal is refused. The bot refuses by these before it decides, and `verify` by the same after.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

refusals! {
    /// Its commits or folders are not as git stores them.
    Malformed,
    /// The branch does not come from `main`.
    NoCommonHistory,
    /// It has more commits than are looked at.
    TooManyCommits,
    /// A commit message has a trailer that only the bot writes.
    ForgedTrailer,
    /// A commit is in the name of the bot.
    InNameOfBot,
    /// Git shows a commit in another encoding than it is read in.
    ForeignEncoding,
    /// The text of a commit is not UTF-8.
    NotUtf8,
    /// A commit has characters that hide or move others.
    HiddenCharacter,
    /// It changes more files than are looked at.
    TooManyFiles,
    ChangesNothing,
    /// A path is not plain ASCII.
    ForeignPath,
    /// A name means something else to git or a file system.
    TrickyPath,
    /// Something is added that is no regular file.
    NoRegularFile,
    /// Two paths differ by case only.
    CaseTwin,
    /// Records and other files in one proposal.
    Mixed,
    /// More than one file among the records.
    SeveralRecords,
    /// A record is changed or removed.
    EditedRecord,
    /// Something else than a recommendation is added among the records.
    PlaceOfBot,
    /// A file is too large.
    TooLarge,
    /// The recommendation cannot be read.
    Unreadable,
    /// Its id is from the future.
    FutureId,
    /// It lies where its id does not belong.
    Misplaced,
    /// A file would take the place of a folder, or lie below a file.
    InTheWay,
    /// `main` changed the same file since.
    ChangedSince,
    /// Somebody else opened it in the name of an agent.
    Impersonation,
    /// Another agent had a hand in it.
    AnotherAgent,
    /// Its id is decided already.
    DecidedId,
    /// Another open pull request had its id first.
    OwnedId,
    /// A target cannot be read.
    UnreadableTarget,
    /// It asks for what the rules, the targets or itself do not allow.
    NotAllowed,
    /// The rules that it makes cannot be read.
    UnreadableRules,
    /// The policy tests that it makes cannot be read.
    UnreadableTests,
    /// A policy test fails.
    FailingTest,
    /// Nobody could administer any more.
    NoAdmin,
    /// The bot could write nothing any more.
    KeyNotListed,
    /// What it comes to cannot be recorded.
    Unrecordable,
}

/// One reason why a proposal is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    pub refusal: Refusal,
    pub problem: Problem,
}

impl Objection {
    /// One about the proposal as a whole.
    pub fn of_proposal(refusal: Refusal, message: impl Into<String>) -> Self {
        Self::of_file(refusal, "pull request", message)
    }

    /// One about a file.
    pub fn of_file(refusal: Refusal, file: impl Into<String>, message: impl Into<String>) -> Self {
        let problem = Problem::of_file(file, message);
        Self { refusal, problem }
    }

    /// One about a key of a file.
    pub fn of_key(
        refusal: Refusal,
        file: impl Into<String>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let problem = Problem::of_key(file, key, message);
        Self { refusal, problem }
    }

    /// One for each of these problems.
    pub fn of_all(refusal: Refusal, problems: impl IntoIterator<Item = Problem>) -> Vec<Self> {
        let problems = problems.into_iter();
        problems.map(|problem| Self { refusal, problem }).collect()
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.problem, f)
    }
}

/// As the proposer is told.
pub fn problems(objections: Vec<Objection>) -> Problems {
    let problems = objections.into_iter().map(|objection| objection.problem);
    Problems(problems.collect())
}
