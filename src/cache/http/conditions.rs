//! What the caller has already: `If-None-Match` and `If-Modified-Since` (RFC 9110, section 13; RFC 9111, section 4.3.2).

use http::{HeaderMap, HeaderName, StatusCode, header};

use super::{Entry, date};
use crate::model::Timestamp;

/// Fields of an answer that a 304 leaves out: they speak of the body that it does not bring.
const NOT_IN_304: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_RANGE,
];

/// Conditions that are answered here; the backend is asked for the whole.
pub const OURS: [HeaderName; 2] = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];
/// Conditions that only the backend can answer.
pub const BACKENDS: [HeaderName; 2] = [header::IF_MATCH, header::IF_UNMODIFIED_SINCE];

/// Whether the caller has this answer already.
#[must_use]
pub fn has_it(conditions: &HeaderMap, entry: &Entry, now: Timestamp) -> bool {
    has(conditions, (entry.status, &entry.headers), (entry.received, now))
}

/// The same of an answer that came just then.
#[must_use]
pub fn has(conditions: &HeaderMap, answer: (StatusCode, &HeaderMap), times: (Timestamp, Timestamp)) -> bool {
    let ((status, headers), (received, now)) = (answer, times);
    if !status.is_success() {
        return false;
    }
    if conditions.contains_key(header::IF_NONE_MATCH) {
        let ours = headers.get(header::ETAG).map(http::HeaderValue::as_bytes);
        return conditions.get_all(header::IF_NONE_MATCH).iter().any(|line| names(line.as_bytes(), ours));
    }
    let Some(since) = date::field(conditions, &header::IF_MODIFIED_SINCE, now) else { return false };
    let own = |name| date::field(headers, &name, now);
    own(header::LAST_MODIFIED).or_else(|| own(header::DATE)).unwrap_or(received) <= since
}

/// Takes out of an answer's headers what a 304 does not say.
pub fn shorten(headers: &mut HeaderMap) {
    for name in &NOT_IN_304 {
        headers.remove(name);
    }
}

/// Whether a line of entity tags names this one. `*` names any.
fn names(line: &[u8], ours: Option<&[u8]>) -> bool {
    if line.trim_ascii() == b"*" {
        return true;
    }
    let Some(ours) = ours else { return false };
    let mut is_quoted = false;
    let tags = line.split(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    });
    tags.map(<[u8]>::trim_ascii).any(|tag| same_tag(tag, ours))
}

/// Whether two entity tags are the same but for their strength (RFC 9110, section 8.8.3.2).
#[must_use]
pub fn same_tag(one: &[u8], other: &[u8]) -> bool {
    let opaque = |tag| <[u8]>::strip_prefix(tag, b"W/").unwrap_or(tag).to_vec();
    opaque(one) == opaque(other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;
    use crate::cache::http::{Marks, Terms};

    const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

    fn entry(status: u16, lines: &[(&'static str, &'static str)]) -> Entry {
        let zero = Duration::ZERO;
        Entry {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: headers(lines),
            body: Bytes::new(),
            asked: NOW,
            received: NOW,
            initial_age: zero,
            terms: Terms {
                lifetime: zero,
                while_revalidate: zero,
                if_error: zero,
                never_stale: false,
                always_ask: false,
                for_all: false,
            },
            marks: Marks::default(),
        }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(pair).collect()
    }

    #[test]
    fn callers_are_not_sent_what_they_have() {
        const TAG: (&str, &str) = ("etag", "\"a,b\"");
        const MODIFIED: (&str, &str) = ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
        const LATER: &str = "Thu, 01 Jan 2026 00:00:01 GMT";
        const SAME: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
        const BEFORE: &str = "Wed, 31 Dec 2025 23:59:59 GMT";
        type Lines = &'static [(&'static str, &'static str)];
        let rows: [(Lines, Lines, bool); 15] = [
            (&[TAG], &[], false),
            (&[TAG], &[("if-none-match", "\"a,b\"")], true),
            (&[TAG], &[("if-none-match", "\"x\", W/\"a,b\"")], true),
            (&[TAG], &[("if-none-match", "\"a\", \"b\"")], false),
            (&[TAG], &[("if-none-match", "*")], true),
            (&[], &[("if-none-match", "*")], true),
            (&[], &[("if-none-match", "\"a\"")], false),
            (&[MODIFIED], &[("if-modified-since", SAME)], true),
            (&[MODIFIED], &[("if-modified-since", LATER)], true),
            (&[MODIFIED], &[("if-modified-since", BEFORE)], false),
            (&[MODIFIED], &[("if-modified-since", "yesterday")], false),
            (&[TAG, MODIFIED], &[("if-none-match", "\"x\""), ("if-modified-since", LATER)], false),
            (&[("date", SAME)], &[("if-modified-since", LATER)], true),
            (&[("date", SAME)], &[("if-modified-since", BEFORE)], false),
            (&[], &[("if-modified-since", BEFORE)], false),
        ];
        for (own, asked, wanted) in rows {
            assert_eq!(has_it(&headers(asked), &entry(200, own), NOW), wanted, "{own:?} {asked:?}");
        }
        assert!(!has_it(&headers(&[("if-none-match", "*")]), &entry(404, &[]), NOW), "there is nothing to have");
    }
}
