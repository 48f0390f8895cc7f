//! The end of the process: what was asked is finished, within bounds, and nothing is cut silently.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::{
    client::{Call, End},
    vendor::{Gate, Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, access, binary::Binary},
};

fn config(vendor: &Vendor) -> String {
    format!(
        "backends: [{{ id: one, kind: openai, url: \"{}/v1\", key: {BACKEND_KEY} }}]\nmodels: [{{ name: m, backend: one }}]\n\
         products: [{{ id: all }}]\nsubscriptions: [{{ id: team-a, product: all, key: {KEY} }}]\n",
        vendor.url()
    )
}

fn stream() -> Call {
    Call::post("/v1/chat/completions", &json!({"model": "m", "stream": true, "messages": []})).key(KEY)
}

/// Waits until the port takes no new connections.
async fn closed(binary: &Binary) {
    for _ in 0..6_000 {
        if tokio::net::TcpStream::connect(binary.gateway).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still taking connections after 60 s");
}

#[tokio::test]
async fn open_streams_finish_within_the_grace_period() {
    let gate = Gate::closed();
    let events = dialect::chat_events(&["one", "two"], false);
    let vendor = Vendor::always(Reply::events(events.clone()).hold(2, &gate)).await;
    let mut binary = Binary::start(&config(&vendor), "  shutdown_grace: 20s\n").await;
    let mut open = stream().open(binary.gateway).await;
    assert!(open.until_text("one").await);
    binary.signal(Signal::TERM);
    closed(&binary).await;
    gate.open();
    let answer = open.finish().await.expect_whole(200);
    assert_eq!(answer.text(), String::from_utf8_lossy(&events.concat()));
    let status = binary.ended(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{}", binary.output());
    let lines = access::now(&binary.folder().join("access.log"));
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "complete" && line["streamed"] == true).count(), 1);
}

#[tokio::test]
async fn after_the_grace_period_streams_end_with_an_error() {
    let vendor = Vendor::always(Reply::events(dialect::chat_events(&["one"], false)).stalled(2)).await;
    let mut binary = Binary::start(&config(&vendor), "  shutdown_grace: 300ms\n").await;
    let mut open = stream().open(binary.gateway).await;
    assert!(open.until_text("one").await);
    binary.signal(Signal::TERM);
    let answer = open.finish().await.expect(200);
    assert_eq!(answer.end, End::Cut);
    assert!(answer.text().contains("data: {\"error\":") && !answer.text().contains("[DONE]"), "{}", answer.text());
    assert_eq!(binary.ended(Duration::from_secs(10)).await.code(), Some(0), "{}", binary.output());
    vendor.abandoned(1).await;
    let lines = access::now(&binary.folder().join("access.log"));
    assert!(lines.iter().any(|line| line["outcome"] == "ended"), "{lines:?}");
}

#[tokio::test]
async fn after_the_grace_period_whoever_still_waits_is_told() {
    let held = Reply::events(["data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n"]).stalled(1);
    for silence in [Reply::silence(), held] {
        let vendor = Vendor::always(silence).await;
        let mut binary = Binary::start(&config(&vendor), "  shutdown_grace: 300ms\n").await;
        let open = stream().start(binary.gateway).await;
        vendor.reached(1).await;
        binary.signal(Signal::TERM);
        let answer = open.finish().await.expect_whole(503);
        assert_eq!(answer.json()["error"]["code"], "shutting_down", "{}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(binary.ended(Duration::from_secs(10)).await.code(), Some(0), "{}", binary.output());
        let lines = access::now(&binary.folder().join("access.log"));
        assert!(lines.iter().any(|line| line["outcome"] == "ended"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let vendor = Vendor::always(Reply::events(dialect::chat_events(&["one"], false)).stalled(2)).await;
    let mut binary = Binary::start(&config(&vendor), "  shutdown_grace: 1h\n").await;
    let mut open = stream().open(binary.gateway).await;
    assert!(open.until_text("one").await);
    binary.signal(Signal::TERM);
    closed(&binary).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(binary.is_running(), "the stream is given its time");
    binary.signal(Signal::TERM);
    binary.ended(Duration::from_secs(30)).await;
    assert_eq!(open.finish().await.end, End::Cut);
}

#[tokio::test]
async fn an_idle_gateway_ends_at_once() {
    let vendor = Vendor::always(dialect::chat("hi")).await;
    for signal in [Signal::TERM, Signal::INT] {
        let mut binary = Binary::start(&config(&vendor), "  shutdown_grace: 1h\n").await;
        let idle = tokio::net::TcpStream::connect(binary.gateway).await.expect("listening");
        binary.signal(signal);
        assert_eq!(binary.ended(Duration::from_secs(30)).await.code(), Some(0), "{signal:?}: {}", binary.output());
        drop(idle);
    }
}

#[tokio::test]
async fn a_hangup_reloads_and_a_changed_file_is_noticed() {
    let vendor = Vendor::always(dialect::chat("hi")).await;
    let binary = Binary::start(&config(&vendor), "").await;
    let ask = |model: &str| Call::post("/v1/chat/completions", &json!({"model": model, "messages": []})).key(KEY);
    ask("m").send(binary.gateway).await.expect_whole(200);
    let file = binary.folder().join("tollgate.yaml");
    let text = std::fs::read_to_string(&file).expect("readable");
    for (from, to, hangup) in [("m", "n", true), ("n", "o", false)] {
        let text = text.replace("name: m,", &format!("name: {to},"));
        std::fs::write(&file, text).expect("writable");
        if hangup {
            binary.signal(Signal::HUP);
        }
        let mut status = 0;
        for _ in 0..6_000 {
            status = ask(to).send(binary.gateway).await.status;
            if status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(status, 200, "{to} was not noticed: {}", binary.output());
        ask(from).send(binary.gateway).await.expect_whole(404);
    }
    std::fs::write(&file, "backends: nonsense\n").expect("writable");
    binary.signal(Signal::HUP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    ask("o").send(binary.gateway).await.expect_whole(200);
}

#[tokio::test]
async fn a_key_changed_by_any_way_is_refused_within_a_second() {
    let vendor = Vendor::always(dialect::chat("hi")).await;
    let binary = Binary::start(&config(&vendor), "").await;
    let ask = |key: &str| Call::post("/v1/chat/completions", &json!({"model": "m", "messages": []})).key(key);
    for (name, way) in [("by-server", ""), ("by-database", " --offline")] {
        let created = binary.command(&format!("keys create {name} --product all -q{way}"));
        let key = created.lines().next().expect("the key alone").to_owned();
        until_status(&binary, &ask(&key), 200).await;
        binary.command(&format!("keys suspend {name}{way}"));
        until_status(&binary, &ask(&key), 401).await;
        binary.command(&format!("keys activate {name}{way}"));
        until_status(&binary, &ask(&key), 200).await;
        let renewed = binary.command(&format!("keys regenerate {name} -q{way}"));
        until_status(&binary, &ask(&key), 401).await;
        until_status(&binary, &ask(renewed.lines().next().expect("the key alone")), 200).await;
    }
}

/// Fails unless the answer has this status within the promised second (and four more, for a busy machine).
async fn until_status(binary: &Binary, call: &Call, status: u16) {
    let clock = tollgate::model::Clock::system();
    let start = clock.ticks();
    loop {
        let answer = call.send(binary.gateway).await;
        if answer.status == status {
            return;
        }
        let waited = clock.ticks().since(start);
        assert!(waited < Duration::from_secs(5), "{} instead of {status} after {waited:?}", answer.status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
