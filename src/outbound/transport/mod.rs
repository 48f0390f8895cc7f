//! How requests travel to a backend: connections by their settings, shared by all backends that have the same.
//!
//! One transport holds the kept-alive connections for one set of connection settings: lines, where HTTP/1.1 is
//! certain, and hyper-util clients where the handshake decides or HTTP/2 is certain. Changing any of the settings, or
//! the contents of a certificate file, makes another transport; the old one ends with the last exchange that uses it.

mod bell;
mod connect;
mod dial;
mod lanes;
mod line;
mod lines;
mod link;
mod proxy;
mod tls;

use std::{
    mem,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderMap, Request, Response, header, uri::Scheme};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use tollgate_providers::Kind;

use self::{connect::Connector, dial::Dialer, lanes::Lanes, lines::Lines, proxy::Proxy, tls::Tls};
use super::{
    SendFault, SendFaultKind, egress,
    fetch::Identity,
    incoming::{Incoming, Patience},
    outgoing::{Outgoing, Upload, Watched},
};
use crate::settings::{self, objects::HttpVersion, objects::Timeouts};

pub use self::dial::{Resolve, SystemResolver};
pub(super) use self::{
    lanes::Lane,
    line::Drawn,
    tls::{identified_tls, public_tls},
};

/// A pooled client that sends our bodies over our connections.
type Wire = Client<Connector, Watched>;

/// Connection settings, checked and read: what makes two transports the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TransportKey(Option<WireKey>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct WireKey {
    http: HttpVersion,
    egress: egress::Rules,
    proxy: Option<Proxy>,
    tls: Tls,
    connect: Duration,
}

impl TransportKey {
    /// Reads the connection settings, certificates included; `shown` is the client certificate in place of the
    /// setting's. Every problem names its field.
    pub(super) fn compile(
        setting: &settings::Backend,
        egress: egress::Rules,
        base_dir: &Path,
        shown: Option<&Identity>,
    ) -> Result<Self, Vec<String>> {
        if setting.kind == Kind::Sim {
            return Ok(Self(None));
        }
        let mut problems = Vec::new();
        let tls = Tls::read(&setting.tls, base_dir, shown).map_err(|found| problems.extend(found)).ok();
        let proxy = match setting.proxy.as_deref().map(|url| Proxy::parse(url, &egress)).transpose() {
            Ok(proxy) => proxy.map(|proxy| proxy.with_key(setting.proxy_key.as_ref())),
            Err(problem) => {
                problems.push(format!("proxy: {problem}"));
                None
            }
        };
        match tls {
            Some(tls) if problems.is_empty() => {
                let connect = setting.timeouts.connect.0;
                Ok(Self(Some(WireKey { http: setting.http, egress, proxy, tls, connect })))
            }
            _ => Err(problems),
        }
    }
}

/// The way to a backend.
pub(super) struct Transport(Way);

enum Way {
    /// Simulated answers: no network.
    Sim,
    Net(Box<Net>),
}

struct Net {
    http: HttpVersion,
    dialer: Arc<Dialer>,
    lines: Arc<Lines>,
    lanes: Lanes,
    /// HTTP/1.1 only, for protocol upgrades (WebSocket), which HTTP/2 connections do not offer.
    upgrades: OnceLock<Wire>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_sim() { "Transport(sim)" } else { "Transport(net)" })
    }
}

impl Transport {
    pub(super) fn new(key: &TransportKey, resolver: Arc<dyn Resolve>) -> Self {
        let Some(key) = &key.0 else { return Self(Way::Sim) };
        let dialer =
            Arc::new(Dialer::new(resolver, key.egress.clone(), key.proxy.clone(), key.tls.clone(), key.connect));
        let (lines, lanes) = (Arc::default(), Lanes::new());
        Self(Way::Net(Box::new(Net { http: key.http, dialer, lines, lanes, upgrades: OnceLock::new() })))
    }

    pub(super) fn is_sim(&self) -> bool {
        matches!(self.0, Way::Sim)
    }

