//! A condition as a sentence, for people who do not read CEL. What no sentence here says exactly is not said at all:
//! then the expression itself is shown.

mod said;
mod vocabulary;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::facts::{CHANGE, FactType, Record, TARGET, find};
use crate::domain::page::Line;
use said::{Comparison, Polarity, Said};
use vocabulary::{counted, noun_of, noun_of_items, truth_of, word_of};

/// When an expression holds: `when …`, `always` or `never`.
pub(super) fn of(expression: &IdedExpr) -> Option<Line> {
    if let Expr::Literal(LiteralValue::Boolean(constant)) = &expression.expr {
        let constant = if *constant.inner() { "always" } else { "never" };
        return Some(constant.into());
    }
    let mut speaker = Speaker::default();
    let said = speaker.truth(expression, Polarity::Holds)?;
    let line = Line::from("when ").line(said.top()?);
    Some(match speaker.may_fail {
        true => line.say(", or that cannot be told"),
        false => line,
    })
}

/// What a comparison compares.
enum Subject<'e> {
    Fact(&'static str),
    /// How many are in a list.
    Count(&'static str),
    /// A key of what a loop goes over, or of a map.
    Key(Key<'e>),
    /// What a loop over texts goes over.
    Item,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Key<'e> {
    of: Owner,
    name: &'e str,
    /// A key inside of that.
    inner: Option<&'e str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Change,
    Target,
    Details,
    Evidence,
}

/// What a loop goes over.
struct Loop<'e> {
    variable: &'e str,
    over: Over,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Changes,
    Targets,
    Texts,
}

#[derive(Default)]
struct Speaker<'e> {
    /// A loop inside of a loop is not said.
    around: Option<Loop<'e>>,
    /// The keys that are known to be there.
    present: Vec<Key<'e>>,
    /// Whether the condition may fail over some proposals, which counts as fired.
    may_fail: bool,
}

impl<'e> Speaker<'e> {
    fn truth(&mut self, expression: &'e IdedExpr, polarity: Polarity) -> Option<Said> {
        match &expression.expr {
            Expr::Ident(name) if !self.is_variable(name) => {
                let (holds, fails) = truth_of(find(name)?.name)?;
                Some(Said::clause(polarity.choose(holds, fails)))
            }
            Expr::Select(select) if select.test => {
                let key = self.key(&select.operand, &select.field)?;
                presence(key, polarity)
            }
            Expr::Select(select) => match self.key(&select.operand, &select.field)? {
                Key {
                    of: Owner::Evidence,
                    name,
                    ..
                } => {
                    let line = Line::from("the evidence ").code(name);
                    Some(Said::Clause(
                        line.say(polarity.choose(" is true", " is false")),
                    ))
                }
                _ => None,
            },
            Expr::Call(call) => self.call(call, polarity),
            Expr::Comprehension(looped) => self.looped(looped, polarity),
            _ => None,
        }
    }

