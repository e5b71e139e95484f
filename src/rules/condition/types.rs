//! Holds an expression against the types of the facts before it is ever evaluated: a condition that can never be
//! right (a function or fact that is not there, a word that a fact never is, a comparison of unlike things) is refused
//! when the rules are read, because afterwards it would silently never fire, or always.

use std::collections::BTreeSet;
use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators,
};

use super::facts::{FACTS, FactType, Record, find};
use crate::domain::ids::EvidenceName;
use crate::domain::ids::quoted;
use crate::domain::similar::expected_one_of;
use crate::domain::value::ValueType;
use crate::rules::evidence::EvidenceRules;

/// What an expression may call, beside operators; the last six are loops and `has`.
pub const FUNCTIONS: [&str; 13] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "string",
    "int",
    "double",
    "has",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
];

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
enum Type {
    /// What is in an empty list.
    Nothing,
    /// It depends on the proposal.
    Any,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    /// A text that is one of these.
    Words(BTreeSet<String>, Source),
    Bytes,
    List(Box<Type>),
    Map(Box<Type>),
    /// A map with these keys.
    Record(&'static Record),
}

/// Where words come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// They are all that a fact can be.
    Fact,
    /// They are written in the expression.
    Written,
}

impl From<FactType> for Type {
    fn from(fact: FactType) -> Self {
        match fact {
            FactType::Bool => Self::Bool,
            FactType::Int => Self::Int,
            FactType::Text => Self::Text,
            FactType::Word(words) => {
                let words = words.iter().map(|word| (*word).to_owned());
                Self::Words(words.collect(), Source::Fact)
            }
            FactType::Names => Self::List(Box::new(Self::Text)),
            FactType::Number => Self::Double,
            FactType::Map | FactType::Evidence => Self::Map(Box::new(Self::Any)),
            FactType::Texts => Self::Map(Box::new(Self::Text)),
            FactType::Records(record) => Self::List(Box::new(Self::Record(record))),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing | Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Int | Self::Uint => "a whole number",
            Self::Double => "a number with a fraction",
            Self::Text | Self::Words(..) => "text",
            Self::Bytes => "bytes",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Record(record) => record.noun,
        })
    }
}

impl Type {
    const fn is_open(&self) -> bool {
        matches!(self, Self::Any | Self::Nothing)
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    const fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Words(..))
    }

    /// What can be this or that.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, one) | (one, Self::Nothing) => one,
            (Self::Words(mut words, source), Self::Words(more, of)) if source == of => {
                words.extend(more);
                Self::Words(words, source)
            }
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.or(*other))),
            (Self::Map(one), Self::Map(other)) => Self::Map(Box::new(one.or(*other))),
            (one, other) if one == other => one,
            (one, other) if one.is_text() && other.is_text() => Self::Text,
            _ => Self::Any,
        }
    }
}

type Result<T = Type> = std::result::Result<T, TypeError>;

/// Why an expression can never be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TypeError(String);

fn wrong<T>(reason: impl Into<String>) -> Result<T> {
    Err(TypeError(reason.into()))
}

/// What an expression looks at.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// The facts, in the order of their names.
    pub facts: BTreeSet<&'static str>,
    /// The windows that it names.
    pub windows: BTreeSet<String>,
    /// The evidence that it reads.
    pub evidence: BTreeSet<EvidenceName>,
}

/// What an expression looks at, if it can be right.
pub(super) fn check(expression: &IdedExpr, evidence: Option<&EvidenceRules>) -> Result<Uses> {
    let mut checker = Checker {
        evidence,
        scope: Vec::new(),
        uses: Uses::default(),
    };
    match checker.expression(expression)? {
        Type::Bool | Type::Any => Ok(checker.uses),
        other => wrong(format!(
            "the expression gives {other}: expected one that is true or false, such as a comparison"
        )),
    }
}

struct Checker<'r> {
    /// What the rules know of evidence; none if they cannot be read.
    evidence: Option<&'r EvidenceRules>,
    /// The variables of the loops around, innermost last.
    scope: Vec<Variable>,
    uses: Uses,
}

struct Variable {
    name: String,
    of_type: Type,
}