    /// Whether requests certainly go over HTTP/1.1, and so want a Host header rather than `:authority`.
    pub(super) fn sets_host(&self, tls: bool) -> bool {
        match &self.0 {
            Way::Sim => true,
            Way::Net(net) => net.http == HttpVersion::Http1 || (net.http == HttpVersion::Auto && !tls),
        }
    }

    /// Sends a request over the network and waits for its head. Takes the request out of its place: passed by value, it
    /// would be in the future of every function on the way.
    pub(super) async fn send(
        self: &Arc<Self>,
        request: &mut Request<Outgoing>,
        timeouts: &Timeouts,
    ) -> Result<Response<Incoming>, SendFault> {
        let Way::Net(net) = &self.0 else {
            return Err(SendFault::unsent(SendFaultKind::Protocol, "a simulated backend has no connections"));
        };
        let mut answer = self.by_way(net, request, timeouts).await?;
        settle_framing(answer.headers_mut());
        Ok(answer)
    }

    /// Sends by the way that the request and the backend want.
    async fn by_way(
        self: &Arc<Self>,
        net: &Net,
        request: &mut Request<Outgoing>,
        timeouts: &Timeouts,
    ) -> Result<Response<Incoming>, SendFault> {
        net.dialer.authorize(request);
        let mut patience = Patience::new(timeouts);
        let upload = (!request.body().is_replayable()).then(|| Upload::new(patience.start()));
        let upload = upload.as_ref();
        if request.headers().contains_key(header::UPGRADE) {
            let answer = net.pooled(None, request, &mut patience, upload).await?;
            return Ok(answer.map(|body| Incoming::wire(body, patience, None)));
        }
        if self.sets_host(request.uri().scheme() == Some(&Scheme::HTTPS)) {
            let answer = net.lines.send(&net.dialer, request, &mut patience, upload).await?;
            return Ok(answer.map(|body| Incoming::drawn(body, patience)));
        }
        let lane = Lane::enter(self.clone(), &net.lanes);
        let answer = net.pooled(Some(&lane), request, &mut patience, upload).await?;
        Ok(answer.map(|body| Incoming::wire(body, patience, Some(lane))))
    }

    fn lanes(&self) -> Option<&Lanes> {
        match &self.0 {
            Way::Sim => None,
            Way::Net(net) => Some(&net.lanes),
        }
    }
}

impl Net {
    /// Sends by a pooled client: that of the lane, or the one for upgrades.
    async fn pooled(
        &self,
        lane: Option<&Lane>,
        request: &mut Request<Outgoing>,
        patience: &mut Patience,
        upload: Option<&Upload>,
    ) -> Result<Response<hyper::body::Incoming>, SendFault> {
        let mut sending = {
            let request = mem::take(request).map(|body| Watched::new(body, upload.cloned()));
            match lane {
                None => self.upgrades.get_or_init(|| self.client(true)).request(request),
                Some(lane) => lane.client(&self.lanes, || self.client(false)).request(request),
            }
        };
        let dialling = || self.dialer.is_dialling();
        Ok(patience.head(&mut sending, upload, &dialling).await??)
    }

    fn client(&self, http1: bool) -> Wire {
        let http1 = http1 || self.http == HttpVersion::Http1;
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http2_only(!http1 && self.http == HttpVersion::Http2)
            .http2_initial_stream_window_size(1 << 20)
            .http2_initial_connection_window_size(4 << 20)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(20));
        builder.build(Connector::new(self.dialer.clone(), http1))
    }
}

/// A body whose end `Transfer-Encoding` marks has no other length (RFC 9112 6.3): passed on, it would have our own caller
/// take a part for the whole.
fn settle_framing(headers: &mut HeaderMap) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
}

/// How long a connection is kept without use. Cloud load balancers close theirs after 60 s to 350 s; a close that
/// arrives first is noticed before the next use.
const IDLE: Duration = Duration::from_secs(90);
/// Kept connections for one origin: enough for the burst after a burst.
const MAX_IDLE: usize = 4_096;
