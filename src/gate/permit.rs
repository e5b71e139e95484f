//! The token without which nothing is merged. Only the gate can make one, and only for an approval.

use super::opinions;
use super::verdict::{GateResult, Verdict};
use crate::domain::documents::{
    AmendmentRecord, Assessment, DayCounts, Decision, EvidenceRecord, PullRecord, RulesRecord,
    Status, WindowRecord,
};
use crate::domain::engine::ENGINE;
use crate::domain::ids::{CaseId, Sha};
use crate::domain::mode::Mode;
use chrono::{DateTime, Utc};

/// What a decision is about: everything in its record that the gate itself does not decide.
#[derive(Debug, Clone)]
pub struct DecidedCase {
    pub id: CaseId,
    /// The pull request; its `base` is the tip that it was decided against.
    pub pull: PullRecord,
    /// The blob id of the recommendation; none for a governance change.
    pub recommendation: Option<Sha>,
    /// The rules that decided.
    pub rules: RulesRecord,
    /// The mode at that moment.
    pub mode: Mode,
    /// The windows of the rules at that moment.
    pub windows: Vec<WindowRecord>,
    /// What was vouched for of this commit.
    pub evidence: Vec<EvidenceRecord>,
    pub risk: Assessment,
    /// What is decided of it, if that is less than all.
    pub amendment: Option<AmendmentRecord>,
    /// The file in which it counts, where it counts, for what its agent has earned.
    pub track_record: Option<String>,
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

/// What a gate result comes to once it is written down.
#[derive(Debug)]
pub enum DecisionOutcome {
    Merge(Box<MergePermit>),
    /// Record that it ended without a merge.
    Close(Box<Decision>),
    /// Nothing is recorded yet.
    Wait,
}

/// Writes a gate result down.
pub fn judge(gate_result: GateResult, subject: DecidedCase) -> DecisionOutcome {
    let (status, rejection) = match gate_result.verdict {
        Verdict::Approve(status) => (status, None),
        Verdict::Reject(rejection) => (Status::Rejected, Some(rejection)),
        Verdict::Withdraw => (Status::Withdrawn, None),
        Verdict::Refuse => (Status::Refused, None),
        Verdict::Expire => (Status::Expired, None),
        Verdict::Wait(_) => return DecisionOutcome::Wait,
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
        windows: subject.windows,
        evidence: subject.evidence,
        risk: subject.risk,
        amendment: subject.amendment,
        required: gate_result.required,
        grant: gate_result.grant,
        track_record: None,
        approvals: gate_result.approvals,
        ignored: gate_result.ignored,
        rejection,
        opinions: Vec::new(),
        omitted_opinions: 0,
        questions: gate_result.questions,
        team_members: gate_result.team_members,
        withdrawn_on: gate_result.withdrawn_on,
    };
    opinions::record(&mut decision, gate_result.opinions);
    opinions::cut_justifications(&mut decision, subject.shortest_justification);
    opinions::cut_questions(&mut decision);
    decision.track_record = DayCounts::of_decision(&decision).and(subject.track_record);
    if status.is_approval() {
        DecisionOutcome::Merge(Box::new(MergePermit { decision }))
    } else {
        DecisionOutcome::Close(Box::new(decision))
    }
}
