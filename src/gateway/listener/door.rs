//! Where hyper hands over a request: admission, the service, and what must happen to the answer before it leaves.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode, Version, header, request::Parts};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::{
    Service,
    inbound::{BodyWatch, Inbound},
    outgoing::Outgoing,
    refusal,
    watch::{OpenExchange, Watch},
    wire::Words,
};
use crate::{
    exchange::{Fault, FaultKind},
    gateway::{
        admission::{self, Limits, WireHead},
        peer::{Peer, TrustedProxies},
    },
    settings::server::Listener,
};

/// How much of a body that nobody wanted is read, and for how long, before the answer goes out, so that the
/// connection can be used again. Larger rests close it.
const REST_BYTES: u64 = 256 << 10;
const REST_TIME: Duration = Duration::from_millis(100);

/// What all connections of a listener share.
pub(super) struct House<S> {
    pub(super) service: Arc<S>,
    pub(super) settings: Listener,
    pub(super) trusted: TrustedProxies,
}

/// One connection's way to the service.
pub(super) struct Door<S> {
    pub(super) house: Arc<House<S>>,
    pub(super) watch: Arc<Watch>,
    pub(super) peer: Arc<Peer>,
}

impl<S> Clone for Door<S> {
    fn clone(&self) -> Self {
        Self { house: Arc::clone(&self.house), watch: Arc::clone(&self.watch), peer: Arc::clone(&self.peer) }
    }
}

type Answer<S> = Response<Outgoing<<S as Service>::Body>>;

impl<S: Service> hyper::service::Service<Request<Incoming>> for Door<S> {
    type Response = Answer<S>;
    type Error = Infallible;
    // Boxed, so that a connection that streams or idles does not keep the space of the whole journey.
    type Future = Pin<Box<dyn Future<Output = Result<Answer<S>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (open, wire) = self.watch.open(request.method().as_str());
        Box::pin(self.clone().answer(request, wire, open))
    }
}

impl<S: Service> Door<S> {
    /// One function, though it has several steps: a future is moved, whole, into each function that awaits it, and
    /// this one holds the journey's kilobytes.
    async fn answer(
        self,
        request: Request<Incoming>,
        wire: Option<WireHead>,
        open: OpenExchange,
    ) -> Result<Answer<S>, Infallible> {
        let (parts, body) = request.into_parts();
        let version = parts.version;
        let peer = self.peer.behind(&parts.headers, &self.house.trusted);
        let settings = &self.house.settings;
        let limits = Limits { head: settings.max_header_size.0, body: settings.max_body_size.0 };
        let mut response = if let Err(fault) = admission::admit(&parts, wire.as_ref(), limits) {
            self.refuse(fault, &parts, peer)
        } else {
            let (body, rest) = self.inbound(&parts, body);
            let request = Request::from_parts(parts, body);
            // Pinned where it is made, for the same reason.
            let handling = pin!(self.house.service.handle(request, Arc::clone(&peer)));
            let handled = AssertUnwindSafe(handling).catch_unwind().await;
            let mut response = handled.unwrap_or_else(|_| self.apologise(peer));
            let may_go_on = match rest {
                Some(rest) => rest.settles().await,
                None => true,
            };
            // The connection may not have been asked to close yet, by the time of its last answer.
            let is_last = self.watch.is_going_down() && response.status() != StatusCode::SWITCHING_PROTOCOLS;
            if !may_go_on || is_last {
                response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            }
            response
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.watch.upgrade();
        }
        if version == Version::HTTP_2 {
            response.headers_mut().remove(header::CONNECTION);
            return Ok(response.map(|body| Outgoing::watched(body, open)));
        }
        Ok(response.map(|body| Outgoing::plain(body, open)))
    }

    /// The body as the service gets it, and what an HTTP/1 connection must see to before the next request.
    fn inbound(&self, parts: &Parts, body: Incoming) -> (Inbound, Option<Rest>) {
        if body.is_end_stream() {
            return (Inbound::from_bytes(Bytes::new()), None);
        }
        let settings = &self.house.settings;
        let inbound = Inbound::new(body, settings.max_body_size.0, settings.body_timeout.0);
        let reusable = parts.version == Version::HTTP_11 && !parts.headers.contains_key(header::EXPECT);
        let rest = Rest { watch: inbound.watch(), reusable };
        (inbound, (parts.version != Version::HTTP_2).then_some(rest))
    }

    /// The answer to a request that made the service panic: a defect of ours, instead of a cut connection.
    fn apologise(&self, peer: Arc<Peer>) -> Response<S::Body> {
        tracing::error!("a request made the service panic; this is a defect, please report it");
        let fault = Fault::new(FaultKind::Internal, "The gateway failed to handle this request.");
        self.refuse(fault, &nothing(), peer)
    }

    fn refuse(&self, fault: Fault, parts: &Parts, peer: Arc<Peer>) -> Response<S::Body> {
        let kind = fault.kind;
        let mut response = self.house.service.refuse(fault, parts, peer);
        refusal::close(&mut response, kind);
        response
    }

    /// The service's words for heads that never became a request.
    pub(super) fn words(&self) -> Words {
        let door = self.clone();
        Arc::new(move |fault| refusal::write(door.refuse(fault, &nothing(), Arc::clone(&door.peer))))
    }
}

/// What is left of a request's body when its answer is there.
struct Rest {
    watch: BodyWatch,
    /// Whether the connection may go on at all.
    reusable: bool,
}

impl Rest {
    /// Whether the connection can go on after this answer: the body was read, is being read, or its rest was small.
    async fn settles(self) -> bool {
        if self.watch.fault().is_some() {
            return false;
        }
        let Some(mut rest) = self.watch.leftover() else { return true };
        self.reusable
            && rest.size_hint().lower() <= REST_BYTES
            && tokio::time::timeout(REST_TIME, drain_rest(&mut rest)).await.unwrap_or(false)
    }
}

async fn drain_rest(rest: &mut Incoming) -> bool {
    let mut read = 0;
    while let Some(frame) = rest.frame().await {
        let Ok(frame) = frame else { return false };
        read += frame.data_ref().map_or(0, Bytes::len) as u64;
        if read > REST_BYTES {
            return false;
        }
    }
    true
}

/// The head of a request that could not be read.
fn nothing() -> Parts {
    Request::new(()).into_parts().0
}
