//! `Encoding`, `BitConverter`, `WebUtility`, `Uri.EscapeDataString`.

#![expect(clippy::format_push_string, reason = "`write!` into a `String` has an error that cannot happen")]

use percent_encoding::percent_decode_str;

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Encoding, Inner},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::Encoding, "UTF8: Encoding", |_| Ok(of(Encoding::Utf8))),
    fixed(Kind::Encoding, "Default: Encoding", |_| Ok(of(Encoding::Utf8))),
    fixed(Kind::Encoding, "ASCII: Encoding", |_| Ok(of(Encoding::Ascii))),
    fixed(Kind::Encoding, "Latin1: Encoding", |_| Ok(of(Encoding::Latin1))),
    fixed(Kind::Encoding, "Unicode: Encoding", |_| Ok(of(Encoding::Utf16))),
    fixed(Kind::Encoding, "GetEncoding(name): Encoding", named),
    fixed(Kind::Encoding, "new([bom]): Encoding", |_| Ok(of(Encoding::Utf8))),
    member(Kind::Encoding, "GetBytes(text): byte[]", get_bytes),
    member(Kind::Encoding, "GetString(bytes, [index], [count]): string", get_string),
    member(Kind::Encoding, "GetByteCount(text): int", |c| {
        let bytes = get_bytes(c)?;
        Ok(Value::Int(super::bytes_of(&bytes).map_or(0, |bytes| super::string::number(bytes.len()))))
    }),
    fixed(Kind::BitConverter, "ToString(bytes): string", dashed),
    fixed(Kind::BitConverter, "ToInt32(bytes, start): int", |c| Ok(Value::Int(i32::from_le_bytes(window(c)?)))),
    fixed(Kind::BitConverter, "ToInt64(bytes, start): long", |c| Ok(Value::Long(i64::from_le_bytes(window(c)?)))),
    fixed(Kind::BitConverter, "ToUInt32(bytes, start): long", |c| {
        Ok(Value::Long(i64::from(u32::from_le_bytes(window(c)?))))
    }),
    fixed(Kind::BitConverter, "ToInt16(bytes, start): int", |c| {
        Ok(Value::Int(i32::from(i16::from_le_bytes(window(c)?))))
    }),
    fixed(Kind::BitConverter, "ToUInt16(bytes, start): int", |c| {
        Ok(Value::Int(i32::from(u16::from_le_bytes(window(c)?))))
    }),
    fixed(Kind::BitConverter, "ToUInt64(bytes, start): long", |c| Ok(Value::Long(i64::from_le_bytes(window(c)?)))),
    fixed(Kind::BitConverter, "ToDouble(bytes, start): double", |c| Ok(Value::Double(f64::from_le_bytes(window(c)?)))),
    fixed(Kind::BitConverter, "ToBoolean(bytes, start): bool", |c| Ok(Value::Bool(window::<1>(c)?[0] != 0))),
    fixed(Kind::BitConverter, "IsLittleEndian: bool", |_| Ok(Value::Bool(true))),
    fixed(Kind::BitConverter, "GetBytes(value): byte[]", number_bytes),
    fixed(Kind::WebUtility, "UrlEncode(text): string", |c| encode(c, true, "-_.!*()")),
    fixed(Kind::WebUtility, "UrlDecode(text): string", |c| decode(c, true)),
    fixed(Kind::WebUtility, "HtmlEncode(text): string", html_encode),
    fixed(Kind::WebUtility, "HtmlDecode(text): string", html_decode),
    fixed(Kind::Uri, "EscapeDataString(text): string", |c| encode(c, false, "-_.~")),
    fixed(Kind::Uri, "EscapeUriString(text): string", |c| encode(c, false, "-_.~!*'();:@&=+$,/?#[]")),
    fixed(Kind::Uri, "UnescapeDataString(text): string", |c| decode(c, false)),
    fixed(Kind::Uri, "HexEscape(char): string", |c| encode(c, false, "")),
];

fn of(encoding: Encoding) -> Value {
    Value::library(Inner::Encoding(encoding))
}

fn named(c: &mut Call<'_, '_>) -> Outcome {
    let name = c.text(0)?.to_ascii_lowercase();
    Ok(of(match name.as_str() {
        "utf-8" | "utf8" | "65001" => Encoding::Utf8,
        "us-ascii" | "ascii" | "20127" => Encoding::Ascii,
        "iso-8859-1" | "latin1" | "windows-1252" | "28591" => Encoding::Latin1,
        "utf-16" | "unicode" | "1200" => Encoding::Utf16,
        _ => return Err(Thrown::argument(format!("'{name}' is not a supported encoding name."))),
    }))
}

fn encoding(c: &Call<'_, '_>) -> Encoding {
    match c.this.inner() {
        Some(Inner::Encoding(encoding)) => *encoding,
        _ => Encoding::Utf8,
    }
}

