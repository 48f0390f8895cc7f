//! Dialling: resolve once, check every address by the egress rules, connect to exactly a checked address.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use http::{HeaderValue, Request, Uri};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::{link::Link, proxy::Proxy, tls::Tls};
use crate::outbound::{SendFault, SendFaultKind, egress};

/// A head start for each address before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A name's addresses, or why there are none.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who turns names into addresses. A trait so that tests can lie.
pub trait Resolve: Send + Sync {
    /// All addresses of a name.
    fn resolve(&self, name: &str) -> Resolving;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> Resolving {
        let name = name.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Opens connections by one set of connection settings.
pub(super) struct Dialer {
    resolver: Arc<dyn Resolve>,
    egress: egress::Rules,
    proxy: Option<Proxy>,
    tls: Tls,
    timeout: Duration,
    dialling: AtomicUsize,
}

/// Counts a connection that is being opened.
struct Dialling<'a>(&'a AtomicUsize);

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, AcqRel);
    }
}

impl Dialer {
    pub(super) fn new(
        resolver: Arc<dyn Resolve>,
        egress: egress::Rules,
        proxy: Option<Proxy>,
        tls: Tls,
        timeout: Duration,
    ) -> Self {
        Self { resolver, egress, proxy, tls, timeout, dialling: AtomicUsize::new(0) }
    }

    /// Whether any connection is being opened now.
    pub(super) fn is_dialling(&self) -> bool {
        self.dialling.load(Acquire) > 0
    }

    /// Whether requests to such an origin name it: a forward proxy must be told where they go.
    pub(super) fn wants_absolute_form(&self, scheme: &http::uri::Scheme) -> bool {
        self.proxy.is_some() && *scheme == http::uri::Scheme::HTTP
    }

    /// A request in the clear through a proxy carries the proxy's own credential.
    pub(super) fn authorize<B>(&self, request: &mut Request<B>) {
        let Some(value) = self.proxy.as_ref().and_then(Proxy::authorization) else { return };
        if request.uri().scheme() == Some(&http::uri::Scheme::HTTP)
            && let Ok(mut value) = HeaderValue::from_str(value)
        {
            value.set_sensitive(true);
            request.headers_mut().insert(http::header::PROXY_AUTHORIZATION, value);
        }
    }

    /// Opens a connection for that origin within the connect timeout.
    pub(super) async fn connect(&self, uri: &Uri, http1: bool) -> Result<Link, SendFault> {
        self.dialling.fetch_add(1, AcqRel);
        let _counted = Dialling(&self.dialling);
        match tokio::time::timeout(self.timeout, self.establish(uri, http1)).await {
            Ok(result) => result,
            Err(_) => Err(SendFault::unsent(
                SendFaultKind::ConnectTimeout,
                format!("connecting to {} took longer than {:?}", place(uri), self.timeout),
            )),
        }
    }

    async fn establish(&self, uri: &Uri, http1: bool) -> Result<Link, SendFault> {
        let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let mut stream = match &self.proxy {
            Some(proxy) => self.dial(proxy.host(), proxy.port()).await?,
            None => self.dial(host, port).await?,
        };
        if !secure {
            return Ok(Link::plain(stream, self.proxy.is_some()));
        }
        if let Some(proxy) = &self.proxy {
            proxy.tunnel(&mut stream, host, port).await?;
        }
        self.tls.handshake(stream, host, http1).await.map(Link::tls)
    }

    async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, SendFault> {
        let addresses = self.resolve(host).await?;
        let addresses = interleave(self.permitted(host, addresses)?);
        let targets = addresses.into_iter().map(|address| SocketAddr::new(address, port));
        race(targets).await.map_err(|error| {
            SendFault::unsent(SendFaultKind::Refused, format!("cannot connect to {host}:{port}: {error}"))
        })
    }

    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, SendFault> {
        let refused = |text: String| SendFault::unsent(SendFaultKind::Refused, text);
        if let Some(address) = egress::literal(host).map_err(refused)? {
            return Ok(vec![address]);
        }
        let found = self.resolver.resolve(host).await;
        let found = found.map_err(|error| refused(format!("the name {host} does not resolve: {error}")))?;
        if found.is_empty() { Err(refused(format!("the name {host} has no address"))) } else { Ok(found) }
    }

    /// Keeps the addresses that may be dialled. A name that has only forbidden ones is refused.
    fn permitted(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, SendFault> {
        let mut first_refusal = None;
        let mut permitted = Vec::with_capacity(addresses.len());
        for address in addresses {
            match self.egress.check(address) {
                Ok(()) => permitted.push(address),
                Err(forbidden) => first_refusal = first_refusal.or(Some(forbidden)),
            }
        }
        match first_refusal {
            Some(forbidden) if permitted.is_empty() => {
                Err(SendFault::unsent(SendFaultKind::Egress, format!("{host} may not be reached: {forbidden}")))
            }
            _ => Ok(permitted),
        }
    }
}

/// Scheme, host and port: never the path.
fn place(uri: &Uri) -> String {
    format!("{}://{}", uri.scheme_str().unwrap_or("http"), uri.authority().map_or("", |authority| authority.as_str()))
}

/// Alternates between address families, beginning with the resolver's choice (RFC 8305, section 4).
fn interleave(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut result = Vec::with_capacity(preferred.len() + other.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        let pair = [preferred.next(), other.next()];
        if pair == [None, None] {
            return result;
        }
        result.extend(pair.into_iter().flatten());
    }
}

/// Connects to the first address that accepts; each gets a head start before the next.
async fn race(targets: impl IntoIterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = targets.into_iter().fuse();
    let mut running = FuturesUnordered::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next() {
            Some(target) => running.push(open(target)),
            None if running.is_empty() => return Err(failure),
            None => {}
        }
        let more = waiting.size_hint().1 != Some(0);
        let next = if more {
            tokio::time::timeout(HEAD_START, running.next()).await.ok().flatten()
        } else {
            running.next().await
        };
        match next {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => failure = error,
            None => {}
        }
    }
}

async fn open(target: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(target).await?;
    // Small frames must not wait for an acknowledgement; dead peers must be noticed on silent streams.
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("ip");
        let mixed = ["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"].map(ip).to_vec();
        assert_eq!(interleave(mixed), ["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"].map(ip));
        assert!(interleave(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_stop_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let alive = listener.local_addr().expect("address");
        // Bound and not listened on: it refuses, and nobody else can be given it.
        let kept = tokio::net::TcpSocket::new_v4().expect("a socket");
        kept.bind("127.0.0.1:0".parse().expect("an address")).expect("bind");
        let closed = kept.local_addr().expect("address");
        let stream = race([closed, alive]).await.expect("connected");
        assert_eq!(stream.peer_addr().expect("peer"), alive);
        assert!(race([closed]).await.is_err());
        assert!(race([]).await.is_err());
    }
}
