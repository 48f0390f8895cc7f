//! Members of `string`, `char` and `object`. Positions count UTF-16 units, as in C#.

use std::sync::Arc;

use super::{Call, Row, member, number_format};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Inner, Object},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    member(Kind::Object, "ToString([format], [provider]): string", to_string),
    member(Kind::Object, "Equals(other, [comparison]): bool", equals),
    member(Kind::Object, "GetHashCode(): int", hash_code),
    member(Kind::Object, "GetType(): Type", get_type),
    member(Kind::Object, "CompareTo(other): int", compare_to),
    member(Kind::Object, "HasValue: bool", |_| Ok(Value::Bool(true))),
    member(Kind::Object, "Dispose(): void", |_| Ok(Value::Null)),
    member(Kind::Object, "Name: string", type_name),
    member(Kind::String, "Length: int", |c| Ok(Value::Int(number(units(&c.this_text()?))))),
    member(Kind::String, "Contains(text, [comparison]): bool", contains),
    member(Kind::String, "StartsWith(text, [comparison], [culture]): bool", starts_with),
    member(Kind::String, "EndsWith(text, [comparison], [culture]): bool", ends_with),
    member(Kind::String, "IndexOf(text, [start], [comparison]): int", index_of),
    member(Kind::String, "LastIndexOf(text, [comparison]): int", last_index_of),
    member(Kind::String, "IndexOfAny(chars): int", index_of_any),
    member(Kind::String, "Substring(start, [length]): string", substring),
    member(Kind::String, "Remove(start, [length]): string", remove),
    member(Kind::String, "Insert(start, text): string", insert),
    member(Kind::String, "Replace(old, new, [comparison]): string", replace),
    member(Kind::String, "Split(...): string[]", split),
    member(Kind::String, "Trim(...): string", |c| trim(c, true, true)),
    member(Kind::String, "TrimStart(...): string", |c| trim(c, true, false)),
    member(Kind::String, "TrimEnd(...): string", |c| trim(c, false, true)),
    member(Kind::String, "ToLower([culture]): string", lower),
    member(Kind::String, "ToLowerInvariant(): string", lower),
    member(Kind::String, "ToUpper([culture]): string", upper),
    member(Kind::String, "ToUpperInvariant(): string", upper),
    member(Kind::String, "PadLeft(width, [char]): string", |c| pad(c, true)),
    member(Kind::String, "PadRight(width, [char]): string", |c| pad(c, false)),
    member(Kind::String, "ToCharArray(): char[]", chars),
    member(Kind::String, "Normalize(): string", |c| Ok(c.this.clone())),
];

/// Lengths fit an `int`: memory is bounded far below.
pub(super) fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Length in UTF-16 units.
pub(super) fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// The byte position of a UTF-16 position; inside a pair it is the pair's start.
pub(super) fn byte_at(text: &str, at: i64) -> Result<usize, Thrown> {
    let out = || Thrown::range("StartIndex cannot be less than zero or larger than the length of string.");
    let at = usize::try_from(at).map_err(|_| out())?;
    if text.is_ascii() {
        return if at <= text.len() { Ok(at) } else { Err(out()) };
    }
    let mut seen = 0;
    for (byte, letter) in text.char_indices() {
        if seen + letter.len_utf16() > at {
            return Ok(byte);
        }
        seen += letter.len_utf16();
    }
    if seen == at { Ok(text.len()) } else { Err(out()) }
}

fn unit_at(text: &str, byte: usize) -> i32 {
    number(units(&text[..byte]))
}

fn to_string(c: &mut Call<'_, '_>) -> Outcome {
    if let Value::Json(json) = &c.this {
        let indented = !matches!(c.arg(0), Value::Enum(Kind::Formatting, 0));
        if c.this.kind() != Kind::JValue || c.count() > 0 && matches!(c.arg(0), Value::Enum(..)) {
            let text = c.this.json_text(indented)?;
            return c.new_text(text);
        }
        let scalar = json.scalar();
        let text = number_format::format_value(&scalar, &c.text_or_null(0).unwrap_or_default())?;
        return c.new_text(text);
    }
    if let (Value::Xml(xml), Value::Enum(_, options)) = (&c.this, c.arg(0)) {
        let text = xml.to_text(options & 1 == 0);
        return c.new_text(text);
    }
    let format = match c.arg(0) {
        Value::Text(format) => format,
        _ => "".into(),
    };
    if format.is_empty() {
        let text = c.this.to_text();
        return c.new_text(text);
    }
    let text = number_format::format_value(&c.this, &format)?;
    c.new_text(text)
}

fn equals(c: &mut Call<'_, '_>) -> Outcome {
    let other = c.arg(0);
    if c.count() > 1 && c.ignores_case(1) {
        return Ok(Value::Bool(!other.is_null() && fold(&c.this.to_text()) == fold(&other.to_text())));
    }
    Ok(Value::Bool(c.this.equals(&other)))
}

