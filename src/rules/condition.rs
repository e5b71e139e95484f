//! Conditions over the facts of a proposal, written in CEL; only this file and its parts name the CEL crate.
//!
//! An expression may use only the documented [`FACTS`] as what they are (`types`), is bounded in length and in
//! nested loops (the interpreter has no budget of its own), and is compiled once per version of the rules.

mod constants;
mod cost;
mod depth;
mod facts;
mod types;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, OnceLock};

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Program, Value as CelValue};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::evidence::{EvidenceRules, EvidenceState};
use crate::domain::ids::EvidenceName;
use crate::domain::page::Line;
use crate::domain::value::Value;
pub use constants::{Compared, Constant};
pub use cost::Sizes;
pub use facts::{ChangeFact, FACTS, Fact, FactInfo, FactType, Facts, TargetFact, described, find};
pub use types::{FUNCTIONS, TypeError};

/// Why an expression is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    #[error(
        "the expression is too long: at most {} characters",
        Condition::LONGEST
    )]
    TooLong,
    #[error(
        "the expression has too many brackets: at most {}",
        Condition::MOST_BRACKETS
    )]
    TooManyBrackets,
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    #[error(
        "too many loops: at most {} of all, exists, exists_one, map, filter",
        Condition::MOST_LOOPS
    )]
    TooManyLoops,
    #[error(
        "the expression nests too deep: at most {} levels; split it into several triggers",
        depth::MOST
    )]
    TooDeep,
    /// There is no thread to parse it on.
    #[error("the expression cannot be read now: {0}")]
    NotNow(String),
    #[error(transparent)]
    Type(#[from] TypeError),
}

/// Why a condition answers neither true nor false.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error(
        "the lists and mappings that it looks at hold more than {} values",
        Condition::MOST_PARTS
    )]
    TooManyParts,
    #[error("the expression does not answer true or false")]
    NotBoolean,
    /// Why evidence that it reads counts as nothing, and who may vouch for it.
    #[error("{0}")]
    NoEvidence(String),
    /// As the interpreter says it.
    #[error("{0}")]
    Failed(String),
}

#[derive(Debug)]
pub struct Condition {
    /// As it is written.
    text: String,
    program: Program,
    /// The facts that it uses.
    facts: Vec<&'static str>,
    windows: BTreeSet<String>,
    evidence: BTreeSet<EvidenceName>,
}

impl Condition {
    /// The longest expression, in bytes.
    pub const LONGEST: usize = 1_000;
    /// The most loops (`all`, `exists`, `exists_one`, `map`, `filter`) in one expression.
    pub const MOST_LOOPS: usize = 2;
    /// The most values inside of lists and maps that the changes of one proposal show to a condition.
    const MOST_PARTS: usize = 256;
    /// The most brackets: the parser's time grows with their nesting.
    const MOST_BRACKETS: usize = 100;

    /// Compiles an expression; where nothing is known of the evidence, what it names of that is not looked at.
    pub fn compile(
        expression: &str,
        evidence: Option<&EvidenceRules>,
    ) -> Result<Self, ConditionError> {
        if expression.len() > Self::LONGEST {
            return Err(ConditionError::TooLong);
        }
        if expression.matches(['(', '[', '{']).count() > Self::MOST_BRACKETS {
            return Err(ConditionError::TooManyBrackets);
        }
        let program = parse(expression)?;
        let uses = types::check(program.expression(), evidence)?;
        Ok(Self {
            text: expression.to_owned(),
            program,
            facts: uses.facts.into_iter().collect(),
            windows: uses.windows,
            evidence: uses.evidence,
        })
    }

    /// The expression.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When it holds, in words: `when bulk ...`; none where no sentence would say exactly that.
    pub fn in_words(&self) -> Option<Line> {
        words::of(self.program.expression())
    }

    /// The steps that answering it takes at most, over a proposal of this size.
    pub fn steps(&self, sizes: Sizes) -> u64 {
        cost::of(self.program.expression(), sizes)
    }

    /// What the expression compares its facts with, each once.
    pub fn compared(&self) -> Vec<Compared> {
        constants::of(self.program.expression())
    }

    /// The windows that the expression names.
    pub const fn windows(&self) -> &BTreeSet<String> {
        &self.windows
    }

    /// The evidence that the expression reads.
    pub const fn evidence(&self) -> &BTreeSet<EvidenceName> {
        &self.evidence
    }

    /// The facts that the expression uses; the answer depends on nothing else.
    pub fn facts(&self) -> &[&'static str] {
        &self.facts
    }
}

