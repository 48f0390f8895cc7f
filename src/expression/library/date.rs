//! `DateTime`, `DateTimeOffset`, `TimeSpan`.

use super::{Call, Row, convert::with_offset, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{
        DateTime, DateTimeOffset, TimeKind, TimeSpan,
        time::{DAY, EPOCH, MAX_TICKS, SECOND, civil_of, days_in_month},
        time_format, time_parse,
    },
};

type Outcome = Result<Value, Thrown>;

const MILLI: i64 = SECOND / 1000;
/// 1601-01-01, from which Windows counts.
const FILE_EPOCH: i64 = 504_911_232_000_000_000;
const DT: Kind = Kind::DateTime;
const DTO: Kind = Kind::DateTimeOffset;
const TS: Kind = Kind::TimeSpan;

macro_rules! both {
    ($($signature:literal => $native:expr;)*) => {
        &[$(member(DT, $signature, $native), member(DTO, $signature, $native),)*
            fixed(DT, "UtcNow: DateTime", |c| Ok(Value::DateTime(now(c)))),
            fixed(DT, "Now: DateTime", |c| Ok(Value::DateTime(DateTime { kind: TimeKind::Local, ..now(c) }))),
            fixed(DT, "Today: DateTime", |c| { let now = now(c); Ok(Value::DateTime(DateTime { ticks: now.ticks - now.ticks % DAY, kind: TimeKind::Local })) }),
            fixed(DT, "MinValue: DateTime", |_| Ok(time(0))),
            fixed(DT, "MaxValue: DateTime", |_| Ok(time(MAX_TICKS))),
            fixed(DT, "UnixEpoch: DateTime", |_| Ok(Value::DateTime(DateTime { ticks: EPOCH, kind: TimeKind::Utc }))),
            fixed(DT, "Parse(text, [provider], [styles]): DateTime", parse),
            fixed(DT, "TryParse(text, ...): bool", try_parse),
            fixed(DT, "ParseExact(text, format, [provider], [styles]): DateTime", parse_exact),
            fixed(DT, "TryParseExact(text, format, ...): bool", try_parse_exact),
            fixed(DT, "DaysInMonth(year, month): int", |c| Ok(Value::from(i32::try_from(days_in_month(c.int(0)?, c.int(1)?)).unwrap_or(0)))),
            fixed(DT, "Compare(left, right): int", |c| Ok(Value::Int(c.arg(0).compare(&c.arg(1)).map_or(0, |order| order as i32)))),
            fixed(DT, "IsLeapYear(year): bool", |c| Ok(Value::Bool(days_in_month(c.int(0)?, 2) == 29))),
            fixed(DT, "FromFileTimeUtc(ticks): DateTime", |c| { let ticks = c.int(0)?.saturating_add(FILE_EPOCH).clamp(0, MAX_TICKS); Ok(Value::DateTime(DateTime { ticks, kind: TimeKind::Utc })) }),
            fixed(DTO, "MaxValue: DateTimeOffset", |_| Ok(Value::DateTimeOffset(DateTimeOffset { utc: MAX_TICKS, offset: 0 }))),
            fixed(DTO, "UnixEpoch: DateTimeOffset", |_| Ok(Value::DateTimeOffset(DateTimeOffset { utc: EPOCH, offset: 0 }))),
            fixed(DTO, "TryParseExact(text, format, ...): bool", try_parse_exact),
            fixed(DTO, "Compare(left, right): int", |c| Ok(Value::Int(c.arg(0).compare(&c.arg(1)).map_or(0, |order| order as i32)))),
            member(DTO, "ToOffset(offset): DateTimeOffset", to_offset),
            fixed(DT, "SpecifyKind(time, kind): DateTime", specify),
            fixed(DT, "new(...): DateTime", new),
            fixed(DTO, "UtcNow: DateTimeOffset", |c| Ok(Value::DateTimeOffset(now(c).into()))),
            fixed(DTO, "Now: DateTimeOffset", |c| Ok(Value::DateTimeOffset(now(c).into()))),
            fixed(DTO, "MinValue: DateTimeOffset", |_| Ok(Value::DateTimeOffset(DateTimeOffset { utc: 0, offset: 0 }))),
            fixed(DTO, "FromUnixTimeSeconds(seconds): DateTimeOffset", |c| from_unix(c, SECOND)),
            fixed(DTO, "FromUnixTimeMilliseconds(milliseconds): DateTimeOffset", |c| from_unix(c, MILLI)),
            fixed(DTO, "Parse(text, [provider], [styles]): DateTimeOffset", parse),
            fixed(DTO, "TryParse(text, ...): bool", try_parse),
            fixed(DTO, "ParseExact(text, format, [provider], [styles]): DateTimeOffset", parse_exact),
            fixed(DTO, "new(...): DateTimeOffset", new_offset),
        ]
    };
}

