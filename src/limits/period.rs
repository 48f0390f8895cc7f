//! The calendar's periods: which hour, day, week, month or year a moment is in, in a time zone.

use jiff::{
    ToSpan as _, Zoned,
    civil::{Date, Weekday},
    tz::TimeZone,
};

use crate::model::Timestamp;

const HOUR_SECONDS: i64 = 3_600;

/// A calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// From full hour to full hour of the local clock.
    Hour,
    /// From midnight to midnight; 23 or 25 hours when the clocks change.
    Day,
    /// From Monday (ISO 8601).
    Week,
    /// From the first of the month.
    Month,
    /// From the first of January.
    Year,
    /// Windows of one length, one after the other, whatever the calendar says.
    Every {
        /// The length; 0: one window without end.
        seconds: u64,
        /// When one of them began, in seconds since 1970.
        from: i64,
    },
}

/// A window: from its start, up to but not including its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: Timestamp,
    pub until: Timestamp,
}

impl Span {
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.until
    }

    pub fn midpoint(&self) -> Timestamp {
        Timestamp::from_nanos(self.start.as_nanos().midpoint(self.until.as_nanos()))
    }

    pub fn nanos(&self) -> u64 {
        self.until.as_nanos().saturating_sub(self.start.as_nanos())
    }
}

impl Period {
    /// The period that `now` is in. Beyond the calendar's range (the year 9999) it never ends.
    pub(super) fn span(self, now: Timestamp, zone: &TimeZone) -> Span {
        if let Self::Every { seconds, from } = self {
            return every(now, seconds, from);
        }
        self.known_span(now, zone)
            .filter(|span| span.contains(now))
            .unwrap_or(Span { start: Timestamp::default(), until: Timestamp::from_nanos(u64::MAX) })
    }

    fn known_span(self, now: Timestamp, zone: &TimeZone) -> Option<Span> {
        let local = jiff::Timestamp::from_nanosecond(now.as_nanos().into()).ok()?.to_zoned(zone.clone());
        if self == Self::Hour {
            return hour(&local);
        }
        let (first, next) = self.days(local.date())?;
        Some(Span { start: midnight(first, zone)?, until: midnight(next, zone)? })
    }

    /// The first day of the period that `day` is in, and of the next one.
    fn days(self, day: Date) -> Option<(Date, Date)> {
        let (first, length) = match self {
            Self::Hour | Self::Day => (day, 1.day()),
            Self::Week => {
                let since_monday = i64::from(day.weekday().since(Weekday::Monday));
                (day.checked_sub(since_monday.days()).ok()?, 1.week())
            }
            Self::Month => (day.first_of_month(), 1.month()),
            Self::Year => (day.first_of_year(), 1.year()),
            Self::Every { .. } => return None,
        };
        Some((first, first.checked_add(length).ok()?))
    }
}

/// The window of a fixed length that `now` is in.
fn every(now: Timestamp, seconds: u64, from: i64) -> Span {
    let length = i64::try_from(seconds).unwrap_or(i64::MAX);
    let at = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if length == 0 {
        return Span { start: Timestamp::default(), until: Timestamp::from_nanos(u64::MAX) };
    }
    let start = at.saturating_sub(at.saturating_sub(from).rem_euclid(length));
    let start = Timestamp::from_secs(u64::try_from(start).unwrap_or(0));
    Span { start, until: start.plus(std::time::Duration::from_secs(seconds)) }
}

/// Hours are counted on the scale of the offset in force, so that the hour that happens twice in autumn is two hours.
fn hour(local: &Zoned) -> Option<Span> {
    let offset = i64::from(local.offset().seconds());
    let seconds = local.timestamp().as_second().checked_add(offset)?;
    let start = seconds.checked_sub(seconds.rem_euclid(HOUR_SECONDS))?.checked_sub(offset)?;
    let start = Timestamp::from_secs(u64::try_from(start).unwrap_or(0));
    Some(Span { start, until: start.plus(std::time::Duration::from_secs(3_600)) })
}

/// The first moment of a day; where midnight does not exist, the first after it.
fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let at = day.to_zoned(zone.clone()).ok()?.timestamp().as_nanosecond();
    Some(Timestamp::from_nanos(u64::try_from(at).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().expect("time");
        Timestamp::from_nanos(time.as_nanosecond().try_into().expect("after 1970"))
    }

    #[test]
    fn periods_start_and_end_where_the_calendar_says() {
        let utc = "UTC0";
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        let kolkata = "IST-5:30";
        let chile = "<-04>4<-03>,M9.1.6/24,M4.1.6/24"; // midnight of the first Sunday of September does not exist
        let table = [
            (Period::Hour, utc, "2026-03-29T01:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
            (Period::Hour, kolkata, "2026-03-29T01:29:59Z", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"),
            (Period::Hour, berlin, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
            (Period::Hour, berlin, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
            (Period::Day, utc, "2026-02-28T23:59:59.999999999Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            (Period::Day, berlin, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            (Period::Day, berlin, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            (Period::Day, chile, "2026-09-06T12:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"),
            (Period::Week, utc, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Period::Week, utc, "2027-01-03T23:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            (Period::Week, berlin, "2026-11-22T23:30:00Z", "2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z"),
            (Period::Month, utc, "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            (Period::Month, utc, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Month, berlin, "2026-03-31T22:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"),
            (Period::Year, utc, "2026-06-01T00:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Year, berlin, "2026-12-31T23:30:00Z", "2026-12-31T23:00:00Z", "2027-12-31T23:00:00Z"),
        ];
        for (period, zone, now, start, until) in table {
            let zone_found = TimeZone::posix(zone).expect(zone);
            let span = period.span(at(now), &zone_found);
            assert_eq!((span.start, span.until), (at(start), at(until)), "{period:?} of {now} in {zone}");
        }
    }

    #[test]
    fn the_ends_of_time_have_a_window_too() {
        for period in [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year] {
            for now in [0, 1, u64::MAX - 1] {
                let now = Timestamp::from_nanos(now);
                for zone in ["UTC0", "CET-1", "XXX10"] {
                    let zone = TimeZone::posix(zone).expect("zone");
                    assert!(period.span(now, &zone).contains(now), "{period:?} at {now}");
                }
            }
        }
    }
}
