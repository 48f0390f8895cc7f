//! The ledger by admin API: reports, rows, CSV, counters and who changed them.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::world::World;
use crate::{
    exchange::UsageRow,
    limits::{Ask, Counted, Limits, Output, Period, Prompt, Rule, Scope, Used, Window},
    store::{Position, Shipment},
    usage::{raises, report::sample},
};

/// A counter of 100 tokens a month, of which 40 are used.
const ACCOUNT: &str = "subscription:team-a/tokens_per_month#team-a";
const PATH: &str = "/admin/v1/quotas/subscription:team-a~1tokens_per_month%23team-a";

/// A world whose ledger has three rows: one of them failed, one of them nobody's.
async fn world() -> World {
    let world = World::new().await;
    let mut rows: Vec<UsageRow> = (1..=3).map(sample::row).collect();
    rows[1].settle.status = 500;
    rows[2].intent.subscription = None;
    let shipment = Shipment { replica: "r".into(), rows, position: Position { sequence: 3 }, ..Shipment::default() };
    assert_eq!(world.books.ship(Arc::new(shipment)).await.expect("shipped").rows, 3);
    use_tokens(&world.limits, 40);
    world
}

fn scope() -> Scope {
    let window = Window::Calendar { period: Period::Month, zone: jiff::tz::TimeZone::UTC };
    let rule = Rule::new("subscription:team-a/tokens_per_month", Counted::Tokens, window, 100);
    Scope::new(Arc::new(rule), "team-a")
}

fn use_tokens(limits: &Limits, tokens: u64) {
    let output = Output {
        caller_cap: Some(1),
        choices: 1,
        model_max: None,
        likely: None,
        least_cap: 1,
        is_reasoning: false,
        is_boundable: true,
    };
    let ask = Ask { scopes: &[scope()], prompt: Prompt::exact(1), output, bytes_in: 0, rates: None, streamed: false };
    let reservation = limits.reserve(&ask).expect("room");
    drop(reservation.settle(&Used { requests: 1, input: tokens, output: 0, bytes: 0, nanos: 0 }));
}

const SPAN: &str = "from=2026-11&to=2026-12";

