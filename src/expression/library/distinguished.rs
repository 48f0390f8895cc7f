//! Distinguished names as .NET writes them: `CN=app, O="Contoso, Inc.", S=Illinois, C=US`, the last part first.
//!
//! Deliberately not here: comparing names as policies write them (`policies/distinguished_name.rs`).

use x509_parser::x509::X509Name;

use super::{Call, Row, member};
use crate::expression::{Kind, Thrown, Value, value::Inner};

const N: Kind = Kind::DistinguishedName;

pub(super) const ROWS: &[Row] = &[
    member(N, "Name: string", shown),
    member(N, "Format(multi_line): string", |c| {
        let text = shown(c)?.to_text();
        let lines = c.arg(0).as_bool() == Some(true);
        c.new_text(if lines { text.replace(", ", "\r\n") } else { text.to_string() })
    }),
];

/// Types by number, as .NET names them.
const TYPES: [(&str, &str); 13] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "S"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "T"),
    ("2.5.4.42", "G"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "E"),
];

fn shown(c: &mut Call<'_, '_>) -> Result<Value, Thrown> {
    match c.this.inner() {
        Some(Inner::DistinguishedName(text)) => Ok(Value::Text(text.clone())),
        _ => Err(Thrown::null("the name")),
    }
}

/// The name as a value.
pub(super) fn name(name: &X509Name<'_>) -> Value {
    Value::library(Inner::DistinguishedName(text(name).into()))
}

/// The text of a name.
pub(super) fn text(name: &X509Name<'_>) -> String {
    let parts = name.iter_rdn().map(|part| {
        let attributes = part.iter().map(|attribute| {
            let number = attribute.attr_type().to_id_string();
            let kind = TYPES.iter().find(|row| row.0 == number).map_or(format!("OID.{number}"), |row| row.1.to_owned());
            let value =
                attribute.as_str().map_or_else(|_| format!("#{}", crate::model::hex(attribute.as_slice())), quoted);
            format!("{kind}={value}")
        });
        attributes.collect::<Vec<_>>().join(" + ")
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts.join(", ")
}

/// A value with the quotes that it needs.
fn quoted(value: &str) -> String {
    let needs =
        value.is_empty() || value.contains([',', '+', '=', '"', '\n', '<', '>', '#', ';']) || value.trim() != value;
    if needs { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
}
