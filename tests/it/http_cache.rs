//! Answers of plain APIs that are kept: what callers get, and what the backend is asked.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Answer, Call, End},
    vendor::{Gate, Reply, Vendor},
    world::{KEY, OTHER_KEY, World},
};

/// A world with this `cache:` in front of `vendor`.
async fn world(cache: &str, vendor: Vendor) -> World {
    let config = format!(
        "backends: [{{ id: svc, kind: http, url: \"vendor://svc\" }}]\n\
         apis: [{{ id: orders, kind: http, path: /orders, backend: svc, cache: {{ {cache} }} }}]\n"
    );
    World::builder().config(&config).vendor("svc", vendor).start().await
}

/// `answer N` with these headers.
async fn numbered(headers: &'static [(&'static str, &'static str)]) -> Vendor {
    Vendor::start(move |_, number| with(number, headers)).await
}

fn with(number: usize, headers: &[(&str, &str)]) -> Reply {
    let reply = Reply::text(200, "text/plain", format!("answer {number}"));
    headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
}

/// Applications' own credentials pass beside this one.
fn get(target: &str) -> Call {
    keyed("GET", target, KEY)
}

fn keyed(method: &str, target: &str, key: &str) -> Call {
    Call::new(method, target).header("ocp-apim-subscription-key", key)
}

fn cached(answer: &Answer) -> &str {
    answer.header("x-tollgate-cache").unwrap_or("nothing")
}

/// Status, text, and what became of the look.
async fn ask(world: &World, call: &Call) -> (u16, String, String) {
    let answer = world.send(call).await;
    assert_eq!(answer.end, End::Proper, "{}", answer.text());
    (answer.status, answer.text(), cached(&answer).to_owned())
}

fn seen(number: usize, cache: &str) -> (u16, String, String) {
    (200, format!("answer {number}"), cache.to_owned())
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn hits_are_given_until_their_time_is_up() {
    let world = world("ttl: 10s", numbered(&[("x-own", "1"), ("set-x", "2")]).await).await;
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "miss"));
    world.advance(4 * SECOND);
    let hit = world.send(&get("/orders/1")).await.expect_whole(200);
    assert_eq!((hit.text().as_str(), cached(&hit), hit.header("age")), ("answer 1", "hit", Some("4")));
    assert_eq!((hit.header("x-own"), hit.header("content-type")), (Some("1"), Some("text/plain")));
    let head = world.send(&keyed("HEAD", "/orders/1", KEY)).await.expect_whole(200);
    assert_eq!((cached(&head), head.body.len(), head.header("content-length")), ("hit", 0, Some("8")));
    assert_eq!(ask(&world, &get("/orders/2")).await, seen(2, "miss"));
    assert_eq!(ask(&world, &get("/orders/1?a=1")).await, seen(3, "miss"), "the whole query counts");
    world.advance(6 * SECOND);
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(4, "miss"));
    let lines = world.lines(6).await;
    let said: Vec<_> = lines.iter().map(|line| line["cache"].clone()).collect();
    assert_eq!(said, ["miss", "hit", "hit", "miss", "miss", "miss"]);
}