    fn call(&mut self, call: &'e CallExpr, polarity: Polarity) -> Option<Said> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, None, [inner]) => self.truth(inner, polarity.opposite()),
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, _) => {
                self.connected(call, polarity)
            }
            (operators::IN, None, [item, list]) => self.is_in(item, list, polarity),
            ("startsWith" | "endsWith" | "contains", Some(text), [part]) => {
                let part = text_of(part)?;
                let (holds, fails) = match name {
                    "startsWith" => ("begins with ", "does not begin with "),
                    "endsWith" => ("ends with ", "does not end with "),
                    _ => ("contains ", "does not contain "),
                };
                let verb = polarity.choose(holds, fails);
                let line = match self.subject(text)? {
                    Subject::Fact(fact) => Line::from(noun_of(fact)?).say(" "),
                    Subject::Item => Line::default(),
                    Subject::Key(Key {
                        of: Owner::Change,
                        name: "parameter",
                        ..
                    }) => Line::from("is of a parameter that "),
                    Subject::Key(Key {
                        of: Owner::Target,
                        name: "name",
                        ..
                    }) => Line::from("has a name that "),
                    Subject::Key(Key {
                        of: Owner::Target,
                        name: "environment",
                        ..
                    }) => Line::from("is in an environment that "),
                    Subject::Key(Key {
                        of: Owner::Change,
                        name: "value",
                        inner: None,
                    }) => {
                        self.may_fail = true;
                        Line::from("has a new value that ")
                    }
                    _ => return None,
                };
                Some(Said::Clause(line.say(verb).code(part)))
            }
            (operator, None, [left, right]) => {
                let comparison = Comparison::of(operator)?;
                let (subject, literal, comparison) = match (literal(left), literal(right)) {
                    (None, Some(literal)) => (left, literal, comparison),
                    (Some(literal), None) => (right, literal, comparison.mirrored()),
                    _ => return None,
                };
                self.compared(subject, comparison.under(polarity), literal)
            }
            _ => None,
        }
    }

    fn connected(&mut self, call: &'e CallExpr, polarity: Polarity) -> Option<Said> {
        let operator = call.func_name.as_str();
        let is_and = operator == operators::LOGICAL_AND;
        let known = self.present.len();
        let mut parts = Vec::new();
        for part in flattened(call, operator) {
            parts.push(self.truth(part, polarity)?);
            // What stands behind `has(…) &&` and `!has(…) ||` is only asked where it is there.
            let asked = match (&part.expr, is_and) {
                (_, true) => Some(part),
                (Expr::Call(not), false) if not.func_name == operators::LOGICAL_NOT => {
                    not.args.first()
                }
                _ => None,
            };
            self.present
                .extend(asked.and_then(|asked| self.presence_asked(asked)));
        }
        self.present.truncate(known);
        Some(Said::joined(parts, is_and == (polarity == Polarity::Holds)))
    }

    /// The key that an expression asks for, if that is all that it asks.
    fn presence_asked(&self, expression: &'e IdedExpr) -> Option<Key<'e>> {
        match &expression.expr {
            Expr::Select(select) if select.test => self.key(&select.operand, &select.field),
            Expr::Call(call) if call.func_name == operators::IN => {
                let [item, list] = call.args.as_slice() else {
                    return None;
                };
                self.key(list, text_of(item)?)
            }
            _ => None,
        }
    }

    fn is_variable(&self, name: &str) -> bool {
        self.around
            .as_ref()
            .is_some_and(|around| around.variable == name)
    }

    /// A key of what an expression is.
    fn key(&self, owner: &'e IdedExpr, name: &'e str) -> Option<Key<'e>> {
        match &owner.expr {
            Expr::Ident(owner) if self.is_variable(owner) => {
                let of = match self.around.as_ref()?.over {
                    Over::Changes => Owner::Change,
                    Over::Targets => Owner::Target,
                    Over::Texts => return None,
                };
                Some(Key {
                    of,
                    name,
                    inner: None,
                })
            }
            Expr::Ident(fact) => {
                let of = match fact.as_str() {
                    "details" => Owner::Details,
                    "evidence" => Owner::Evidence,
                    _ => return None,
                };
                Some(Key {
                    of,
                    name,
                    inner: None,
                })
            }
            Expr::Select(select) if !select.test => {
                let outer = self.key(&select.operand, &select.field)?;
                let is_map = matches!(
                    (outer.of, outer.name),
                    (Owner::Target, "labels" | "parameters")
                );
                (is_map && outer.inner.is_none()).then_some(Key {
                    inner: Some(name),
                    ..outer
                })
            }
            _ => None,
        }
    }

    fn subject(&self, expression: &'e IdedExpr) -> Option<Subject<'e>> {
        match &expression.expr {
            Expr::Ident(name) if self.is_variable(name) => {
                (self.around.as_ref()?.over == Over::Texts).then_some(Subject::Item)
            }
            Expr::Ident(name) => Some(Subject::Fact(find(name)?.name)),
            Expr::Select(select) if !select.test => {
                self.key(&select.operand, &select.field).map(Subject::Key)
            }
            Expr::Call(call) => match (call.func_name.as_str(), &call.target, call.args.as_slice())
            {
                (operators::INDEX, None, [owner, name]) => {
                    self.key(owner, text_of(name)?).map(Subject::Key)
                }
                ("size", None, [list]) => self.count(list),
                ("size", Some(list), []) => self.count(list),
                _ => None,
            },
            _ => None,
        }
    }

    fn count(&self, list: &IdedExpr) -> Option<Subject<'e>> {
        match &list.expr {
            Expr::Ident(name) if !self.is_variable(name) => Some(Subject::Count(find(name)?.name)),
            _ => None,
        }
    }

    fn compared(
        &mut self,
        subject: &'e IdedExpr,
        comparison: Comparison,
        literal: &'e LiteralValue,
    ) -> Option<Said> {
        let polarity = comparison.polarity();
        match (self.subject(subject)?, literal) {
            (Subject::Fact(fact), LiteralValue::Boolean(value)) if !comparison.is_order() => {
                let (holds, fails) = truth_of(fact)?;
                let polarity = match *value.inner() {
                    true => polarity,
                    false => polarity.opposite(),
                };
                Some(Said::clause(polarity.choose(holds, fails)))
            }
            (Subject::Fact("target_count"), LiteralValue::Int(count)) => {
                counted("targets", comparison, *count.inner())
            }
            (Subject::Count(fact), LiteralValue::Int(count)) => {
                counted(fact, comparison, *count.inner())
            }
            (Subject::Fact(fact), LiteralValue::String(text)) if !comparison.is_order() => {
                if let Some((holds, fails)) = word_of(fact, text.inner()) {
                    return Some(Said::clause(polarity.choose(holds, fails)));
                }
                let verb = polarity.choose(" is ", " is not ");
                let line = Line::from(noun_of(fact)?).say(verb);
                Some(Said::Clause(line.code(text.inner())))
            }
            (Subject::Item, LiteralValue::String(text)) if !comparison.is_order() => {
                let line = Line::from(polarity.choose("is ", "is not "));
                Some(Said::Clause(line.code(text.inner())))
            }
            (Subject::Key(key), literal) => self.key_compared(key, comparison, literal),
            _ => None,
        }
    }

    /// A key as a predicate of what it belongs to.
    fn key_compared(
        &mut self,
        key: Key<'e>,
        comparison: Comparison,
        literal: &LiteralValue,
    ) -> Option<Said> {
        let is_null = matches!(literal, LiteralValue::Null);
        let polarity = comparison.polarity();
        if comparison.is_order() {
            // Only numbers: texts have an order, too, but nobody means it.
            number_of(literal)?;
            // Evidence is of the type that the rules say; what is missing is no matter of this condition.
            self.may_fail |= key.of != Owner::Evidence;
        }
        if key.inner.is_some() || key.of == Owner::Details {
            self.may_fail |= !self.present.contains(&key);
        }
        let shown = shown(literal);
        let has_not = polarity.choose("has", "does not have");
        let line = match (key.of, key.name, key.inner) {
            (Owner::Change, "parameter", None) if !comparison.is_order() => {
                Line::from(polarity.choose("is of ", "is not of ")).code(shown?)
            }
            (Owner::Change, "tier", None) if !comparison.is_order() => {
                Line::from(polarity.choose("is ", "is not ")).say(shown?)
            }
            (Owner::Change, "value", None) if is_null => {
                Line::from(polarity.choose("removes it", "does not remove it"))
            }
            (Owner::Change, "value", None) => match comparison {
                Comparison::Equal => Line::from("has the new value ").code(shown?),
                Comparison::Unequal => Line::from("does not have the new value ").code(shown?),
                order => Line::from("has a new value ")
                    .say(order.of_amount())
                    .code(shown?),
            },
            (Owner::Change, "before", None) if is_null && !comparison.is_order() => {
                Line::from(polarity.choose(
                    "has no present value, or not the same on every target",
                    "has the same present value on every target",
                ))
            }
            (Owner::Change, "before", None) if !comparison.is_order() => {
                let line = Line::from(has_not).say(" the present value ").code(shown?);
                line.say(" on every target")
            }
            (Owner::Change, "ratio", None) if comparison != Comparison::Unequal => {
                let times = match comparison {
                    Comparison::Less => "less than ",
                    order => order.of_count(),
                };
                let line = Line::from("is to ").say(times).say(shown?);
                line.say(" times the present value, where it moves furthest")
            }
            (Owner::Change, "delta", None) => moved(comparison, number_of(literal)?)?,
            (Owner::Target, "name", None) if !comparison.is_order() => {
                Line::from(polarity.choose("is ", "is not ")).code(shown?)
            }
            (Owner::Target, "environment", None) if !comparison.is_order() => {
                let is_in = polarity.choose("is in the environment ", "is not in the environment ");
                Line::from(is_in).code(shown?)
            }
            (Owner::Target, "labels", Some(name)) if !comparison.is_order() && !is_null => {
                let label = format!("{name}: {}", shown?);
                Line::from(has_not).say(" the label ").code(label)
            }
            (Owner::Target, "parameters", Some(name)) if !is_null => match comparison {
                Comparison::Equal | Comparison::Unequal => {
                    let line = Line::from(has_not).say(" the present value ").code(shown?);
                    line.say(" of ").code(name)
                }
                order => {
                    let line = Line::from("has a present value ").say(order.of_amount());
                    line.code(shown?).say(" of ").code(name)
                }
            },
            (Owner::Details, name, None) if !is_null => {
                let line = Line::from("the detail ").code(name).say(" is ");
                line.say(comparison.of_value()).code(shown?)
            }
            (Owner::Evidence, name, None) if !is_null => {
                let line = Line::from("the evidence ").code(name).say(" is ");
                line.say(comparison.of_value()).code(shown?)
            }
            _ => return None,
        };
        Some(Said::Clause(line))
    }

    fn is_in(
        &mut self,
        item: &'e IdedExpr,
        list: &'e IdedExpr,
        polarity: Polarity,
    ) -> Option<Said> {
        if let Expr::List(listed) = &list.expr {
            let words = listed.elements.iter().map(text_of);
            let words: Vec<&str> = words.collect::<Option<_>>()?;
            let names = words.iter().map(|word| Line::default().code(word));
            let (before, last) = match polarity {
                Polarity::Holds => ("", " or "),
                Polarity::Fails => ("none of ", " and "),
            };
            let line = match self.subject(item)? {
                Subject::Fact(fact) => Line::from(noun_of(fact)?).say(" is "),
                Subject::Item => Line::from("is "),
                Subject::Key(key) if key.inner.is_none() => match (key.of, key.name) {
                    (Owner::Change, "parameter") => Line::from("is of "),
                    (Owner::Change, "tier") | (Owner::Target, "name") => Line::from("is "),
                    (Owner::Change, "value") => Line::from("has as its new value "),
                    (Owner::Target, "environment") => Line::from("is in "),
                    _ => return None,
                },
                _ => return None,
            };
            return Some(Said::Clause(line.say(before).joined(names, last)));
        }
        let name = text_of(item)?;
        if let Some(key) = self.key(list, name) {
            return presence(key, polarity);
        }
        let Expr::Ident(fact) = &list.expr else {
            return None;
        };
        let (holds, fails) = match find(fact)?.name {
            "affects" => ("it touches {}", "it does not touch {}"),
            "citations" => ("it cites {}", "it does not cite {}"),
            "windows" => ("the window {} is open", "the window {} is not open"),
            "parameters" => ("{} changes", "{} does not change"),
            "unknown_parameters" => (
                "{} changes without guidance",
                "{} does not change without guidance",
            ),
            "safety_off" => ("{} is switched off", "{} is not switched off"),
            "extreme" => ("{} gets an extreme value", "{} gets no extreme value"),
            "deviant" => (
                "{} gets a value more than 2 standard deviations from its mean",
                "{} gets no value more than 2 standard deviations from its mean",
            ),
            _ => return None,
        };
        let (before, after) = polarity.choose(holds, fails).split_once("{}")?;
        Some(Said::Clause(Line::from(before).code(name).say(after)))
    }

    fn looped(&mut self, looped: &'e ComprehensionExpr, polarity: Polarity) -> Option<Said> {
        let Expr::Ident(fact) = &looped.iter_range.expr else {
            return None;
        };
        let fact = find(fact).filter(|_| self.around.is_none())?;
        let over = match fact.of_type {
            FactType::Records(record) if std::ptr::eq::<Record>(record, &CHANGE) => Over::Changes,
            FactType::Records(record) if std::ptr::eq::<Record>(record, &TARGET) => Over::Targets,
            FactType::Names => Over::Texts,
            _ => return None,
        };
        let (quantifier, body) = quantified(looped)?;
        self.around = Some(Loop {
            variable: &looped.iter_var,
            over,
        });
        let said = self.quantified(quantifier, over, noun_of_items(fact.name)?, body, polarity);
        self.around = None;
        said
    }

    fn quantified(
        &mut self,
        quantifier: Quantifier,
        over: Over,
        noun: &'static str,
        body: &'e IdedExpr,
        polarity: Polarity,
    ) -> Option<Said> {
        let start = match (quantifier, polarity) {
            (Quantifier::Exists, Polarity::Holds) => "a ",
            (Quantifier::Exists, Polarity::Fails) => "no ",
            (Quantifier::All, Polarity::Holds) => "every ",
            (Quantifier::All, Polarity::Fails) => "not every ",
        };
        let mut line = Line::from(start).say(noun);
        let mut parts = match &body.expr {
            Expr::Call(call) if call.func_name == operators::LOGICAL_AND => {
                flattened(call, operators::LOGICAL_AND)
            }
            _ => vec![body],
        };
        if over == Over::Changes && quantifier == Quantifier::Exists {
            let named = parts
                .iter()
                .position(|part| self.names_parameter(part).is_some());
            if let Some(at) = named {
                let name = self.names_parameter(parts.remove(at))?;
                line = line.say(" of ").code(name);
                if parts.is_empty() {
                    let verb = polarity.choose(" changes", " does not change");
                    return Some(Said::Clause(Line::default().code(name).say(verb)));
                }
            }
        }
        if quantifier == Quantifier::All && polarity == Polarity::Holds {
            line = line.say(", if there is any,");
        }
        let known = self.present.len();
        let mut said = Vec::new();
        for part in parts {
            // What is said is a predicate: only of what the loop goes over.
            if !self.is_about_item(part) {
                return None;
            }
            said.push(self.truth(part, Polarity::Holds)?);
            self.present.extend(self.presence_asked(part));
        }
        self.present.truncate(known);
        let predicate = match said.len() {
            1 => said.pop()?,
            _ => Said::joined(said, true),
        };
        let is_plain = predicate.is_clause();
        let line = line.say(" ").line(predicate.top()?);
        Some(match is_plain {
            true => Said::Clause(line),
            false => Said::Composite(line),
        })
    }

    /// The parameter, if all that an expression says is which one a change is of.
    fn names_parameter(&self, expression: &'e IdedExpr) -> Option<&'e str> {
        let Expr::Call(call) = &expression.expr else {
            return None;
        };
        let [left, right] = call.args.as_slice() else {
            return None;
        };
        if call.func_name != operators::EQUALS {
            return None;
        }
        let (subject, name) = match text_of(right) {
            Some(name) => (left, name),
            None => (right, text_of(left)?),
        };
        match self.subject(subject)? {
            Subject::Key(Key {
                of: Owner::Change,
                name: "parameter",
                ..
            }) => Some(name),
            _ => None,
        }
    }

    /// Whether every comparison in an expression is of what the loop goes over.
    fn is_about_item(&self, expression: &IdedExpr) -> bool {
        match &expression.expr {
            Expr::Ident(name) => self.is_variable(name),
            Expr::Literal(_) | Expr::List(_) => true,
            Expr::Select(select) => self.is_about_item(&select.operand),
            Expr::Call(call) => {
                let inner = call.args.iter().chain(call.target.as_deref());
                inner.into_iter().all(|inner| self.is_about_item(inner))
            }
            _ => false,
        }
    }
}

