//! Rules of `cache` on APIs and operations: that something can be kept at all, and that names are names.

use super::{Report, text};
use crate::settings::{Api, ApiKind, HttpCache};

/// Longest time that anything is kept: a year, which is also the largest `max-age` that caches are asked for.
const LONGEST_SECONDS: u64 = 31_536_000;
/// Longest tag, in bytes.
const LONGEST_TAG: usize = 80;

/// Checks the cache rules of an API and of its operations.
pub fn check(api: &Api, path: &str, report: &mut Report<'_>) {
    if let Some(cache) = &api.cache {
        one(cache, &format!("{path}.cache"), report);
    }
    for (at, operation) in api.operations.iter().enumerate() {
        let Some(cache) = &operation.cache else { continue };
        let path = format!("{path}.operations[{at}].cache");
        one(cache, &path, report);
        if cache.enabled && operation.method != "GET" {
            let message = format!("answers to {} are not kept, only those to GET; remove it", operation.method);
            report.error(&path, message);
        }
    }
    if api.kind == ApiKind::Models && api.cache.is_some() {
        let message = "answers of models are not kept by these rules; they are for kind http. Remove it";
        report.error(&format!("{path}.cache"), message);
    }
}

fn one(cache: &HttpCache, path: &str, report: &mut Report<'_>) {
    if cache.enabled && !cache.respect_origin && cache.ttl.is_none() {
        report.error(path, "with `respect_origin: false` nothing says how long answers are kept; write `ttl`");
    }
    if cache.ttl.is_some_and(|ttl| ttl.0.is_zero()) {
        report.error(&format!("{path}.ttl"), "0 keeps nothing; write a longer time, or `enabled: false`");
    }
    let times = [
        ("ttl", cache.ttl),
        ("stale_while_revalidate", Some(cache.stale_while_revalidate)),
        ("stale_if_error", Some(cache.stale_if_error)),
        ("refresh_ahead", Some(cache.refresh_ahead)),
    ];
    for (name, time) in times {
        if let Some(time) = time.filter(|time| time.0.as_secs() > LONGEST_SECONDS) {
            report.error(&format!("{path}.{name}"), format!("{time} is longer than a year; write a shorter time"));
        }
    }
    if cache.ttl.is_some_and(|ttl| cache.refresh_ahead.0 >= ttl.0 && !ttl.0.is_zero()) {
        let message = format!("{} is not shorter than `ttl`: every call would fetch anew", cache.refresh_ahead);
        report.error(&format!("{path}.refresh_ahead"), message);
    }
    names(cache, path, report);
}

fn names(cache: &HttpCache, path: &str, report: &mut Report<'_>) {
    for (at, name) in cache.vary_by.headers.iter().enumerate() {
        if let Some(message) = text::header_name(name) {
            report.error(&format!("{path}.vary_by.headers[{at}]"), message);
        }
    }
    for (at, tag) in cache.tags.iter().enumerate() {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if tag.is_empty() || tag.len() > LONGEST_TAG || !tag.bytes().all(is_name) {
            let message =
                format!("`{}` is not a tag: up to {LONGEST_TAG} letters, digits, `.`, `_` and `-`", tag.escape_debug());
            report.error(&format!("{path}.tags[{at}]"), message);
        }
    }
    if cache.shared && cache.vary_by.developer {
        report.warn(&format!("{path}.shared"), "`vary_by.developer` keeps answers apart by owner all the same");
    }
}
