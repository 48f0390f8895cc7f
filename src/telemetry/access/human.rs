//! The access line for people: what happened, to whom, how long it took.
//!
//! `23:59:59.123 200 POST /v1/chat/completions 1.50s team-a gpt-4o>azure-weu 16+300 tokens, first 240ms, 2 tries  ID`

use std::{io::Write as _, time::Duration};

use super::{super::event::ExchangeEvent, decimal, escape, shortened, stamp::Stamp};

/// Longest path shown, in bytes.
const LONGEST_PATH: usize = 200;

/// Appends the line with its end.
pub(super) fn write(line: &mut Vec<u8>, stamp: &mut Stamp, event: &ExchangeEvent<'_>) {
    stamp.time_of_day(line, event.time);
    line.push(b' ');
    status(line, event.status);
    word(line, event.method);
    word(line, shortened(event.path, LONGEST_PATH));
    line.push(b' ');
    duration(line, event.duration);
    word(line, event.subscription.unwrap_or("-"));
    target(line, event);
    consumption(line, event);
    trouble(line, event);
    line.extend_from_slice(b"  ");
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    line.extend_from_slice(event.request_id.hyphenated().encode_lower(&mut id).as_bytes());
    line.push(b'\n');
}

fn status(line: &mut Vec<u8>, status: u16) {
    if status == 0 { line.extend_from_slice(b"---") } else { decimal(line, u64::from(status)) }
}

fn word(line: &mut Vec<u8>, text: &str) {
    line.push(b' ');
    escape::human(line, text);
}

fn target(line: &mut Vec<u8>, event: &ExchangeEvent<'_>) {
    let Some(name) = event.model.or(event.api) else { return };
    word(line, name);
    if let Some(backend) = event.backend {
        line.push(b'>');
        escape::human(line, backend);
    }
}

fn consumption(line: &mut Vec<u8>, event: &ExchangeEvent<'_>) {
    if event.usage.is_reported() {
        line.push(b' ');
        decimal(line, event.usage.input_total());
        line.push(b'+');
        decimal(line, event.usage.output_total());
        line.extend_from_slice(b" tokens");
    }
    if let Some(first) = event.ttft.filter(|_| event.streamed) {
        line.extend_from_slice(b", first ");
        duration(line, first);
    }
    if event.attempts.len() > 1 {
        line.extend_from_slice(b", ");
        decimal(line, event.attempts.len() as u64);
        line.extend_from_slice(b" tries");
    }
}

fn trouble(line: &mut Vec<u8>, event: &ExchangeEvent<'_>) {
    if event.outcome != "complete" {
        word(line, event.outcome);
    }
    if let Some(code) = event.error {
        word(line, code);
    }
}

fn duration(line: &mut Vec<u8>, time: Duration) {
    let written = match time.as_millis() {
        0 => write!(line, "{}us", time.as_micros()),
        millis @ 1..1_000 => write!(line, "{millis}ms"),
        _ => write!(line, "{:.2}s", time.as_secs_f64()),
    };
    written.expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::event::sample;

    fn line(event: &ExchangeEvent<'_>) -> String {
        let mut line = Vec::new();
        write(&mut line, &mut Stamp::default(), event);
        String::from_utf8(line).expect("UTF-8")
    }

    #[test]
    fn lines_for_people() {
        insta::assert_snapshot!(line(&sample::chat()), @"16:00:00.123 200 POST /v1/chat/completions 1.50s team-a gpt-4o>azure-weu 16+300 tokens, first 240ms, 2 tries  01926b1c-0000-7000-8000-000000000001");
        let refused = ExchangeEvent {
            status: 401,
            outcome: "refused",
            error: Some("invalid_api_key"),
            subscription: None,
            model: None,
            backend: None,
            attempts: &[],
            usage: tollgate_providers::Usage::default(),
            ttft: None,
            duration: Duration::from_micros(80),
            path: "/v1/\u{1b}[2J",
            ..sample::chat()
        };
        insta::assert_snapshot!(line(&refused), @r"16:00:00.123 401 POST /v1/\u001b[2J 80us - openai refused invalid_api_key  01926b1c-0000-7000-8000-000000000001");
    }
}
