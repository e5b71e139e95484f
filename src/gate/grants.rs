//! What an agent has earned: whether a grant of `rules/autonomy.yaml` lets a case pass without a person.
//!
//! A case counts for its agent, action and riskiest environment. The first grant that the track record of these bears
//! decides it; whether it is one of the sample that people decide all the same is drawn by the bot's signature, which
//! nobody else can foretell.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::requirement;
use crate::domain::documents::{
    Assessment, Day, GrantAnswer, GrantRecord, RateRecord, Recommendation, Role, TrackRecord,
};
use crate::domain::ids::GrantId;
use crate::domain::level::Level;
use crate::domain::page::counted;
use crate::domain::proportion::Percent;
use crate::domain::signing::{Signed, SshSignature};
use crate::risk::{Environments, RiskContext};
use crate::rules::Rules;
use crate::rules::autonomy::{Grant, is_on_record};
use crate::rules::governance::Signing;

/// What a draw is signed for, and nothing else.
pub const DRAW_NAMESPACE: &str = "countersign-grant";

/// What a case counts as for what its agent has earned.
#[derive(Debug, Clone)]
pub struct CaseKind<'c> {
    about: &'c Recommendation,
    environments: Environments,
}

/// A case that a grant may let pass.
#[derive(Debug, Clone, Copy)]
pub struct GrantCase<'c> {
    pub kind: &'c CaseKind<'c>,
    pub situation: &'c RiskContext,
    pub assessment: &'c Assessment,
    pub rules: &'c Rules,
    pub now: DateTime<Utc>,
}

impl<'c> CaseKind<'c> {
    /// None for what counts as nothing: of nobody who is registered, an action that is not listed, or an environment
    /// that is not known.
    pub fn of(about: &'c Recommendation, situation: &RiskContext, rules: &Rules) -> Option<Self> {
        let is_listed = situation.agent_registered && rules.actions.contains_key(&about.action);
        let environments = Environments::of(about, situation, rules)?;
        let is_known = is_listed && is_on_record(&environments.riskiest);
        is_known.then_some(Self {
            about,
            environments,
        })
    }

    /// The file of its track record.
    pub fn track_record(&self) -> String {
        let about = self.about;
        TrackRecord::path_of(&about.agent, &about.action, &self.environments.riskiest)
    }
}

impl GrantCase<'_> {
    /// Whether a grant could let it pass at all, whatever its agent has earned.
    pub fn is_grantable(&self) -> bool {
        let Assessment {
            level, triggers, ..
        } = self.assessment;
        let asks = requirement::of_level(*level, &self.rules.governance);
        *level == Level::Medium
            && asks.role > Role::None
            && !self.assessment.is_refused()
            && triggers.iter().all(|fired| fired.ask.is_none())
            && self.matching().next().is_some()
    }

    /// What the first grant that it has earned comes to, or the first that it is a case of; none where it is a case of
    /// none. `draw` gives the signature over a text, if it can.
    pub fn evaluate<E>(
        &self,
        record: &TrackRecord,
        draw: impl FnOnce(&str) -> Result<Option<SshSignature>, E>,
    ) -> Result<Option<GrantRecord>, E> {
        if !self.is_grantable() {
            return Ok(None);
        }
        let mut figures = self.figures(record);
        let Some(earned) = figures.clone().find(Figures::is_earned) else {
            return Ok(figures.next().map(|figures| figures.not_earned(self.kind)));
        };
        let signature = draw(&earned.draw_text(self.kind))?;
        Ok(Some(earned.drawn(self.kind, signature)))
    }

    /// The draw that is on record, if the bot made it over this text.
    pub fn recorded_draw(
        &self,
        on_record: Option<&GrantRecord>,
        text: &str,
    ) -> Option<SshSignature> {
        let signing = self.rules.governance.signing.as_ref();
        let key = signing.and_then(Signing::drawing_key)?;
        let signature = SshSignature::from_line(on_record?.draw.as_ref()?);
        let signed = signature.check(DRAW_NAMESPACE, text.as_bytes(), std::slice::from_ref(key));
        matches!(signed, Signed::By(_)).then_some(signature)
    }

    /// Whether a grant that it is a case of is earned, whatever its sample.
    pub fn is_earned(&self, record: &TrackRecord) -> bool {
        self.is_grantable() && self.figures(record).any(|figures| figures.is_earned())
    }

    fn figures(&self, record: &TrackRecord) -> impl Iterator<Item = Figures<'_>> + Clone {
        let today = Day::from(self.now);
        self.matching()
            .map(move |grant| Figures::of(grant, record, today))
    }

    fn matching(&self) -> impl Iterator<Item = &Grant> + Clone {
        self.rules
            .grants
            .iter()
            .filter(|grant| self.is_case_of(grant))
    }

    fn is_case_of(&self, grant: &Grant) -> bool {
        let CaseKind {
            about,
            environments,
        } = self.kind;
        let agents = grant.agents.as_ref();
        let has_labels = || {
            let mut targets = about.targets.iter();
            targets.all(|name| {
                let known = self.situation.find_target(name);
                let mut labels = grant.labels.iter();
                labels.all(|(name, value)| {
                    known.is_some_and(|known| known.labels.get(name) == Some(value))
                })
            })
        };
        agents.is_none_or(|agents| agents.contains(&about.agent))
            && grant.actions.contains(&about.action)
            && environments.all.is_subset(&grant.environments)
            && has_labels()
    }
}

