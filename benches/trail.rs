//! A big trail to measure on: as many decided cases as one likes, of every kind and ending, that `countersign verify`
//! accepts to the last commit. Written by the bot itself, hour by hour on a clock of its own: agents push, the bot
//! decides, people review, the bot decides again, others report and remark.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use countersign::bot::{Bot, NewFeedback, NewOutcome, Pending};
use countersign::domain::documents::{ExecutorKind, Recommendation, Role};
use countersign::domain::ids::CaseId;
use countersign::domain::mode::Mode;
use countersign::domain::review::Opinion;
use countersign::forge::local::LocalForge;
use countersign::forge::{Forge, NewReview};
use countersign::git::{Durability, Expect, RefEdit, Repository};
use countersign::ledger::{Draft, MAIN};

use crate::measure::{self, COUNTERSIGN};

/// What is written; counted up with every change of it.
const VERSION: u32 = 6;

const REVIEWERS: [&str; 5] = ["alice", "bob", "erin", "frank", "grace"];
const ADMINS: [&str; 2] = ["carol", "heidi"];
/// Who answers for the agents, and approves nothing of theirs.
const OWNERS: [&str; 2] = ["dana", "ivan"];
pub const AGENTS: [&str; 8] = [
    "strategy-optimizer",
    "risk-manager",
    "fx-tuner",
    "rebalancer",
    "market-analyst",
    "crypto-tuner",
    "housekeeper",
    "researcher",
];
const TARGETS: usize = 200;
const ENVIRONMENTS: [&str; 6] = ["live", "paper", "inactive", "paper", "live", "staging"];
/// So many are proposed in an hour.
const AN_HOUR: usize = 100;
/// So many governance changes are spread over the whole.
const RULE_CHANGES: usize = 20;

/// A bare governance repository with so many decided cases.
pub fn trail(count: usize) -> PathBuf {
    measure::kept(&format!("trail-{count}-v{VERSION}"), |repo| {
        let mut author = Author::new(repo);
        let hours = count.div_ceil(AN_HOUR);
        for hour in 0..hours {
            let every = (hours / RULE_CHANGES).max(1);
            let change = (hour % every == every / 2).then_some(hour / every);
            author.hour(AN_HOUR.min(count - hour * AN_HOUR), change);
            if hour % 20 == 19 {
                eprint!(
                    "\rmaking a trail of {count} cases: {}",
                    (hour + 1) * AN_HOUR
                );
            }
        }
        eprintln!();
    })
}

/// A target of the trail that is live.
pub fn live_target(number: usize) -> &'static str {
    ["live-000", "live-004", "live-006", "live-010"][number % 4]
}

fn target_name(number: usize) -> String {
    let environment = ENVIRONMENTS[number % ENVIRONMENTS.len()];
    format!("{environment}-{number:03}")
}

/// The same numbers in every run (SplitMix64): a trail is the same wherever it is made.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to one less than this.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A repository whose trail began in the past.
pub fn begin(path: &Path, files: &[(String, Vec<u8>)], at: DateTime<Utc>) -> Repository {
    let repo = Repository::init_bare(path).unwrap();
    let mut draft = Draft::on(&repo, None).unwrap();
    let tip = draft.genesis(files, Mode::TwoTier, at).unwrap();
    drop(draft.into_buffer().flush(&repo).unwrap());
    let genesis = RefEdit {
        name: MAIN.to_owned(),
        expected: Expect::Any,
        new: Some(tip),
    };
    repo.update_refs(&[genesis], Durability::Fast).unwrap();
    repo
}

struct Author {
    path: PathBuf,
    repo: Repository,
    bot: Bot,
    /// Seconds; the bot reads it, too.
    clock: Arc<AtomicI64>,
    random: Random,
    /// Of the newest proposal.
    number: usize,
    /// Targets that cases made, and none has deleted yet.
    made: Vec<String>,
    /// What others carry out, and have not reported.
    external: Vec<CaseId>,
}

impl Author {
    fn new(path: &Path) -> Self {
        let began: DateTime<Utc> = "2024-01-02T08:00:00Z".parse().unwrap();
        let repo = begin(path, &files(), began);
        let clock = Arc::new(AtomicI64::new(began.timestamp()));
        let reads = Arc::clone(&clock);
        let bot = Bot::new(
            Repository::open(path).unwrap(),
            Box::new(LocalForge::new()),
            Box::new(move || DateTime::from_timestamp(reads.load(Ordering::Relaxed), 0).unwrap()),
        );
        Self {
            path: path.to_owned(),
            repo,
            bot: bot.containing_by(COUNTERSIGN.into()),
            clock,
            random: Random(7),
            number: 0,
            made: Vec::new(),
            external: Vec::new(),
        }
    }

