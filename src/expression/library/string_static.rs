//! Statics of `string` and `char`.

use super::{Call, Row, fixed, number_format, string::fold};
use crate::expression::{Kind, Thrown, Value, eval::pad};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::String, "Empty: string", |_| Ok(Value::from(""))),
    fixed(Kind::String, "IsNullOrEmpty(text): bool", |c| {
        Ok(Value::Bool(c.text_or_null(0).is_none_or(|text| text.is_empty())))
    }),
    fixed(Kind::String, "IsNullOrWhiteSpace(text): bool", |c| {
        Ok(Value::Bool(c.text_or_null(0).is_none_or(|text| text.trim().is_empty())))
    }),
    fixed(Kind::String, "Join(separator, ...): string", join),
    fixed(Kind::String, "Format(format, ...): string", format),
    fixed(Kind::String, "Concat(...): string", concat),
    fixed(Kind::String, "Compare(left, right, [comparison]): int", compare),
    fixed(Kind::String, "CompareOrdinal(left, right): int", |c| {
        Ok(Value::Int(c.arg(0).to_text().cmp(&c.arg(1).to_text()) as i32))
    }),
    fixed(Kind::String, "Equals(left, right, [comparison]): bool", equals),
    fixed(Kind::Object, "Equals(left, right): bool", equals),
    fixed(Kind::Object, "ReferenceEquals(left, right): bool", equals),
    fixed(Kind::String, "Copy(text): string", |c| Ok(c.arg(0))),
    fixed(Kind::String, "new(value, [count]): string", new),
    fixed(Kind::Char, "IsDigit(char): bool", |c| is(c, char::is_numeric)),
    fixed(Kind::Char, "IsNumber(char): bool", |c| is(c, char::is_numeric)),
    fixed(Kind::Char, "IsLetter(char): bool", |c| is(c, char::is_alphabetic)),
    fixed(Kind::Char, "IsLetterOrDigit(char): bool", |c| is(c, char::is_alphanumeric)),
    fixed(Kind::Char, "IsWhiteSpace(char): bool", |c| is(c, char::is_whitespace)),
    fixed(Kind::Char, "IsUpper(char): bool", |c| is(c, char::is_uppercase)),
    fixed(Kind::Char, "IsLower(char): bool", |c| is(c, char::is_lowercase)),
    fixed(Kind::Char, "ToUpper(char): char", |c| map(c, |letter| letter.to_uppercase().next())),
    fixed(Kind::Char, "ToUpperInvariant(char): char", |c| map(c, |letter| letter.to_uppercase().next())),
    fixed(Kind::Char, "ToLower(char): char", |c| map(c, |letter| letter.to_lowercase().next())),
    fixed(Kind::Char, "ToLowerInvariant(char): char", |c| map(c, |letter| letter.to_lowercase().next())),
    fixed(Kind::Char, "GetNumericValue(char): double", |c| {
        Ok(Value::Double(letter(c)?.to_digit(10).map_or(-1.0, f64::from)))
    }),
    fixed(Kind::StringComparer, "OrdinalIgnoreCase: StringComparer", |_| Ok(comparer(true))),
    fixed(Kind::StringComparer, "InvariantCultureIgnoreCase: StringComparer", |_| Ok(comparer(true))),
    fixed(Kind::StringComparer, "Ordinal: StringComparer", |_| Ok(comparer(false))),
    fixed(Kind::CultureInfo, "InvariantCulture: CultureInfo", |_| {
        Ok(Value::library(crate::expression::value::Inner::Culture))
    }),
    fixed(Kind::CultureInfo, "CurrentCulture: CultureInfo", |_| {
        Ok(Value::library(crate::expression::value::Inner::Culture))
    }),
];

fn comparer(ignore: bool) -> Value {
    Value::library(crate::expression::value::Inner::Comparer(ignore))
}

fn letter(c: &Call<'_, '_>) -> Result<char, Thrown> {
    match c.arg(0) {
        Value::Char(letter) => Ok(letter),
        other => other.to_text().chars().next().ok_or_else(|| Thrown::argument_null("c")),
    }
}

fn is(c: &mut Call<'_, '_>, test: impl Fn(char) -> bool) -> Outcome {
    letter(c).map(|letter| Value::Bool(test(letter)))
}

fn map(c: &mut Call<'_, '_>, map: impl Fn(char) -> Option<char>) -> Outcome {
    letter(c).map(|letter| Value::Char(map(letter).unwrap_or(letter)))
}

