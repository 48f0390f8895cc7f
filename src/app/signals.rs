//! Signals: SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reads the configuration again and opens the
//! access log anew.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Running;

/// Serves until a signal ends the process's work.
///
/// # Errors
/// Signals cannot be listened for.
pub async fn until_ended(mut running: Running) -> io::Result<()> {
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        let [terminate, interrupt] = &mut ends;
        tokio::select! {
            () = running.ended() => break,
            () = either(terminate, interrupt) => {
                if running.is_draining() {
                    tracing::warn!("second signal: ending at once");
                    running.end_now();
                } else {
                    running.drain();
                }
            }
            _ = hangup.recv() => {
                running.reopen_logs();
                // Told in the log by the reloader, refused or not.
                let applied = running.reload("SIGHUP").await;
                tracing::debug!(applied = applied.is_ok(), "SIGHUP");
            }
        }
    }
    running.shutdown().await;
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
