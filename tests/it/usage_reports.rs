//! Usage as its readers see it: what was sent through the gateway shows up in rows, reports, statement and FOCUS, by
//! admin API and command line, to the last token.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::Call,
    world::{KEY, OTHER_KEY, PROMPT, World, binary::Binary},
};

const SIMULATED: &str = "
backends: [{ id: simulated, kind: sim }]
models: [{ name: sim-echo, backend: simulated }]
products: [{ id: all, limits: { tokens_per_month: 1M } }]
subscriptions:
  - { id: team-a, product: all, key: key-of-team-a-canary-0001, metadata: { cost_centre: '42' } }
  - { id: team-b, product: all, key: key-of-team-b-canary-0003 }
";

fn ask(key: &str, streamed: bool) -> Call {
    let messages = json!([{"role": "user", "content": PROMPT}]);
    Call::post("/v1/chat/completions", &json!({"model": "sim-echo", "stream": streamed, "messages": messages})).key(key)
}

/// Three calls of `team-a`, one of them streamed, one of `team-b`, and one with a key that nobody has.
async fn spend(send: impl AsyncFn(Call) -> u16) {
    for (key, streamed) in [(KEY, false), (KEY, true), (KEY, false), (OTHER_KEY, false)] {
        assert_eq!(send(ask(key, streamed)).await, 200);
    }
}

async fn read(world: &World, path: &str) -> Value {
    world.admin(Call::get(&format!("/admin/v1{path}"))).await.expect(200).json()
}