/// The arguments from `from` on; one collection stands for its items.
fn rest(c: &mut Call<'_, '_>, from: usize) -> Result<Vec<Value>, Thrown> {
    let one = c.arg(from);
    if c.count() == from + 1
        && !matches!(one, Value::Text(_) | Value::Null | Value::Json(_))
        && one.kind().is_a(Kind::Enumerable)
        || matches!(&one, Value::Json(json) if c.count() == from + 1 && json.kind() == Kind::JArray)
    {
        return c.items(from);
    }
    Ok(c.args.get(from..).unwrap_or_default().to_vec())
}

fn join(c: &mut Call<'_, '_>) -> Outcome {
    let separator = c.arg(0).to_text();
    if let (4, Value::List(list), Value::Int(_), Value::Int(_)) = (c.count(), c.arg(1), c.arg(2), c.arg(3)) {
        // `Join(separator, array, from, count)`.
        let (from, count) = (usize::try_from(c.int(2)?).ok(), usize::try_from(c.int(3)?).ok());
        let items = list.items();
        let window = from.zip(count).and_then(|(from, count)| items.get(from..from.checked_add(count)?));
        let window = window.ok_or_else(|| Thrown::range("Index was out of range."))?;
        c.args = vec![c.arg(0), Value::array(window.to_vec())];
    }
    let parts: Vec<_> = rest(c, 1)?.iter().map(Value::to_text).collect();
    let length = parts.iter().map(|part| part.len() + separator.len()).sum();
    c.machine.budget.grow(length)?;
    Ok(Value::from(parts.join(&*separator)))
}

fn concat(c: &mut Call<'_, '_>) -> Outcome {
    let text: String = rest(c, 0)?.iter().map(|part| part.to_text().to_string()).collect();
    c.new_text(text)
}

fn format(c: &mut Call<'_, '_>) -> Outcome {
    if !matches!(c.arg(0), Value::Text(_)) && c.count() > 1 {
        c.args.remove(0);
    }
    format_args(c).map(Value::from)
}

/// `string.Format` over the call's arguments.
pub(super) fn format_args(c: &mut Call<'_, '_>) -> Result<String, Thrown> {
    let format = c.text(0)?;
    let args = rest(c, 1)?;
    let bad = || Thrown::format("Input string was not in a correct format.");
    let mut out = String::new();
    let mut rest = &*format;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let (item, after) = rest.split_once('}').filter(|_| brace == "{").ok_or_else(bad)?;
        rest = after;
        let (head, pattern) = item.split_once(':').unwrap_or((item, ""));
        let (index, width) = head.split_once(',').unwrap_or((head, "0"));
        let value = index.trim().parse::<usize>().ok().and_then(|index| args.get(index));
        let value = value.ok_or_else(|| {
            Thrown::format(
                "Index (zero based) must be greater than or equal to zero and less than the size of the argument list.",
            )
        })?;
        let part = number_format::format_value(value, pattern)?;
        let length = pad(&mut out, &part, width.trim().parse().map_err(|_| bad())?)?;
        c.machine.budget.grow(length)?;
    }
    out.push_str(rest);
    c.machine.budget.grow(out.len())?;
    Ok(out)
}

fn compare(c: &mut Call<'_, '_>) -> Outcome {
    let (left, right) = (c.arg(0), c.arg(1));
    let order = match c.arg(2) {
        Value::Enum(_, 4) => left.to_text().cmp(&right.to_text()),
        _ if c.ignores_case(2) => fold(&left.to_text()).cmp(&fold(&right.to_text())),
        _ => left.compare(&right).unwrap_or(std::cmp::Ordering::Equal),
    };
    Ok(Value::Int(order as i32))
}

fn equals(c: &mut Call<'_, '_>) -> Outcome {
    let (left, right) = (c.arg(0), c.arg(1));
    if c.ignores_case(2) && !left.is_null() && !right.is_null() {
        return Ok(Value::Bool(fold(&left.to_text()) == fold(&right.to_text())));
    }
    Ok(Value::Bool(left.equals(&right)))
}

fn new(c: &mut Call<'_, '_>) -> Outcome {
    if let (Value::Char(letter), Value::Int(count)) = (c.arg(0), c.arg(1)) {
        let count = usize::try_from(count).map_err(|_| Thrown::range("'count' must be non-negative."))?;
        c.machine.budget.grow(count.saturating_mul(letter.len_utf8()))?;
        return Ok(Value::from(std::iter::repeat_n(letter, count).collect::<String>()));
    }
    let text: String = c.items(0)?.iter().map(|item| item.to_text().to_string()).collect();
    c.new_text(text)
}
