//! A real gateway on free ports with scripted backends behind it and a clock that tests move.
//!
//! When a [`World`] is dropped the gateway is drained, and the test fails if an exchange was not settled exactly
//! once (`drain`) or if a secret or a prompt shows up in anything the gateway wrote (`canary`).

pub mod access;
pub mod binary;
pub mod canary;
pub mod host;
pub mod metrics;
pub mod policies;

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, path::PathBuf, time::Duration};

use tempfile::TempDir;
use tollgate::model::{Clock, Timestamp};

use crate::{
    client::{Answer, Call, PATIENCE},
    ports::Port,
    postgres::Server,
    vendor::Vendor,
};
use host::Host;

/// Key of subscription `team-a`.
pub const KEY: &str = "key-of-team-a-canary-0001";
/// Secondary key of subscription `team-a`.
pub const SECOND_KEY: &str = "key-of-team-a-canary-0002";
/// Key of subscription `team-b`.
pub const OTHER_KEY: &str = "key-of-team-b-canary-0003";
/// What the backends are configured with.
pub const BACKEND_KEY: &str = "sk-backend-canary-0004";
/// The administrator's token.
pub const ADMIN_TOKEN: &str = "administrator-token-canary-0005";
/// Part of every prompt.
pub const PROMPT: &str = "prompt-canary-0006";

const SUBSCRIPTIONS: &str = "
products: [{ id: all }]
subscriptions:
  - { id: team-a, product: all, key: key-of-team-a-canary-0001, secondary_key: key-of-team-a-canary-0002 }
  - { id: team-b, product: all, key: key-of-team-b-canary-0003 }
";

/// Where the tests' clock starts: 2026-01-02T03:04:05Z.
pub const START: Timestamp = Timestamp::from_secs(1_767_323_045);

/// What a world is made of.
#[derive(Default)]
pub struct Builder {
    config: String,
    server: Vec<String>,
    vendors: BTreeMap<String, Vendor>,
    files: Vec<(String, String)>,
    database: Option<String>,
    is_on_sqlite: bool,
}

impl Builder {
    /// YAML without `server`. `vendor://name` becomes that vendor's `http://127.0.0.1:port`, `vendor://nobody` a
    /// port where nothing listens, `clock://start+1m` the time a minute after the world begins. Without `subscriptions`, `team-a` and `team-b` may use everything.
    pub fn config(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.config);
        self
    }

    /// A line of the `server` section.
    pub fn server(mut self, line: &str) -> Self {
        self.server.push(line.to_owned());
        self
    }

    /// A backend that the configuration can name.
    pub fn vendor(mut self, name: &str, vendor: Vendor) -> Self {
        self.vendors.insert(name.to_owned(), vendor);
        self
    }

    /// A file beside the configuration; `vendor://name` is replaced in it too.
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Keeps the data in a PostgreSQL database of its own, whatever the other tests do.
    pub fn on_postgres(self) -> Self {
        self.database(Server::shared().database())
    }

    /// Keeps the data in SQLite, whatever the other tests do: for tests that move the clock over the end of a quota's
    /// window, which is the database's where several gateways share it.
    pub fn on_sqlite(mut self) -> Self {
        self.is_on_sqlite = true;
        self
    }

    /// Keeps the data there: two worlds with one database are two replicas.
    pub fn database(mut self, url: String) -> Self {
        self.database = Some(url);
        self
    }

    /// Where several gateways share a database it grants quota by its own clock: the gateway's begins there.
    fn start_time(&self) -> Timestamp {
        if self.database.is_some() { Clock::system().now() } else { START }
    }

    /// Starts it; fails the test when the gateway does not start.
    pub async fn start(mut self) -> World {
        let is_asked = || std::env::var("TOLLGATE_TEST_DATABASE").is_ok_and(|name| name == "postgres");
        if self.database.is_none() && !self.is_on_sqlite && is_asked() {
            self = self.on_postgres();
        }
        let clock = Clock::manual(self.start_time());
        if let Some(url) = self.database {
            self.server.push(format!("database: {url}"));
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let nobody = Port::keep();
        let begins = clock.now();
        let mut world = Unstarted { folder, server: self.server, vendors: self.vendors, nobody, begins };
        for (name, text) in &self.files {
            world.write_file(name, text);
        }
        world.write(&self.config);
        let host = Host::start(&world.config_file(), world.folder.path(), clock.clone()).await;
        World { unstarted: world, host, clock }
    }
}

struct Unstarted {
    folder: TempDir,
    server: Vec<String>,
    vendors: BTreeMap<String, Vendor>,
    nobody: Port,
    begins: Timestamp,
}

