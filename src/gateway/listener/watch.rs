//! What is known of one connection between its reads, its exchanges and its clock.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    drain::{Drain, Open},
    head_tap::{HeadTap, Protocol},
    outgoing::Stallable,
};
use crate::gateway::admission::WireHead;

/// One connection, shared by its socket, its exchanges and the task that drives it.
pub(super) struct Watch {
    drain: Drain,
    born: Instant,
    /// Exchanges open now.
    open: AtomicU32,
    /// Exchanges ever opened: tells one wait for a head from the next.
    opened: AtomicU32,
    /// When the last exchange closed, in milliseconds since birth.
    idle_since: AtomicU64,
    /// The connection is a tunnel now: no heads come any more.
    upgraded: AtomicBool,
    tap: Mutex<HeadTap>,
    streams: Mutex<Vec<Weak<dyn Stallable>>>,
}

impl Watch {
    pub(super) fn new(drain: Drain) -> Arc<Self> {
        Arc::new(Self {
            drain,
            born: Instant::now(),
            open: AtomicU32::new(0),
            opened: AtomicU32::new(0),
            idle_since: AtomicU64::new(0),
            upgraded: AtomicBool::new(false),
            tap: Mutex::default(),
            streams: Mutex::default(),
        })
    }

    /// Milliseconds since the connection was accepted.
    pub(super) fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn tap(&self) -> MutexGuard<'_, HeadTap> {
        self.tap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of bytes read from the client.
    pub(super) fn saw(&self, bytes: &[u8]) {
        if !bytes.is_empty() && self.is_between() {
            self.tap().saw(bytes);
        }
    }

    /// No exchange is open and the connection is no tunnel.
    fn is_between(&self) -> bool {
        self.open.load(Relaxed) == 0 && !self.upgraded.load(Relaxed)
    }

    pub(super) fn has_open(&self) -> bool {
        self.open.load(Relaxed) > 0
    }

    /// Which wait for a request head is going on, if one is whose end the header timeout bounds: from the start of
    /// the connection to its first request, and from the first byte of each later HTTP/1 request to its last.
    pub(super) fn awaited_head(&self) -> Option<u32> {
        if !self.is_between() {
            return None;
        }
        let opened = self.opened.load(Relaxed);
        let tap = self.tap();
        let counts = opened == 0 || (tap.protocol() != Protocol::Http2 && tap.is_pending());
        counts.then_some(opened)
    }

    /// HTTP/1 with a head begun but no exchange for it: what is written now is the parser's own answer.
    pub(super) fn is_head_pending(&self) -> bool {
        let tap = self.tap();
        self.is_between() && tap.protocol() == Protocol::Http1 && tap.is_pending()
    }

    /// Opens an exchange; hands over what the raw bytes of its head said.
    pub(super) fn open(self: &Arc<Self>, method: &str) -> (OpenExchange, Option<WireHead>) {
        let wire = self.tap().take(method);
        self.open.fetch_add(1, Relaxed);
        self.opened.fetch_add(1, Relaxed);
        (OpenExchange { watch: Arc::clone(self), _open: self.drain.open() }, wire)
    }

    /// No further request is to be expected of this connection.
    pub(super) fn is_going_down(&self) -> bool {
        self.drain.at_a_glance() > 0
    }

    /// The connection becomes a tunnel.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Relaxed);
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.upgraded.load(Relaxed)
    }

    /// Watches a stream for clients that stop taking bytes.
    pub(super) fn add_stream(&self, stream: Weak<dyn Stallable>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() == streams.capacity() {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        streams.push(stream);
    }

    /// Ends streams that took nothing for `limit` although there was something; never completes.
    pub(super) async fn sweep(&self, limit: Duration) {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        loop {
            tokio::time::sleep((limit / 4).max(Duration::from_millis(1))).await;
            let now = self.age();
            let streams = std::mem::take(&mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner));
            let alive: Vec<_> = streams.iter().filter_map(Weak::upgrade).collect();
            let (stalled, going): (Vec<_>, Vec<_>) = alive
                .into_iter()
                .partition(|stream| stream.taken_at().is_some_and(|at| now.saturating_sub(at) >= millis));
            for stream in stalled {
                stream.end();
            }
            self.streams.lock().unwrap_or_else(PoisonError::into_inner).extend(going.iter().map(Arc::downgrade));
        }
    }

    /// Completes when the connection has had no exchange for `keep_alive` (a first one for `first`).
    pub(super) async fn idle(&self, first: Duration, keep_alive: Duration) {
        loop {
            let age = self.born.elapsed();
            let left = if self.has_open() || self.is_tunnel() {
                keep_alive
            } else if self.opened.load(Relaxed) == 0 {
                first.saturating_sub(age)
            } else {
                let since = Duration::from_millis(self.idle_since.load(Relaxed));
                (since + keep_alive).saturating_sub(age)
            };
            if left.is_zero() {
                return;
            }
            // Never longer than the keep-alive time: what is busy now may be idle a moment later.
            tokio::time::sleep(left.min(keep_alive)).await;
        }
    }

    /// Completes when a connection that was asked to close should be dropped: `patience` after its last exchange
    /// closed, or after all exchanges were ended.
    pub(super) async fn abandoned(&self, patience: Duration) {
        let unused = async {
            loop {
                tokio::time::sleep(patience).await;
                let since = Duration::from_millis(self.idle_since.load(Relaxed));
                if !self.has_open() && self.born.elapsed().saturating_sub(since) >= patience {
                    return;
                }
            }
        };
        let ended = async {
            self.drain.ended().await;
            tokio::time::sleep(patience).await;
        };
        tokio::select! {
            () = unused => {}
            () = ended => {}
        }
    }
}

/// An open exchange of a connection, counted until its answer's body is dropped.
pub(super) struct OpenExchange {
    watch: Arc<Watch>,
    _open: Open,
}

impl OpenExchange {
    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        self.watch.idle_since.store(self.watch.age(), Relaxed);
        self.watch.open.fetch_sub(1, Relaxed);
    }
}