pub(super) const ROWS: &[Row] = both! {
    "AddDays(days): this" => |c| add(c, DAY);
    "AddHours(hours): this" => |c| add(c, 3600 * SECOND);
    "AddMinutes(minutes): this" => |c| add(c, 60 * SECOND);
    "AddSeconds(seconds): this" => |c| add(c, SECOND);
    "AddMilliseconds(milliseconds): this" => |c| add(c, MILLI);
    "AddTicks(ticks): this" => |c| add(c, 1);
    "AddMonths(months): this" => |c| months(c, 1);
    "AddYears(years): this" => |c| months(c, 12);
    "Add(span): this" => |c| { let (this, by) = (c.this.clone(), c.arg(0)); sum(&this, &by, 1) };
    "Subtract(other): object" => |c| { let (this, by) = (c.this.clone(), c.arg(0)); sum(&this, &by, -1) };
    "Year: int" => |c| civil(c, 0);
    "Month: int" => |c| civil(c, 1);
    "Day: int" => |c| civil(c, 2);
    "Hour: int" => |c| part(c, 3600 * SECOND, 24);
    "Minute: int" => |c| part(c, 60 * SECOND, 60);
    "Second: int" => |c| part(c, SECOND, 60);
    "Millisecond: int" => |c| part(c, MILLI, 1000);
    "DayOfWeek: DayOfWeek" => |c| Ok(Value::Enum(Kind::DayOfWeek, i32::try_from(time_format::weekday(local(&c.this)?)).unwrap_or(0)));
    "DayOfYear: int" => |c| Ok(Value::Int(i32::try_from(time_format::day_of_year(local(&c.this)?)).unwrap_or(0)));
    "Ticks: long" => |c| Ok(Value::Long(local(&c.this)?));
    "Date: DateTime" => |c| { let ticks = local(&c.this)?; Ok(time(ticks - ticks % DAY)) };
    "TimeOfDay: TimeSpan" => |c| Ok(span(local(&c.this)? % DAY));
    "Kind: DateTimeKind" => kind;
    "ToUniversalTime(): this" => universal;
    "ToLocalTime(): this" => universal;
    "UtcDateTime: DateTime" => |c| Ok(Value::DateTime(DateTime { ticks: utc(&c.this)?, kind: TimeKind::Utc }));
    "DateTime: DateTime" => |c| Ok(time(local(&c.this)?));
    "LocalDateTime: DateTime" => |c| Ok(Value::DateTime(DateTime { ticks: utc(&c.this)?, kind: TimeKind::Local }));
    "Offset: TimeSpan" => |c| Ok(span(local(&c.this)? - utc(&c.this)?));
    "UtcTicks: long" => |c| Ok(Value::Long(utc(&c.this)?));
    "ToFileTimeUtc(): long" => |c| Ok(Value::Long(utc(&c.this)? - FILE_EPOCH));
    "ToFileTime(): long" => |c| Ok(Value::Long(utc(&c.this)? - FILE_EPOCH));
    "ToUnixTimeSeconds(): long" => |c| Ok(Value::Long((utc(&c.this)? - EPOCH).div_euclid(SECOND)));
    "ToUnixTimeMilliseconds(): long" => |c| Ok(Value::Long((utc(&c.this)? - EPOCH).div_euclid(MILLI)));
    "ToShortDateString(): string" => |c| { let this = c.this.clone(); super::format_value(&this, "d").map(Value::from) };
    "ToLongDateString(): string" => |c| { let this = c.this.clone(); super::format_value(&this, "D").map(Value::from) };
    "ToShortTimeString(): string" => |c| { let this = c.this.clone(); super::format_value(&this, "t").map(Value::from) };
    "ToLongTimeString(): string" => |c| { let this = c.this.clone(); super::format_value(&this, "T").map(Value::from) };
};

