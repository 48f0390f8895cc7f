//! `DateTime`, `DateTimeOffset` and `TimeSpan`: ticks of 100 ns since the year 1, as in .NET.

use std::fmt;

use super::{Thrown, time_format};
use crate::model::Timestamp;

/// Ticks in a second.
pub(crate) const SECOND: i64 = 10_000_000;
/// Ticks in a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// Ticks at the Unix epoch.
pub(crate) const EPOCH: i64 = 719_162 * DAY;
/// The last tick of the year 9999.
pub(crate) const MAX_TICKS: i64 = 3_652_059 * DAY - 1;

/// `DateTimeKind`. Local time is UTC: a gateway has no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeKind {
    /// `Unspecified`.
    Unspecified,
    /// `Utc`.
    Utc,
    /// `Local`.
    Local,
}

/// `DateTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// 100 ns since 0001-01-01.
    pub ticks: i64,
    /// What it is relative to.
    pub kind: TimeKind,
}

/// `DateTimeOffset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTimeOffset {
    /// 100 ns since 0001-01-01, UTC.
    pub utc: i64,
    /// Minutes east.
    pub offset: i16,
}

/// `TimeSpan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan {
    /// 100 ns each.
    pub ticks: i64,
}

/// A date's year, month, day and day of the year.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

/// Days since 0001-01-01 of a date in the proleptic Gregorian calendar.
pub(crate) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 306
}

pub(crate) fn civil_of(ticks: i64) -> Civil {
    let days = ticks.div_euclid(DAY) + 306;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month, day: day_of_year - (153 * shifted + 2) / 5 + 1 }
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn checked(ticks: Option<i64>) -> Result<i64, Thrown> {
    ticks
        .filter(|ticks| (0..=MAX_TICKS).contains(ticks))
        .ok_or_else(|| Thrown::range("The added or subtracted value results in an un-representable DateTime."))
}

impl DateTime {
    /// From a date and a time of day.
    pub(crate) fn of(date: [i64; 3], time: [i64; 3], kind: TimeKind) -> Result<Self, Thrown> {
        let [year, month, day] = date;
        let [hour, minute, second] = time;
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second);
        if !valid {
            return Err(Thrown::range("Year, Month, and Day parameters describe an un-representable DateTime."));
        }
        let ticks = days_of(year, month, day) * DAY + (hour * 3600 + minute * 60 + second) * SECOND;
        Ok(Self { ticks, kind })
    }

    /// A point in time as UTC.
    pub fn from_timestamp(at: Timestamp) -> Self {
        let ticks = i64::try_from(at.as_nanos() / 100).unwrap_or(i64::MAX - EPOCH);
        Self { ticks: (EPOCH + ticks).min(MAX_TICKS), kind: TimeKind::Utc }
    }

    /// Later or earlier.
    pub(crate) fn plus(self, ticks: i64) -> Result<Self, Thrown> {
        Ok(Self { ticks: checked(self.ticks.checked_add(ticks))?, ..self })
    }

    /// `AddMonths`: the day is cut to the month's last.
    pub(crate) fn plus_months(self, months: i64) -> Result<Self, Thrown> {
        let civil = civil_of(self.ticks);
        let month = (civil.year * 12 + civil.month - 1).saturating_add(months);
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        if !(1..=9999).contains(&year) {
            return checked(None).map(|ticks| Self { ticks, ..self });
        }
        let day = civil.day.min(days_in_month(year, month));
        Ok(Self { ticks: days_of(year, month, day) * DAY + self.ticks % DAY, ..self })
    }

    /// ISO 8601 as Newtonsoft writes it.
    pub(crate) fn to_iso(self) -> String {
        time_format::date(self, 0, "yyyy-MM-ddTHH:mm:ss.FFFFFFFK").unwrap_or_default()
    }
}

impl DateTimeOffset {
    /// The clock on the wall there.
    pub(crate) fn local_ticks(self) -> i64 {
        self.utc + i64::from(self.offset) * 60 * SECOND
    }

    pub(crate) fn date_time(self) -> DateTime {
        DateTime { ticks: self.local_ticks(), kind: TimeKind::Unspecified }
    }

    pub(crate) fn plus(self, ticks: i64) -> Result<Self, Thrown> {
        Ok(Self { utc: checked(self.utc.checked_add(ticks))?, ..self })
    }

    pub(crate) fn to_iso(self) -> String {
        time_format::date(self.date_time(), self.offset, "yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz").unwrap_or_default()
    }
}

impl From<DateTime> for DateTimeOffset {
    fn from(time: DateTime) -> Self {
        Self { utc: time.ticks, offset: 0 }
    }
}

impl TimeSpan {
    /// From a number of units of so many ticks.
    pub(crate) fn from_units(count: f64, unit: i64) -> Result<Self, Thrown> {
        #[expect(clippy::cast_precision_loss, reason = "as .NET computes")]
        let ticks = (count * unit as f64).round();
        if ticks.is_nan() || ticks.abs() >= 9.2e18 {
            return Err(Thrown::overflow("a TimeSpan"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "in range, as just checked")]
        Ok(Self { ticks: ticks as i64 })
    }

    /// How many units of so many ticks, with fraction.
    #[expect(clippy::cast_precision_loss, reason = "as .NET computes")]
    pub(crate) fn total(self, unit: i64) -> f64 {
        self.ticks as f64 / unit as f64
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&time_format::date(*self, 0, "G").unwrap_or_default())
    }
}

impl fmt::Display for DateTimeOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = time_format::date(self.date_time(), self.offset, "MM/dd/yyyy HH:mm:ss zzz");
        f.write_str(&text.unwrap_or_default())
    }
}

impl fmt::Display for TimeSpan {
    /// `[-][d.]hh:mm:ss[.fffffff]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ticks = self.ticks.unsigned_abs();
        let (days, rest) = (ticks / DAY.unsigned_abs(), ticks % DAY.unsigned_abs());
        let (seconds, part) = (rest / SECOND.unsigned_abs(), rest % SECOND.unsigned_abs());
        let sign = if self.ticks < 0 { "-" } else { "" };
        write!(f, "{sign}")?;
        if days > 0 {
            write!(f, "{days}.")?;
        }
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if part > 0 { write!(f, ".{part:07}") } else { Ok(()) }
    }
}
