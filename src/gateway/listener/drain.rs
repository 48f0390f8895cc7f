//! Going down gracefully: one switch that listener, connections, relays and health all look at.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

/// How far the process is on its way down. Cloning shares the switch.
///
/// Stages: serving; draining (readiness fails, no new connections, idle ones closed, open exchanges go on); ended
/// (open exchanges send their error event and stop).
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    stage: watch::Sender<Stage>,
    /// The stage once more, to be asked often: without a lock. Raised first.
    at_a_glance: AtomicU8,
    open: AtomicUsize,
    closed: Notify,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Serving,
    Draining,
    Ended,
}

impl Drain {
    /// Starts draining. Calling it again changes nothing.
    pub fn begin(&self) {
        self.raise(Stage::Draining);
    }

    /// Ends open exchanges now: grace is over, or the operator asked twice.
    pub fn end(&self) {
        self.raise(Stage::Ended);
    }

    fn raise(&self, stage: Stage) {
        self.0.at_a_glance.fetch_max(stage as u8, Ordering::SeqCst);
        self.0.stage.send_if_modified(|now| {
            let later = stage > *now;
            *now = stage.max(*now);
            later
        });
    }

    /// Whether the process is going down: readiness fails, answers ask the client to reconnect elsewhere.
    #[must_use]
    pub fn draining(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Draining
    }

    /// Completes when draining starts; at once when it has.
    pub async fn started(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Completes when open exchanges must stop: a relay then sends its error event and ends.
    pub async fn ended(&self) {
        self.reached(Stage::Ended).await;
    }

    async fn reached(&self, stage: Stage) {
        let mut changes = self.0.stage.subscribe();
        let reached = changes.wait_for(|now| *now >= stage).await;
        debug_assert!(reached.is_ok(), "the sender lives in self");
    }

    /// A number that grows with each stage.
    pub(super) fn at_a_glance(&self) -> u8 {
        self.0.at_a_glance.load(Ordering::SeqCst)
    }

    /// Counts an open exchange until the guard is dropped.
    #[must_use]
    pub fn open(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.0))
    }

    /// Exchanges open now.
    #[must_use]
    pub fn open_exchanges(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Completes when no exchange is open.
    pub async fn idle(&self) {
        loop {
            let mut closed = pin!(self.0.closed.notified());
            closed.as_mut().enable();
            if self.open_exchanges() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// The whole way down: drains, waits until nothing is open or `grace` is over or [`Drain::end`] is called, then
    /// ends. True when every exchange finished by itself.
    pub async fn run(&self, grace: Duration) -> bool {
        self.begin();
        let finished = tokio::select! {
            () = self.idle() => true,
            () = tokio::time::sleep(grace) => false,
            () = self.ended() => false,
        };
        self.end();
        finished
    }
}

/// An open exchange, counted until dropped.
#[derive(Debug)]
pub struct Open(Arc<Switch>);

impl Drop for Open {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Release) == 1 {
            self.0.closed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn open_exchanges_finish_or_are_ended_after_the_grace_period() {
        let drain = Drain::default();
        let open = drain.open();
        let finishing = drain.clone();
        let run = tokio::spawn(async move { finishing.run(Duration::from_secs(30)).await });
        drain.started().await;
        assert!(drain.draining());
        drop(open);
        assert!(run.await.unwrap());
        drain.ended().await;

        let drain = Drain::default();
        let _open = drain.open();
        assert!(!drain.run(Duration::from_secs(30)).await);
        assert_eq!(drain.open_exchanges(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_signal_ends_at_once() {
        let drain = Drain::default();
        let _open = drain.open();
        let (run, ()) = tokio::join!(drain.run(Duration::from_secs(3600)), async { drain.end() });
        assert!(!run);
        drain.begin();
        assert!(drain.draining(), "the way leads down only");
    }
}
