//! Which rollups answer a report: whole days where they fit into a step of time, hours elsewhere, and the parts of
//! hours at the edges that only rows can answer.

use std::collections::BTreeSet;

use jiff::{ToSpan, Zoned, tz::TimeZone};

use super::{
    super::{Bucket, ReportQuery, decode::nanos},
    rollup::Span,
};

/// A period in nanoseconds, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Begin.
    pub from: i64,
    /// End.
    pub to: i64,
}

impl Period {
    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.from >= self.to
    }

    /// The period that a query asks for.
    pub fn of(query: &ReportQuery) -> Self {
        Self { from: nanos(query.from), to: nanos(query.to) }
    }

    /// The part that is in `other` too.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// Whole hours that contain it.
    #[must_use]
    pub fn widened(self) -> Self {
        Self { from: Span::Hour.start(self.from), to: ceiling(self.to) }
    }

    /// The smallest period that contains both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    /// Whole hours inside it, and what is left of hours at its edges.
    pub fn cut(self) -> (Self, Vec<Self>) {
        let (first, last) = (ceiling(self.from), Span::Hour.start(self.to));
        if first > last {
            return (Self { from: first, to: first }, vec![self]);
        }
        let edges = [Self { from: self.from, to: first }, Self { from: last, to: self.to }];
        (Self { from: first, to: last }, edges.into_iter().filter(|edge| !edge.is_empty()).collect())
    }
}

const fn ceiling(time: i64) -> i64 {
    let start = Span::Hour.start(time);
    if start == time { time } else { start.saturating_add(Span::Hour.nanos()) }
}

/// The parts of `whole` in which there can be rows, from the end that is wanted first: the `days` that rollups tell
/// of, joined where they touch, and everything before `held`, where there are no rollups any more.
pub fn stretches(whole: Period, held: i64, days: &BTreeSet<i64>, newest_first: bool) -> Vec<Period> {
    let mut parts = vec![Period { from: whole.from, to: held.min(whole.to) }];
    for day in days {
        let day = Period { from: *day, to: day.saturating_add(Span::Day.nanos()) };
        match parts.last_mut().filter(|part| part.to >= day.from) {
            Some(part) => part.to = part.to.max(day.to),
            None => parts.push(day),
        }
    }
    let mut parts: Vec<_> = parts.into_iter().map(|part| part.within(whole)).filter(|part| !part.is_empty()).collect();
    if newest_first {
        parts.reverse();
    }
    parts
}

/// Rollups of one span whose starts lie in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Hours or days.
    pub span: Span,
    /// Where they start.
    pub period: Period,
    /// Hours only: whether they are part of a day that was counted to another step than theirs, and so are to be
    /// moved from that to their own.
    pub is_moved: bool,
}

impl Run {
    /// Pages that are counted to the step that they begin in.
    pub const fn of(span: Span, period: Period) -> Self {
        Self { span, period, is_moved: false }
    }
}

/// Where the steps of time of a report begin, in order; a single one when it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps(Vec<Step>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    /// The first hour that is counted to it.
    from: i64,
    /// When it begins.
    start: i64,
}

impl Step {
    const fn at(start: i64) -> Self {
        Self { from: ceiling(start), start }
    }
}

impl Steps {
    /// The steps of `bucket` in `zone` that touch `period`. A step that begins inside an hour of UTC is moved to the
    /// hour after.
    pub fn new(bucket: Option<Bucket>, zone: &TimeZone, period: Period) -> Self {
        let starts = match bucket {
            None => vec![Step { from: period.from, start: period.from }],
            Some(Bucket::Hour) => (Span::Hour.start(period.from)..period.to).step_by(hour()).map(Step::at).collect(),
            Some(Bucket::Day) => civil(zone, period, Ok, Zoned::tomorrow),
            Some(Bucket::Month) => civil(zone, period, |day| day.first_of_month(), |day| day.checked_add(1.month())),
        };
        Self(starts)
    }

    /// Which step a time falls into, from 0.
    pub fn of(&self, time: i64) -> usize {
        self.0.partition_point(|step| step.from <= time).saturating_sub(1)
    }

