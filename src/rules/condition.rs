//! Conditions over the facts of a proposal, written in CEL; only this file and its parts
//! `plain` and `depth` name the CEL crate.
//!
//! An expression may use only the documented [`FACTS`], is bounded in length and in nested loops
//! (the interpreter has no budget of its own), and is compiled once per version of the rules.

mod depth;
mod plain;

use std::sync::{Arc, LazyLock};

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, Program, Value as CelValue};
use rust_decimal::prelude::ToPrimitive;

use crate::domain::ids::ParameterName;
use crate::domain::value::Value;
use plain::Plain;

/// The facts that a condition may use: name, type, meaning.
pub const FACTS: [(&str, &str, &str); 19] = [
    ("action", "string", "the action type"),
    (
        "effect",
        "string",
        "none, modify, create, delete or unknown",
    ),
    (
        "reversibility",
        "string",
        "easy, effort, irreversible or unknown",
    ),
    (
        "affects",
        "list(string)",
        "what else the action type touches, such as real_money",
    ),
    ("agent", "string", "the proposing agent"),
    (
        "agent_registered",
        "bool",
        "whether the agent is listed in rules/agents.yaml",
    ),
    (
        "unattributed",
        "bool",
        "whether a commit of the branch is by nobody that the rules know",
    ),
    ("session", "string", "the agent's session"),
    ("target_count", "int", "how many targets are acted on"),
    ("bulk", "bool", "whether that is bulk"),
    (
        "environment",
        "string",
        "the riskiest environment of the targets now, and of those proposed",
    ),
    (
        "production",
        "bool",
        "whether that environment is production (100 points)",
    ),
    (
        "to_production",
        "bool",
        "whether a target is moved into production from elsewhere",
    ),
    ("parameters", "list(string)", "the parameters that change"),
    (
        "unknown_parameters",
        "list(string)",
        "those without guidance",
    ),
    (
        "safety_off",
        "list(string)",
        "the safety controls that are switched off, and the limits removed",
    ),
    (
        "extreme",
        "list(string)",
        "the parameters whose new value is past the extreme threshold",
    ),
    (
        "deviant",
        "list(string)",
        "the parameters whose new value is more than 2 standard deviations from the mean",
    ),
    (
        "changes",
        "list(map)",
        "each change: parameter, value, tier (conservative, moderate, aggressive, beyond all tiers)",
    ),
];

/// The value of one fact.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// True or false.
    Bool(bool),
    /// A count.
    Count(usize),
    /// A text.
    Text(&'a str),
    /// Several names.
    Names(&'a [&'a str]),
    /// What changes: parameter, new value, tier.
    Changes(&'a [(&'a ParameterName, &'a Value, &'static str)]),
}

/// Something that can say the value of each of the [`FACTS`].
pub trait Facts: Send + Sync {
    /// The fact of this name.
    fn find_fact(&self, name: &str) -> Option<Fact<'_>>;
}

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    program: Program,
    /// The same condition where CEL is not needed to answer it.
    plain: Option<Plain>,
    /// The facts that it uses.
    facts: Vec<&'static str>,
}

impl Condition {
    /// The longest expression, in bytes.
    pub const LONGEST: usize = 1_000;
    /// The most loops (`all`, `exists`, `exists_one`, `map`, `filter`) in one expression.
    pub const MOST_LOOPS: usize = 2;
    /// The most brackets: the parser's time grows with their nesting.
    const MOST_BRACKETS: usize = 100;

    /// Compiles an expression.
    ///
    /// # Errors
    /// Says what is wrong with it, in words.
    pub fn compile(expression: &str) -> Result<Self, String> {
        if expression.len() > Self::LONGEST {
            return Err(format!(
                "the expression is too long: at most {} characters",
                Self::LONGEST
            ));
        }
        if expression.matches(['(', '[', '{']).count() > Self::MOST_BRACKETS {
            return Err(format!(
                "the expression has too many brackets: at most {}",
                Self::MOST_BRACKETS
            ));
        }
        let program = parse(expression)?;
        let references = program.references();
        let mut variables: Vec<&str> = references.variables();
        variables.sort_unstable();
        let fact = |name: &str| {
            FACTS
                .iter()
                .map(|(fact, ..)| *fact)
                .find(|fact| *fact == name)
        };
        // A loop's own variable is a reference like any other; it is known by being one short word.
        let is_loop_variable = |name: &str| name.len() == 1 || name.starts_with('@');
        if let Some(unknown) = variables
            .iter()
            .find(|name| !is_loop_variable(name) && fact(name).is_none())
        {
            let known: Vec<&str> = FACTS.iter().map(|(name, ..)| *name).collect();
            return Err(format!(
                "`{unknown}` is not a fact: expected one of {}",
                known.join(", ")
            ));
        }
        let facts = variables.into_iter().filter_map(fact).collect();
        let plain = Plain::of(program.expression());
        Ok(Self {
            program,
            plain,
            facts,
        })
    }

