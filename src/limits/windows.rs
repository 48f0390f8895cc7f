//! The calendar windows of one quota: what is settled and held in each, and the debt that one leaves to the next.
//!
//! Several are alive at once: a request settles in the window in which it was reserved, and a clock that jumps ahead
//! and back finds the old window as it was. A window is forgotten only when it is over on both clocks.

use super::{moment::Moment, period::Span};
use crate::model::{Timestamp, clock::Ticks};

#[derive(Debug, Default)]
pub(super) struct Windows {
    /// By start.
    list: Vec<OneWindow>,
}

#[derive(Debug)]
pub(super) struct OneWindow {
    pub span: Span,
    /// When it is over on the monotonic clock.
    deadline: Ticks,
    pub settled: i64,
    pub reserved: i64,
    /// By how much open reservations may exceed what they hold: prompts that were estimated.
    pub uncertain: i64,
    pub open: i64,
    /// The highest limit that was in force: only what exceeds it is a debt, not what a lowered limit leaves over.
    highest_limit: Option<i64>,
    /// Debt of windows that are forgotten.
    inherited: i64,
}

/// What counts in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub settled: i64,
    pub reserved: i64,
    pub uncertain: i64,
    pub open: i64,
    /// Debt of earlier windows.
    pub debt: i64,
}

impl Windows {
    /// Makes sure that the window is there, and notes the limit in force.
    pub fn enter(&mut self, span: Span, limit: i64, moment: Moment) {
        if self.position(span.start).is_none() {
            self.forget(span.start, limit, moment);
        }
        let at = self.find_or_open(span, moment);
        let highest = self.list[at].highest_limit.unwrap_or(limit);
        self.list[at].highest_limit = Some(highest.max(limit));
    }

    /// Takes over what the ledger has for a window. Forgets nothing: limits are not known yet, so neither are debts.
    pub fn restore(&mut self, span: Span, settled: i64, moment: Moment) {
        let at = self.find_or_open(span, moment);
        self.list[at].settled = self.list[at].settled.saturating_add(settled);
    }

    pub fn get_mut(&mut self, start: Timestamp) -> Option<&mut OneWindow> {
        let at = self.position(start)?;
        self.list.get_mut(at)
    }

    /// What counts in the window that starts at `start`; `limit` is what each window in between pays of a debt.
    pub fn sums(&self, start: Timestamp, limit: i64) -> Sums {
        self.position(start).map_or_else(Sums::default, |at| self.sums_at(at, limit))
    }

    /// Nothing of it will be asked for: all over, nothing open, no debt.
    pub fn are_over(&self, limit: i64, moment: Moment) -> bool {
        let owes = |at: usize| self.debt_after(at, limit) > 0;
        (0..self.list.len()).all(|at| (self.list[at].is_over(moment) && !owes(at)) || self.list[at].is_blank())
    }

    fn sums_at(&self, at: usize, limit: i64) -> Sums {
        let mut sums = Sums { debt: self.debt_before(at, limit), ..Sums::default() };
        let own = &self.list[at].span;
        for (nth, window) in self.list.iter().enumerate() {
            // Another window whose middle lies in this one is what this one was before the time zone changed.
            if nth == at || own.contains(window.span.midpoint()) {
                sums.settled = sums.settled.saturating_add(window.settled);
                sums.reserved = sums.reserved.saturating_add(window.reserved);
                sums.uncertain = sums.uncertain.saturating_add(window.uncertain);
                sums.open = sums.open.saturating_add(window.open);
            }
        }
        sums
    }

    fn debt_before(&self, at: usize, limit: i64) -> i64 {
        let window = &self.list[at];
        let Some(before) = (0..at).rev().find(|before| self.list[*before].span.midpoint() < window.span.start) else {
            return window.inherited;
        };
        let debt = self.debt_after(before, limit);
        if debt == 0 {
            return 0;
        }
        let gap = window.span.start.as_nanos().saturating_sub(self.list[before].span.until.as_nanos());
        let length = window.span.nanos().max(1);
        let skipped = i64::try_from(gap.saturating_add(length / 2) / length).unwrap_or(i64::MAX);
        debt.saturating_sub(skipped.saturating_mul(limit.max(0))).max(0)
    }

    fn debt_after(&self, at: usize, limit: i64) -> i64 {
        let sums = self.sums_at(at, limit);
        let allowed = self.list[at].highest_limit.unwrap_or(limit);
        sums.settled.saturating_add(sums.debt).saturating_sub(allowed).max(0)
    }

    fn position(&self, start: Timestamp) -> Option<usize> {
        self.list.iter().rposition(|window| window.span.start == start)
    }

    fn find_or_open(&mut self, span: Span, moment: Moment) -> usize {
        if let Some(at) = self.position(span.start) {
            return at;
        }
        let deadline = moment.ticks.plus(span.until.since(moment.now));
        let window = OneWindow {
            span,
            deadline,
            settled: 0,
            reserved: 0,
            uncertain: 0,
            open: 0,
            highest_limit: None,
            inherited: 0,
        };
        let at = self.list.partition_point(|other| other.span.start < span.start);
        self.list.insert(at, window);
        at
    }

