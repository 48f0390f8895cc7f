//! A value that is fetched when it is needed, by one task for all that wait, and used a while longer when it cannot be
//! fetched again: keys of issuers, tokens of services.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use crate::model::{Clock, clock::Ticks};

/// After a failure nobody asks again for this long: those that waited behind it get the same reason.
const PAUSE: Duration = Duration::from_secs(2);

/// What was fetched, and how long it is good.
#[derive(Debug)]
pub struct Fetched<T> {
    /// The value.
    pub value: T,
    /// It is used without a question for this long.
    pub fresh: Duration,
    /// It is used this long when nothing newer can be had; not shorter than `fresh`.
    pub usable: Duration,
}

/// How a value is fetched.
pub type Fetching<T> = BoxFuture<'static, Result<Fetched<T>, String>>;

struct Held<T> {
    value: Arc<T>,
    fresh_until: Ticks,
    usable_until: Ticks,
}

struct State<T> {
    held: Option<Held<T>>,
    failed: Option<(Ticks, String)>,
}

/// The value and its one fetcher.
pub struct Fresh<T> {
    state: Mutex<State<T>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    clock: Clock,
}

/// Whether what is held will do.
enum Standing<T> {
    Fresh(Arc<T>),
    /// Usable, and worth replacing.
    Stale(Arc<T>),
    /// Nothing, and it was tried a moment ago.
    Failed(String),
    Missing,
}

impl<T: Send + Sync + 'static> Fresh<T> {
    /// Nothing yet.
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { held: None, failed: None }), turn: Arc::default(), clock })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self) -> Standing<T> {
        let now = self.clock.ticks();
        let state = self.lock();
        let rests = state.failed.as_ref().filter(|(at, _)| now.since(*at) < PAUSE);
        match (&state.held, rests) {
            (Some(held), _) if now < held.fresh_until => Standing::Fresh(held.value.clone()),
            (Some(held), Some(_)) if now < held.usable_until => Standing::Fresh(held.value.clone()),
            (Some(held), None) if now < held.usable_until => Standing::Stale(held.value.clone()),
            (_, Some((_, why))) => Standing::Failed(why.clone()),
            _ => Standing::Missing,
        }
    }

    /// The value: what is held, or what `fetch` gives. While a usable one is replaced nobody waits.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(self: &Arc<Self>, fetch: impl Fn() -> Fetching<T>) -> Result<Arc<T>, String> {
        match self.standing() {
            Standing::Fresh(value) => return Ok(value),
            Standing::Stale(value) => {
                if let Ok(turn) = self.turn.clone().try_lock_owned() {
                    let (this, fetching) = (self.clone(), fetch());
                    tokio::spawn(async move {
                        let outcome = fetching.await;
                        this.keep(outcome);
                        drop(turn);
                    });
                }
                return Ok(value);
            }
            Standing::Failed(why) => return Err(why),
            Standing::Missing => {}
        }
        self.fetch(fetch).await
    }

    /// Fetches it anew, whatever is held; the old one stays usable when that fails.
    ///
    /// # Errors
    /// Why it could not be fetched and nothing usable is held.
    pub async fn renew(self: &Arc<Self>, fetch: impl Fn() -> Fetching<T>) -> Result<Arc<T>, String> {
        let turn = self.turn.clone().lock_owned().await;
        let outcome = fetch().await;
        self.keep(outcome);
        drop(turn);
        self.held()
    }

    async fn fetch(self: &Arc<Self>, fetch: impl Fn() -> Fetching<T>) -> Result<Arc<T>, String> {
        let turn = self.turn.clone().lock_owned().await;
        // Whoever had the turn before has answered for all.
        match self.standing() {
            Standing::Fresh(value) | Standing::Stale(value) => return Ok(value),
            Standing::Failed(why) => return Err(why),
            Standing::Missing => {}
        }
        let outcome = fetch().await;
        self.keep(outcome);
        drop(turn);
        self.held()
    }

    fn held(&self) -> Result<Arc<T>, String> {
        match self.standing() {
            Standing::Fresh(value) | Standing::Stale(value) => Ok(value),
            Standing::Failed(why) => Err(why),
            Standing::Missing => Err("it was good for no time at all".to_owned()),
        }
    }

    fn keep(&self, outcome: Result<Fetched<T>, String>) {
        let now = self.clock.ticks();
        let mut state = self.lock();
        match outcome {
            Ok(Fetched { value, fresh, usable }) => {
                let (fresh_until, usable_until) = (now.plus(fresh), now.plus(usable.max(fresh)));
                *state = State { held: Some(Held { value: Arc::new(value), fresh_until, usable_until }), failed: None };
            }
            Err(why) => state.failed = Some((now, why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;
    use crate::model::Timestamp;

    /// Counts what was fetched; fails from `broken` on.
    #[derive(Default)]
    struct Source {
        count: AtomicUsize,
        broken: std::sync::atomic::AtomicBool,
    }

    impl Source {
        fn fetch(self: &Arc<Self>) -> Fetching<usize> {
            let this = self.clone();
            Box::pin(async move {
                tokio::task::yield_now().await;
                let value = this.count.fetch_add(1, SeqCst) + 1;
                if this.broken.load(SeqCst) {
                    return Err("down".to_owned());
                }
                Ok(Fetched { value, fresh: Duration::from_secs(60), usable: Duration::from_secs(600) })
            })
        }
    }

    fn setup() -> (Clock, Arc<Source>, Arc<Fresh<usize>>) {
        let clock = Clock::manual(Timestamp::from_secs(1));
        let fresh = Fresh::new(clock.clone());
        (clock, Arc::default(), fresh)
    }

    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_wait_for_one_fetch() {
        let (_, source, fresh) = setup();
        let all = (0..50).map(|_| fresh.get(|| source.fetch()));
        let values = futures_util::future::join_all(all).await;
        assert!(values.iter().all(|value| value.as_deref() == Ok(&1)));
        assert_eq!(source.count.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn an_old_value_is_used_while_a_new_one_is_fetched_and_while_there_is_none() {
        let (clock, source, fresh) = setup();
        assert_eq!(fresh.get(|| source.fetch()).await.as_deref(), Ok(&1));
        clock.advance(Duration::from_secs(61));
        assert_eq!(fresh.get(|| source.fetch()).await.as_deref(), Ok(&1), "at once");
        settle().await;
        assert_eq!(fresh.get(|| source.fetch()).await.as_deref(), Ok(&2), "the new one");

        source.broken.store(true, SeqCst);
        clock.advance(Duration::from_secs(100));
        for _ in 0..3 {
            assert_eq!(fresh.get(|| source.fetch()).await.as_deref(), Ok(&2), "stale");
            settle().await;
        }
        assert_eq!(source.count.load(SeqCst), 3, "asked once, then paused");
        clock.advance(Duration::from_secs(600));
        assert_eq!(fresh.get(|| source.fetch()).await, Err("down".to_owned()), "too old");
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_and_not_repeated_for_each() {
        let (clock, source, fresh) = setup();
        source.broken.store(true, SeqCst);
        let all = (0..20).map(|_| fresh.get(|| source.fetch()));
        assert!(futures_util::future::join_all(all).await.iter().all(Result::is_err));
        assert_eq!(source.count.load(SeqCst), 1);
        source.broken.store(false, SeqCst);
        clock.advance(PAUSE);
        assert_eq!(fresh.get(|| source.fetch()).await.as_deref(), Ok(&2));
    }
}