    fn pass(&self, time: TimeDelta) {
        self.clock.fetch_add(time.num_seconds(), Ordering::Relaxed);
    }

    fn hour(&mut self, cases: usize, change: Option<usize>) {
        let from = self.bot.now();
        self.push(cases, from);
        if let Some(number) = change {
            self.push_rule_change(number, from);
        }
        self.pass(TimeDelta::minutes(40));
        let waiting = self.run();
        self.pass(TimeDelta::minutes(5));
        for pending in &waiting {
            self.answer(pending);
        }
        self.pass(TimeDelta::minutes(5));
        self.run();
        self.report();
        if change.is_some_and(|number| number % 3 == 0) {
            let (by, ends) = (ADMINS[0].parse().unwrap(), "prices are wrong");
            self.bot.freeze(&by, ends).unwrap();
            self.pass(TimeDelta::minutes(5));
            self.bot.unfreeze(&by).unwrap();
        }
        self.clock
            .store((from + TimeDelta::hours(1)).timestamp(), Ordering::Relaxed);
    }

    /// What waits for people after it.
    fn run(&mut self) -> Vec<Arc<Pending>> {
        let summary = self.bot.run(&mut |_, _| {}).expect("the bot stopped");
        let handled = summary.handled.into_iter();
        handled.filter_map(|handled| handled.pending).collect()
    }

    /// Branches that begin at the tip of `main`, a few seconds after each other.
    fn push(&mut self, cases: usize, from: DateTime<Utc>) {
        let mut stream = String::new();
        for place in 0..cases {
            self.number += 1;
            let at = from + TimeDelta::seconds(20 * place as i64);
            let (agent, id) = (
                AGENTS[self.number % AGENTS.len()],
                CaseId::from_parts(at, self.number as u128),
            );
            let text = self.proposal(agent, id, at);
            let path = Recommendation::path_of(id);
            let email = format!("{agent}@agents.example.org");
            commit(
                &mut stream,
                &format!("recommend/{id}"),
                &email,
                at,
                &path,
                &text,
            );
        }
        measure::fast_import(&self.path, &stream);
    }

    /// A threshold moves.
    fn push_rule_change(&mut self, number: usize, at: DateTime<Utc>) {
        let path = "rules/governance.yaml";
        let text = measure::git(&self.path, &["show", &format!("main:{path}")]);
        let is_threshold = |line: &&str| line.trim_start().starts_with("low_up_to:");
        let before = text.lines().find(is_threshold).unwrap();
        let after = format!("  low_up_to: {}", [28, 32, 30, 25, 35][number % 5]);
        let text = text.replacen(before, &after, 1);
        let mut stream = String::new();
        let branch = format!("govern/threshold-{number}");
        commit(&mut stream, &branch, "bob@example.org", at, path, &text);
        measure::fast_import(&self.path, &stream);
    }