/// What the answer says, and whether a second call is a hit.
#[tokio::test]
async fn what_answers_say_of_themselves_counts() {
    type Headers = &'static [(&'static str, &'static str)];
    let rows: [(Headers, &str); 14] = [
        (&[], "hit"),
        (&[("cache-control", "no-store")], "miss"),
        (&[("cache-control", "private, max-age=60")], "miss"),
        (&[("cache-control", "no-cache")], "miss"),
        (&[("cache-control", "max-age=0")], "miss"),
        (&[("cache-control", "max-age=60")], "hit"),
        (&[("expires", "0")], "miss"),
        (&[("expires", "Fri, 02 Jan 2026 03:05:05 GMT")], "hit"),
        (&[("date", "Fri, 02 Jan 2026 03:00:00 GMT"), ("cache-control", "max-age=60")], "miss"),
        (&[("age", "61"), ("cache-control", "max-age=60")], "miss"),
        (&[("vary", "*")], "miss"),
        (&[("vary", "x-own")], "hit"),
        (&[("set-cookie", "session=1")], "miss"),
        (&[("set-cookie", "a=1"), ("cache-control", "public, max-age=60")], "hit"),
    ];
    let vendor = Vendor::start(move |seen, number| {
        let at: usize = seen.target.trim_start_matches('/').parse().expect("a number");
        with(number, rows[at].0)
    })
    .await;
    let world = world("ttl: 10s", vendor).await;
    for (at, (headers, wanted)) in rows.iter().enumerate() {
        let call = get(&format!("/orders/{at}"));
        let first = world.send(&call).await.expect_whole(200);
        let sets_cookie = headers.iter().any(|(name, _)| *name == "set-cookie");
        assert_eq!((cached(&first), first.header("set-cookie").is_some()), ("miss", sets_cookie));
        let second = world.send(&call).await.expect_whole(200);
        assert_eq!(cached(&second), *wanted, "{headers:?}");
        assert!(*wanted == "miss" || second.header("set-cookie").is_none(), "cookies are not given again");
    }
}

#[tokio::test]
async fn the_origin_can_be_overruled() {
    let forbids = &[("cache-control", "no-cache, no-store, max-age=0, must-revalidate"), ("expires", "0")];
    let world = world("ttl: 10s, respect_origin: false", numbered(forbids).await).await;
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "miss"));
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "hit"));
}

/// What the request says, and what a call after a kept answer gets.
#[tokio::test]
async fn what_requests_say_counts_unless_switched_off() {
    type Lines = &'static [(&'static str, &'static str)];
    let rows: [(Lines, u16, &str, &str); 13] = [
        (&[], 200, "hit", "hit"),
        (&[("cache-control", "no-cache")], 200, "miss", "hit"),
        (&[("cache-control", "max-age=0")], 200, "miss", "hit"),
        (&[("cache-control", "max-age=3")], 200, "miss", "hit"),
        (&[("cache-control", "max-age=5")], 200, "hit", "hit"),
        (&[("cache-control", "min-fresh=8")], 200, "miss", "hit"),
        (&[("cache-control", "no-store")], 200, "bypass", "hit"),
        (&[("pragma", "no-cache")], 200, "miss", "hit"),
        (&[("cache-control", "only-if-cached")], 200, "hit", "hit"),
        (&[("range", "bytes=0-1")], 200, "bypass", "bypass"),
        (&[("if-match", "\"a\"")], 200, "bypass", "bypass"),
        (&[("x-http-method-override", "DELETE")], 200, "miss", "miss"),
        (&[("authorization", "Basic x")], 200, "miss", "miss"),
    ];
    for setting in ["", ", respect_client: false"] {
        let world = world(&format!("ttl: 10s{setting}"), numbered(&[]).await).await;
        for (at, (headers, status, wanted, without)) in rows.iter().enumerate() {
            let path = format!("/orders/{at}");
            assert_eq!(ask(&world, &get(&path)).await, seen(world.vendor("svc").count(), "miss"));
            world.advance(4 * SECOND);
            let call = headers.iter().fold(get(&path), |call, (name, value)| call.header(name, value));
            let answer = world.send(&call).await.expect_whole(*status);
            let wanted = if setting.is_empty() { wanted } else { without };
            assert_eq!(cached(&answer), *wanted, "{headers:?}{setting}");
        }
    }
    let world = world("ttl: 10s", numbered(&[]).await).await;
    let call = get("/orders/1").header("cache-control", "only-if-cached");
    assert_eq!(world.send(&call).await.expect_whole(504).header("x-tollgate-cache"), Some("miss"));
    assert_eq!(world.vendor("svc").count(), 0);
}

