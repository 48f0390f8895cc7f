//! Times as people write them for reports: moments, days, months, words, and how long ago; in a time zone of choice.
//!
//! Every expression names one point in time: a day, month or word the beginning of what it names. A range takes
//! `from` in and leaves `to` out, so that ranges which meet neither overlap nor leave a gap.

use jiff::{
    SignedDuration, ToSpan, Zoned,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::model::Timestamp;

/// Why a time or a range was refused: the parameter, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct BadSpan {
    /// The parameter that is wrong.
    pub name: &'static str,
    /// What was seen and what is allowed.
    pub why: String,
}

impl BadSpan {
    /// What is wrong with a parameter.
    #[must_use]
    pub fn new(name: &'static str, why: impl Into<String>) -> Self {
        Self { name, why: why.into() }
    }
}

/// A range of time, its end left out, and the time zone that days and months are cut by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The moment after its last.
    pub to: Timestamp,
    /// Where days begin.
    pub zone: TimeZone,
}

impl Span {
    /// The range that the texts name: `from` is the beginning of this month unless said, `to` the end of this hour,
    /// so that everything until now is in it and whole hours are counted.
    ///
    /// # Errors
    /// A text that is no time, an unknown time zone, or a range that ends before it begins.
    pub fn read(from: Option<&str>, to: Option<&str>, zone: Option<&str>, now: Timestamp) -> Result<Self, BadSpan> {
        let zone = time_zone(zone)?;
        let reader = Reader { now: zoned(now, &zone) };
        let begin = reader.point("from", from.unwrap_or("this-month"))?;
        let end =
            to.map_or(Ok(Timestamp::from_secs((now.as_secs() / 3_600 + 1) * 3_600)), |to| reader.point("to", to))?;
        if begin > end {
            return Err(BadSpan::new("from", format!("{begin} is after `to`, which is {end}")));
        }
        Ok(Self { from: begin, to: end, zone })
    }

    /// A whole calendar month, such as `2026-10`, `this-month` or `last-month`.
    ///
    /// # Errors
    /// A text that names no month, or an unknown time zone.
    pub fn month(text: &str, zone: Option<&str>, now: Timestamp) -> Result<Self, BadSpan> {
        let zone = time_zone(zone)?;
        let today = zoned(now, &zone).date();
        let first = match text {
            "this-month" => today.first_of_month(),
            "last-month" => back(today.first_of_month(), 1.month(), "month")?,
            written => first_of_month(written).ok_or_else(|| {
                BadSpan::new("month", format!("`{written}` is not a month such as 2026-10, this-month or last-month"))
            })?,
        };
        let next = first.checked_add(1.month()).map_err(|error| BadSpan::new("month", error.to_string()))?;
        Ok(Self { from: start(first, &zone, "month")?, to: start(next, &zone, "month")?, zone })
    }
}

/// One moment, such as `+24h` or `2026-12-01`, for the parameter `name`.
///
/// # Errors
/// A text that is no time, or an unknown time zone.
pub fn moment_named(name: &'static str, text: &str, zone: Option<&str>, now: Timestamp) -> Result<Timestamp, BadSpan> {
    Reader { now: zoned(now, &time_zone(zone)?) }.point(name, text)
}

/// The zone of that name; UTC when none is named.
fn time_zone(name: Option<&str>) -> Result<TimeZone, BadSpan> {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(TimeZone::UTC) };
    TimeZone::get(name).map_err(|_| {
        BadSpan::new("tz", format!("`{name}` is not a time zone of this machine, such as UTC or Europe/Berlin"))
    })
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Zoned {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(zone.clone())
}

/// Reads expressions relative to a moment.
struct Reader {
    now: Zoned,
}

impl Reader {
    fn point(&self, name: &'static str, text: &str) -> Result<Timestamp, BadSpan> {
        let text = text.trim();
        if text == "now" {
            return moment(self.now.timestamp(), name);
        }
        if let Some(distance) = text.strip_prefix(['-', '+']) {
            let at = self.away(distance, if text.starts_with('-') { -1 } else { 1 });
            return at.ok_or_else(|| unreadable(name, text)).and_then(|at| moment(at, name));
        }
        if let Some(first) = self.word(name, text)? {
            return start(first, self.now.time_zone(), name);
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return moment(at, name);
        }
        if let Some(first) = first_of_month(text) {
            return start(first, self.now.time_zone(), name);
        }
        let civil: DateTime = text.parse().map_err(|_| unreadable(name, text))?;
        let at = civil.to_zoned(self.now.time_zone().clone()).map_err(|_| unreadable(name, text))?;
        moment(at.timestamp(), name)
    }

