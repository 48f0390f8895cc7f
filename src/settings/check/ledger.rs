//! Rules of the ledger and of alerts: retention that keeps what reports need, a receiver that can be reached and
//! trusted.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Report, text};
use crate::{
    model::{HumanDuration, Secret},
    settings::{Ledger, Server},
};

/// Shortest retention: less would forget rows that an open month's statement is made of within hours.
const SHORTEST: Duration = Duration::from_secs(86_400);
/// Longest list of labels: each is kept with every row.
const MOST_LABELS: usize = 16;
/// Headers that carry credentials.
const SECRET_HEADERS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
];

/// Checks the settings of ledger and alerts.
pub fn check(server: &Server, report: &mut Report<'_>) {
    retention(&server.ledger, report);
    labels(&server.ledger, report);
    if let Some(webhook) = &server.alerts.webhook {
        if let Err(message) = receiver(&webhook.url) {
            report.error("server.alerts.webhook.url", message);
        }
        if let Err(message) = signing_key(&webhook.secret) {
            report.error("server.alerts.webhook.secret", message);
        }
    }
}

fn retention(ledger: &Ledger, report: &mut Report<'_>) {
    let times = [("keep_rows", ledger.keep_rows), ("keep_rollups", ledger.keep_rollups)];
    for (name, HumanDuration(time)) in times {
        if time < SHORTEST {
            report.error(&format!("server.ledger.{name}"), "shorter than a day; at least 1d is kept");
        }
    }
    if ledger.keep_rollups < ledger.keep_rows {
        let message = "shorter than `keep_rows`: reports would end before the rows that they are made of";
        report.error("server.ledger.keep_rollups", message);
    }
}

fn labels(ledger: &Ledger, report: &mut Report<'_>) {
    for (at, name) in ledger.metadata_headers.iter().enumerate() {
        let path = format!("server.ledger.metadata_headers[{at}]");
        if let Some(message) = text::header_name(name) {
            report.error(&path, message);
        } else if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            report.error(&path, format!("`{name}` carries keys, which are never kept"));
        }
    }
    for (at, name) in ledger.metadata_body.iter().enumerate() {
        let inner = name.strip_prefix("metadata.").unwrap_or(name);
        if inner.is_empty() || inner.len() > 64 || inner.contains('.') || inner.chars().any(char::is_control) {
            let message = "expected the name of a top-level field, or `metadata.NAME`";
            report.error(&format!("server.ledger.metadata_body[{at}]"), message);
        }
    }
    if ledger.metadata_headers.len() + ledger.metadata_body.len() > MOST_LABELS {
        report.error("server.ledger.metadata_headers", format!("more than {MOST_LABELS} labels; keep fewer"));
    }
}

fn receiver(url: &str) -> Result<(), String> {
    let url = url::Url::parse(url).map_err(|error| format!("the URL cannot be read: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("the URL must begin with http:// or https://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL contains credentials; messages are signed with `secret` instead".into());
    }
    Ok(())
}

/// The bytes that messages are signed with (Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes).
///
/// # Errors
/// What is wrong; never repeats the secret.
pub fn signing_key(secret: &Secret) -> Result<Vec<u8>, String> {
    const WANTED: &str = "expected `whsec_` and 24 to 64 bytes in base64, such as the output of \
                          `echo whsec_$(openssl rand -base64 32)`";
    let encoded = secret.expose().strip_prefix("whsec_").ok_or(WANTED)?;
    let key = STANDARD.decode(encoded).map_err(|_| WANTED)?;
    if (24..=64).contains(&key.len()) { Ok(key) } else { Err(format!("{WANTED}; these are {} bytes", key.len())) }
}
