//! How many proposals a second are scored, gated and explained on one core, with the shipped rules and with those of the
//! platform pack.
//!
//! The mix is what a team of agents sends: LOW, MEDIUM and HIGH, one target and many, plain edits and ones that fire
//! triggers.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::domain::documents::{Recommendation, Target};
use countersign::domain::level::Level;
use countersign::domain::yaml;
use countersign::gate::requirement;
use countersign::gate::rule_comparison::{Targets, compare};
use countersign::risk::limits::UsedLimits;
use countersign::risk::{Explanation, KnownTarget, RiskContext, advise, assess};
use countersign::rules::{RuleFiles, Rules};

const MEASURED_FOR: Duration = Duration::from_millis(1_500);

type Case = (Recommendation, RiskContext);

/// A condition that needs the interpreter, as somebody may write one.
const LOOP: &str = "\n  - {id: bold, when: \"changes.exists(c, c.parameter == 'leverage' && c.tier == 'aggressive')\", then: HIGH, reason: bold}\n";

pub fn run() {
    println!("the shipped rules");
    let rules = rules_with("");
    let cases = cases(&rules);
    measure(&rules, &cases);
    let interpreted = rules_with(LOOP);
    println!("mix, with one more trigger that loops over the changes");
    let all: Vec<&Case> = cases.iter().collect();
    report("assess + requirement + reductions + text", &all, |case| {
        explained(case, &interpreted, false)
    });
    println!("\nthe platform pack");
    let rules = rules_of("rules/packs/platform", "");
    measure(&rules, &platform_cases(&rules));
}

/// How long it takes to hold a version of the rules against another one.
pub fn compare_versions(rounds: usize) {
    let shipped = rules_with("");
    let platform = rules_of("rules/packs/platform", "");
    for (name, rules, cases) in [
        ("shipped", &shipped, cases(&shipped)),
        ("platform", &platform, platform_cases(&platform)),
    ] {
        let targets = cases.iter().flat_map(|case| case.1.targets.clone());
        let targets: Targets = targets.collect();
        let started = Instant::now();
        let mut proposals = 0;
        for _ in 0..rounds {
            let found = compare(rules, black_box(rules), &targets);
            proposals = black_box(found).looked_at.proposals;
        }
        let each = started.elapsed().as_secs_f64() * 1_000.0 / rounds as f64;
        println!("{name}: {each:.1} ms for {proposals} proposals");
    }
}

fn measure(rules: &Rules, cases: &[Case]) {
    let level = |wanted| {
        cases
            .iter()
            .filter(|case| level_of(case, rules) == wanted)
            .collect()
    };
    let groups: [(&str, Vec<&Case>); 4] = [
        ("mix", cases.iter().collect()),
        ("LOW", level(Level::Low)),
        ("MEDIUM", level(Level::Medium)),
        ("HIGH", level(Level::High)),
    ];
    for (name, cases) in &groups {
        println!("{name}: {} cases", cases.len());
        report("assess", cases, |case| {
            assess(&case.0, &case.1, rules).score.as_hundredths() as usize
        });
        report("assess + advice", cases, |case| {
            let assessment = assess(&case.0, &case.1, rules);
            advise(&case.0, &case.1, rules, &assessment)
                .reductions
                .len()
        });
        report("assess + requirement + reductions + text", cases, |case| {
            explained(case, rules, false)
        });
        report(
            "assess + requirement + reductions + Markdown",
            cases,
            |case| explained(case, rules, true),
        );
    }
}

fn explained((recommendation, situation): &Case, rules: &Rules, markdown: bool) -> usize {
    let assessment = assess(recommendation, situation, rules);
    let required = requirement::for_recommendation(&assessment, &rules.governance);
    let explanation = Explanation::of(recommendation, situation, rules, &assessment, required);
    if markdown {
        explanation.markdown().len()
    } else {
        explanation.plain().len()
    }
}

fn level_of((recommendation, situation): &Case, rules: &Rules) -> Level {
    assess(recommendation, situation, rules).level
}

fn report(what: &str, cases: &[&Case], run: impl Fn(&Case) -> usize) {
    let started = Instant::now();
    let mut done = 0_u32;
    while started.elapsed() < MEASURED_FOR {
        for case in cases {
            black_box(run(black_box(case)));
            done += 1;
        }
    }
    let per_second = f64::from(done) / started.elapsed().as_secs_f64();
    println!("  {what:46} {per_second:>10.0} per second");
}

/// The shipped rules with something added to the policy.
fn rules_with(more: &str) -> Rules {
    rules_of("rules", more)
}

