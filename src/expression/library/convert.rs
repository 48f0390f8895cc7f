//! `Convert`, `Parse` and `TryParse` of the value types, `Guid`.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{DateTimeOffset, Decimal, time_parse},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::Convert, "ToInt32(value, [base]): int", |c| to(c, Kind::Int)),
    fixed(Kind::Convert, "ToInt16(value, [base]): int", |c| to(c, Kind::Int)),
    fixed(Kind::Convert, "ToInt64(value, [base]): long", |c| to(c, Kind::Long)),
    fixed(Kind::Convert, "ToUInt32(value, [base]): long", |c| to(c, Kind::Long)),
    fixed(Kind::Convert, "ToUInt64(value, [base]): long", |c| to(c, Kind::Long)),
    fixed(Kind::Convert, "ToByte(value, [base]): int", |c| to(c, Kind::Int)),
    fixed(Kind::Convert, "ToDouble(value, [provider]): double", |c| to(c, Kind::Double)),
    fixed(Kind::Convert, "ToSingle(value, [provider]): double", |c| to(c, Kind::Double)),
    fixed(Kind::Convert, "ToDecimal(value, [provider]): decimal", |c| to(c, Kind::Decimal)),
    fixed(Kind::Convert, "ToBoolean(value): bool", |c| to(c, Kind::Bool)),
    fixed(Kind::Convert, "ToDateTime(value, [provider]): DateTime", |c| to(c, Kind::DateTime)),
    fixed(Kind::Convert, "ToChar(value): char", |c| to(c, Kind::Char)),
    fixed(Kind::Convert, "ToString(value, [base]): string", to_text),
    fixed(Kind::Convert, "ToBase64String(bytes): string", |c| {
        let text = STANDARD.encode(c.bytes(0)?);
        c.new_text(text)
    }),
    fixed(Kind::Convert, "FromBase64String(text): byte[]", from_base64),
    fixed(Kind::Convert, "ToHexString(bytes): string", |c| {
        let text = super::crypto::hex(&c.bytes(0)?);
        c.new_text(text)
    }),
    fixed(Kind::Int, "Parse(text, [style], [provider]): int", parse),
    fixed(Kind::Int, "TryParse(text, ...): bool", try_parse),
    fixed(Kind::Int, "MaxValue: int", |_| Ok(Value::Int(i32::MAX))),
    fixed(Kind::Int, "MinValue: int", |_| Ok(Value::Int(i32::MIN))),
    fixed(Kind::Long, "Parse(text, [style], [provider]): long", parse),
    fixed(Kind::Long, "TryParse(text, ...): bool", try_parse),
    fixed(Kind::Long, "MaxValue: long", |_| Ok(Value::Long(i64::MAX))),
    fixed(Kind::Long, "MinValue: long", |_| Ok(Value::Long(i64::MIN))),
    fixed(Kind::Double, "Parse(text, [style], [provider]): double", parse),
    fixed(Kind::Double, "TryParse(text, ...): bool", try_parse),
    fixed(Kind::Double, "MaxValue: double", |_| Ok(Value::Double(f64::MAX))),
    fixed(Kind::Double, "MinValue: double", |_| Ok(Value::Double(f64::MIN))),
    fixed(Kind::Double, "IsNaN(value): bool", |c| c.double(0).map(|value| Value::Bool(value.is_nan()))),
    fixed(Kind::Decimal, "Parse(text, [style], [provider]): decimal", parse),
    fixed(Kind::Decimal, "TryParse(text, ...): bool", try_parse),
    fixed(Kind::Bool, "Parse(text): bool", parse),
    fixed(Kind::Bool, "TryParse(text, out): bool", try_parse),
    fixed(Kind::Bool, "TrueString: string", |_| Ok(Value::from("True"))),
    fixed(Kind::Bool, "FalseString: string", |_| Ok(Value::from("False"))),
    fixed(Kind::Char, "Parse(text): char", parse),
    fixed(Kind::Guid, "Parse(text): Guid", parse),
    fixed(Kind::Guid, "TryParse(text, out): bool", try_parse),
    fixed(Kind::Guid, "new([text]): Guid", |c| if c.count() == 0 { Ok(Value::Guid([0; 16])) } else { parse(c) }),
    fixed(Kind::Guid, "Empty: Guid", |_| Ok(Value::Guid([0; 16]))),
    fixed(Kind::Guid, "NewGuid(): Guid", new_guid),
    member(Kind::Guid, "ToByteArray(): byte[]", guid_bytes),
    fixed(Kind::TimeSpan, "Parse(text, [provider]): TimeSpan", parse),
    fixed(Kind::TimeSpan, "TryParse(text, out): bool", try_parse),
    member(Kind::Object, "Value: object", |c| Ok(c.this.clone())),
    member(Kind::Object, "GetValueOrDefault([default]): object", |c| Ok(c.this.clone())),
];

