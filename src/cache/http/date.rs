//! Dates of HTTP fields (RFC 9110, section 5.6.7): the form of today and the two old ones.

use http::{HeaderMap, HeaderName};
use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};

use crate::model::Timestamp;

/// The date in a field that is there once.
#[must_use]
pub fn field(headers: &HeaderMap, name: &HeaderName, now: Timestamp) -> Option<Timestamp> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    parse(line.to_str().ok()?, now)
}

/// A date, in any of its three forms. `now` tells in which century a year of two digits is.
#[must_use]
pub fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    let words: Vec<&str> = text.split([' ', '-', ',']).filter(|word| !word.is_empty()).collect();
    let (year, month, day, time) = match words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT, and Sunday, 06-Nov-94 08:49:37 GMT
        [_, day, month, year, time, zone] if zone.eq_ignore_ascii_case("GMT") => (year, month, day, time),
        // Sun Nov  6 08:49:37 1994
        [_, month, day, time, year] => (year, month, day, time),
        _ => return None,
    };
    let date = Date::new(full_year(year, now)?, month_of(month)?, number(day)?).ok()?;
    let moment = date.to_datetime(time_of(time)?).to_zoned(TimeZone::UTC).ok()?;
    let nanos = u64::try_from(moment.timestamp().as_nanosecond().max(0)).ok()?;
    Some(Timestamp::from_nanos(nanos))
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn month_of(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    i8::try_from(at + 1).ok()
}

fn time_of(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (number(parts.next()?)?, number(parts.next()?)?, number::<i8>(parts.next()?)?);
    // A leap second is the last one of its minute.
    parts.next().is_none().then(|| Time::new(hour, minute, second.min(59), 0).ok()).flatten()
}

/// A year of two digits that seems to lie more than 50 years ahead is the last one with these digits.
fn full_year(text: &str, now: Timestamp) -> Option<i16> {
    let year: i16 = number(text)?;
    if text.len() != 2 {
        return (text.len() == 4).then_some(year);
    }
    let seconds = i64::try_from(now.as_secs()).ok()?;
    let this_year = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).year();
    let year = this_year - this_year % 100 + year;
    Some(if year > this_year + 50 { year - 100 } else { year })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_say_the_same_moment() {
        let now = Timestamp::from_secs(1_767_323_045);
        let moment = Some(Timestamp::from_secs(784_111_777));
        let rows = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", moment),
            ("Sunday, 06-Nov-94 08:49:37 GMT", moment),
            ("Sun Nov  6 08:49:37 1994", moment),
            ("sun, 06 nov 1994 08:49:37 gmt", moment),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(Timestamp::from_secs(0))),
            ("Thu, 01 Jan 1900 00:00:00 GMT", Some(Timestamp::from_secs(0))),
            ("Fri, 31 Dec 2026 23:59:60 GMT", Some(Timestamp::from_secs(1_798_761_599))),
            ("0", None),
            ("-1", None),
            ("Sun, 06 Nov 1994 08:49:37 +0100", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 25:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, 06 Nov 19946 08:49:37 GMT", None),
            ("", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(parse(text, now), wanted, "{text}");
        }
    }
}
