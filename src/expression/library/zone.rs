//! `TimeZoneInfo`: zones by their Windows or IANA names.

use super::{
    Call, Row,
    date::{time, utc},
    fixed, member,
};
use crate::expression::{
    Kind, Thrown, Value,
    value::{
        DateTime, DateTimeOffset, Inner, TimeKind, TimeSpan,
        time::{DAY, EPOCH, MAX_TICKS, SECOND},
    },
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::TimeZoneInfo, "Utc: TimeZoneInfo", |_| Ok(Value::library(Inner::Zone(jiff::tz::TimeZone::UTC)))),
    fixed(Kind::TimeZoneInfo, "Local: TimeZoneInfo", |_| Ok(Value::library(Inner::Zone(jiff::tz::TimeZone::UTC)))),
    fixed(Kind::TimeZoneInfo, "ConvertTimeToUtc(time, [zone]): DateTime", to_utc),
    member(Kind::TimeZoneInfo, "GetUtcOffset(time): TimeSpan", |c| {
        let (at, zone) = (c.arg(0), c.this.clone());
        Ok(Value::TimeSpan(TimeSpan { ticks: offset_at(&at, &zone)?.0 * SECOND }))
    }),
    member(Kind::TimeZoneInfo, "IsDaylightSavingTime(time): bool", |c| {
        let (at, zone) = (c.arg(0), c.this.clone());
        Ok(Value::Bool(offset_at(&at, &zone)?.1))
    }),
    member(Kind::TimeZoneInfo, "BaseUtcOffset: TimeSpan", |c| {
        // Zones that have summer time are on their base offset in January or in July.
        let zone = c.this.clone();
        let winter = [TWENTY_TWENTY, TWENTY_TWENTY + 182 * DAY].map(|at| offset_at(&utc_time(at), &zone));
        let [january, july] = winter;
        let (january, july) = (january?, july?);
        let base = if january.1 { july.0 } else { january.0 };
        Ok(Value::TimeSpan(TimeSpan { ticks: base * SECOND }))
    }),
    member(Kind::TimeZoneInfo, "Id: string", |c| Ok(Value::from(zone_of(&c.this)?.iana_name().unwrap_or("UTC")))),
    member(Kind::TimeZoneInfo, "StandardName: string", |c| {
        Ok(Value::from(zone_of(&c.this)?.iana_name().unwrap_or("UTC")))
    }),
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
    ("GTB Standard Time", "Europe/Bucharest"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("Egypt Standard Time", "Africa/Cairo"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("W. Central Africa Standard Time", "Africa/Lagos"),
    ("E. Africa Standard Time", "Africa/Nairobi"),
    ("Arab Standard Time", "Asia/Riyadh"),
    ("Iran Standard Time", "Asia/Tehran"),
    ("Pakistan Standard Time", "Asia/Karachi"),
    ("Sri Lanka Standard Time", "Asia/Colombo"),
    ("Bangladesh Standard Time", "Asia/Dhaka"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("Taipei Standard Time", "Asia/Taipei"),
    ("W. Australia Standard Time", "Australia/Perth"),
    ("Cen. Australia Standard Time", "Australia/Adelaide"),
    ("E. Australia Standard Time", "Australia/Brisbane"),
    ("Argentina Standard Time", "America/Buenos_Aires"),
    ("SA Pacific Standard Time", "America/Bogota"),
    ("Pacific SA Standard Time", "America/Santiago"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("Newfoundland Standard Time", "America/St_Johns"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("Alaskan Standard Time", "America/Anchorage"),
    ("Hawaiian Standard Time", "Pacific/Honolulu"),
    ("Central Standard Time (Mexico)", "America/Mexico_City"),
];

fn zone(c: &mut Call<'_, '_>) -> Outcome {
    let id = c.text(0)?;
    let name = WINDOWS.iter().find(|row| row.0 == &*id).map_or(&*id, |row| row.1);
    let zone = jiff::tz::TimeZone::get(name);
    let zone =
        zone.map_err(|_| Thrown::new("TimeZoneNotFoundException", format!("The time zone ID '{id}' was not found.")))?;
    Ok(Value::library(Inner::Zone(zone)))
}

/// 2020-01-01, as a `DateTime` counts.
const TWENTY_TWENTY: i64 = 637_134_336_000_000_000;

fn utc_time(ticks: i64) -> Value {
    Value::DateTime(DateTime { ticks, kind: TimeKind::Utc })
}

fn zone_of(value: &Value) -> Result<&jiff::tz::TimeZone, Thrown> {
    match value.inner() {
        Some(Inner::Zone(zone)) => Ok(zone),
        _ => Err(Thrown::argument_null("zone")),
    }
}

/// The offset in seconds and whether it is summer time, at a moment or at a time on the zone's clocks.
fn offset_at(at: &Value, zone: &Value) -> Result<(i64, bool), Thrown> {
    let zone = zone_of(zone)?;
    let beyond = || Thrown::range("The time is beyond the time zone's rules.");
    let found = |ticks: i64| {
        let moment = jiff::Timestamp::from_second((ticks - EPOCH).div_euclid(SECOND)).map_err(|_| beyond())?;
        let info = zone.to_offset_info(moment);
        Ok((i64::from(info.offset().seconds()), info.dst().is_dst()))
    };
    let ticks = utc(at)?;
    let first = found(ticks)?;
    if !matches!(at, Value::DateTime(DateTime { kind: TimeKind::Unspecified, .. })) {
        return Ok(first);
    }
    // What the clocks show: at most one change is between the two guesses.
    found(ticks - first.0 * SECOND)
}

fn to_utc(c: &mut Call<'_, '_>) -> Outcome {
    let (at, zone) = (c.arg(0), c.arg(1));
    let offset = if c.count() > 1 { offset_at(&at, &zone)?.0 } else { 0 };
    Ok(utc_time(utc(&at)?.saturating_sub(offset * SECOND).clamp(0, MAX_TICKS)))
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
