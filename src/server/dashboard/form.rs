//! The form by which somebody decides on a waiting pull request; or why there is none for them.

use super::super::case_store::Reader;
use super::super::secrets::random;
use super::pending_view::ViewContext;
use super::text;
use crate::bot::{Pending, find_objection};
use crate::domain::documents::{RejectionCategory, Role};
use crate::domain::review::Confidence;

/// What somebody typed before it was refused, and why it was.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub decision: String,
    pub message: String,
    pub confidence: String,
    pub category: String,
    pub problem: String,
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
        typed,
    })))
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