/// Rows of models once there are so many: the ledger goes to the database a moment after the answer.
async fn rows(world: &World, count: usize) -> Vec<Value> {
    for _ in 0..6_000 {
        let page = read(world, "/requests?model=sim-echo").await;
        let rows = page["items"].as_array().expect("a list").clone();
        if rows.len() >= count {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {count} rows after 60 s");
}

fn sum(lines: &[Value], name: &str) -> i64 {
    lines.iter().map(|line| line[name].as_i64().unwrap_or_else(|| panic!("{name} of {line}"))).sum()
}

#[tokio::test]
async fn what_was_sent_is_in_rows_and_reports_to_the_last_token() {
    agrees(World::builder().config(SIMULATED).start().await).await;
}

#[tokio::test]
async fn what_was_sent_is_in_rows_and_reports_of_postgres_too() {
    agrees(World::builder().config(SIMULATED).on_postgres().start().await).await;
}

async fn agrees(world: World) {
    spend(async |call| world.send(&call).await.status).await;
    let rows = rows(&world, 4).await;
    assert_eq!(rows.len(), 4);
    for name in ["calls", "total_tokens"] {
        for by in ["api", "operation", "product", "subscription", "user", "model", "backend", "time"] {
            let report = read(&world, &format!("/reports/by-{by}?model=sim-echo&total=true")).await;
            let wanted = if name == "calls" { 4 } else { sum(&rows, "total_tokens") };
            assert_eq!(sum(report["items"].as_array().expect("lines"), name), wanted, "{name} by {by}");
            assert_eq!(report["total"][name], json!(wanted), "{name} by {by}");
        }
    }
    assert!(sum(&rows, "total_tokens") > 0);
    let streamed: Vec<&Value> = rows.iter().filter(|row| row["streamed"] == true).collect();
    assert_eq!(streamed.len(), 1);
    let one = read(&world, &format!("/requests/{}", streamed[0]["request_id"].as_str().expect("an id"))).await;
    assert_eq!(one["tries"][0]["backend"], "simulated");
    assert!(one["charges"].as_array().is_some_and(|charges| !charges.is_empty()), "{one}");
    let statement = read(&world, "/products/all/statement?month=this-month").await;
    assert_eq!(statement["items"][0]["total_tokens"], json!(sum(&rows, "total_tokens")));
    let focus = read(&world, "/focus?subscription=team-a").await;
    assert_eq!(focus["items"][0]["Tags"], r#"{"cost_centre":"42"}"#);
    assert_eq!(focus["items"][0]["ConsumedQuantity"], json!(tokens_of(&rows, "team-a")));
    pages_stay_where_they_are(&world).await;
    nothing_is_a_formula(&world).await;
}

/// Whoever reads page by page sees every row that was there once, though others are written meanwhile.
async fn pages_stay_where_they_are(world: &World) {
    let ids = |page: &Value| -> Vec<String> {
        let rows = page["items"].as_array().expect("a list").iter();
        rows.map(|row| row["request_id"].as_str().expect("an id").to_owned()).collect()
    };
    let before = ids(&read(world, "/requests?model=sim-echo").await);
    let mut there = before.len();
    for order in ["newest", "oldest"] {
        let mut page = read(world, &format!("/requests?model=sim-echo&order={order}&limit=1")).await;
        let mut seen = ids(&page);
        while let Some(next) = page["next"].as_str().map(str::to_owned) {
            if seen.len() < 3 {
                assert_eq!(world.send(&ask(KEY, false)).await.status, 200);
                there += 1;
                rows(world, there).await;
            }
            page = read(world, &format!("/requests?model=sim-echo&order={order}&limit=1&after={next}")).await;
            seen.extend(ids(&page));
        }
        let once: std::collections::HashSet<_> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "{order}: none twice");
        assert!(before.iter().all(|id| seen.contains(id)), "{order}: none left out");
    }
}

/// What callers choose cannot become a formula in somebody's spreadsheet.
async fn nothing_is_a_formula(world: &World) {
    let count = read(world, "/requests?model=sim-echo").await["items"].as_array().map_or(0, Vec::len);
    for user in ["=1+1", "+1+1", "-1+1", "@SUM(A1)"] {
        let messages = json!([{"role": "user", "content": PROMPT}]);
        let body = json!({"model": "sim-echo", "user": user, "messages": messages});
        assert_eq!(world.send(&Call::post("/v1/chat/completions", &body).key(KEY)).await.status, 200);
    }
    rows(world, count + 4).await;
    let csv = world.admin(Call::get("/admin/v1/requests?format=csv&limit=1000")).await.expect(200).text();
    for user in ["=1+1", "+1+1", "-1+1", "@SUM(A1)"] {
        assert!(csv.contains(&format!(",'{user},")) && !csv.contains(&format!(",{user},")), "{user}: {csv}");
    }
}

fn tokens_of(rows: &[Value], subscription: &str) -> i64 {
    let own: Vec<Value> = rows.iter().filter(|row| row["subscription"] == subscription).cloned().collect();
    sum(&own, "total_tokens")
}

#[tokio::test]
async fn a_counter_shows_what_its_rows_used_and_a_reset_gives_it_back() {
    let world = World::builder().config(SIMULATED).start().await;
    spend(async |call| world.send(&call).await.status).await;
    let rows = rows(&world, 4).await;
    let quotas = read(&world, "/quotas?measure=tokens").await;
    let quotas = quotas["items"].as_array().expect("counters");
    let own = quotas.iter().find(|quota| quota["key"] == "team-a").expect("a counter of team-a");
    assert_eq!((&own["used"], &own["reserved"]), (&json!(tokens_of(&rows, "team-a")), &json!(0)), "{own}");
    let id = own["id"].as_str().expect("a name").replace('#', "%23");
    let reset = Call::post(&format!("/admin/v1/quotas/{id}/reset"), &json!({"reason": "a test"}));
    assert_eq!(world.admin(reset).await.expect(200).json()["used"], 0);
    let audit = read(&world, "/audit").await;
    assert_eq!(audit["items"][0]["reason"], "a test");
}

/// A damaged page of sums: rows are booked, reports say what helps, and the command mends it beside the server.
#[tokio::test]
async fn damaged_sums_stop_nothing_and_are_made_anew_by_a_command() {
    let mut binary = Binary::start(SIMULATED, "").await;
    spend(async |call| call.send(binary.gateway).await.status).await;
    until_rows(&binary, 4).await;
    binary.signal(rustix::process::Signal::TERM);
    binary.ended(Duration::from_secs(10)).await;
    let file = binary.folder().join("tollgate-data/tollgate.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("opens");
    sqlx::query("UPDATE rollups SET body = x'ff'").execute(&pool).await.expect("damages");
    pool.close().await;
    binary.restart().await;
    spend(async |call| call.send(binary.gateway).await.status).await;
    until_rows(&binary, 8).await;
    let rebuilt: Value = serde_json::from_str(&binary.command("ledger rebuild-reports -o json")).expect("JSON");
    assert_eq!((&rebuilt["lost"], &rebuilt["tokens_missing"]), (&json!([]), &json!(0)), "{rebuilt}");
    let report: Value = serde_json::from_str(&binary.command("usage --model sim-echo -o json")).expect("lines");
    assert_eq!(sum(report.as_array().expect("lines"), "calls"), 8);
    assert!(binary.output().contains("rebuild-reports"), "the log says what helps: {}", binary.output());
    binary.command("ledger verify");
}

/// After a restart counters are listed, and can be reset, before anybody has asked for anything.
#[tokio::test]
async fn what_was_used_before_a_restart_is_listed_at_once() {
    let mut binary = Binary::start(SIMULATED, "").await;
    spend(async |call| call.send(binary.gateway).await.status).await;
    until_rows(&binary, 4).await;
    let used = |binary: &Binary| -> Vec<(String, i64)> {
        let quotas: Value = serde_json::from_str(&binary.command("quotas list -o json")).expect("counters");
        let counter = |quota: &Value| (quota["account"].as_str().expect("a name").to_owned(), quota["used"].as_i64());
        let all = quotas.as_array().expect("a list").iter().map(counter);
        all.map(|(account, used)| (account, used.expect("a number"))).filter(|(_, used)| *used > 0).collect()
    };
    let before = used(&binary);
    assert!(!before.is_empty());
    binary.signal(Signal::TERM);
    assert!(binary.ended(Duration::from_secs(20)).await.success());
    binary.restart().await;
    assert_eq!(used(&binary), before);
    binary.command(&format!("quotas reset {} --reason test", before[0].0));
    assert_eq!(used(&binary), before[1..]);
}

async fn until_rows(binary: &Binary, count: usize) {
    for _ in 0..6_000 {
        if binary.command("usage rows --model sim-echo -o json").lines().count() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {count} rows");
}

#[tokio::test]
async fn the_command_line_says_what_the_admin_api_says() {
    let binary = Binary::start(SIMULATED, "").await;
    spend(async |call| call.send(binary.gateway).await.status).await;
    let mut rows = Vec::new();
    for _ in 0..6_000 {
        let text = binary.command("usage rows --model sim-echo -o json");
        rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object a line")).collect();
        if rows.len() >= 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let total = sum(&rows, "total_tokens");
    assert_eq!((rows.len(), total > 0), (4, true));
    for offline in ["", " --offline"] {
        let json =
            |line: &str| -> Value { serde_json::from_str(&binary.command(&format!("{line}{offline}"))).expect(line) };
        let by_team = json("usage --by subscription --model sim-echo -o json");
        assert_eq!(sum(by_team.as_array().expect("lines"), "total_tokens"), total, "{offline}");
        let csv = binary.command(&format!("usage --by time --bucket day -o csv{offline}"));
        assert!(csv.starts_with("period,start,calls,"), "{csv}");
        let statement = json("usage statement --product all -o json");
        assert_eq!(statement[0]["total_tokens"], json!(total), "{offline}");
        let focus = binary.command(&format!("usage focus{offline}"));
        assert!(focus.starts_with("BilledCost,BillingAccountId,"), "{focus}");
        assert_eq!(focus.lines().count(), 3, "a header and two teams: {focus}");
        let quotas = binary.command(&format!("quotas list{offline}"));
        assert!(quotas.contains("tokens_per_month"), "{quotas}");
    }
    assert_eq!(binary.command("usage -q --model sim-echo"), "team-a\nteam-b\n");
    assert_eq!(binary.command("usage rows -q --model sim-echo").lines().count(), 4);
    assert!(binary.command("quotas list -q").starts_with("product:all/tokens_per_month#team-a\n"));
    let table = binary.command("usage");
    assert!(table.contains("TOTAL") && table.contains("team-a"), "{table}");
    assert_eq!(binary.command("logs -n 2 -o json").lines().count(), 2);
    let counters: Value = serde_json::from_str(&binary.command("quotas list -o json")).expect("counters");
    let account = counters[0]["account"].as_str().expect("a name");
    let raised = binary.command(&format!("quotas raise {account} --by 5k --until +1h --reason test -o json"));
    let raised: Value = serde_json::from_str(&raised).expect("a counter");
    assert_eq!((&raised["limit"], &raised["raised_by"]), (&json!(1_005_000), &json!(5_000)), "{raised}");
    binary.command(&format!("quotas unraise {account}"));
    let verdict: Value = serde_json::from_str(&binary.command("ledger verify -o json")).expect("a verdict");
    assert_eq!((&verdict["sound"], verdict["rows"].as_u64() >= Some(4)), (&json!(true), true), "{verdict}");
}