/// Which callers share an answer.
#[tokio::test]
async fn answers_are_for_those_for_whom_they_are_kept() {
    let personal = |call: Call, who: &str| call.header("authorization", &format!("Basic {who}"));
    let a = || keyed("GET", "/orders/1", KEY);
    let b = || keyed("GET", "/orders/1", OTHER_KEY);
    let rows = [
        ("ttl: 10s", "max-age=9", a(), b(), "miss"),
        ("ttl: 10s, shared: true", "max-age=9", a(), b(), "hit"),
        ("ttl: 10s, vary_by: { developer: true }", "max-age=9", a(), b(), "miss"),
        ("ttl: 10s", "max-age=9", personal(a(), "one"), personal(a(), "one"), "miss"),
        ("ttl: 10s", "max-age=9", a(), personal(a(), "one"), "miss"),
        ("ttl: 10s", "public, max-age=9", personal(a(), "one"), personal(a(), "two"), "hit"),
        ("ttl: 10s", "s-maxage=9", a(), personal(a(), "two"), "hit"),
        ("ttl: 10s, allow_authorization: true", "max-age=9", personal(a(), "one"), personal(a(), "one"), "hit"),
        ("ttl: 10s, allow_authorization: true", "max-age=9", personal(a(), "one"), personal(a(), "two"), "miss"),
        ("ttl: 10s", "max-age=9", a().header("cookie", "s=1"), a().header("cookie", "s=2"), "miss"),
        ("ttl: 10s", "max-age=9", a().header("accept", "x/y"), a().header("accept", "x/z"), "miss"),
        ("ttl: 10s", "max-age=9", a().header("x-any", "1"), a().header("x-any", "2"), "hit"),
        (
            "ttl: 10s, vary_by: { headers: [X-Any] }",
            "max-age=9",
            a().header("x-any", "1"),
            a().header("x-any", "2"),
            "miss",
        ),
        ("ttl: 10s, shared: true", "max-age=9", a().header("host", "one.test"), a().header("host", "two.test"), "miss"),
    ];
    for (settings, control, first, second, wanted) in rows {
        let vendor = Vendor::start(move |_, number| with(number, &[("cache-control", control)])).await;
        let world = world(settings, vendor).await;
        assert_eq!(ask(&world, &first).await, seen(1, "miss"));
        let wanted = if wanted == "hit" { seen(1, "hit") } else { seen(2, "miss") };
        assert_eq!(ask(&world, &second).await, wanted, "{settings} {control} {first:?} {second:?}");
    }
}

#[tokio::test]
async fn only_named_parameters_of_the_query_count() {
    let world = world("ttl: 10s, vary_by: { query: [page] }", numbered(&[]).await).await;
    assert_eq!(ask(&world, &get("/orders/1?page=1&trace=a")).await, seen(1, "miss"));
    assert_eq!(ask(&world, &get("/orders/1?trace=b&page=1")).await, seen(1, "hit"));
    assert_eq!(ask(&world, &get("/orders/1?page=2")).await, seen(2, "miss"));
}

#[tokio::test]
async fn each_variant_of_an_answer_is_kept() {
    let vendor = Vendor::start(|seen, number| {
        let language = seen.header("accept-language").unwrap_or("none").to_owned();
        with(number, &[("vary", "Accept-Language"), ("x-language", &language)])
    })
    .await;
    let world = world("ttl: 10s", vendor).await;
    let of = |language: &str| get("/orders/1").header("accept-language", language);
    assert_eq!(ask(&world, &of("de")).await, seen(1, "miss"));
    assert_eq!(ask(&world, &of("fr")).await, seen(2, "miss"));
    assert_eq!(ask(&world, &of("de")).await, seen(1, "hit"));
    assert_eq!(ask(&world, &of("fr")).await, seen(2, "hit"));
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(3, "miss"));
}

