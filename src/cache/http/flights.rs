//! One fetches for all: who asks first leads, who asks for the same meanwhile follows and waits for what comes of it.
//!
//! A leader that ends in any other way than by keeping an answer sets its followers free; one that is dropped (its
//! caller has gone) leaves them to find a new leader among themselves.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use super::asked::Digest;

/// How long followers wait for the rest of an answer that has begun to come: its pace is that of the leader's caller,
/// who may be slow, or slow on purpose.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a flight stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The backend was asked.
    Asking,
    /// Its answer has begun and will be kept.
    Coming,
    /// The answer is kept: look again.
    Kept,
    /// Nothing will be kept: everybody for themselves.
    Released,
    /// The leader has gone.
    Gone,
}

type All = Arc<Mutex<HashMap<Digest, watch::Receiver<News>>>>;

/// All flights.
#[derive(Clone, Default)]
pub struct Flights(All);

/// What a caller does.
pub enum Role {
    /// It asks the backend, for all.
    Lead(Lead),
    /// It waits.
    Follow(Follow),
}

/// The place in front.
pub struct Lead {
    key: Digest,
    all: All,
    news: watch::Sender<News>,
}

/// A place behind a leader.
pub struct Follow(watch::Receiver<News>);

impl Flights {
    /// The role of one more caller.
    #[must_use]
    pub fn join(&self, key: Digest) -> Role {
        let mut all = lock(&self.0);
        if let Some(leader) = all.get(&key) {
            return Role::Follow(Follow(leader.clone()));
        }
        let (news, follow) = watch::channel(News::Asking);
        all.insert(key, follow);
        Role::Lead(Lead { key, all: self.0.clone(), news })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.0).len()
    }
}

fn lock(all: &All) -> MutexGuard<'_, HashMap<Digest, watch::Receiver<News>>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lead {
    /// The answer has begun to come.
    pub fn coming(&self) {
        self.news.send_replace(News::Coming);
    }

    /// The answer is kept now.
    pub fn kept(self) {
        self.end(News::Kept);
    }

    /// Nothing will be kept.
    pub fn release(self) {
        self.end(News::Released);
    }

    fn end(&self, how: News) {
        lock(&self.all).remove(&self.key);
        self.news.send_replace(how);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if matches!(*self.news.borrow(), News::Asking | News::Coming) {
            self.end(News::Gone);
        }
    }
}

impl Follow {
    /// What came of it: [`News::Kept`], [`News::Released`] or [`News::Gone`].
    pub async fn landed(mut self) -> News {
        let has_begun = |news: &News| *news != News::Asking;
        let has_ended = |news: &News| !matches!(news, News::Asking | News::Coming);
        let begun = self.0.wait_for(has_begun).await.map(|news| *news);
        match begun {
            Ok(News::Coming) => match timeout(PATIENCE, self.0.wait_for(has_ended)).await {
                Ok(Ok(news)) => *news,
                Ok(Err(_)) => News::Gone,
                Err(_) => News::Released,
            },
            Ok(news) => news,
            Err(_) => News::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Digest = [7; 32];

    fn lead(flights: &Flights) -> Lead {
        match flights.join(KEY) {
            Role::Lead(lead) => lead,
            Role::Follow(_) => panic!("somebody leads"),
        }
    }

    fn follow(flights: &Flights) -> Follow {
        match flights.join(KEY) {
            Role::Lead(_) => panic!("nobody leads"),
            Role::Follow(follow) => follow,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn followers_learn_what_came_of_it() {
        type End = fn(Lead);
        let rows: [(End, News); 4] = [
            (|lead| lead.kept(), News::Kept),
            (|lead| lead.release(), News::Released),
            (drop, News::Gone),
            (
                |lead| {
                    lead.coming();
                    drop(lead);
                },
                News::Gone,
            ),
        ];
        for (end, wanted) in rows {
            let flights = Flights::default();
            let lead = lead(&flights);
            let waiting = [follow(&flights), follow(&flights)];
            end(lead);
            for follow in waiting {
                assert_eq!(follow.landed().await, wanted);
            }
            assert_eq!(flights.count(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_not_waited_for_for_ever() {
        let flights = Flights::default();
        let lead = lead(&flights);
        let waiting = tokio::spawn(follow(&flights).landed());
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert!(!waiting.is_finished(), "a backend that says nothing is waited for as long as its leader does");
        lead.coming();
        assert_eq!(waiting.await.expect("no panic"), News::Released);
        lead.kept();
        assert_eq!(flights.count(), 0);
    }
}