fn malformed(text: &str, to: Kind) -> Thrown {
    Thrown::format(match to {
        Kind::Bool => format!("String '{text}' was not recognized as a valid Boolean."),
        Kind::DateTime | Kind::DateTimeOffset => format!("String '{text}' was not recognized as a valid DateTime."),
        Kind::Guid => "Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).".to_owned(),
        _ => "Input string was not in a correct format.".to_owned(),
    })
}

/// Text as a value type, with the invariant culture.
pub(in crate::expression) fn parse_text(text: &str, to: Kind) -> Outcome {
    let bad = || malformed(text, to);
    Ok(match to {
        Kind::Int | Kind::Byte => {
            let value = whole(text).ok_or_else(bad)?;
            Value::Int(i32::try_from(value).map_err(|_| Thrown::overflow("an Int32"))?)
        }
        Kind::Long => {
            Value::Long(i64::try_from(whole(text).ok_or_else(bad)?).map_err(|_| Thrown::overflow("an Int64"))?)
        }
        Kind::Double => Value::Double(real(text).ok_or_else(bad)?),
        Kind::Decimal => Value::Decimal(Arc::new(Decimal::parse(&text.replace(',', "")).ok_or_else(bad)?)),
        Kind::Bool if text.eq_ignore_ascii_case("true") => Value::Bool(true),
        Kind::Bool if text.eq_ignore_ascii_case("false") => Value::Bool(false),
        Kind::Guid => Value::Guid(guid(text).ok_or_else(bad)?),
        Kind::DateTime => {
            let (time, offset) = time_parse::parse(text).ok_or_else(bad)?;
            Value::DateTime(time_parse::in_utc(time, offset, crate::expression::value::TimeKind::Local))
        }
        Kind::DateTimeOffset => {
            let (time, offset) = time_parse::parse(text).ok_or_else(bad)?;
            Value::DateTimeOffset(with_offset(time, offset))
        }
        Kind::TimeSpan => Value::TimeSpan(time_parse::span(text).ok_or_else(bad)?),
        Kind::Char => {
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Value::Char(letter),
                _ => return Err(Thrown::format("String must be exactly one character long.")),
            }
        }
        Kind::String | Kind::Object | Kind::Unknown => Value::from(text),
        kind if kind.is_enum() => {
            let found = kind.members().iter().find(|member| member.0.eq_ignore_ascii_case(text));
            Value::Enum(
                kind,
                found.ok_or_else(|| Thrown::argument(format!("Requested value '{text}' was not found.")))?.1,
            )
        }
        Kind::Bool => return Err(bad()),
        _ => return Err(Thrown::cast("System.String", to.full_name())),
    })
}

/// A time with its offset, which is UTC when none is written.
pub(super) fn with_offset(time: crate::expression::value::DateTime, offset: Option<i16>) -> DateTimeOffset {
    let offset = offset.unwrap_or(0);
    DateTimeOffset { utc: (time.ticks - i64::from(offset) * 600_000_000).max(0), offset }
}

fn whole(text: &str) -> Option<i128> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

fn real(text: &str) -> Option<f64> {
    let plain = text.trim().replace(',', "");
    let starts = plain.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match plain.as_str() {
        "NaN" => Some(f64::NAN),
        "Infinity" | "∞" => Some(f64::INFINITY),
        "-Infinity" | "-∞" => Some(f64::NEG_INFINITY),
        _ if starts => plain.parse().ok(),
        _ => None,
    }
}

fn guid(text: &str) -> Option<[u8; 16]> {
    let bare = text.trim().trim_matches(['{', '}', '(', ')']);
    uuid::Uuid::try_parse(bare).ok().map(uuid::Uuid::into_bytes)
}

