//! How data is printed: one value, four formats. Data goes to standard output, people's text to standard error.

use std::{
    fmt::Display,
    io::{self, Write},
};

use clap::ValueEnum;
use serde_json::Value;

use super::{table, yaml};
use crate::document::csv;

/// How data is printed on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    #[default]
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// Comma-separated values with a header line
    Csv,
}

/// Renders objects: `columns` are the fields that a table shows, CSV has them too.
pub fn render(format: Format, rows: &[Value], columns: &[&str]) -> String {
    match format {
        Format::Table => table::aligned(rows, columns),
        Format::Csv => csv::write(rows, columns),
        Format::Json => json(&Value::Array(rows.to_vec())),
        Format::Yaml => yaml::render(&Value::Array(rows.to_vec())),
    }
}

/// Renders one object: a table shows its fields below each other.
pub fn render_one(format: Format, object: &Value) -> String {
    match format {
        Format::Table => table::fields(object),
        Format::Csv => {
            let columns: Vec<&str> =
                object.as_object().map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default();
            csv::write(std::slice::from_ref(object), &columns)
        }
        Format::Json => json(object),
        Format::Yaml => yaml::render(object),
    }
}

fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Each on a line of its own.
pub fn lines<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        text.push_str(&item.to_string());
        text.push('\n');
    }
    text
}

/// Writes data to standard output; a reader that closed the pipe (`| head`) is no failure.
pub fn data(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says something to people, on standard error.
pub fn say(text: &str) {
    eprintln!("{text}");
}
