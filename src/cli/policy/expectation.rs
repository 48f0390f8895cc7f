//! What came out against what was expected: every difference in a sentence.

use http::HeaderMap;
use serde_json::Value as Json;

use super::{
    case::{Expect, Message},
    script::Sent,
    stage::Played,
};

/// Every difference; none: as expected.
#[must_use]
pub fn differences(expect: &Expect, played: &Played) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, wanted: &dyn std::fmt::Display, seen: &dyn std::fmt::Display| {
        found.push(format!("{what}: expected {wanted}, got {seen}"));
    };
    let response = played.response.as_ref();
    let status = response.map_or(0, |response| response.status.as_u16());
    if let Some(wanted) = expect.status.filter(|wanted| *wanted != status) {
        differ("status", &wanted, &status);
    }
    let reason = response.map_or("", |response| response.reason());
    if let Some(wanted) = expect.reason.as_deref().filter(|wanted| *wanted != reason) {
        differ("reason", &wanted, &reason);
    }
    for (name, wanted) in &expect.variables {
        let seen = played.variables.get(name).map(|value| value.to_text().to_string());
        if seen != *wanted {
            differ(&format!("variable `{name}`"), &shown(wanted.as_deref()), &shown(seen.as_deref()));
        }
    }
    for (key, wanted) in &expect.cached {
        let seen = played.cached.get(key);
        if seen != wanted.as_ref() {
            differ(&format!("cached `{key}`"), &shown(wanted.as_deref()), &shown(seen.map(String::as_str)));
        }
    }
    let none = HeaderMap::new();
    headers("header", &expect.headers, response.map_or(&none, |response| &response.headers), &mut found);
    body("body", expect.body.as_ref(), &expect.body_contains, &played.body, &mut found);
    messages("sent", expect.sent.as_deref(), &played.sent, &mut found);
    messages("called", expect.called.as_deref(), &played.called, &mut found);
    found
}

fn messages(what: &str, wanted: Option<&[Message]>, seen: &[Sent], found: &mut Vec<String>) {
    let Some(wanted) = wanted else { return };
    if wanted.len() != seen.len() {
        let urls: Vec<String> = seen.iter().map(|sent| format!("{} {}", sent.method, sent.url)).collect();
        found.push(format!("{what}: expected {} requests, got {}: {}", wanted.len(), seen.len(), urls.join(", ")));
    }
    for (at, (wanted, seen)) in wanted.iter().zip(seen).enumerate() {
        message(&format!("{what}[{at}]"), wanted, seen, found);
    }
}

fn message(what: &str, wanted: &Message, seen: &Sent, found: &mut Vec<String>) {
    let fields = [
        ("method", &wanted.method, &seen.method),
        ("url", &wanted.url, &seen.url),
        ("backend", &wanted.backend, &seen.backend),
    ];
    for (name, wanted, seen) in fields {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != seen) {
            found.push(format!("{what}.{name}: expected {wanted}, got {seen}"));
        }
    }
    headers(&format!("{what}.header"), &wanted.headers, &seen.headers, found);
    body(&format!("{what}.body"), wanted.body.as_ref(), &wanted.body_contains, &seen.body, found);
}

fn headers(
    what: &str,
    wanted: &std::collections::BTreeMap<String, Option<String>>,
    seen: &HeaderMap,
    found: &mut Vec<String>,
) {
    for (name, wanted) in wanted {
        let lines: Vec<_> = seen.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let seen = (!lines.is_empty()).then(|| lines.join(", "));
        if seen != *wanted {
            found.push(format!(
                "{what} `{name}`: expected {}, got {}",
                shown(wanted.as_deref()),
                shown(seen.as_deref())
            ));
        }
    }
}

fn body(what: &str, wanted: Option<&Json>, parts: &[String], seen: &[u8], found: &mut Vec<String>) {
    let text = String::from_utf8_lossy(seen);
    let same = match wanted {
        None => true,
        Some(Json::String(wanted)) => text == *wanted,
        Some(wanted) => serde_json::from_slice::<Json>(seen).is_ok_and(|seen| seen == *wanted),
    };
    if let Some(wanted) = wanted.filter(|_| !same) {
        found.push(format!("{what}: expected {wanted}, got {text}"));
    }
    for part in parts.iter().filter(|part| !text.contains(part.as_str())) {
        found.push(format!("{what}: expected it to contain {part}, got {text}"));
    }
}

fn shown(text: Option<&str>) -> String {
    text.map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"))
}
