//! When it is time to stop.

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be heard.
#[cfg(unix)]
pub async fn signalled() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

/// Waits for Ctrl-C.
///
/// # Errors
/// When signals cannot be heard.
#[cfg(not(unix))]
pub async fn signalled() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
