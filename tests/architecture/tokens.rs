//! Reads a file as tokens, because a path in a macro's arguments is an import like any other and the syntax
//! tree does not show it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

/// A name or a path as it is written: `git2::Oid`, `super::x`, `println` of `println!`.
pub struct Written {
    pub words: Vec<String>,
    pub line: usize,
    /// Begins with `::`, so that the first word is a library.
    pub rooted: bool,
    /// A macro's name.
    pub bang: bool,
    /// A method's name.
    pub after_dot: bool,
    /// How many token trees its arguments have, if arguments follow.
    pub arguments: Option<usize>,
}

/// Every path of a file, `use` trees unfolded, and those in attributes and macros too.
pub fn written(tokens: TokenStream) -> Vec<Written> {
    let mut found = Vec::new();
    scan(tokens, &[], false, &mut found);
    found
}

fn scan(tokens: TokenStream, prefix: &[String], in_attribute: bool, found: &mut Vec<Written>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        at += match &trees[at] {
            TokenTree::Group(group) if is_doc(group) => 1,
            TokenTree::Group(group) => {
                let attribute = in_attribute || at > 0 && is_attribute(&trees[..at], group);
                scan(group.stream(), &[], attribute, found);
                1
            }
            // `#[serde(with = "crate::x")]` names a path in a string.
            TokenTree::Literal(literal) if in_attribute => {
                let text = literal.to_string();
                if let Ok(quoted) = text.trim_matches('"').parse::<TokenStream>() {
                    let start = found.len();
                    scan(quoted, &[], false, found);
                    for path in &mut found[start..] {
                        path.line = line(literal.span());
                    }
                }
                1
            }
            TokenTree::Ident(ident) if ident == "as" && !prefix.is_empty() => 2,
            TokenTree::Punct(star) if star.as_char() == '*' && !prefix.is_empty() => {
                found.push(plain(prefix, &["*".to_owned()], star.span()));
                1
            }
            TokenTree::Ident(ident) => path(&trees, at, prefix, ident.span(), found),
            _ => 1,
        };
    }
}

fn plain(prefix: &[String], rest: &[String], span: Span) -> Written {
    Written {
        words: prefix.iter().chain(rest).cloned().collect(),
        line: line(span),
        rooted: false,
        bang: false,
        after_dot: false,
        arguments: None,
    }
}

/// Reads the path that begins at `start`, and says how many tokens it took.
fn path(
    trees: &[TokenTree],
    start: usize,
    prefix: &[String],
    span: Span,
    found: &mut Vec<Written>,
) -> usize {
    let mut words = Vec::new();
    let mut at = start;
    loop {
        match trees.get(at) {
            Some(TokenTree::Ident(ident)) => {
                words.push(ident.to_string().trim_start_matches("r#").to_owned())
            }
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => words.push("*".to_owned()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let branch: Vec<String> = prefix.iter().chain(&words).cloned().collect();
                scan(group.stream(), &branch, false, found);
                return at + 1 - start;
            }
            // A turbofish: what stands in it is read on its own.
            _ => break,
        }
        at += 1;
        if !is_colons(trees, at) {
            break;
        }
        at += 2;
    }
    if words.len() > 1 || !prefix.is_empty() {
        words.pop_if(|last| last == "self");
    }
    let mut path = plain(prefix, &words, span);
    path.rooted = start >= 2 && is_colons(trees, start - 2);
    path.after_dot = ends_in_dot(&trees[..start]);
    path.bang =
        is_punct(trees.get(at), '!') && matches!(trees.get(at + 1), Some(TokenTree::Group(_)));
    path.arguments = match trees.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            Some(group.stream().into_iter().count())
        }
        _ => None,
    };
    found.push(path);
    at - start
}

