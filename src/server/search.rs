//! Looks for repositories to keep, at the start, on a timer and when GitHub says that the App was
//! installed somewhere, and lets go of those that are no longer ours.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::state::AppState;
use super::worker::{WorkerConfig, guarded};

/// The first wait after a failure; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub struct Finding {
    /// The names of all repositories that are to be kept.
    pub all: BTreeSet<String>,
    /// Those among them that are not kept yet.
    pub new: Vec<WorkerConfig>,
}

/// Looks, and is told what is kept already, in lower case. May ask the network, and may fail for a while.
pub type Search = Box<dyn FnMut(&BTreeSet<String>) -> anyhow::Result<Finding> + Send>;

/// Searches until the server state closes.
pub(super) fn search(app_state: &AppState, mut search: Search, woken: &Receiver<()>) {
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let mut failed = FIRST_WAIT;
    while !app_state.is_closing() {
        let wait = match guarded(|| search(&kept)).map_err(anyhow::Error::msg) {
            Ok(Ok(finding)) => {
                take_over(app_state, &mut kept, finding);
                app_state.searched();
                failed = FIRST_WAIT;
                app_state.intervals().reconcile
            }
            Ok(Err(error)) | Err(error) => {
                tracing::error!(
                    "cannot look for repositories to serve: {error:#}; trying again in {} s",
                    failed.as_secs()
                );
                let wait = failed;
                failed = (failed * 2).min(LONGEST_WAIT);
                wait
            }
        };
        if woken.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        // Many calls before the next look are one look.
        while woken.try_recv().is_ok() {}
    }
}

fn take_over(app_state: &AppState, kept: &mut BTreeSet<String>, finding: Finding) {
    let all: BTreeSet<String> = finding
        .all
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    for gone in kept.difference(&all) {
        tracing::warn!("`{gone}` is served no longer: the App is not installed there any more");
        app_state.let_go(gone);
    }
    kept.retain(|name| all.contains(name));
    for config in finding.new {
        let name = config.name.to_ascii_lowercase();
        match app_state.keep(config) {
            Ok(_) => {
                kept.insert(name);
            }
            Err(error) => tracing::error!("cannot keep `{name}`: {error}"),
        }
    }
}
