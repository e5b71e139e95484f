//! What an agent may propose, for people.

use super::super::sections::{Item, Section, Sentence, Told};
use crate::bot::choices::{ActionChoice, Choices, ParameterChoice, RuleChoice, TargetChoice};
use crate::domain::page::{Line, words};

pub fn told(choices: &Choices) -> Told {
    let levels = choices.levels.iter().map(|level| Item {
        name: level.level.as_str().into(),
        sentences: vec![level.text.as_str().into()],
    });
    let windows = choices.windows.iter().map(|window| Item {
        name: named(&window.name),
        sentences: vec![whole(&format!("It is open {}.", window.text))],
    });
    let others = choices.other_parameters.iter().map(|parameter| Item {
        name: named(&parameter.name),
        sentences: about_parameter(parameter),
    });
    let evidence = choices.evidence.iter().map(|fact| {
        let description = fact.description.as_deref().map(whole);
        Item {
            name: named(&fact.name),
            sentences: description.into_iter().chain([whole(&fact.text)]).collect(),
        }
    });
    let sections = vec![
        Section {
            title: "Actions",
            about: about_agent(choices),
            items: choices.actions.iter().map(action).collect(),
        },
        Section {
            title: "Targets",
            about: about_targets(choices),
            items: choices.targets.iter().map(target).collect(),
        },
        Section {
            title: "Parameters that none of these targets has",
            about: Vec::new(),
            items: others.collect(),
        },
        Section {
            title: "What each level asks for",
            about: Vec::new(),
            items: levels.collect(),
        },
        Section {
            title: "Windows",
            about: Vec::new(),
            items: windows.collect(),
        },
        Section {
            title: "What others vouch for",
            about: Vec::new(),
            items: evidence.collect(),
        },
        Section {
            title: "Rules that may apply",
            about: Vec::new(),
            items: choices.rules.iter().map(|one| rule(one, choices)).collect(),
        },
    ];
    let is_said = |section: &Section| !section.about.is_empty() || !section.items.is_empty();
    Told {
        title: "What may be proposed",
        sections: sections.into_iter().filter(is_said).collect(),
    }
}

fn named(name: impl std::fmt::Display) -> Sentence {
    Line::default().name(name).into()
}

/// A sentence that is not cut.
fn whole(text: &str) -> Sentence {
    Line::default().code(text).into()
}

fn about_agent(choices: &Choices) -> Vec<Sentence> {
    let (agent, limit) = (&choices.agent, choices.pending_limit);
    let mut about = Vec::new();
    if choices.frozen {
        about.push("Everything is stopped at present: nothing is merged or carried out.".into());
    }
    if !choices.registered {
        about.push(format!("{agent} is not listed in rules/agents.yaml.").into());
    }
    let what = if choices.actions.is_empty() {
        "nothing"
    } else {
        "what follows"
    };
    about.push(format!("{agent} may propose {what}; at most {limit} proposals of it may wait for people at a time.").into());
    about
}

fn action(choice: &ActionChoice) -> Item {
    let description = choice.description.as_deref().map(whole);
    let does = whole(&choice.text);
    let takes = whole(&format!("It takes {}.", choice.takes));
    Item {
        name: named(&choice.name),
        sentences: description.into_iter().chain([does, takes]).collect(),
    }
}

fn about_targets(choices: &Choices) -> Vec<Sentence> {
    let problems = choices
        .errors
        .iter()
        .map(|problem| whole(&problem.to_string()));
    let mut about: Vec<Sentence> = problems.collect();
    if choices.more_targets > 0 {
        let names = choices.more_target_names.iter();
        let names = Line::default().joined(names.map(|name| Line::default().name(name)), ", ");
        let unnamed = choices
            .more_targets
            .saturating_sub(choices.more_target_names.len());
        let line = Line::default().say(choices.more_targets);
        let line = line.say(" more, which `--target` describes: ").line(names);
        about.push(match unnamed {
            0 => line.say(".").into(),
            more => line
                .say(format_args!(", and {more} that are not named here."))
                .into(),
        });
    }
    about
}

fn target(choice: &TargetChoice) -> Item {
    let description = choice.description.as_deref().map(whole);
    let mut line = Line::from("In ").name(&choice.environment);
    if choice.production && choice.environment != "production" {
        line = line.say(", which counts as production");
    }
    for (label, value) in &choice.labels {
        line = line.say("; ").name(label).say(": ").name(value);
    }
    if let Some(rehearsal) = &choice.rehearsal {
        line = line.say("; try it first on ").name(rehearsal);
    }
    let parameters = choice.parameters.iter().map(|parameter| {
        let mut line = Line::default().name(&parameter.name);
        line = match (&parameter.value, &parameter.unit) {
            (Some(value), Some(unit)) => line.say(" is ").code(value).say(" ").name(unit).say("."),
            (Some(value), None) => line.say(" is ").code(value).say("."),
            (None, _) => line.say(" is too long to be shown here."),
        };
        let said = about_parameter(parameter).into_iter();
        said.fold(line, |line, Sentence(said)| line.say(" ").line(said))
            .into()
    });
    let mut sentences: Vec<Sentence> = description
        .into_iter()
        .chain([line.say(".").into()])
        .collect();
    sentences.extend(parameters);
    if choice.more_parameters > 0 {
        sentences.push(format!("{} more parameters.", choice.more_parameters).into());
    }
    Item {
        name: named(&choice.name),
        sentences,
    }
}

fn about_parameter(choice: &ParameterChoice) -> Vec<Sentence> {
    let description = choice.description.as_deref().map(whole);
    let guidance = choice.guidance.iter().map(|said| whole(said));
    description.into_iter().chain(guidance).collect()
}

fn rule(choice: &RuleChoice, choices: &Choices) -> Item {
    let mut sentences = vec![
        words(&choice.reason).into(),
        whole(&format!("Applies {}.", choice.when)),
    ];
    sentences.extend(choice.follows.iter().map(|follows| whole(follows)));
    if choice.actions.len() < choices.actions.len() {
        let actions = choice.actions.iter().map(|name| Line::default().name(name));
        let line = Line::from("May apply to ").joined(actions, " and ");
        sentences.push(line.say(".").into());
    }
    Item {
        name: named(&choice.id),
        sentences,
    }
}
