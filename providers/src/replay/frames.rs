//! A whole stream's events as JSON. Deliberately not here: what they mean.

use serde_json::Value;

use super::Unusual;
use crate::sse::Reader;

/// One event that had data.
pub(super) struct Event {
    /// The value of its `event` field; empty without one.
    pub name: String,
    /// Its data; `None` for the end marker `[DONE]`.
    pub data: Option<Value>,
}

/// Every event with data of a stream that ends behind an event.
///
/// # Errors
/// Data that is no JSON; an end in the middle of an event.
pub(super) fn read(events: &[u8]) -> Result<Vec<Event>, Unusual> {
    let mut all = Vec::new();
    let mut bad = None;
    let mut reader = Reader::default();
    reader.push(events, &mut |frame| {
        if frame.oversized {
            bad = Some(Unusual::Unknown);
        }
        match frame.data.map(|data| parse(frame.event, data)) {
            Some(Ok(event)) => all.push(event),
            Some(Err(unusual)) => bad = Some(unusual),
            None => {}
        }
    });
    match bad {
        Some(unusual) => Err(unusual),
        None if reader.is_inside_frame() => Err(Unusual::Cut),
        None => Ok(all),
    }
}

fn parse(name: &[u8], data: &[u8]) -> Result<Event, Unusual> {
    let name = String::from_utf8_lossy(name).into_owned();
    if data.trim_ascii() == b"[DONE]" {
        return Ok(Event { name, data: None });
    }
    let data: Value = serde_json::from_slice(data).map_err(|_| Unusual::Unreadable)?;
    if data.is_object() { Ok(Event { name, data: Some(data) }) } else { Err(Unusual::Unreadable) }
}

/// The events of dialects that close with `[DONE]`, which must be there, once and last.
///
/// # Errors
/// No end marker, or something behind it; an event named `error`.
pub(super) fn until_done(events: &[Event]) -> Result<Vec<&Value>, Unusual> {
    let [body @ .., Event { data: None, .. }] = events else { return Err(Unusual::Cut) };
    if body.iter().any(|event| event.name == "error") {
        return Err(Unusual::Error);
    }
    body.iter().map(|event| event.data.as_ref().ok_or(Unusual::Contradictory)).collect()
}
