//! The door to a bot that a server's thread owns: work is done in turn, what it moves is followed by a
//! run, and nothing that goes wrong in it takes the keeper down.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::bot::{Bot, NewFeedback};
use countersign::forge::local::LocalForge;
use countersign::git::Repository;
use countersign::server::{Charge, Keeper, KeeperError, Office, Pace, Standing};
use support::Stage;
use tokio::runtime::Runtime;

const LOW: &str =
    "action: modify_parameters\ntargets: [rsi-eurusd-draft]\nchanges: {stop_loss_pct: 1.5}";
const HOUR: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(60);

/// A keeper that looks by itself so often; how often its bot was hired.
fn keep(stage: &Stage, look: Duration) -> (Runtime, Office, Keeper, Arc<AtomicUsize>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let pace = Pace {
        look,
        reconcile: HOUR,
    };
    let office = Office::new(pace, None);
    let hired = Arc::new(AtomicUsize::new(0));
    let (count, path, now) = (Arc::clone(&hired), stage.repo.clone(), stage.now());
    let charge = Charge {
        name: "governance".to_owned(),
        hire: Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let repo = Repository::open(&path)?;
            let forge = Box::new(LocalForge::new());
            Ok(Bot::new(repo, forge, Box::new(move || now)))
        }),
        github: None,
        tokens: None,
        decides: true,
    };
    let keeper = office.keep(charge).unwrap();
    (runtime, office, keeper, hired)
}

/// Waits until it stands so.
#[track_caller]
fn comes_to(runtime: &Runtime, keeper: &Keeper, so: impl Fn(&Standing) -> bool) -> Standing {
    let mut watch = keeper.watch();
    let waited = runtime.block_on(async {
        let came = tokio::time::timeout(PATIENCE, watch.wait_for(|standing| so(standing))).await;
        came.map(|standing| standing.unwrap().clone())
    });
    waited.unwrap_or_else(|_| panic!("it stands at {:?}", keeper.standing()))
}

#[test]
fn work_is_done_and_what_it_moves_is_heard() {
    let mut stage = Stage::example();
    let id = stage.propose("strategy-optimizer", "low", LOW);
    let (runtime, office, keeper, _) = keep(&stage, HOUR);
    let first = comes_to(&runtime, &keeper, |standing| standing.runs > 0);
    assert_eq!(first.main.unwrap().to_string(), stage.main());
    let feedback = NewFeedback {
        id: id.parse().unwrap(),
        by: "bob".parse().unwrap(),
        message: "Worked well.".to_owned(),
        random: 7,
    };
    let recorded = runtime.block_on(keeper.with_bot(move |bot| bot.record_feedback(&feedback)));
    let commit = recorded.unwrap().unwrap();
    let moved = comes_to(&runtime, &keeper, |standing| standing.main == Some(commit));
    assert!(moved.main != first.main);
    comes_to(&runtime, &keeper, |standing| standing.runs > first.runs);
    office.close();
    runtime.block_on(office.closed());
    let late = runtime.block_on(keeper.with_bot(|bot| bot.main().is_ok()));
    assert!(matches!(late, Err(KeeperError::Stopping)), "{late:?}");
    stage.read_all();
}

#[test]
fn many_wake_ups_are_few_runs() {
    let stage = Stage::example();
    let (runtime, office, keeper, _) = keep(&stage, HOUR);
    comes_to(&runtime, &keeper, |standing| standing.runs > 0);
    let before = keeper.standing().runs;
    // The bot is held up, so that all of them wait.
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let holding = runtime.spawn({
        let keeper = keeper.clone();
        async move { keeper.with_bot(move |_| held.recv().is_ok()).await }
    });
    let woken = keeper.clone();
    for _ in 0..100 {
        woken.wake();
    }
    let_go.send(()).unwrap();
    assert!(runtime.block_on(holding).unwrap().unwrap());
    office.close();
    runtime.block_on(office.closed());
    let runs = keeper.standing().runs - before;
    assert!((1..=4).contains(&runs), "{runs} runs");
}

#[test]
fn a_panic_in_the_work_is_told_and_survived() {
    let stage = Stage::example();
    let (runtime, office, keeper, hired) = keep(&stage, HOUR);
    comes_to(&runtime, &keeper, |standing| standing.runs > 0);
    let panicked = runtime.block_on(keeper.with_bot(|_| -> u8 { panic!("on purpose") }));
    assert!(matches!(panicked, Err(KeeperError::Panicked(_))));
    let main = runtime.block_on(keeper.with_bot(|bot| bot.main().unwrap()));
    assert_eq!(main.unwrap().to_string(), stage.main());
    assert_eq!(hired.load(Ordering::SeqCst), 2, "with a bot of its own");
    office.close();
    runtime.block_on(office.closed());
}

#[test]
fn a_repository_that_is_not_there_yet_is_waited_for() {
    let stage = Stage::example();
    let away = stage.folder("away.git");
    std::fs::rename(&stage.repo, &away).unwrap();
    let (runtime, office, keeper, _) = keep(&stage, Duration::from_millis(10));
    let failed = comes_to(&runtime, &keeper, |standing| standing.failure.is_some());
    assert!(failed.last_success.is_none());
    let unreachable = runtime.block_on(keeper.with_bot(|_| ()));
    let words = unreachable.unwrap_err().to_string();
    assert!(words.contains("cannot be reached at the moment"), "{words}");
    std::fs::rename(&away, &stage.repo).unwrap();
    let well = comes_to(&runtime, &keeper, |standing| {
        standing.last_success.is_some()
    });
    assert_eq!(well.failure, None);
    office.close();
    runtime.block_on(office.closed());
}
