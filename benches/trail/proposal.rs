//! What agents propose: a mix of harmless and risky actions, on targets of every environment.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use countersign::domain::documents::{Citation, Recommendation};
use countersign::domain::ids::CaseId;
use countersign::domain::value::{Number, Value};
use countersign::domain::yaml;

use super::chance::Chance;
use super::world::{self, TARGETS};

const WORDS: [&str; 6] = [
    "Backtests over 2024-2026 show a smaller drawdown at this value.",
    "Volatility has fallen for three weeks: the present limit closes too early.\n\nWalk-forward, 12 windows, all better than now.",
    "The correlation with the rest of the book is above 0.8; less of it costs little and helps on bad days.",
    "Asked for by the desk: \"wider, until the meeting is over\".",
    "Slippage on this pair doubled since Monday, see the study; the edge is gone at the present size.",
    "Routine weekly look at open positions & limits - nothing unusual.",
];

/// More new targets than that are of no use: then the next one comes when another has gone.
const MOST_MADE: usize = 40;

/// What the targets are, as far as a proposal needs to know.
pub struct MadeTargets {
    /// Made by a case before, and not removed yet.
    pub made: Vec<String>,
    pub next: usize,
}

/// A recommendation and the bytes that its agent wrote.
pub fn propose(
    chance: &mut Chance,
    targets: &mut MadeTargets,
    (number, at): (usize, DateTime<Utc>),
) -> (Recommendation, String) {
    let agent = match chance.below(100) {
        0 => "visiting-agent",
        n => world::AGENTS[n % world::AGENTS.len()],
    };
    let (action, targets, changes) = act(chance, targets, number);
    let about = Recommendation {
        schema: Default::default(),
        id: CaseId::from_parts(at, number as u128),
        agent: agent.parse().unwrap(),
        session: format!(
            "{}-{}-{}",
            &agent[..3],
            at.format("%Y-%m-%d"),
            number / 7 % 5
        )
        .parse()
        .unwrap(),
        action: action.parse().unwrap(),
        targets: targets.iter().map(|name| name.parse().unwrap()).collect(),
        changes: changes
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value))
            .collect(),
        rationale: (*chance.of(&WORDS)).to_owned(),
        citations: citations(chance, number),
        details: details(chance, action),
        expects: BTreeMap::new(),
        created_at: at,
    };
    // Most agents have `countersign propose` or a library write their files, some write them themselves.
    let text = if chance.percent(80) {
        yaml::write(&about).unwrap()
    } else {
        by_hand(&about)
    };
    (about, text)
}

type Act = (&'static str, Vec<String>, Vec<(&'static str, Value)>);

fn act(chance: &mut Chance, targets: &mut MadeTargets, number: usize) -> Act {
    let one = |chance: &mut Chance| vec![world::target_name(chance.below(TARGETS))];
    let first = chance.below(TARGETS);
    match chance.below(100) {
        0..=24 => ("analyze", several(first, 1 + chance.below(4)), Vec::new()),
        25..=29 => ("query_documentation", one(chance), Vec::new()),
        30..=34 => ("notify", one(chance), changes(chance)),
        35..=71 => ("modify_parameters", one(chance), changes(chance)),
        72..=81 => (
            "optimize",
            several(first, 1 + chance.below(3)),
            changes(chance),
        ),
        82..=84 => (
            "modify_parameters",
            several(first, chance.between(10, 30)),
            changes(chance),
        ),
        85..=88 => {
            let mode = *chance.of(&["live", "paper", "inactive", "inactive", "paper"]);
            let mode = Value::Text(mode.to_owned());
            (
                "promote_strategy",
                one(chance),
                vec![("trading_mode", mode)],
            )
        }
        89..=91 if targets.made.len() < MOST_MADE => {
            let name = format!("new-{number}");
            let changes = vec![
                ("trading_mode", Value::Text("inactive".to_owned())),
                ("stop_loss_pct", tenths(chance.between(10, 40))),
            ];
            ("create_strategy", vec![name], changes)
        }
        89..=93 if !targets.made.is_empty() => {
            let at = chance.below(targets.made.len());
            (
                "delete_strategy",
                vec![targets.made.swap_remove(at)],
                Vec::new(),
            )
        }
        _ => (
            "rebalance_portfolio",
            one(chance),
            vec![("position_size_pct", tenths(chance.between(5, 80)))],
        ),
    }
}

fn several(first: usize, count: usize) -> Vec<String> {
    (0..count)
        .map(|step| world::target_name((first + step * 7) % TARGETS))
        .collect()
}

fn changes(chance: &mut Chance) -> Vec<(&'static str, Value)> {
    let mut changes = vec![match chance.below(6) {
        0..=2 => ("stop_loss_pct", tenths(chance.between(10, 70))),
        3 => ("take_profit_pct", tenths(chance.between(30, 150))),
        4 => ("position_size_pct", tenths(chance.between(5, 60))),
        _ => ("max_drawdown_pct", tenths(chance.between(50, 180))),
    }];
    if chance.percent(30) {
        changes.push(("leverage", Value::from(chance.between(1, 6) as i64)));
    }
    if chance.percent(2) {
        changes.push(("stop_loss_enabled", Value::Bool(false)));
    }
    changes
}

fn tenths(tenths: usize) -> Value {
    Value::Number(Number::try_from(tenths as f64 / 10.0).unwrap())
}

fn citations(chance: &mut Chance, number: usize) -> Vec<Citation> {
    let count = [0, 0, 1, 1, 2][chance.below(5)];
    (0..count)
        .map(|place| Citation {
            title: format!("Walk-forward study {number}-{place}"),
            url: (place == 0).then(|| format!("https://example.org/study/{number}")),
        })
        .collect()
}

fn details(chance: &mut Chance, action: &str) -> BTreeMap<String, Value> {
    if action != "rebalance_portfolio" && !chance.percent(15) {
        return BTreeMap::new();
    }
    BTreeMap::from([
        ("venue".to_owned(), Value::from("broker-a")),
        (
            "ticket".to_owned(),
            Value::from(chance.below(100_000) as i64),
        ),
        (
            "windows".to_owned(),
            Value::List(vec![Value::from("2026-W40"), Value::from("2026-W41")]),
        ),
    ])
}

/// The same document as somebody writes it who likes JSON, and comments.
fn by_hand(about: &Recommendation) -> String {
    let json = |value: &serde_json::Value| value.to_string();
    let whole = serde_json::to_value(about).unwrap();
    let mut text = "# proposed by a program\n".to_owned();
    for key in ["schema", "id", "agent", "session", "action", "created_at"] {
        text.push_str(&format!("{key}: {}\n", json(&whole[key])));
    }
    for key in ["targets", "changes", "rationale", "citations", "details"] {
        if !whole[key].is_null() {
            text.push_str(&format!("{key}: {}\n", json(&whole[key])));
        }
    }
    text
}