/// The lines that hold code: blank lines and comments do not count, whatever a string looks like.
pub fn code_lines(tokens: &TokenStream, text: &str) -> BTreeSet<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = BTreeSet::new();
    gather_code_lines(tokens.clone(), &lines, &mut found);
    found.retain(|number| {
        lines
            .get(number - 1)
            .is_some_and(|line| !line.trim().is_empty())
    });
    found
}

fn gather_code_lines(tokens: TokenStream, lines: &[&str], found: &mut BTreeSet<usize>) {
    for tree in tokens {
        if is_comment(tree.span(), lines) {
            continue;
        }
        match tree {
            TokenTree::Group(group) => {
                found.insert(line(group.span_open()));
                gather_code_lines(group.stream(), lines, found);
                found.insert(line(group.span_close()));
            }
            other => found.extend(other.span().start().line..=other.span().end().line),
        }
    }
}

/// A documentation comment comes as the tokens of an attribute, which carry the comment's place.
fn is_comment(span: Span, lines: &[&str]) -> bool {
    let start = span.start();
    lines.get(start.line - 1).is_some_and(|line| {
        let here: String = line.chars().skip(start.column).take(2).collect();
        here == "//" || here == "/*"
    })
}

/// The lines of everything under `#[cfg(test)]`.
pub fn test_lines(tokens: &TokenStream) -> Vec<RangeInclusive<usize>> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    for at in 0..trees.len() {
        let TokenTree::Group(group) = &trees[at] else {
            continue;
        };
        if is_attribute(&trees[..at], group) && is_cfg_test(group) {
            let inner = is_punct(at.checked_sub(1).and_then(|before| trees.get(before)), '!');
            let end = if inner {
                trees.last()
            } else {
                trees.get(end_of_item(&trees, at + 1))
            };
            let end = end.map_or(usize::MAX, |tree| tree.span().end().line);
            found.push(line(group.span())..=end);
        } else {
            found.extend(test_lines(&group.stream()));
        }
    }
    found
}

fn end_of_item(trees: &[TokenTree], mut at: usize) -> usize {
    while is_punct(trees.get(at), '#') {
        at += 2;
    }
    let last = trees.len().saturating_sub(1);
    // A field or a variant ends with a comma; in an item a comma stands between generics.
    let is_item = matches!(trees.get(at), Some(TokenTree::Ident(word)) if ITEM_WORDS.contains(&word.to_string().as_str()));
    (at..last)
        .find(|&here| match &trees[here] {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(mark) => mark.as_char() == ';' || mark.as_char() == ',' && !is_item,
            _ => false,
        })
        .unwrap_or(last)
}

const ITEM_WORDS: &[&str] = &[
    "pub",
    "fn",
    "mod",
    "use",
    "struct",
    "enum",
    "impl",
    "const",
    "static",
    "trait",
    "type",
    "async",
    "let",
    "extern",
    "macro_rules",
];

/// `cfg(test)` or `cfg(all(test, …))`; under `any` or `not` it is compiled into the product as well.
fn is_cfg_test(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

fn is_doc(group: &Group) -> bool {
    group.delimiter() == Delimiter::Bracket && group.stream().to_string().starts_with("doc =")
}

fn is_attribute(before: &[TokenTree], group: &Group) -> bool {
    let before = match before {
        [rest @ .., last] if is_punct(Some(last), '!') => rest,
        all => all,
    };
    group.delimiter() == Delimiter::Bracket && is_punct(before.last(), '#')
}

fn ends_in_dot(before: &[TokenTree]) -> bool {
    match before {
        [.., first, last] => is_punct(Some(last), '.') && !is_punct(Some(first), '.'),
        [last] => is_punct(Some(last), '.'),
        [] => false,
    }
}

fn is_colons(trees: &[TokenTree], at: usize) -> bool {
    is_punct(trees.get(at), ':') && is_punct(trees.get(at + 1), ':')
}

fn is_punct(tree: Option<&TokenTree>, mark: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

pub fn line(span: Span) -> usize {
    span.start().line
}
