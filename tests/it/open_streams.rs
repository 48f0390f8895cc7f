//! Five thousand streams open at once in the real binary, again and again: all served, memory flat.

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

/// Streams open at once.
const STREAMS: usize = 5_000;
/// How often so many are opened, used and ended.
const WAVES: usize = 4;
/// The first waves fill what is kept: connections, buffers, learned figures, the allocator's own pools.
const WARM_UP: usize = 2;
/// What a later wave may take more than the one before it, in percent: the system's allocator goes on splitting its pools for
/// some waves (3 to 6 % each), while with one that does not (mimalloc) five waves took the same.
const GROWTH: u64 = 10;

/// A wave's gates: what follows the first words, and the end.
#[derive(Clone)]
struct Wave {
    more: Gate,
    end: Gate,
}

impl Wave {
    fn closed() -> Self {
        Self { more: Gate::closed(), end: Gate::closed() }
    }

    /// Opens all streams, lets them run and ends them; the most memory that was resident meanwhile, in KiB.
    async fn pass(&self, binary: &Binary, before: Vec<Open>) -> u64 {
        let mut streams = before;
        streams.extend(opened(STREAMS - streams.len(), binary.gateway).await);
        let open = binary.resident_kib();
        self.more.open();
        for open in &mut streams {
            for _ in 0..15 {
                open.piece().await;
            }
        }
        let running = binary.resident_kib();
        assert!(running <= open + open / 10, "grew from {open} to {running} KiB while streaming");
        self.end.open();
        for open in streams {
            let answer = open.finish().await.expect_whole(200);
            assert!(answer.text().ends_with("data: [DONE]\n\n"));
        }
        open.max(running)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_streams_are_open_at_once_and_memory_is_flat() {
    raise_own_limit();
    let words: Vec<&str> = std::iter::once("one").chain(std::iter::repeat_n("more", 20)).collect();
    let events = dialect::chat_events(&words, true);
    let waves: Vec<Wave> = (0..WAVES).map(|_| Wave::closed()).collect();
    let vendor = Vendor::start({
        let waves = waves.clone();
        move |_, number| {
            let wave = &waves[(number - 1) / STREAMS];
            Reply::events(events.clone()).hold(2, &wave.more).hold(events.len() - 2, &wave.end)
        }
    })
    .await;
    let config = format!(
        "backends: [{{ id: one, kind: openai, url: \"{}/v1\", key: {BACKEND_KEY} }}]\nmodels: [{{ name: m, backend: one }}]\n\
         products: [{{ id: all }}]\nsubscriptions: [{{ id: team-a, product: all, key: {KEY} }}]\n",
        vendor.url()
    );
    let mut binary = Binary::start(&config, "").await;
    let idle = binary.resident_kib();
    let first = opened(1_000, binary.gateway).await;
    let thousand = binary.resident_kib();
    let mut peaks = Vec::new();
    let mut before = first;
    for wave in &waves {
        peaks.push(wave.pass(&binary, std::mem::take(&mut before)).await);
    }
    let each = (peaks[0] - thousand) / (STREAMS as u64 - 1_000);
    eprintln!("resident: idle {idle} KiB, 1,000 streams {thousand}, waves of 5,000 {peaks:?}: {each} KiB each");
    assert!(each <= PER_STREAM_KIB, "{each} KiB a stream");
    for (wave, pair) in peaks.windows(2).enumerate().skip(WARM_UP - 1) {
        let most = pair[0] + pair[0] * GROWTH / 100;
        assert!(pair[1] <= most, "wave {}: grew from {} to {} KiB; all: {peaks:?}", wave + 2, pair[0], pair[1]);
    }
    binary.signal(Signal::TERM);
    assert_eq!(binary.ended(Duration::from_secs(40)).await.code(), Some(0), "{}", binary.output());
}

/// The test itself holds ten thousand sockets.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("may be raised");
    assert!(limit.maximum.is_none_or(|most| most >= 12_000), "this machine allows {:?} open files only", limit.maximum);
}