    /// `24h` before (`sign` -1) or after (1) now: exact time, whatever clocks are set to meanwhile. Days and weeks are
    /// calendar days.
    fn away(&self, distance: &str, sign: i64) -> Option<jiff::Timestamp> {
        let unit = distance.chars().last()?;
        let digits = distance.strip_suffix(unit).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        let count = sign * digits.parse::<i64>().ok().filter(|count| *count <= 1_000_000)?;
        let exact = |seconds: i64| self.now.timestamp().checked_add(SignedDuration::from_secs(seconds * count)).ok();
        let days = |days: i64| Some(self.now.checked_add((days * count).days()).ok()?.timestamp());
        match unit {
            's' => exact(1),
            'm' => exact(60),
            'h' => exact(3_600),
            'd' => days(1),
            'w' => days(7),
            _ => None,
        }
    }

    /// The first day of what a word names.
    fn word(&self, name: &'static str, text: &str) -> Result<Option<Date>, BadSpan> {
        let today = self.now.date();
        let monday = || back(today, i64::from(today.weekday().to_monday_zero_offset()).days(), name);
        let month = today.first_of_month();
        let year = today.first_of_year();
        Ok(Some(match text {
            "today" => today,
            "yesterday" => back(today, 1.day(), name)?,
            "this-week" => monday()?,
            "last-week" => back(monday()?, 1.week(), name)?,
            "this-month" => month,
            "last-month" => back(month, 1.month(), name)?,
            "this-year" => year,
            "last-year" => back(year, 1.year(), name)?,
            _ => return Ok(None),
        }))
    }
}

fn unreadable(name: &'static str, text: &str) -> BadSpan {
    let forms = "2026-10-01, 2026-10, 2026-10-01T12:00:00Z, -24h, +7d, now, today, yesterday, this-week, last-week, \
                 this-month, last-month, this-year or last-year";
    BadSpan::new(name, format!("`{text}` is not a time such as {forms}"))
}

fn back(from: Date, by: jiff::Span, name: &'static str) -> Result<Date, BadSpan> {
    from.checked_sub(by).map_err(|error| BadSpan::new(name, error.to_string()))
}

fn first_of_month(text: &str) -> Option<Date> {
    let (year, month) = text.split_once('-')?;
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
}

/// The first moment of a day: not always midnight, where clocks are set forward at midnight.
fn start(day: Date, zone: &TimeZone, name: &'static str) -> Result<Timestamp, BadSpan> {
    let at = day.to_zoned(zone.clone()).map_err(|error| BadSpan::new(name, error.to_string()))?;
    moment(at.timestamp(), name)
}