async fn read(world: &World, path: &str) -> Value {
    let answer = world.call("GET", &format!("/admin/v1{path}"), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn reports_rows_and_statement_agree() {
    let world = world().await;
    let report = read(&world, &format!("/reports/by-subscription?{SPAN}&total=true")).await;
    assert_eq!(report["items"].as_array().map(Vec::len), Some(2));
    assert_eq!((&report["total"]["calls"], &report["total"]["cost_nanos"]), (&json!(3), &json!(37_035)));
    let rows = read(&world, &format!("/requests?{SPAN}&subscription=team-a")).await;
    let cost: i64 = rows["items"].as_array().expect("rows").iter().filter_map(|row| row["cost_nanos"].as_i64()).sum();
    assert_eq!(json!(cost), report["items"][1]["cost_nanos"]);
    let by_request = read(&world, &format!("/reports/by-request?{SPAN}&subscription=team-a")).await;
    assert_eq!(by_request, rows);
    let id = rows["items"][0]["request_id"].as_str().expect("an id");
    assert_eq!(read(&world, &format!("/requests/{id}")).await["tries"].as_array().map(Vec::len), Some(2));
    let statement = read(&world, "/subscriptions/team-a/statement?month=2026-11").await;
    assert_eq!(statement["items"][0]["cost_nanos"], json!(cost));
    let focus = read(&world, &format!("/focus?{SPAN}")).await;
    assert_eq!(focus["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn csv_comes_by_parameter_or_accept_with_a_link_to_the_next_page() {
    let world = world().await;
    let path = format!("/admin/v1/requests?{SPAN}&limit=2");
    let by_accept = world.call_with("GET", &path, &[("accept", "text/csv")], None).await;
    let by_parameter = world.call("GET", &format!("{path}&format=csv"), None).await;
    assert_eq!(by_accept.text, by_parameter.text);
    assert!(by_accept.header("content-type").starts_with("text/csv"));
    assert_eq!(by_accept.text.lines().count(), 3, "a header and two rows");
    let link = by_accept.header("link");
    let query = link.strip_prefix("<?").and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("a link");
    let next = world.call("GET", &format!("/admin/v1/requests?{query}&format=csv"), None).await;
    assert_eq!((next.text.lines().count(), next.header("link")), (2, ""));
    assert_eq!(world.call("GET", &format!("{path}&format=pdf"), None).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_a_problem_that_names_it() {
    let world = world().await;
    for (path, status, name) in [
        ("/reports/by-user?bucket=year", 400, "bucket"),
        ("/reports/by-user?from=2026-12&to=2026-11", 400, "from"),
        ("/reports/by-user?subcription=team-a", 400, "subcription"),
        ("/reports/by-user?tz=Mars/Base", 400, "tz"),
        ("/requests?status=ok", 400, "status"),
        ("/requests/mine", 400, "id"),
        ("/products/team/statement?month=soon", 400, "month"),
        ("/quotas?limit=0", 400, "limit"),
        ("/audit?after=x", 400, "after"),
        ("/reports/by-planet", 404, ""),
        ("/requests/00000000-0000-0000-0000-0000000000ff", 404, ""),
        ("/quotas/nobody", 404, ""),
    ] {
        let answer = world.call("GET", &format!("/admin/v1{path}"), None).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert!(answer.header("content-type").starts_with("application/problem+json"), "{path}");
        assert_eq!(answer.json()["problems"][0]["path"].as_str().unwrap_or_default(), name, "{path}");
    }
}

#[tokio::test]
async fn a_reset_gives_back_what_was_used_and_stands_in_the_audit_log() {
    let world = world().await;
    assert_eq!(read(&world, "/quotas").await["items"][0]["used"], 40);
    let dry = world.call("POST", &format!("{PATH}/reset?dry_run=true"), json!({})).await.json();
    assert_eq!((&dry["used"], &dry["remaining"]), (&json!(0), &json!(100)));
    assert_eq!(world.limits.view(ACCOUNT).expect("known").used, 40, "a dry run changes nothing");
    let body = json!({"reason": "test traffic"});
    let reset = world.call("POST", &format!("{PATH}/reset"), body).await;
    assert_eq!((reset.status, &reset.json()["used"]), (StatusCode::OK, &json!(0)));
    let balances = world.books.balances(world.clock.now()).await.expect("read");
    let balance = balances.iter().find(|balance| &*balance.account == ACCOUNT && balance.adjusted != 0);
    assert_eq!(balance.expect("kept").adjusted, -40);
    let audit = read(&world, &format!("/audit?object={}", ACCOUNT.replace('#', "%23"))).await;
    let line = &audit["items"][0];
    assert_eq!((&line["reason"], &line["actor"]), (&json!("test traffic"), &json!("server token")), "{audit}");
}

#[tokio::test]
async fn a_raise_holds_for_its_time_and_outlives_the_process() {
    let world = world().await;
    let path = format!("{PATH}/raise");
    let raise = |body: Value| world.call("POST", &path, body);
    for (body, name) in [
        (json!({}), "amount"),
        (json!({"amount": 5, "limit": 200}), "amount"),
        (json!({"amount": -5, "until": "+1h", "reason": "x"}), "amount"),
        (json!({"limit": 100, "until": "+1h", "reason": "x"}), "limit"),
        (json!({"amount": "five", "until": "+1h", "reason": "x"}), "amount"),
        (json!({"amount": 5, "until": "-1h", "reason": "x"}), "until"),
        (json!({"amount": 5, "until": "+1h"}), "reason"),
        (json!({"amount": 5, "until": "+1h", "reason": "x", "forever": true}), "forever"),
    ] {
        let refused = raise(body.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(refused.json()["problems"][0]["path"], name, "{body}: {}", refused.text);
    }
    let raised = raise(json!({"limit": "5k", "until": "+24h", "reason": "launch"})).await;
    let shown = raised.json();
    assert_eq!(raised.status, StatusCode::OK, "{shown}");
    assert_eq!((&shown["limit"], &shown["raised_by"]), (&json!(5_000), &json!(4_900)), "{shown}");

    let restarted = Limits::new(world.clock.clone());
    restarted.know(&[scope()]);
    let (audit, now) = (&*world.books, world.clock.now());
    assert_eq!(raises::restore(audit, &restarted, now).await.expect("read"), 1);
    assert_eq!(restarted.view(ACCOUNT).expect("known").limit, 5_000);

    let ended = world.call("DELETE", &format!("{PATH}/raise"), None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.text);
    assert_eq!(world.limits.view(ACCOUNT).expect("known").limit, 100);
    assert_eq!(world.call("DELETE", &format!("{PATH}/raise"), None).await.status, StatusCode::NOT_FOUND);
    let restarted = Limits::new(world.clock.clone());
    assert_eq!(raises::restore(audit, &restarted, now).await.expect("read"), 0, "what was ended stays so");
}
