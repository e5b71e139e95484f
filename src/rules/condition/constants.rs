//! What a condition compares its facts with: where its answer may change from one proposal to the next.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};
use rust_decimal::Decimal;

use super::facts::find;

/// A fact, or a part of one, and what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compared {
    /// The fact.
    pub fact: &'static str,
    /// The keys that lead to the part; those of a list are of its items.
    pub keys: Vec<String>,
    pub with: Constant,
}

/// What a fact is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Constant {
    Number(Decimal),
    Text(String),
    /// Of a text: what it begins, ends or goes on with.
    Part(String),
    /// How many it holds.
    Size(Decimal),
    /// Another fact, or a part of one: the fact and the keys that lead to it.
    Other(Vec<String>),
    /// Whether it is there at all, or true.
    Flag,
}

/// Everything that an expression compares, each once.
pub(super) fn of(expression: &IdedExpr) -> Vec<Compared> {
    let mut finder = Finder::default();
    finder.expression(expression);
    finder.found.sort();
    finder.found.dedup();
    finder.found
}

#[derive(Default)]
struct Finder {
    /// The variables of the loops around, innermost last, with what each goes over.
    scope: Vec<(String, Option<Path>)>,
    found: Vec<Compared>,
}

#[derive(Clone)]
struct Path {
    fact: &'static str,
    keys: Vec<String>,
}

impl Path {
    fn inner(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }
}

