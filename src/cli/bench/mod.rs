//! `tollgate bench`: what the gateway itself costs on this machine.
//!
//! A mock provider and a gateway in front of it run in this process; the same open-loop load goes to the one and to
//! the other in turns, and the difference is shown. For CPU time and comparisons with other proxies see
//! `cargo bench --bench compare`, which uses the same provider and driver.

pub mod load;
pub mod provider;

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use load::{AnyError, Order, Seen, Shape, drive};
use tokio::net::TcpListener;

use super::{args, exit::Failure, print};
use crate::{
    app::{self, Options, Running},
    document::Format,
    model::{Clock, Entropy},
    settings::Source,
};

/// The key of the bench's one subscription, alive as long as the bench.
const KEY: &str = "bench-key-of-this-process";
const ROUNDS: usize = 3;

/// Runs it and prints a table.
pub async fn run(asked: &args::Bench) -> Result<(), Failure> {
    let table = measure(asked).await.map_err(|error| Failure::failed(format!("the bench failed: {error}")))?;
    Ok(print::data(&table)?)
}

async fn measure(asked: &args::Bench) -> Result<String, AnyError> {
    let folder = std::env::temp_dir().join(format!("tollgate-bench-{}", std::process::id()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let provider = listener.local_addr()?;
    let serving = tokio::spawn(provider::serve(listener));
    let gateway = start(&folder, provider).await?;
    let rows = rows(asked, provider, gateway.gateway_addr()).await;
    gateway.shutdown().await;
    serving.abort();
    std::fs::remove_dir_all(&folder)?;
    rows
}

async fn start(folder: &std::path::Path, provider: SocketAddr) -> Result<Running, AnyError> {
    let text = format!(
        "version: 1\n\
         server: {{ access_log: {{ format: json, path: '{log}' }} }}\n\
         backends:\n  - {{ id: mock, kind: openai-compatible, url: 'http://{provider}/v1' }}\n  \
           - {{ id: mock-http, kind: http, url: 'http://{provider}' }}\n\
         models: [{{ name: m, backend: mock }}]\n\
         apis:\n  - {{ id: models, kind: models, path: / }}\n  - {{ id: plain, kind: http, path: /plain, backend: mock-http }}\n\
         products: [{{ id: bench }}]\n\
         subscriptions: [{{ id: bench, product: bench, key: {KEY} }}]\n",
        log = folder.join("access.log").display(),
    );
    std::fs::create_dir_all(folder)?;
    let mut options = Options::embedded(folder.to_owned(), Clock::system(), Entropy::system());
    options.config = Some(Source::Text { name: "bench".to_owned(), format: Format::Yaml, text });
    app::start(options).await.map_err(|problem| problem.to_string().into())
}

async fn rows(asked: &args::Bench, provider: SocketAddr, gateway: SocketAddr) -> Result<String, AnyError> {
    let targets = [
        ("direct to the mock provider", provider, "/v1/chat/completions", None),
        ("plain HTTP route", gateway, "/plain/v1/chat/completions", Some(KEY)),
        ("model route", gateway, "/v1/chat/completions", Some(KEY)),
    ];
    let mut seen: [Vec<Seen>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (target, seen) in targets.iter().zip(&mut seen) {
            seen.push(drive(order(asked, target), || {}).await?);
        }
    }
    let direct = best(&seen[0]);
    let mut table = format!(
        "{:30} {:>10} {:>10} {:>12} {:>12} {:>8}\n",
        "", "p50 us", "p99 us", "added p50", "added p99", "failed"
    );
    for ((label, ..), seen) in targets.iter().zip(&seen) {
        let (p50, p99, failed) = best(seen);
        let added = |own: u32, base: u32| own.saturating_sub(base);
        let (more50, more99) = (added(p50, direct.0), added(p99, direct.1));
        writeln!(table, "{label:30} {p50:>10} {p99:>10} {more50:>12} {more99:>12} {failed:>8}")?;
    }
    Ok(table)
}

fn order(asked: &args::Bench, target: &(&str, SocketAddr, &str, Option<&str>)) -> Order {
    let (_, address, path, key) = *target;
    Order {
        address: address.to_string(),
        path: path.to_owned(),
        key: key.map(ToOwned::to_owned),
        prompt: asked.prompt_bytes,
        shape: Shape::Open { every: Duration::from_secs(1) / asked.rate },
        time: Duration::from_secs(asked.seconds),
    }
}

/// The lowest p50 and p99 of the rounds (others ran while the machine was disturbed), and all failures.
fn best(rounds: &[Seen]) -> (u32, u32, u64) {
    let lowest = |of_thousand| rounds.iter().map(|seen| seen.permille(of_thousand)).min().unwrap_or(0);
    (lowest(500), lowest(990), rounds.iter().map(|seen| seen.failed).sum())
}
