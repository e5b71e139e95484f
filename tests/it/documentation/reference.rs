//! docs/reference/ is made from the program, and these tests fail when it is stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::CommandFactory as _;
use countersign::cli::Cli;
use countersign::ledger::{Event, TRAILERS};
use countersign::rules::condition::{FACTS, FUNCTIONS, FactType};
use serde_json::Value as Json;

use super::root;
use super::schema_tables::{Parts, SchemaTables};
use crate::support::TestRepo;
use crate::support::asking::Asking;
use crate::verify::story::every_event;

/// With this variable set, the pages are written instead of compared.
const WRITE: &str = "COUNTERSIGN_WRITE_REFERENCE";

/// Compares a page with what the program says, or writes it.
#[track_caller]
fn hold(page: &str, title: &str, text: &str) {
    let made = format!(
        "# {title}\n\n<!-- Made from the program: `{WRITE}=1 cargo test --test it reference` -->\n\n{}\n",
        text.trim()
    );
    let path = root().join("docs/reference").join(page);
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept
        .lines()
        .zip(made.lines())
        .enumerate()
        .find(|(_, (kept, made))| kept != made);
    let place = differs.map_or("the end".to_owned(), |(at, (kept, made))| {
        format!("line {}:\n- {kept}\n+ {made}", at + 1)
    });
    assert!(
        kept == made,
        "docs/reference/{page} is stale: make it anew with `{WRITE}=1 cargo test --test it reference`; it differs at {place}"
    );
}

/// What the program says of itself.
fn said(arguments: &[&str]) -> String {
    let ran = std::process::Command::new(crate::support::binary())
        .args(arguments)
        .output()
        .unwrap();
    crate::support::Ran::of(&ran).succeeds().stdout
}

fn parts_of(schema: &Json, key: &str) -> Parts {
    let parts = schema[key].as_object().into_iter().flatten();
    parts
        .map(|(name, part)| (name.clone(), part.clone()))
        .collect()
}

/// The schema of each kind of document, and the parts of all of them.
fn documents() -> (Vec<(String, Json)>, Parts) {
    let mut kinds = Vec::new();
    let mut parts = Parts::new();
    for kind in said(&["schema"]).lines() {
        let schema: Json = serde_json::from_str(&said(&["schema", kind])).unwrap();
        for (name, part) in parts_of(&schema, "$defs") {
            if let Some(other) = parts.insert(name.clone(), part.clone()) {
                assert_eq!(other, part, "{name} is one thing in every document");
            }
        }
        kinds.push((kind.to_owned(), schema));
    }
    (kinds, parts)
}

#[test]
fn the_reference_of_documents_is_the_schemas() {
    let (kinds, parts) = documents();
    let tables = SchemaTables::new(&[("", &parts)]);
    let mut text = "Keys that must be there are bold. `countersign schema KIND` prints the same as a JSON Schema; which file is of which kind stands in
[admins.md](../admins.md#the-governance-repository).\n\n"
        .to_owned();
    for (kind, schema) in &kinds {
        let _ = write!(text, "## {kind}\n\n");
        let description = schema["description"].as_str().unwrap_or_default();
        if description != "The document as written." {
            let _ = write!(text, "{description}\n\n");
        }
        let _ = writeln!(text, "{}", tables.keys(schema));
    }
    let _ = write!(text, "## Parts\n\n{}", tables.sections(&parts));
    hold("documents.md", "Documents", &text);
}

#[test]
fn the_reference_of_facts_is_what_conditions_are_held_against() {
    let mut text = "What `when:` of a rule may use (CEL). How rules are built stands in [admins.md](../admins.md#conditions).\n\n\
        | fact | type | what it is |\n| --- | --- | --- |\n"
        .to_owned();
    let words = |of_type: Option<FactType>| match of_type {
        Some(FactType::Word(words)) => words
            .iter()
            .map(|word| format!("`'{word}'`"))
            .collect::<Vec<_>>()
            .join(", "),
        Some(of_type) => of_type.to_string(),
        None => "as the parameter".to_owned(),
    };
    for fact in &FACTS {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            fact.name,
            words(Some(fact.of_type)),
            fact.meaning
        );
    }
    for fact in &FACTS {
        let FactType::Records(record) = fact.of_type else {
            continue;
        };
        let _ = write!(
            text,
            "\n## {}\n\nEach is {} with these keys:\n\n| key | type | |\n| --- | --- | --- |\n",
            fact.name, record.noun
        );
        for key in record.keys {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                key.name,
                words(key.of_type),
                key.meaning
            );
        }
    }
    let functions = FUNCTIONS.map(|function| format!("`{function}`"));
    let _ = write!(
        text,
        "\n## Functions\n\nBeside operators an expression may call {}.",
        functions.join(", ")
    );
    hold("facts.md", "Facts of conditions", &text);
}

