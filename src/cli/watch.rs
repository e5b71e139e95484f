//! `countersign run --watch`: pass after pass until somebody says stop, whatever fails in between.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::options::Options;
use super::place::Place;
use super::run::{as_json, has_news, lines, pass};
use super::{CommandOutcome, Result, failure, output};
use crate::bot::{Bot, BotError, Summary};
use crate::server::signalled;

/// After a failure it waits twice as long as before, but never longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The exit status of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Watches until it is told to stop.
pub fn watch(options: &Options, mut bot: Bot, interval: Duration) -> Result {
    let stop = listen()?;
    output::note(&format!(
        "watching `{}` every {} s; Ctrl-C stops",
        options.place()?.name(),
        interval.as_secs()
    ));
    let mut wait = interval;
    loop {
        if let Place::Github(forge) = options.place()? {
            // Nobody tells us anything here, so everything is read each time.
            forge.reconcile();
        }
        match pass(&mut bot) {
            Ok(summary) => {
                tell(options, &summary)?;
                wait = interval;
            }
            Err(error) => {
                if let BotError::Unreported(run) = &error {
                    tell(options, &run.summary)?;
                }
                failure::report(&error.into());
                output::note(&format!("trying again in {} s", wait.as_secs()));
            }
        }
        match stop.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
        // Counted only for failures: a pass that works sets it back.
        wait = (wait * 2).min(LONGEST_WAIT.max(interval));
    }
    output::note("stopped");
    Ok(CommandOutcome::Done)
}

fn tell(options: &Options, summary: &Summary) -> Result<()> {
    if !has_news(summary) {
        return Ok(());
    }
    if options.is_json() {
        output::json_line(&as_json(summary))?;
    } else {
        output::text(&lines(summary))?;
    }
    Ok(())
}

/// Says when it is time to stop: at the first signal after the running pass, at the second one at once.
fn listen() -> Result<mpsc::Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            if let Err(error) = signalled().await {
                tracing::warn!("signals cannot be heard, so only a kill stops this: {error}");
                std::future::pending::<()>().await;
            }
            output::note("stopping after this pass; once more stops at once");
            let _ = tell.send(());
            if signalled().await.is_ok() {
                std::process::exit(INTERRUPTED);
            }
        });
    });
    Ok(told)
}