/// Parses on a stack of its own, so that no expression overflows the caller's.
fn parse(expression: &str) -> Result<Program, ConditionError> {
    let parse = || {
        let program = Program::compile(expression).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or("it cannot be read");
            ConditionError::Syntax(first.trim().to_owned())
        })?;
        if depth::loops(program.expression()) > Condition::MOST_LOOPS {
            return Err(ConditionError::TooManyLoops);
        }
        if depth::of(program.expression()) > depth::MOST {
            return Err(ConditionError::TooDeep);
        }
        Ok(program)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(depth::PARSER_STACK_BYTES)
            .spawn_scoped(scope, parse);
        let thread = thread.map_err(|error| ConditionError::NotNow(error.to_string()))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(ConditionError::Syntax("the parser gave up".to_owned())))
    })
}

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Answers conditions over the same facts; the lists that they look at are made once.
pub struct Evaluator<'f> {
    facts: &'f dyn Facts,
    changes: OnceLock<CelList<'f>>,
    targets: OnceLock<CelList<'f>>,
}

impl<'f> Evaluator<'f> {
    pub const fn over(facts: &'f dyn Facts) -> Self {
        Self {
            facts,
            changes: OnceLock::new(),
            targets: OnceLock::new(),
        }
    }

    /// Each condition's answer, in their order: true, false, or why it failed.
    pub fn evaluate<'c>(
        &self,
        conditions: impl IntoIterator<Item = &'c Condition>,
    ) -> Vec<Result<bool, AnswerError>> {
        let context = self.context();
        conditions
            .into_iter()
            .map(|condition| self.answer(condition, &context))
            .collect()
    }

    /// Whether any of the conditions is true or fails.
    pub fn any_fires<'c>(&self, conditions: impl IntoIterator<Item = &'c Condition>) -> bool {
        let context = self.context();
        conditions
            .into_iter()
            .any(|condition| self.answer(condition, &context) != Ok(false))
    }

    fn answer(
        &self,
        condition: &Condition,
        context: &Context<'_, '_>,
    ) -> Result<bool, AnswerError> {
        let looks_at = |fact| condition.facts.contains(&fact) && self.has_too_many_parts(fact);
        if ["changes", "targets", "details"].into_iter().any(looks_at) {
            return Err(AnswerError::TooManyParts);
        }
        match condition.program.execute(context) {
            Ok(CelValue::Bool(answer)) => Ok(answer),
            Ok(_) => Err(AnswerError::NotBoolean),
            Err(error) => {
                let why = self.why_no_evidence(condition, &error);
                Err(why.unwrap_or_else(|| AnswerError::Failed(error.to_string())))
            }
        }
    }

    fn context(&self) -> Context<'_, '_> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(self);
        context
    }

    /// Why a condition failed that names evidence which is missing: the error names what was read last, and where that
    /// is something else, all of it counts as read.
    fn why_no_evidence(
        &self,
        condition: &Condition,
        error: &ExecutionError,
    ) -> Option<AnswerError> {
        let Some(Fact::Evidence(states)) = self.facts.find_fact("evidence") else {
            return None;
        };
        let find_why = |name: &str| match states.get(name)? {
            EvidenceState::Missing(why) => Some(why.as_str()),
            EvidenceState::Known(_) => None,
        };
        let named = || condition.evidence.iter().map(EvidenceName::as_str);
        if let ExecutionError::NoSuchKey(key) = error
            && let Some(why) = named()
                .find(|name| *name == key.as_str())
                .and_then(find_why)
        {
            return Some(AnswerError::NoEvidence(why.to_owned()));
        }
        let all: Vec<&str> = named().filter_map(find_why).collect();
        (!all.is_empty()).then(|| AnswerError::NoEvidence(all.join("; ")))
    }

    fn has_too_many_parts(&self, fact: &str) -> bool {
        match self.facts.find_fact(fact) {
            Some(Fact::Changes(changes)) => {
                let all: usize = changes.iter().map(|change| parts(change.value)).sum();
                all > Condition::MOST_PARTS
            }
            Some(Fact::Targets(targets)) => targets.iter().any(|target| {
                let values = target.parameters.values().map(|value| parts(value) + 1);
                values.sum::<usize>() + target.labels.len() > Condition::MOST_PARTS
            }),
            Some(Fact::Map(entries)) => {
                let values = entries.values().map(|value| parts(value) + 1);
                values.sum::<usize>() > Condition::MOST_PARTS
            }
            _ => false,
        }
    }
}