    /// Which step a page is counted to: a day that two steps share, to the one that has its noon.
    pub fn of_page(&self, span: Span, start: i64) -> usize {
        match span {
            Span::Hour => self.of(start),
            Span::Day => self.of(start.saturating_add(Span::Day.nanos() / 2)),
        }
    }

    /// When a step begins, in nanoseconds.
    pub fn start(&self, step: usize) -> i64 {
        self.0.get(step).map_or(0, |step| step.start)
    }

    /// The rollups that sum up `period`, which is of whole hours, by time. A day that is not all in one step (where
    /// days begin at another hour than those of UTC) is counted to one of them, and its hours that belong to another
    /// are moved: a few pages in place of 24.
    pub fn runs(&self, period: Period) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut at = period.from;
        while at < period.to {
            let day = Period { from: at, to: at.saturating_add(Span::Day.nanos()) };
            let is_whole = Span::Day.start(at) == at && day.to <= period.to;
            let strangers = is_whole.then(|| self.strangers(day)).filter(|hours| hours.len() < MOST_MOVED);
            let span = if strangers.is_some() { Span::Day } else { Span::Hour };
            let to = at.saturating_add(span.nanos());
            push(&mut runs, Run::of(span, Period { from: at, to }));
            for from in strangers.unwrap_or_default() {
                let hour = Period { from, to: from.saturating_add(Span::Hour.nanos()) };
                push(&mut runs, Run { is_moved: true, ..Run::of(Span::Hour, hour) });
            }
            at = to;
        }
        runs
    }

    /// The step that begins at `start`, or else the one that begins before it.
    pub fn beginning(&self, start: i64) -> usize {
        self.0.partition_point(|step| step.start <= start).saturating_sub(1)
    }

    /// The rollups that sum up `period` from step `first` on, in parts that end where steps do, and the step that
    /// follows each. A page of a report is full after few steps or many: each part has more than the one before.
    pub fn parts(&self, period: Period, first: usize) -> Vec<(Vec<Run>, usize)> {
        let (mut parts, mut at, mut steps) = (Vec::new(), first, FIRST_PART);
        let from = |step: usize| self.0.get(step).filter(|_| step > 0).map(|step| step.from);
        while at == first || at < self.0.len() {
            let next = at.saturating_add(steps);
            let part = Period { from: from(at).unwrap_or(period.from), to: from(next).unwrap_or(period.to) };
            parts.push((self.runs(part.within(period)), next));
            (at, steps) = (next, (steps * WIDER_PART).min(WIDEST_PART));
        }
        parts
    }

    /// The hours of a day that are not in the step that the day is counted to.
    fn strangers(&self, day: Period) -> Vec<i64> {
        let step = self.of_page(Span::Day, day.from);
        if self.of(day.from) == step && self.of(day.to.saturating_sub(1)) == step {
            return Vec::new();
        }
        (day.from..day.to).step_by(hour()).filter(|start| self.of(*start) != step).collect()
    }
}

/// Steps of the first part of a report that is read, how many times more each part has than the one before, and how
/// many it has at most.
const FIRST_PART: usize = 8;
const WIDER_PART: usize = 4;
const WIDEST_PART: usize = 256;

/// Days of which so many hours would have to be moved are read as hours.
const MOST_MOVED: usize = 20;

/// Adds a run, to the last one where it goes on from there.
fn push(runs: &mut Vec<Run>, run: Run) {
    let is_next =
        |last: &&mut Run| (last.span, last.is_moved, last.period.to) == (run.span, run.is_moved, run.period.from);
    match runs.last_mut().filter(is_next) {
        Some(last) => last.period.to = run.period.to,
        None => runs.push(run),
    }
}

fn hour() -> usize {
    usize::try_from(Span::Hour.nanos()).expect("an hour fits")
}