impl Checker<'_> {
    fn expression(&mut self, expression: &IdedExpr) -> Result {
        match &expression.expr {
            Expr::Literal(literal) => Ok(literal_type(literal)),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(looped) => self.comprehension(looped),
            Expr::List(list) if list.optional_indices.is_empty() => {
                let mut item = Type::Nothing;
                for element in &list.elements {
                    item = item.or(self.expression(element)?);
                }
                Ok(Type::List(Box::new(item)))
            }
            Expr::Map(map) => {
                let mut value = Type::Nothing;
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return wrong(unavailable("messages"));
                    };
                    let key = self.expression(&entry.key)?;
                    if entry.optional || !(key.is_open() || key.is_text() || is_key(&key)) {
                        return wrong(format!("{key} cannot be the key of a map: expected text"));
                    }
                    value = value.or(self.expression(&entry.value)?);
                }
                Ok(Type::Map(Box::new(value)))
            }
            Expr::List(_) => wrong(unavailable("optional values")),
            Expr::Struct(_) => wrong(unavailable("messages")),
            Expr::Unspecified => wrong("a part of the expression is empty"),
        }
    }

    fn name(&mut self, name: &str) -> Result {
        if let Some(variable) = self.scope.iter().rev().find(|known| known.name == name) {
            return Ok(variable.of_type.clone());
        }
        let Some(fact) = find(name) else {
            let known: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
            return wrong(format!(
                "{} is not a fact{}",
                quoted(name),
                expected_one_of(name, &known)
            ));
        };
        if fact.of_type == FactType::Evidence {
            return wrong("`evidence` is read by name only: write `evidence.NAME`");
        }
        self.uses.facts.insert(fact.name);
        Ok(fact.of_type.into())
    }

    /// Whether this is the fact `evidence`, of which one part is named.
    fn is_evidence(&self, expression: &IdedExpr) -> bool {
        let Expr::Ident(name) = &expression.expr else {
            return false;
        };
        let is_variable = self.scope.iter().any(|known| known.name == *name);
        !is_variable && find(name).is_some_and(|fact| fact.of_type == FactType::Evidence)
    }

    fn evidence(&mut self, name: &str) -> Result {
        self.uses.facts.insert("evidence");
        let Some(rules) = self.evidence else {
            return Ok(Type::Any);
        };
        let Some((name, rule)) = rules.get_key_value(name) else {
            let known: Vec<&str> = rules.keys().map(EvidenceName::as_str).collect();
            let meant = match known.as_slice() {
                [] => ": that file has none".to_owned(),
                known => expected_one_of(name, known),
            };
            return wrong(format!(
                "{} is not evidence of `rules/evidence.yaml`{meant}",
                quoted(name)
            ));
        };
        self.uses.evidence.insert(name.clone());
        Ok(match rule.value_type {
            ValueType::Number | ValueType::Quantity | ValueType::Duration => Type::Double,
            ValueType::Text => Type::Text,
            ValueType::Boolean => Type::Bool,
            ValueType::List | ValueType::Mapping => Type::Any,
        })
    }

    fn select(&mut self, select: &SelectExpr) -> Result {
        if self.is_evidence(&select.operand) {
            if select.test {
                return wrong("what is absent makes a case HIGH by itself: leave `has` out");
            }
            return self.evidence(&select.field);
        }
        let operand = self.expression(&select.operand)?;
        let selected = field(operand, &select.field)?;
        Ok(if select.test { Type::Bool } else { selected })
    }

    fn call(&mut self, call: &CallExpr) -> Result {
        if let (operators::INDEX, [of, index]) = (call.func_name.as_str(), call.args.as_slice())
            && self.is_evidence(of)
            && let Expr::Literal(LiteralValue::String(name)) = &index.expr
        {
            return self.evidence(name.inner());
        }
        let target = match &call.target {
            Some(target) => Some(self.expression(target)?),
            None => None,
        };
        let mut arguments = Vec::new();
        for argument in &call.args {
            arguments.push(self.expression(argument)?);
        }
        let name = call.func_name.as_str();
        match (name, target, arguments.as_slice()) {
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, None, [inner]) => truth(inner),
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, [left, right]) => {
                truth(left).and(truth(right))
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                truth(condition)?;
                Ok(yes.clone().or(no.clone()))
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [left, right]) => {
                can_be_equal(left, right).map(|()| Type::Bool)
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                None,
                [left, right],
            ) => can_be_ordered(left, right),
            (operators::IN, None, [item, list]) => {
                let looks_into = call.args.get(1).map(|list| &list.expr);
                if let (Type::Words(words, Source::Written), Some(Expr::Ident(name))) =
                    (item, looks_into)
                    && name == "windows"
                {
                    self.uses.windows.extend(words.iter().cloned());
                }
                is_in(item, list)
            }
            (operators::INDEX, None, [list, index]) => index_of(list, index, call.args.get(1)),
            (operators::NEGATE, None, [number]) => match number {
                Type::Int | Type::Double | Type::Any => Ok(number.clone()),
                other => wrong(format!("`-` takes a number, not {other}")),
            },
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                None,
                [left, right],
            ) => arithmetic(name, left, right),
            ("size", Some(of), []) => size(&of),
            ("size", None, [of]) => size(of),
            ("contains" | "startsWith" | "endsWith", Some(text), [part]) => {
                for text in [&text, part] {
                    if !(text.is_open() || text.is_text()) {
                        let hint = if name == "contains" && matches!(text, Type::List(_)) {
                            ": write `item in list`"
                        } else {
                            ""
                        };
                        return wrong(format!("`{name}` takes text, not {text}{hint}"));
                    }
                }
                Ok(Type::Bool)
            }
            ("string", None, [of]) if of.is_open() || of.is_text() || is_key(of) => Ok(Type::Text),
            ("string", None, [Type::Double]) => Ok(Type::Text),
            ("int", None, [of]) if of.is_open() || of.is_text() || of.is_number() => Ok(Type::Int),
            ("double", None, [of]) if of.is_open() || of.is_text() || of.is_number() => {
                Ok(Type::Double)
            }
            (known, ..) if FUNCTIONS.contains(&known) => wrong(format!(
                "`{known}` is not called like this: {}",
                usage_of(known)
            )),
            (unknown, ..) => wrong(format!(
                "{} is not a function of conditions{}",
                quoted(unknown),
                expected_one_of(unknown, &FUNCTIONS)
            )),
        }
    }

    /// A loop as the parser has written it out: the accumulator goes through the step once for each item.
    fn comprehension(&mut self, looped: &ComprehensionExpr) -> Result {
        let item = match self.expression(&looped.iter_range)? {
            Type::List(item) => *item,
            // The keys.
            Type::Map(_) | Type::Record(_) => Type::Text,
            open if open.is_open() => Type::Any,
            other => {
                return wrong(format!(
                    "a loop goes over a list, not over {other}: expected such as `changes.exists(c, c.tier == 'aggressive')`"
                ));
            }
        };
        if looped.iter_var2.is_some() {
            return wrong("a loop has one variable");
        }
        let start = self.expression(&looped.accu_init)?;
        let around = self.scope.len();
        self.scope.push(Variable {
            name: looped.accu_var.clone(),
            of_type: start.clone(),
        });
        self.scope.push(Variable {
            name: looped.iter_var.clone(),
            of_type: item,
        });
        let step = self
            .expression(&looped.loop_cond)
            .and_then(|condition| truth(&condition))
            .and_then(|_| self.expression(&looped.loop_step));
        self.scope.truncate(around);
        self.scope.push(Variable {
            name: looped.accu_var.clone(),
            of_type: start.or(step?),
        });
        let result = self.expression(&looped.result);
        self.scope.truncate(around);
        result
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(text) => {
            Type::Words([text.inner().to_owned()].into(), Source::Written)
        }
        LiteralValue::UInt(_) => Type::Uint,
    }
}

