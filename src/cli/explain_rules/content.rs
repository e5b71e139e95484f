//! What is said of each part of the rules.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::sections::{Item, Section, Sentence};
use crate::domain::ids::GroupName;
use crate::domain::level::Level;
use crate::domain::mode::Mode;
use crate::domain::page::{Line, words};
use crate::domain::value::{Duration, ValueType};
use crate::gate::requirement;
use crate::rules::Rules;
use crate::rules::executor::Executor;
use crate::rules::governance::{Aggregate, Governance, LikelyTypos};
use crate::rules::parameters::Guidance;
use crate::rules::people::People;

/// Everything that the rules say, in sections; none of what they say nothing of.
pub(super) fn of(rules: &Rules, now: DateTime<Utc>) -> Vec<Section> {
    let sections = [
        decides(rules),
        groups(&rules.people),
        waits(&rules.governance),
        windows(rules, now),
        evidence(rules),
        score(&rules.governance),
        policy(rules),
        autonomy(rules),
        actions(rules),
        agents(rules),
        parameters(rules),
    ];
    let is_said = |section: &Section| !section.about.is_empty() || !section.items.is_empty();
    sections.into_iter().filter(is_said).collect()
}

fn named(name: impl std::fmt::Display) -> Sentence {
    Line::default().name(name).into()
}

/// The words of the rules themselves, for people.
fn described(description: Option<&String>) -> Option<Sentence> {
    description.map(|text| Line::default().name(text).into())
}

fn decides(rules: &Rules) -> Section {
    let governance = &rules.governance;
    let levels = [Level::Low, Level::Medium, Level::High];
    let levels = levels.into_iter().map(|level| Item {
        name: level.as_str().into(),
        sentences: vec![requirement::level_in_words(level, governance).into()],
    });
    let mut items: Vec<Item> = levels.collect();
    let of_rules = requirement::of_governance_change(governance);
    let of_rules = of_rules.in_words().unwrap_or_default();
    let own = match governance.mode {
        Mode::AutoApprove => " An admin's own change is merged at once.",
        _ => "",
    };
    items.push(Item {
        name: "Changes of rules, people, agents and targets".into(),
        sentences: vec![
            format!("They are always HIGH, whatever they say: each needs {of_rules}.{own}").into(),
        ],
    });
    items.extend(rules.path_rules.iter().map(|rule| {
        let mut about = Line::from("Changes of ");
        let files: Vec<Line> = rule
            .touches
            .iter()
            .map(|files| Line::default().name(files.as_str()))
            .collect();
        about = about.joined(files, " and ").say(": ");
        Item {
            name: named(&rule.id),
            sentences: vec![
                about.words(&rule.reason).say(".").into(),
                rule.ask.in_words().into(),
            ],
        }
    }));
    Section {
        title: "Who decides",
        about: vec![
            format!("The mode is {}. What agents propose is scored from 0 to 100, and the score makes the level.", governance.mode).into(),
            "Nobody decides on what they, or an agent of theirs, had a hand in. Approvals of bots never count.".into(),
        ],
        items,
    }
}

fn groups(people: &People) -> Section {
    let groups = people.group_names().filter_map(|name| {
        let group: GroupName = name.parse().ok()?;
        let members: Vec<Line> = people
            .members(&group)
            .map(|person| Line::default().name(&person.name))
            .collect();
        let teams: Vec<Line> = people
            .teams_of(&group)
            .into_iter()
            .map(|team| Line::from("the members of the GitHub team ").code(team))
            .collect();
        let who = Line::default().joined(members.into_iter().chain(teams), " and ");
        let who = match who.0.is_empty() {
            true => Line::from("Nobody."),
            false => who.say("."),
        };
        let description = people.describe_group(&group);
        Some(Item {
            name: named(name),
            sentences: described(description)
                .into_iter()
                .chain([who.into()])
                .collect(),
        })
    });
    Section {
        title: "Groups",
        about: vec!["An admin is a reviewer, too.".into()],
        items: groups.collect(),
    }
}

fn waits(governance: &Governance) -> Section {
    let limit = governance.pending_limit;
    let typos = match governance.likely_typos {
        LikelyTypos::Refuse => "is refused, and its agent is told what was probably meant",
        LikelyTypos::Score => {
            "is scored like anything else; an action or target that is not known counts as the riskiest"
        }
    };
    Section {
        title: "Deadlines and limits",
        about: vec![
            format!("What has waited for {} the admins are asked about, too; after {} it is recorded as expired.", length(governance.escalate_after), length(governance.expire_after)).into(),
            format!("At most {limit} proposals of one agent wait for people at a time; more are refused.").into(),
            format!("What looks mistyped (an action or target that does not exist, a value of another type) {typos}.").into(),
        ],
        items: Vec::new(),
    }
}