#[tokio::test]
async fn callers_that_have_it_are_told_so() {
    let tagged = &[("etag", "\"v1\""), ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")];
    let world = world("ttl: 10s", numbered(tagged).await).await;
    let has = |name: &str, value: &str| get("/orders/1").header(name, value);
    let first = world.send(&has("if-none-match", "\"v1\"")).await.expect_whole(304);
    assert_eq!((cached(&first), first.header("etag"), first.header("content-length")), ("miss", Some("\"v1\""), None));
    assert_eq!(world.vendor("svc").only().header("if-none-match"), None, "the backend is asked for the whole");
    let rows = [
        ("if-none-match", "W/\"v1\"", 304),
        ("if-none-match", "\"v0\", \"v1\"", 304),
        ("if-none-match", "\"v0\"", 200),
        ("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT", 304),
        ("if-modified-since", "Wed, 31 Dec 2025 00:00:00 GMT", 200),
    ];
    for (name, value, status) in rows {
        let answer = world.send(&has(name, value)).await.expect_whole(status);
        assert_eq!((cached(&answer), answer.text().is_empty()), ("hit", status == 304), "{name}: {value}");
    }
    assert_eq!(world.vendor("svc").count(), 1);
}

#[tokio::test]
async fn callers_that_have_it_are_told_so_where_nothing_is_kept() {
    let vendor = Vendor::start(|seen, number| match seen.header("if-none-match") {
        Some(_) => Reply::status(304).header("etag", "\"v1\""),
        None => with(number, &[("etag", "\"v1\""), ("cache-control", "private"), ("set-cookie", "a=b")]),
    })
    .await;
    let world = world("ttl: 10s", vendor).await;
    let has = || get("/orders/1").header("if-none-match", "\"v1\"");
    let first = world.send(&has()).await.expect_whole(304);
    assert_eq!((cached(&first), first.header("set-cookie")), ("miss", Some("a=b")));
    world.send(&has()).await.expect_whole(304);
    let seen = world.vendor("svc").seen();
    let asked: Vec<_> = seen.iter().map(|seen| seen.header("if-none-match")).collect();
    assert_eq!(asked, [None, Some("\"v1\"")], "once it is known that nothing is kept, the backend decides");
}

#[tokio::test]
async fn stale_answers_are_asked_about() {
    let vendor = Vendor::start(|seen, number| match seen.header("if-none-match") {
        Some("\"v1\"") if number < 4 => Reply::status(304).header("x-round", &number.to_string()),
        _ => with(number, &[("etag", "\"v1\""), ("x-round", "0")]),
    })
    .await;
    let world = world("ttl: 10s", vendor).await;
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "miss"));
    for round in ["2", "3"] {
        world.advance(11 * SECOND);
        let answer = world.send(&get("/orders/1")).await.expect_whole(200);
        assert_eq!((answer.text().as_str(), cached(&answer)), ("answer 1", "hit; revalidated"));
        assert_eq!((answer.header("x-round"), answer.header("age")), (Some(round), Some("0")));
        assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "hit"));
    }
    world.advance(11 * SECOND);
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(4, "miss"), "another one by now");
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(4, "hit"));
}

#[tokio::test]
async fn a_304_about_another_answer_is_not_believed() {
    let vendor = Vendor::start(|seen, number| match seen.header("if-none-match") {
        Some(_) => Reply::status(304).header("etag", "\"other\""),
        None => with(number, &[("etag", "\"v1\"")]),
    })
    .await;
    let world = world("ttl: 10s", vendor).await;
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "miss"));
    world.advance(11 * SECOND);
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(3, "miss"));
}

#[tokio::test]
async fn stale_answers_stand_in_for_failures_where_allowed() {
    let rows = [
        ("ttl: 10s, stale_if_error: 1m", "", (200, "answer 1", "hit; stale")),
        ("ttl: 10s", "max-age=10, stale-if-error=60", (200, "answer 1", "hit; stale")),
        ("ttl: 10s, stale_if_error: 1m", "max-age=10, must-revalidate", (503, "sorry", "miss")),
        ("ttl: 10s", "", (503, "sorry", "miss")),
        ("ttl: 10s, stale_if_error: 2s", "", (503, "sorry", "miss")),
    ];
    for (settings, control, (status, text, cache)) in rows {
        let vendor = Vendor::start(move |_, number| match number {
            1 if control.is_empty() => with(1, &[]),
            1 => with(1, &[("cache-control", control)]),
            _ => Reply::text(503, "text/plain", "sorry"),
        })
        .await;
        let world = world(settings, vendor).await;
        assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "miss"));
        world.advance(13 * SECOND);
        let wanted = (status, text.to_owned(), cache.to_owned());
        assert_eq!(ask(&world, &get("/orders/1")).await, wanted, "{settings} {control}");
    }
}

