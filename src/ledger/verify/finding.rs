//! What can be wrong with a commit of the trail.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::ids::Sha;

/// One thing that is wrong with one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub commit: Sha,
    /// Which check it fails.
    pub kind: FindingKind,
    /// What is wrong, and where.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.commit.short(),
            self.kind,
            self.message
        )
    }
}

/// Declares the kinds together with the words by which programs know them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// Which check a commit fails.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind {
            $($(#[$doc])* $kind,)*
        }

        impl FindingKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];
            /// The word for it, in snake case.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// What a checkpoint remembers is no longer on the trail.
    CutOrRewritten = "cut_or_rewritten",
    /// The trail does not begin where a trail begins.
    NoGenesis = "no_genesis",
    /// A genesis that is not the first commit.
    SecondGenesis = "second_genesis",
    /// No event explains the commit.
    Unexplained = "unexplained",
    /// An object that is needed cannot be read.
    Unreadable = "unreadable",
    /// Git shows another object in its place.
    Replaced = "replaced",
    /// Git takes other parents for those of the commit.
    Grafted = "grafted",
    /// Git takes the commit for the first one.
    Shallow = "shallow",
    /// Git shows notes below commits.
    Notes = "notes",
    /// `HEAD` is another commit than the tip of the trail.
    HeadElsewhere = "head_elsewhere",
    /// Git takes the name of the trail's branch for another ref.
    AmbiguousName = "ambiguous_name",
    /// Git's summary of commits says something else than the commit.
    WrongCommitGraph = "wrong_commit_graph",
    /// Git shows the commit's text in another encoding than it was checked in.
    ForeignEncoding = "foreign_encoding",
    /// Its bytes are not those that the bot writes.
    NotCanonical = "not_canonical",
    /// Not made by the bot, and an admin took it over. Not a fault.
    Adopted = "adopted",
    /// Not made by the bot.
    ForeignIdentity = "foreign_identity",
    /// Not signed, though the rules ask for a signature.
    Unsigned = "unsigned",
    /// Signed with a key that the rules do not list.
    ForeignSignature = "foreign_signature",
    /// The signature does not fit the commit.
    BadSignature = "bad_signature",
    /// Dated before the commit that it follows.
    TimeRunsBackwards = "time_runs_backwards",
    /// A time in a record is not the time of its commit, or cannot be.
    WrongTime = "wrong_time",
    /// What was vouched for was not, or by nobody who may, or is left out.
    WrongEvidence = "wrong_evidence",
    /// Where a parameter was when people saw it last is recorded otherwise than the trail says.
    WrongBaseline = "wrong_baseline",
    /// What is used of a limit is not what it is when computed again.
    WrongUsage = "wrong_usage",
    /// A grant lets it pass, or does not, where it is otherwise when computed again.
    WrongGrant = "wrong_grant",
    /// What people approved in place of all that was proposed is no less of it, or riskier, or scored otherwise.
    WrongAmendment = "wrong_amendment",
    /// What is on record of the cases of an agent is not what the trail says.
    WrongTrackRecord = "wrong_track_record",
    /// A record was edited or removed.
    EditedRecord = "edited_record",
    /// The tree changes more than the event may change.
    UnexpectedChange = "unexpected_change",
    /// The tree lacks a change that the event makes.
    MissingChange = "missing_change",
    /// A file is not a regular file, mode 100644.
    WrongFileMode = "wrong_file_mode",
    /// The commit has other parents than the event gives it.
    WrongParents = "wrong_parents",
    /// A document cannot be read.
    UnreadableDocument = "unreadable_document",
    /// A document is about another case than its place.
    Misplaced = "misplaced",
    /// The commit message is not the one that the record gives.
    WrongMessage = "wrong_message",
    /// The decision was made for another tip than it stands on.
    WrongBase = "wrong_base",
    /// The decision names other rules than those of its parent.
    WrongRules = "wrong_rules",
    /// The decision was made by an engine that this one does not know.
    UnknownEngine = "unknown_engine",
    /// Decisions of an older engine come out differently with this one. Not a fault.
    OlderEngine = "older_engine",
    /// The decision was made by an older engine than one before it.
    EngineWentBack = "engine_went_back",
    /// The decision names another mode than the rules.
    WrongMode = "wrong_mode",
    /// The score is not what it is when computed again.
    WrongScore = "wrong_score",
    /// The level is not what it is when computed again.
    WrongLevel = "wrong_level",
    /// A factor is not what it is when computed again.
    WrongFactor = "wrong_factor",
    /// A trigger fired that does not fire when asked again, or the other way round.
    WrongTrigger = "wrong_trigger",
    /// The decision asks for something else than the rules.
    WrongRequirement = "wrong_requirement",
    /// An approval that was counted does not count.
    WrongApproval = "wrong_approval",
    /// A review that was left out counts, or was left out for another reason.
    WrongIgnored = "wrong_ignored",
    /// What people said does not agree with what was counted, left out or taken for a rejection.
    WrongOpinions = "wrong_opinions",
    /// What the agent was asked, or what it answered, is not what was said.
    WrongQuestions = "wrong_questions",
    /// Merged with fewer approvals than the rules ask for.
    NotEnoughApprovals = "not_enough_approvals",
    /// The status is not the gate's answer.
    WrongStatus = "wrong_status",
    /// The rejection is not one.
    WrongRejection = "wrong_rejection",
    /// Recorded as expired before the deadline.
    NotExpired = "not_expired",
    /// What was merged could never have been decided.
    InvalidProposal = "invalid_proposal",
    /// Somebody else proposed in the name of a registered agent.
    Impersonation = "impersonation",
    /// Merged or executed while everything was stopped.
    WhileFrozen = "while_frozen",
    /// An execution, an outcome or a feedback without the decision that allows it.
    WithoutDecision = "without_decision",
    DecidedTwice = "decided_twice",
    /// The attempts of a case are not numbered 1, 2, 3.
    WrongAttempt = "wrong_attempt",
    /// Something was executed that nobody claimed.
    WithoutClaim = "without_claim",
    /// The number of a pull request is none, or is another's.
    WrongNumber = "wrong_number",
    /// A claim that could not be made.
    WrongClaim = "wrong_claim",
    /// Recorded as scored again though nothing more would be asked, or not as it is when computed again.
    WrongRescoring = "wrong_rescoring",
    /// Carried out although it would have been asked more by then.
    NotRescored = "not_rescored",
    /// Carried out by something else than the rules say.
    WrongExecutor = "wrong_executor",
    /// The outcome is not what the executor computes.
    WrongOutcome = "wrong_outcome",
    /// An approved change was not carried out with its decision.
    MissingOutcome = "missing_outcome",
    /// Somebody did what their role does not allow.
    NotEntitled = "not_entitled",
}

