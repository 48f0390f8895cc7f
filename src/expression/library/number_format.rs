//! Format strings of numbers, standard and custom, in the invariant culture.

use super::super::value::{DateTime, Decimal, TimeKind, time_format};
use crate::expression::{Thrown, Value, value::guid_format};

/// A value with a format; the empty format is `ToString()`.
pub(in crate::expression) fn format_value(value: &Value, format: &str) -> Result<String, Thrown> {
    if format.is_empty() {
        return Ok(value.to_text().to_string());
    }
    match value {
        Value::DateTime(time) => time_format::date(*time, 0, format),
        Value::DateTimeOffset(time) => {
            // Its offset shows where the kind of a date would: `K`, `o`.
            let local = DateTime { kind: TimeKind::Local, ..time.date_time() };
            time_format::date(local, time.offset, format)
        }
        Value::TimeSpan(span) => Ok(time_format::span(*span, format)),
        Value::Guid(bytes) => guid_format(*bytes, format),
        Value::Int(_) | Value::Long(_) | Value::Double(_) | Value::Decimal(_) => number(value, format),
        Value::Json(json) if !json.scalar().kind().is_a(crate::expression::Kind::JToken) => {
            format_value(&json.scalar(), format)
        }
        other => Ok(other.to_text().to_string()),
    }
}

fn number(value: &Value, format: &str) -> Result<String, Thrown> {
    let letter = format.chars().next().unwrap_or('G');
    let digits = format[letter.len_utf8()..].parse::<usize>().ok();
    let standard = letter.is_ascii_alphabetic() && (format.len() == 1 || digits.is_some());
    if !standard {
        return Ok(custom(value, format));
    }
    let places = digits.unwrap_or(2).min(99);
    Ok(match letter.to_ascii_uppercase() {
        'D' => {
            let whole = value.as_long().ok_or_else(|| Thrown::format("Format specifier was invalid."))?;
            let sign = if whole < 0 { "-" } else { "" };
            format!("{sign}{:0width$}", whole.unsigned_abs(), width = digits.unwrap_or(1).min(99))
        }
        'X' => hex(value, letter, digits.unwrap_or(1).min(99))?,
        'F' => fixed(value, places),
        'N' => grouped(&fixed(value, places)),
        'P' => {
            let hundred = Value::Double(value.as_double().unwrap_or_default() * 100.0);
            format!("{} %", grouped(&fixed(&hundred, places)))
        }
        'C' => format!("\u{a4}{}", grouped(&fixed(value, places))),
        'E' => exponent(value, letter, digits.unwrap_or(6).min(99)),
        'G' | 'R' => value.to_text().to_string(),
        _ => return Err(Thrown::format("Format specifier was invalid.")),
    })
}

fn hex(value: &Value, letter: char, width: usize) -> Result<String, Thrown> {
    let text = match value {
        Value::Int(value) => format!("{value:0width$X}"),
        Value::Long(value) => format!("{value:0width$X}"),
        _ => return Err(Thrown::format("Format specifier was invalid.")),
    };
    Ok(if letter == 'x' { text.to_lowercase() } else { text })
}

/// With so many digits after the point, halves rounded away from zero.
fn fixed(value: &Value, places: usize) -> String {
    match value.to_decimal() {
        Some(decimal) => {
            let rounded = decimal.round(u32::try_from(places).unwrap_or(28), true).to_string();
            let (whole, part) = rounded.split_once('.').unwrap_or((&rounded, ""));
            if places == 0 { whole.to_owned() } else { format!("{whole}.{part:0<places$}") }
        }
        None => format!("{:.places$}", value.as_double().unwrap_or_default()),
    }
}

fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{out}{point}{part}")
}

fn exponent(value: &Value, letter: char, places: usize) -> String {
    let number = value.as_double().unwrap_or_default();
    let text = format!("{number:.places$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or_default();
    // Halves go away from zero: the digits as written decide, not the nearest even.
    let shortest = format!("{number:e}");
    let exact = shortest.split_once('e').and_then(|(digits, _)| Decimal::parse(digits));
    let rounded = exact
        .map(|exact| fixed(&Value::Decimal(exact.round(u32::try_from(places).unwrap_or(28), true).into()), places));
    let digits =
        rounded.as_deref().filter(|rounded| !rounded.trim_start_matches('-').starts_with("10")).unwrap_or(digits);
    format!("{digits}{letter}{}{:03}", if power < 0 { '-' } else { '+' }, power.abs())
}

/// Custom formats: `0`, `#`, `.`, `,`, `%`, and text around them; sections by `;`.
fn custom(value: &Value, format: &str) -> String {
    let number = value.as_double().unwrap_or_default();
    let sections: Vec<_> = format.split(';').collect();
    let (pattern, value) = match (sections.len(), number) {
        (2.., n) if n < 0.0 => (sections[1], value.to_decimal().map(Decimal::negated)),
        (3.., 0.0) => (sections[2], value.to_decimal()),
        _ => (sections[0], value.to_decimal()),
    };
    let Some(mut decimal) = value else { return number.to_string() };
    if pattern.contains('%') {
        decimal = decimal.times(Decimal::from_long(100)).unwrap_or(decimal);
    }
    let is_digit = |c: char| matches!(c, '0' | '#' | '.' | ',');
    let Some(start) = pattern.find(is_digit) else { return pattern.to_owned() };
    let end = pattern.rfind(is_digit).map_or(start, |at| at + 1);
    let body = digits(decimal, &pattern[start..end]);
    let plain = |text: &str| text.replace(['\'', '"', '\\'], "");
    format!("{}{body}{}", plain(&pattern[..start]), plain(&pattern[end..]))
}

fn digits(value: Decimal, pattern: &str) -> String {
    let (whole_pattern, part_pattern) = pattern.split_once('.').unwrap_or((pattern, ""));
    let most = part_pattern.chars().filter(|c| matches!(c, '0' | '#')).count();
    let least = part_pattern.rfind('0').map_or(0, |at| at + 1);
    let text = fixed(&Value::Decimal(value.into()), most);
    let (sign, text) = text.strip_prefix('-').map_or(("", &*text), |rest| ("-", rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = &part[..part.trim_end_matches('0').len().max(least.min(part.len()))];
    let width = whole_pattern.chars().filter(|c| *c == '0').count();
    let whole = if whole == "0" && width == 0 { "" } else { whole };
    let mut whole = format!("{whole:0>width$}");
    if whole_pattern.contains(',') {
        whole = grouped(&whole);
    }
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{part}")
}