pub(super) const SPAN_ROWS: &[Row] = &[
    fixed(TS, "FromDays(days): TimeSpan", |c| units(c, DAY)),
    fixed(TS, "FromHours(hours): TimeSpan", |c| units(c, 3600 * SECOND)),
    fixed(TS, "FromMinutes(minutes): TimeSpan", |c| units(c, 60 * SECOND)),
    fixed(TS, "FromSeconds(seconds): TimeSpan", |c| units(c, SECOND)),
    fixed(TS, "FromMilliseconds(milliseconds): TimeSpan", |c| units(c, MILLI)),
    fixed(TS, "FromTicks(ticks): TimeSpan", |c| c.int(0).map(span)),
    fixed(TS, "Zero: TimeSpan", |_| Ok(span(0))),
    fixed(TS, "MaxValue: TimeSpan", |_| Ok(span(i64::MAX))),
    fixed(TS, "MinValue: TimeSpan", |_| Ok(span(i64::MIN))),
    fixed(TS, "new(...): TimeSpan", new_span),
    fixed(TS, "Compare(left, right): int", |c| Ok(Value::Int(ticks(&c.arg(0))?.cmp(&ticks(&c.arg(1))?) as i32))),
    member(TS, "TotalDays: double", |c| total(c, DAY)),
    member(TS, "TotalHours: double", |c| total(c, 3600 * SECOND)),
    member(TS, "TotalMinutes: double", |c| total(c, 60 * SECOND)),
    member(TS, "TotalSeconds: double", |c| total(c, SECOND)),
    member(TS, "TotalMilliseconds: double", |c| total(c, MILLI)),
    member(TS, "Days: int", |c| Ok(Value::Int(i32::try_from(ticks(&c.this)? / DAY).unwrap_or(0)))),
    member(TS, "Hours: int", |c| rest(c, 3600 * SECOND, 24)),
    member(TS, "Minutes: int", |c| rest(c, 60 * SECOND, 60)),
    member(TS, "Seconds: int", |c| rest(c, SECOND, 60)),
    member(TS, "Milliseconds: int", |c| rest(c, MILLI, 1000)),
    member(TS, "Ticks: long", |c| ticks(&c.this).map(Value::Long)),
    member(TS, "Add(other): TimeSpan", |c| Ok(span(ticks(&c.this)?.saturating_add(ticks(&c.arg(0))?)))),
    member(TS, "Subtract(other): TimeSpan", |c| Ok(span(ticks(&c.this)?.saturating_sub(ticks(&c.arg(0))?)))),
    member(TS, "Negate(): TimeSpan", |c| Ok(span(ticks(&c.this)?.saturating_neg()))),
    member(TS, "Duration(): TimeSpan", |c| Ok(span(ticks(&c.this)?.saturating_abs()))),
];

fn now(c: &mut Call<'_, '_>) -> DateTime {
    DateTime::from_timestamp(c.machine.host.now())
}

pub(super) fn time(ticks: i64) -> Value {
    Value::DateTime(DateTime { ticks, kind: TimeKind::Unspecified })
}

fn span(ticks: i64) -> Value {
    Value::TimeSpan(TimeSpan { ticks })
}

fn local(value: &Value) -> Result<i64, Thrown> {
    match value {
        Value::DateTime(time) => Ok(time.ticks),
        Value::DateTimeOffset(time) => Ok(time.local_ticks()),
        other => Err(Thrown::cast(other.kind().full_name(), "System.DateTime")),
    }
}

pub(super) fn utc(value: &Value) -> Result<i64, Thrown> {
    match value {
        Value::DateTimeOffset(time) => Ok(time.utc),
        other => local(other),
    }
}

fn ticks(value: &Value) -> Result<i64, Thrown> {
    match value {
        Value::TimeSpan(span) => Ok(span.ticks),
        other => Err(Thrown::cast(other.kind().full_name(), "System.TimeSpan")),
    }
}

fn later(value: &Value, by: i64) -> Outcome {
    match value {
        Value::DateTimeOffset(time) => time.plus(by).map(Value::DateTimeOffset),
        Value::DateTime(time) => time.plus(by).map(Value::DateTime),
        other => Err(Thrown::cast(other.kind().full_name(), "System.DateTime")),
    }
}

fn add(c: &mut Call<'_, '_>, unit: i64) -> Outcome {
    let by = match c.arg(0).as_long() {
        Some(count) => count.checked_mul(unit).ok_or_else(|| Thrown::range("Value to add was out of range."))?,
        None => TimeSpan::from_units(c.double(0)?, unit)?.ticks,
    };
    later(&c.this, by)
}

fn months(c: &mut Call<'_, '_>, factor: i64) -> Outcome {
    let count = c.int(0)?.saturating_mul(factor);
    match &c.this {
        Value::DateTime(time) => time.plus_months(count).map(Value::DateTime),
        Value::DateTimeOffset(time) => {
            let moved = DateTime { ticks: time.utc, kind: TimeKind::Utc }.plus_months(count)?;
            Ok(Value::DateTimeOffset(DateTimeOffset { utc: moved.ticks, offset: time.offset }))
        }
        other => Err(Thrown::cast(other.kind().full_name(), "System.DateTime")),
    }
}