/// For comparing without regard to case.
pub(super) fn fold(text: &str) -> String {
    text.to_uppercase()
}

fn hash_code(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.this.to_text();
    let hash = text.bytes().fold(5381_i32, |hash, byte| hash.wrapping_mul(33) ^ i32::from(byte));
    Ok(match &c.this {
        Value::Int(value) => Value::Int(*value),
        _ => Value::Int(hash),
    })
}

fn get_type(c: &mut Call<'_, '_>) -> Outcome {
    let full = match c.this.inner() {
        Some(Inner::Exception(thrown)) => format!("System.{}", thrown.class),
        _ => c.this.kind().full_name().to_owned(),
    };
    let short = full.rsplit('.').next().unwrap_or_default().into();
    let fields = vec![("Name".into(), Value::Text(short)), ("FullName".into(), Value::from(full))];
    Ok(Value::object(Object::Record(fields)))
}

fn type_name(c: &mut Call<'_, '_>) -> Outcome {
    match c.this.as_str() {
        Some(text) => Ok(Value::from(text.rsplit('.').next().unwrap_or(text))),
        None => Err(Thrown::operation(format!("{} has no Name", c.this.kind().name()))),
    }
}

fn compare_to(c: &mut Call<'_, '_>) -> Outcome {
    let order = c.this.compare(&c.arg(0)).ok_or_else(|| Thrown::argument("Objects cannot be compared."))?;
    Ok(Value::Int(order as i32))
}

fn both(c: &Call<'_, '_>) -> Result<(String, String), Thrown> {
    let (this, other) = (c.this_text()?, c.text(0)?);
    let ignore = (1..c.count()).any(|at| c.ignores_case(at));
    Ok(if ignore { (fold(&this), fold(&other)) } else { (this.to_string(), other.to_string()) })
}

fn contains(c: &mut Call<'_, '_>) -> Outcome {
    let (this, other) = both(c)?;
    Ok(Value::Bool(this.contains(&other)))
}

fn starts_with(c: &mut Call<'_, '_>) -> Outcome {
    let (this, other) = both(c)?;
    Ok(Value::Bool(this.starts_with(&other)))
}

fn ends_with(c: &mut Call<'_, '_>) -> Outcome {
    let (this, other) = both(c)?;
    Ok(Value::Bool(this.ends_with(&other)))
}

fn index_of(c: &mut Call<'_, '_>) -> Outcome {
    let (this, other) = both(c)?;
    let start = if matches!(c.arg(1), Value::Int(_)) { c.int(1)? } else { 0 };
    let from = byte_at(&this, start)?;
    Ok(Value::Int(this[from..].find(&other).map_or(-1, |at| unit_at(&this, from + at))))
}

fn last_index_of(c: &mut Call<'_, '_>) -> Outcome {
    let (this, other) = both(c)?;
    Ok(Value::Int(this.rfind(&other).map_or(-1, |at| unit_at(&this, at))))
}

fn index_of_any(c: &mut Call<'_, '_>) -> Outcome {
    let this = c.this_text()?;
    let chars = set(c);
    Ok(Value::Int(this.find(|letter| chars.contains(&letter)).map_or(-1, |at| unit_at(&this, at))))
}

fn bounds(c: &Call<'_, '_>, text: &str) -> Result<(usize, usize), Thrown> {
    let start = c.int(0)?;
    let from = byte_at(text, start)?;
    if c.count() < 2 {
        return Ok((from, text.len()));
    }
    let length = c.int(1)?;
    if length < 0 {
        return Err(Thrown::range("Length cannot be less than zero."));
    }
    let to = byte_at(text, start.saturating_add(length))
        .map_err(|_| Thrown::range("Index and length must refer to a location within the string."))?;
    Ok((from, to.max(from)))
}

fn substring(c: &mut Call<'_, '_>) -> Outcome {
    let this = c.this_text()?;
    let (from, to) = bounds(c, &this)?;
    c.new_text(&this[from..to])
}

fn remove(c: &mut Call<'_, '_>) -> Outcome {
    let this = c.this_text()?;
    let (from, to) = bounds(c, &this)?;
    c.new_text(format!("{}{}", &this[..from], &this[to..]))
}

fn insert(c: &mut Call<'_, '_>) -> Outcome {
    let this = c.this_text()?;
    let at = byte_at(&this, c.int(0)?)?;
    let text = c.text(1)?;
    c.new_text(format!("{}{text}{}", &this[..at], &this[at..]))
}

