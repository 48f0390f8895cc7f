//! An answer that is kept: how old it is, what it is still good for, what a backend's 304 makes of it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{
    Directives, Rules, Terms, conditions,
    terms::{has_validator, initial_age},
};
use crate::model::Timestamp;

/// How long an answer that can be asked about is kept after it was last good for anything.
const FOR_REVALIDATION: Duration = Duration::from_secs(24 * 3_600);
/// What an entry weighs beside its text, in bytes.
const OVERHEAD: usize = 600;

/// Fields that are for the one caller or the one connection that the answer was made for, or made anew each time.
const NOT_KEPT: [HeaderName; 10] = [
    header::SET_COOKIE,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::AGE,
    header::ALT_SVC,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
];

/// What a 304 does not change (RFC 9111, section 3.2): they speak of the body that it did not bring.
const OF_THE_BODY: [HeaderName; 4] =
    [header::CONTENT_ENCODING, header::CONTENT_TYPE, header::CONTENT_RANGE, header::CONTENT_LENGTH];

/// By what an entry is found for purging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The API.
    pub api: Arc<str>,
    /// The product through which the caller came who had it fetched.
    pub product: Option<Arc<str>>,
    /// The path as callers write it, without the query.
    pub path: Arc<str>,
    /// Tags of the settings.
    pub tags: Arc<[Arc<str>]>,
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Status.
    pub status: StatusCode,
    /// Headers, without those of the one caller.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// When it was asked for.
    pub asked: Timestamp,
    /// When it came.
    pub received: Timestamp,
    /// How old it was then.
    pub initial_age: Duration,
    /// What it may be used for.
    pub terms: Terms,
    /// By what it is purged.
    pub marks: Marks,
}

/// What an entry is good for at a moment, for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the answer.
    Fresh,
    /// It is the answer, and its time is nearly up: worth fetching anew behind the caller.
    Ageing,
    /// It is the answer although its time is up, while a new one is fetched behind the caller.
    Behind,
    /// The backend has to be asked first.
    Stale,
}

impl Entry {
    /// Takes out what is not kept.
    pub fn clean(headers: &mut HeaderMap) {
        for name in &NOT_KEPT {
            while headers.remove(name).is_some() {}
        }
    }

