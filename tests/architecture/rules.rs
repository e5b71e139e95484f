//! The rules themselves: each looks at one file and says what it found, in words that name the mend.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;
use crate::{
    FOREIGN, IMPURE, IMPURE_BUT_FOR_TESTS, IMPURE_MACROS, MAKES_FILES, MAKES_FILES_ALL_THE_SAME,
    MAKES_FILES_BY_METHOD, MAX_FILE_LINES, NO_NAMES, PURE_ALL_THE_SAME, Place, ROOMS, Room,
    STOPPING_MACROS, WRITES_IN_REPOSITORY,
};

/// A line and what is wrong there.
type Found = Vec<(usize, String)>;

const RULES: &[fn(&Source) -> Found] = &[
    order,
    purity,
    foreign_rooms,
    permissions,
    opening,
    file_length,
    names,
    stops,
];

/// All violations in these files, each as `file:line: what`.
pub fn check(files: &[(String, String)]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut sources = Vec::new();
    for (path, text) in files {
        match Source::read(path, text) {
            Ok(source) => sources.push(source),
            Err(error) => violations.push(format!("{path}: cannot be read as Rust: {error}")),
        }
    }
    mark_test_files(&mut sources);
    for source in &sources {
        for rule in RULES {
            violations.extend(at_lines(source, rule(source)));
        }
    }
    violations.extend(single_places(&sources));
    violations
}

/// A name imported once and used often is one violation, at its first line.
fn at_lines(source: &Source, found: Found) -> Vec<String> {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (line, what) in found {
        let known = first.entry(what).or_insert(line);
        *known = line.min(*known);
    }
    let mut ordered: Vec<(usize, String)> =
        first.into_iter().map(|(what, line)| (line, what)).collect();
    ordered.sort();
    ordered
        .into_iter()
        .map(|(line, what)| format!("{}:{line}: {what}", source.path))
        .collect()
}

/// `#[cfg(test)] mod tests;` makes another file, and all below it, a test.
fn mark_test_files(sources: &mut [Source]) {
    let modules: Vec<Vec<String>> = sources
        .iter()
        .flat_map(|source| {
            let declared = source.scope.elsewhere.iter();
            declared
                .filter(|(_, line)| source.is_test(*line))
                .map(|(module, _)| module.clone())
        })
        .collect();
    for source in sources {
        if modules
            .iter()
            .any(|module| source.scope.module.starts_with(module))
        {
            source.set_test();
        }
    }
}

fn order(source: &Source) -> Found {
    let Some(at) = ROOMS.iter().position(|room| room.name == source.room()) else {
        let what = format!(
            "order: `{}` is not a room; give it its place in the table",
            source.room()
        );
        return vec![(1, what)];
    };
    let (above, room) = (&ROOMS[..at], &ROOMS[at]);
    let may_name = |name: &str| {
        let is_above = above.iter().any(|other| other.name == name);
        name == room.name || is_above && (room.may_name.contains(&name) || room.may_name == ["*"])
    };
    let mut found = Vec::new();
    for (path, line) in source.reaches() {
        let [root, name, ..] = path.as_slice() else {
            continue;
        };
        if root != "crate" || may_name(name) {
            continue;
        }
        let what = if ROOMS.iter().any(|room| room.name == name) {
            format!(
                "order: `{}` may not name `{name}` (it may name {})",
                room.name,
                allowed(room)
            )
        } else if room.name == "lib" || room.name == "main" {
            continue;
        } else {
            format!("order: `crate::{name}` hides which room it is from; name the room")
        };
        found.push((line, what));
    }
    found
}

fn allowed(room: &Room) -> String {
    match room.may_name {
        [] => "no other room".to_owned(),
        ["*"] => "all above it".to_owned(),
        some => some.join(", "),
    }
}

fn purity(source: &Source) -> Found {
    if !ROOMS
        .iter()
        .any(|room| room.pure && room.name == source.room())
    {
        return Vec::new();
    }
    let of_paths = source.reaches().filter_map(|(path, line)| {
        let impure = IMPURE.iter().find(|impure| reaches(&path, impure))?;
        Some((line, (*impure).to_owned()))
    });
    let of_macros = source.paths.iter().filter_map(|(written, _)| {
        let name = written.words.last()?;
        (written.bang && IMPURE_MACROS.contains(&name.as_str()))
            .then(|| (written.line, format!("{name}!")))
    });
    of_paths
        .chain(of_macros)
        .filter(|(line, impure)| !(source.is_test(*line) && IMPURE_BUT_FOR_TESTS.contains(&impure.as_str())))
        .filter(|(_, impure)| !PURE_ALL_THE_SAME.contains(&(source.path.as_str(), impure.as_str())))
        .map(|(line, impure)| {
            let room = source.room();
            (line, format!("purity: `{impure}` in `{room}`, which does no I/O and reads no clock; take it as an argument"))
        })
        .collect()
}