fn moment(at: jiff::Timestamp, name: &'static str) -> Result<Timestamp, BadSpan> {
    let nanos = u64::try_from(at.as_nanosecond()).ok().filter(|nanos| i64::try_from(*nanos).is_ok());
    nanos.map(Timestamp::from_nanos).ok_or_else(|| BadSpan::new(name, format!("{at} is not between 1970 and 2262")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Wednesday.
    const NOW: &str = "2026-11-18T14:30:15Z";

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().expect("a time");
        Timestamp::from_nanos(u64::try_from(at.as_nanosecond()).expect("after 1970"))
    }

    fn from(text: &str, zone: &str) -> Result<String, String> {
        Span::read(Some(text), Some("2027-01-01"), Some(zone), at(NOW))
            .map(|span| span.from.to_string())
            .map_err(|bad| bad.to_string())
    }

    #[test]
    fn an_expression_names_the_beginning_of_what_it_names() {
        for (text, zone, wanted) in [
            ("2026-10-01", "UTC", "2026-10-01T00:00:00.000Z"),
            ("2026-10-01", "Europe/Berlin", "2026-09-30T22:00:00.000Z"),
            ("2026-10", "Europe/Berlin", "2026-09-30T22:00:00.000Z"),
            ("2026-11", "Europe/Berlin", "2026-10-31T23:00:00.000Z"),
            ("2026-10-01T12:00:00Z", "Europe/Berlin", "2026-10-01T12:00:00.000Z"),
            ("2026-10-01T12:00:00+02:00", "UTC", "2026-10-01T10:00:00.000Z"),
            ("2026-10-01T12:00", "Europe/Berlin", "2026-10-01T10:00:00.000Z"),
            ("now", "UTC", "2026-11-18T14:30:15.000Z"),
            ("-24h", "UTC", "2026-11-17T14:30:15.000Z"),
            ("-90s", "UTC", "2026-11-18T14:28:45.000Z"),
            ("-5m", "UTC", "2026-11-18T14:25:15.000Z"),
            ("-2w", "UTC", "2026-11-04T14:30:15.000Z"),
            // 25 October had 25 hours in Berlin: 30 calendar days are an hour more than 720 hours.
            ("-30d", "Europe/Berlin", "2026-10-19T13:30:15.000Z"),
            ("-720h", "Europe/Berlin", "2026-10-19T14:30:15.000Z"),
            ("today", "UTC", "2026-11-18T00:00:00.000Z"),
            ("today", "Asia/Tokyo", "2026-11-17T15:00:00.000Z"),
            ("yesterday", "UTC", "2026-11-17T00:00:00.000Z"),
            ("this-week", "UTC", "2026-11-16T00:00:00.000Z"),
            ("last-week", "UTC", "2026-11-09T00:00:00.000Z"),
            ("this-month", "UTC", "2026-11-01T00:00:00.000Z"),
            ("last-month", "UTC", "2026-10-01T00:00:00.000Z"),
            ("this-year", "UTC", "2026-01-01T00:00:00.000Z"),
            ("last-year", "UTC", "2025-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(from(text, zone).as_deref(), Ok(wanted), "{text} in {zone}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_would_be_one() {
        for text in
            ["", "soon", "2026-13", "2026-02-30", "-", "-h", "-5x", "--5h", "-99999999999h", "1969-01-01", "2400-01-01"]
        {
            let refused = from(text, "UTC").expect_err(text);
            assert!(refused.starts_with("from: "), "{text}: {refused}");
        }
        assert!(from("today", "Europe/Nowhere").expect_err("no zone").starts_with("tz: `Europe/Nowhere`"));
        let backwards = Span::read(Some("2026-02"), Some("2026-01"), None, at(NOW)).expect_err("backwards");
        assert_eq!(backwards.name, "from");
        assert!(backwards.why.contains("after `to`"), "{backwards}");
    }

    #[test]
    fn without_words_it_is_this_month_with_this_hour() {
        let span = Span::read(None, None, None, at(NOW)).expect("defaults");
        assert_eq!((span.from, span.to), (at("2026-11-01T00:00:00Z"), at("2026-11-18T15:00:00Z")));
    }

    #[test]
    fn a_moment_to_come_is_named_like_any_other() {
        for (text, wanted) in [
            ("+90m", "2026-11-18T16:00:15.000Z"),
            ("+2d", "2026-11-20T14:30:15.000Z"),
            ("2026-12", "2026-12-01T00:00:00.000Z"),
        ] {
            assert_eq!(moment_named("until", text, None, at(NOW)).expect(text).to_string(), wanted);
        }
        assert_eq!(moment_named("until", "+x", None, at(NOW)).expect_err("no time").name, "until");
    }

    #[test]
    fn a_month_is_whole_in_its_zone() {
        for (text, zone, from, to) in [
            ("2026-10", None, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("2026-10", Some("Europe/Berlin"), "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
            ("2026-12", None, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("last-month", None, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("this-month", None, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ] {
            let span = Span::month(text, zone, at(NOW)).expect("a month");
            assert_eq!((span.from, span.to), (at(from), at(to)), "{text}");
        }
        for text in ["", "2026", "2026-1", "2026-13", "october", "2026-10-01"] {
            assert_eq!(Span::month(text, None, at(NOW)).expect_err(text).name, "month");
        }
    }
}
