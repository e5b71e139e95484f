//! Follows a written path to what it means: `super::super::git::X`, a `use … as …` and an absolute path are
//! one thing, and a rule that saw only one of them would be walked around without noticing.

use syn::visit::{self, Visit};

/// What the names of one file mean, module by module.
#[derive(Default)]
pub struct Scope {
    /// (module, name, what it stands for)
    names: Vec<(Vec<String>, String, Vec<String>)>,
    /// Modules written out in this file: their path and lines.
    inline: Vec<(Vec<String>, std::ops::RangeInclusive<usize>)>,
    /// The file's own module: `src/gate/verdict.rs` is gate, verdict.
    pub module: Vec<String>,
    /// Modules declared here whose text is another file, and where.
    pub elsewhere: Vec<(Vec<String>, usize)>,
    /// Every path imported, as written, with its line.
    pub imports: Vec<(Vec<String>, usize)>,
}

impl Scope {
    pub fn of(path: &str, file: &syn::File) -> Self {
        let module = module_of(path);
        let mut reader = Reader {
            here: module.clone(),
            scope: Self {
                module,
                ..Self::default()
            },
        };
        reader.visit_file(file);
        reader.scope
    }

    /// The full path: `crate::…` for the house's own, otherwise a library's name first.
    pub fn resolve(&self, words: &[String], line: usize) -> Vec<String> {
        let here = self
            .inline
            .iter()
            .filter(|(_, lines)| lines.contains(&line))
            .map(|(module, _)| module)
            .max_by_key(|module| module.len())
            .unwrap_or(&self.module);
        self.follow(words, here, 0)
    }

    fn follow(&self, words: &[String], here: &[String], depth: usize) -> Vec<String> {
        let Some((first, rest)) = words.split_first() else {
            return Vec::new();
        };
        match first.as_str() {
            "crate" | "countersign" => own(&[], rest),
            "core" | "alloc" => std::iter::once("std".to_owned())
                .chain(rest.iter().cloned())
                .collect(),
            "self" => own(here, rest),
            "super" => {
                let ups = words.iter().take_while(|word| *word == "super").count();
                own(&here[..here.len().saturating_sub(ups)], &words[ups..])
            }
            name => match self.meaning(name, here) {
                // A name may stand for itself (`use git2;`) and two may stand for each other.
                Some((module, target)) if depth < 4 && target[0] != name => {
                    let target: Vec<String> = target.iter().chain(rest).cloned().collect();
                    self.follow(&target, &module, depth + 1)
                }
                _ => words.to_vec(),
            },
        }
    }

    /// Looks outward from the module: an inner one mostly begins with `use super::*`.
    fn meaning(&self, name: &str, here: &[String]) -> Option<(Vec<String>, &[String])> {
        (self.module.len().min(here.len())..=here.len())
            .rev()
            .find_map(|length| {
                self.names
                    .iter()
                    .find(|(module, known, _)| module == &here[..length] && known == name)
                    .map(|(module, _, target)| (module.clone(), target.as_slice()))
            })
    }
}

fn own(module: &[String], rest: &[String]) -> Vec<String> {
    std::iter::once("crate".to_owned())
        .chain(module.iter().cloned())
        .chain(rest.iter().cloned())
        .collect()
}

fn module_of(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut words: Vec<String> = inside.split('/').map(str::to_owned).collect();
    let is_root = words.len() == 1 && (words[0] == "lib" || words[0] == "main");
    if is_root || words.last().is_some_and(|last| last == "mod") {
        words.pop();
    }
    words
}

struct Reader {
    here: Vec<String>,
    scope: Scope,
}

impl Reader {
    fn unfold(&mut self, tree: &syn::UseTree, so_far: &[String]) {
        let with = |name: &syn::Ident| -> Vec<String> {
            let mut path = so_far.to_vec();
            if name != "self" || so_far.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.unfold(&path.tree, &with(&path.ident)),
            syn::UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|tree| self.unfold(tree, so_far)),
            syn::UseTree::Name(name) => self.import(with(&name.ident), None, name.ident.span()),
            syn::UseTree::Rename(name) => {
                self.import(
                    with(&name.ident),
                    Some(name.rename.to_string()),
                    name.ident.span(),
                );
            }
            syn::UseTree::Glob(glob) => {
                let mut path = so_far.to_vec();
                path.push("*".to_owned());
                let line = glob.star_token.span.start().line;
                self.scope.imports.push((path, line));
            }
        }
    }

    fn import(&mut self, path: Vec<String>, rename: Option<String>, span: proc_macro2::Span) {
        let name = rename.or_else(|| path.last().cloned()).unwrap_or_default();
        self.scope
            .names
            .push((self.here.clone(), name, path.clone()));
        self.scope.imports.push((path, span.start().line));
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.unfold(&item.tree, &[]);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let rename = item.rename.as_ref().map(|(_, name)| name.to_string());
        self.import(vec![item.ident.to_string()], rename, item.ident.span());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        let mut inner = self.here.clone();
        inner.push(name.clone());
        let target = vec!["self".to_owned(), name.clone()];
        self.scope.names.push((self.here.clone(), name, target));
        let line = item.ident.span().start().line;
        match &item.content {
            None => self.scope.elsewhere.push((inner, line)),
            Some((brace, _)) => {
                self.scope
                    .inline
                    .push((inner.clone(), line..=brace.span.close().end().line));
                let outer = std::mem::replace(&mut self.here, inner);
                visit::visit_item_mod(self, item);
                self.here = outer;
            }
        }
    }
}
