//! A rolling window: what was counted in the last so long, on the monotonic clock.
//!
//! Events of a sixtieth of the window share a bucket, which leaves when the window has passed since its *last* event:
//! a window never holds less than what it should, and an event that is alone leaves exactly on time. Only buckets
//! with events exist, so that a counter used once is small.

use std::{collections::VecDeque, time::Duration};

use crate::model::clock::Ticks;

/// Buckets that a full window has.
const BUCKETS: u32 = 60;

#[derive(Debug)]
pub(super) struct Rolling {
    length: Duration,
    buckets: VecDeque<Bucket>,
    sum: i64,
    reserved: i64,
    open: i64,
}

#[derive(Debug)]
struct Bucket {
    /// Names the bucket for refunds.
    first: Ticks,
    last: Ticks,
    amount: i64,
}

impl Rolling {
    pub fn new(length: Duration) -> Self {
        Self { length, buckets: VecDeque::new(), sum: 0, reserved: 0, open: 0 }
    }

    /// Another length of the same rule: what is inside stays for as long as the new length says.
    pub fn resize(&mut self, length: Duration) {
        self.length = length;
    }

    /// What counts at `now`, held and used alike.
    pub fn sum(&mut self, now: Ticks) -> i64 {
        self.forget(now);
        self.sum
    }

    /// The part of the sum that open reservations hold (not beyond it: they may outlive their bucket).
    pub fn reserved(&self) -> i64 {
        self.reserved.min(self.sum)
    }

    /// Open reservations.
    pub fn open(&self) -> i64 {
        self.open
    }

    /// Counts `amount` as held; gives the name of its bucket.
    pub fn hold(&mut self, amount: i64, now: Ticks) -> Ticks {
        self.reserved = self.reserved.saturating_add(amount);
        self.open += 1;
        self.add(amount, now)
    }

    /// Ends a hold: an unused part goes back to its bucket if that is still inside, an excess counts from now on.
    pub fn settle(&mut self, bucket: Ticks, held: i64, used: i64, now: Ticks) {
        self.forget(now);
        self.reserved = self.reserved.saturating_sub(held).max(0);
        self.open = (self.open - 1).max(0);
        if used > held {
            self.add(used - held, now);
        } else if let Some(bucket) = self.buckets.iter_mut().rev().find(|found| found.first == bucket) {
            let refund = (held - used).min(bucket.amount);
            bucket.amount -= refund;
            self.sum -= refund;
        }
    }

    /// How long until `needed` more fits under `limit`; the whole window when it never will.
    pub fn wait(&self, needed: i64, limit: i64, now: Ticks) -> Duration {
        let mut excess = self.sum.saturating_add(needed).saturating_sub(limit);
        for bucket in &self.buckets {
            if excess <= 0 {
                break;
            }
            excess -= bucket.amount;
            if excess <= 0 {
                return bucket.last.plus(self.length).since(now);
            }
        }
        if excess <= 0 { Duration::ZERO } else { self.length }
    }

    /// How long until nothing of now counts any more.
    pub fn resets_in(&self, now: Ticks) -> Duration {
        self.buckets.back().map_or(Duration::ZERO, |bucket| bucket.last.plus(self.length).since(now))
    }

    /// Forgets what was used; what is open starts to count when it is settled beyond what it held.
    pub fn clear(&mut self) {
        self.buckets.clear();
        self.sum = 0;
    }

    fn add(&mut self, amount: i64, now: Ticks) -> Ticks {
        self.sum = self.sum.saturating_add(amount);
        let width = self.length / BUCKETS;
        if let Some(bucket) = self.buckets.back_mut()
            && now.since(bucket.first) <= width
        {
            bucket.last = bucket.last.max(now);
            bucket.amount = bucket.amount.saturating_add(amount);
            return bucket.first;
        }
        self.buckets.push_back(Bucket { first: now, last: now, amount });
        now
    }

    fn forget(&mut self, now: Ticks) {
        while let Some(bucket) = self.buckets.front()
            && bucket.last.plus(self.length) <= now
        {
            self.sum -= bucket.amount;
            self.buckets.pop_front();
        }
        if self.buckets.is_empty() {
            self.sum = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Ticks {
        Ticks::from_nanos(millis * 1_000_000)
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_was_used_leaves_exactly_one_window_later() {
        let mut rolling = Rolling::new(MINUTE);
        let slot = rolling.hold(5, at(500));
        rolling.settle(slot, 5, 5, at(700));
        let sums = [499, 60_499, 60_500, 90_000].map(|millis| rolling.sum(at(millis)));
        assert_eq!(sums, [5, 5, 0, 0]);
    }

    #[test]
    fn no_window_of_any_position_holds_more_than_was_let_in() {
        let (limit, mut granted) = (10, Vec::new());
        let mut rolling = Rolling::new(MINUTE);
        for step in 0..4_000_u64 {
            let now = at(step * 137);
            if rolling.sum(now) < limit {
                rolling.hold(1, now);
                granted.push(now);
            }
        }
        assert!(granted.len() > 80, "{} granted in 548 s", granted.len());
        for (nth, end) in granted.iter().enumerate() {
            let inside = granted[..=nth].iter().filter(|start| end.since(**start) < MINUTE).count();
            assert!(inside <= 10, "{inside} within a minute");
        }
    }

    #[test]
    fn the_wait_is_as_long_as_it_takes_for_enough_to_leave() {
        let mut rolling = Rolling::new(MINUTE);
        rolling.hold(40, at(0));
        rolling.hold(40, at(10_000));
        rolling.hold(20, at(20_000));
        let now = at(30_000);
        for (needed, limit, seconds) in [(1, 101, 0), (1, 100, 30), (40, 100, 30), (41, 100, 40), (100, 100, 50)] {
            assert_eq!(rolling.wait(needed, limit, now), Duration::from_secs(seconds), "{needed} of {limit}");
        }
        assert_eq!(rolling.wait(101, 100, now), MINUTE, "never: the whole window");
        assert_eq!(rolling.resets_in(now), Duration::from_secs(50));
    }

    #[test]
    fn refunds_go_to_their_bucket_and_only_while_it_is_inside() {
        let mut rolling = Rolling::new(MINUTE);
        let first = rolling.hold(30, at(0));
        let second = rolling.hold(30, at(30_000));
        rolling.settle(second, 30, 10, at(40_000));
        assert_eq!(rolling.sum(at(59_999)), 40);
        assert_eq!(rolling.sum(at(60_000)), 10, "the first has left, held or not");
        rolling.settle(first, 30, 0, at(61_000));
        assert_eq!((rolling.sum(at(61_000)), rolling.reserved()), (10, 0), "nothing is given back twice");
        assert_eq!(rolling.sum(at(90_000)), 0);
    }

    #[test]
    fn an_excess_counts_from_when_it_became_known() {
        let mut rolling = Rolling::new(MINUTE);
        let slot = rolling.hold(10, at(0));
        rolling.settle(slot, 10, 500, at(45_000));
        let sums = [45_000, 60_000, 104_999, 105_000].map(|millis| rolling.sum(at(millis)));
        assert_eq!(sums, [500, 490, 490, 0]);
    }

    #[test]
    fn a_busy_window_has_a_bounded_number_of_buckets() {
        let mut rolling = Rolling::new(MINUTE);
        for millis in 0..200_000 {
            rolling.sum(at(millis));
            rolling.hold(1, at(millis));
        }
        assert!(rolling.buckets.len() <= 62, "{} buckets", rolling.buckets.len());
    }
}