fn sum(this: &Value, by: &Value, sign: i64) -> Outcome {
    match by {
        Value::TimeSpan(by) => later(this, by.ticks.saturating_mul(sign)),
        other => Ok(span(utc(this)? - utc(other)?)),
    }
}

fn civil(c: &mut Call<'_, '_>, which: usize) -> Outcome {
    let civil = civil_of(local(&c.this)?);
    Ok(Value::Int(i32::try_from([civil.year, civil.month, civil.day][which]).unwrap_or(0)))
}

fn part(c: &mut Call<'_, '_>, unit: i64, modulus: i64) -> Outcome {
    Ok(Value::Int(i32::try_from(local(&c.this)? / unit % modulus).unwrap_or(0)))
}

fn rest(c: &mut Call<'_, '_>, unit: i64, modulus: i64) -> Outcome {
    Ok(Value::Int(i32::try_from(ticks(&c.this)? / unit % modulus).unwrap_or(0)))
}

fn total(c: &mut Call<'_, '_>, unit: i64) -> Outcome {
    match &c.this {
        Value::TimeSpan(span) => Ok(Value::Double(span.total(unit))),
        other => Err(Thrown::cast(other.kind().full_name(), "System.TimeSpan")),
    }
}

fn units(c: &mut Call<'_, '_>, unit: i64) -> Outcome {
    TimeSpan::from_units(c.double(0)?, unit).map(Value::TimeSpan)
}

fn kind(c: &mut Call<'_, '_>) -> Outcome {
    let number = match &c.this {
        Value::DateTime(DateTime { kind: TimeKind::Utc, .. }) => 1,
        Value::DateTime(DateTime { kind: TimeKind::Local, .. }) => 2,
        _ => 0,
    };
    Ok(Value::Enum(Kind::DateTimeKind, number))
}

fn universal(c: &mut Call<'_, '_>) -> Outcome {
    Ok(match &c.this {
        Value::DateTimeOffset(time) => Value::DateTimeOffset(DateTimeOffset { utc: time.utc, offset: 0 }),
        other => Value::DateTime(DateTime { ticks: local(other)?, kind: TimeKind::Utc }),
    })
}

fn specify(c: &mut Call<'_, '_>) -> Outcome {
    let kind = match c.arg(1) {
        Value::Enum(_, 1) => TimeKind::Utc,
        Value::Enum(_, 2) => TimeKind::Local,
        _ => TimeKind::Unspecified,
    };
    Ok(Value::DateTime(DateTime { ticks: local(&c.arg(0))?, kind }))
}

fn to_offset(c: &mut Call<'_, '_>) -> Outcome {
    let offset = i16::try_from(ticks(&c.arg(0))? / (60 * SECOND)).ok().filter(|offset| offset.abs() <= 840);
    let offset = offset.ok_or_else(|| Thrown::range("Offset must be within plus or minus 14 hours."))?;
    Ok(Value::DateTimeOffset(DateTimeOffset { utc: utc(&c.this)?, offset }))
}

/// The formats that may be meant: one, or one of several.
fn formats(c: &mut Call<'_, '_>) -> Result<Vec<std::sync::Arc<str>>, Thrown> {
    match c.arg(1) {
        Value::List(list) => Ok(list.items().iter().map(Value::to_text).collect()),
        _ => Ok(vec![c.text(1)?]),
    }
}

/// The styles among the arguments.
fn styles(c: &Call<'_, '_>) -> i32 {
    let style = |arg: &Value| match arg {
        Value::Enum(Kind::DateTimeStyles, style) => Some(*style),
        _ => None,
    };
    c.args.iter().find_map(style).unwrap_or(0)
}

fn parsed(c: &Call<'_, '_>, (time, offset): time_parse::Parsed) -> Value {
    if c.generic == DTO {
        return Value::DateTimeOffset(with_offset(time, offset));
    }
    let style = styles(c);
    let universal = style & (16 | 64) == 16 | 64 || style & 16 == 16 && offset.is_some();
    let kind =
        if universal || style & 128 == 128 && time.kind == TimeKind::Utc { TimeKind::Utc } else { TimeKind::Local };
    let mut time = match offset {
        Some(offset) => DateTime { ticks: (time.ticks - i64::from(offset) * 60 * SECOND).max(0), kind },
        None => time,
    };
    if universal {
        time.kind = TimeKind::Utc;
    }
    Value::DateTime(time)
}

fn invalid(text: &str) -> Thrown {
    Thrown::format(format!("String '{text}' was not recognized as a valid DateTime."))
}

