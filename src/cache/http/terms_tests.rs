//! The rules of RFC 9111 on what is kept and how long, one row each.

use http::{HeaderName, HeaderValue};

use super::*;
use crate::{
    model::{HumanDuration, Timestamp},
    settings::HttpCache,
};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);
const DATE: &str = "date: Fri, 02 Jan 2026 03:04:05 GMT";

fn headers(lines: &[&str]) -> HeaderMap {
    let mut all = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").expect("name and value");
        let name = HeaderName::try_from(name).expect("a name");
        all.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    all
}

fn rules(change: impl FnOnce(&mut HttpCache)) -> Rules {
    let mut settings = HttpCache { ttl: Some(HumanDuration(Duration::from_secs(10))), ..HttpCache::default() };
    change(&mut settings);
    Rules::of(&settings).expect("enabled")
}

fn terms(rules: &Rules, is_personal: bool, status: u16, lines: &[&str]) -> Result<Terms, &'static str> {
    let status = StatusCode::from_u16(status).expect("a status");
    Terms::of(status, &headers(lines), &Situation { rules, is_personal, now: NOW })
}

fn seconds(kept: Result<Terms, &'static str>) -> Option<u64> {
    kept.ok().map(|terms| terms.lifetime.as_secs())
}

#[test]
fn how_long_answers_are_fresh() {
    let rows: [(u16, &[&str], Option<u64>); 30] = [
        (200, &[], Some(10)),
        (200, &["cache-control: max-age=60"], Some(60)),
        (200, &["cache-control: max-age=60, s-maxage=30"], Some(30)),
        (200, &["cache-control: s-maxage=90", "expires: Fri, 02 Jan 2026 03:04:06 GMT", DATE], Some(90)),
        (200, &["expires: Fri, 02 Jan 2026 03:05:05 GMT", DATE], Some(60)),
        (200, &["expires: Fri, 02 Jan 2026 03:05:05 GMT"], Some(60)),
        (200, &["expires: Fri, 02 Jan 2026 03:05:05 GMT", "cache-control: max-age=1"], Some(1)),
        (200, &["expires: 0"], None),
        (200, &["expires: 0", "etag: \"a\""], Some(0)),
        (200, &["expires: Fri, 02 Jan 2026 03:00:00 GMT", DATE, "last-modified: x"], Some(0)),
        (200, &["cache-control: no-store"], None),
        (200, &["cache-control: max-age=60", "cache-control: no-store"], None),
        (200, &["cache-control: private, max-age=60"], None),
        (200, &["cache-control: private=\"x-a\", max-age=60"], None),
        (200, &["cache-control: no-cache"], None),
        (200, &["cache-control: no-cache, max-age=60", "etag: W/\"a\""], Some(0)),
        (200, &["cache-control: max-age=0"], None),
        (200, &["cache-control: max-age=0", "etag: \"a\""], Some(0)),
        (200, &["vary: *"], None),
        (200, &["vary: accept", "vary: origin, *"], None),
        (200, &["vary: accept"], Some(10)),
        (200, &["set-cookie: a=b"], None),
        (200, &["set-cookie: a=b", "cache-control: public, max-age=5"], Some(5)),
        (200, &["content-type: text/event-stream; charset=utf-8"], None),
        (206, &["cache-control: max-age=60"], None),
        (200, &["content-range: bytes 0-1/2"], None),
        (404, &[], None),
        (404, &["cache-control: max-age=60"], Some(60)),
        (500, &["cache-control: max-age=60"], None),
        (301, &[], Some(10)),
    ];
    let rules = rules(|_| {});
    for (status, lines, wanted) in rows {
        assert_eq!(seconds(terms(&rules, false, status, lines)), wanted, "{status} {lines:?}");
    }
}

#[test]
fn without_ttl_only_what_says_its_lifetime_is_kept() {
    let rules = rules(|cache| cache.ttl = None);
    assert_eq!(seconds(terms(&rules, false, 200, &[])), None);
    assert_eq!(seconds(terms(&rules, false, 200, &["cache-control: max-age=3"])), Some(3));
}

#[test]
fn the_origin_can_be_overruled() {
    let rules = rules(|cache| cache.respect_origin = false);
    let rows: [(&[&str], Option<u64>); 5] = [
        (
            &["cache-control: no-cache, no-store, max-age=0, must-revalidate", "expires: 0", "pragma: no-cache"],
            Some(10),
        ),
        (&["cache-control: max-age=9999"], Some(10)),
        (&["cache-control: private"], Some(10)),
        (&["set-cookie: affinity=1"], Some(10)),
        (&["vary: *"], None),
    ];
    for (lines, wanted) in rows {
        assert_eq!(seconds(terms(&rules, false, 200, lines)), wanted, "{lines:?}");
    }
    assert!(terms(&rules, true, 200, &["cache-control: public"]).is_err(), "section 3.5 is not overruled");
}

/// Section 3.5, and for cookies alike.
#[test]
fn personal_requests_leave_only_what_is_for_all() {
    let rules = rules(|_| {});
    for (line, kept) in [
        ("cache-control: max-age=60", false),
        ("cache-control: max-age=60, must-revalidate", false),
        ("cache-control: public, max-age=60", true),
        ("cache-control: s-maxage=60", true),
    ] {
        assert_eq!(terms(&rules, true, 200, &[line]).is_ok(), kept, "{line}");
    }
}

#[test]
fn stale_answers_have_their_uses() {
    let rules = rules(|cache| {
        cache.stale_while_revalidate = HumanDuration(Duration::from_secs(3));
        cache.stale_if_error = HumanDuration(Duration::from_secs(4));
    });
    for (line, wanted) in [
        ("cache-control: max-age=9", (3, 4, false)),
        ("cache-control: max-age=9, stale-while-revalidate=7", (7, 4, false)),
        ("cache-control: max-age=9, stale-if-error=0", (3, 0, false)),
        ("cache-control: max-age=9, stale-if-error=8, must-revalidate", (0, 0, true)),
        ("cache-control: max-age=9, proxy-revalidate", (0, 0, true)),
        ("cache-control: s-maxage=9, stale-while-revalidate=7", (7, 4, false)),
    ] {
        let terms = terms(&rules, false, 200, &[line]).expect(line);
        let seen = (terms.while_revalidate.as_secs(), terms.if_error.as_secs(), terms.never_stale);
        assert_eq!(seen, wanted, "{line}");
    }
}

/// Section 4.2.3.
#[test]
fn answers_may_be_old_when_they_come() {
    let rows: [(&[&str], u64, u64); 7] = [
        (&[], 0, 0),
        (&[], 3, 3),
        (&[DATE], 0, 0),
        (&["age: 5"], 1, 6),
        (&["age: x", DATE], 1, 1),
        (&["date: Fri, 02 Jan 2026 03:04:00 GMT"], 1, 5),
        (&["date: Fri, 02 Jan 2026 03:04:00 GMT", "age: 9"], 1, 10),
    ];
    for (lines, waited, wanted) in rows {
        let age = initial_age(&headers(lines), NOW, Duration::from_secs(waited));
        assert_eq!(age.as_secs(), wanted, "{lines:?}");
    }
}
