//! Signals: SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reads the configuration again and opens the
//! access log anew, or drains when it means that the terminal is gone.

use std::io::{self, IsTerminal};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Running;

/// The signals that a server obeys. Listening begins with [`Signals::listen`], before the start, so that none is lost
/// or kills a process that is already serving.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
enum Wish {
    GoDown,
    ReadAgain,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The operating system does not let us.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Serves until a signal ends the process's work. `terminal`: standard output was a terminal at the start.
    pub async fn obey(mut self, mut running: Running, terminal: bool) {
        loop {
            let wish = tokio::select! {
                () = running.ended() => break,
                wish = self.next(terminal) => wish,
            };
            match wish {
                Wish::GoDown if running.is_draining() => {
                    tracing::warn!("second signal: ending at once");
                    running.end_now();
                }
                Wish::GoDown => running.drain(),
                Wish::ReadAgain => {
                    running.reopen_logs();
                    // Told in the log by the reloader, refused or not.
                    let applied = running.reload("SIGHUP").await;
                    tracing::debug!(applied = applied.is_ok(), "SIGHUP");
                }
            }
        }
        running.shutdown().await;
    }

    async fn next(&mut self, terminal: bool) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::GoDown,
            _ = self.interrupt.recv() => Wish::GoDown,
            _ = self.hangup.recv() => {
                // A terminal that was closed sends SIGHUP too, and nobody is left to press Ctrl+C.
                let terminal_is_gone = terminal && !io::stdout().is_terminal();
                if terminal_is_gone { Wish::GoDown } else { Wish::ReadAgain }
            }
        }
    }
}
