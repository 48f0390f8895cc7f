//! A running gateway, for the one who started it: addresses, reloading, and the way down.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{LocalServer, database::Lock, reload::Reloader};
use crate::{
    gateway::listener::{Drain, Workers},
    model::Secret,
    policies::Services,
    settings::Problem,
    snapshot::control::{Control, Refused},
    store::Store,
    telemetry::Telemetry,
    usage::Meter,
};

/// Background work, and then the database, may each take this long at the end.
const LAST_WORK: Duration = Duration::from_secs(5);

/// How often it is looked whether the last exchange is settled.
const LOOK: Duration = Duration::from_millis(5);

/// A running gateway. Dropping it without [`Running::shutdown`] ends everything at once.
pub struct Running {
    pub(super) gateway_addr: SocketAddr,
    pub(super) console_addr: SocketAddr,
    pub(super) gateway_url: String,
    pub(super) local: LocalServer,
    pub(super) data_dir: PathBuf,
    pub(super) control: Arc<Control>,
    pub(super) store: Arc<dyn Store>,
    pub(super) meter: Arc<Meter>,
    /// What policies sent and wrote may still be on its way at the end.
    pub(super) policies: Arc<Services>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) reloader: Arc<Reloader>,
    /// Where the gateway runs; its owner may be somewhere else.
    pub(super) runtime: Handle,
    pub(super) drain: Drain,
    pub(super) grace: Duration,
    pub(super) console_drain: Drain,
    /// The gateway port, and the way down once it has begun.
    pub(super) serving: JoinSet<()>,
    /// The console port and everything that goes on beside the ports.
    pub(super) background: JoinSet<()>,
    pub(super) stop: watch::Sender<bool>,
    #[expect(
        dead_code,
        reason = "held so that the threads go on until the database is closed: its connections come back \
                                 by tasks on the runtimes that used them"
    )]
    pub(super) workers: Arc<Workers>,
    #[expect(dead_code, reason = "held so that no restore replaces the database under us")]
    pub(super) lock: Lock,
}

impl Running {
    /// The gateway's address, with the real port.
    #[must_use]
    pub const fn gateway_addr(&self) -> SocketAddr {
        self.gateway_addr
    }

    /// The console's address, with the real port.
    #[must_use]
    pub const fn console_addr(&self) -> SocketAddr {
        self.console_addr
    }

    /// Base URL of the gateway, without a trailing slash.
    #[must_use]
    pub fn gateway_url(&self) -> &str {
        &self.gateway_url
    }

    /// Base URL of the console, without a trailing slash.
    #[must_use]
    pub fn console_url(&self) -> &str {
        &self.local.console
    }

    /// An administrator's token that is valid while this gateway runs.
    #[must_use]
    pub const fn admin_token(&self) -> &Secret {
        &self.local.token
    }

    /// The one writer of configuration.
    #[must_use]
    pub const fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Metrics (among them exchanges opened and settled), access log, traces.
    #[must_use]
    pub const fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Reads the configuration again: whole, or refused with every problem. Gives what is odd but allowed. Begun, it
    /// is finished even when nobody waits for it.
    ///
    /// It runs where the gateway runs, not where it is called: a database connection goes back to its pool by a task
    /// on the runtime that used it, and on a caller's runtime that is never driven again it would not come back, so
    /// that [`Running::shutdown`] could not close the database.
    ///
    /// # Errors
    /// The old state stays in use; told in the log already.
    ///
    /// # Panics
    /// The gateway's runtime has been shut down.
    pub async fn reload(&self, cause: &str) -> Result<Vec<Problem>, Refused> {
        let (reloader, cause) = (self.reloader.clone(), cause.to_owned());
        let reload = self.runtime.spawn(async move { reloader.reload(&cause).await });
        reload.await.expect("the runtime outlives the gateway, and reading a configuration does not panic")
    }

    /// Opens the access log anew, after its file was moved away.
    pub fn reopen_logs(&self) {
        self.telemetry.access.reopen();
    }

    /// Begins to go down: not ready any more, no new connections; open exchanges may finish within the grace period.
    /// Calling it again changes nothing.
    pub fn drain(&mut self) {
        if self.is_draining() {
            return;
        }
        self.drain.begin();
        let (drain, grace) = (self.drain.clone(), self.grace);
        self.serving.spawn(async move {
            if !drain.run(grace).await {
                tracing::warn!("exchanges that were still open after the grace period were ended");
            }
        });
    }

    /// Whether it is going down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.draining()
    }

    /// Ends open exchanges now.
    pub fn end_now(&self) {
        self.drain.end();
    }

    /// Waits until the gateway port is no longer served.
    pub async fn ended(&mut self) {
        finish(&mut self.serving).await;
    }

    /// Waits until every exchange is settled. The last byte of an answer is not the end of it: what no backend reported
    /// is counted after that, and belongs into ledger and access log before they are closed.
    async fn settled(&self) {
        let all = async {
            while self.telemetry.metrics.in_flight() > 0 {
                sleep(LOOK).await;
            }
        };
        if timeout(LAST_WORK, all).await.is_err() {
            tracing::warn!("some exchanges are not settled; the next start books them by estimate");
        }
    }

    /// Goes down in order: exchanges, console, background work, database.
    pub async fn shutdown(mut self) {
        self.drain();
        self.ended().await;
        self.settled().await;
        self.policies.outside.drain(LAST_WORK).await;
        self.stop.send_replace(true);
        self.meter.write_gathered();
        self.meter.journal.finish();
        self.console_drain.end();
        if timeout(LAST_WORK, finish(&mut self.background)).await.is_err() {
            tracing::warn!("background work did not end in time and is dropped");
            self.background.shutdown().await;
        }
        if let Err(error) = self.local.withdraw(&self.data_dir) {
            tracing::warn!(%error, "cli.json could not be removed");
        }
        if timeout(LAST_WORK, self.store.close()).await.is_err() {
            // Every commit is synced: nothing is lost, the log is folded in at the next start.
            tracing::warn!("the database is still in use; the process ends without closing it");
        }
        self.telemetry.access.flush();
    }
}

/// Waits for all of them; a panic in one is told, the others go on.
async fn finish(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a background task ended by a defect; please report it");
        }
    }
}