    /// How old it is.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.received))
    }

    /// By how much its time is up.
    fn staleness(&self, now: Timestamp) -> Duration {
        self.age(now).saturating_sub(self.terms.lifetime)
    }

    /// What it is good for now; `asked`: what the request says, as far as that counts.
    #[must_use]
    pub fn standing(&self, now: Timestamp, asked: &Directives, rules: &Rules) -> Standing {
        let (age, lifetime) = (self.age(now), self.terms.lifetime);
        if self.terms.always_ask
            || asked.no_cache
            || asked.max_age.is_some_and(|longest| age > longest || longest.is_zero())
        {
            return Standing::Stale;
        }
        let is_fresh = age.saturating_add(asked.min_fresh.unwrap_or_default()) < lifetime;
        if is_fresh {
            // Never more than half of a short life: else each call would fetch.
            let ahead = rules.refresh_ahead.min(lifetime / 2);
            return if lifetime.saturating_sub(age) <= ahead { Standing::Ageing } else { Standing::Fresh };
        }
        if self.terms.never_stale || asked.min_fresh.is_some() {
            return Standing::Stale;
        }
        let staleness = self.staleness(now);
        if staleness < self.terms.while_revalidate {
            Standing::Behind
        } else if asked.max_stale.is_some_and(|longest| staleness <= longest) {
            Standing::Fresh
        } else {
            Standing::Stale
        }
    }

    /// Whether it may be given in place of a failure now.
    #[must_use]
    pub fn may_replace_failure(&self, now: Timestamp) -> bool {
        !self.terms.never_stale && !self.terms.always_ask && self.staleness(now) < self.terms.if_error
    }

    /// How long from its coming it is worth keeping.
    #[must_use]
    pub fn kept_for(&self) -> Duration {
        let spare = self.terms.while_revalidate.max(self.terms.if_error);
        let asked = if has_validator(&self.headers) { FOR_REVALIDATION } else { Duration::ZERO };
        self.terms.lifetime.saturating_sub(self.initial_age).saturating_add(spare).saturating_add(asked)
    }

    /// Whether it is still worth anything.
    #[must_use]
    pub fn is_kept(&self, now: Timestamp) -> bool {
        now.since(self.received) < self.kept_for()
    }

    /// What it takes of the room, in bytes.
    #[must_use]
    pub fn weight(&self) -> u32 {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        u32::try_from(self.body.len() + headers + OVERHEAD).unwrap_or(u32::MAX)
    }

    /// The conditions that ask a backend whether it still holds (RFC 9111, section 4.3.1); none: it cannot be asked.
    #[must_use]
    pub fn questions(&self) -> Vec<(HeaderName, HeaderValue)> {
        let pairs = [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)];
        let pairs = pairs.into_iter();
        pairs.filter_map(|(own, asks)| Some((asks, self.headers.get(own)?.clone()))).collect()
    }

    /// Whether a backend's 304 speaks of this answer (RFC 9111, section 4.3.4).
    #[must_use]
    pub fn is_meant(&self, not_modified: &HeaderMap) -> bool {
        match (not_modified.get(header::ETAG), self.headers.get(header::ETAG)) {
            (Some(theirs), Some(ours)) => conditions::same_tag(theirs.as_bytes(), ours.as_bytes()),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// The answer as a backend's 304 makes it: new headers, same body (RFC 9111, section 3.2). The terms are those
    /// that `terms` finds for the new headers; when it finds none it is good for this once.
    #[must_use]
    pub fn renewed(
        &self,
        mut not_modified: HeaderMap,
        (now, waited): (Timestamp, Duration),
        terms: impl FnOnce(StatusCode, &HeaderMap) -> Option<Terms>,
    ) -> (Self, bool) {
        let initial_age = initial_age(&not_modified, now, waited);
        Self::clean(&mut not_modified);
        let mut headers = self.headers.clone();
        for name in not_modified.keys().filter(|name| !OF_THE_BODY.contains(name)) {
            headers.remove(name);
            for value in not_modified.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let terms = terms(self.status, &headers);
        let may_be_kept = terms.is_some();
        let terms = terms.unwrap_or_else(|| self.terms.clone());
        let asked = Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos(waited)));
        let new = Self { headers, asked, received: now, initial_age, terms, ..self.clone() };
        (new, may_be_kept)
    }

    /// The headers that the caller gets, with its age.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(header::AGE, HeaderValue::from(self.age(now).as_secs()));
        headers
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HttpCache;

    const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn entry(change: impl FnOnce(&mut Entry)) -> Entry {
        let terms = Terms {
            lifetime: secs(100),
            while_revalidate: Duration::ZERO,
            if_error: Duration::ZERO,
            never_stale: false,
            always_ask: false,
            for_all: false,
        };
        let mut entry = Entry {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"body"),
            asked: NOW,
            received: NOW,
            initial_age: Duration::ZERO,
            terms,
            marks: Marks::default(),
        };
        change(&mut entry);
        entry
    }

    fn asked(line: &'static str) -> Directives {
        Directives::of_request(&HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(line))]))
    }

    /// Sections 4.2, 5.2.1 and RFC 5861.
    #[test]
    fn what_entries_are_good_for() {
        use Standing::{Ageing, Behind, Fresh, Stale};
        type Change = fn(&mut Entry);
        let plain: Change = |_| {};
        let spare: Change = |entry| entry.terms.while_revalidate = secs(10);
        let never: Change = |entry| entry.terms.never_stale = true;
        let rows: [(Change, u64, &str, Standing); 20] = [
            (plain, 0, "", Fresh),
            (plain, 79, "", Fresh),
            (plain, 80, "", Ageing),
            (plain, 99, "", Ageing),
            (plain, 100, "", Stale),
            (|entry| entry.initial_age = secs(60), 40, "", Stale),
            (|entry| entry.terms.always_ask = true, 0, "", Stale),
            (plain, 0, "no-cache", Stale),
            (plain, 5, "max-age=5", Fresh),
            (plain, 6, "max-age=5", Stale),
            (plain, 0, "max-age=0", Stale),
            (plain, 50, "min-fresh=49", Fresh),
            (plain, 50, "min-fresh=50", Stale),
            (plain, 150, "max-stale", Fresh),
            (plain, 150, "max-stale=50", Fresh),
            (plain, 150, "max-stale=49", Stale),
            (never, 150, "max-stale", Stale),
            (spare, 109, "", Behind),
            (spare, 110, "", Stale),
            (spare, 105, "max-age=1", Stale),
        ];
        let ahead = crate::model::HumanDuration(secs(20));
        let rules = Rules::of(&HttpCache { refresh_ahead: ahead, ..HttpCache::default() }).expect("enabled");
        for (change, after, line, wanted) in rows {
            let (entry, asked) = (entry(change), asked(line));
            assert_eq!(entry.standing(NOW.plus(secs(after)), &asked, &rules), wanted, "after {after} s, {line}");
        }
        let short = entry(|entry| entry.terms.lifetime = secs(10));
        assert_eq!(short.standing(NOW.plus(secs(4)), &asked(""), &rules), Fresh, "half of a short life");
    }

    #[test]
    fn failures_are_replaced_while_terms_allow() {
        let spare = entry(|entry| entry.terms.if_error = secs(10));
        assert!(spare.may_replace_failure(NOW.plus(secs(109))));
        assert!(!spare.may_replace_failure(NOW.plus(secs(110))));
        assert!(!entry(|_| {}).may_replace_failure(NOW.plus(secs(100))));
    }

    #[test]
    fn a_304_changes_headers_but_not_the_body() {
        let header =
            |name: &'static str, value: &'static str| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let old = entry(|entry| {
            let lines = [
                header("etag", "\"a\""),
                header("content-type", "text/plain"),
                header("x-old", "1"),
                header("cache-control", "max-age=100"),
            ];
            entry.headers.extend(lines);
        });
        let new = [
            header("cache-control", "max-age=7"),
            header("content-type", "text/html"),
            header("content-length", "0"),
            header("x-new", "2"),
            header("set-cookie", "a=b"),
        ];
        let terms = Terms { lifetime: secs(7), ..old.terms.clone() };
        let (renewed, is_kept) =
            old.renewed(HeaderMap::from_iter(new), (NOW.plus(secs(200)), Duration::ZERO), |_, headers| {
                assert_eq!(headers["cache-control"], "max-age=7");
                Some(terms)
            });
        assert!(is_kept);
        let mut told: Vec<String> = Vec::new();
        for (name, value) in &renewed.told(NOW.plus(secs(203))) {
            told.push(format!("{name}: {}", value.to_str().expect("text")));
        }
        told.sort_unstable();
        let wanted =
            ["age: 3", "cache-control: max-age=7", "content-type: text/plain", "etag: \"a\"", "x-new: 2", "x-old: 1"];
        assert_eq!(told, wanted);
        assert_eq!(renewed.body, "body");
        assert!(old.is_meant(&HeaderMap::from_iter([header("etag", "W/\"a\"")])));
        assert!(!old.is_meant(&HeaderMap::from_iter([header("etag", "\"b\"")])));
        assert!(old.is_meant(&HeaderMap::new()));
    }
}