#[tokio::test]
async fn unreachable_backends_are_stood_in_for() {
    let vendor = Vendor::start(|_, number| if number == 1 { with(1, &[]) } else { Reply::hang_up() }).await;
    let world = world("ttl: 10s, stale_if_error: 1h", vendor).await;
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "miss"));
    world.advance(11 * SECOND);
    assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "hit; stale"));
    let line = world.lines(2).await.pop().expect("a line");
    assert_eq!((&line["status"], &line["outcome"], &line["cache"]), (&json!(200), &json!("complete"), &json!("hit")));
}

#[tokio::test]
async fn answers_are_fetched_anew_behind_the_caller() {
    for (settings, after, status) in
        [("ttl: 10s, refresh_ahead: 3s", 8, "hit"), ("ttl: 10s, stale_while_revalidate: 5s", 12, "hit; stale")]
    {
        let world = world(settings, numbered(&[]).await).await;
        assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, "miss"));
        world.advance(after * SECOND);
        assert_eq!(ask(&world, &get("/orders/1")).await, seen(1, status), "{settings}");
        let refresh =
            world.lines(3).await.into_iter().find(|line| line["cache"] == "refresh").expect("a line of its own");
        assert_eq!((&refresh["status"], &refresh["subscription"]), (&json!(200), &json!(null)));
        assert_eq!(ask(&world, &get("/orders/1")).await, seen(2, "hit"), "{settings}");
        assert_eq!(world.vendor("svc").count(), 2, "{settings}");
    }
}

#[tokio::test]
async fn changes_make_what_is_kept_of_a_path_worthless() {
    for (method, status, is_forgotten) in [
        ("POST", 201, true),
        ("PUT", 204, true),
        ("PATCH", 200, true),
        ("DELETE", 204, true),
        ("PURGE", 200, true),
        ("PUT", 409, false),
        ("OPTIONS", 200, false),
    ] {
        let vendor = Vendor::start(
            move |seen, number| {
                if seen.method == "GET" { with(number, &[]) } else { Reply::status(status) }
            },
        )
        .await;
        let world = world("ttl: 10s", vendor).await;
        assert_eq!(ask(&world, &get("/orders/1?a=1")).await, seen(1, "miss"));
        assert_eq!(ask(&world, &get("/orders/2")).await, seen(2, "miss"));
        let change = world.send(&keyed(method, "/orders/1", OTHER_KEY)).await.expect_whole(status);
        assert_eq!(cached(&change), "bypass");
        let wanted = if is_forgotten { seen(4, "miss") } else { seen(1, "hit") };
        assert_eq!(ask(&world, &get("/orders/1?a=1")).await, wanted, "{method} {status}");
        assert_eq!(ask(&world, &get("/orders/2")).await, seen(2, "hit"), "{method} {status}");
    }
}