impl Finder {
    fn expression(&mut self, expression: &IdedExpr) {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(_) => self.keep(expression, Constant::Flag),
            Expr::Select(select) => {
                self.keep(expression, Constant::Flag);
                if self.path(expression).is_none() {
                    self.expression(&select.operand);
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(looped) => self.comprehension(looped),
            Expr::List(list) => list.elements.iter().for_each(|one| self.expression(one)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.expression(&entry.value);
                    }
                }
            }
            Expr::Struct(_) => {}
        }
    }

    fn call(&mut self, call: &CallExpr) {
        let name = call.func_name.as_str();
        let arguments = call.args.as_slice();
        match (name, call.target.as_deref(), arguments) {
            ("contains" | "startsWith" | "endsWith", Some(of), [part]) => {
                if let Some(Constant::Text(text)) = constant(part) {
                    return self.keep(of, Constant::Part(text));
                }
            }
            (operators::IN, None, [item, list]) => {
                if let (Some(path), Some(Constant::Text(key))) = (self.path(list), constant(item)) {
                    // A key of a map, or an item of a list.
                    self.found.push(match path.fact {
                        "details" | "evidence" => compared(path.inner(&key), Constant::Flag),
                        _ => compared(path, Constant::Text(key)),
                    });
                    return self.inside(list);
                }
                if let Expr::List(list) = &list.expr {
                    return list.elements.iter().for_each(|one| self.compare(item, one));
                }
            }
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                None,
                [left, right],
            ) => {
                self.compare(left, right);
                return self.compare(right, left);
            }
            (operators::INDEX, None, [of, _]) if self.path(of).is_some() => return,
            _ => {}
        }
        for part in call.target.as_deref().into_iter().chain(arguments) {
            self.expression(part);
        }
    }

    /// What stands on one side of a comparison, if the other is a constant.
    fn compare(&mut self, of: &IdedExpr, with: &IdedExpr) {
        let Some(with) = constant(with) else {
            if let Some(other) = self.path_inside(with) {
                let mut keys = other.keys;
                keys.insert(0, other.fact.to_owned());
                self.keep(of, Constant::Other(keys));
            }
            return self.expression(of);
        };
        if let (Expr::Call(size), Constant::Number(number)) = (&of.expr, &with)
            && size.func_name == "size"
            && let Some(of) = size.target.as_deref().or_else(|| size.args.first())
        {
            self.keep(of, Constant::Size(*number));
            return self.inside(of);
        }
        if self.path(of).is_some() {
            self.keep(of, with);
        } else {
            // A calculation: the facts in it count, as far as they are compared.
            self.expression(of);
        }
    }

    /// What is compared inside of what is itself compared.
    fn inside(&mut self, of: &IdedExpr) {
        if let Expr::Comprehension(looped) = &of.expr {
            self.comprehension(looped);
        }
    }

    fn keep(&mut self, of: &IdedExpr, with: Constant) {
        let path = self.path(of);
        self.found.extend(path.map(|path| compared(path, with)));
    }

    fn path(&self, expression: &IdedExpr) -> Option<Path> {
        match &expression.expr {
            Expr::Ident(name) => {
                let variable = self.scope.iter().rev().find(|(known, _)| known == name);
                if let Some((_, over)) = variable {
                    return over.clone();
                }
                let fact = find(name)?.name;
                Some(Path {
                    fact,
                    keys: Vec::new(),
                })
            }
            Expr::Select(select) => Some(self.path(&select.operand)?.inner(&select.field)),
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::INDEX, [of, key]) => match constant(key)? {
                    Constant::Text(key) => Some(self.path(of)?.inner(&key)),
                    _ => self.path(of),
                },
                ("string" | "int" | "double", [of]) => self.path(of),
                _ => None,
            },
            Expr::Comprehension(looped) => self.item(looped),
            _ => None,
        }
    }

    /// The first fact of a calculation.
    fn path_inside(&self, expression: &IdedExpr) -> Option<Path> {
        let path = self.path(expression);
        path.or_else(|| match &expression.expr {
            Expr::Call(call) => call.args.iter().find_map(|part| self.path_inside(part)),
            _ => None,
        })
    }

    /// What the list holds that `map` and `filter` make.
    fn item(&self, looped: &ComprehensionExpr) -> Option<Path> {
        let step = match &looped.loop_step.expr {
            Expr::Call(choice) if choice.func_name == operators::CONDITIONAL => {
                choice.args.get(1)?
            }
            _ => &looped.loop_step,
        };
        let Expr::Call(added) = &step.expr else {
            return None;
        };
        let Expr::List(items) = &added.args.get(1)?.expr else {
            return None;
        };
        let mut scope = self.scope.clone();
        scope.push((looped.iter_var.clone(), self.path(&looped.iter_range)));
        let inside = Self {
            scope,
            found: Vec::new(),
        };
        inside.path(items.elements.first()?)
    }

    fn comprehension(&mut self, looped: &ComprehensionExpr) {
        let over = self.path(&looped.iter_range);
        if over.is_none() {
            self.expression(&looped.iter_range);
        }
        let depth = self.scope.len();
        self.scope.push((looped.accu_var.clone(), None));
        self.scope.push((looped.iter_var.clone(), over));
        // What `filter` and `map` gather is compared outside of them.
        let gathers = matches!(looped.accu_init.expr, Expr::List(_));
        match &looped.loop_step.expr {
            Expr::Call(choice) if choice.func_name == operators::CONDITIONAL => {
                let condition = choice.args.first();
                condition.into_iter().for_each(|one| self.expression(one));
            }
            _ if gathers => {}
            _ => self.expression(&looped.loop_step),
        }
        self.scope.truncate(depth);
    }
}

fn compared(path: Path, with: Constant) -> Compared {
    Compared {
        fact: path.fact,
        keys: path.keys,
        with,
    }
}

fn constant(expression: &IdedExpr) -> Option<Constant> {
    Some(match &expression.expr {
        Expr::Literal(LiteralValue::Int(number)) => Constant::Number((*number.inner()).into()),
        Expr::Literal(LiteralValue::UInt(number)) => Constant::Number((*number.inner()).into()),
        Expr::Literal(LiteralValue::Double(number)) => {
            Constant::Number(number.inner().to_string().parse().ok()?)
        }
        Expr::Literal(LiteralValue::String(text)) => Constant::Text(text.inner().to_owned()),
        Expr::Literal(LiteralValue::Boolean(_) | LiteralValue::Null) => Constant::Flag,
        Expr::Call(call) if call.func_name == operators::NEGATE => {
            match constant(call.args.first()?)? {
                Constant::Number(number) => Constant::Number(-number),
                _ => return None,
            }
        }
        _ => return None,
    })
}