fn get_bytes(c: &mut Call<'_, '_>) -> Outcome {
    let text = match c.arg(0) {
        Value::List(list) => list.items().iter().map(|item| item.to_text().to_string()).collect::<String>().into(),
        _ => c.text(0)?,
    };
    c.machine.budget.grow(text.len() * 2)?;
    let single = |limit: u32| {
        text.chars()
            .map(|letter| u8::try_from(u32::from(letter)).ok().filter(|byte| u32::from(*byte) < limit).unwrap_or(b'?'))
            .collect::<Vec<_>>()
    };
    Ok(Value::bytes(match encoding(c) {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Ascii => single(128),
        Encoding::Latin1 => single(256),
        Encoding::Utf16 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    }))
}

fn get_string(c: &mut Call<'_, '_>) -> Outcome {
    let bytes = c.bytes(0)?;
    let slice = if c.count() >= 3 {
        let from = usize::try_from(c.int(1)?).unwrap_or(usize::MAX);
        let to = usize::try_from(c.int(2)?).ok().and_then(|count| from.checked_add(count)).unwrap_or(usize::MAX);
        bytes
            .get(from..to)
            .ok_or_else(|| Thrown::range("Index and count must refer to a location within the buffer."))?
    } else {
        &bytes
    };
    let text = match encoding(c) {
        Encoding::Utf8 => String::from_utf8_lossy(slice).into_owned(),
        Encoding::Ascii => slice.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
        Encoding::Latin1 => slice.iter().map(|byte| char::from(*byte)).collect(),
        Encoding::Utf16 => {
            let units: Vec<_> = slice.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            String::from_utf16_lossy(&units)
        }
    };
    c.new_text(text)
}

fn dashed(c: &mut Call<'_, '_>) -> Outcome {
    let text: Vec<_> = c.bytes(0)?.iter().map(|byte| format!("{byte:02X}")).collect();
    c.new_text(text.join("-"))
}

fn window<const N: usize>(c: &mut Call<'_, '_>) -> Result<[u8; N], Thrown> {
    let bytes = c.bytes(0)?;
    let from = usize::try_from(c.int(1)?).unwrap_or(usize::MAX);
    let found = from.checked_add(N).and_then(|to| bytes.get(from..to)).and_then(|slice| slice.try_into().ok());
    found.ok_or_else(|| {
        Thrown::argument("Destination array is not long enough to copy all the items in the collection.")
    })
}

fn number_bytes(c: &mut Call<'_, '_>) -> Outcome {
    Ok(Value::bytes(match c.arg(0) {
        Value::Int(value) => value.to_le_bytes().to_vec(),
        Value::Long(value) => value.to_le_bytes().to_vec(),
        Value::Double(value) => value.to_le_bytes().to_vec(),
        Value::Bool(value) => vec![u8::from(value)],
        other => return Err(Thrown::cast(other.kind().full_name(), "System.Int64")),
    }))
}

/// Percent-encodes all but letters, digits and `keep`; spaces as `+` in forms.
pub(super) fn escape(text: &str, plus: bool, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' if plus => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || keep.as_bytes().contains(&byte) => out.push(char::from(byte)),
            byte => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}

/// The reverse of [`escape`].
pub(super) fn unescape(text: &str, plus: bool) -> String {
    let text = if plus { text.replace('+', " ") } else { text.to_owned() };
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

fn encode(c: &mut Call<'_, '_>, plus: bool, keep: &str) -> Outcome {
    match c.text_or_null(0) {
        None if plus => Ok(Value::Null),
        None => Err(Thrown::argument_null("stringToEscape")),
        Some(text) => c.new_text(escape(&text, plus, keep)),
    }
}

fn decode(c: &mut Call<'_, '_>, plus: bool) -> Outcome {
    match c.text_or_null(0) {
        None if plus => Ok(Value::Null),
        None => Err(Thrown::argument_null("stringToUnescape")),
        Some(text) => c.new_text(unescape(&text, plus)),
    }
}

fn html_encode(c: &mut Call<'_, '_>) -> Outcome {
    let Some(text) = c.text_or_null(0) else { return Ok(Value::Null) };
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '\u{a0}'..='\u{ff}' | '\u{10000}'.. => out.push_str(&format!("&#{};", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    c.new_text(out)
}

fn html_decode(c: &mut Call<'_, '_>) -> Outcome {
    let Some(text) = c.text_or_null(0) else { return Ok(Value::Null) };
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest.find(';').filter(|end| *end <= 10).map(|end| &rest[1..end]);
        if let Some((letter, length)) = name.and_then(|name| entity(name).map(|letter| (letter, name.len() + 2))) {
            out.push(letter);
            rest = &rest[length..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    c.new_text(out)
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            return char::from_u32(code);
        }
    })
}