    /// Forgets what is over, the oldest first and never the last before `start`; and what a clock that ran ahead left.
    fn forget(&mut self, start: Timestamp, limit: i64, moment: Moment) {
        self.list.retain(|window| window.span.start <= moment.now || !window.is_blank());
        while self.list.len() > 1 && self.list[1].span.start < start && self.list[0].is_over(moment) {
            self.list[1].inherited = self.debt_before(1, limit);
            self.list.remove(0);
        }
    }
}

impl OneWindow {
    fn is_over(&self, moment: Moment) -> bool {
        self.open == 0 && self.span.until <= moment.now && self.deadline <= moment.ticks
    }

    fn is_blank(&self) -> bool {
        self.open == 0 && self.settled == 0 && self.inherited == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: u64 = 3_600;

    fn hour(nth: u64) -> Span {
        Span { start: Timestamp::from_secs(nth * HOUR), until: Timestamp::from_secs((nth + 1) * HOUR) }
    }

    /// The wall clock at the start of an hour, the monotonic clock after so many.
    fn moment(wall: u64, ticks: u64) -> Moment {
        let ticks = Ticks::default().plus(Duration::from_secs(ticks * HOUR));
        Moment { now: Timestamp::from_secs(wall * HOUR), ticks }
    }

    fn add(windows: &mut Windows, nth: u64, settled: i64) {
        windows.get_mut(hour(nth).start).expect("the window").settled += settled;
    }

    #[test]
    fn debt_is_paid_by_the_windows_that_follow() {
        let mut windows = Windows::default();
        windows.enter(hour(100), 1_000, moment(100, 0));
        add(&mut windows, 100, 3_500);
        windows.enter(hour(101), 1_000, moment(101, 1));
        assert_eq!(windows.sums(hour(101).start, 1_000).debt, 2_500);
        windows.enter(hour(103), 1_000, moment(103, 3));
        assert_eq!(windows.sums(hour(103).start, 1_000).debt, 500, "two windows have paid");
        windows.enter(hour(104), 1_000, moment(104, 4));
        assert_eq!(windows.sums(hour(104).start, 1_000).debt, 0);
        assert!(windows.list.len() <= 3, "{windows:?}");
    }

    #[test]
    fn a_late_settlement_that_exceeds_becomes_the_next_windows_debt() {
        let mut windows = Windows::default();
        windows.enter(hour(7), 100, moment(7, 0));
        windows.enter(hour(8), 100, moment(8, 1));
        assert_eq!(windows.sums(hour(8).start, 100).debt, 0);
        add(&mut windows, 7, 130);
        assert_eq!(windows.sums(hour(8).start, 100).debt, 30);
    }

    #[test]
    fn what_a_lowered_limit_leaves_over_is_no_debt() {
        let mut windows = Windows::default();
        windows.enter(hour(7), 1_000, moment(7, 0));
        add(&mut windows, 7, 900);
        windows.enter(hour(7), 100, moment(7, 0));
        windows.enter(hour(8), 100, moment(8, 1));
        assert_eq!(windows.sums(hour(8).start, 100).debt, 0);
    }

    #[test]
    fn a_clock_that_jumps_ahead_and_back_finds_the_old_count() {
        let mut windows = Windows::default();
        windows.enter(hour(100), 10, moment(100, 0));
        add(&mut windows, 100, 7);
        for ahead in 1..50 {
            windows.enter(hour(100 + 1_000 * ahead), 10, moment(100 + 1_000 * ahead, 0));
            add(&mut windows, 100 + 1_000 * ahead, 1);
        }
        windows.enter(hour(100), 10, moment(100, 0));
        assert_eq!(windows.sums(hour(100).start, 10).settled, 7);
    }

    #[test]
    fn windows_are_forgotten_when_both_clocks_have_left_them() {
        let mut windows = Windows::default();
        for nth in 0..1_000 {
            windows.enter(hour(nth), 10, moment(nth, nth));
            add(&mut windows, nth, 5);
        }
        assert!(windows.list.len() <= 2, "{} windows", windows.list.len());
        assert!(!windows.are_over(10, moment(999, 999)));
        assert!(windows.are_over(10, moment(1_001, 1_001)));
    }

    #[test]
    fn a_changed_time_zone_does_not_start_the_quota_again() {
        let mut windows = Windows::default();
        windows.enter(hour(10), 10, moment(10, 0));
        add(&mut windows, 10, 7);
        let shifted = |nth: u64| {
            let by = Duration::from_secs(1_200);
            Span { start: hour(nth).start.plus(by), until: hour(nth).until.plus(by) }
        };
        windows.enter(shifted(10), 10, moment(10, 0));
        assert_eq!(windows.sums(shifted(10).start, 10), Sums { settled: 7, ..Sums::default() });
        windows.enter(shifted(11), 10, moment(12, 2));
        assert_eq!(windows.sums(shifted(11).start, 10), Sums::default());
    }
}
