//! Alerts of a running gateway: a receiver that is away and comes back, a process that is killed in between, and
//! signatures that somebody else's code verifies. Each threshold is told exactly once.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, http::StatusCode, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::{
    client::Call,
    ports::Port,
    world::{KEY, PROMPT, binary::Binary},
};

/// The bytes behind it are those of the example of the Standard Webhooks specification.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const LIMIT: u64 = 4_000;

/// What a receiver was sent.
type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

fn config() -> String {
    format!(
        "backends: [{{ id: simulated, kind: sim }}]
models: [{{ name: sim-echo, backend: simulated }}]
products: [{{ id: all, limits: {{ tokens_per_month: {LIMIT}, alerts: [50, 80, 100], reserve: after }} }}]
subscriptions: [{{ id: team-a, product: all, key: {KEY} }}]
"
    )
}

/// Takes every message, on an address that was away until now and is kept for it.
async fn receiver(address: std::net::SocketAddr) -> Received {
    let received = Received::default();
    let kept = received.clone();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        kept.lock().expect("alone").push((headers, String::from_utf8(body.to_vec()).expect("text")));
        StatusCode::NO_CONTENT
    };
    let listener = TcpListener::bind(address).await.expect("the port is ours");
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    received
}

/// Asks until so much of the quota is used.
async fn spend(binary: &Binary, percent: u64) {
    let words = PROMPT.to_owned() + &" word".repeat(100);
    let ask = json!({"model": "sim-echo", "messages": [{"role": "user", "content": words}]});
    for _ in 0..100 {
        if used(binary) * 100 >= LIMIT * percent {
            return;
        }
        assert_eq!(Call::post("/v1/chat/completions", &ask).key(KEY).send(binary.gateway).await.status, 200);
    }
    panic!("not {percent} % after 100 calls");
}

fn used(binary: &Binary) -> u64 {
    let counters: Value = serde_json::from_str(&binary.command("quotas list -o json")).expect("counters");
    counters.as_array().and_then(|all| all.first()).and_then(|one| one["used"].as_u64()).unwrap_or(0)
}

/// The percentages that were told, once there are so many; every message verified.
async fn told(received: &Received, count: usize) -> Vec<u64> {
    for _ in 0..6_000 {
        if received.lock().expect("alone").len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut told: Vec<_> = received.lock().expect("alone").iter().map(verified).collect();
    told.sort_unstable();
    told
}

/// As a receiver would: the signature, then the message.
fn verified((headers, body): &(HeaderMap, String)) -> u64 {
    let text = |name: &str| headers[name].to_str().expect("text").to_owned();
    let signed = format!("{}.{}.{body}", text("webhook-id"), text("webhook-timestamp"));
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base64");
    let wanted = format!("v1,{}", STANDARD.encode(hmac(&key, signed.as_bytes())));
    assert!(text("webhook-signature").split(' ').any(|signature| signature == wanted), "{headers:?}");
    let message: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(message["type"], "quota.threshold_reached");
    message["data"]["percent"].as_u64().expect("a number")
}

/// HMAC-SHA-256 as RFC 2104 says it, by hand: nothing of the gateway's own.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64, "longer keys are hashed first");
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

#[tokio::test]
async fn each_threshold_is_told_once_though_receiver_and_process_go_and_come_back() {
    let port = Port::keep();
    let address = port.address();
    let server =
        format!("  alerts: {{ webhook: {{ url: \"http://{address}/hook?token=canary-0008\", secret: {SECRET} }} }}\n");
    let mut binary = Binary::start(&config(), &server).await;
    spend(&binary, 50).await;
    // Nobody takes it: it is due again five seconds later, and the process dies meanwhile.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    binary.signal(Signal::KILL);
    binary.ended(Duration::from_secs(30)).await;
    binary.restart().await;
    let received = receiver(address).await;
    assert_eq!(told(&received, 1).await, [50]);
    spend(&binary, 80).await;
    spend(&binary, 100).await;
    assert_eq!(told(&received, 3).await, [50, 80, 100]);
    binary.signal(Signal::KILL);
    binary.ended(Duration::from_secs(30)).await;
    binary.restart().await;
    // The new process looks over all counters a second after its start: everything has been told.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(told(&received, 3).await, [50, 80, 100]);
    let ids = |all: &[(HeaderMap, String)]| {
        all.iter().map(|(headers, _)| headers["webhook-id"].clone()).collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!(ids(&received.lock().expect("alone")), 3);
    assert!(!binary.output().contains("canary-0008"), "the address may be as good as a password");
}
