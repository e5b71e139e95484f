//! The door to a bot that a server's thread owns: work is done in turn, what it moves is followed by a
//! run, and nothing that goes wrong in it takes the worker down.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::TestRepo;
use crate::support::proposals::LOW;
use countersign::bot::{Bot, NewFeedback};
use countersign::forge::local::LocalForge;
use countersign::git::Repository;
use countersign::server::{
    AppState, ListenConfig, PollIntervals, RepositoryWorker, WorkerConfig, WorkerError,
    WorkerStatus,
};
use tokio::runtime::Runtime;

const HOUR: Duration = Duration::from_secs(3600);
const TIMEOUTS: Duration = Duration::from_secs(60);

/// A worker that looks by itself so often; how often its bot was made.
fn keep(
    stage: &TestRepo,
    look: Duration,
) -> (Runtime, AppState, RepositoryWorker, Arc<AtomicUsize>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let intervals = PollIntervals {
        look,
        reconcile: HOUR,
    };
    let app_state = AppState::new(intervals, ListenConfig::default(), None);
    let hired = Arc::new(AtomicUsize::new(0));
    let (count, path, now) = (Arc::clone(&hired), stage.repo.clone(), stage.now());
    let config = WorkerConfig {
        name: "governance".to_owned(),
        bot_factory: Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let repo = Repository::open(&path)?;
            let forge = Box::new(LocalForge::new());
            Ok(Bot::new(repo, forge, Box::new(move || now)))
        }),
        github: None,
        tokens: None,
        decides: true,
    };
    let worker = app_state.keep(config).unwrap();
    (runtime, app_state, worker, hired)
}

/// Waits until it stands so.
#[track_caller]
fn comes_to(
    runtime: &Runtime,
    worker: &RepositoryWorker,
    so: impl Fn(&WorkerStatus) -> bool,
) -> WorkerStatus {
    let mut watch = worker.watch();
    let waited = runtime.block_on(async {
        let came = tokio::time::timeout(TIMEOUTS, watch.wait_for(|standing| so(standing))).await;
        came.map(|standing| standing.unwrap().clone())
    });
    waited.unwrap_or_else(|_| panic!("it stands at {:?}", worker.standing()))
}

#[test]
fn work_is_done_and_what_it_moves_is_heard() {
    let mut stage = TestRepo::example();
    let id = stage.propose("strategy-optimizer", "low", LOW);
    let (runtime, app_state, worker, _) = keep(&stage, HOUR);
    let first = comes_to(&runtime, &worker, |standing| standing.runs > 0);
    assert_eq!(first.main.unwrap().to_string(), stage.main());
    let feedback = NewFeedback {
        id: id.parse().unwrap(),
        by: "bob".parse().unwrap(),
        message: "Worked well.".to_owned(),
        random: 7,
    };
    let recorded = runtime.block_on(worker.with_bot(move |bot| bot.record_feedback(&feedback)));
    let commit = recorded.unwrap().unwrap();
    let moved = comes_to(&runtime, &worker, |standing| standing.main == Some(commit));
    assert!(moved.main != first.main);
    comes_to(&runtime, &worker, |standing| standing.runs > first.runs);
    app_state.close();
    runtime.block_on(app_state.closed());
    let late = runtime.block_on(worker.with_bot(|bot| bot.main().is_ok()));
    assert!(matches!(late, Err(WorkerError::Stopping)), "{late:?}");
    stage.read_all();
}

#[test]
fn many_wake_ups_are_few_runs() {
    let stage = TestRepo::example();
    let (runtime, app_state, worker, _) = keep(&stage, HOUR);
    comes_to(&runtime, &worker, |standing| standing.runs > 0);
    let before = worker.standing().runs;
    // The bot is held up, so that all of them wait.
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let holding = runtime.spawn({
        let worker = worker.clone();
        async move { worker.with_bot(move |_| held.recv().is_ok()).await }
    });
    let woken = worker.clone();
    for _ in 0..100 {
        woken.wake();
    }
    let_go.send(()).unwrap();
    assert!(runtime.block_on(holding).unwrap().unwrap());
    app_state.close();
    runtime.block_on(app_state.closed());
    let runs = worker.standing().runs - before;
    assert!((1..=4).contains(&runs), "{runs} runs");
}

#[test]
fn a_panic_in_the_work_is_told_and_survived() {
    let stage = TestRepo::example();
    let (runtime, app_state, worker, hired) = keep(&stage, HOUR);
    comes_to(&runtime, &worker, |standing| standing.runs > 0);
    let panicked = runtime.block_on(worker.with_bot(|_| -> u8 { panic!("on purpose") }));
    assert!(matches!(panicked, Err(WorkerError::Panicked(_))));
    let main = runtime.block_on(worker.with_bot(|bot| bot.main().unwrap()));
    assert_eq!(main.unwrap().to_string(), stage.main());
    assert_eq!(hired.load(Ordering::SeqCst), 2, "with a bot of its own");
    app_state.close();
    runtime.block_on(app_state.closed());
}

#[test]
fn a_repository_that_is_not_there_yet_is_waited_for() {
    let stage = TestRepo::example();
    let away = stage.folder("away.git");
    std::fs::rename(&stage.repo, &away).unwrap();
    let (runtime, app_state, worker, _) = keep(&stage, Duration::from_millis(10));
    let failed = comes_to(&runtime, &worker, |standing| standing.failure.is_some());
    assert!(failed.last_success.is_none());
    let unreachable = runtime.block_on(worker.with_bot(|_| ()));
    let words = unreachable.unwrap_err().to_string();
    assert!(words.contains("cannot be reached at the moment"), "{words}");
    std::fs::rename(&away, &stage.repo).unwrap();
    let well = comes_to(&runtime, &worker, |standing| {
        standing.last_success.is_some()
    });
    assert_eq!(well.failure, None);
    app_state.close();
    runtime.block_on(app_state.closed());
}