fn windows(rules: &Rules, now: DateTime<Utc>) -> Section {
    let windows = rules.governance.windows.iter().map(|(name, window)| {
        let mut sentences: Vec<Sentence> = vec![
            capital(&format!(
                "{}; {}.",
                window.in_words(),
                window.state_in_words(now)
            ))
            .into(),
        ];
        let users = rules.policy.iter();
        let users = users.filter(|rule| rule.when.windows().contains(name.as_str()));
        let users: Vec<Line> = users.map(|rule| Line::default().name(&rule.id)).collect();
        if !users.is_empty() {
            let line = Line::from("Looked at by ").joined(users, " and ");
            sentences.push(line.say(".").into());
        }
        Item {
            name: named(name),
            sentences,
        }
    });
    Section {
        title: "Windows",
        about: Vec::new(),
        items: windows.collect(),
    }
}

fn evidence(rules: &Rules) -> Section {
    let facts = rules.evidence.iter().map(|(name, fact)| Item {
        name: named(name),
        sentences: described(fact.description.as_ref())
            .into_iter()
            .chain([fact.attesters_in_words().into()])
            .collect(),
    });
    let items: Vec<Item> = facts.collect();
    let about = match items.is_empty() {
        true => Vec::new(),
        false => vec![
            "What is absent, too old or no such value makes a case HIGH where a rule looks at it. Nobody vouches for what they, or an agent of theirs, had a hand in.".into(),
        ],
    };
    Section {
        title: "What others vouch for",
        about,
        items,
    }
}

fn score(governance: &Governance) -> Section {
    let weights = governance.weights;
    let (tiers, scope) = (governance.tiers, governance.scope);
    let reversibility = governance.reversibility;
    let mut environments: Vec<_> = governance.environments.iter().collect();
    environments.sort_by_key(|(_, points)| Reverse(**points));
    let environments = environments.into_iter().enumerate();
    let environments = environments.map(|(index, (name, points))| {
        let counts = if index == 0 { " counts " } else { " " };
        Line::default().name(name).say(counts).say(points)
    });
    let environments = Line::from("Where it takes effect is ")
        .say(weights.environment)
        .say(" % of the score: ")
        .joined(environments, ", ")
        .say(", anything else 100. What counts 100 is production.");
    let several = match governance.aggregate {
        Aggregate::Max => "of several values the highest counts",
        Aggregate::Mean => "of several values the mean counts",
    };
    Section {
        title: "How risk is scored",
        about: vec![
            environments.into(),
            format!(
                "How unusual the new values are is {} %: conservative counts {}, moderate {}, aggressive {}, beyond all tiers {}; {several}. \
                 What has no guidance, or is removed, is beyond all tiers.",
                weights.parameters, tiers.conservative, tiers.moderate, tiers.aggressive, tiers.beyond
            ).into(),
            format!(
                "On how many targets is {} %: one counts {}, several {}, {} or more {}, which is called bulk, as is a change of none that is named.",
                weights.scope, scope.single, scope.several, governance.bulk_at, scope.bulk
            ).into(),
            format!(
                "How hard it is to undo is {} %: easy counts {}, with effort {}, irreversible {}. An action that is not listed is irreversible.",
                weights.reversibility, reversibility.easy, reversibility.effort, reversibility.irreversible
            ).into(),
            format!(
                "A rule that makes it HIGH lifts the score to {}, one that makes it MEDIUM to {}, if it is lower.",
                governance.trigger_score.short(), governance.medium_trigger_score.short()
            ).into(),
        ],
        items: Vec::new(),
    }
}

fn policy(rules: &Rules) -> Section {
    let items = rules.policy.iter().map(|rule| {
        let mut sentences: Vec<Sentence> = vec![words(&rule.reason_in_words()).into()];
        let condition = rule.condition_in_words();
        sentences.push(Line::from("Applies ").line(condition).say(".").into());
        sentences.extend(rule.then.map(|then| then.in_words().into()));
        sentences.extend(rule.ask.as_ref().map(|ask| ask.in_words().into()));
        Item {
            name: named(&rule.id),
            sentences,
        }
    });
    let mut about: Vec<Sentence> = vec![
        "Below, “it” is what an agent proposes; … stands for what it is about. All rules that apply count together. One whose \
         condition cannot be answered counts as one that applies."
            .into(),
    ];
    if !rules.governance.mode.asks_people() {
        about.push(
            "In this mode nobody is asked; what waits or is refused does so all the same.".into(),
        );
    }
    Section {
        title: "Rules beside the score",
        about,
        items: items.collect(),
    }
}

