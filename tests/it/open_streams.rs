//! Five thousand streams open at once in the real binary: all served, memory flat.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    client::{Call, Open},
    vendor::{Gate, Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, binary::Binary},
};

/// What one open stream may cost an unoptimised build, in KiB; the release figure is the benches' business.
const PER_STREAM_KIB: u64 = 96;

async fn opened(count: usize, to: std::net::SocketAddr) -> Vec<Open> {
    let body = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "x".repeat(1_000)}]});
    let call = Call::post("/v1/chat/completions", &body).key(KEY);
    let mut opening = JoinSet::new();
    let mut open = Vec::with_capacity(count);
    for started in 0..count {
        if started >= 64 {
            open.push(opening.join_next().await.expect("running").expect("opened"));
        }
        let call = call.clone();
        opening.spawn(async move {
            let mut one = call.open(to).await;
            assert!(one.until_text("one").await, "status {}", one.answer().status);
            one
        });
    }
    while let Some(one) = opening.join_next().await {
        open.push(one.expect("opened"));
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_streams_are_open_at_once_and_memory_is_flat() {
    raise_own_limit();
    let words: Vec<&str> = std::iter::once("one").chain(std::iter::repeat_n("more", 20)).collect();
    let events = dialect::chat_events(&words, true);
    let (more, end) = (Gate::closed(), Gate::closed());
    let vendor = Vendor::start({
        let (more, end) = (more.clone(), end.clone());
        move |_, _| Reply::events(events.clone()).hold(2, &more).hold(events.len() - 2, &end)
    })
    .await;
    let config = format!(
        "backends: [{{ id: one, kind: openai, url: \"{}/v1\", key: {BACKEND_KEY} }}]\nmodels: [{{ name: m, backend: one }}]\n\
         products: [{{ id: all }}]\nsubscriptions: [{{ id: team-a, product: all, key: {KEY} }}]\n",
        vendor.url()
    );
    let mut binary = Binary::start(&config, "").await;
    let idle = binary.resident_kib();
    let mut streams = opened(1_000, binary.gateway).await;
    let thousand = binary.resident_kib();
    streams.extend(opened(4_000, binary.gateway).await);
    let five_thousand = binary.resident_kib();
    let each = (five_thousand - thousand) / 4_000;
    eprintln!("resident: idle {idle} KiB, 1,000 streams {thousand}, 5,000 streams {five_thousand}: {each} KiB each");
    assert!(each <= PER_STREAM_KIB, "{each} KiB a stream");

    more.open();
    for open in &mut streams {
        for _ in 0..15 {
            open.piece().await;
        }
    }
    let running = binary.resident_kib();
    assert!(
        running <= five_thousand + five_thousand / 10,
        "grew from {five_thousand} to {running} KiB while streaming"
    );

    end.open();
    for open in streams {
        let answer = open.finish().await.expect_whole(200);
        assert!(answer.text().ends_with("data: [DONE]\n\n"));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let again = opened(5_000, binary.gateway).await;
    let second = binary.resident_kib();
    eprintln!("resident: while streaming {running} KiB, the second five thousand {second}");
    assert!(second <= running + running / 4, "grew from {running} to {second} KiB the second time");
    drop(again);
    binary.signal(Signal::TERM);
    assert_eq!(binary.ended(Duration::from_secs(40)).await.code(), Some(0), "{}", binary.output());
}

/// The test itself holds ten thousand sockets.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("may be raised");
    assert!(limit.maximum.is_none_or(|most| most >= 12_000), "this machine allows {:?} open files only", limit.maximum);
}
