//! Number literals with their suffixes.

use std::sync::Arc;

use crate::expression::{Value, value::Decimal};

/// The value of the number that `text` starts with, and its length.
pub(super) fn literal(text: &str) -> Option<(Value, usize)> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return radix(hex, 16);
    }
    if let Some(binary) = text.strip_prefix("0b").or_else(|| text.strip_prefix("0B")) {
        return radix(binary, 2);
    }
    let mut end = digits(text, 0);
    let mut real = false;
    if text[end..].starts_with('.') && text[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end = digits(text, end + 1);
        real = true;
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let after = digits(text, end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
            real = true;
        }
    }
    let number = text[..end].replace('_', "");
    let suffix = text[end..].chars().take_while(char::is_ascii_alphabetic).collect::<String>();
    let value = match suffix.to_ascii_lowercase().as_str() {
        "" if real => Value::Double(number.parse().ok()?),
        "" | "u" => whole(&number)?,
        "l" | "ul" | "lu" => Value::Long(number.parse().ok()?),
        "d" | "f" => Value::Double(number.parse().ok()?),
        "m" => Value::Decimal(Arc::new(Decimal::parse(&number)?)),
        _ => return None,
    };
    Some((value, end + suffix.len()))
}

fn digits(text: &str, from: usize) -> usize {
    from + text[from..].bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'_').count()
}

fn whole(number: &str) -> Option<Value> {
    let value: i64 = number.parse().ok()?;
    Some(i32::try_from(value).map_or(Value::Long(value), Value::Int))
}

fn radix(text: &str, radix: u32) -> Option<(Value, usize)> {
    let end = text.bytes().take_while(|byte| char::from(*byte).is_digit(radix) || *byte == b'_').count();
    let value = i64::from_str_radix(&text[..end].replace('_', ""), radix).ok()?;
    let suffix = text[end..].bytes().take_while(|byte| b"uUlL".contains(byte)).count();
    let value =
        if suffix == 0 { i32::try_from(value).map_or(Value::Long(value), Value::Int) } else { Value::Long(value) };
    Some((value, 2 + end + suffix))
}
