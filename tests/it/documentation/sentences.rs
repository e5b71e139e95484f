//! Every command, option and bench that a sentence names exists, and so does what a client is told to start.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use countersign::cli::Cli;
use pulldown_cmark::{Event, Parser};
use serde_json::Value as Json;

use super::blocks::{blocks, written};
use super::read;

/// The commands and options in the sentences of a page.
fn code_spans(text: &str) -> Vec<String> {
    Parser::new_ext(text, pulldown_cmark::Options::ENABLE_TABLES)
        .filter_map(|event| match event {
            Event::Code(code) => Some(code.into_string()),
            _ => None,
        })
        .collect()
}

/// What is wrong with a command as a sentence names it: words in capitals, brackets and ellipses stand for something.
fn wrong_in_command(program: &clap::Command, span: &str) -> Option<String> {
    let mut command = program;
    let mut words = span.split_whitespace().skip(1).peekable();
    while let Some(word) = words.peek() {
        let Some(below) = command.find_subcommand(word) else {
            break;
        };
        command = below;
        words.next();
    }
    if std::ptr::eq(command, program) && words.peek().is_some_and(|word| !word.starts_with("--")) {
        return Some(format!("`{span}`: there is no such command"));
    }
    let known: BTreeSet<&str> = command
        .get_arguments()
        .filter_map(clap::Arg::get_long)
        .collect();
    words
        .map(|word| word.trim_start_matches('[').trim_end_matches(']'))
        .filter_map(|word| word.strip_prefix("--"))
        .map(|option| option.split(['=', '|']).next().unwrap())
        .find(|option| !known.contains(option))
        .map(|option| format!("`{span}`: it has no option --{option}"))
}

#[test]
fn every_command_in_a_sentence_exists() {
    let mut program = Cli::command();
    program.build();
    let mut every_option: BTreeSet<String> = BTreeSet::new();
    let mut commands: Vec<&clap::Command> = vec![&program];
    while let Some(command) = commands.pop() {
        let options = command.get_arguments().filter_map(clap::Arg::get_long);
        every_option.extend(options.map(str::to_owned));
        commands.extend(command.get_subcommands());
    }
    // Of other programs: cargo and git.
    every_option.extend(["features", "shared", "bare"].map(str::to_owned));
    let benches = read("benches/main.rs");
    let mut wrong = Vec::new();
    let mut count = 0;
    let templates = ["README.md", "AGENTS.md"].map(|name| format!("src/cli/templates/{name}"));
    let templates = templates.map(|path| (path.clone(), read(&path)));
    for (path, text) in written().into_iter().chain(templates) {
        for span in code_spans(&text) {
            let is_command = |rest: &str| rest.starts_with(|first: char| !first.is_ascii_digit());
            if span.strip_prefix("countersign ").is_some_and(is_command) {
                count += 1;
                wrong.extend(
                    wrong_in_command(&program, &span).map(|wrong| format!("{path}: {wrong}")),
                );
            } else if let Some(bench) = span.strip_prefix("cargo bench -- ") {
                let name = bench.split(' ').next().unwrap();
                if name != "NAME" && !benches.contains(&format!("bench(\"{name}\"")) {
                    wrong.push(format!("{path}: `{span}`: there is no such bench"));
                }
            } else if let Some(option) = span.strip_prefix("--") {
                let option = option.split([' ', '=']).next().unwrap();
                if !every_option.contains(option) {
                    wrong.push(format!("{path}: no command has the option `{span}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "{count}");
}

#[test]
fn every_client_is_told_to_start_something_that_starts() {
    let mut count = 0;
    for (path, text) in written() {
        for block in blocks(&text)
            .iter()
            .filter(|block| block.language() == "json")
        {
            let config: Json = serde_json::from_str(&block.text).unwrap();
            for (name, server) in config["mcpServers"].as_object().unwrap() {
                count += 1;
                let arguments = server["args"].as_array().unwrap().iter();
                let arguments = arguments.map(|argument| argument.as_str().unwrap());
                let command = std::iter::once(server["command"].as_str().unwrap()).chain(arguments);
                Cli::command()
                    .try_get_matches_from(command)
                    .unwrap_or_else(|error| panic!("{path}: {name}: {error}"));
            }
        }
    }
    assert_eq!(count, 1);
}
