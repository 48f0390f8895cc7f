//! A disk that is full while requests come, and then is not: nothing is sent upstream that cannot be written down,
//! everything that was sent is in the ledger, and nobody has to do anything.
//!
//! The disk is a real one, a small tmpfs in a mount namespace of the gateway's own. Where the kernel grants none to the
//! user who tests, there is nothing to test with, and a line says so.

use std::{
    fs::File,
    io::Write,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    client::{Answer, Call},
    vendor::counting::Counting,
    world::{ADMIN_TOKEN, BACKEND_KEY, KEY, PROMPT, binary::Binary},
};

/// Room for the files of the journal, and for a database that takes over what is in them.
const DISK: &str = "256m";

/// Labels that make each request's record large, 16 KiB, so that few requests fill the journal's files.
const LABELS: usize = 16;

fn config(vendor: &str) -> String {
    format!(
        "backends: [{{ id: one, kind: openai, url: \"{vendor}/v1\", key: {BACKEND_KEY} }}]
models: [{{ name: m, backend: one, upstream_model: up }}]
products: [{{ id: all, limits: {{ requests_per_year: 100M, tokens_per_year: 1000M }} }}]
subscriptions: [{{ id: team-a, product: all, key: {KEY} }}]
cache: {{ semantic: {{ mode: strict }} }}
"
    )
}

fn server() -> String {
    let names: Vec<_> = (0..LABELS).map(|nth| format!("label_{nth}")).collect();
    format!("  ledger: {{ metadata_body: [{}] }}\n", names.join(", "))
}

/// Each asks for something else, so that every answer is kept: in the database too, which is on the same disk.
fn ask() -> Call {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let prompt = format!("{PROMPT} {}", ASKED.fetch_add(1, Relaxed));
    let mut body = json!({"model": "m", "max_tokens": 16, "messages": [{"role": "user", "content": prompt}]});
    for nth in 0..LABELS {
        body[format!("label_{nth}")] = "\u{1f9ed}".repeat(256).into();
    }
    Call::post("/v1/chat/completions", &body).key(KEY)
}

/// Writes until there is no room left.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("the disk is not full yet");
    for size in [1 << 20, 1 << 12, 1] {
        let piece = vec![0; size];
        while file.write_all(&piece).is_ok() {}
    }
}

/// Asks until something else than 200 comes; how many times it was 200.
async fn until_refused(gateway: SocketAddr) -> (u64, Answer) {
    for good in 0..50_000 {
        let answer = ask().send(gateway).await;
        if answer.status != 200 {
            return (good, answer);
        }
    }
    panic!("the journal took all of it");
}

async fn admin(console: SocketAddr, path: &str) -> Value {
    let token = format!("Bearer {ADMIN_TOKEN}");
    Call::get(path).header("authorization", &token).send(console).await.expect(200).json()
}

/// The calls that reports know, once there are so many.
async fn reported(console: SocketAddr, wanted: u64) -> Value {
    let path = "/admin/v1/reports/by-subscription?from=2020-01-01&to=2100-01-01&total=true";
    let mut total = Value::Null;
    for _ in 0..1_200 {
        total = admin(console, path).await["total"].clone();
        if total["calls"].as_u64().is_some_and(|calls| calls >= wanted) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    total
}

#[tokio::test]
async fn nothing_is_sent_that_cannot_be_written_and_all_goes_on_when_there_is_room_again() {
    let (vendor, books) = Counting::honest(5).start().await;
    let Some(binary) = Binary::on_small_disk(&config(&vendor.url()), &server(), DISK).await else {
        eprintln!("not tested: no mount namespace for this user");
        return;
    };
    ask().send(binary.gateway).await.expect(200);
    let filler = binary.small_disk().join("filler");
    fill(&filler);
    let (good, refused) = until_refused(binary.gateway).await;
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (503, Some("ledger_unavailable")));
    assert!(refused.header("retry-after").is_some());
    for _ in 0..20 {
        ask().send(binary.gateway).await.expect(503);
    }
    assert_eq!(books.answers(), good + 1, "nothing was sent for those that were refused");

    std::fs::remove_file(&filler).expect("ours");
    let mut tries = 0;
    while ask().send(binary.gateway).await.status != 200 {
        tries += 1;
        assert!(tries < 400, "it does not recover: {}", binary.output());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let answered = books.answers();
    assert_eq!(answered, good + 2);
    let total = reported(binary.console, answered).await;
    assert_eq!(
        total["calls"].as_u64().map(|calls| calls - total["failed_calls"].as_u64().unwrap_or(0)),
        Some(answered)
    );
    let counters = admin(binary.console, "/admin/v1/quotas").await;
    for counter in counters["items"].as_array().expect("a list") {
        let wanted = if counter["measure"] == "tokens" { books.tokens() } else { answered };
        assert_eq!((&counter["used"], &counter["reserved"]), (&json!(wanted), &json!(0)), "{counter}");
    }
}