/// Days or months by the clock on the wall: the one that `period` begins in, and those after it.
fn civil(
    zone: &TimeZone,
    period: Period,
    first: impl Fn(Zoned) -> Result<Zoned, jiff::Error>,
    next: impl Fn(&Zoned) -> Result<Zoned, jiff::Error>,
) -> Vec<Step> {
    let Ok(begin) = jiff::Timestamp::from_nanosecond(i128::from(period.from)) else { return Vec::new() };
    let mut at = first(begin.to_zoned(zone.clone())).and_then(|day| day.start_of_day()).ok();
    let mut steps = Vec::new();
    while let Some(day) = at {
        let start = i64::try_from(day.timestamp().as_nanosecond()).unwrap_or(i64::MAX);
        if start >= period.to {
            break;
        }
        steps.push(Step::at(start));
        at = next(&day).and_then(|day| day.start_of_day()).ok();
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn at(text: &str) -> i64 {
        i64::try_from(text.parse::<jiff::Timestamp>().expect("a time").as_nanosecond()).expect("fits")
    }

    fn period(from: &str, to: &str) -> Period {
        Period { from: at(from), to: at(to) }
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a zone")
    }

    #[test]
    fn a_period_is_whole_hours_and_what_is_left() {
        let whole = period("2026-10-01T10:00:00Z", "2026-10-01T12:00:00Z");
        assert_eq!(whole.cut(), (whole, vec![]));
        let odd = period("2026-10-01T09:59:59Z", "2026-10-01T12:00:01Z");
        let edges = vec![
            period("2026-10-01T09:59:59Z", "2026-10-01T10:00:00Z"),
            period("2026-10-01T12:00:00Z", "2026-10-01T12:00:01Z"),
        ];
        assert_eq!(odd.cut(), (whole, edges));
        let inside = period("2026-10-01T10:10:00Z", "2026-10-01T10:20:00Z");
        assert!(inside.cut().0.is_empty());
        assert_eq!(inside.cut().1, vec![inside]);
        assert_eq!(inside.widened(), period("2026-10-01T10:00:00Z", "2026-10-01T11:00:00Z"));
        let all = Period { from: 0, to: i64::MAX };
        assert!(!all.cut().0.is_empty());
    }

    #[test]
    fn only_days_that_rollups_tell_of_are_searched() {
        let day = |nth: i64| nth * 24 * HOUR;
        let part = |from: i64, to: i64| Period { from, to };
        let whole = part(day(1) + 5, day(9) - 5);
        let days = |days: &[i64]| days.iter().map(|nth| day(*nth)).collect::<BTreeSet<_>>();
        let cases: &[(i64, &[i64], &[Period])] = &[
            (0, &[], &[]),
            (0, &[3, 4, 6], &[part(day(3), day(5)), part(day(6), day(7))]),
            (0, &[0, 1, 8, 12], &[part(day(1) + 5, day(2)), part(day(8), day(9) - 5)]),
            (day(3), &[3, 5], &[part(day(1) + 5, day(4)), part(day(5), day(6))]),
            (day(20), &[20], &[whole]),
        ];
        for (held, told, expected) in cases {
            assert_eq!(stretches(whole, *held, &days(told), false), *expected, "{told:?}");
            let reversed: Vec<_> = expected.iter().rev().copied().collect();
            assert_eq!(stretches(whole, *held, &days(told), true), reversed, "{told:?}");
        }
    }

    #[test]
    fn days_are_read_whole_where_they_fit_into_a_step() {
        let asked = period("2026-10-01T22:00:00Z", "2026-10-04T03:00:00Z");
        for (bucket, name, days, hours) in [
            (None, "UTC", 2, 5),
            (Some(Bucket::Hour), "UTC", 0, 53),
            (Some(Bucket::Day), "UTC", 2, 5),
            (Some(Bucket::Day), "Europe/Berlin", 2, 5),
            (Some(Bucket::Day), "Pacific/Auckland", 2, 5),
            (Some(Bucket::Month), "Europe/Berlin", 2, 5),
        ] {
            let runs = Steps::new(bucket, &zone(name), asked).runs(asked);
            let counted: Vec<_> = runs.iter().filter(|run| !run.is_moved).collect();
            let count = |span: Span| -> i64 {
                let runs = counted.iter().filter(|run| run.span == span);
                runs.map(|run| (run.period.to - run.period.from) / span.nanos()).sum()
            };
            assert_eq!((count(Span::Day), count(Span::Hour)), (days, hours), "{bucket:?} {name}");
            assert!(counted.is_sorted_by(|one, next| one.period.to == next.period.from));
        }
    }

    /// In Berlin two hours of each day of UTC belong to the next day, in Los Angeles seven to the day before.
    #[test]
    fn hours_of_a_day_that_belong_to_another_step_are_moved() {
        let asked = period("2026-10-01T00:00:00Z", "2026-10-04T00:00:00Z");
        let cases =
            [("UTC", 0, ""), ("Europe/Berlin", 2, "22"), ("America/Los_Angeles", 7, "00"), ("Asia/Kolkata", 5, "19")];
        for (name, hours, first) in cases {
            let steps = Steps::new(Some(Bucket::Day), &zone(name), asked);
            let runs = steps.runs(asked);
            let moved: Vec<_> = runs.iter().filter(|run| run.is_moved).collect();
            assert_eq!(moved.len(), if hours == 0 { 0 } else { 3 }, "{name}");
            for run in moved {
                assert_eq!((run.period.to - run.period.from) / HOUR, hours, "{name}");
                let begin = jiff::Timestamp::from_nanosecond(i128::from(run.period.from)).expect("a time").to_string();
                assert_eq!(&begin[11..13], first, "{name}");
                assert_ne!(steps.of(run.period.from), steps.of_page(Span::Day, Span::Day.start(run.period.from)));
            }
        }
    }

    /// A day of 25 hours when summer time ends, of 23 when it begins; zones that are half an hour off.
    #[test]
    fn days_and_months_are_those_of_the_zone() {
        let cases = [
            (Bucket::Day, "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-26T22:00:00Z", &[25, 23][..]),
            (Bucket::Day, "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-30T22:00:00Z", &[23, 24]),
            (Bucket::Day, "Asia/Kolkata", "2026-10-01T18:00:00Z", "2026-10-02T20:00:00Z", &[1, 24, 1]),
            (Bucket::Month, "Europe/Berlin", "2026-09-30T21:00:00Z", "2026-10-31T23:00:00Z", &[1, 31 * 24 + 1]),
        ];
        for (bucket, name, from, to, hours) in cases {
            let asked = period(from, to);
            let steps = Steps::new(Some(bucket), &zone(name), asked);
            let mut counted = vec![0; steps.0.len()];
            let starts = (asked.from..asked.to).step_by(usize::try_from(HOUR).expect("fits"));
            starts.for_each(|start| counted[steps.of(start)] += 1);
            assert_eq!(counted, hours, "{bucket:?} {name}");
        }
    }

    /// Parts leave nothing out and count nothing twice, from whichever step on.
    #[test]
    fn parts_are_the_whole() {
        let asked = period("2026-09-30T21:00:00Z", "2026-12-31T23:00:00Z");
        let hours = |parts: &[(Vec<Run>, usize)]| -> i64 {
            let runs = parts.iter().flat_map(|(runs, _)| runs).filter(|run| !run.is_moved);
            runs.map(|run| (run.period.to - run.period.from) / HOUR).sum()
        };
        for (bucket, name) in [
            (None, "UTC"),
            (Some(Bucket::Hour), "UTC"),
            (Some(Bucket::Day), "Europe/Berlin"),
            (Some(Bucket::Day), "Asia/Kolkata"),
            (Some(Bucket::Month), "Pacific/Auckland"),
        ] {
            let steps = Steps::new(bucket, &zone(name), asked);
            assert_eq!(hours(&steps.parts(asked, 0)), (asked.to - asked.from) / HOUR, "{bucket:?} {name}");
            for first in 1..steps.0.len() {
                let (from, parts) = (steps.0[first].from, steps.parts(asked, first));
                assert_eq!(hours(&parts), (asked.to - from) / HOUR, "{bucket:?} {name} from {first}");
                assert_eq!(steps.beginning(steps.start(first)), first);
                assert!(parts.last().is_some_and(|(_, next)| *next >= steps.0.len()));
            }
        }
    }

    #[test]
    fn a_step_is_labelled_with_its_begin() {
        let steps = Steps::new(
            Some(Bucket::Day),
            &zone("Asia/Kolkata"),
            period("2026-10-01T12:00:00Z", "2026-10-01T20:00:00Z"),
        );
        assert_eq!(steps.start(0), at("2026-09-30T18:30:00Z"));
        assert_eq!(steps.start(1), at("2026-10-01T18:30:00Z"));
    }
}
