//! `TimeZoneInfo`: zones by their Windows or IANA names.

use super::{
    Call, Row,
    date::{time, utc},
    fixed,
};
use crate::expression::{
    Kind, Thrown, Value,
    value::{
        DateTimeOffset, Inner,
        time::{EPOCH, MAX_TICKS, SECOND},
    },
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::TimeZoneInfo, "Utc: TimeZoneInfo", |_| Ok(Value::library(Inner::Zone(jiff::tz::TimeZone::UTC)))),
    fixed(Kind::TimeZoneInfo, "FindSystemTimeZoneById(id): TimeZoneInfo", zone),
    fixed(Kind::TimeZoneInfo, "ConvertTimeFromUtc(time, zone): DateTime", |c| {
        let (at, zone) = (c.arg(0), c.arg(1));
        in_zone(&at, &zone)
    }),
    fixed(Kind::TimeZoneInfo, "ConvertTime(time, zone): DateTime", |c| {
        let (at, zone) = (c.arg(0), c.arg(1));
        in_zone(&at, &zone)
    }),
    fixed(Kind::TimeZoneInfo, "ConvertTimeBySystemTimeZoneId(time, id): DateTime", |c| {
        let at = c.arg(0);
        c.args.remove(0);
        let zone = zone(c)?;
        in_zone(&at, &zone)
    }),
];

/// Windows names of time zones that documents use, and their names elsewhere.
const WINDOWS: &[(&str, &str)] = &[
    ("UTC", "UTC"),
    ("GMT Standard Time", "Europe/London"),
    ("W. Europe Standard Time", "Europe/Berlin"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Romance Standard Time", "Europe/Paris"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("E. Europe Standard Time", "Europe/Chisinau"),
    ("FLE Standard Time", "Europe/Kyiv"),
    ("Eastern Standard Time", "America/New_York"),
    ("Central Standard Time", "America/Chicago"),
    ("Mountain Standard Time", "America/Denver"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("India Standard Time", "Asia/Kolkata"),
    ("China Standard Time", "Asia/Shanghai"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("SE Asia Standard Time", "Asia/Bangkok"),
];

fn zone(c: &mut Call<'_, '_>) -> Outcome {
    let id = c.text(0)?;
    let name = WINDOWS.iter().find(|row| row.0 == &*id).map_or(&*id, |row| row.1);
    let zone = jiff::tz::TimeZone::get(name);
    let zone =
        zone.map_err(|_| Thrown::new("TimeZoneNotFoundException", format!("The time zone ID '{id}' was not found.")))?;
    Ok(Value::library(Inner::Zone(zone)))
}

fn in_zone(at: &Value, zone: &Value) -> Outcome {
    let Some(Inner::Zone(zone)) = zone.inner() else { return Err(Thrown::argument_null("destinationTimeZone")) };
    let utc = utc(at)?;
    let moment = jiff::Timestamp::from_second((utc - EPOCH).div_euclid(SECOND))
        .map_err(|_| Thrown::range("The time is beyond the time zone's rules."))?;
    let offset = i64::from(zone.to_offset(moment).seconds());
    Ok(match at {
        Value::DateTimeOffset(_) => {
            Value::DateTimeOffset(DateTimeOffset { utc, offset: i16::try_from(offset / 60).unwrap_or(0) })
        }
        _ => time(utc.saturating_add(offset * SECOND).clamp(0, MAX_TICKS)),
    })
}