/// The operands of `&&` or `||`, however they are bracketed.
fn flattened<'e>(call: &'e CallExpr, operator: &str) -> Vec<&'e IdedExpr> {
    let parts = call.args.iter().flat_map(|part| match &part.expr {
        Expr::Call(inner) if inner.func_name == operator => flattened(inner, operator),
        _ => vec![part],
    });
    parts.collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    Exists,
    All,
}

/// What `exists` and `all` become when they are parsed.
fn quantified(looped: &ComprehensionExpr) -> Option<(Quantifier, &IdedExpr)> {
    let is_accumulator = |expression: &IdedExpr| matches!(&expression.expr, Expr::Ident(name) if *name == looped.accu_var);
    let (Expr::Literal(LiteralValue::Boolean(start)), Expr::Call(step)) =
        (&looped.accu_init.expr, &looped.loop_step.expr)
    else {
        return None;
    };
    let quantifier = match (*start.inner(), step.func_name.as_str()) {
        (false, operators::LOGICAL_OR) => Quantifier::Exists,
        (true, operators::LOGICAL_AND) => Quantifier::All,
        _ => return None,
    };
    match step.args.as_slice() {
        [accumulator, body] if is_accumulator(accumulator) && is_accumulator(&looped.result) => {
            Some((quantifier, body))
        }
        _ => None,
    }
}

