//! The access line as a JSON object: the usage row's fields as far as they exist, beside those of the HTTP request.
//!
//! Every field is always there, `null` when nothing is known, so that a reader needs no special cases. Durations
//! are milliseconds, sizes bytes of bodies.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use tollgate_providers::Usage;

use super::{
    super::event::{ExchangeEvent, certainty_word},
    decimal, escape, shortened,
    stamp::Stamp,
};

/// Longest path shown, in bytes.
const LONGEST_PATH: usize = 1_024;
/// Longest text of a caller shown, in bytes.
const LONGEST_TEXT: usize = 256;

/// Appends the line with its end.
pub(super) fn write(line: &mut Vec<u8>, stamp: &mut Stamp, event: &ExchangeEvent<'_>) {
    line.extend_from_slice(b"{\"time\":\"");
    stamp.date_time(line, event.time);
    line.push(b'"');
    let mut object = Object(line);
    identity(&mut object, event);
    request(&mut object, event);
    objects(&mut object, event);
    ending(&mut object, event);
    tokens(&mut object, &event.usage);
    line.extend_from_slice(b"}\n");
}

fn identity(object: &mut Object<'_>, event: &ExchangeEvent<'_>) {
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    object.text(b"request_id", Some(event.request_id.hyphenated().encode_lower(&mut id)));
    object.text(b"client_request_id", event.client_request_id);
    object.trace_id(event.trace.trace_id);
    object.client(event.client);
}

fn request(object: &mut Object<'_>, event: &ExchangeEvent<'_>) {
    object.text(b"method", Some(event.method));
    object.text(b"path", Some(shortened(event.path, LONGEST_PATH)));
    object.number(b"status", Some(u64::from(event.status)));
    object.text(b"outcome", Some(event.outcome));
    object.text(b"error", event.error);
}

fn objects(object: &mut Object<'_>, event: &ExchangeEvent<'_>) {
    object.text(b"subscription", event.subscription);
    object.text(b"product", event.product);
    object.text(b"user", event.user);
    object.text(b"workspace", event.workspace);
    object.text(b"api", event.api);
    object.text(b"operation", event.operation);
    object.text(b"model", event.model);
    object.text(b"upstream_model", event.upstream_model);
    object.text(b"backend", event.backend);
    object.text(b"end_user", event.end_user.map(|text| shortened(text, LONGEST_TEXT)));
}

fn ending(object: &mut Object<'_>, event: &ExchangeEvent<'_>) {
    object.flag(b"streamed", event.streamed);
    object.number(b"attempts", u64::try_from(event.attempts.len()).ok());
    object.number(b"ttft_ms", event.ttft.map(millis));
    object.number(b"duration_ms", Some(millis(event.duration)));
    object.number(b"bytes_in", Some(event.bytes_in));
    object.number(b"bytes_out", Some(event.bytes_out));
    object.text(b"cache", event.cache);
    object.text(b"certainty", Some(certainty_word(event.certainty)));
}

fn tokens(object: &mut Object<'_>, usage: &Usage) {
    object.number(b"input_tokens", usage.input);
    object.number(b"cached_input_tokens", usage.cached_input);
    object.number(b"cache_write_tokens", usage.cache_write);
    object.number(b"audio_input_tokens", usage.audio_input);
    object.number(b"image_input_tokens", usage.image_input);
    object.number(b"output_tokens", usage.output);
    object.number(b"reasoning_tokens", usage.reasoning);
    object.number(b"audio_output_tokens", usage.audio_output);
    object.number(b"total_tokens", usage.is_reported().then(|| usage.total()));
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An object that has at least one field already.
struct Object<'a>(&'a mut Vec<u8>);

impl Object<'_> {
    fn name(&mut self, name: &[u8]) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &[u8], value: Option<&str>) {
        self.name(name);
        let Some(text) = value else { return self.0.extend_from_slice(b"null") };
        self.0.push(b'"');
        escape::json(self.0, text);
        self.0.push(b'"');
    }

    fn number(&mut self, name: &[u8], value: Option<u64>) {
        self.name(name);
        match value {
            Some(number) => decimal(self.0, number),
            None => self.0.extend_from_slice(b"null"),
        }
    }

    fn flag(&mut self, name: &[u8], value: bool) {
        self.name(name);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn trace_id(&mut self, id: u128) {
        if id == 0 {
            return self.text(b"trace_id", None);
        }
        let mut digits = [0; uuid::fmt::Simple::LENGTH];
        self.text(b"trace_id", Some(uuid::Uuid::from_u128(id).simple().encode_lower(&mut digits)));
    }

    fn client(&mut self, client: Option<IpAddr>) {
        let Some(address) = client else { return self.text(b"client", None) };
        self.name(b"client");
        self.0.push(b'"');
        address_text(self.0, address);
        self.0.push(b'"');
    }
}

/// Appends an address; version 4 without the formatting machinery.
pub(super) fn address_text(line: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => dotted(line, address),
        IpAddr::V6(address) => write!(line, "{address}").expect("writing to memory does not fail"),
    }
}

fn dotted(line: &mut Vec<u8>, address: Ipv4Addr) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            line.push(b'.');
        }
        decimal(line, u64::from(octet));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry::event::sample;

    fn line(event: &ExchangeEvent<'_>) -> Value {
        let mut line = Vec::new();
        write(&mut line, &mut Stamp::default(), event);
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        serde_json::from_slice(&line).expect("one JSON object")
    }

    #[test]
    fn a_line_has_every_field_of_the_contract_in_its_words() {
        let expected = json!({
            "time": "2025-11-24T16:00:00.123Z", "request_id": "01926b1c-0000-7000-8000-000000000001",
            "client_request_id": null, "trace_id": "00000000000000000000000000000abc", "client": "192.0.2.7",
            "method": "POST", "path": "/v1/chat/completions", "status": 200, "outcome": "complete", "error": null,
            "subscription": "team-a", "product": "team", "user": null, "workspace": null, "api": "openai",
            "operation": null, "model": "gpt-4o", "upstream_model": "gpt-4o-2024", "backend": "azure-weu",
            "end_user": null, "streamed": true, "attempts": 2, "ttft_ms": 240, "duration_ms": 1500,
            "bytes_in": 1024, "bytes_out": 9000, "cache": "miss", "certainty": "exact", "input_tokens": 12,
            "cached_input_tokens": 4, "cache_write_tokens": null, "audio_input_tokens": null,
            "image_input_tokens": null, "output_tokens": 300, "reasoning_tokens": null,
            "audio_output_tokens": null, "total_tokens": 316
        });
        assert_eq!(line(&sample::chat()), expected);
    }

    #[test]
    fn texts_of_callers_are_bounded_and_cannot_break_the_line() {
        let path = format!("/{}", "é\r\n\"".repeat(2_000));
        let event = ExchangeEvent { path: &path, end_user: Some("\x1b[2J\n"), ..sample::chat() };
        let value = line(&event);
        assert!(value["path"].as_str().expect("text").len() <= LONGEST_PATH);
        assert_eq!(value["end_user"], "\x1b[2J\n");
    }

    #[test]
    fn a_mapped_address_is_shown_as_the_version_4_one_it_is() {
        let cases = [("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("10.0.0.255", "10.0.0.255")];
        for (given, shown) in cases {
            let event = ExchangeEvent { client: Some(given.parse().expect("address")), ..sample::chat() };
            assert_eq!(line(&event)["client"], shown);
        }
    }
}
