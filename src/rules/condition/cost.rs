//! What evaluating an expression costs at most, in steps of the interpreter, told from its text: it has no budget of
//! its own, and loops in loops over what a proposal may hold take seconds.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, operators};

use super::facts::{CHANGE, FactType, TARGET, find};
use crate::domain::documents::Recommendation;
use crate::rules::evidence;

/// How much of everything a condition may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// How many values are changed, at most.
    pub changes: u64,
    /// How many values a single one of them may hold.
    pub parts: u64,
    /// How many targets there are, at most.
    pub targets: u64,
    /// How many things an action may affect.
    pub affects: u64,
}

impl Sizes {
    /// Of the largest proposal, where no action affects more than so many things.
    pub fn most(affects: usize) -> Self {
        Self {
            changes: u64::try_from(Recommendation::MOST_CHANGES).unwrap_or(u64::MAX),
            parts: u64::try_from(super::Condition::MOST_PARTS).unwrap_or(u64::MAX),
            targets: u64::try_from(Recommendation::MOST_TARGETS).unwrap_or(u64::MAX),
            affects: u64::try_from(affects).unwrap_or(u64::MAX),
        }
    }
}

/// What a part of an expression comes to, at most.
#[derive(Debug, Clone, Copy)]
struct Cost {
    steps: u64,
    /// How many items its value has, if that is a list or a map.
    items: u64,
}

impl Cost {
    const fn of(steps: u64, items: u64) -> Self {
        Self { steps, items }
    }
}

/// The steps that the expression takes, at most.
pub(super) fn of(expression: &IdedExpr, sizes: Sizes) -> u64 {
    let mut counter = Counter {
        sizes,
        scope: Vec::new(),
    };
    counter.expression(expression).steps
}

struct Counter {
    sizes: Sizes,
    /// The variables of the loops around, innermost last, with how many items each holds.
    scope: Vec<(String, u64)>,
}

impl Counter {
    fn expression(&mut self, expression: &IdedExpr) -> Cost {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Cost::of(1, 1),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => {
                let operand = self.expression(&select.operand);
                let keys = CHANGE.find(&select.field).or(TARGET.find(&select.field));
                let is_plain = keys
                    .and_then(|key| key.of_type)
                    .is_some_and(|of_type| !matches!(of_type, FactType::Map | FactType::Texts));
                let items = if select.test || is_plain {
                    1
                } else {
                    self.sizes.parts
                };
                Cost::of(operand.steps.saturating_add(1), items)
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(looped) => self.comprehension(looped),
            Expr::List(list) => self.all(list.elements.iter()),
            Expr::Map(map) => self.all(entries(&map.entries)),
            Expr::Struct(made) => self.all(entries(&made.entries)),
        }
    }

    /// A list or a map of these.
    fn all<'e>(&mut self, parts: impl Iterator<Item = &'e IdedExpr>) -> Cost {
        let (mut steps, mut items) = (1u64, 0u64);
        for part in parts {
            steps = steps.saturating_add(self.expression(part).steps);
            items = items.saturating_add(1);
        }
        Cost::of(steps, items)
    }

    fn name(&self, name: &str) -> Cost {
        if let Some((_, items)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Cost::of(1, *items);
        }
        let items = match find(name).map(|fact| (fact.of_type, fact.name)) {
            Some((FactType::Names, "affects")) => self.sizes.affects,
            Some((FactType::Records(record), _)) if *record == TARGET => self.sizes.targets,
            Some((FactType::Names | FactType::Records(_), _)) => self.sizes.changes,
            Some((FactType::Map, _)) => self.sizes.parts,
            Some((FactType::Evidence, _)) => u64::try_from(evidence::MOST).unwrap_or(u64::MAX),
            _ => 1,
        };
        // The list is made anew for each that asks.
        Cost::of(items.saturating_add(1), items)
    }

    fn call(&mut self, call: &CallExpr) -> Cost {
        let (mut steps, mut most, mut least, mut sum) = (1u64, 1u64, u64::MAX, 0u64);
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            let argument = self.expression(argument);
            steps = steps.saturating_add(argument.steps);
            most = most.max(argument.items);
            least = least.min(argument.items);
            sum = sum.saturating_add(argument.items);
        }
        let items = match call.func_name.as_str() {
            operators::ADD => sum,
            operators::CONDITIONAL => most,
            operators::INDEX => self.sizes.parts,
            _ => 1,
        };
        let looked_at = match call.func_name.as_str() {
            // A list is compared with one of the same length only.
            operators::EQUALS | operators::NOT_EQUALS => least,
            _ => most,
        };
        Cost::of(steps.saturating_add(looked_at), items)
    }

    fn comprehension(&mut self, looped: &ComprehensionExpr) -> Cost {
        let range = self.expression(&looped.iter_range);
        let start = self.expression(&looped.accu_init);
        let gathers = matches!(looped.accu_init.expr, Expr::List(_) | Expr::Map(_));
        let gathered = if gathers { range.items } else { 1 };
        let depth = self.scope.len();
        self.scope.push((looped.accu_var.clone(), gathered));
        self.scope.push((looped.iter_var.clone(), self.sizes.parts));
        let variables = looped.iter_var2.iter();
        self.scope
            .extend(variables.map(|name| (name.clone(), self.sizes.parts)));
        let condition = self.expression(&looped.loop_cond);
        let step = self.expression(&looped.loop_step);
        let result = self.expression(&looped.result);
        self.scope.truncate(depth);
        let once = condition.steps.saturating_add(step.steps).saturating_add(1);
        let steps = range
            .steps
            .saturating_add(start.steps)
            .saturating_add(range.items.saturating_mul(once))
            .saturating_add(result.steps);
        Cost::of(steps, gathered)
    }
}

fn entries(entries: &[IdedEntryExpr]) -> impl Iterator<Item = &IdedExpr> {
    entries.iter().flat_map(|entry| match &entry.expr {
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        EntryExpr::StructField(field) => vec![&field.value],
    })
}
