//! How deep an expression nests, and how often it loops: parser and interpreter recurse, and a stack that overflows
//! ends the whole program. A governance change that anyone proposes must not be able to do that.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr};

/// The stack that the parser gets: enough for any expression of the greatest length.
pub(super) const PARSER_STACK_BYTES: usize = 128 << 20;

/// The deepest expression that is evaluated: half of what overflows the smallest usual stack.
pub(super) const MOST: usize = 20;

/// How many levels the expression has.
pub(super) fn of(expression: &IdedExpr) -> usize {
    parts(expression).into_iter().map(of).max().unwrap_or(0) + 1
}

/// How many loops are in the expression, however they are written.
pub(super) fn loops(expression: &IdedExpr) -> usize {
    let own = usize::from(matches!(expression.expr, Expr::Comprehension(_)));
    parts(expression).into_iter().map(loops).sum::<usize>() + own
}

/// The expressions that this one is made of.
fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.args.iter().chain(call.target.as_deref()).collect(),
        Expr::Comprehension(it) => vec![
            &it.iter_range,
            &it.accu_init,
            &it.loop_cond,
            &it.loop_step,
            &it.result,
        ],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => entries(&map.entries),
        Expr::Struct(made) => entries(&made.entries),
        Expr::Select(select) => vec![&select.operand],
    }
}

fn entries(entries: &[IdedEntryExpr]) -> Vec<&IdedExpr> {
    let parts = entries.iter().flat_map(|entry| match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    });
    parts.collect()
}
