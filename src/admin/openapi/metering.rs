//! Schemas of what the ledger answers, made from the lists of columns.

use serde_json::{Map, Value, json};

use crate::usage::report::{About, audit_columns, focus, quota_columns, row};

/// The schemas by name.
pub(super) fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let lines = About { by: None, bucket: None, zone: jiff::tz::TimeZone::UTC };
    json!({
        "UsageRow": object("A usage row.", row::COLUMNS),
        "ReportLine": object("Sums of usage; beside them what the line is about.", &lines.columns()),
        "FocusLine": object("FOCUS 1.2.", focus::COLUMNS),
        "Counter": object("A counter. Money is in 10⁻⁹ of the currency's unit.", quota_columns().0),
        "AuditLine": object("A line of the audit log.", audit_columns()),
        "Reason": { "type": "object", "properties": { "reason": text } },
        "Raise": {
            "type": "object",
            "description": "Either `amount` (by how much) or `limit` (to how much), as a number or as `5M`, `200 USD`.",
            "properties": {
                "amount": { "type": ["integer", "string"] }, "limit": { "type": ["integer", "string"] },
                "until": text, "reason": text,
            },
            "required": ["until", "reason"],
        },
    })
}

/// An object with these fields.
fn object(description: &str, columns: &[&str]) -> Value {
    let properties: Map<String, Value> = columns.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    json!({ "type": "object", "description": description, "properties": properties })
}