fn literal(expression: &IdedExpr) -> Option<&LiteralValue> {
    match &expression.expr {
        Expr::Literal(literal) => Some(literal),
        _ => None,
    }
}

fn text_of(expression: &IdedExpr) -> Option<&str> {
    match literal(expression)? {
        LiteralValue::String(text) => Some(text.inner()),
        _ => None,
    }
}

fn number_of(literal: &LiteralValue) -> Option<f64> {
    match literal {
        LiteralValue::Double(number) => Some(*number.inner()),
        LiteralValue::Int(number) => {
            let number = i32::try_from(*number.inner()).ok()?;
            Some(f64::from(number))
        }
        _ => None,
    }
}

fn shown(literal: &LiteralValue) -> Option<String> {
    Some(match literal {
        LiteralValue::Boolean(value) => value.inner().to_string(),
        LiteralValue::Double(number) => number.inner().to_string(),
        LiteralValue::Int(number) => number.inner().to_string(),
        LiteralValue::String(text) => text.inner().to_owned(),
        LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => return None,
    })
}

/// That a key is there, or not.
fn presence(key: Key<'_>, polarity: Polarity) -> Option<Said> {
    let has = polarity.choose("has ", "does not have ");
    let line = match (key.of, key.name, key.inner) {
        (Owner::Target, "labels", Some(name)) => Line::from(has).say("a label ").code(name),
        (Owner::Target, "parameters", Some(name)) => Line::from(has).say("a parameter ").code(name),
        (Owner::Details, name, None) => {
            let verb = polarity.choose("the details name ", "the details do not name ");
            Line::from(verb).code(name)
        }
        _ => return None,
    };
    Some(Said::Clause(line))
}

/// How far a value moves; a difference is negative where it moves down.
fn moved(comparison: Comparison, by: f64) -> Option<Line> {
    let (direction, least) = match comparison {
        Comparison::More if by >= 0.0 => ("up", "more than "),
        Comparison::AtLeast if by > 0.0 => ("up", "at least "),
        Comparison::Less if by <= 0.0 => ("down", "more than "),
        Comparison::AtMost if by < 0.0 => ("down", "at least "),
        _ => return None,
    };
    let line = Line::from("moves ").say(direction);
    let line = match by == 0.0 {
        true => line,
        false => line.say(" by ").say(least).say(by.abs()),
    };
    Some(line.say(" where it moves furthest"))
}
