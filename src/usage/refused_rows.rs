//! Rows of refused requests: whoever holds a key must not be able to fill the database by asking on after a 429.
//!
//! The first few of a minute that are refused for the same reason have a row each. Those after them are gathered, and
//! every few seconds one row stands for all of them and says how many ([`REPEATS`]); reports count each. What was
//! gathered and not yet written is lost with the process: nothing was sent for it, and nothing is charged.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    exchange::{Intent, REPEATS, Settle},
    model::{ApiId, ProductId, SubscriptionId, clock::Ticks},
};

/// Rows of their own, of one kind and minute.
const FEW: u32 = 20;
/// The time in which they are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// What is refused alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    subscription: Option<SubscriptionId>,
    product: Option<ProductId>,
    api: Option<ApiId>,
    model: Option<Arc<str>>,
    error: Option<Arc<str>>,
    status: u16,
}

#[derive(Debug)]
struct Series {
    began: Ticks,
    written: u32,
    gathered: Option<Gathered>,
}

/// Several refusals: the newest, with the sums of all.
#[derive(Debug)]
struct Gathered {
    intent: Intent,
    settle: Settle,
    count: u64,
}

/// Which refusals have rows of their own, and what is gathered of the others.
#[derive(Debug, Default)]
pub struct RefusedRows(Mutex<HashMap<Kind, Series>>);

impl RefusedRows {
    /// Gives back what is to be written at once; keeps the rest.
    pub(super) fn take(&self, intent: Intent, settle: Settle, now: Ticks) -> Option<(Intent, Settle)> {
        let mut all = self.lock();
        let new = || Series { began: now, written: 0, gathered: None };
        let series = all.entry(Kind::of(&intent, &settle)).or_insert_with(new);
        if now.since(series.began) >= MINUTE {
            (series.began, series.written) = (now, 0);
        }
        if series.written < FEW {
            series.written += 1;
            return Some((intent, settle));
        }
        match &mut series.gathered {
            Some(gathered) => gathered.add(intent, settle),
            none => *none = Some(Gathered { intent, settle, count: 1 }),
        }
        None
    }

    /// Everything that was gathered, as rows.
    pub(super) fn gathered(&self, now: Ticks) -> Vec<(Intent, Settle)> {
        let mut all = self.lock();
        let rows = all.values_mut().filter_map(|series| series.gathered.take()).map(Gathered::row).collect();
        all.retain(|_, series| now.since(series.began) < MINUTE);
        rows
    }

    /// A panic elsewhere leaves whole entries behind.
    fn lock(&self) -> MutexGuard<'_, HashMap<Kind, Series>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    fn of(intent: &Intent, settle: &Settle) -> Self {
        Self {
            subscription: intent.subscription.clone(),
            product: intent.product.clone(),
            api: intent.api.clone(),
            model: intent.model.clone(),
            error: settle.error.clone(),
            status: settle.status,
        }
    }
}

impl Gathered {
    fn add(&mut self, intent: Intent, mut settle: Settle) {
        settle.bytes_in = settle.bytes_in.saturating_add(self.settle.bytes_in);
        settle.bytes_out = settle.bytes_out.saturating_add(self.settle.bytes_out);
        settle.duration_nanos = settle.duration_nanos.saturating_add(self.settle.duration_nanos);
        (self.intent, self.settle) = (intent, settle);
        self.count = self.count.saturating_add(1);
    }

    /// One row for all. Whose request ids and labels they were is in the access log.
    fn row(mut self) -> (Intent, Settle) {
        if self.count > 1 {
            self.intent.client_request_id = None;
            self.intent.end_user = None;
            self.intent.metadata = vec![(REPEATS.into(), self.count.to_string().into())];
        }
        (self.intent, self.settle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exchange::{Outcome, UsageRow},
        usage::tests::{intent, settle},
    };

    fn at(seconds: u64) -> Ticks {
        Ticks::default().plus(Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_of_a_minute_have_rows_and_the_others_one_that_counts_them() {
        let rows = RefusedRows::default();
        let refused = |number: u32, status| {
            let settle = Settle {
                outcome: Outcome::Refused,
                status,
                bytes_in: 10,
                duration_nanos: 3,
                ..settle(number, Vec::new())
            };
            (intent(number, false, Vec::new()), settle)
        };
        let mut written = 0;
        for number in 0..1_000 {
            let (intent, settle) = refused(number, 429);
            written += u32::from(rows.take(intent, settle, at(0)).is_some());
        }
        let (other, end) = refused(2_000, 403);
        assert!(rows.take(other, end, at(1)).is_some(), "another reason counts for itself");
        assert_eq!(written, FEW);
        let gathered = rows.gathered(at(5));
        let [(intent, settle)] = <[_; 1]>::try_from(gathered).expect("one row");
        assert_eq!((settle.bytes_in, settle.duration_nanos), (9_800, 2_940));
        assert_eq!(UsageRow::join(intent, settle).repeats(), 980);
        assert!(rows.gathered(at(6)).is_empty(), "once");
        let (intent, settle) = refused(3_000, 429);
        assert!(rows.take(intent, settle, at(61)).is_some(), "a new minute");
        rows.gathered(at(200));
        assert!(rows.lock().is_empty(), "who has stopped is forgotten");
    }
}
