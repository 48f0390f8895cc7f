//! Quotas through the front door: nothing over, whoever comes at once, and nothing held back when all is done.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::{
        Gate, Vendor,
        counting::{Books, Counting},
    },
    world::{BACKEND_KEY, KEY, OTHER_KEY, PROMPT, World},
};

/// Model `m` at vendor `one`; product `all` with these limits; subscriptions `team-a` and `team-b`.
fn limited(limits: &str) -> String {
    format!(
        "backends: [{{ id: one, kind: openai, url: \"vendor://one/v1\", key: {BACKEND_KEY} }}]
models: [{{ name: m, backend: one, upstream_model: up }}]
products: [{{ id: all, limits: {{ {limits} }} }}]
subscriptions:
  - {{ id: team-a, product: all, key: {KEY} }}
  - {{ id: team-b, product: all, key: {OTHER_KEY} }}
"
    )
}

async fn world(limits: &str, vendor: Vendor) -> World {
    World::builder().config(&limited(limits)).vendor("one", vendor).start().await
}

fn ask(streamed: bool, cap: Option<u64>) -> Value {
    let mut body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]});
    if let Some(cap) = cap {
        body["max_tokens"] = cap.into();
    }
    body
}

fn call(streamed: bool, cap: Option<u64>) -> Call {
    Call::post("/v1/chat/completions", &ask(streamed, cap)).key(KEY)
}