fn parse(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.text(0)?;
    if let Value::Enum(Kind::NumberStyles, style) = c.arg(1)
        && style & 512 == 512
    {
        return radix(&text, 16, c.generic);
    }
    parse_text(text.trim(), c.generic)
}

fn try_parse(c: &mut Call<'_, '_>) -> Outcome {
    let parsed = c.text_or_null(0).and_then(|text| parse_text(text.trim(), c.generic).ok());
    c.out = parsed.clone().unwrap_or_else(|| Value::initial(c.generic));
    Ok(Value::Bool(parsed.is_some()))
}

fn radix(text: &str, base: u32, to: Kind) -> Outcome {
    let digits = text.trim().trim_start_matches("0x").trim_start_matches("0X");
    let value = i64::from_str_radix(digits, base).map_err(|_| malformed(text, Kind::Int))?;
    #[expect(clippy::cast_possible_truncation, reason = "hexadecimal text is read as the bits of an int")]
    Ok(if to == Kind::Long { Value::Long(value) } else { Value::Int(value as i32) })
}

fn to(c: &mut Call<'_, '_>, kind: Kind) -> Outcome {
    let value = match c.arg(0) {
        Value::Json(json) => json.scalar(),
        other => other,
    };
    if let (Value::Text(text), Value::Int(base)) = (&value, c.arg(1)) {
        return radix(text, u32::try_from(base).ok().filter(|base| (2..=36).contains(base)).unwrap_or(10), kind);
    }
    match (&value, kind) {
        (Value::Null, _) => Ok(Value::initial(kind)),
        (Value::Text(text), _) => parse_text(text.trim(), kind),
        (Value::Bool(value), Kind::Bool) => Ok(Value::Bool(*value)),
        (Value::Bool(value), _) => Value::Int(i32::from(*value)).cast(kind),
        (number, Kind::Bool) => Ok(Value::Bool(number.as_double().is_some_and(|value| value != 0.0))),
        (Value::Double(number), Kind::Int | Kind::Long) => rounded(*number, kind),
        (Value::Decimal(number), Kind::Int | Kind::Long) => Value::Decimal(Arc::new(number.round(0, false))).cast(kind),
        (Value::Long(number), Kind::Int) => {
            i32::try_from(*number).map(Value::Int).map_err(|_| Thrown::overflow("an Int32"))
        }
        (other, _) => other.cast(kind),
    }
}

fn rounded(number: f64, kind: Kind) -> Outcome {
    let limit = if kind == Kind::Int { 2_147_483_647.5 } else { 9.2e18 };
    if number.is_nan() || number.abs() >= limit {
        return Err(Thrown::overflow(if kind == Kind::Int { "an Int32" } else { "an Int64" }));
    }
    Value::Double(number.round_ties_even()).cast(kind)
}

fn to_text(c: &mut Call<'_, '_>) -> Outcome {
    let text = match (c.arg(0), c.arg(1)) {
        (Value::Int(value), Value::Int(2)) => format!("{value:b}"),
        (Value::Int(value), Value::Int(8)) => format!("{value:o}"),
        (Value::Int(value), Value::Int(16)) => format!("{value:x}"),
        (Value::Long(value), Value::Int(16)) => format!("{value:x}"),
        (value, _) => value.to_text().to_string(),
    };
    c.new_text(text)
}

fn from_base64(c: &mut Call<'_, '_>) -> Outcome {
    let text: String = c.text(0)?.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    c.machine.budget.grow(text.len())?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| {
        Thrown::format("The input is not a valid Base-64 string as it contains a non-base 64 character, more than two padding characters, or an illegal character among the padding characters.")
    })?;
    Ok(Value::bytes(bytes))
}

fn new_guid(c: &mut Call<'_, '_>) -> Outcome {
    let mut bytes = [0; 16];
    c.machine.host.random(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Ok(Value::Guid(bytes))
}

/// .NET keeps the first three groups with their low byte first.
fn guid_bytes(c: &mut Call<'_, '_>) -> Outcome {
    let Value::Guid(mut bytes) = c.this else { return Err(Thrown::null("the Guid")) };
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Ok(Value::bytes(bytes.to_vec()))
}