/// `std::fs::read` reaches `std::fs`, and so does `std::*`.
fn reaches(path: &[String], target: &str) -> bool {
    let target: Vec<&str> = target.split("::").collect();
    match path {
        [before @ .., last] if last == "*" && before.len() < target.len() => {
            before == &target[..before.len()]
        }
        _ => path.len() >= target.len() && path[..target.len()] == target[..],
    }
}

fn foreign_rooms(source: &Source) -> Found {
    let libraries = FOREIGN.iter().filter_map(|(library, place)| match place {
        Place::Under(places) => Some((*library, *places)),
        Place::Single => None,
    });
    libraries
        .filter(|(_, places)| !places.iter().any(|place| source.path.starts_with(place)))
        .flat_map(|(library, places)| {
            named(source, library).map(move |line| {
                (
                    line,
                    format!(
                        "foreign: `{library}` is named only in {}",
                        places.join(", ")
                    ),
                )
            })
        })
        .collect()
}

fn permissions(source: &Source) -> Found {
    if !WRITES_IN_REPOSITORY.contains(&source.room())
        || MAKES_FILES_ALL_THE_SAME.contains(&source.path.as_str())
    {
        return Vec::new();
    }
    let of_paths = source.reaches().filter_map(|(path, line)| {
        let maker = MAKES_FILES.iter().find(|maker| reaches(&path, maker))?;
        Some((line, (*maker).to_owned()))
    });
    let of_methods = source.paths.iter().filter_map(|(written, _)| {
        let name = written.words.last()?;
        let makes = written.after_dot && MAKES_FILES_BY_METHOD.contains(&name.as_str());
        (makes && written.arguments.is_some()).then(|| (written.line, format!(".{name}()")))
    });
    of_paths
        .chain(of_methods)
        .filter(|(line, _)| !source.is_test(*line))
        .map(|(line, maker)| {
            let what = format!(
                "permissions: `{maker}` forgets `core.sharedRepository`; have `RepositoryFiles` make it"
            );
            (line, what)
        })
        .collect()
}

/// The lines at which a library is named.
fn named(source: &Source, library: &str) -> impl Iterator<Item = usize> {
    source
        .reaches()
        .filter(move |(path, _)| path.first().is_some_and(|first| first == library))
        .map(|(_, line)| line)
}

fn single_places(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    let libraries = FOREIGN
        .iter()
        .filter(|(_, place)| matches!(place, Place::Single));
    for (library, _) in libraries {
        let users: Vec<(&Source, usize)> = sources
            .iter()
            .filter_map(|source| Some((source, named(source, library).min()?)))
            .collect();
        let places: BTreeSet<&[String]> = users
            .iter()
            .map(|(source, _)| source.scope.module.get(..2).unwrap_or(&source.scope.module))
            .collect();
        if places.len() > 1 {
            violations.extend(users.iter().map(|(source, line)| {
                format!(
                    "{}:{line}: foreign: `{library}` is named in {} places; keep one",
                    source.path,
                    places.len()
                )
            }));
        }
    }
    violations
}

fn opening(source: &Source) -> Found {
    let opens = source
        .text
        .lines()
        .next()
        .is_some_and(|line| line.starts_with("//!"));
    let what = "opening: a file opens with `//!` and says why it exists";
    if opens {
        Vec::new()
    } else {
        vec![(1, what.to_owned())]
    }
}

fn file_length(source: &Source) -> Found {
    let lines = source.lines_of_code();
    if lines <= MAX_FILE_LINES {
        return Vec::new();
    }
    vec![(
        1,
        format!("length: {lines} lines of code, at most {MAX_FILE_LINES}; one concern a file"),
    )]
}

fn names(source: &Source) -> Found {
    let modules = source
        .modules
        .iter()
        .filter(|(name, _)| NO_NAMES.contains(&name.as_str()))
        .map(|(name, line)| {
            (
                *line,
                format!("name: module `{name}` says nothing; name what it holds"),
            )
        });
    let functions = source
        .functions
        .iter()
        .filter(|function| function.name.starts_with("get_") && !function.of_trait)
        .map(|function| {
            let what = format!(
                "name: fn `{}`: `find_…` gives an `Option`, `fetch_…` goes over the network",
                function.name
            );
            (function.line, what)
        });
    modules.chain(functions).collect()
}

fn stops(source: &Source) -> Found {
    let mut found = Vec::new();
    for (written, full) in &source.paths {
        let Some(name) = written.words.last().map(String::as_str) else {
            continue;
        };
        let is_method = written.after_dot
            && (name == "unwrap" && written.arguments == Some(0)
                || name == "expect" && written.arguments.is_some());
        let is_value = matches!(full.as_slice(), [.., of, name]
            if ["Option", "Result"].contains(&of.as_str()) && ["unwrap", "expect"].contains(&name.as_str()));
        let is_macro = written.bang && STOPPING_MACROS.contains(&name);
        let is_unsafe = written.words == ["unsafe"];
        if (is_method || is_value || is_macro || is_unsafe) && !source.is_test(written.line) {
            let line = written.line;
            found.push((
                line,
                format!("stop: `{name}` outside tests (line {line}); a failure is a value"),
            ));
        }
    }
    found
}