    /// What an agent writes.
    fn proposal(&mut self, agent: &str, id: CaseId, at: DateTime<Utc>) -> String {
        const WORDS: [&str; 4] = [
            "Backtests over 2024-2026 show a smaller drawdown at this value.",
            "Volatility has fallen for three weeks: the present limit closes too early.\\n\\nWalk-forward, 12 windows, all better than now.",
            "The correlation with the rest of the book is above 0.8; less of it costs little and helps on bad days.",
            "Asked for by the desk: \\\"wider, until the meeting is over\\\".",
        ];
        let random = &mut self.random;
        let first = random.below(TARGETS);
        let several = |count: usize| {
            let all = (0..count).map(|step| target_name((first + step * 7) % TARGETS));
            all.collect::<Vec<_>>().join(", ")
        };
        let (action, targets, changes) = match random.below(100) {
            0..=24 => ("analyze", several(1 + random.below(4)), String::new()),
            25..=29 => ("query_documentation", several(1), String::new()),
            30..=34 => ("notify", several(1), values(random)),
            35..=71 => ("modify_parameters", several(1), values(random)),
            72..=81 => ("optimize", several(1 + random.below(3)), values(random)),
            82..=84 => (
                "modify_parameters",
                several(10 + random.below(21)),
                values(random),
            ),
            85..=88 => {
                let mode = random.of(&["live", "paper", "inactive"]);
                (
                    "promote_strategy",
                    several(1),
                    format!("trading_mode: {mode}"),
                )
            }
            89..=91 => {
                let name = format!("new-{}", self.number);
                self.made.push(name.clone());
                (
                    "create_strategy",
                    name,
                    "trading_mode: inactive, stop_loss_pct: 2.5".to_owned(),
                )
            }
            // Whatever this hour made is not there yet.
            92..=93 if self.made.len() > 2 * AN_HOUR => {
                ("delete_strategy", self.made.remove(0), String::new())
            }
            _ => {
                let size = random.below(80) as f64 / 10.0 + 0.5;
                (
                    "rebalance_portfolio",
                    several(1),
                    format!("position_size_pct: {size}"),
                )
            }
        };
        let mut text = format!(
            "schema: countersign/recommendation/v1\nid: {id}\nagent: {agent}\nsession: {}-{}\naction: {action}\ntargets: [{targets}]\nchanges: {{{changes}}}\nrationale: \"{}\"\n",
            &agent[..3],
            at.format("%Y-%m-%d"),
            random.of(&WORDS),
        );
        if random.percent(60) {
            let number = self.number;
            let _ = writeln!(
                text,
                "citations:\n  - title: Walk-forward study {number}\n    url: https://example.org/study/{number}"
            );
        }
        if action == "rebalance_portfolio" || random.percent(15) {
            let ticket = random.below(100_000);
            let _ = writeln!(
                text,
                "details: {{venue: broker-a, ticket: {ticket}, windows: [2026-W40, 2026-W41]}}"
            );
        }
        let _ = writeln!(text, "created_at: {}", at.format("%Y-%m-%dT%H:%M:%SZ"));
        text
    }

    /// What people say of what waits: mostly yes, sometimes no; and agents take back what is invalid, and a few others.
    fn answer(&mut self, pending: &Pending) {
        let (pull, gate) = (&pending.pull, &pending.evaluation.gate_result);
        let required = gate.as_ref().map(|gate| gate.required);
        let withdraws = pull.branch.starts_with("recommend/") && self.random.percent(5);
        let Some(required) = required.filter(|_| !withdraws) else {
            let branch = format!("refs/heads/{}", pull.branch);
            measure::git(&self.path, &["update-ref", "-d", &branch]);
            return;
        };
        let is_admin = required.role == Role::Admin;
        let by = if is_admin {
            self.random.of(&ADMINS)
        } else {
            self.random.of(&REVIEWERS)
        };
        let is_change = pull.branch.starts_with("govern/");
        let is_no = !is_change && self.random.percent(if is_admin { 30 } else { 12 });
        let words: &[&str] = if is_no {
            &[
                "/reject too_risky: not in this market",
                "/reject unclear_benefit: the study does not cover this pair",
                "/reject bad_timing: wait for the meeting",
            ]
        } else {
            &[
                "Thirty clean days on paper, and the limits stay as they are.",
                "/confidence confident\n\nThirty clean days on paper, all within the limits.",
                "/confidence uncertain\n\nThirty clean days on paper, but few trades.",
            ]
        };
        let review = NewReview {
            number: pull.number,
            by: by.parse().unwrap(),
            opinion: if is_no {
                Opinion::RequestChanges
            } else {
                Opinion::Approve
            },
            head: Some(pull.head),
            body: self.random.of(words).to_owned(),
            at: self.bot.now(),
        };
        LocalForge::new().review(&self.repo, review).unwrap();
    }

    /// Others report what they carried out, and people remark on what was decided.
    fn report(&mut self) {
        let format = "--format=%(trailers:key=Recommendation,valueonly,separator=) %(trailers:key=Executor,valueonly,separator=)";
        let since = format!("--max-count={}", 4 * AN_HOUR);
        let log = [
            "log",
            "--first-parent",
            "--grep=^Event: decision$",
            &since,
            format,
            "main",
        ];
        let log = measure::git(&self.path, &log);
        let mut decided: Vec<CaseId> = Vec::new();
        for line in log.lines() {
            let mut words = line.split_whitespace();
            let Some(id) = words.next().and_then(|word| word.parse().ok()) else {
                continue;
            };
            decided.push(id);
            let is_external = words.next() == Some(ExecutorKind::External.as_str());
            if is_external && !self.external.contains(&id) {
                self.external.push(id);
                let success = self.random.percent(80);
                let outcome = NewOutcome {
                    id,
                    success,
                    details: [("fills".to_owned(), 3.into())].into(),
                    error: (!success).then(|| "the broker refused the order".to_owned()),
                    by: REVIEWERS[0].to_owned(),
                };
                self.bot.record_outcome(&outcome).unwrap();
            }
        }
        for _ in 0..AN_HOUR * 8 / 100 {
            let feedback = NewFeedback {
                id: self.random.of(&decided),
                by: self.random.of(&OWNERS).parse().unwrap(),
                message: "Good call: the drawdown is half of what it was.".to_owned(),
                random: u128::from(self.random.next()),
            };
            self.bot.record_feedback(&feedback).unwrap();
        }
    }
}