/// How a grant stands by a track record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantStanding {
    pub grant: GrantId,
    /// Whether nobody would be asked by it, but for its sample.
    pub is_earned: bool,
    /// Whether it was lost by what happened lately.
    pub is_lost: bool,
    /// What it was lost by, or is missing, or ends it.
    pub reason: String,
}

impl GrantStanding {
    pub fn of(grant: &Grant, record: &TrackRecord, now: DateTime<Utc>) -> Self {
        let figures = Figures::of(grant, record, now.into());
        let (losses, missing) = (figures.losses(), figures.shortcomings());
        let reason = match (losses.is_empty(), missing.is_empty()) {
            (false, _) => losses.join(", "),
            (true, false) => missing.join("; "),
            (true, true) => format!("ends with {}", grant.lost_by.in_words()),
        };
        Self {
            grant: grant.id.clone(),
            is_earned: losses.is_empty() && missing.is_empty(),
            is_lost: !losses.is_empty(),
            reason,
        }
    }

    /// `earned`, `lost` or `not earned`.
    pub const fn word(&self) -> &'static str {
        match (self.is_earned, self.is_lost) {
            (true, _) => "earned",
            (false, true) => "lost",
            (false, false) => "not earned",
        }
    }
}

/// What a track record says of a grant on a day.
#[derive(Debug, Clone, Copy)]
struct Figures<'g> {
    grant: &'g Grant,
    number: u64,
    approved: RateRecord,
    succeeded: RateRecord,
    rejections: u32,
    failures: u32,
    amendments: u32,
}

impl<'g> Figures<'g> {
    fn of(grant: &'g Grant, record: &TrackRecord, today: Day) -> Self {
        let counted = record.since(today.before(grant.needs.within.saturating_sub(1)));
        let lately = record.since(today.before(grant.lost_by.within));
        Self {
            grant,
            number: record.next_number(&grant.id),
            approved: counted.approval().into(),
            succeeded: counted.success().into(),
            rejections: lately.rejected,
            failures: lately.failed,
            amendments: lately.amended,
        }
    }

    fn is_earned(&self) -> bool {
        self.shortcomings().is_empty() && self.losses().is_empty()
    }