impl VariableResolver for Evaluator<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        Some(match self.facts.find_fact(variable)? {
            Fact::Bool(value) => CowVal::owned(CelBool::from(value)),
            Fact::Count(value) => {
                CowVal::owned(CelInt::from(i64::try_from(value).unwrap_or(i64::MAX)))
            }
            Fact::Text(value) => CowVal::owned(CelString::from(value)),
            Fact::Names(names) => {
                let list: Vec<Box<dyn Val + 'b>> = names
                    .iter()
                    .map(|name| -> Box<dyn Val + 'b> { Box::new(CelString::from(*name)) })
                    .collect();
                CowVal::owned(CelList::from(list))
            }
            Fact::Map(entries) => {
                let entries = entries.iter();
                CowVal::owned(map(entries.map(|(key, value)| (key.as_str(), shown(value)))))
            }
            Fact::Evidence(states) => CowVal::owned(evidence(states)),
            Fact::Changes(changes) => CowVal::Borrowed(
                self.changes
                    .get_or_init(|| CelList::from(changes.iter().map(change).collect::<Vec<_>>())),
            ),
            Fact::Targets(targets) => CowVal::Borrowed(
                self.targets
                    .get_or_init(|| CelList::from(targets.iter().map(target).collect::<Vec<_>>())),
            ),
        })
    }
}

type Shown<'b> = Box<dyn Val + 'b>;

fn map<'b, 'k>(entries: impl Iterator<Item = (&'k str, Shown<'b>)>) -> CelMap<'b> {
    let entries = entries.map(|(key, value)| (CelMapKey::from(key.to_owned()), value));
    CelMap::from(entries.collect::<HashMap<_, _>>())
}

/// What counts; what is missing is a key that is not there, so that whatever reads it fails.
fn evidence<'b>(states: &'b BTreeMap<EvidenceName, EvidenceState>) -> CelMap<'b> {
    map(states.iter().filter_map(|(name, state)| match state {
        EvidenceState::Known(known) => Some((name.as_str(), shown(&known.value))),
        EvidenceState::Missing(_) => None,
    }))
}

fn change<'b>(change: &ChangeFact<'b>) -> Shown<'b> {
    let or_null = |value: Option<&'b Value>| value.map_or_else(|| Box::new(CelNull) as _, shown);
    let entries: [(&str, Shown<'b>); 10] = [
        (
            "parameter",
            Box::new(CelString::from(change.parameter.as_str())),
        ),
        ("value", shown(change.value)),
        ("before", or_null(change.before)),
        ("tier", Box::new(CelString::from(change.tier))),
        ("amount", number(change.amount)),
        ("delta", number(change.delta)),
        ("ratio", number(change.ratio)),
        ("baseline", or_null(change.baseline)),
        ("baseline_delta", number(change.baseline_delta)),
        ("baseline_ratio", number(change.baseline_ratio)),
    ];
    Box::new(map(entries.into_iter()))
}

fn target<'b>(target: &TargetFact<'b>) -> Shown<'b> {
    let labels = target.labels.iter();
    let labels = labels.map(|(name, value)| {
        (
            name.as_str(),
            Box::new(CelString::from(value.as_str())) as Shown<'b>,
        )
    });
    let parameters = target.parameters.iter();
    let parameters = parameters.map(|(name, value)| (name.as_str(), shown(value)));
    let entries: [(&str, Shown<'b>); 4] = [
        ("name", Box::new(CelString::from(target.name.as_str()))),
        ("environment", Box::new(CelString::from(target.environment))),
        ("labels", Box::new(map(labels))),
        ("parameters", Box::new(map(parameters))),
    ];
    Box::new(map(entries.into_iter()))
}

fn number<'b>(number: Option<Decimal>) -> Shown<'b> {
    match number.and_then(|number| number.to_f64()) {
        Some(number) => Box::new(CelDouble::from(number)),
        None => Box::new(CelNull),
    }
}

/// A value as conditions see it.
fn shown(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(value) => number(Some(value.decimal())),
        Value::Text(text) => Box::new(CelString::from(text.as_str())),
        Value::List(items) => {
            let items: Vec<Box<dyn Val + '_>> = items.iter().map(shown).collect();
            Box::new(CelList::from(items))
        }
        Value::Map(entries) => {
            let entries = entries.iter();
            Box::new(map(entries.map(|(key, value)| (key.as_str(), shown(value)))))
        }
    }
}

/// How many values are in a list or mapping.
pub(super) fn parts(value: &Value) -> usize {
    match value {
        Value::List(items) => items.iter().map(|item| parts(item) + 1).sum(),
        Value::Map(entries) => entries.values().map(|item| parts(item) + 1).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => 0,
    }
}

#[cfg(test)]
mod tests;
