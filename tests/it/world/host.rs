//! The gateway itself, on a runtime of its own so that it can be drained while a test's own runtime is blocked.

use std::{
    io::Write,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::runtime::Runtime;
use tollgate::{
    app::{self, Env, Options, Output, Running},
    model::{Clock, Entropy},
    settings::Source,
};

use super::{ADMIN_TOKEN, metrics::Metrics};

/// Each gateway draws its own ids: two on one database are two.
static SEED: AtomicU64 = AtomicU64::new(7);

/// However busy this machine is, nobody is refused for want of a lease that is on its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway in this process.
pub struct Host {
    /// The data plane's address.
    pub gateway: SocketAddr,
    /// The console's address.
    pub console: SocketAddr,
    printed: Printed,
    running: Option<(Runtime, Running)>,
}

/// What was left when the gateway had ended.
pub struct Ending {
    /// Standard output, diagnostics of all worlds of this process so far, metrics.
    pub printed: Vec<u8>,
    opened: u64,
    settled: u64,
    is_down: bool,
}

impl Ending {
    /// What gateways of this process warned of lately, for people who look why a test fails.
    pub fn warnings(&self) -> String {
        let printed = String::from_utf8_lossy(&self.printed);
        let warnings: Vec<_> = printed.lines().filter(|line| line.contains(" WARN ")).collect();
        warnings[warnings.len().saturating_sub(5)..].join("\n")
    }

    /// Fails the test unless the gateway went down and every exchange was settled exactly once.
    pub fn assert_settled(&self) {
        assert!(self.is_down, "the gateway did not go down within 60 s");
        assert_eq!(self.opened, self.settled, "exchanges opened and settled");
    }
}

impl Host {
    /// Starts one by this configuration file, with its data in `folder`.
    pub async fn start(config: &Path, folder: &Path, clock: Clock) -> Self {
        let printed = Printed::default();
        let options = Options {
            config: Some(Source::File(config.to_owned())),
            env: Env::from_fn(|name| match name {
                "TOLLGATE_ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
                "TOLLGATE_TEST_VALUE" => Some("from-environment".to_owned()),
                _ => None,
            }),
            out: Output::new(printed.clone()),
            lease_wait: PATIENCE,
            ..Options::embedded(folder.join("data"), clock, Entropy::seeded(SEED.fetch_add(1, Ordering::Relaxed)))
        };
        collect_diagnostics();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let started = runtime.spawn(app::start(options)).await.expect("no panic");
        let running = started.unwrap_or_else(|problem| panic!("the gateway did not start: {problem}"));
        let (gateway, console) = (running.gateway_addr(), running.console_addr());
        Self { gateway, console, printed, running: Some((runtime, running)) }
    }

    /// Has the configuration read again; what was wrong with it.
    pub async fn reload(&self) -> Result<(), String> {
        let (_, running) = self.running.as_ref().expect("until it ends");
        running.reload("a test").await.map(drop).map_err(|refused| refused.to_string())
    }

    /// Drains the gateway and ends it.
    pub fn end(&mut self) -> Ending {
        let (runtime, running) = self.running.take().expect("ended once");
        let console = self.console;
        let ending = std::thread::spawn(move || {
            let ended = runtime.block_on(async {
                let metrics = settled(console).await;
                let down = tokio::time::timeout(PATIENCE, running.shutdown()).await;
                (metrics, down.is_ok())
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
            ended
        });
        let (metrics, is_down) = ending.join().expect("the gateway ends without a panic");
        let counted = |name| metrics.sum(name, &[]);
        let (opened, settled) =
            (counted("tollgate_exchanges_opened_total"), counted("tollgate_exchanges_settled_total"));
        let printed = [self.printed.bytes(), diagnostics().bytes(), metrics.0.into_bytes()].concat();
        Ending { printed, opened, settled, is_down }
    }
}

/// The metrics once every exchange is settled, or after 10 s: a client that has gone is noticed a moment later.
async fn settled(console: SocketAddr) -> Metrics {
    for _ in 0..200 {
        let metrics = Metrics::read(console).await;
        if metrics.sum("tollgate_exchanges_in_flight", &[]) == 0 {
            return metrics;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Metrics::read(console).await
}

/// Text that the gateway writes, kept in memory.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn diagnostics() -> &'static Printed {
    static DIAGNOSTICS: OnceLock<Printed> = OnceLock::new();
    DIAGNOSTICS.get_or_init(Printed::default)
}

/// Keeps what the gateway logs, down to the last detail, so that it can be searched for secrets.
fn collect_diagnostics() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let filter =
            tracing_subscriber::EnvFilter::new("tollgate=trace,tollgate_providers=trace,sqlx=debug,hyper=debug");
        let writer = || diagnostics().clone();
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer).init();
    });
}
