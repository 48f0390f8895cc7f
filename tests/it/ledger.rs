//! The ledger of the real process: killed at any moment it loses no row and doubles none.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    client::{Call, End},
    vendor::counting::{Books, Counting},
    world::{BACKEND_KEY, KEY, PROMPT, binary::Binary},
};

/// How often the process is killed; `TOLLGATE_KILLS` says otherwise, for a long run.
const KILLS: u32 = 6;

/// Tokens of one whole answer: the counting vendor's prompt and words.
const WORDS: u64 = 12;

fn config(vendor: &str) -> String {
    format!(
        "backends: [{{ id: one, kind: openai, url: \"{vendor}/v1\", key: {BACKEND_KEY} }}]
models: [{{ name: m, backend: one, upstream_model: up }}]
products: [{{ id: all, limits: {{ tokens_per_year: 100M }} }}]
subscriptions: [{{ id: team-a, product: all, key: {KEY} }}]
"
    )
}

fn call(id: &str, streamed: bool) -> Call {
    let body = json!({"model": "m", "stream": streamed, "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions", &body).key(KEY).header("x-request-id", id)
}

/// Sends requests until the process is gone; the ids of those answered whole.
async fn load(gateway: SocketAddr, round: u32, worker: u32) -> Vec<String> {
    let mut whole = Vec::new();
    for nth in 0..400 {
        let id = format!("kill-{round}-{worker}-{nth}");
        // A process that is gone takes no connection: then there is nothing to send to.
        if TcpStream::connect(gateway).await.is_err() {
            break;
        }
        let (asked, streamed) = (id.clone(), nth % 2 == 0);
        let sent = tokio::spawn(async move { call(&asked, streamed).send(gateway).await }).await;
        match sent {
            Ok(answer) if answer.status == 200 && answer.end == End::Proper => whole.push(id),
            _ => break,
        }
    }
    whole
}

fn rows(binary: &Binary) -> Vec<Value> {
    let text = binary.command("usage rows --from 2020-01-01 --to 2100-01-01 -o json");
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_at_any_moment_loses_no_row_and_doubles_none() {
    let kills = std::env::var("TOLLGATE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let (vendor, books) = Counting::honest(WORDS).start().await;
    let mut binary = Binary::start(&config(&vendor.url()), "").await;
    let mut whole = HashSet::new();
    for round in 0..kills {
        let mut workers = JoinSet::new();
        for worker in 0..4 {
            let gateway = binary.gateway;
            workers.spawn(async move { load(gateway, round, worker).await });
        }
        tokio::time::sleep(Duration::from_millis(150 + u64::from(round) * 37 % 200)).await;
        binary.signal(Signal::KILL);
        binary.ended(Duration::from_secs(5)).await;
        while let Some(ids) = workers.join_next().await {
            whole.extend(ids.expect("no panic"));
        }
        let took = binary.restart().await;
        eprintln!("round {round}: ready again after {took:?}");
    }
    assert_books(&binary, &whole, &books);
}

fn assert_books(binary: &Binary, whole: &HashSet<String>, books: &Books) {
    let rows = rows(binary);
    let mut of: HashMap<&str, Vec<&Value>> = HashMap::new();
    for row in &rows {
        of.entry(row["client_request_id"].as_str().unwrap_or_default()).or_default().push(row);
    }
    assert!(whole.len() > 50, "{} answers were whole", whole.len());
    for id in whole {
        let own = of.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(own.len(), 1, "{id}: {own:?}");
        assert_eq!(own[0]["output_tokens"], json!(WORDS), "{id}: {own:?}");
    }
    assert!(of.values().all(|own| own.len() == 1), "no row twice");
    assert!(rows.len() as u64 >= books.answers(), "{} rows of {} answers", rows.len(), books.answers());
    // A command that does not end well fails the test.
    binary.command("ledger verify");
}
