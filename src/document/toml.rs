//! TOML, with places. Its own parser refuses keys that are set twice.

use std::ops::Range;

use serde_json::Number as Json;
use toml_edit::{Document, Item, Key, TableLike, Value as Toml};

use super::{Broken, Entry, MAX_DEPTH, Mark, Node, Number, Value, place::Lines};

/// Reads a TOML document.
pub(super) fn read(text: &str) -> Result<Node, Vec<Broken>> {
    let lines = Lines::of(text);
    let document = Document::parse(text).map_err(|error| {
        let at = error.span().map_or(Mark::START, |span| lines.mark(span.start));
        vec![Broken::new(at, error.message())]
    })?;
    let walk = Walk { lines };
    let node = Node::new(Mark::START, walk.table(document.as_table(), Mark::START, 1).map_err(|broken| vec![broken])?);
    Ok(node)
}

struct Walk<'a> {
    lines: Lines<'a>,
}

impl Walk<'_> {
    fn table(&self, table: &dyn TableLike, at: Mark, depth: usize) -> Result<Value, Broken> {
        let entries = table.iter().map(|(name, item)| {
            let key_at = self.place(table.key(name).and_then(Key::span), at);
            Ok(Entry { key: name.to_owned(), key_at, value: self.item(item, key_at, depth)? })
        });
        entries.collect::<Result<_, _>>().map(Value::Mapping)
    }

    fn item(&self, item: &Item, parent: Mark, depth: usize) -> Result<Node, Broken> {
        let at = self.place(item.span(), parent);
        if depth >= MAX_DEPTH {
            return Err(Broken::new(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let value = match item {
            Item::None => Value::Null,
            Item::Value(value) => self.value(value, at, depth)?,
            Item::Table(table) => self.table(table, at, depth + 1)?,
            Item::ArrayOfTables(tables) => {
                let items = tables.iter().map(|table| {
                    let at = self.place(table.span(), at);
                    Ok(Node::new(at, self.table(table, at, depth + 1)?))
                });
                Value::Sequence(items.collect::<Result<_, _>>()?)
            }
        };
        Ok(Node::new(at, value))
    }

    fn value(&self, value: &Toml, at: Mark, depth: usize) -> Result<Value, Broken> {
        if depth >= MAX_DEPTH {
            return Err(Broken::new(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(match value {
            Toml::String(text) => Value::Text { text: text.value().clone(), plain: false },
            Toml::Integer(number) => self.number(Json::from(*number.value()), value),
            Toml::Float(number) => match Json::from_f64(*number.value()) {
                Some(json) => self.number(json, value),
                None => Value::Text { text: self.spelling(value), plain: false },
            },
            Toml::Boolean(on) => Value::Bool(*on.value()),
            Toml::Datetime(time) => Value::Text { text: time.value().to_string(), plain: false },
            Toml::Array(items) => {
                let items = items.iter().map(|item| {
                    let at = self.place(item.span(), at);
                    Ok(Node::new(at, self.value(item, at, depth + 1)?))
                });
                Value::Sequence(items.collect::<Result<_, _>>()?)
            }
            Toml::InlineTable(table) => self.table(table, at, depth + 1)?,
        })
    }

    fn number(&self, json: Json, value: &Toml) -> Value {
        Value::Number(Number { value: json, text: self.spelling(value) })
    }

    fn spelling(&self, value: &Toml) -> String {
        value.span().map_or_else(String::new, |span| self.lines.text[span].to_owned())
    }

    fn place(&self, span: Option<Range<usize>>, otherwise: Mark) -> Mark {
        span.map_or(otherwise, |span| self.lines.mark(span.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_lists_and_dates_become_the_same_tree_as_in_yaml() {
        let text = "version = 1\n[server]\ngateway = { listen = \"127.0.0.1:1\" }\n[[backends]]\nid = \"a\"\n\
                    [[backends]]\nid = \"b\"\nhealth.path = \"/x\"\n[x]\nday = 2026-01-02T03:04:05Z\n";
        let node = read(text).expect("valid");
        assert_eq!(
            node.to_json(),
            serde_json::json!({
                "version": 1,
                "server": {"gateway": {"listen": "127.0.0.1:1"}},
                "backends": [{"id": "a"}, {"id": "b", "health": {"path": "/x"}}],
                "x": {"day": "2026-01-02T03:04:05Z"},
            })
        );
        let health = node.get("backends").map(|list| match &list.value {
            Value::Sequence(items) => items[1].get("health").expect("health").get("path").expect("path").at,
            _ => Mark::default(),
        });
        assert_eq!(health, Some(Mark { line: 8, column: 15 }));
    }

    #[test]
    fn broken_documents_are_located() {
        assert_eq!(read("a = 1\nb = [1,\n").expect_err("open")[0].at.line, 2);
        assert_eq!(read("a = 1\na = 2\n").expect_err("twice")[0].to_string(), "2:1: duplicate key");
    }
}
