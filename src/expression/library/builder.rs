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

fn builder_clear(c: &mut Call<'_, '_>) -> Outcome {
    change(c, String::clear)
}
