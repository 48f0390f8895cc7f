//! A connection to the shared store: by TCP, with TLS where the address asks for it, and never reading more than an answer
//! may have.
//!
//! Deliberately not here: when a connection is made, and how long anybody waits for it (`super`).

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    aio::MultiplexedConnection,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use crate::settings::shared_state::{self, Tls};

/// What may be read before an answer is whole, in bytes: twice the largest thing that is shared.
const MOST: u64 = 2 * super::LARGEST as u64;
/// The port where nothing is said.
const PORT: u16 = 6379;

/// Where the store is and how to log in.
pub(super) struct Address {
    host: String,
    port: u16,
    login: RedisConnectionInfo,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Address {
    /// From a URL; reads the file of authorities that it names.
    pub(super) fn read(url: &str) -> Result<Self, String> {
        let shared_state::Address { url, tls } = shared_state::parse(url)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port().unwrap_or(PORT);
        let tls = tls.map(|tls| secured(&tls, &host)).transpose()?;
        let info = url.into_connection_info().map_err(|error| error.category().to_owned())?;
        Ok(Self { host, port, login: info.redis_settings().clone(), tls })
    }

    /// A new connection, logged in.
    pub(super) async fn connect(&self) -> Result<Link, RedisError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.log_in(stream).await,
            Some((connector, name)) => self.log_in(connector.connect(name.clone(), stream).await?).await,
        }
    }

    async fn log_in<S>(&self, stream: S) -> Result<Link, RedisError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let left = Arc::new(AtomicU64::new(MOST));
        let stream = Bounded { stream, left: left.clone() };
        // No deadlines of its own: `super` has them.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let (connection, driver) = MultiplexedConnection::new_with_config(&self.login, stream, config).await?;
        Ok(Link { connection, left, _driver: Arc::new(Driver(tokio::spawn(driver))) })
    }
}

fn secured(tls: &Tls, host: &str) -> Result<(TlsConnector, ServerName<'static>), String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| "its host is no name for TLS".to_owned())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots(tls.ca.as_deref())?)
        .with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// The public authorities, or those of a file.
fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let Some(file) = file else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let told = |why: String| format!("`ca` {}: {why}", file.display());
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| told(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| told(error.to_string()))?;
        roots.add(certificate).map_err(|error| told(error.to_string()))?;
    }
    if roots.is_empty() { Err(told("has no PEM certificate".to_owned())) } else { Ok(roots) }
}

/// A connection that many use at once. The last one that is dropped closes it.
#[derive(Clone)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    left: Arc<AtomicU64>,
    _driver: Arc<Driver>,
}

impl Link {
    /// Sends a command; its answer.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        let answer = command.query_async(&mut self.connection).await;
        self.left.store(MOST, Relaxed);
        answer
    }
}

/// Reads and writes for all who use a connection.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A stream that breaks when more comes than one answer may have.
struct Bounded<S> {
    stream: S,
    left: Arc<AtomicU64>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let came = (into.filled().len() - before) as u64;
        let is_within = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(came)).is_ok();
        Poll::Ready(if is_within { Ok(()) } else { Err(io::Error::other("an answer without an end")) })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
