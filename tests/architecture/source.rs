//! One file of the house, read once: everything a rule asks about it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};

use crate::scope::Scope;
use crate::tokens::{self, Written};

pub struct Source {
    pub path: String,
    pub text: String,
    pub scope: Scope,
    /// Every path of the file, as written and in full.
    pub paths: Vec<(Written, Vec<String>)>,
    pub functions: Vec<Function>,
    /// Names of modules: the file's, its folders' and those written out in it.
    pub modules: Vec<(String, usize)>,
    code_lines: BTreeSet<usize>,
    test_lines: Vec<RangeInclusive<usize>>,
}

pub struct Function {
    pub name: String,
    pub line: usize,
    /// Its name was chosen by a trait.
    pub of_trait: bool,
}

impl Source {
    /// # Errors
    /// The compiler's words, if the text is not Rust.
    pub fn read(path: &str, text: &str) -> Result<Self, syn::Error> {
        let file = syn::parse_file(text)?;
        let stream: TokenStream = text.parse()?;
        let scope = Scope::of(path, &file);
        let code_lines = tokens::code_lines(&stream, text);
        let mut shapes = Shapes {
            of_trait: false,
            functions: Vec::new(),
            modules: file_modules(path),
        };
        shapes.visit_file(&file);
        let (functions, modules) = (shapes.functions, shapes.modules);
        let paths = tokens::written(stream.clone())
            .into_iter()
            .map(|written| {
                let full = if written.rooted || written.words.len() < 2 {
                    written.words.clone()
                } else {
                    scope.resolve(&written.words, written.line)
                };
                (written, full)
            })
            .collect();
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            paths,
            functions,
            modules,
            test_lines: tokens::test_lines(&stream),
            code_lines,
            scope,
        })
    }

    /// The room it belongs to: the first folder below `src/`, or the file.
    pub fn room(&self) -> &str {
        let inside = self.path.trim_start_matches("src/");
        inside
            .split('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs")
    }

    /// Everything the file reaches for, in full, with its line.
    pub fn reaches(&self) -> impl Iterator<Item = (Vec<String>, usize)> {
        let imported = self
            .scope
            .imports
            .iter()
            .map(|(words, line)| (self.scope.resolve(words, *line), *line));
        let named = self
            .paths
            .iter()
            .filter(|(written, full)| full.len() > 1 && !written.after_dot)
            .filter(|(written, full)| {
                !(written.bang && full.last().is_some_and(|last| is_compile_time(last)))
            })
            .map(|(written, full)| (full.clone(), written.line));
        imported.chain(named)
    }

    pub fn is_test(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The whole file is a test module, declared so by another file.
    pub fn set_test(&mut self) {
        self.test_lines.push(0..=usize::MAX);
    }

    pub fn lines_of_code(&self) -> usize {
        self.code_lines
            .iter()
            .filter(|line| !self.is_test(**line))
            .count()
    }
}

/// `std::env!` is the compiler's, `std::env` the machine's.
fn is_compile_time(name: &str) -> bool {
    name == "env" || name == "option_env"
}

fn file_modules(path: &str) -> Vec<(String, usize)> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    inside.split('/').map(|name| (name.to_owned(), 1)).collect()
}

struct Shapes {
    of_trait: bool,
    functions: Vec<Function>,
    modules: Vec<(String, usize)>,
}

impl Shapes {
    fn function(&mut self, signature: &syn::Signature) {
        self.functions.push(Function {
            name: signature.ident.to_string(),
            line: signature.fn_token.span.start().line,
            of_trait: self.of_trait,
        });
    }
}

impl<'ast> Visit<'ast> for Shapes {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig);
        let outer = std::mem::replace(&mut self.of_trait, false);
        visit::visit_impl_item_fn(self, item);
        self.of_trait = outer;
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.of_trait, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        self.of_trait = outer;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.modules
            .push((item.ident.to_string(), item.ident.span().start().line));
        visit::visit_item_mod(self, item);
    }
}
