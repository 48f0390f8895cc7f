//! `StringBuilder`.

use super::{
    Call, Row, fixed, member,
    string::{byte_at, grown, number, units},
};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Object, guard},
};

type Outcome = Result<Value, Thrown>;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::StringBuilder, "new([text]): StringBuilder", builder),
    member(Kind::StringBuilder, "Append(value, [count]): StringBuilder", append),
    member(Kind::StringBuilder, "AppendLine([value]): StringBuilder", append_line),
    member(Kind::StringBuilder, "AppendFormat(format, ...): StringBuilder", append_format),
    member(Kind::StringBuilder, "Insert(index, value): StringBuilder", builder_insert),
    member(Kind::StringBuilder, "Replace(old, new): StringBuilder", builder_replace),
    member(Kind::StringBuilder, "Clear(): StringBuilder", builder_clear),
    member(Kind::StringBuilder, "AppendJoin(separator, ...): StringBuilder", append_join),
    member(Kind::StringBuilder, "Remove(start, length): StringBuilder", builder_remove),
    member(Kind::StringBuilder, "EnsureCapacity(capacity): int", |c| c.int(0).map(Value::Long)),
    member(Kind::StringBuilder, "Length: int", |c| Ok(Value::Int(number(units(&c.this.to_text()))))),
];

fn builder(c: &mut Call<'_, '_>) -> Outcome {
    let text = if matches!(c.arg(0), Value::Int(_)) { String::new() } else { c.arg(0).to_text().to_string() };
    Ok(Value::object(Object::Builder(text.into())))
}

fn change(c: &mut Call<'_, '_>, change: impl FnOnce(&mut String)) -> Outcome {
    if let Value::Object(object) = &c.this
        && let Object::Builder(text) = &**object
    {
        change(&mut guard(text));
    }
    Ok(c.this.clone())
}

fn append(c: &mut Call<'_, '_>) -> Outcome {
    let count = if c.count() > 1 { usize::try_from(c.int(1)?).unwrap_or(0) } else { 1 };
    let text = c.arg(0).to_text();
    c.machine.budget.grow(text.len().saturating_mul(count))?;
    change(c, |builder| (0..count).for_each(|_| builder.push_str(&text)))
}

fn append_line(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.arg(0).to_text();
    c.machine.budget.grow(text.len() + 2)?;
    change(c, |builder| {
        builder.push_str(&text);
        builder.push_str("\r\n");
    })
}

fn append_format(c: &mut Call<'_, '_>) -> Outcome {
    let text = super::string_static::format_args(c)?;
    change(c, |builder| builder.push_str(&text))
}

fn builder_insert(c: &mut Call<'_, '_>) -> Outcome {
    let old = c.this.to_text();
    let at = byte_at(&old, c.int(0)?)?;
    let text = c.arg(1).to_text();
    c.machine.budget.grow(old.len() + text.len())?;
    change(c, |builder| builder.insert_str(at, &text))
}

fn builder_replace(c: &mut Call<'_, '_>) -> Outcome {
    let (this, old, new) = (c.this.to_text(), c.text(0)?, c.text_or_null(1).unwrap_or_default());
    c.machine.budget.grow(grown(&this, &old, &new))?;
    change(c, |builder| *builder = builder.replace(&*old, &new))
}

fn append_join(c: &mut Call<'_, '_>) -> Outcome {
    let separator = c.arg(0).to_text();
    let items = match c.arg(1) {
        value @ (Value::List(_) | Value::Json(_) | Value::Dict(_)) if c.count() == 2 => c.machine.items(&value)?,
        _ => c.args.iter().skip(1).cloned().collect(),
    };
    let texts: Vec<_> = items.iter().map(Value::to_text).collect();
    let joined = texts.join(&*separator);
    c.machine.budget.grow(joined.len())?;
    change(c, |builder| builder.push_str(&joined))
}

fn builder_remove(c: &mut Call<'_, '_>) -> Outcome {
    let old = c.this.to_text();
    let (from, count) = (c.int(0)?, c.int(1)?);
    let (from, to) = (byte_at(&old, from)?, byte_at(&old, from.saturating_add(count))?);
    if from > to {
        return Err(Thrown::range("Length cannot be less than zero."));
    }
    c.machine.budget.step(old.len() / 8 + 1)?;
    change(c, |builder| builder.replace_range(from..to, ""))
}

/// `Length` of a builder.
pub(in crate::expression) fn length_of(value: &Value) -> Option<Value> {
    (value.kind() == Kind::StringBuilder).then(|| Value::Int(number(units(&value.to_text()))))
}

/// Cuts a builder's text, or fills it up with NUL, as .NET does.
pub(in crate::expression) fn set_length(object: &Object, length: i64) -> Result<(), Thrown> {
    let Object::Builder(text) = object else { return Ok(()) };
    let mut text = guard(text);
    let missing = length - i64::from(number(units(&text)));
    if length < 0 || missing > 1 << 20 {
        return Err(Thrown::range("Length must be greater than or equal to zero."));
    }
    if missing >= 0 {
        text.extend(std::iter::repeat_n('\0', usize::try_from(missing).unwrap_or(0)));
        return Ok(());
    }
    let to = byte_at(&text, length)?;
    text.truncate(to);
    Ok(())
}

fn builder_clear(c: &mut Call<'_, '_>) -> Outcome {
    change(c, String::clear)
}