/// One or two values, in YAML's flow style.
fn values(random: &mut Random) -> String {
    let (name, low, high) = random.of(&[
        ("stop_loss_pct", 10, 70),
        ("stop_loss_pct", 10, 40),
        ("take_profit_pct", 30, 150),
        ("position_size_pct", 5, 60),
        ("max_drawdown_pct", 50, 180),
    ]);
    let value = (low + random.below(high - low)) as f64 / 10.0;
    let mut values = format!("{name}: {value}");
    if random.percent(30) {
        let _ = write!(values, ", leverage: {}", 1 + random.below(6));
    }
    if random.percent(2) {
        values.push_str(", stop_loss_enabled: false");
    }
    values
}

/// A commit for `git fast-import`, on `main`, that writes one file.
fn commit(
    stream: &mut String,
    branch: &str,
    email: &str,
    at: DateTime<Utc>,
    path: &str,
    text: &str,
) {
    let name = email.split('@').next().unwrap();
    let who = format!("{name} <{email}> {} +0000", at.timestamp());
    let _ = write!(
        stream,
        "commit refs/heads/{branch}\nauthor {who}\ncommitter {who}\ndata 8\nPropose\n\nfrom refs/heads/main^0\nM 100644 inline {path}\ndata {}\n{text}\n",
        text.len()
    );
}

/// The shipped rules, with more people, agents, targets and an action that a command carries out.
fn files() -> Vec<(String, Vec<u8>)> {
    const NOTIFY: &str = "actions:\n  notify:\n    description: Tells a channel.\n    effect: modify\n    reversibility: easy\n    executor: command\n    command: {argv: [\"true\"], time_limit_seconds: 5}\n\n";
    const ACTIONS: &str = "analyze, query_documentation, notify, modify_parameters, optimize, promote_strategy, create_strategy, delete_strategy, rebalance_portfolio";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = |name: &str| {
        let path = format!("rules/{name}.yaml");
        let text = fs::read_to_string(root.join(&path)).expect("a shipped rule file");
        (path, text)
    };
    let mut files: Vec<(String, String)> =
        ["governance", "parameters", "policy"].map(shipped).into();
    let (path, actions) = shipped("actions");
    files.push((path, actions.replacen("actions:\n", NOTIFY, 1)));
    let mut agents = "schema: countersign/agents/v1\nagents:\n".to_owned();
    for (number, agent) in AGENTS.iter().enumerate() {
        let owner = OWNERS[number % OWNERS.len()];
        let _ = writeln!(
            agents,
            "  {agent}: {{owner: {owner}, emails: [{agent}@agents.example.org], actions: [{ACTIONS}]}}"
        );
    }
    files.push(("rules/agents.yaml".to_owned(), agents));
    let mut people = "schema: countersign/people/v1\npeople:\n".to_owned();
    for person in REVIEWERS.iter().chain(&ADMINS).chain(&OWNERS) {
        let _ = writeln!(people, "  {person}: {{emails: [{person}@example.org]}}");
    }
    let (reviewers, admins) = (REVIEWERS.join(", "), ADMINS.join(", "));
    let _ = write!(
        people,
        "reviewers: {{members: [{reviewers}]}}\nadmins: {{members: [{admins}]}}\n"
    );
    files.push(("rules/people.yaml".to_owned(), people));
    for number in 0..TARGETS {
        let name = target_name(number);
        let environment = ENVIRONMENTS[number % ENVIRONMENTS.len()];
        let text = format!(
            "schema: countersign/target/v1\ndescription: Strategy number {number}.\n\n# Where it runs.\nenvironment: {environment}\n\nparameters:\n  \
             stop_loss_pct: 3.0        # close a position at this loss, in percent\n  take_profit_pct: 6.0\n  position_size_pct: 2.0\n  leverage: 1\n  \
             max_drawdown_pct: 8.0\n  stop_loss_enabled: true\n  trading_mode: {environment}\n"
        );
        files.push((format!("targets/{name}.yaml"), text));
    }
    let bytes = files
        .into_iter()
        .map(|(path, text)| (path, text.into_bytes()));
    bytes.collect()
}