fn code(answer: &Answer) -> String {
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

async fn quotas(world: &World) -> Vec<Value> {
    let answer = world.admin(Call::get("/admin/v1/quotas")).await.expect(200);
    answer.json()["items"].as_array().expect("a list").clone()
}

/// Callers have their answers a moment before the last of them is settled.
async fn assert_nothing_is_held(world: &World) {
    let mut held = Vec::new();
    for _ in 0..6_000 {
        held = quotas(world).await;
        held.retain(|quota| quota["reserved"] != json!(0));
        if held.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still held after 60 s: {held:?}");
}

/// The promise: many at once on a quota with room for a few, and the vendor's own books say that none went over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_at_once_spend_no_token_over_the_quota() {
    const QUOTA: u64 = 600;
    for mode in ["strict", "adaptive"] {
        for streamed in [false, true] {
            for cap in [None, Some(100)] {
                let (vendor, books) = Counting::honest(100).start().await;
                let world = world(&format!("tokens_per_day: {QUOTA}, reserve: {mode}"), vendor).await;
                let ask = call(streamed, cap);
                let answers = join_all((0..200).map(|_| world.send(&ask))).await;
                let case = format!("{mode}, streamed {streamed}, cap {cap:?}");
                assert_spent_within(&answers, &books, QUOTA, &case);
                assert_nothing_is_held(&world).await;
            }
        }
    }
}

fn assert_spent_within(answers: &[Answer], books: &Books, quota: u64, case: &str) {
    let good = answers.iter().filter(|answer| answer.status == 200).count() as u64;
    assert_eq!(good, books.answers(), "{case}");
    assert!(good >= 1, "{case}: somebody is served");
    assert!(books.tokens() <= quota, "{case}: {} of {quota}", books.tokens());
    // With a shared database what it has not leased yet is worth another try, and told so.
    let is_shared = std::env::var("TOLLGATE_TEST_DATABASE").is_ok();
    let unleased = |answer: &&Answer| is_shared && answer.status == 503 && code(answer) == "quota_unavailable";
    for answer in answers.iter().filter(|answer| answer.status != 200 && !unleased(answer)) {
        assert_eq!(answer.status, 429, "{case}: {}", answer.text());
        assert!(["insufficient_quota", "quota_reserved"].contains(&code(answer).as_str()), "{case}: {}", answer.text());
    }
}

/// What is refused because others hold it is worth retrying; what is used up is not, and says until when.
#[tokio::test]
async fn a_held_quota_is_retryable_and_a_used_up_one_is_not() {
    let gate = Gate::closed();
    let (vendor, books) = Counting { gate: Some(gate.clone()), ..Counting::honest(60) }.start().await;
    let world = world("tokens_per_day: 100, reserve: strict", vendor).await;
    let first = call(false, Some(80)).start(world.gateway()).await;
    world.vendor("one").reached(1).await;
    let held = world.send(&call(false, Some(80))).await.expect(429);
    assert_eq!((code(&held).as_str(), held.header("retry-after")), ("quota_reserved", Some("1")));
    assert_eq!(held.header("x-should-retry"), None);
    gate.open();
    first.finish().await;
    let mut spent = Vec::new();
    for _ in 0..20 {
        let answer = world.send(&call(false, Some(80))).await;
        if answer.status != 200 {
            spent.push(answer);
        }
    }
    assert!(books.tokens() <= 100, "{}", books.tokens());
    let last = spent.last().expect("used up in the end");
    assert_eq!((last.status, code(last).as_str()), (429, "insufficient_quota"), "{}", last.text());
    assert_eq!(last.header("x-should-retry"), Some("false"));
    if std::env::var("TOLLGATE_TEST_DATABASE").is_ok() {
        // There the database's clock says which window it is, and no test moves that.
        return;
    }
    world.advance(Duration::from_secs(24 * 3600));
    world.send(&call(false, Some(10))).await.expect(200);
}

#[tokio::test]
async fn a_request_larger_than_the_whole_limit_is_its_own_error() {
    let (vendor, books) = Counting::honest(1).start().await;
    let world = world("tokens_per_day: 10", vendor).await;
    let answer = world.send(&call(false, None)).await.expect(400);
    assert_eq!(code(&answer), "request_exceeds_limit", "{}", answer.text());
    assert_eq!(books.answers(), 0, "nothing was sent");
    assert_nothing_is_held(&world).await;
}

/// Strict: a provider that ignores its cap is cut off at the reservation, and what it sent beyond is told.
#[tokio::test]
async fn a_stream_whose_provider_ignores_its_cap_is_ended_properly() {
    let (vendor, _) = Counting { honours_cap: false, ..Counting::honest(5_000) }.start().await;
    let world = world("tokens_per_day: 300, reserve: strict", vendor).await;
    let answer = world.send(&call(true, None)).await.expect_whole(200);
    let text = answer.text();
    assert!(text.contains("\"finish_reason\":\"length\""), "{}", &text[text.len() - 600..]);
    assert!(text.ends_with("data: [DONE]\n\n"));
    let words = text.matches("\" word\"").count();
    assert!((1..=300).contains(&words), "{words} words of a quota of 300");
    assert_nothing_is_held(&world).await;
}

/// A stream that needs more than is likely tops its reservation up as it goes, and is ended when there is no more.
#[tokio::test]
async fn a_long_stream_grows_until_the_quota_is_used_up() {
    let (vendor, _) = Counting { honours_cap: false, ..Counting::honest(50_000) }.start().await;
    let world = world("tokens_per_day: 20000, reserve: adaptive", vendor).await;
    let answer = world.send(&call(true, None)).await.expect_whole(200);
    let words = answer.text().matches("\" word\"").count();
    assert!((10_000..=20_000).contains(&words), "{words}");
    let next = world.send(&call(true, None)).await;
    assert!(next.status == 429 || next.text().matches("\" word\"").count() < 20_000 - words, "{}", next.status);
}

/// A backend that claims a trillion tokens ruins nobody's quota: what cannot be is counted here instead.
#[tokio::test]
async fn a_lying_backend_is_charged_by_what_can_be() {
    for streamed in [false, true] {
        let (vendor, _) = Counting { claims: Some(1_000_000_000_000), ..Counting::honest(50) }.start().await;
        let world = world("tokens_per_day: 10k", vendor).await;
        world.send(&call(streamed, None)).await.expect_whole(200);
        // The answer has come before its tokens are counted.
        world.lines(1).await;
        let used = quotas(&world).await[0]["used"].as_u64().expect("a count");
        assert!((50..=200).contains(&used), "streamed {streamed}: {used} for 50 words and a short prompt");
        world.send(&call(streamed, None)).await.expect_whole(200);
        world.lines(2).await;
        let metrics = world.metrics().await;
        assert_eq!(metrics.sum("tollgate_ledger_implausible_reports_total", &[]), 2, "streamed {streamed}");
    }
}

/// Whoever asks on after a refusal fills no database: the first few have rows, the others are counted in one.
#[tokio::test]
async fn refusals_without_end_make_few_rows_and_are_all_counted() {
    let (vendor, _) = Counting::honest(1).start().await;
    let world = world("requests_per_minute: 1", vendor).await;
    world.send(&call(false, None)).await.expect(200);
    let again = call(false, None);
    for _ in 0..20 {
        let refused = join_all((0..20).map(|_| world.send(&again))).await;
        assert!(refused.iter().all(|answer| answer.status == 429));
    }
    for _ in 0..1_200 {
        let path = "/admin/v1/reports/by-subscription?from=2020-01-01&to=2100-01-01&total=true";
        let report = world.admin(Call::get(path)).await.expect(200).json();
        if report["total"]["calls"] == json!(401) {
            let rows = world.admin(Call::get("/admin/v1/requests?limit=500")).await.expect(200).json();
            let rows = rows["items"].as_array().expect("a list").len();
            assert!((21..=40).contains(&rows), "{rows} rows of 401 requests");
            assert_eq!(report["total"]["failed_calls"], json!(400));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not all were counted within 60 s");
}

#[tokio::test]
async fn rates_refill_as_the_clock_moves() {
    let (vendor, _) = Counting::honest(1).start().await;
    let world = world("requests_per_minute: 2", vendor).await;
    for _ in 0..2 {
        let good = world.send(&call(false, None)).await.expect(200);
        assert_eq!(good.header("x-ratelimit-limit-requests"), Some("2"));
    }
    let refused = world.send(&call(false, None)).await.expect(429);
    assert_eq!(code(&refused), "rate_limit_exceeded");
    let wait: u64 = refused.header("retry-after").expect("a wait").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let other = Call::post("/v1/chat/completions", &ask(false, None)).key(OTHER_KEY);
    world.send(&other).await.expect(200);
    world.advance(Duration::from_secs(wait));
    world.send(&call(false, None)).await.expect(200);
}

/// Who waits as long as the answer says is not refused once more.
#[tokio::test]
async fn waits_are_rounded_up() {
    let (vendor, _) = Counting::honest(1).start().await;
    let world = world("requests_per_minute: 1", vendor).await;
    world.send(&call(false, None)).await.expect(200);
    for passed in [0, 1, 499, 500] {
        world.advance(Duration::from_millis(passed));
        let refused = world.send(&call(false, None)).await.expect(429);
        let told = |name: &str| refused.header(name).expect("a wait").parse::<u64>().expect("a number");
        assert_eq!(told("retry-after"), told("retry-after-ms").div_ceil(1_000), "{:?}", refused.headers);
    }
    world.advance(Duration::from_secs(59));
    world.send(&call(false, None)).await.expect(200);
}

/// Counters can be read before anybody asked for anything, and are those of the configuration in use.
#[tokio::test]
async fn counters_are_those_of_the_configuration() {
    let (vendor, _) = Counting::honest(1).start().await;
    let mut world = world("tokens_per_day: 10k", vendor).await;
    for (limits, expected) in [
        ("tokens_per_day: 10k", ("product:all/tokens_per_day#team-a", 10_000)),
        ("tokens_per_day: 20k", ("product:all/tokens_per_day#team-a", 20_000)),
        ("requests_per_hour: 5", ("product:all/requests_per_hour#team-a", 5)),
    ] {
        world.reload(&limited(limits)).await.expect("valid");
        let quotas = quotas(&world).await;
        let first = quotas.first().expect("counters");
        assert_eq!((&first["account"], &first["limit"]), (&json!(expected.0), &json!(expected.1)), "{quotas:?}");
        assert_eq!(quotas.len(), 2, "one of each team: {quotas:?}");
    }
}

#[tokio::test]
async fn a_token_rate_refuses_the_next_and_never_the_running() {
    let (vendor, _) = Counting::honest(500).start().await;
    let world = world("tokens_per_minute: 300", vendor).await;
    let first = world.send(&call(true, None)).await.expect_whole(200);
    assert_eq!(first.text().matches("\" word\"").count(), 500, "not altered, not ended");
    let refused = world.send(&call(true, None)).await.expect(429);
    assert_eq!(code(&refused), "rate_limit_exceeded");
    world.advance(Duration::from_secs(61));
    world.send(&call(true, None)).await.expect(200);
}
