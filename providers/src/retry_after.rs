//! How long a provider asks to be left alone.
//!
//! Lives here: every header (and Gemini's body detail) that says so. Deliberately not here: what is done with it.

use std::time::Duration;

use http::HeaderMap;

/// The longest delay that is believed: a header must not bench a backend for good.
const LONGEST: Duration = Duration::from_hours(24);

/// The delay that an answer's headers ask for, at most 24 h. `now_unix_ms`: the time in ms since 1970, for the
/// headers that name a moment.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now_unix_ms: u64) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let ms = || text("retry-after-ms").and_then(seconds).map(|ms| duration(ms / 1000.0));
    let retry = || {
        let value = text("retry-after")?;
        seconds(value).map(duration).or_else(|| until_http_date(value, now_unix_ms))
    };
    let reset = || openai_reset(headers).or_else(|| anthropic_reset(headers, now_unix_ms));
    ms().or_else(retry).or_else(reset).map(|delay| delay.min(LONGEST))
}

/// Gemini's `google.rpc.RetryInfo` detail in an error body: `"retryDelay": "13s"`; at most 24 h.
#[must_use]
pub fn retry_after_in_body(body: &[u8]) -> Option<Duration> {
    let at = memchr::memmem::find(body, b"\"retryDelay\"")? + b"\"retryDelay\"".len();
    let rest = std::str::from_utf8(body.get(at..(at + 64).min(body.len()))?).ok()?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split('"').next()?;
    go_duration(value).map(|delay| delay.min(LONGEST))
}

/// A non-negative number of seconds (or ms), whole or not.
fn seconds(value: &str) -> Option<f64> {
    value.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST)
}

fn until_http_date(value: &str, now_unix_ms: u64) -> Option<Duration> {
    let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(until(moment, now_unix_ms))
}

fn until(moment: jiff::Timestamp, now_unix_ms: u64) -> Duration {
    let ms = u64::try_from(moment.as_millisecond()).unwrap_or_default();
    Duration::from_millis(ms.saturating_sub(now_unix_ms))
}

/// OpenAI's `x-ratelimit-reset-*`, Go durations: the longest of those whose allowance is used up.
fn openai_reset(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: String| headers.get(name)?.to_str().ok();
    let reset = |what: &&str| {
        let used_up = text(format!("x-ratelimit-remaining-{what}"))?.trim() == "0";
        text(format!("x-ratelimit-reset-{what}")).filter(|_| used_up).and_then(go_duration)
    };
    ["requests", "tokens"].iter().filter_map(reset).max()
}

/// Anthropic's `anthropic-ratelimit-*-reset`, RFC 3339 moments: the latest of those whose allowance is used up.
fn anthropic_reset(headers: &HeaderMap, now_unix_ms: u64) -> Option<Duration> {
    let text = |name: String| headers.get(name)?.to_str().ok();
    let reset = |what: &&str| {
        let used_up = text(format!("anthropic-ratelimit-{what}-remaining"))?.trim() == "0";
        let moment = text(format!("anthropic-ratelimit-{what}-reset")).filter(|_| used_up)?.trim().parse().ok()?;
        Some(until(moment, now_unix_ms))
    };
    ["requests", "tokens", "input-tokens", "output-tokens"].iter().filter_map(reset).max()
}

/// A duration as Go prints it: `6ms`, `1m30.5s`, `1h2m3s`, `0s`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = seconds(&rest[..digits])?;
        let unit = &rest[digits..];
        let units = [("ms", 0.001), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (name, factor) = units.into_iter().find(|(name, _)| unit.starts_with(name))?;
        total = total.saturating_add(duration(number * factor));
        rest = &unit[name.len()..];
    }
    Some(total)
}