    /// The facts that the expression uses; the answer depends on nothing else.
    pub fn facts(&self) -> &[&'static str] {
        &self.facts
    }
}

/// Parses on a stack of its own, so that no expression overflows the caller's.
fn parse(expression: &str) -> Result<Program, String> {
    let parse = || {
        let program = Program::compile(expression).map_err(|error| {
            let text = error.to_string();
            format!(
                "not a CEL expression: {}",
                text.lines().next().unwrap_or("it cannot be read").trim()
            )
        })?;
        if depth::loops(program.expression()) > Condition::MOST_LOOPS {
            return Err(format!(
                "too many loops: at most {} of all, exists, exists_one, map, filter",
                Condition::MOST_LOOPS
            ));
        }
        if depth::of(program.expression()) > depth::MOST {
            return Err(format!(
                "the expression nests too deep: at most {} levels; split it into several triggers",
                depth::MOST
            ));
        }
        Ok(program)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(depth::PARSER_STACK_BYTES)
            .spawn_scoped(scope, parse);
        let thread =
            thread.map_err(|error| format!("the expression cannot be read now: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|_| Err("not a CEL expression: the parser gave up".to_owned()))
    })
}

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Evaluates conditions, in order, over the same facts: each answers true, false, or why it failed.
pub fn evaluate<'c>(
    conditions: impl IntoIterator<Item = &'c Condition>,
    facts: &dyn Facts,
) -> Vec<Result<bool, String>> {
    let resolver = Resolver(facts);
    let mut context = None;
    conditions
        .into_iter()
        .map(|condition| answer(condition, &resolver, &mut context))
        .collect()
}

/// Whether any of the conditions is true or fails.
pub fn any_fires<'c>(
    conditions: impl IntoIterator<Item = &'c Condition>,
    facts: &dyn Facts,
) -> bool {
    let resolver = Resolver(facts);
    let mut context = None;
    conditions
        .into_iter()
        .any(|condition| answer(condition, &resolver, &mut context) != Ok(false))
}

/// The context is made when the first condition needs the interpreter: usually none does.
fn answer<'r>(
    condition: &Condition,
    resolver: &'r Resolver<'r>,
    context: &mut Option<Context<'r, 'r>>,
) -> Result<bool, String> {
    if let Some(answer) = condition
        .plain
        .as_ref()
        .and_then(|plain| plain.holds(resolver.0))
    {
        return Ok(answer);
    }
    let context = context.get_or_insert_with(|| {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(resolver);
        context
    });
    match condition.program.execute(context) {
        Ok(CelValue::Bool(answer)) => Ok(answer),
        Ok(_) => Err("the expression does not answer true or false".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

struct Resolver<'f>(&'f dyn Facts);

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        Some(match self.0.find_fact(variable)? {
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
            Fact::Changes(changes) => {
                let list: Vec<Box<dyn Val + 'b>> = changes
                    .iter()
                    .map(|(name, value, tier)| change(name, value, tier))
                    .collect();
                CowVal::owned(CelList::from(list))
            }
        })
    }
}

fn change<'b>(name: &'b ParameterName, value: &'b Value, tier: &'static str) -> Box<dyn Val + 'b> {
    let entries: [(&str, Box<dyn Val + 'b>); 3] = [
        ("parameter", Box::new(CelString::from(name.as_str()))),
        ("value", scalar(value)),
        ("tier", Box::new(CelString::from(tier))),
    ];
    let map: std::collections::HashMap<CelMapKey, Box<dyn Val + 'b>> = entries
        .into_iter()
        .map(|(key, value)| (CelMapKey::from(key.to_owned()), value))
        .collect();
    Box::new(CelMap::from(map))
}

/// Lists and maps inside a change are shown to conditions as their JSON text.
fn scalar(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => match number.decimal().to_f64() {
            Some(number) => Box::new(CelDouble::from(number)),
            None => Box::new(CelNull),
        },
        Value::Text(text) => Box::new(CelString::from(text.as_str())),
        other => Box::new(CelString::from(
            serde_json::to_string(other).unwrap_or_default(),
        )),
    }
}

#[cfg(test)]
mod tests;
