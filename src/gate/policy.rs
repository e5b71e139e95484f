//! Runs policy tests: the rules' own tests, beside them in `rules/tests/*.yaml`.
//!
//! A test is decided by the same code as a proposal, so that what a test shows is what will
//! happen. A failure says what was expected, what came out, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::DateTime;

use crate::domain::documents::{
    Assessment, Baseline, Recommendation, RecommendationSchema, Requirement,
};
use crate::domain::ids::{AgentName, CaseId, EvidenceName, GroupName, TargetName, TriggerId};
use crate::domain::similar::expected_one_of;
use crate::domain::value::Value;
use crate::gate::requirement;
use crate::risk::limits::{UsedLimits, UsedPart, possible_keys};
use crate::risk::{
    Explanation, KnownTarget, RiskContext, assess, assess_governance_change, validity,
};
use crate::rules::Rules;
use crate::rules::agents::Agent;
use crate::rules::evidence::EvidenceState;
use crate::rules::governance::Governance;
use crate::rules::policy_test::{Expected, Given, GivenTarget, PolicyTest, Proposal};

/// What a test comes to.
struct Decided {
    assessment: Assessment,
    required: Requirement,
    differences: Vec<String>,
    /// What is explained where it fails; none of a governance change.
    recommended: Option<Recommended>,
}

struct Recommended {
    recommendation: Recommendation,
    situation: RiskContext,
}

/// Runs one policy test.
pub fn check(test: &PolicyTest, rules: &Rules) -> Result<(), Vec<String>> {
    let differences = decide(test, rules)?.differences;
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences)
    }
}

/// What came of one policy test.
#[derive(Debug)]
pub struct TestRun {
    /// The rules that fired.
    pub fired: BTreeSet<TriggerId>,
    /// A line for each expectation that does not hold, and after them the lines of the explanation; empty: it passes.
    pub failures: Vec<String>,
}

/// Runs one policy test and explains what came out, which takes longer where it fails.
pub fn run(test: &PolicyTest, rules: &Rules) -> TestRun {
    let decided = match decide(test, rules) {
        Ok(decided) => decided,
        Err(failures) => {
            return TestRun {
                fired: BTreeSet::new(),
                failures,
            };
        }
    };
    let Decided {
        assessment,
        required,
        differences: mut failures,
        recommended,
    } = decided;
    let triggers = assessment.triggers.iter();
    let fired = triggers.map(|trigger| trigger.id.clone()).collect();
    let Some(recommended) = recommended.filter(|_| !failures.is_empty()) else {
        return TestRun { fired, failures };
    };
    let Recommended {
        recommendation,
        situation,
    } = &recommended;
    let explanation = Explanation::of(recommendation, situation, rules, &assessment, required);
    failures.extend(
        explanation
            .plain()
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned),
    );
    TestRun { fired, failures }
}

fn decide(test: &PolicyTest, rules: &Rules) -> Result<Decided, Vec<String>> {
    let governance = Governance {
        mode: test.mode.unwrap_or(rules.governance.mode),
        ..rules.governance.clone()
    };
    let recommended = match &test.recommend {
        Some(proposal) => Some(Recommended::of(proposal, &test.given, rules)?),
        None => None,
    };
    let (assessment, required) = match &recommended {
        Some(recommended) => {
            let assessment = assess(&recommended.recommendation, &recommended.situation, rules);
            let required = requirement::for_recommendation(&assessment, &governance);
            (assessment, required)
        }
        None => {
            let paths = test.change.as_deref().unwrap_or_default();
            let assessment = assess_governance_change(paths, rules);
            let required = requirement::for_governance_change(&assessment, &governance);
            (assessment, required)
        }
    };
    let differences = differences(&test.expect, &assessment, required);
    Ok(Decided {
        assessment,
        required,
        differences,
        recommended,
    })
}

/// What is known of each fact: what a test gives, and that the rest is absent.
fn evidence(
    given: &BTreeMap<EvidenceName, Value>,
    rules: &Rules,
) -> Result<BTreeMap<EvidenceName, EvidenceState>, Vec<String>> {
    let mut states = rules.evidence_states(&[], DateTime::UNIX_EPOCH);
    for (name, value) in given {
        let Some(rule) = rules.evidence.get(name) else {
            let known: Vec<&str> = rules.evidence.keys().map(EvidenceName::as_str).collect();
            let expected = expected_one_of(name.as_str(), &known);
            return Err(vec![format!(
                "given.evidence: `{name}` is not in `rules/evidence.yaml`{expected}"
            )]);
        };
        let known = rule.read_value(value);
        let known = known.map_err(|why| vec![format!("given.evidence.{name}: {why}")])?;
        states.insert(name.clone(), EvidenceState::Known(known));
    }
    Ok(states)
}

impl Recommended {
    /// What a test gives, unless it would not be scored at all.
    fn of(proposal: &Proposal, given: &Given, rules: &Rules) -> Result<Self, Vec<String>> {
        let recommendation = recommendation(proposal, rules)?;
        let targets = given
            .targets
            .iter()
            .map(|(name, given)| (name.clone(), Arc::new(target(given))));
        let targets = targets.collect();
        let situation = RiskContext {
            used: used(&recommendation, &targets, given, rules)?,
            targets,
            agent_registered: proposal.agent.is_none()
                || rules.agents.contains_key(&recommendation.agent),
            unattributed: given.unattributed,
            windows: given.windows.iter().cloned().collect(),
            evidence: evidence(&given.evidence, rules)?,
            near: BTreeMap::new(),
        };
        let invalid = validity::problems("recommend", &recommendation, &situation, rules);
        if !invalid.is_empty() {
            let found = invalid
                .iter()
                .map(|problem| format!("the proposal is invalid: {problem}"));
            return Err(found.collect());
        }
        Ok(Self {
            recommendation,
            situation,
        })
    }
}