fn unavailable(what: &str) -> String {
    format!("{what} are not part of conditions")
}

const fn is_key(of_type: &Type) -> bool {
    matches!(of_type, Type::Bool | Type::Int | Type::Uint)
}

/// The value under a key.
fn field(operand: Type, name: &str) -> Result {
    match operand {
        Type::Record(record) => {
            let Some(key) = record.find(name) else {
                let names: Vec<&str> = record.keys.iter().map(|key| key.name).collect();
                return wrong(format!(
                    "{} has no {}{}",
                    record.noun,
                    quoted(name),
                    expected_one_of(name, &names)
                ));
            };
            Ok(key.of_type.map_or(Type::Any, Type::from))
        }
        Type::Map(value) => Ok(*value),
        open if open.is_open() => Ok(Type::Any),
        other => wrong(format!("{other} has no keys, so no {}", quoted(name))),
    }
}

fn truth(of_type: &Type) -> Result {
    match of_type {
        Type::Bool | Type::Any => Ok(Type::Bool),
        other => wrong(format!(
            "`&&`, `||`, `!`, `? :` and loops take true or false, not {other}"
        )),
    }
}

fn can_be_equal(left: &Type, right: &Type) -> Result<()> {
    let alike = match (left, right) {
        (Type::Words(one, source), Type::Words(other, of)) => {
            return words_meet(one, *source, other, *of);
        }
        (one, other) if one.is_open() || other.is_open() => true,
        (one, other) if one.is_text() && other.is_text() => true,
        (one, other) if one.is_number() && other.is_number() => true,
        (Type::List(_), Type::List(_)) => true,
        (Type::Map(_) | Type::Record(_), Type::Map(_) | Type::Record(_)) => true,
        (one, other) => one == other,
    };
    if alike {
        Ok(())
    } else {
        wrong(format!("{left} is never equal to {right}"))
    }
}

