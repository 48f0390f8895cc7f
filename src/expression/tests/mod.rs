//! Tables of expressions with what C# and .NET make of them (invariant culture, UTC).
//!
//! Deliberately not here: how the policy engine shows an exchange (`policies/host.rs` has tests of its own).

mod bounds;
mod context;
mod corpus;
mod crypto;
mod errors;
mod json;
mod json_path;
mod linq;
mod literals;
mod manual;
mod operators;
mod properties;
mod queries;
mod regex;
mod statements;
mod text;
mod time;
mod trees;
mod tuples;
mod types;
mod xml;

use super::{Bounds, Expression, Fixture, Source, Thrown, Trouble, Value, compile, value::Object};
use crate::model::{Clock, Entropy, Timestamp};

/// 2023-11-14T22:13:20Z.
const NOW: u64 = 1_700_000_000;

/// An exchange that every table can look at.
fn fixture(document: serde_json::Value) -> Fixture {
    Fixture::new(document, Clock::manual(Timestamp::from_secs(NOW)), Entropy::seeded(1))
}

/// `{ … }` around the text makes it a block.
fn source(text: &str) -> Source<'_> {
    match text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(block) => Source::block(block),
        None => Source::inline(text),
    }
}

fn compiled(text: &str) -> Expression {
    compile(source(text)).unwrap_or_else(|troubles| panic!("{text}\n{troubles:#?}"))
}

fn refused(text: &str) -> Vec<Trouble> {
    compile(source(text)).err().unwrap_or_default()
}

fn evaluate(text: &str, document: serde_json::Value) -> Result<Value, Thrown> {
    compiled(text).evaluate(&mut fixture(document), &Bounds::DEFAULT)
}

/// `'text'`, `5`, `5L`, `5d`, `5m`, `true`, `c'x'`, `[items]`, `{key: value}`, `json:…`, `!Exception`, `?trouble`.
fn shown(text: &str, document: serde_json::Value) -> String {
    let expression = match compile(source(text)) {
        Ok(expression) => expression,
        Err(troubles) => return format!("?{}", troubles[0].message),
    };
    match expression.evaluate(&mut fixture(document), &Bounds::DEFAULT) {
        Ok(value) => show(&value),
        Err(thrown) => format!("!{}", thrown.class),
    }
}

fn show(value: &Value) -> String {
    let text = value.to_text();
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(_) => format!("'{text}'"),
        Value::Bool(value) => value.to_string(),
        Value::Char(_) => format!("c'{text}'"),
        Value::Long(_) => format!("{text}L"),
        Value::Double(_) => format!("{text}d"),
        Value::Decimal(_) => format!("{text}m"),
        Value::Json(_) => format!("json:{}", value.to_json().expect("not too deep")),
        Value::Bytes(bytes) => format!("bytes:{bytes:?}"),
        Value::List(list) => format!("[{}]", list.items().iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Dict(dict) => {
            let rows: Vec<_> =
                dict.rows().iter().map(|(key, value)| format!("{}: {}", key.to_text(), show(value))).collect();
            format!("{{{}}}", rows.join(", "))
        }
        Value::Object(object) => match &**object {
            Object::Grouping(_, items) => show(items),
            _ => text.to_string(),
        },
        _ => text.to_string(),
    }
}

/// Evaluates each row over an empty exchange and lists all that come out differently.
#[track_caller]
fn check(rows: &[(&str, &str)]) {
    check_with(&serde_json::json!({}), rows);
}

#[track_caller]
fn check_with(document: &serde_json::Value, rows: &[(&str, &str)]) {
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let found = shown(text, document.clone());
            (found != *expected).then(|| format!("{text}\n    expected {expected}\n    found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
