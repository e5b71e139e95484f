//! The repository that a trail begins with: the shipped rules, with more people, agents and targets.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

pub const REVIEWERS: [&str; 5] = ["alice", "bob", "erin", "frank", "grace"];
pub const ADMINS: [&str; 2] = ["carol", "heidi"];
/// Who answers for the agents, and approves nothing of theirs.
pub const OWNERS: [&str; 2] = ["dana", "ivan"];
/// With what each is there to do, in shares of the whole.
pub const AGENTS: [&str; 8] = [
    "strategy-optimizer",
    "risk-manager",
    "market-analyst",
    "fx-tuner",
    "crypto-tuner",
    "rebalancer",
    "housekeeper",
    "researcher",
];
pub const TARGETS: usize = 200;

const NOTIFY: &str = "actions:\n  notify:\n    description: Tells a channel.\n    effect: modify\n    reversibility: easy\n    executor: command\n    command: {argv: [\"true\"], time_limit_seconds: 5}\n\n";
const ACTIONS: &str = "analyze, query_documentation, notify, modify_parameters, optimize, promote_strategy, create_strategy, delete_strategy, rebalance_portfolio";

pub fn email(person: &str) -> String {
    format!("{person}@example.org")
}

pub fn agent_email(agent: &str) -> String {
    format!("{agent}@agents.example.org")
}

/// From whom a proposal of this agent comes: one that is not registered has somebody listed propose for it.
pub fn proposers_email(agent: &str) -> String {
    match AGENTS.contains(&agent) {
        true => agent_email(agent),
        false => email(OWNERS[0]),
    }
}

pub fn target_name(number: usize) -> String {
    const PAIRS: [&str; 8] = [
        "eurusd", "gbpusd", "usdjpy", "btcusd", "ethusd", "xauusd", "spx500", "ger40",
    ];
    const KINDS: [&str; 5] = ["rsi", "macd", "trend", "carry", "mean-reversion"];
    format!(
        "{}-{}-{:03}",
        KINDS[number % KINDS.len()],
        PAIRS[number / KINDS.len() % PAIRS.len()],
        number
    )
}

pub fn environment(number: usize) -> &'static str {
    ["live", "paper", "inactive", "paper", "live", "staging"][number % 6]
}

/// Every file of the first commit.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = |path: &str| fs::read_to_string(root.join(path)).expect("a shipped rule file");
    let mut files: Vec<(String, Vec<u8>)> = ["governance", "parameters", "triggers"]
        .iter()
        .map(|name| format!("rules/{name}.yaml"))
        .map(|path| (path.clone(), shipped(&path).into_bytes()))
        .collect();
    let actions = shipped("rules/actions.yaml").replacen("actions:\n", NOTIFY, 1);
    files.push(("rules/actions.yaml".to_owned(), actions.into_bytes()));
    files.push(("rules/agents.yaml".to_owned(), agents().into_bytes()));
    files.push(("rules/people.yaml".to_owned(), people().into_bytes()));
    for number in 0..TARGETS {
        let path = format!("targets/{}.yaml", target_name(number));
        files.push((path, target(number).into_bytes()));
    }
    files
}

fn agents() -> String {
    let mut text = "schema: countersign/agents/v1\nagents:\n".to_owned();
    for (number, agent) in AGENTS.iter().enumerate() {
        let owner = OWNERS[number % OWNERS.len()];
        let _ = writeln!(
            text,
            "  {agent}:\n    owner: {owner}\n    emails: [{}]\n    actions: [{ACTIONS}]",
            agent_email(agent)
        );
    }
    text
}

fn people() -> String {
    let mut text = "schema: countersign/people/v1\npeople:\n".to_owned();
    for person in REVIEWERS.iter().chain(&ADMINS).chain(&OWNERS) {
        let _ = writeln!(text, "  {person}: {{emails: [{}]}}", email(person));
    }
    let _ = write!(
        text,
        "reviewers: {{members: [{}]}}\nadmins: {{members: [{}]}}\n",
        REVIEWERS.join(", "),
        ADMINS.join(", ")
    );
    text
}

fn target(number: usize) -> String {
    let environment = environment(number);
    let rehearsal = match environment {
        "live" => format!("rehearsal: {}\n", target_name((number + 1) % TARGETS)),
        _ => String::new(),
    };
    format!(
        "schema: countersign/target/v1\ndescription: Strategy number {number}.\n\n# Where it runs.\nenvironment: {environment}\n{rehearsal}\nparameters:\n  \
         stop_loss_pct: 3.0        # close a position at this loss, in percent\n  take_profit_pct: 6.0\n  position_size_pct: 2.0\n  leverage: 1\n  \
         max_drawdown_pct: 8.0\n  stop_loss_enabled: true\n  circuit_breaker_enabled: true\n  trading_mode: {environment}\n"
    )
}