/// Whether a comparison of words can come out either way: each word that is written must be one that the fact can be.
fn words_meet(
    one: &BTreeSet<String>,
    source: Source,
    other: &BTreeSet<String>,
    of: Source,
) -> Result<()> {
    let (fact, written) = match (source, of) {
        (Source::Fact, Source::Written) => (one, other),
        (Source::Written, Source::Fact) => (other, one),
        _ if one.is_disjoint(other) => {
            return wrong("these two texts are never equal");
        }
        _ => return Ok(()),
    };
    let Some(unknown) = written.iter().find(|word| !fact.contains(*word)) else {
        return Ok(());
    };
    let words: Vec<&str> = fact.iter().map(String::as_str).collect();
    wrong(format!(
        "what it is compared with is never {}{}",
        quoted(unknown),
        expected_one_of(unknown, &words)
    ))
}

fn can_be_ordered(left: &Type, right: &Type) -> Result {
    let ordered = |of_type: &Type| of_type.is_open() || of_type.is_number() || of_type.is_text();
    for side in [left, right] {
        if !ordered(side) {
            return wrong(format!(
                "`<` and its like take numbers or texts, not {side}"
            ));
        }
    }
    if left.is_open() || right.is_open() || left.is_number() == right.is_number() {
        Ok(Type::Bool)
    } else {
        wrong(format!("{left} is never more or less than {right}"))
    }
}

fn is_in(item: &Type, list: &Type) -> Result {
    match list {
        Type::List(items) => can_be_equal(item, items).map(|()| Type::Bool),
        Type::Record(record) => {
            if let Type::Words(keys, _) = item {
                for key in keys {
                    field(Type::Record(record), key)?;
                }
            }
            Ok(Type::Bool)
        }
        Type::Map(_) => Ok(Type::Bool),
        open if open.is_open() => Ok(Type::Bool),
        other => wrong(format!("`in` looks into a list or map, not into {other}")),
    }
}

fn index_of(list: &Type, index: &Type, written: Option<&IdedExpr>) -> Result {
    match (list, index) {
        (Type::List(item), Type::Int | Type::Uint | Type::Any) => Ok((**item).clone()),
        (Type::List(_), other) => wrong(format!(
            "a list is indexed by a whole number from 0, not by {other}"
        )),
        (Type::Record(record), _) => match written.map(|written| &written.expr) {
            Some(Expr::Literal(LiteralValue::String(key))) => {
                field(Type::Record(record), key.inner())
            }
            _ => Ok(Type::Any),
        },
        (Type::Map(value), _) => Ok((**value).clone()),
        (open, _) if open.is_open() => Ok(Type::Any),
        (other, _) => wrong(format!("{other} cannot be indexed")),
    }
}

fn arithmetic(operator: &str, left: &Type, right: &Type) -> Result {
    let sign = operator.trim_matches('_');
    let adds = operator == operators::ADD;
    match (left, right) {
        (one, other) if one.is_open() || other.is_open() => Ok(Type::Any),
        (Type::Double, Type::Double) if operator == operators::MODULO => {
            wrong("`%` takes whole numbers")
        }
        (one, other) if one.is_number() && one == other => Ok(one.clone()),
        (one, other) if one.is_number() && other.is_number() => wrong(format!(
            "`{sign}` takes two numbers of one kind, not {left} and {right}: write `double(…)` around the whole one"
        )),
        (one, other) if adds && one.is_text() && other.is_text() => Ok(Type::Text),
        (Type::List(one), Type::List(other)) if adds => {
            Ok(Type::List(Box::new((**one).clone().or((**other).clone()))))
        }
        _ => wrong(format!("`{sign}` does not take {left} and {right}")),
    }
}

fn size(of: &Type) -> Result {
    match of {
        Type::List(_) | Type::Map(_) | Type::Record(_) => Ok(Type::Int),
        of if of.is_open() || of.is_text() => Ok(Type::Int),
        other => wrong(format!("`size` takes a list, a map or text, not {other}")),
    }
}

fn usage_of(function: &str) -> &'static str {
    match function {
        "size" => "write `size(list)`",
        "contains" | "startsWith" | "endsWith" => "write such as `agent.startsWith('test-')`",
        "has" => "write `has(c.value.key)`",
        "string" | "int" | "double" => "it takes one value that can be read as that",
        _ => "write such as `changes.exists(c, c.tier == 'aggressive')`",
    }
}
