//! The token without which nothing is merged. Only the gate can make one, and only for an approval.

use super::opinions;
use super::verdict::{Ruling, Verdict};
use crate::domain::documents::{Assessment, Decision, PullRecord, RulesRecord, Status};
use crate::domain::engine::ENGINE;
use crate::domain::ids::{CaseId, Sha};
use crate::domain::mode::Mode;
use chrono::{DateTime, Utc};

/// What a decision is about: everything in its record that the gate itself does not decide.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The case.
    pub id: CaseId,
    /// The pull request; its `base` is the tip that it was decided against.
    pub pull: PullRecord,
    /// The blob id of the recommendation; none for a governance change.
    pub recommendation: Option<Sha>,
    /// The rules that decided.
    pub rules: RulesRecord,
    /// The mode at that moment.
    pub mode: Mode,
    /// The risk assessment.
    pub risk: Assessment,
    /// The time of the decision.
    pub now: DateTime<Utc>,
    /// So many characters of a justification are kept in any case.
    pub shortest_justification: usize,
}

/// Allows one merge: of this head, onto this tip, with this decision.
#[derive(Debug)]
pub struct MergePermit {
    decision: Decision,
}

impl MergePermit {
    /// The only commit that may be merged.
    pub const fn head(&self) -> Sha {
        self.decision.pull.head
    }
    /// The only commit that it may be merged onto.
    pub const fn tip(&self) -> Sha {
        self.decision.pull.base
    }
    /// The decision to record with it.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// What a ruling comes to once it is written down.
#[derive(Debug)]
pub enum Judgement {
    /// Merge it.
    Merge(Box<MergePermit>),
    /// Record that it ended without a merge.
    Close(Box<Decision>),
    /// Nothing is recorded yet.
    Wait,
}

/// Writes a ruling down.
pub fn judge(ruling: Ruling, subject: Subject) -> Judgement {
    let (status, rejection) = match ruling.verdict {
        Verdict::Approve(status) => (status, None),
        Verdict::Reject(rejection) => (Status::Rejected, Some(rejection)),
        Verdict::Withdraw => (Status::Withdrawn, None),
        Verdict::Expire => (Status::Expired, None),
        Verdict::Wait(_) => return Judgement::Wait,
    };
    let mut decision = Decision {
        schema: Default::default(),
        id: subject.id,
        status,
        decided_at: subject.now,
        pull: subject.pull,
        recommendation: subject.recommendation,
        rules: subject.rules,
        engine: ENGINE.to_owned(),
        mode: subject.mode,
        risk: subject.risk,
        required: ruling.required,
        approvals: ruling.approvals,
        ignored: ruling.ignored,
        rejection,
        opinions: Vec::new(),
        omitted_opinions: 0,
        team_members: ruling.team_members,
        withdrawn_on: ruling.withdrawn_on,
    };
    opinions::record(&mut decision, ruling.opinions);
    opinions::cut_justifications(&mut decision, subject.shortest_justification);
    if status.is_approval() {
        Judgement::Merge(Box::new(MergePermit { decision }))
    } else {
        Judgement::Close(Box::new(decision))
    }
}
