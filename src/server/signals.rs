//! When it is time to stop.

/// Waits for SIGTERM or SIGINT.
#[cfg(unix)]
pub async fn signalled() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
pub async fn signalled() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
