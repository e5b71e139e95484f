//! Conditions simple enough to answer without the CEL interpreter.
//!
//! One interpreted expression costs microseconds, and every trigger is evaluated again for every
//! edit that might lower the risk. Most triggers only join truth values, ask whether a list is
//! empty or holds a name, or compare one fact with one constant. Those are answered here; a test
//! holds both ways against each other. Anything else stays with CEL.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::{Fact, FactType, Facts, find};

/// A condition in the subset that is answered here.
#[derive(Debug)]
pub(super) enum Plain {
    Literal(bool),
    Truth(&'static str),
    Not(Box<Plain>),
    Both(Box<Plain>, Box<Plain>),
    Either(Box<Plain>, Box<Plain>),
    Compare(&'static str, Comparison, i64),
    Is(&'static str, String),
    Holds(&'static str, String),
}

/// How a count is compared with a constant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Plain {
    /// The same condition in this form, if it is simple enough.
    pub(super) fn of(expression: &IdedExpr) -> Option<Self> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => Some(Self::Literal(*value.inner())),
            Expr::Ident(name) => fact_of_type(name, |of| of == FactType::Bool).map(Self::Truth),
            Expr::Call(call) => Self::of_call(call),
            _ => None,
        }
    }

    fn of_call(call: &CallExpr) -> Option<Self> {
        let both = |left, right| Some((Box::new(Self::of(left)?), Box::new(Self::of(right)?)));
        match (call.func_name.as_str(), &call.target, call.args.as_slice()) {
            (operators::LOGICAL_NOT, None, [inner]) => Some(Self::Not(Box::new(Self::of(inner)?))),
            (operators::LOGICAL_AND, None, [left, right]) => {
                both(left, right).map(|(left, right)| Self::Both(left, right))
            }
            (operators::LOGICAL_OR, None, [left, right]) => {
                both(left, right).map(|(left, right)| Self::Either(left, right))
            }
            (operators::IN, None, [text, list]) => {
                let list = fact_of_type(ident(list)?, |of| of == FactType::Names)?;
                Some(Self::Holds(list, text_of(text)?.to_owned()))
            }
            (operator, None, [left, right]) => Self::of_comparison(operator, left, right),
            _ => None,
        }
    }

    fn of_comparison(operator: &str, left: &IdedExpr, right: &IdedExpr) -> Option<Self> {
        let comparison = match operator {
            operators::EQUALS => Comparison::Equal,
            operators::NOT_EQUALS => Comparison::NotEqual,
            operators::LESS => Comparison::Less,
            operators::LESS_EQUALS => Comparison::AtMost,
            operators::GREATER => Comparison::More,
            operators::GREATER_EQUALS => Comparison::AtLeast,
            _ => return None,
        };
        if let (Some(counted), Some(constant)) = (counted(left), whole_number(right)) {
            return Some(Self::Compare(counted, comparison, constant));
        }
        let is_text = |of| matches!(of, FactType::Text | FactType::Word(_));
        let is = Self::Is(
            fact_of_type(ident(left)?, is_text)?,
            text_of(right)?.to_owned(),
        );
        match comparison {
            Comparison::Equal => Some(is),
            Comparison::NotEqual => Some(Self::Not(Box::new(is))),
            _ => None,
        }
    }

    /// The answer; none when a fact is not there or not of its documented type.
    pub(super) fn holds(&self, facts: &dyn Facts) -> Option<bool> {
        Some(match self {
            Self::Literal(value) => *value,
            Self::Truth(fact) => match facts.find_fact(fact)? {
                Fact::Bool(value) => value,
                _ => return None,
            },
            Self::Not(inner) => !inner.holds(facts)?,
            Self::Both(left, right) => left.holds(facts)? && right.holds(facts)?,
            Self::Either(left, right) => left.holds(facts)? || right.holds(facts)?,
            Self::Compare(fact, comparison, constant) => {
                comparison.holds(count(facts.find_fact(fact)?)?, *constant)
            }
            Self::Is(fact, text) => match facts.find_fact(fact)? {
                Fact::Text(value) => value == text,
                _ => return None,
            },
            Self::Holds(fact, text) => match facts.find_fact(fact)? {
                Fact::Names(names) => names.contains(&text.as_str()),
                _ => return None,
            },
        })
    }
}

impl Comparison {
    const fn holds(self, count: i64, constant: i64) -> bool {
        match self {
            Self::Equal => count == constant,
            Self::NotEqual => count != constant,
            Self::Less => count < constant,
            Self::AtMost => count <= constant,
            Self::More => count > constant,
            Self::AtLeast => count >= constant,
        }
    }
}

fn count(fact: Fact<'_>) -> Option<i64> {
    let count = match fact {
        Fact::Count(count) => count,
        Fact::Names(names) => names.len(),
        Fact::Changes(changes) => changes.len(),
        Fact::Bool(_) | Fact::Text(_) => return None,
    };
    i64::try_from(count).ok()
}

/// The fact that `target_count`, `size(list)` or `list.size()` counts.
fn counted(expression: &IdedExpr) -> Option<&'static str> {
    let is_list = |of| matches!(of, FactType::Names | FactType::Changes);
    let list = |name: &str| fact_of_type(name, is_list);
    match &expression.expr {
        Expr::Ident(name) => fact_of_type(name, |of| of == FactType::Int),
        Expr::Call(call) if call.func_name == "size" => {
            match (&call.target, call.args.as_slice()) {
                (None, [of]) => list(ident(of)?),
                (Some(of), []) => list(ident(of)?),
                _ => None,
            }
        }
        _ => None,
    }
}

fn fact_of_type(name: &str, wanted: impl Fn(FactType) -> bool) -> Option<&'static str> {
    find(name)
        .filter(|fact| wanted(fact.of_type))
        .map(|fact| fact.name)
}

fn ident(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Ident(name) => Some(name),
        _ => None,
    }
}

fn text_of(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn whole_number(expression: &IdedExpr) -> Option<i64> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Int(number)) => Some(*number.inner()),
        _ => None,
    }
}
