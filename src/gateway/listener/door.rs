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
        let door = self.clone();
        Box::pin(async move { Ok(door.answer(request, wire, open).await) })
    }
}

impl<S: Service> Door<S> {
    async fn answer(self, request: Request<Incoming>, wire: Option<WireHead>, open: OpenExchange) -> Answer<S> {
        let (parts, body) = request.into_parts();
        let version = parts.version;
        let peer = self.peer.behind(&parts.headers, &self.house.trusted);
        let settings = &self.house.settings;
        let limits = Limits { head: settings.max_header_size.0, body: settings.max_body_size.0 };
        let mut response = match admission::admit(&parts, wire.as_ref(), limits) {
            Ok(_) => self.serve(parts, body, peer).await,
            Err(fault) => self.refuse(fault, &parts, peer),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.watch.upgrade();
        }
        if version == Version::HTTP_2 {
            response.headers_mut().remove(header::CONNECTION);
            return response.map(|body| Outgoing::watched(body, open));
        }
        response.map(|body| Outgoing::plain(body, open))
    }

    async fn serve(&self, parts: Parts, body: Incoming, peer: Arc<Peer>) -> Response<S::Body> {
        let settings = &self.house.settings;
        if body.is_end_stream() {
            return self.handle(parts, Inbound::from_bytes(Bytes::new()), peer).await;
        }
        let reusable = parts.version == Version::HTTP_11 && !parts.headers.contains_key(header::EXPECT);
        let (h2, inbound) =
            (parts.version == Version::HTTP_2, Inbound::new(body, settings.max_body_size.0, settings.body_timeout.0));
        let watch = inbound.watch();
        let mut response = self.handle(parts, inbound, peer).await;
        if !h2 && !settle_body(&watch, reusable).await {
            response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        response
    }

    /// Runs the service; a panic is answered as a defect of ours instead of cutting the connection.
    async fn handle(&self, parts: Parts, body: Inbound, peer: Arc<Peer>) -> Response<S::Body> {
        let request = Request::from_parts(parts, body);
        // Pinned where it is made: the journey is some kilobytes, and each adapter would move it once more.
        let handling = pin!(self.house.service.handle(request, Arc::clone(&peer)));
        AssertUnwindSafe(handling).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("a request made the service panic; this is a defect, please report it");
            let fault = Fault::new(FaultKind::Internal, "The gateway failed to handle this request.");
            self.refuse(fault, &nothing(), peer)
        })
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

/// Whether the connection can go on after this answer: the body was read, is being read, or its rest was small.
async fn settle_body(watch: &BodyWatch, reusable: bool) -> bool {
    if watch.fault().is_some() {
        return false;
    }
    let Some(mut rest) = watch.leftover() else { return true };
    reusable
        && rest.size_hint().lower() <= REST_BYTES
        && tokio::time::timeout(REST_TIME, drain_rest(&mut rest)).await.unwrap_or(false)
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