#[test]
fn the_reference_of_trailers_is_what_the_bot_writes() {
    let mut text = "Each commit of the trail is one event, and its trailers are an index of the documents in its tree. They are queried by plain git
([auditors.md](../auditors.md)). A proposal whose commit messages carry one is refused.\n\n## Events\n\n| `Event` | what happened |\n| --- | --- |\n"
        .to_owned();
    for event in Event::ALL {
        let _ = writeln!(text, "| `{event}` | {} |", event.meaning());
    }
    text.push_str("\n## Trailers\n\n| trailer | what it says | on |\n| --- | --- | --- |\n");
    for trailer in &TRAILERS {
        let events = if trailer.events.len() == Event::ALL.len() {
            "every event".to_owned()
        } else {
            let events = trailer.events.iter().map(|event| format!("`{event}`"));
            events.collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {events} |",
            trailer.key, trailer.meaning
        );
    }
    hold("trailers.md", "Trailers", &text);
}

#[test]
fn a_trail_of_every_event_has_the_trailers_that_are_described() {
    let world = every_event();
    let mut unseen: BTreeSet<(&str, &str)> = TRAILERS
        .iter()
        .flat_map(|trailer| {
            let events = trailer.events.iter();
            events.map(|event| (trailer.key, event.as_str()))
        })
        .collect();
    for id in world.line() {
        let message = world.repo.read_commit(id).unwrap().message;
        let (_, trailers) = message.trim_end().rsplit_once("\n\n").unwrap();
        let trailers: Vec<(&str, &str)> = trailers
            .lines()
            .map(|line| line.split_once(": ").unwrap())
            .collect();
        let (first, event) = trailers[0];
        assert_eq!(first, "Event");
        for (key, _) in trailers {
            let described = TRAILERS.iter().find(|trailer| trailer.key == key);
            let described = described.unwrap_or_else(|| panic!("`{key}` is not described"));
            let on = described.events.iter().find(|on| on.as_str() == event);
            let on = on.unwrap_or_else(|| {
                panic!("`{key}` stands on `{event}`, and the description does not say so")
            });
            unseen.remove(&(described.key, on.as_str()));
        }
    }
    // What this trail has no case of.
    let unseen: Vec<String> = unseen
        .iter()
        .map(|(key, event)| format!("{key} on {event}"))
        .collect();
    insta::assert_snapshot!(unseen.join("\n"), @"
    Action on rescored
    Agent on rescored
    Amended on decision
    Amended-by on decision
    Amended-parameter on decision
    Bot-clock on adopted
    Bot-clock on claim
    Bot-clock on decision
    Bot-clock on feedback
    Bot-clock on freeze
    Bot-clock on genesis
    Bot-clock on governance
    Bot-clock on outcome
    Bot-clock on rescored
    Bot-clock on unfreeze
    By on adopted
    Confidence on governance
    Decided-risk on rescored
    Event on adopted
    Event on rescored
    Executor on rescored
    Recommendation on rescored
    Risk on rescored
    Rules on rescored
    Said-in on freeze
    Said-in on unfreeze
    Session on rescored
    Target on rescored
    ");
}

#[test]
fn the_reference_of_commands_is_their_help() {
    let mut program = Cli::command();
    program.build();
    let mut text = format!(
        "What every command prints with `--help`. The options that all of them take stand here only.\n\n{}",
        help(&program)
    );
    let mut commands: Vec<(String, clap::Command)> = Vec::new();
    gather("countersign", &program, &mut commands);
    for (name, command) in commands {
        let command = command.mut_args(|argument| {
            let is_everywhere = argument.is_global_set() || argument.get_id() == "help";
            argument.hide(is_everywhere)
        });
        let _ = write!(text, "\n## {name}\n\n{}", help(&command));
    }
    hold("commands.md", "The command line", &text);
}

/// As it is printed on a wide terminal, whatever the environment of the test says.
fn help(command: &clap::Command) -> String {
    let command = command.clone().term_width(100);
    let mut command = command.mut_args(|argument| argument.hide_env_values(true));
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("```\n{}\n```\n", lines.join("\n").trim())
}

/// Every command that people may type, with those below it.
fn gather(above: &str, command: &clap::Command, into: &mut Vec<(String, clap::Command)>) {
    for command in command.get_subcommands() {
        if command.is_hide_set() || command.get_name() == "help" {
            continue;
        }
        let name = format!("{above} {}", command.get_name());
        into.push((name.clone(), command.clone()));
        gather(&name, command, into);
    }
}

#[test]
fn the_reference_of_the_api_is_its_description() {
    let stage = TestRepo::example();
    let asking = Asking::start(&stage);
    let description = &asking.described.document;
    let (_, documents) = documents();
    let mut parts = parts_of(&description["components"], "schemas");
    // What documents hold as well is described there.
    let tables_of = |part: &Json| {
        part.to_string()
            .replace("#/components/schemas/", "#/$defs/")
    };
    parts.retain(|name, part| {
        let document = documents.get(name).map(Json::to_string);
        document != Some(tables_of(part))
    });
    let tables = SchemaTables::new(&[("", &parts), ("documents.md", &documents)]);
    let mut text = "What `countersign serve` answers below `/api/v1`, with `Authorization: Bearer TOKEN` ([tokens](../operators.md#tokens)); the same as
OpenAPI stands at `/api/v1/openapi.json`. [agents.md](../agents.md#api) says how they are used.\n"
        .to_owned();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            text.push_str(&of_operation(path, method, operation, &tables));
        }
    }
    let _ = write!(text, "\n## Shapes\n\n{}", tables.sections(&parts));
    hold("api.md", "The API", &text);
}

