//! The form by which somebody decides on a waiting pull request; or why there is none for them.

use std::collections::BTreeMap;

use super::super::case_store::Reader;
use super::super::secrets::random;
use super::pending_view::ViewContext;
use super::text;
use crate::bot::{Pending, Preview, find_objection};
use crate::domain::documents::{Recommendation, RejectionCategory, Role};
use crate::domain::review::Confidence;

/// How the names of the fields begin that lower something or leave it out.
pub const SET: &str = "set.";
pub const WITHOUT: &str = "without.";
/// More targets than so many are left out by a command only.
const MOST_TARGETS: usize = 20;

/// What somebody typed before it was refused, and why it was.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub decision: String,
    pub message: String,
    pub confidence: String,
    pub category: String,
    /// What was typed or ticked to approve less, by the names of the fields.
    pub less: BTreeMap<String, String>,
    pub problem: String,
}

/// Something that can be lowered or left out.
#[derive(Debug)]
pub struct Part {
    pub name: String,
    /// What is proposed; none of a target.
    pub proposed: Option<String>,
    pub typed: String,
    pub is_left_out: bool,
}

/// A way to approve less that was computed.
#[derive(Debug)]
pub struct ReadyPart {
    /// `with stop_loss_pct=3`
    pub text: String,
    /// `LOW 20.00`
    pub reaches: String,
}

/// The form by which somebody decides.
#[derive(Debug)]
pub struct Form {
    pub csrf: String,
    pub once: String,
    pub head: String,
    /// Why an approval would not count; then none is offered.
    pub objection: Option<String>,
    /// The least length of a justification; 0 where none is needed.
    pub least: u32,
    /// What there is to lower or to leave out.
    pub parts: Vec<Part>,
    pub ready: Vec<ReadyPart>,
    pub typed: Typed,
}

/// What somebody sees instead of a form.
#[derive(Debug)]
pub enum DecisionPanel {
    Open(Box<Form>),
    /// They have to sign in first.
    SignIn,
    /// They may read only, for this reason.
    ReadOnly(String),
    /// It is reviewed elsewhere.
    Elsewhere(String),
}

/// What somebody sees at a pull request.
pub fn decision_panel(
    pending: &Pending,
    view_context: &ViewContext,
    reader: &mut Reader<'_>,
    typed: Typed,
) -> anyhow::Result<DecisionPanel> {
    let (pull, evaluation) = (&pending.pull, &pending.evaluation);
    if view_context.is_on_github {
        let address = pull
            .url
            .clone()
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        return Ok(address.map_or_else(
            || DecisionPanel::ReadOnly("It is reviewed on GitHub.".to_owned()),
            |url| DecisionPanel::Elsewhere(format!("{url}/files")),
        ));
    }
    let Some(viewer) = &view_context.viewer else {
        return Ok(DecisionPanel::SignIn);
    };
    if viewer.role == Role::None {
        let why = format!(
            "{} is neither reviewer nor admin, so there is nothing to decide here.",
            viewer.login
        );
        return Ok(DecisionPanel::ReadOnly(why));
    }
    let Some(gate_result) = &evaluation.gate_result else {
        return Ok(DecisionPanel::ReadOnly(
            "It cannot be decided until it is mended.".to_owned(),
        ));
    };
    let (repo, now) = (reader.repo, view_context.now);
    let objection = find_objection(repo, reader.rules_cache(), pull, &viewer.login, now)?;
    let objection = objection.map(|reason| text::unquoted(&reason));
    let least = if gate_result.required.justification {
        let version = reader.rules()?.into_result()?;
        version.rules.governance.justification_min_length
    } else {
        0
    };
    Ok(DecisionPanel::Open(Box::new(Form {
        csrf: viewer.csrf.clone(),
        once: random::<16>()?,
        head: pull.head.to_string(),
        objection,
        least,
        parts: evaluation
            .document
            .as_ref()
            .map_or_else(Vec::new, |document| parts(document, &typed)),
        ready: evaluation
            .document
            .as_ref()
            .map_or_else(Vec::new, |document| ready(document, &evaluation.preview)),
        typed,
    })))
}

/// Every change, and every target where there are several.
fn parts(document: &Recommendation, typed: &Typed) -> Vec<Part> {
    let part = |name: String, proposed: Option<String>| Part {
        typed: typed
            .less
            .get(&format!("{SET}{name}"))
            .cloned()
            .unwrap_or_default(),
        is_left_out: typed.less.contains_key(&format!("{WITHOUT}{name}")),
        name,
        proposed,
    };
    let changes = document.changes.iter();
    let changes = changes.map(|(name, value)| part(name.to_string(), Some(value.to_string())));
    let is_single = document.targets.len() < 2 || document.targets.len() > MOST_TARGETS;
    let targets = document.targets.iter().filter(|_| !is_single);
    changes
        .chain(targets.map(|name| part(name.to_string(), None)))
        .collect()
}

fn ready(document: &Recommendation, preview: &Preview) -> Vec<ReadyPart> {
    let reductions = preview.reductions.iter();
    let ready = reductions.filter_map(|reduction| {
        Some(ReadyPart {
            text: reduction.as_amendment(document)?.to_string(),
            reaches: format!("{} {}", reduction.level, reduction.score),
        })
    });
    ready.collect()
}

impl Form {
    /// The choices of how sure somebody is.
    pub fn confidences(&self) -> [(&'static str, &'static str, bool); 3] {
        [
            Confidence::VeryConfident,
            Confidence::Confident,
            Confidence::Uncertain,
        ]
        .map(|sure| {
            let is_chosen = self.typed.confidence == sure.as_str();
            (sure.as_str(), text::confidence(sure), is_chosen)
        })
    }

    /// The choices of a main concern.
    pub fn categories(&self) -> [(&'static str, &'static str, bool); 5] {
        RejectionCategory::ALL.map(|category| {
            let is_chosen = self.typed.category == category.as_str();
            (category.as_str(), text::category(category), is_chosen)
        })
    }

    /// Whether this is what somebody was about to do.
    pub fn is(&self, decision: &str) -> bool {
        self.typed.decision == decision
    }
}