impl Unstarted {
    fn config_file(&self) -> PathBuf {
        self.folder.path().join("tollgate.yaml")
    }

    fn write(&mut self, config: &str) {
        let mut text =
            format!("version: 1\nserver:\n  access_log: {{ format: json, path: {} }}\n", self.access_log().display());
        if !self.server.iter().any(|line| line.starts_with("shutdown_grace")) {
            text.push_str("  shutdown_grace: 2s\n");
        }
        for line in &self.server {
            writeln!(text, "  {line}").expect("memory");
        }
        text.push_str(config);
        if !config.contains("subscriptions:") {
            text.push_str(SUBSCRIPTIONS);
        }
        let minute = self.begins.plus(Duration::from_secs(60)).to_string();
        self.write_file("tollgate.yaml", &text.replace("clock://start+1m", &minute));
    }

    fn write_file(&self, name: &str, text: &str) {
        let mut text = text.replace("vendor://nobody", &format!("http://{}", self.nobody.address()));
        for (name, vendor) in &self.vendors {
            text = text.replace(&format!("vendor://{name}"), &vendor.url());
        }
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a writable folder");
        std::fs::write(path, text).expect("a writable folder");
    }

    fn access_log(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }
}

/// A running gateway and its backends.
pub struct World {
    unstarted: Unstarted,
    host: Host,
    /// The gateway's clock.
    pub clock: Clock,
}

impl World {
    /// Starts describing one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Model `m` (at the backend: `up`) on one backend `one` of that kind, played by `vendor`.
    pub async fn one(kind: &str, vendor: Vendor) -> Self {
        Self::builder().config(&one_backend(kind)).vendor("one", vendor).start().await
    }

    /// The data plane's address.
    pub fn gateway(&self) -> SocketAddr {
        self.host.gateway
    }

    /// The console's address.
    pub fn console(&self) -> SocketAddr {
        self.host.console
    }

    /// A backend by the name given to [`Builder::vendor`].
    pub fn vendor(&self, name: &str) -> &Vendor {
        &self.unstarted.vendors[name]
    }

    /// Sends a request to the gateway.
    pub async fn send(&self, call: &Call) -> Answer {
        call.send(self.gateway()).await
    }

    /// Sends a request to the admin API with the administrator's token.
    pub async fn admin(&self, call: Call) -> Answer {
        call.key(ADMIN_TOKEN).send(self.console()).await
    }

    /// Moves the gateway's clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Replaces the configuration file and has it read.
    pub async fn reload(&mut self, config: &str) -> Result<(), String> {
        self.unstarted.write(config);
        self.host.reload().await
    }

    /// Writes a file beside the configuration.
    pub fn write_file(&self, name: &str, text: &str) {
        self.unstarted.write_file(name, text);
    }

    /// Replaces the configuration file and tells nobody.
    pub fn write_only(&mut self, config: &str) {
        self.unstarted.write(config);
    }

    /// Access lines once there are `count` of them.
    pub async fn lines(&self, count: usize) -> Vec<serde_json::Value> {
        access::lines(&self.unstarted.access_log(), count).await
    }

    /// The only access line.
    pub async fn line(&self) -> serde_json::Value {
        let lines = self.lines(1).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.into_iter().next().expect("one")
    }

    /// The gateway's metrics now.
    pub async fn metrics(&self) -> metrics::Metrics {
        metrics::Metrics::read(self.console()).await
    }

    /// Exchanges that were opened so far.
    pub async fn opened(&self) -> u64 {
        self.metrics().await.sum("tollgate_exchanges_opened_total", &[])
    }

    /// Waits until so many exchanges were opened.
    pub async fn until_opened(&self, count: u64) {
        let waiting = async {
            while self.opened().await < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not {count} exchanges"));
    }
}

/// Model `m` (at the backend: `up`) on one backend `one` of that kind at `vendor://one`.
pub fn one_backend(kind: &str) -> String {
    let path = if matches!(kind, "openai" | "openai-compatible" | "ollama") { "/v1" } else { "" };
    format!(
        "backends: [{{ id: one, kind: {kind}, url: \"vendor://one{path}\", key: {BACKEND_KEY} }}]\n\
         models: [{{ name: m, backend: one, upstream_model: up }}]\n"
    )
}

impl Drop for World {
    fn drop(&mut self) {
        let ending = self.host.end();
        if std::thread::panicking() {
            eprintln!("{}", ending.warnings());
            return;
        }
        ending.assert_settled();
        canary::assert_absent(self.unstarted.folder.path(), &ending.printed);
    }
}