fn of_operation(path: &str, method: &str, operation: &Json, tables: &SchemaTables) -> String {
    let said = |value: &Json| {
        let text = value.as_str().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut text = format!("\n## {} {path}\n\n", method.to_uppercase());
    for words in [&operation["summary"], &operation["description"]] {
        let words = said(words);
        if !words.is_empty() {
            let _ = write!(text, "{words}\n\n");
        }
    }
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
        text.push_str("| parameter | in | value | |\n| --- | --- | --- | --- |\n");
        for parameter in parameters {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                parameter["name"].as_str().unwrap(),
                parameter["in"].as_str().unwrap(),
                tables.words(&parameter["schema"]),
                said(&parameter["description"])
            );
        }
        text.push('\n');
    }
    let of_content = |content: &Json| {
        let kinds: BTreeMap<String, String> = content
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, content)| (kind.clone(), tables.words(&content["schema"])))
            .collect();
        let kinds = kinds
            .iter()
            .map(|(kind, words)| format!("{words} (`{kind}`)"));
        kinds.collect::<Vec<_>>().join(" or ")
    };
    let body = of_content(&operation["requestBody"]["content"]);
    if !body.is_empty() {
        let _ = write!(text, "Takes {body}.\n\n");
    }
    text.push_str("| status | answer | |\n| --- | --- | --- |\n");
    for (status, response) in operation["responses"].as_object().unwrap() {
        let _ = writeln!(
            text,
            "| {status} | {} | {} |",
            of_content(&response["content"]),
            said(&response["description"])
        );
    }
    text
}