/// What is used of each limit, by whatever it is counted.
fn used(
    about: &Recommendation,
    targets: &BTreeMap<TargetName, Arc<KnownTarget>>,
    given: &Given,
    rules: &Rules,
) -> Result<UsedLimits, Vec<String>> {
    let has_limit = |id: &&TriggerId| {
        let mut rules = rules.policy.iter();
        rules.any(|rule| rule.id == **id && rule.limit.is_some())
    };
    if let Some(unknown) = given.used.keys().find(|id| !has_limit(id)) {
        let message = format!("given.used: `{unknown}` is no rule with a `limit`");
        return Err(vec![message]);
    }
    let mut used = UsedLimits::default();
    for (rule, _, key) in possible_keys(about, targets, rules) {
        let parts = given.used.get(&rule.id).map(|used| UsedPart {
            used: used.decimal(),
            free_at: None,
        });
        used.insert(rule.id.clone(), key, parts.into_iter().collect());
    }
    Ok(used)
}

fn target(given: &GivenTarget) -> KnownTarget {
    let baselines = given.baselines.iter().map(|(name, value)| {
        let now = given.parameters.get(name).unwrap_or(&Value::Null);
        let baseline = Baseline {
            value: value.clone(),
            now: now.clone(),
            since: CaseId::from_parts(DateTime::UNIX_EPOCH, 0),
        };
        (name.clone(), baseline)
    });
    KnownTarget {
        environment: given.environment.clone(),
        labels: given.labels.clone(),
        parameters: given.parameters.clone(),
        baselines: baselines.collect(),
        rehearsal: None,
    }
}

fn differences(expect: &Expected, assessment: &Assessment, required: Requirement) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, expected: String, came: String| {
        if expected != came {
            found.push(format!("{what}: expected {expected}, found {came}"));
        }
    };
    differ(
        "level",
        expect.level.to_string(),
        assessment.level.to_string(),
    );
    if let Some(score) = expect.score {
        differ("score", score.to_string(), assessment.score.to_string());
    }
    if let Some(triggers) = &expect.triggers {
        let mut fired: Vec<&str> = assessment
            .triggers
            .iter()
            .map(|trigger| trigger.id.as_str())
            .collect();
        fired.sort_unstable();
        let expected: Vec<&str> = triggers.iter().map(|id| id.as_str()).collect();
        differ("triggers", listed(&expected), listed(&fired));
    }
    if let Some(refused) = expect.refused {
        let is_refused = assessment.is_refused();
        differ("refused", refused.to_string(), is_refused.to_string());
    }
    if let Some(held) = expect.held {
        let is_held = assessment.is_held();
        differ("held", held.to_string(), is_held.to_string());
    }
    if let Some(groups) = &expect.asks {
        let asks = assessment
            .triggers
            .iter()
            .filter_map(|fired| fired.ask.as_ref());
        let asked = asks.flat_map(|ask| ask.any_of.iter().flatten());
        let asked: BTreeSet<&str> = asked.map(|part| part.from.as_str()).collect();
        let asked: Vec<&str> = asked.into_iter().collect();
        let expected: Vec<&str> = groups.iter().map(GroupName::as_str).collect();
        differ("asks", listed(&expected), listed(&asked));
    }
    if let Some(role) = expect.role {
        differ("role", role.to_string(), required.role.to_string());
    }
    if let Some(requires) = expect.requires {
        differ("requires", said(requires), said(required));
    }
    let factors = assessment
        .factors
        .iter()
        .map(|factor| factor.reason.as_str());
    let triggers = assessment
        .triggers
        .iter()
        .map(|trigger| trigger.reason.as_str());
    let reasons: Vec<&str> = factors.chain(triggers).collect();
    for text in &expect.reasons {
        if !reasons.iter().any(|reason| reason.contains(text.as_str())) {
            found.push(format!("reasons: expected one with {text:?}, found none"));
        }
    }
    found
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn said(requirement: Requirement) -> String {
    let Requirement {
        role,
        approvals,
        justification,
    } = requirement;
    format!("{{role: {role}, approvals: {approvals}, justification: {justification}}}")
}

/// A whole recommendation of the part that a test gives. What it leaves out has no part in risk.
fn recommendation(proposal: &Proposal, rules: &Rules) -> Result<Recommendation, Vec<String>> {
    let agent = match &proposal.agent {
        Some(agent) => agent.clone(),
        None => registered(proposal, rules)?,
    };
    let session = "policy-test"
        .parse()
        .map_err(|error| vec![format!("{error}")])?;
    Ok(Recommendation {
        schema: RecommendationSchema,
        id: CaseId::from_parts(DateTime::UNIX_EPOCH, 0),
        agent,
        session,
        action: proposal.action.clone(),
        targets: proposal.targets.clone(),
        changes: proposal.changes.clone(),
        rationale: String::new(),
        citations: Vec::new(),
        details: proposal.details.clone(),
        expects: Default::default(),
        created_at: DateTime::UNIX_EPOCH,
    })
}

/// The agent of a test that names none: one that may propose the action. Where the rules list none,
/// because nobody is registered yet, a name stands in for it: such a test is not about agents.
fn registered(proposal: &Proposal, rules: &Rules) -> Result<AgentName, Vec<String>> {
    let may = |agent: &Agent| agent.actions.contains(&proposal.action);
    match rules.agents.iter().find(|(_, agent)| may(agent)) {
        Some((name, _)) => Ok(name.clone()),
        None => STAND_IN.parse().map_err(|error| vec![format!("{error}")]),
    }
}

const STAND_IN: &str = "any-registered-agent";

#[cfg(test)]
mod tests;
