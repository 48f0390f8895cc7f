//! Writing JSON as Newtonsoft does: two spaces of indentation, dates in ISO 8601, `1.0` for a whole double.

#![expect(clippy::format_push_string, reason = "`write!` into a `String` has an error that cannot happen")]

use super::{Decimal, Dict, Json, Object, Thrown, Value, Xml, json::MAX_DEPTH, text, xml_json};

/// What text may grow to; beyond it an expression would only be running out of memory later.
const MAX_TEXT: usize = 32 << 20;

/// JSON text of any value, as `JsonConvert.SerializeObject`.
///
/// # Errors
/// Nesting beyond 128 levels, or 32 MiB of text.
pub(crate) fn write(value: &Value, indented: bool) -> Result<String, Thrown> {
    let mut writer = Writer { out: String::new(), indented };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    indented: bool,
}

impl Writer {
    fn line(&mut self, depth: usize) {
        if self.indented {
            self.out.push_str("\r\n");
            (0..depth).for_each(|_| self.out.push_str("  "));
        }
    }

    fn check(&self, depth: usize) -> Result<(), Thrown> {
        if depth > MAX_DEPTH || self.out.len() > MAX_TEXT {
            return Err(Thrown::limit("the JSON nests too deeply or is too long to be written"));
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Thrown> {
        self.check(depth)?;
        match value {
            Value::Json(json) => self.json(json, depth)?,
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(_) | Value::Long(_) | Value::Enum(..) => self.out.push_str(&number_of(value)),
            Value::Double(value) => self.double(*value),
            Value::Decimal(value) => self.decimal(**value),
            Value::List(list) => self.array(list.items().into_iter(), depth)?,
            Value::Dict(dict) => self.dict(dict, depth)?,
            Value::Bytes(bytes) => self.string(&text::base64(bytes)),
            Value::DateTime(time) => self.string(&time.to_iso()),
            Value::DateTimeOffset(time) => self.string(&time.to_iso()),
            Value::Object(object) => self.record(object, value, depth)?,
            Value::Xml(Xml::Element(root) | Xml::Document(root)) => self.json(&xml_json::of(root), depth)?,
            other => {
                let text = other.to_text();
                self.string(&text);
            }
        }
        Ok(())
    }

    fn record(&mut self, object: &Object, value: &Value, depth: usize) -> Result<(), Thrown> {
        match object {
            Object::Record(fields) => {
                let rows = fields.iter().map(|(name, value)| (name.to_string(), value.clone()));
                self.members(rows, depth)
            }
            Object::Pair(key, value) => {
                let rows = [("Key".to_owned(), key.clone()), ("Value".to_owned(), value.clone())];
                self.members(rows.into_iter(), depth)
            }
            Object::Grouping(_, items) => self.value(items, depth),
            _ => {
                let text = value.to_text();
                self.string(&text);
                Ok(())
            }
        }
    }

    fn dict(&mut self, dict: &Dict, depth: usize) -> Result<(), Thrown> {
        self.members(dict.rows().into_iter().map(|(key, value)| (key.to_text().to_string(), value)), depth)
    }

    fn members(&mut self, rows: impl Iterator<Item = (String, Value)>, depth: usize) -> Result<(), Thrown> {
        self.out.push('{');
        let mut any = false;
        for (name, value) in rows {
            if any {
                self.out.push(',');
            }
            any = true;
            self.line(depth + 1);
            self.string(&name);
            self.out.push_str(if self.indented { ": " } else { ":" });
            self.value(&value, depth + 1)?;
        }
        if any {
            self.line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    fn array(&mut self, items: impl Iterator<Item = Value>, depth: usize) -> Result<(), Thrown> {
        self.out.push('[');
        let mut any = false;
        for item in items {
            if any {
                self.out.push(',');
            }
            any = true;
            self.line(depth + 1);
            self.value(&item, depth + 1)?;
        }
        if any {
            self.line(depth);
        }
        self.out.push(']');
        Ok(())
    }

    fn json(&mut self, json: &Json, depth: usize) -> Result<(), Thrown> {
        match json {
            Json::Object(object) => {
                let rows = object.rows().into_iter().map(|(name, value)| (name.to_string(), Value::Json(value)));
                self.members(rows, depth)
            }
            Json::Array(array) => self.array(array.items().into_iter().map(Value::Json), depth),
            Json::Property(property) => {
                self.string(&property.0);
                self.out.push_str(": ");
                self.json(&property.1, depth + 1)
            }
            other => self.value(&other.scalar(), depth),
        }
    }

    fn double(&mut self, value: f64) {
        let text = text::double(value);
        let whole = !text.contains(['.', 'E', 'N', 'I', '∞']);
        if value.is_finite() {
            self.out.push_str(&text);
            self.out.push_str(if whole { ".0" } else { "" });
        } else {
            self.string(&text);
        }
    }

    fn decimal(&mut self, value: Decimal) {
        let text = value.to_string();
        self.out.push_str(&text);
        // A whole number beyond `long` was read as one.
        let is_big = value.trunc().is_none();
        self.out.push_str(if text.contains('.') || is_big { "" } else { ".0" });
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn number_of(value: &Value) -> String {
    match value {
        Value::Enum(_, number) => number.to_string(),
        other => other.as_long().unwrap_or_default().to_string(),
    }
}

impl Value {
    /// Its JSON text, in one line.
    ///
    /// # Errors
    /// Nesting beyond 128 levels, or 32 MiB of text.
    pub fn to_json(&self) -> Result<String, Thrown> {
        write(self, false)
    }

    /// Its JSON text, indented or in one line.
    pub(crate) fn json_text(&self, indented: bool) -> Result<String, Thrown> {
        write(self, indented)
    }
}
