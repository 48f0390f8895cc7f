//! What is found again, and what is forgotten.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::*;
use crate::cache::http::{Marks, Rules, Terms, asked::Parts};

fn shelf(room: u64) -> (Clock, Shelf) {
    let clock = Clock::manual(Timestamp::from_secs(1_767_323_045));
    (clock.clone(), Shelf::new(room, clock, Entropy::seeded(1)))
}

fn asked(path: &str, lines: &[(&'static str, &'static str)]) -> Asked {
    let pair =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let headers: HeaderMap = lines.iter().map(pair).collect();
    let rules = Rules::of(&crate::settings::HttpCache::default()).expect("enabled");
    let (target, origin, query, partition) = ("svc", "http://a", "", "");
    Asked::new(&Parts { api: "a", target, origin, path, query, partition, headers: &headers }, &rules)
}

fn entry(clock: &Clock, vary: &'static str, body: &'static str) -> Entry {
    let terms = Terms {
        lifetime: Duration::from_secs(60),
        while_revalidate: Duration::ZERO,
        if_error: Duration::ZERO,
        never_stale: false,
        always_ask: false,
        for_all: false,
    };
    let tags = [Arc::<str>::from("t")].into();
    Entry {
        status: StatusCode::OK,
        headers: HeaderMap::from_iter([(header::VARY, HeaderValue::from_static(vary))]),
        body: Bytes::from_static(body.as_bytes()),
        asked: clock.now(),
        received: clock.now(),
        initial_age: Duration::ZERO,
        terms,
        marks: Marks { api: "a".into(), product: Some("p".into()), path: "/a/x".into(), tags },
    }
}

fn put(shelf: &Shelf, place: &Place, asked: &Asked, entry: Entry) -> bool {
    shelf.put(place, asked, Arc::new(entry)).is_some()
}

fn found(shelf: &Shelf, asked: &Asked) -> Option<Bytes> {
    shelf.look(asked).entry.map(|entry| entry.body.clone())
}

#[test]
fn answers_end_and_vary() {
    let (clock, shelf) = shelf(1 << 20);
    let (german, french) = (asked("/x", &[("accept-language", "de")]), asked("/x", &[("accept-language", "fr")]));
    assert!(found(&shelf, &german).is_none());
    let (place, other) = (shelf.look(&german).place, shelf.look(&french).place);
    assert_eq!(place.key, other.key, "nothing is known of Vary yet");
    assert!(put(&shelf, &place, &german, entry(&clock, "Accept-Language", "de")));
    assert_eq!((found(&shelf, &german).as_deref(), found(&shelf, &french)), (Some(&b"de"[..]), None));
    assert!(put(&shelf, &other, &french, entry(&clock, "accept-language", "fr")));
    assert_eq!(found(&shelf, &german).as_deref(), Some(&b"de"[..]));
    assert_eq!(found(&shelf, &french).as_deref(), Some(&b"fr"[..]));
    clock.advance(Duration::from_secs(60));
    assert!(found(&shelf, &german).is_none());
}

#[test]
fn a_path_is_forgotten_with_what_is_on_its_way() {
    let (clock, shelf) = shelf(1 << 20);
    let (one, other) = (asked("/x", &[]), asked("/x", &[("accept", "a")]));
    let place = shelf.look(&one).place;
    assert!(put(&shelf, &place, &one, entry(&clock, "", "old")));
    let on_its_way = shelf.look(&other).place;
    shelf.forget(&one.resource);
    assert!(found(&shelf, &one).is_none());
    assert!(!put(&shelf, &on_its_way, &other, entry(&clock, "", "old")), "asked for before");
    assert!(!put(&shelf, &place, &one, entry(&clock, "", "old")));
    assert!(put(&shelf, &shelf.look(&one).place, &one, entry(&clock, "", "new")));
    assert_eq!(found(&shelf, &one).as_deref(), Some(&b"new"[..]));
}

#[test]
fn purges_take_what_they_name() {
    let selector = |api: &str, product: &str, tag: &str, path: &str| {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Selector { api: part(api), product: part(product), tag: part(tag), path: part(path) }
    };
    let rows = [
        (selector("", "", "", ""), true),
        (selector("a", "", "", ""), true),
        (selector("b", "", "", ""), false),
        (selector("", "p", "", ""), true),
        (selector("", "q", "", ""), false),
        (selector("", "", "t", ""), true),
        (selector("", "", "u", ""), false),
        (selector("", "", "", "/a/x"), true),
        (selector("", "", "", "/a"), false),
        (selector("", "", "", "/a/*"), true),
        (selector("", "", "", "/b*"), false),
        (selector("a", "p", "t", "/a*"), true),
        (selector("a", "q", "t", "/a*"), false),
    ];
    for (selector, is_taken) in rows {
        let (clock, shelf) = shelf(1 << 20);
        let asked = asked("/x", &[]);
        let place = shelf.look(&asked).place;
        assert!(put(&shelf, &place, &asked, entry(&clock, "", "kept")));
        assert_eq!(shelf.purge(&selector, true), u64::from(is_taken), "{selector:?}");
        assert!(found(&shelf, &asked).is_some(), "a dry run takes nothing");
        assert_eq!(shelf.purge(&selector, false), u64::from(is_taken), "{selector:?}");
        assert_eq!(found(&shelf, &asked).is_none(), is_taken, "{selector:?}");
        assert_eq!(put(&shelf, &place, &asked, entry(&clock, "", "late")), !is_taken, "what was asked for before");
        clock.advance(Duration::from_secs(1));
        assert!(put(&shelf, &place, &asked, entry(&clock, "", "after")));
    }
}

#[test]
fn what_is_too_large_is_not_kept() {
    let (clock, shelf) = shelf(100);
    let asked = asked("/x", &[]);
    assert!(!put(&shelf, &shelf.look(&asked).place, &asked, entry(&clock, "", "body")));
}

#[test]
fn paths_that_give_nothing_are_remembered_for_a_while() {
    let (clock, shelf) = shelf(1 << 20);
    let asked = asked("/x", &[]);
    shelf.passes(&asked);
    assert!(shelf.look(&asked).is_passing);
    clock.advance(PASSING);
    assert!(!shelf.look(&asked).is_passing);
}