fn autonomy(rules: &Rules) -> Section {
    let items = rules.grants.iter().map(|grant| Item {
        name: named(&grant.id),
        sentences: grant.in_words().into_iter().map(Sentence::from).collect(),
    });
    let items: Vec<Item> = items.collect();
    let about = match items.is_empty() {
        true => Vec::new(),
        false => vec!["Of several that an agent has earned, the first decides.".into()],
    };
    Section {
        title: "What agents can earn",
        about,
        items,
    }
}

fn actions(rules: &Rules) -> Section {
    let items = rules.actions.iter().map(|(name, action)| {
        let mut sentences: Vec<Sentence> =
            described(action.description.as_ref()).into_iter().collect();
        let does = action.in_words().say(" ");
        sentences.push(does.line(executor_in_words(&action.executor)).into());
        let agents = rules.agents.iter();
        let agents = agents.filter(|(_, agent)| agent.actions.contains(name));
        let agents: Vec<Line> = agents.map(|(name, _)| Line::default().name(name)).collect();
        sentences.push(match agents.is_empty() {
            true => "No agent may propose it.".into(),
            false => Line::default()
                .joined(agents, " and ")
                .say(" may propose it.")
                .into(),
        });
        Item {
            name: named(name),
            sentences,
        }
    });
    Section {
        title: "What agents may do",
        about: Vec::new(),
        items: items.collect(),
    }
}

/// Who carries it out.
fn executor_in_words(executor: &Executor) -> Line {
    let seconds = |limit: std::time::Duration| Duration::from_milliseconds(limit.as_secs() * 1_000);
    match executor {
        Executor::None => "Nothing carries it out.".into(),
        Executor::Apply => "The bot writes it into the target's file.".into(),
        Executor::Command(run) => Line::from("The bot runs ")
            .code(&run.program)
            .say(format_args!(", for at most {}.", seconds(run.time_limit))),
        Executor::Http(hook) => {
            Line::from("The bot sends it to ")
                .code(&hook.url)
                .say(format_args!(
                    ", which answers within {}.",
                    seconds(hook.time_limit)
                ))
        }
        Executor::Dispatch(workflow) => {
            let line = Line::from("The bot starts the GitHub workflow ").code(&workflow.event_type);
            let line = match &workflow.repository {
                Some(repository) => line.say(" of ").code(repository),
                None => line,
            };
            line.say(format_args!(
                ", which reports within {}.",
                seconds(workflow.time_limit)
            ))
        }
        Executor::External => "Another system carries it out and reports.".into(),
    }
}

fn agents(rules: &Rules) -> Section {
    let items = rules.agents.iter().map(|(name, agent)| {
        let may = agent
            .actions
            .iter()
            .map(|action| Line::default().name(action));
        let may = match agent.actions.is_empty() {
            true => Line::from("It may propose nothing. "),
            false => Line::from("It may propose ").joined(may, " and ").say(". "),
        };
        let owner = may.name(&agent.owner).say(" answers for it.");
        let description = described(agent.description.as_ref());
        Item {
            name: named(name),
            sentences: description.into_iter().chain([owner.into()]).collect(),
        }
    });
    Section {
        title: "Agents",
        about: Vec::new(),
        items: items.collect(),
    }
}

fn parameters(rules: &Rules) -> Section {
    // A mapping of which nothing is said but its parts.
    let is_frame = |guidance: &Guidance| {
        guidance.value_type() == Some(ValueType::Mapping) && guidance.description.is_none()
    };
    let listed = rules
        .parameters
        .iter()
        .filter(|(_, guidance)| !is_frame(guidance));
    let items = listed.map(|(name, guidance)| {
        let description = described(guidance.description.as_ref());
        let said = guidance.in_words().into_iter().map(Sentence::from);
        Item {
            name: named(name),
            sentences: description.into_iter().chain(said).collect(),
        }
    });
    Section {
        title: "Values",
        about: vec!["Where it is said how far a value may move, the worse of value and movement counts. A parameter that is not here is beyond all tiers.".into()],
        items: items.collect(),
    }
}

/// `24 hours`, `7 days`, `1h30m`.
fn length(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let whole = units
        .into_iter()
        .find(|(unit, _)| seconds > *unit && seconds % unit == 0);
    match whole {
        Some((unit, name)) => format!("{} {name}s", seconds / unit),
        None => {
            let milliseconds = u64::try_from(length.num_milliseconds()).unwrap_or_default();
            Duration::from_milliseconds(milliseconds).to_string()
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