impl FindingKind {
    /// Whether it is something to know rather than something that is wrong.
    pub const fn is_note(self) -> bool {
        matches!(self, Self::OlderEngine | Self::Adopted)
    }

    /// Whether another engine may rightly see it otherwise: scores, reasons, the gate's answers, how strictly
    /// documents are read, and the words of messages.
    pub const fn depends_on_engine(self) -> bool {
        match self {
            Self::UnreadableDocument
            | Self::WrongMessage
            | Self::WrongScore
            | Self::WrongLevel
            | Self::WrongFactor
            | Self::WrongTrigger
            | Self::WrongRequirement
            | Self::WrongApproval
            | Self::WrongIgnored
            | Self::WrongOpinions
            | Self::WrongQuestions
            | Self::WrongEvidence
            | Self::WrongBaseline
            | Self::WrongUsage
            | Self::WrongGrant
            | Self::WrongAmendment
            | Self::WrongTrackRecord
            | Self::NotEnoughApprovals
            | Self::WrongStatus
            | Self::WrongRejection
            | Self::NotExpired
            | Self::InvalidProposal
            | Self::Impersonation
            | Self::WrongOutcome
            | Self::WrongRescoring
            | Self::NotRescored
            | Self::NotEntitled => true,
            Self::CutOrRewritten
            | Self::NoGenesis
            | Self::SecondGenesis
            | Self::Unexplained
            | Self::Unreadable
            | Self::Replaced
            | Self::Grafted
            | Self::Shallow
            | Self::Notes
            | Self::HeadElsewhere
            | Self::AmbiguousName
            | Self::WrongCommitGraph
            | Self::ForeignEncoding
            | Self::NotCanonical
            | Self::Adopted
            | Self::ForeignIdentity
            | Self::Unsigned
            | Self::ForeignSignature
            | Self::BadSignature
            | Self::TimeRunsBackwards
            | Self::WrongTime
            | Self::EditedRecord
            | Self::UnexpectedChange
            | Self::MissingChange
            | Self::WrongFileMode
            | Self::WrongParents
            | Self::Misplaced
            | Self::WrongBase
            | Self::WrongRules
            | Self::UnknownEngine
            | Self::OlderEngine
            | Self::EngineWentBack
            | Self::WrongMode
            | Self::WhileFrozen
            | Self::WithoutDecision
            | Self::DecidedTwice
            | Self::WrongAttempt
            | Self::WithoutClaim
            | Self::WrongNumber
            | Self::WrongClaim
            | Self::WrongExecutor
            | Self::MissingOutcome => false,
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