fn replace(c: &mut Call<'_, '_>) -> Outcome {
    let this = c.this_text()?;
    let old = c.text(0)?;
    let new = c.text_or_null(1).unwrap_or_default();
    if old.is_empty() {
        return Err(Thrown::argument("String cannot be of zero length. Parameter name: oldValue"));
    }
    c.machine.budget.grow(grown(&this, &old, &new))?;
    if c.ignores_case(2) {
        let pattern = fancy_regex::Regex::new(&format!("(?i){}", fancy_regex::escape(&old)));
        let pattern = pattern.map_err(|error| Thrown::argument(error.to_string()))?;
        return Ok(Value::from(pattern.replace_all(&this, fancy_regex::NoExpand(&new)).into_owned()));
    }
    Ok(Value::from(this.replace(&*old, &new)))
}

/// The most that a replacement can need.
pub(super) fn grown(this: &str, old: &str, new: &str) -> usize {
    let more = new.len().saturating_sub(old.len());
    let count = if more == 0 { 0 } else { this.matches(old).count() };
    this.len().saturating_add(count.saturating_mul(more))
}

/// The characters of an argument list: characters, or arrays of them.
fn set(c: &mut Call<'_, '_>) -> Vec<char> {
    let mut chars = Vec::new();
    for arg in c.args.clone() {
        match &arg {
            Value::Char(letter) => chars.push(*letter),
            Value::List(list) => chars.extend(list.items().iter().filter_map(|item| match item {
                Value::Char(letter) => Some(*letter),
                _ => None,
            })),
            Value::Text(text) => chars.extend(text.chars()),
            _ => {}
        }
    }
    chars
}

fn split(c: &mut Call<'_, '_>) -> Outcome {
    let this = c.this_text()?;
    let (mut separators, mut limit, mut options) = (Vec::<Arc<str>>::new(), usize::MAX, 0);
    for arg in &c.args {
        match arg {
            Value::Int(count) => limit = usize::try_from(*count).unwrap_or(0),
            Value::Enum(_, flags) => options = *flags,
            Value::List(list) => separators.extend(list.items().iter().map(Value::to_text)),
            Value::Null => {}
            other => separators.push(other.to_text()),
        }
    }
    separators.retain(|separator| !separator.is_empty());
    let parts = pieces(&this, &separators, limit, options);
    c.machine.budget.grow(this.len() + parts.len() * 40)?;
    Ok(Value::array(parts.into_iter().map(Value::from).collect()))
}

fn pieces<'a>(text: &'a str, separators: &[Arc<str>], limit: usize, options: i32) -> Vec<&'a str> {
    let (remove_empty, trim) = (options & 1 == 1, options & 2 == 2);
    let tidy = |part: &'a str| if trim { part.trim() } else { part };
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < limit {
        let Some((at, length)) = next_separator(rest, separators) else { break };
        let part = tidy(&rest[..at]);
        rest = &rest[at + length..];
        if !(remove_empty && part.is_empty()) {
            parts.push(part);
        }
    }
    let last = tidy(rest);
    if limit > 0 && !(remove_empty && last.is_empty()) {
        parts.push(last);
    }
    parts
}

fn next_separator(text: &str, separators: &[Arc<str>]) -> Option<(usize, usize)> {
    if separators.is_empty() {
        let (at, letter) = text.char_indices().find(|(_, letter)| letter.is_whitespace())?;
        return Some((at, letter.len_utf8()));
    }
    if let [one] = separators {
        return text.find(&**one).map(|at| (at, one.len()));
    }
    let here = |at: usize| separators.iter().find(|separator| text[at..].starts_with(&***separator));
    text.char_indices().find_map(|(at, _)| here(at).map(|separator| (at, separator.len())))
}

fn trim(c: &mut Call<'_, '_>, start: bool, end: bool) -> Outcome {
    let this = c.this_text()?;
    let chars = set(c);
    let drop = |letter: char| if chars.is_empty() { letter.is_whitespace() } else { chars.contains(&letter) };
    let mut text = &*this;
    if start {
        text = text.trim_start_matches(drop);
    }
    if end {
        text = text.trim_end_matches(drop);
    }
    c.new_text(text)
}

fn lower(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.this_text()?.to_lowercase();
    c.new_text(text)
}

fn upper(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.this_text()?.to_uppercase();
    c.new_text(text)
}

fn pad(c: &mut Call<'_, '_>, left: bool) -> Outcome {
    let this = c.this_text()?;
    let width = usize::try_from(c.int(0)?).unwrap_or(0);
    let fill = if let Value::Char(letter) = c.arg(1) { letter } else { ' ' };
    let missing = width.saturating_sub(units(&this));
    c.machine.budget.grow(missing.saturating_mul(4).saturating_add(this.len()))?;
    let blanks: String = std::iter::repeat_n(fill, missing).collect();
    Ok(Value::from(if left { format!("{blanks}{this}") } else { format!("{this}{blanks}") }))
}

fn chars(c: &mut Call<'_, '_>) -> Outcome {
    c.this_items().map(Value::array)
}
