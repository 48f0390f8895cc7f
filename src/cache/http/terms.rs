//! Whether an answer may be kept and on which terms (RFC 9111, sections 3, 4.2.1 and 5.2; RFC 5861).

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::{Directives, Rules, date};
use crate::model::Timestamp;

/// Statuses whose meaning is understood here: others are kept on no terms.
const UNDERSTOOD: [u16; 13] = [200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414, 501];
/// Statuses that `ttl` is for. The RFC would allow errors too (section 4.2.2), but an error that says nothing of its
/// lifetime is better asked for again.
const TTL_IS_FOR: [u16; 6] = [200, 203, 204, 300, 301, 308];

/// What an answer may be used for, and how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How long it is fresh, counted from when the backend made it.
    pub lifetime: Duration,
    /// How long after that it is given while a new one is fetched.
    pub while_revalidate: Duration,
    /// How long after that it is given in place of a failure.
    pub if_error: Duration,
    /// It is never given stale (`must-revalidate`, `proxy-revalidate`).
    pub never_stale: bool,
    /// The backend is asked each time (`no-cache`).
    pub always_ask: bool,
    /// It says itself that it is for everybody, whoever asked (`public`, `s-maxage`).
    pub for_all: bool,
}

/// What decides beside the answer.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The settings.
    pub rules: &'a Rules,
    /// Whether the request carried credentials that do not tell its answers apart.
    pub is_personal: bool,
    /// The time.
    pub now: Timestamp,
}

impl Terms {
    /// The terms on which an answer to a GET may be kept.
    ///
    /// # Errors
    /// Why it may not.
    pub fn of(status: StatusCode, headers: &HeaderMap, at: &Situation<'_>) -> Result<Self, &'static str> {
        let said = Directives::of_answer(headers);
        let counts = at.rules.respect_origin;
        let for_all = counts && (said.public || said.s_maxage.is_some());
        may_be_kept(status, headers)?;
        if counts && (said.no_store || said.private) {
            return Err("the answer says no-store or private");
        }
        if at.is_personal && !for_all {
            return Err("the request has credentials of its own, and the answer does not say that it is for all");
        }
        if headers.contains_key(header::SET_COOKIE) && counts && !said.public {
            return Err("the answer sets a cookie");
        }
        let lifetime = lifetime(status, headers, &said, at)?;
        let never_stale = counts && (said.must_revalidate || said.proxy_revalidate);
        let always_ask = counts && said.no_cache;
        let spare = |said: Option<Duration>, set: Duration| match said {
            _ if never_stale || always_ask => Duration::ZERO,
            Some(said) if counts => said,
            _ => set,
        };
        let terms = Self {
            lifetime: if always_ask { Duration::ZERO } else { lifetime },
            while_revalidate: spare(said.stale_while_revalidate, at.rules.while_revalidate),
            if_error: spare(said.stale_if_error, at.rules.if_error),
            never_stale,
            always_ask,
            for_all,
        };
        if terms.is_useless() && !has_validator(headers) {
            return Err("the answer is stale at once and cannot be revalidated");
        }
        Ok(terms)
    }

    fn is_useless(&self) -> bool {
        self.lifetime.is_zero() && self.while_revalidate.is_zero() && self.if_error.is_zero()
    }
}

/// Whether an answer can be asked about instead of asked for.
#[must_use]
pub fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}

fn may_be_kept(status: StatusCode, headers: &HeaderMap) -> Result<(), &'static str> {
    if !UNDERSTOOD.contains(&status.as_u16()) || headers.contains_key(header::CONTENT_RANGE) {
        return Err("answers of this status, and parts of answers, are not kept");
    }
    let mut varies = headers.get_all(header::VARY).iter();
    // What cannot be read may be anything.
    if varies.any(|line| line.to_str().map_or(true, |line| line.split(',').any(|name| name.trim() == "*"))) {
        return Err("the answer varies by anything");
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream") {
        return Err("event streams are not kept");
    }
    Ok(())
}

/// How long it is fresh (section 4.2.1): `s-maxage`, `max-age`, `Expires`, and then what the settings say.
fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    said: &Directives,
    at: &Situation<'_>,
) -> Result<Duration, &'static str> {
    if at.rules.respect_origin {
        if let Some(age) = said.s_maxage.or(said.max_age) {
            return Ok(age);
        }
        if headers.contains_key(header::EXPIRES) {
            // What is no date has passed (section 5.3).
            let expires = date::field(headers, &header::EXPIRES, at.now).unwrap_or_default();
            return Ok(expires.since(date::field(headers, &header::DATE, at.now).unwrap_or(at.now)));
        }
        if said.no_cache {
            return Ok(Duration::ZERO);
        }
    }
    let is_for = TTL_IS_FOR.contains(&status.as_u16());
    at.rules.ttl.filter(|_| is_for).ok_or("nothing says how long the answer is good")
}

/// How old an answer was when it came (section 4.2.3), `waited` after it was asked for.
#[must_use]
pub fn initial_age(headers: &HeaderMap, now: Timestamp, waited: Duration) -> Duration {
    let apparent = date::field(headers, &header::DATE, now).map(|made| now.since(made)).unwrap_or_default();
    let told = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u32>().ok());
    let told = Duration::from_secs(told.map_or(0, u64::from)).saturating_add(waited);
    // A backend's clock may be behind by what Date shows in whole seconds.
    let apparent = Duration::from_secs(apparent.as_secs());
    apparent.max(told)
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
