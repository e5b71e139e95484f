//! For the crash tests, in debug builds only: the process kills itself at a given step.
//!
//! Every point at which the bot may die without harm emits an event of the target `countersign::step`.
//! With `COUNTERSIGN_DIE_AT_STEP=N` the process gets a real `kill -9` at the Nth of them, so a test can
//! count N up from 1 until a run survives, and has then died at every step there is.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Counts steps, and dies at one of them.
#[derive(Debug, Default)]
pub struct CrashPoint {
    dies_at: Option<usize>,
    steps: AtomicUsize,
}

impl CrashPoint {
    /// What the environment asks for; normally to live.
    pub fn from_environment() -> Self {
        let dies_at = std::env::var("COUNTERSIGN_DIE_AT_STEP")
            .ok()
            .and_then(|text| text.parse().ok());
        Self {
            dies_at,
            ..Self::default()
        }
    }
}

impl<S: Subscriber> Layer<S> for CrashPoint {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "countersign::step" {
            return;
        }
        if Some(self.steps.fetch_add(1, Ordering::SeqCst) + 1) == self.dies_at {
            let id = std::process::id().to_string();
            if Command::new("kill").args(["-9", &id]).status().is_err() {
                std::process::abort();
            }
            // The signal may take a moment to arrive.
            loop {
                std::thread::park();
            }
        }
    }
}