fn rules_of(folder: &str, more: &str) -> Rules {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = Rules::FILES.into_iter().chain(["rules/evidence.yaml"]);
    let files = paths.filter_map(|path| {
        let (_, name) = path.rsplit_once('/').unwrap();
        Some((path.to_owned(), fs::read(folder.join(name)).ok()?))
    });
    let mut files: RuleFiles = files.collect();
    files
        .get_mut("rules/policy.yaml")
        .unwrap()
        .extend(more.bytes());
    Rules::read(&files).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What a platform team's agents propose on the targets of the pack.
fn platform_cases(rules: &Rules) -> Vec<Case> {
    let written = [
        ("inspect", "checkout, orders-db", ""),
        ("scale", "checkout-staging", "replicas: 3"),
        ("scale", "checkout", "replicas: 6"),
        ("scale", "checkout", "replicas: 12"),
        ("scale", "checkout", "limits: {cpu: 500m, memory: 8Gi}"),
        (
            "deploy",
            "checkout",
            "image: \"registry.example.org/shop/checkout:2.14.1\"",
        ),
        ("deploy", "checkout", "image: \"docker.io/shop/checkout:2\""),
        ("set_flag", "new-search", "rollout: 10"),
        ("configure_database", "orders-db", "statement_timeout: 20s"),
        ("configure_database", "orders-db", "backups: false"),
        ("set_budget", "cloud", "monthly_budget: 4400"),
        ("create_service", "fresh", "environment: staging"),
        ("delete_service", "checkout", ""),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/packs/platform/targets");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let targets = files.map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let read: Target = yaml::read("target", &fs::read(&path).unwrap()).unwrap();
        let known = KnownTarget {
            environment: read.environment,
            labels: read.labels,
            parameters: read.parameters,
            baselines: BTreeMap::new(),
            rehearsal: read.rehearsal,
        };
        (name, Arc::new(known))
    });
    let situation = RiskContext {
        targets: targets.collect(),
        ..situation()
    };
    let case = |(action, targets, changes)| {
        let about = recommendation(action, targets, changes);
        let used = UsedLimits::nothing(&about, &situation.targets, rules);
        let situation = RiskContext {
            used,
            ..situation.clone()
        };
        (about, situation)
    };
    written.into_iter().map(case).collect()
}

fn cases(rules: &Rules) -> Vec<Case> {
    let twelve: Vec<String> = (0..12).map(|index| format!("t{index}-live")).collect();
    let twelve = twelve.join(", ");
    let written = [
        ("analyze", "live", ""),
        ("analyze", "live, paper, draft", ""),
        ("modify_parameters", "draft", "stop_loss_pct: 2.5"),
        ("modify_parameters", "paper", "stop_loss_pct: 2"),
        (
            "modify_parameters",
            "draft",
            "stop_loss_pct: 4, leverage: 2",
        ),
        (
            "create_strategy",
            "fresh",
            "trading_mode: inactive, stop_loss_pct: 2, leverage: 1",
        ),
        ("modify_parameters", "live", "stop_loss_pct: 2.5"),
        ("modify_parameters", "live", "stop_loss_pct: 4"),
        (
            "modify_parameters",
            "paper",
            "stop_loss_pct: 6.5, take_profit_pct: 8",
        ),
        (
            "optimize",
            "live, paper",
            "position_size_pct: 2, leverage: 3",
        ),
        ("modify_parameters", "paper", "warp_factor: 9"),
        ("modify_parameters", "live", "stop_loss_pct: 15"),
        (
            "modify_parameters",
            "live",
            "stop_loss_enabled: false, stop_loss_pct: 2",
        ),
        ("promote_strategy", "paper", "trading_mode: live"),
        ("modify_parameters", twelve.as_str(), "leverage: 4"),
        ("delete_strategy", "live", ""),
    ];
    let cases: Vec<Case> = written
        .into_iter()
        .map(|(action, targets, changes)| (recommendation(action, targets, changes), situation()))
        .collect();
    for level in Level::ALL {
        assert!(
            cases.iter().any(|case| level_of(case, rules) == level),
            "no case is {level}"
        );
    }
    cases
}

fn recommendation(action: &str, targets: &str, changes: &str) -> Recommendation {
    let yaml = format!(
        "schema: countersign/recommendation/v1\nid: 01JDC3V5J9M0K3W8Q2ZT4B6N7R\nagent: strategy-optimizer\n\
         session: bench\naction: {action}\ntargets: [{targets}]\nchanges: {{{changes}}}\n\
         rationale: {}\ncreated_at: 2026-11-23T14:02:11Z\n",
        "Backtests show a smaller drawdown. ".repeat(10).trim_end()
    );
    Recommendation::read("recommendation.yaml", yaml.as_bytes())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn situation() -> RiskContext {
    let target = |environment: &str, rehearsal: Option<&str>| {
        Arc::new(KnownTarget {
            environment: environment.to_owned(),
            labels: BTreeMap::new(),
            parameters: [
                ("stop_loss_pct", "3.0"),
                ("stop_loss_enabled", "true"),
                ("trading_mode", environment),
            ]
            .into_iter()
            .map(|(name, value)| {
                (
                    name.parse().unwrap(),
                    serde_json::from_str(value).unwrap_or_else(|_| value.into()),
                )
            })
            .collect(),
            baselines: BTreeMap::new(),
            rehearsal: rehearsal.map(|name| name.parse().unwrap()),
        })
    };
    let mut targets = BTreeMap::from([
        ("live".parse().unwrap(), target("live", Some("paper"))),
        ("paper".parse().unwrap(), target("paper", Some("draft"))),
        ("draft".parse().unwrap(), target("inactive", None)),
    ]);
    for index in 0..12 {
        targets.insert(
            format!("t{index}-live").parse().unwrap(),
            target("live", None),
        );
    }
    RiskContext {
        targets,
        agent_registered: true,
        unattributed: false,
        windows: Vec::new(),
        evidence: BTreeMap::new(),
        used: Default::default(),
        near: Default::default(),
    }
}