fn parse(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.text(0)?;
    time_parse::parse(&text).map(|found| parsed(c, found)).ok_or_else(|| invalid(&text))
}

fn parse_exact(c: &mut Call<'_, '_>) -> Outcome {
    let (text, formats) = (c.text(0)?, formats(c)?);
    let found = formats.iter().find_map(|format| time_parse::parse_exact(&text, format));
    found.map(|found| parsed(c, found)).ok_or_else(|| invalid(&text))
}

fn finish(c: &mut Call<'_, '_>, found: Option<time_parse::Parsed>) -> Outcome {
    c.out = match found {
        Some(found) => parsed(c, found),
        None if c.generic == DTO => Value::DateTimeOffset(DateTimeOffset { utc: 0, offset: 0 }),
        None => time(0),
    };
    Ok(Value::Bool(found.is_some()))
}

fn try_parse(c: &mut Call<'_, '_>) -> Outcome {
    let found = c.text_or_null(0).and_then(|text| time_parse::parse(&text));
    finish(c, found)
}

fn try_parse_exact(c: &mut Call<'_, '_>) -> Outcome {
    let formats = formats(c)?;
    let text = c.text_or_null(0);
    let found = text.and_then(|text| formats.iter().find_map(|format| time_parse::parse_exact(&text, format)));
    finish(c, found)
}

fn new(c: &mut Call<'_, '_>) -> Outcome {
    let kind = match c.args.last() {
        Some(Value::Enum(_, 1)) => TimeKind::Utc,
        Some(Value::Enum(_, 2)) => TimeKind::Local,
        _ => TimeKind::Unspecified,
    };
    let numbers: Vec<_> = c.args.iter().filter_map(Value::as_long).collect();
    match numbers[..] {
        [] => Ok(time(0)),
        [ticks] if (0..=MAX_TICKS).contains(&ticks) => Ok(Value::DateTime(DateTime { ticks, kind })),
        [_] | [_, _] => {
            Err(Thrown::range("Ticks must be between DateTime.MinValue.Ticks and DateTime.MaxValue.Ticks."))
        }
        [year, month, day, ref rest @ ..] => {
            let at = |index: usize| rest.get(index).copied().unwrap_or(0);
            let made = DateTime::of([year, month, day], [at(0), at(1), at(2)], kind)?;
            made.plus(at(3).saturating_mul(MILLI)).map(Value::DateTime)
        }
    }
}

fn new_offset(c: &mut Call<'_, '_>) -> Outcome {
    if let Value::DateTime(time) = c.arg(0) {
        let offset = if c.count() > 1 { ticks(&c.arg(1))? / (60 * SECOND) } else { 0 };
        let offset = i16::try_from(offset).ok().filter(|offset| offset.abs() <= 840);
        let offset = offset.ok_or_else(|| Thrown::range("Offset must be within plus or minus 14 hours."))?;
        return Ok(Value::DateTimeOffset(with_offset(time, Some(offset))));
    }
    let offset = match c.args.last() {
        Some(Value::TimeSpan(span)) => i16::try_from(span.ticks / (60 * SECOND)).unwrap_or(0),
        _ => 0,
    };
    match new(c)? {
        Value::DateTime(time) => Ok(Value::DateTimeOffset(with_offset(time, Some(offset)))),
        other => Ok(other),
    }
}

fn new_span(c: &mut Call<'_, '_>) -> Outcome {
    let numbers = (0..c.count()).map(|at| c.int(at)).collect::<Result<Vec<_>, _>>()?;
    let scaled = |factors: &[i64]| {
        let parts = numbers.iter().zip(factors).map(|(count, factor)| count.saturating_mul(*factor));
        span(parts.fold(0, i64::saturating_add))
    };
    Ok(match numbers.len() {
        0 => span(0),
        1 => scaled(&[1]),
        3 => scaled(&[3600 * SECOND, 60 * SECOND, SECOND]),
        _ => scaled(&[DAY, 3600 * SECOND, 60 * SECOND, SECOND, MILLI]),
    })
}

fn from_unix(c: &mut Call<'_, '_>, unit: i64) -> Outcome {
    let ticks = c.int(0)?.checked_mul(unit).and_then(|ticks| ticks.checked_add(EPOCH));
    let ticks = ticks.filter(|ticks| (0..=MAX_TICKS).contains(ticks));
    let utc =
        ticks.ok_or_else(|| Thrown::range("Valid values are between -62135596800 and 253402300799, inclusive."))?;
    Ok(Value::DateTimeOffset(DateTimeOffset { utc, offset: 0 }))
}
