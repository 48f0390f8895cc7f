//! Tests of `cache-lookup` with `cache-store`: exchanges one after the other over one cache.

use std::{sync::Arc, time::Duration};

use crate::{
    cache::Cache,
    model::Clock,
    policies::{
        facts::{ProductFacts, SubscriptionFacts, UserFacts},
        testing::{Played, Reply, Scene},
    },
    policy::Scope,
};

const LOOKUP: &str = r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="false" />"#;
const STORE: &str = r#"<cache-store duration="60" />"#;

/// A cache with its clock.
struct Shared {
    cache: Cache,
    clock: Clock,
}

impl Shared {
    fn new() -> Self {
        let services = Scene::new().services;
        Self { cache: services.outside.cache, clock: services.clock }
    }

    fn scene(&self, lookup: &str, store: &str, target: &str) -> Scene {
        self.over(Scene::new().section("inbound", lookup).section("outbound", store)).request("GET", target)
    }

    fn over(&self, mut scene: Scene) -> Scene {
        scene.services.outside.cache = self.cache.clone();
        scene.services.clock = self.clock.clone();
        scene
    }
}

fn status(played: &Played) -> (&'static str, usize) {
    (played.cache_status.unwrap_or("none"), played.sent.len())
}

/// What it is about, the lookup, who asks first and second, and what the second gets.
type Row<T> = (&'static str, &'static str, T, T, (&'static str, usize));

/// Method, target and headers of a request.
type Ask = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Subscription, user, groups and product of a caller.
type Who = (&'static str, Option<&'static str>, &'static [&'static str], &'static str);

const HIT: (&str, usize) = ("hit", 0);
const MISS: (&str, usize) = ("miss", 1);
const BYPASS: (&str, usize) = ("bypass", 1);

#[test]
fn what_was_answered_is_answered_again_until_its_time_is_over() {
    let shared = Shared::new();
    let answer = Reply::new(200, "body").header("content-type", "text/plain").header("set-cookie", "a=b");
    let ask = || shared.scene(LOOKUP, STORE, "/a?b=1").reply(answer.clone()).run();
    let first = ask();
    assert_eq!((status(&first), first.header("set-cookie").as_deref()), (MISS, Some("a=b")));
    assert_eq!(first.header("cache-control").as_deref(), Some("no-store"), "nobody else may cache it");
    shared.clock.advance(Duration::from_secs(20));
    let second = ask();
    assert_eq!((status(&second), second.status(), second.body().as_str()), (HIT, 200, "body"));
    assert_eq!(
        (second.header("content-type").as_deref(), second.header("age").as_deref()),
        (Some("text/plain"), Some("20"))
    );
    assert_eq!(second.header("set-cookie"), None, "cookies are for one");
    shared.clock.advance(Duration::from_secs(40));
    assert_eq!(status(&ask()), MISS);
}

#[test]
fn only_requests_that_ask_for_the_same_get_it() {
    let by_query = r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="false"><vary-by-query-parameter>v;w</vary-by-query-parameter></cache-lookup>"#;
    let by_header = r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="false"><vary-by-header>Accept</vary-by-header></cache-lookup>"#;
    let private = r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="false" allow-private-response-caching="true"><vary-by-header>Authorization</vary-by-header></cache-lookup>"#;
    let get = |target: &'static str| ("GET", target, &[][..]);
    let rows: &[Row<Ask>] = &[
        ("same", LOOKUP, get("/a?x=1"), get("/a?x=1"), HIT),
        ("path", LOOKUP, get("/a"), get("/b"), MISS),
        ("query", LOOKUP, get("/a?x=1"), get("/a?x=2"), MISS),
        ("host", LOOKUP, get("/a"), get("https://other.test/a"), MISS),
        ("named parameter", by_query, get("/a?v=1"), get("/a?v=2"), MISS),
        ("other parameter", by_query, get("/a?v=1&x=1"), get("/a?x=2&V=1"), HIT),
        ("second name", by_query, get("/a?w=1"), get("/a"), MISS),
        ("header", by_header, ("GET", "/a", &[("accept", "a/a")]), ("GET", "/a", &[("accept", "b/b")]), MISS),
        ("other header", by_header, ("GET", "/a", &[("x-a", "1")]), ("GET", "/a", &[("x-a", "2")]), HIT),
        ("head", LOOKUP, get("/a"), ("HEAD", "/a", &[]), HIT),
        ("after head", LOOKUP, ("HEAD", "/a", &[]), get("/a"), MISS),
        ("post", LOOKUP, get("/a"), ("POST", "/a", &[]), BYPASS),
        ("part", LOOKUP, get("/a"), ("GET", "/a", &[("range", "bytes=0-1")]), BYPASS),
        ("authorization", LOOKUP, get("/a"), ("GET", "/a", &[("authorization", "Bearer a")]), BYPASS),
        (
            "private",
            private,
            ("GET", "/a", &[("authorization", "Bearer a")]),
            ("GET", "/a", &[("authorization", "Bearer b")]),
            MISS,
        ),
        (
            "private again",
            private,
            ("GET", "/a", &[("authorization", "Bearer a")]),
            ("GET", "/a", &[("authorization", "Bearer a")]),
            HIT,
        ),
    ];
    for (name, lookup, first, second, wanted) in rows {
        let shared = Shared::new();
        let ask = |(method, target, headers): &Ask| {
            let scene = shared.scene(lookup, STORE, target).request(method, target);
            headers.iter().fold(scene, |scene, (name, value)| scene.header(name, value)).run()
        };
        ask(first);
        assert_eq!(status(&ask(second)), *wanted, "{name}");
    }
}

#[test]
fn developers_and_products_are_kept_apart() {
    let own = r#"<cache-lookup vary-by-developer="true" vary-by-developer-groups="false" />"#;
    let groups = r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="true" />"#;
    let rows: &[Row<Who>] = &[
        ("shared", LOOKUP, ("s1", Some("u1"), &[], "p"), ("s2", Some("u2"), &[], "p"), HIT),
        ("other product", LOOKUP, ("s1", Some("u1"), &[], "p"), ("s1", Some("u1"), &[], "q"), MISS),
        ("other developer", own, ("s1", Some("u1"), &[], "p"), ("s2", Some("u2"), &[], "p"), MISS),
        ("same developer", own, ("s1", Some("u1"), &[], "p"), ("s2", Some("u1"), &[], "p"), HIT),
        ("nobody's subscriptions", own, ("s1", None, &[], "p"), ("s2", None, &[], "p"), MISS),
        ("other groups", groups, ("s1", Some("u1"), &["a"], "p"), ("s2", Some("u2"), &["b"], "p"), MISS),
        ("same groups", groups, ("s1", Some("u1"), &["a", "b"], "p"), ("s2", Some("u2"), &["b", "a"], "p"), HIT),
    ];
    for (name, lookup, first, second, wanted) in rows {
        let shared = Shared::new();
        let ask = |(subscription, user, groups, product): &Who| {
            let mut scene = shared.scene(lookup, STORE, "/a");
            let id = Arc::from(*subscription);
            scene.facts.subscription = Some(Arc::new(SubscriptionFacts { id, ..SubscriptionFacts::default() }));
            scene.facts.product = Some(Arc::new(ProductFacts { id: (*product).into(), ..ProductFacts::default() }));
            let groups = groups.iter().map(|group| Arc::from(*group)).collect();
            scene.facts.user = user.map(|id| Arc::new(UserFacts { id: id.into(), groups, ..UserFacts::default() }));
            scene.run()
        };
        ask(first);
        assert_eq!(status(&ask(second)), *wanted, "{name}");
    }
}

#[test]
fn answers_are_kept_by_status_and_by_their_own_word() {
    let anyway = r#"<cache-store duration="60" cache-response="true" />"#;
    let never = r#"<cache-store duration="60" cache-response="@(false)" />"#;
    let ok = || Reply::new(200, "x");
    let rows = [
        ("200", STORE, ok(), HIT),
        ("404", STORE, Reply::new(404, "x"), MISS),
        ("404 anyway", anyway, Reply::new(404, "x"), HIT),
        ("never", never, ok(), MISS),
        ("no time", r#"<cache-store duration="@(0)" />"#, ok(), MISS),
        ("before now", r#"<cache-store duration="@(-5)" />"#, ok(), MISS),
        ("no store policy", "", ok(), MISS),
        ("part", anyway, Reply::new(206, "x"), MISS),
        ("unchanged", anyway, Reply::new(304, ""), MISS),
        ("no-store", STORE, ok().header("cache-control", "max-age=9, no-store"), MISS),
        ("private", STORE, ok().header("cache-control", "private"), MISS),
        ("no-cache", STORE, ok().header("cache-control", "no-cache"), HIT),
        ("stream", STORE, ok().header("content-type", "text/event-stream"), MISS),
        ("varies by anything", STORE, ok().header("vary", "*"), MISS),
        ("too large", STORE, Reply::new(200, vec![b'x'; (2 << 20) + 1]), MISS),
        ("as large as it may be", STORE, Reply::new(200, vec![b'x'; 2 << 20]), HIT),
    ];
    for (name, store, reply, wanted) in rows {
        let shared = Shared::new();
        let ask = || shared.scene(LOOKUP, store, "/a").reply(reply.clone()).run();
        let first = ask();
        assert_eq!(status(&first), MISS, "{name}");
        assert_eq!(status(&ask()), wanted, "{name}");
    }
}

#[test]
fn answers_that_vary_have_variants() {
    let shared = Shared::new();
    let ask = |language: &'static str, extra: &[(&str, &str)]| {
        let reply = Reply::new(200, language).header("vary", "Accept-Language");
        let scene = shared.scene(LOOKUP, STORE, "/a").header("accept-language", language).reply(reply);
        extra.iter().fold(scene, |scene, (name, value)| scene.header(name, value)).run()
    };
    assert_eq!(status(&ask("de", &[])), MISS);
    assert_eq!(status(&ask("fr", &[])), MISS);
    let again = ask("de", &[("x-other", "1")]);
    assert_eq!((status(&again), again.body().as_str()), (HIT, "de"));
    let again = ask("fr", &[]);
    assert_eq!((status(&again), again.body().as_str()), (HIT, "fr"));
}

#[test]
fn coded_answers_go_to_those_who_accept_the_coding() {
    let shared = Shared::new();
    let ask = |accepts: &str| {
        let reply = Reply::new(200, "coded").header("content-encoding", "gzip");
        shared.scene(LOOKUP, STORE, "/a").header("accept-encoding", accepts).reply(reply).run()
    };
    assert_eq!((status(&ask("gzip")), status(&ask("gzip")), status(&ask("identity"))), (MISS, HIT, MISS));
}

#[test]
fn conditions_are_taken_out_when_nothing_is_found() {
    let shared = Shared::new();
    let scene = shared.scene(LOOKUP, STORE, "/a").header("if-none-match", "\"1\"").header("cache-control", "no-cache");
    let played = scene.header("x-a", "1").run();
    let sent = &played.sent[0];
    assert_eq!(
        (sent.header("if-none-match"), sent.header("cache-control"), sent.header("x-a").as_deref()),
        (None, None, Some("1"))
    );
}

#[test]
fn downstream_caches_are_told() {
    let rows = [
        (r#"downstream-caching-type="public""#, "public, max-age=60, must-revalidate"),
        (r#"downstream-caching-type="private" must-revalidate="false""#, "private, max-age=60"),
        (r#"downstream-caching-type="@("public")" must-revalidate="@(false)""#, "public, max-age=60"),
        ("", "no-store"),
    ];
    for (attributes, wanted) in rows {
        let shared = Shared::new();
        let lookup =
            format!(r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="false" {attributes} />"#);
        let ask = || shared.scene(&lookup, STORE, "/a").run();
        assert_eq!(ask().header("cache-control").as_deref(), Some(wanted), "{attributes}");
        assert_eq!(ask().header("cache-control").as_deref(), Some(wanted), "{attributes}, from the cache");
    }
}

#[test]
fn the_outbound_section_goes_on_after_the_store() {
    let mark =
        |name: &str| format!(r#"<set-header name="x-marks" exists-action="append"><value>{name}</value></set-header>"#);
    let rows = [
        (format!("{}{STORE}{}", mark("a"), mark("b")), "a, b", "a, b"),
        (
            format!(
                r#"{}<choose><when condition="@(true)">{STORE}{}</when></choose>{}"#,
                mark("a"),
                mark("b"),
                mark("c")
            ),
            "a, b, c",
            "a, c",
        ),
        (mark("a"), "a", "a"),
    ];
    for (outbound, first, second) in rows {
        let shared = Shared::new();
        let inbound = format!("{LOOKUP}{}", r#"<set-variable name="late" value="1" />"#);
        let ask = || shared.scene(&inbound, &outbound, "/a").run();
        assert_eq!(ask().header("x-marks").as_deref(), Some(first), "{outbound}");
        let again = ask();
        if again.cache_status == Some("hit") {
            assert_eq!(again.variable("late"), None, "the rest of inbound is left out");
        }
        assert_eq!(again.header("x-marks").as_deref(), Some(second), "{outbound}");
    }
}

#[test]
fn also_when_a_wider_scope_stores() {
    let mark =
        |name: &str| format!(r#"<set-header name="x-marks" exists-action="append"><value>{name}</value></set-header>"#);
    let global = format!(
        "<policies><inbound>{LOOKUP}</inbound><outbound>{}{STORE}{}</outbound></policies>",
        mark("g1"),
        mark("g2")
    );
    let own = format!("{}<base />{}", mark("a1"), mark("a2"));
    let shared = Shared::new();
    let ask = || {
        let scene =
            Scene::new().section("inbound", "<base />").section("outbound", &own).document(Scope::Global, &global);
        shared.over(scene).run()
    };
    assert_eq!(ask().header("x-marks").as_deref(), Some("a1, g1, g2, a2"));
    let again = ask();
    assert_eq!((status(&again), again.header("x-marks").as_deref()), (HIT, Some("a1, g1, g2, a2")));
}

#[test]
fn what_changes_after_the_store_is_not_kept() {
    let shared = Shared::new();
    let outbound = format!(
        r#"{STORE}<find-and-replace from="ok" to="@(context.Request.Headers.GetValueOrDefault("x-who", ""))" />"#
    );
    let ask = |who: &str| shared.scene(LOOKUP, &outbound, "/a").header("x-who", who).run().body();
    assert_eq!((ask("me").as_str(), ask("you").as_str()), (r#"{"me":true}"#, r#"{"you":true}"#));
}

#[test]
fn bad_ones_are_told() {
    let rows = [
        (r#"<cache-lookup vary-by-developer="maybe" vary-by-developer-groups="false" />"#, "not true or false"),
        (r#"<cache-lookup vary-by-developer="false" />"#, "needs the attribute `vary-by-developer-groups`"),
    ];
    for (policy, wanted) in rows {
        let troubles = Scene::new().section("inbound", policy).troubles();
        assert!(troubles.iter().any(|trouble| trouble.contains(wanted)), "{troubles:?}");
    }
    let troubles = Scene::new().section("outbound", r#"<cache-store duration="seconds" />"#).troubles();
    assert!(troubles[0].contains("not a number"), "{troubles:?}");
}