#[tokio::test]
async fn bodies_are_kept_whole_or_not_at_all() {
    let large = || Reply::text(200, "text/plain", "x".repeat(2_000));
    let pieces = || Reply::chunks("text/plain", ["one", "two"]);
    let rows: [(&str, Reply, &str, usize); 7] = [
        ("a length", Reply::text(200, "text/plain", "one"), "hit", 1),
        ("chunks", pieces(), "hit", 1),
        ("nothing", Reply::status(204), "hit", 1),
        ("too large", large(), "miss", 2),
        ("too large in chunks", Reply::chunks("text/plain", ["x".repeat(1_000), "x".repeat(1_000)]), "miss", 2),
        ("cut off", pieces().cut(1), "miss", 2),
        ("events", Reply::events(["data: 1\n\n"]), "miss", 2),
    ];
    for (name, reply, wanted, asked) in rows {
        let world = world("ttl: 10s, max_body: 1KiB", Vendor::always(reply).await).await;
        let first = world.send(&get("/orders/1")).await;
        let second = world.send(&get("/orders/1")).await;
        assert_eq!((cached(&second), world.vendor("svc").count()), (wanted, asked), "{name}");
        assert_eq!(first.body, second.body, "{name}");
    }
    let raw = Reply::raw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf of it");
    let world = world("ttl: 10s", Vendor::always(raw).await).await;
    assert_eq!(cached(&world.send(&get("/orders/1")).await), "miss");
    assert_eq!(cached(&world.send(&get("/orders/1")).await), "miss", "its end cannot be told from a break");
}

#[tokio::test]
async fn an_answer_passes_as_it_comes_and_is_kept_when_it_has_come() {
    let gate = Gate::closed();
    let vendor = {
        let gate = gate.clone();
        Vendor::start(move |_, _| Reply::chunks("text/plain", ["first", "second"]).hold(1, &gate)).await
    };
    let world = world("ttl: 10s", vendor).await;
    let mut open = get("/orders/1").open(world.gateway()).await;
    assert!(open.until_text("first").await, "relayed before it is whole");
    gate.open();
    assert_eq!(open.finish().await.expect_whole(200).text(), "firstsecond");
    assert_eq!(ask(&world, &get("/orders/1")).await, (200, "firstsecond".to_owned(), "hit".to_owned()));
}

#[tokio::test]
async fn operations_have_rules_of_their_own() {
    let config = "
backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis:
  - id: orders
    kind: http
    path: /orders
    backend: svc
    cache: { ttl: 10s }
    operations:
      - { id: read, method: GET, path: /usual }
      - { id: off, method: GET, path: /off, cache: { enabled: false } }
      - { id: long, method: GET, path: /long, cache: { ttl: 1h } }
";
    let world = World::builder().config(config).vendor("svc", numbered(&[]).await).start().await;
    for (path, first, then, later) in
        [("usual", "miss", "hit", "miss"), ("off", "nothing", "nothing", "nothing"), ("long", "miss", "hit", "hit")]
    {
        let call = get(&format!("/orders/{path}"));
        for (wanted, after) in [(first, 0), (then, 11), (later, 0)] {
            assert_eq!(cached(&world.send(&call).await.expect_whole(200)), wanted, "{path}");
            world.advance(after * SECOND);
        }
    }
}

#[tokio::test]
async fn hits_count_as_calls_and_stand_in_the_ledger() {
    let config = "
backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis: [{ id: orders, kind: http, path: /orders, backend: svc, cache: { ttl: 1h } }]
products: [{ id: all, limits: { requests_per_minute: 3 } }]
subscriptions: [{ id: team-a, product: all, key: key-of-team-a-canary-0001 }]
";
    let world = World::builder().config(config).vendor("svc", numbered(&[]).await).start().await;
    for status in [200, 200, 200, 429] {
        world.send(&get("/orders/1")).await.expect_whole(status);
    }
    assert_eq!(world.vendor("svc").count(), 1);
    let anonymous = world.send(&Call::get("/orders/1")).await.expect_whole(401);
    assert_eq!(cached(&anonymous), "nothing", "the key comes first");
    let mut said = Vec::new();
    for _ in 0..2_400 {
        let rows = world.admin(Call::get("/admin/v1/requests?order=oldest")).await.expect_whole(200).json();
        let rows = rows["items"].as_array().cloned().unwrap_or_default();
        said = rows.iter().filter(|row| row["status"] == 200).map(|row| row["cache"].clone()).collect();
        if said.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(said, ["miss", "hit", "hit"]);
}
