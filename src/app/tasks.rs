//! Background work of a running gateway: one function per loop, all of them ending when told to stop.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time};

use super::{reload::Reloader, watch::Watch};
use crate::{
    cache::{Cache, http::Answers},
    model::{Clock, Timestamp},
    settings::Ledger,
    snapshot::{Hub, control::Control},
    store::{Books, Objects, StoreError},
    usage::{Meter, drain::Drain},
};

/// Time between two looks for what another process wrote: a key revoked by the command line is refused within 1 s.
const POLL: Duration = Duration::from_millis(250);

/// Time between two writings of last-used times.
const LAST_USED: Duration = Duration::from_secs(10);

/// Time in which refused requests without a row of their own are gathered.
const GATHER: Duration = Duration::from_secs(2);

/// Time between two looks for rows that need not be kept any longer.
const PRUNE: Duration = Duration::from_secs(600);
/// Rows removed at once: some milliseconds' work, between which others write.
const PRUNE_STEP: u32 = 500;
const PRUNE_PAUSE: Duration = Duration::from_millis(50);

/// Time between two looks for purges of other gateways.
const FOLLOW: Duration = Duration::from_secs(1);

/// Tells every loop to end. Cloning waits for the same word.
pub type Stop = watch::Receiver<bool>;

/// Waits for `period`; whether to go on.
pub(super) async fn pause(period: Duration, stop: &mut Stop) -> bool {
    tokio::select! {
        () = time::sleep(period) => true,
        () = stopped(stop) => false,
    }
}

/// Waits for the word to stop. That nobody is left to say it means the same.
pub(super) async fn stopped(stop: &mut Stop) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Writes down the refused requests that have no row of their own.
pub async fn gather_refused(meter: Arc<Meter>, mut stop: Stop) {
    while pause(GATHER, &mut stop).await {
        meter.write_gathered();
    }
}

/// Takes over what other gateways purge, from the store that they share.
pub async fn follow_purges(answers: Arc<Answers>, policies: Cache, mut stop: Stop) {
    loop {
        for (selector, until) in answers.follow().await {
            policies.purge_until(&selector, until, false);
        }
        if !pause(FOLLOW, &mut stop).await {
            return;
        }
    }
}

/// Takes over what other processes write to the database.
pub async fn follow_database(control: Arc<Control>, mut stop: Stop) {
    let mut reported = false;
    while pause(POLL, &mut stop).await {
        match control.refresh().await {
            Ok(true) => tracing::info!(revision = control.view().revision.0, "changes of another process are in use"),
            Ok(false) => reported = false,
            // A database that is away is told once, not four times a second.
            Err(_) if reported => {}
            Err(refused) => {
                reported = true;
                tracing::error!(%refused, "changes of another process cannot be used; the old state stays");
            }
        }
    }
}

/// Loads the configuration again when its files change.
pub async fn follow_files(reloader: Arc<Reloader>, mut stop: Stop) {
    let mut watch = Watch::new(reloader.files());
    while pause(super::watch::EVERY, &mut stop).await {
        if watch.look() {
            // Told in the log by the reloader, refused or not.
            let applied = reloader.reload("file changed").await;
            tracing::debug!(applied = applied.is_ok(), "configuration files changed");
            watch.follow(reloader.files());
        }
    }
}

/// Runs the active health checks of backends.
pub async fn check_health(hub: Arc<Hub>, mut stop: Stop) {
    hub.fleet().run_health_checks(stopped(&mut stop)).await;
}

/// Writes when keys were last used, now and then and at the end.
pub async fn keep_last_used(hub: Arc<Hub>, store: Arc<dyn Objects>, mut stop: Stop) {
    let mut going = true;
    while going {
        going = pause(LAST_USED, &mut stop).await;
        let used = hub.take_last_used();
        if used.is_empty() {
            continue;
        }
        let batch = used.into_iter().map(|(id, millis)| (id, Timestamp::from_nanos(millis.saturating_mul(1_000_000))));
        if let Err(error) = store.touch_last_used(batch.collect()).await {
            tracing::warn!(%error, "when keys were last used could not be written");
        }
    }
}

/// Takes the journal to the database, to its end.
pub async fn drain_ledger(drain: Drain) {
    if let Err(error) = drain.run().await {
        tracing::error!(%error, "the ledger's journal could not be taken to the database; the next start goes on");
    }
}

/// Removes rows and sums of the ledger that are older than they have to be kept, in small steps.
pub async fn prune_ledger(books: Arc<dyn Books>, keep: Ledger, clock: Clock, mut stop: Stop) {
    while pause(PRUNE, &mut stop).await {
        let (rows, rollups) = (before(&clock, keep.keep_rows.0), before(&clock, keep.keep_rollups.0));
        if let Err(error) = prune(&*books, rows, rollups, &mut stop).await {
            tracing::warn!(%error, "old rows of the ledger could not be removed");
        }
    }
}

fn before(clock: &Clock, age: Duration) -> Timestamp {
    Timestamp::from_nanos(clock.now().as_nanos().saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)))
}

async fn prune(books: &dyn Books, rows: Timestamp, rollups: Timestamp, stop: &mut Stop) -> Result<(), StoreError> {
    loop {
        let pruned = books.prune_rows(rows, PRUNE_STEP).await?;
        for (replica, finding) in &pruned.findings {
            tracing::error!(%replica, position = finding.position, "the ledger is broken; run `tollgate ledger verify`");
        }
        let pages = books.prune_rollups(rollups, PRUNE_STEP).await?;
        if (pruned.rows == 0 && pages == 0) || !pause(PRUNE_PAUSE, stop).await {
            return Ok(());
        }
    }
}
