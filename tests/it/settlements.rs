//! What an exchange is charged, in which window and how surely, however it ended: one row each, nothing held back,
//! and rows, reports and counters that agree.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tollgate::model::Timestamp;

use crate::{
    client::{Answer, Call},
    vendor::{
        Gate, Reply, Seen, Vendor,
        counting::{Books, Counting},
    },
    world::{BACKEND_KEY, Builder, KEY, OTHER_KEY, PROMPT, START, World, binary::Binary},
};

/// Model `m` at vendor `one`, plain API `/orders` at vendor `svc`; each subscription has these limits of its own.
fn config(limits: &str) -> String {
    format!(
        "backends:
  - {{ id: one, kind: openai, url: \"vendor://one/v1\", key: {BACKEND_KEY} }}
  - {{ id: svc, kind: http, url: \"vendor://svc\" }}
models: [{{ name: m, backend: one, upstream_model: up }}]
apis:
  - {{ id: models, kind: models, path: / }}
  - {{ id: orders, kind: http, path: /orders, backend: svc }}
products: [{{ id: all, limits: {{ {limits} }} }}]
subscriptions:
  - {{ id: team-a, product: all, key: {KEY} }}
  - {{ id: team-b, product: all, key: {OTHER_KEY} }}
"
    )
}

async fn world(limits: &str, vendor: Vendor) -> World {
    world_of(World::builder(), limits, vendor).await
}

async fn world_of(builder: Builder, limits: &str, vendor: Vendor) -> World {
    let plain = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    builder.config(&config(limits)).vendor("one", vendor).vendor("svc", plain).start().await
}

fn call(key: &str, id: &str, streamed: bool) -> Call {
    let body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions", &body).key(key).header("x-request-id", id)
}

async fn read(world: &World, path: &str) -> Value {
    world.admin(Call::get(&format!("/admin/v1{path}"))).await.expect(200).json()
}

/// All rows once there are `count`: the ledger goes to the database a moment after the answer.
async fn rows(world: &World, count: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    for _ in 0..6_000 {
        let page = read(world, "/requests?from=2020-01-01&to=2100-01-01&order=oldest&limit=1000").await;
        rows = page["items"].as_array().expect("a list").clone();
        if rows.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rows.len(), count, "one row each: {rows:?}");
    rows
}

async fn quotas(world: &World) -> Vec<Value> {
    read(world, "/quotas").await["items"].as_array().expect("a list").clone()
}

async fn assert_nothing_is_held(world: &World) {
    for quota in quotas(world).await {
        assert_eq!((&quota["reserved"], &quota["open"]), (&json!(0), &json!(0)), "{quota}");
    }
}

/// What `team-a` has used of its quota in tokens.
async fn used(world: &World) -> i64 {
    let quotas = quotas(world).await;
    let own = quotas.iter().find(|quota| quota["key"] == "team-a" && quota["measure"] == "tokens");
    number(own.expect("a counter of team-a"), "used")
}

fn number(row: &Value, name: &str) -> i64 {
    row[name].as_i64().unwrap_or_else(|| panic!("{name} of {row}"))
}

fn words(answer: &Answer) -> i64 {
    i64::try_from(answer.text().matches("\" word\"").count()).expect("few")
}

/// The bytes of a stream of `words` words that come before `offset`; the rest never comes.
fn stream_up_to(words: usize, offset: usize) -> (Reply, usize) {
    let event = |_| {
        let delta = json!([{"index": 0, "delta": {"content": " word"}, "finish_reason": null}]);
        format!("data: {}\n\n", json!({"id": "c", "object": "chat.completion.chunk", "model": "up", "choices": delta}))
    };
    let mut bytes: Vec<u8> = (0..words).map(event).collect::<String>().into_bytes();
    let length = bytes.len();
    bytes.truncate(offset);
    (Reply::events([bytes].into_iter().filter(|bytes| !bytes.is_empty())).stalled(1), length)
}

/// A client that goes after any byte of a stream, with a FIN or an RST, leaves one row that is no less than what it
/// was sent, and holds nothing.
#[tokio::test]
async fn a_client_that_goes_after_any_byte_leaves_one_row_and_holds_nothing() {
    const OFFSETS: usize = 50;
    const WORDS: usize = 20;
    let (_, length) = stream_up_to(WORDS, 0);
    let at = move |nth: usize| nth * length / OFFSETS;
    let world =
        world("tokens_per_day: 1M", Vendor::start(move |_, nth| stream_up_to(WORDS, at(nth - 1)).0).await).await;
    let mut delivered = BTreeMap::new();
    for nth in 0..OFFSETS {
        let id = format!("offset-{nth:02}");
        let mut open = call(KEY, &id, true).start(world.gateway()).await;
        world.vendor("one").reached(nth + 1).await;
        // Before its first whole event an answer has no head yet: these clients go while they wait for it.
        while at(nth) >= length / WORDS && open.answer().body.len() < at(nth) {
            assert!(open.piece().await.is_some(), "{id}: ended after {} bytes", open.answer().body.len());
        }
        delivered.insert(id, words(open.answer()));
        if nth % 2 == 0 {
            open.reset();
        } else {
            drop(open);
        }
        world.vendor("one").abandoned(nth + 1).await;
    }
    let rows = rows(&world, OFFSETS).await;
    for row in &rows {
        let seen = delivered.remove(row["client_request_id"].as_str().expect("an id")).expect("no row twice");
        assert_eq!((&row["outcome"], &row["certainty"]), (&json!("client_gone"), &json!("lower_bound")), "{row}");
        assert!(number(row, "output_tokens") >= seen, "{seen} words delivered: {row}");
        assert!(number(row, "input_tokens") > 0, "{row}");
    }
    assert_eq!(delivered.len(), 0, "{delivered:?}");
    assert_nothing_is_held(&world).await;
    assert_eq!(used(&world).await, rows.iter().map(|row| number(row, "total_tokens")).sum::<i64>());
}

/// A client that goes before anything was answered has sent its prompt all the same: the provider charges for it.
#[tokio::test]
async fn a_client_that_goes_before_the_answer_is_charged_its_prompt() {
    for streamed in [false, true] {
        let vendor = Vendor::always(Reply::silence()).await;
        let world = world("tokens_per_day: 1M, requests_per_day: 10", vendor).await;
        let open = call(KEY, "impatient", streamed).start(world.gateway()).await;
        world.vendor("one").reached(1).await;
        open.reset();
        let row = rows(&world, 1).await.remove(0);
        assert_eq!((&row["outcome"], &row["certainty"]), (&json!("client_gone"), &json!("lower_bound")), "{row}");
        assert_eq!((&row["backend"], &row["attempts"]), (&json!("one"), &json!(1)), "{row}");
        assert!(number(&row, "input_tokens") > 0, "{row}");
        assert_eq!(used(&world).await, number(&row, "total_tokens"), "{row}");
        let quotas = quotas(&world).await;
        let calls = quotas.iter().find(|quota| quota["measure"] == "requests").expect("its counter");
        assert_eq!(calls["used"], json!(1), "{calls}");
        assert_nothing_is_held(&world).await;
    }
}

/// An honest vendor whose first stream stops before its sixth word until the gate opens.
async fn pausing(gate: &Gate) -> Vendor {
    let (counting, books, gate) = (Counting::honest(20), Books::default(), gate.clone());
    let script = move |seen: &Seen, nth| {
        let reply = counting.reply(seen, &books);
        if nth == 1 { reply.hold(5, &gate) } else { reply }
    };
    Vendor::start(script).await
}

#[derive(Clone, Copy, Debug)]
enum Move {
    /// Time passes, on both clocks.
    Passes(u64),
    /// Somebody sets the wall clock.
    Set(Timestamp),
}

const DAY: u64 = 24 * 3_600;

/// Whatever the clock does while a stream runs, it is charged in the window in which it was reserved, and the next
/// request in its own.
#[tokio::test]
async fn a_stream_is_charged_in_the_window_of_its_reservation() {
    const JANUARY: &str = "2026-01-01T00:00:00.000Z";
    let set = |days: i64| Move::Set(Timestamp::from_secs(START.as_secs().saturating_add_signed(days * 24 * 3_600)));
    let table = [
        (Move::Passes(31 * DAY), "2026-02-01T00:00:00.000Z"),
        (Move::Passes(400 * DAY), "2027-02-01T00:00:00.000Z"),
        (set(31), "2026-02-01T00:00:00.000Z"),
        (set(-10), "2025-12-01T00:00:00.000Z"),
        (set(3_650), "2035-12-01T00:00:00.000Z"),
        (set(1), JANUARY),
    ];
    for (moved, then) in table {
        let gate = Gate::closed();
        let builder = World::builder().on_sqlite();
        let world = world_of(builder, "tokens_per_month: 100k", pausing(&gate).await).await;
        let mut open = call(KEY, "first", true).open(world.gateway()).await;
        assert!(open.until_text("\" word\"").await);
        match moved {
            Move::Passes(seconds) => world.advance(Duration::from_secs(seconds)),
            Move::Set(at) => world.clock.set_wall(at),
        }
        gate.open();
        let answer = open.finish().await;
        assert_eq!(words(&answer), 20, "{moved:?}: {}", answer.text());
        let first = charge(&world, "first", 1).await;
        assert_eq!(first.0, JANUARY, "{moved:?}");
        assert_eq!(used(&world).await, if then == JANUARY { first.1 } else { 0 }, "{moved:?}: the window of now");
        world.send(&call(KEY, "second", false)).await.expect_whole(200);
        let second = charge(&world, "second", 2).await;
        assert_eq!(second.0, then, "{moved:?}");
        assert_eq!(used(&world).await, second.1 + if then == JANUARY { first.1 } else { 0 }, "{moved:?}");
        assert_nothing_is_held(&world).await;
    }
}

/// The window and the amount of the one charge of this request, once there are `count` rows.
async fn charge(world: &World, id: &str, count: usize) -> (String, i64) {
    let rows = rows(world, count).await;
    let row = rows.iter().find(|row| row["client_request_id"] == id).expect("its row");
    let row = read(world, &format!("/requests/{}", row["request_id"].as_str().expect("an id"))).await;
    let charges = row["charges"].as_array().expect("a list");
    assert_eq!(charges.len(), 1, "{row}");
    assert_eq!(charges[0]["amount"], row["total_tokens"], "{row}");
    (charges[0]["window"].as_str().expect("a time").to_owned(), number(&charges[0], "amount"))
}

/// A vendor that fails every seventh request, and otherwise counts.
async fn moody() -> (Vendor, Books) {
    let (counting, books) = (Counting::honest(30), Books::default());
    let kept = books.clone();
    let script = move |seen: &Seen, nth: usize| match nth % 7 {
        0 => Reply::json(400, &json!({"error": {"message": "no", "type": "invalid_request_error"}})),
        _ => counting.reply(seen, &kept),
    };
    (Vendor::start(script).await, books)
}

/// Streamed, unstreamed, plain, failed, refused and left: the sums are the same wherever they are read.
#[tokio::test]
async fn rows_reports_and_counters_agree_to_the_token() {
    const ROUNDS: usize = 40;
    let limits = "tokens_per_month: 1M, input_tokens_per_day: 1M, output_tokens_per_year: 1M";
    let (vendor, books) = moody().await;
    let world = world(limits, vendor).await;
    for nth in 0..ROUNDS {
        let key = if nth % 3 == 0 { OTHER_KEY } else { KEY };
        let id = format!("sum-{nth}");
        world.send(&call(key, &id, nth % 2 == 0)).await;
        world.send(&Call::get("/orders/1").key(key).header("x-request-id", &id)).await.expect(200);
    }
    let rows = rows(&world, 2 * ROUNDS).await;
    assert!(rows.iter().any(|row| row["status"] == 400), "some failed");
    assert_eq!(sum(&rows, "total_tokens"), i64::try_from(books.tokens()).expect("few"), "the vendor's books");
    let report = read(&world, "/reports/by-subscription?from=2020-01-01&to=2100-01-01").await;
    for team in ["team-a", "team-b"] {
        let own: Vec<Value> = rows.iter().filter(|row| row["subscription"] == team).cloned().collect();
        let lines = report["items"].as_array().expect("lines");
        let line = lines.iter().find(|line| line["subscription"] == team).expect("a line of each");
        assert_eq!(number(line, "calls"), i64::try_from(own.len()).expect("few"), "{line}");
        for name in ["input_tokens", "output_tokens", "total_tokens"] {
            assert_eq!(number(line, name), sum(&own, name), "{name} of {line}");
        }
        assert_counters(&world, team, &own).await;
    }
}

async fn assert_counters(world: &World, team: &str, own: &[Value]) {
    let counters = quotas(world).await;
    let counters: Vec<_> = counters.iter().filter(|counter| counter["key"] == team).collect();
    assert_eq!(counters.len(), 3, "{counters:?}");
    for counter in counters {
        let name = match counter["measure"].as_str() {
            Some("tokens") => "total_tokens",
            Some(name) => name,
            None => panic!("{counter}"),
        };
        assert_eq!((number(counter, "used"), number(counter, "reserved")), (sum(own, name), 0), "{counter}");
    }
}

fn sum(rows: &[Value], name: &str) -> i64 {
    rows.iter().map(|row| number(row, name)).sum()
}

/// A provider that reports nothing is counted with its model's tokenizer, also the first time, when the tables for that
/// have to be loaded; one that reports that words cost nothing is not believed.
#[tokio::test]
async fn an_answer_without_usage_is_counted_from_the_first_one_on() {
    const WORDS: u64 = 30;
    for (streamed, cold) in [
        (false, Counting { reports: false, ..Counting::honest(WORDS) }),
        (true, Counting { reports: false, ..Counting::honest(WORDS) }),
        (true, Counting { claims: Some(0), ..Counting::honest(WORDS) }),
    ] {
        let (vendor, _) = cold.start().await;
        let config = config("tokens_per_day: 1M").replace("up }", "gpt-4o }").replace("vendor://one", &vendor.url());
        let binary = Binary::start(&config.replace("vendor://svc", &vendor.url()), "").await;
        call(KEY, "silent", streamed).send(binary.gateway).await.expect_whole(200);
        let mut text = String::new();
        for _ in 0..6_000 {
            text = binary.command("usage rows --from 2020-01-01 --to 2100-01-01 -o json");
            if !text.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let row: Value = serde_json::from_str(&text).expect("one row");
        assert_eq!((number(&row, "output_tokens"), &row["certainty"]), (30, &json!("estimated")), "{row}");
    }
}

/// A provider that reports nothing is no gift: what it read and wrote is estimated.
#[tokio::test]
async fn an_answer_without_usage_is_estimated() {
    const WORDS: u64 = 40;
    for streamed in [false, true] {
        let (vendor, books) = Counting { reports: false, ..Counting::honest(WORDS) }.start().await;
        let world = world("tokens_per_day: 1M", vendor).await;
        world.send(&call(KEY, "silent", streamed)).await.expect_whole(200);
        let row = rows(&world, 1).await.remove(0);
        assert_eq!((&row["outcome"], &row["certainty"]), (&json!("complete"), &json!("estimated")), "{row}");
        assert_eq!(books.answers(), 1);
        assert!((30..=60).contains(&number(&row, "output_tokens")), "{WORDS} words: {row}");
        assert!(number(&row, "input_tokens") > 0, "{row}");
        assert_eq!(used(&world).await, number(&row, "total_tokens"), "{row}");
        assert_nothing_is_held(&world).await;
    }
}
