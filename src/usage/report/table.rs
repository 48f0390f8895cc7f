//! An answer: lines of one shape, what they have in common, and where the next page begins.

use serde_json::{Map, Value, json};

use crate::document::csv;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What holds for all lines, such as the period that was really counted.
    pub head: Map<String, Value>,
    /// The lines' fields, in the order of CSV.
    pub columns: Vec<&'static str>,
    /// The fields that a table for people shows.
    pub shown: Vec<&'static str>,
    /// The lines.
    pub items: Vec<Value>,
    /// What `after` is for the next page.
    pub next: Option<String>,
}

impl Table {
    /// As the admin API answers.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut body = self.head.clone();
        body.insert("items".into(), json!(self.items));
        body.insert("next".into(), json!(self.next));
        Value::Object(body)
    }

    /// The lines as CSV.
    #[must_use]
    pub fn csv(&self) -> String {
        csv::write(&self.items, &self.columns)
    }
}