    /// What it was lost by.
    fn losses(&self) -> Vec<String> {
        let loss = &self.grant.lost_by;
        let days = counted(loss.within, "day");
        let lost = |count: u32, most: Option<u32>, what| {
            let is_lost = most.is_some_and(|most| count >= most);
            is_lost.then(|| format!("{} within {days}", counted(count, what)))
        };
        let losses = [
            lost(self.rejections, loss.rejections, "rejection"),
            lost(self.failures, loss.failures, "failure"),
            lost(self.amendments, loss.amendments, "amendment"),
        ];
        losses.into_iter().flatten().collect()
    }

    /// What is missing for it to be earned.
    fn shortcomings(&self) -> Vec<String> {
        let needs = self.grant.needs;
        if self.approved.of < needs.decided {
            return vec![format!(
                "people decided {} of the {} that it needs within {}",
                self.approved.of,
                needs.decided,
                counted(needs.within, "day")
            )];
        }
        let low = |rate: RateRecord, least: Percent, what: &str| {
            (rate.at_least < least)
                .then(|| format!("{rate} {what}, where it needs at least {least}"))
        };
        let missing = [
            low(self.approved, needs.approval_rate, "were approved"),
            low(
                self.succeeded,
                needs.success_rate,
                "of the executions succeeded",
            ),
        ];
        missing.into_iter().flatten().collect()
    }

    fn draw_text(&self, kind: &CaseKind<'_>) -> String {
        let (about, environment) = (kind.about, &kind.environments.riskiest);
        format!(
            "countersign grant {} {} {} {environment} {}",
            self.grant.id, about.agent, about.action, self.number
        )
    }

    fn not_earned(&self, kind: &CaseKind<'_>) -> GrantRecord {
        let (id, whose) = (&self.grant.id, whose(kind));
        let losses = self.losses();
        let (answer, reason) = match losses.is_empty() {
            false => (
                GrantAnswer::Lost,
                format!("grant {id} is lost for {whose}: {}", losses.join(", ")),
            ),
            true => (
                GrantAnswer::NotEarned,
                format!(
                    "grant {id} is not earned for {whose}: {}",
                    self.shortcomings().join("; ")
                ),
            ),
        };
        self.record(answer, None, reason)
    }

    fn drawn(&self, kind: &CaseKind<'_>, signature: Option<SshSignature>) -> GrantRecord {
        let (id, whose) = (&self.grant.id, whose(kind));
        let (sample, number) = (self.grant.sample, self.number);
        let draw = signature.as_ref().and_then(SshSignature::number);
        let share = u64::from(Percent::ALL.hundredths());
        let (answer, reason) = match draw {
            None => (
                GrantAnswer::NotDrawn,
                format!(
                    "grant {id} is earned for {whose}, but the key that draws its sample was not at hand"
                ),
            ),
            Some(draw) if draw % share < sample.hundredths().into() => (
                GrantAnswer::Drawn,
                format!(
                    "grant {id} is earned for {whose}, but its case {number} is in the sample of {sample} that people decide"
                ),
            ),
            Some(_) => (
                GrantAnswer::Granted,
                format!(
                    "grant {id} is earned for {whose}: within {}, people approved {}, and {} of the executions succeeded; its case \
                     {number} is not in the sample of {sample}; it ends with {}",
                    counted(self.grant.needs.within, "day"),
                    self.approved,
                    self.succeeded,
                    self.grant.lost_by.in_words()
                ),
            ),
        };
        let draw = draw.and(signature).map(|signature| signature.to_string());
        self.record(answer, draw, reason)
    }

    fn record(&self, answer: GrantAnswer, draw: Option<String>, reason: String) -> GrantRecord {
        GrantRecord {
            id: self.grant.id.clone(),
            answer,
            number: self.number,
            approved: self.approved,
            succeeded: self.succeeded,
            draw,
            reason,
        }
    }
}

/// `modify_parameters by strategy-optimizer in paper`
fn whose(kind: &CaseKind<'_>) -> String {
    let (about, environment) = (kind.about, &kind.environments.riskiest);
    format!("{} by {} in {environment}", about.action, about.agent)
}
