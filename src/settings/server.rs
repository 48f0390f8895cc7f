//! Settings of the process: listeners, limits, folders.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Alerts, Ledger};
use crate::model::{HumanDuration, HumanSize, Secret};

/// The process itself. Changes to listeners, folders and the database take effect at the next start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The data plane's port.
    pub gateway: Listener,
    /// Port of console, admin API and `/metrics`. Keep it private.
    pub console: Console,
    /// Folder of the database and the first-login file; relative to the working directory, made when missing. Keep it
    /// on a volume: keys and usage live there.
    pub data_dir: PathBuf,
    /// `sqlite://PATH`, or `postgres://user@host/db` when several gateways share it: the password in the URL
    /// (`${file:...}` keeps it out of this file) or in `PGPASSWORD`, TLS by `?sslmode=verify-full&sslrootcert=...`.
    /// Left out: `tollgate.db` in `data_dir`.
    pub database: Option<Secret>,
    /// Redis or Valkey that several gateways share, `redis://:password@host:6379`: what caches keep, and purges.
    /// `rediss://` with TLS, its certificate checked against the public authorities or those of a PEM file:
    /// `rediss://host?ca=FILE`. Caches of a gateway work by themselves while it is away.
    pub shared_state: Option<Secret>,
    /// Memory for answers that `cache:` settings keep; as much again is for what policies keep.
    pub cache_memory: HumanSize,
    /// Addresses of proxies in front of the gateway: only their `x-forwarded-*` headers are believed.
    #[schemars(with = "Vec<Network>")]
    pub trusted_proxies: Vec<IpNet>,
    /// How long open exchanges may go on after SIGTERM before they are ended with an error event.
    pub shutdown_grace: HumanDuration,
    /// Name the backend that answered in `x-tollgate-backend`.
    pub expose_backend: bool,
    /// Where backends may be reached: keeps whoever may declare backends from reaching into the private network.
    pub egress: Egress,
    /// One line a request: who called what, who answered, how long it took, what it used. No key, no prompt.
    pub access_log: AccessLog,
    /// Export of traces (OpenTelemetry). Left out: none.
    pub otlp: Option<Otlp>,
    /// How the record of what was used is kept.
    pub ledger: Ledger,
    /// Who is told when quotas and budgets run low.
    pub alerts: Alerts,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            gateway: Listener::default(),
            console: Console::default(),
            data_dir: PathBuf::from("./tollgate-data"),
            database: None,
            shared_state: None,
            cache_memory: HumanSize(64 << 20),
            trusted_proxies: Vec::new(),
            shutdown_grace: HumanDuration(Duration::from_secs(30)),
            expose_backend: true,
            egress: Egress::default(),
            access_log: AccessLog::default(),
            otlp: None,
            ledger: Ledger::default(),
            alerts: Alerts::default(),
        }
    }
}

/// A port that takes requests of the data plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Listener {
    /// Address and port.
    #[schemars(with = "String", extend("format" = "address-and-port"))]
    pub listen: SocketAddr,
    /// Serve HTTPS (ALPN `h2`, `http/1.1`) with this certificate.
    pub tls: Option<Tls>,
    /// A request's headers must be complete in this time.
    pub header_timeout: HumanDuration,
    /// Longest silence while a request body is being received.
    pub body_timeout: HumanDuration,
    /// Longest time a kept-alive connection may wait for its next request. Keep it above the idle timeout of a load
    /// balancer in front (AWS 60 s, Azure up to 10 min), or that one will use connections just closed here.
    pub keep_alive: HumanDuration,
    /// Longest silence of a client that does not take the answer's bytes.
    pub write_timeout: HumanDuration,
    /// Connections open at once; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Connections open at once from one address (trusted proxies excepted); further ones are closed.
    pub max_connections_per_ip: usize,
    /// Largest request head (request line and headers).
    pub max_header_size: HumanSize,
    /// Largest request body; larger ones are answered with 413.
    pub max_body_size: HumanSize,
    /// Largest body kept in memory so that it can be sent again to another backend.
    pub replay_buffer: HumanSize,
    /// Streams open at once on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            header_timeout: HumanDuration(Duration::from_secs(30)),
            body_timeout: HumanDuration(Duration::from_secs(60)),
            keep_alive: HumanDuration(Duration::from_secs(660)),
            write_timeout: HumanDuration(Duration::from_secs(120)),
            max_connections: 20_000,
            max_connections_per_ip: 10_000,
            max_header_size: HumanSize(64 << 10),
            max_body_size: HumanSize(64 << 20),
            replay_buffer: HumanSize(8 << 20),
            max_concurrent_streams: 250,
        }
    }
}

/// The port of console, admin API and metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    /// Address and port. Anything but loopback needs an administrator's token (`TOLLGATE_ADMIN_TOKEN`).
    #[schemars(with = "String", extend("format" = "address-and-port"))]
    pub listen: SocketAddr,
    /// Serve HTTPS with this certificate.
    pub tls: Option<Tls>,
}

impl Default for Console {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8081)), tls: None }
    }
}

/// A certificate and its key, PEM files; read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain, PEM.
    #[schemars(extend("format" = "file"))]
    pub certificate: PathBuf,
    /// Private key, PEM.
    #[schemars(extend("format" = "file"))]
    pub key: PathBuf,
    /// Whether clients are asked for a certificate.
    #[serde(default)]
    pub client: ClientCertificates,
    /// Certificates of the authorities that clients' certificates are trusted by, PEM. Without it none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "file"))]
    pub client_ca: Option<PathBuf>,
    /// Revocation lists of those authorities, PEM. Without it nothing counts as revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "file"))]
    pub client_crl: Option<PathBuf>,
}

/// Whether clients are asked for a certificate in the TLS handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// No.
    #[default]
    None,
    /// Asked, and any is taken: `validate-client-certificate` says which calls need which.
    Ask,
    /// A connection without a certificate that `client_ca` trusts is refused.
    Require,
}

/// Where backends may be reached. Loopback is always allowed for backends declared in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Private, link-local and other non-public ranges that backends may have their address in.
    #[schemars(with = "Vec<Network>")]
    pub allow_private: Vec<IpNet>,
}

/// One line a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// `auto`: for people when standard output is a terminal, JSON otherwise.
    pub format: LogFormat,
    /// Write to this file instead of standard output.
    pub path: Option<PathBuf>,
}

/// How an access line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
    /// None.
    Off,
}

/// Export of traces by OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// The collector's traces URL, such as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// Share of exchanges that are exported when the caller's trace context does not decide, 0 to 1.
    #[serde(default = "everything")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
}

fn everything() -> f64 {
    1.0
}

/// How a network is described in the schema.
#[derive(JsonSchema)]
#[schemars(inline, transparent)]
#[expect(dead_code, reason = "describes `IpNet`, which has no schema of its own")]
struct Network(#[schemars(extend("format" = "network"))] String);
