//! What a start needs from outside: everything that tests replace is a field here.

use std::{
    fmt,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    model::{Clock, Entropy},
    settings::Source,
    usage::leases::FIRST_WAIT,
};

/// How a start reads environment variables. Cloning shares the source.
#[derive(Clone)]
pub struct Env(Arc<Read>);

type Read = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Env {
    /// The process's environment; values that are not UTF-8 count as unset.
    #[must_use]
    pub fn process() -> Self {
        Self::from_fn(|name| std::env::var(name).ok())
    }

    /// Nothing is set.
    #[must_use]
    pub fn empty() -> Self {
        Self::from_fn(|_| None)
    }

    /// Any other source, such as a map in a test.
    #[must_use]
    pub fn from_fn(read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The value of `name`, when it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env(..)")
    }
}

/// Where text for people goes. Cloning shares the destination.
#[derive(Clone)]
pub struct Output(Arc<Mutex<dyn Write + Send>>);

impl Output {
    /// To any writer.
    #[must_use]
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// To standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }

    /// Into nothing, for tests.
    #[must_use]
    pub fn sink() -> Self {
        Self::new(io::sink())
    }

    /// Writes `text` whole and flushes. Errors are the writer's.
    pub fn print(&self, text: &str) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(text.as_bytes())?;
        writer.flush()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output(..)")
    }
}

/// What a start needs from outside.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the configuration is read. `None`: quick start.
    pub config: Option<Source>,
    /// Where time comes from.
    pub clock: Clock,
    /// Where randomness comes from.
    pub entropy: Entropy,
    /// Where `${ENV}` and the `TOLLGATE_*` variables are read.
    pub env: Env,
    /// Gateway address instead of the configured one.
    pub gateway_listen: Option<SocketAddr>,
    /// Console address instead of the configured one.
    pub console_listen: Option<SocketAddr>,
    /// Data folder instead of the configured one.
    pub data_dir: Option<PathBuf>,
    /// Whether `out` is a terminal: secrets go nowhere else.
    pub terminal: bool,
    /// The transcript of the start, and the access log when it goes to standard output.
    pub out: Output,
    /// Read the configuration again when its files change.
    pub watch: bool,
    /// Start although records of the ledger are damaged or missing, and go on without them.
    pub accept_ledger_loss: bool,
    /// How long a request waits for its share of a quota, where several gateways share a database.
    pub lease_wait: Duration,
}

impl Options {
    /// For tests and embedding: free ports on loopback, no environment, no watching, nothing printed.
    #[must_use]
    pub fn embedded(data_dir: PathBuf, clock: Clock, entropy: Entropy) -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            config: None,
            clock,
            entropy,
            env: Env::empty(),
            gateway_listen: Some(any_port),
            console_listen: Some(any_port),
            data_dir: Some(data_dir),
            terminal: false,
            out: Output::sink(),
            watch: false,
            accept_ledger_loss: false,
            lease_wait: FIRST_WAIT,
        }
    }
}
