//! The console port: admin API, portal and `/metrics` as one axum router behind the gateway's own listener, so that
//! both ports have the same timeouts, limits and TLS.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, extract::ConnectInfo, response::IntoResponse, routing::get};
use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use tower_service::Service as _;

use super::backend_events;
use crate::{
    admin::{self, AdminState},
    cache::model::Kept,
    exchange::Fault,
    gateway::{
        listener::{BoxError, Inbound, Service},
        peer::Peer,
    },
    model::is_local_name,
    policies::Services,
    portal::{self, PortalState},
    settings::server::{Console, Listener},
    snapshot::Hub,
    telemetry::Telemetry,
};

/// The routes of the console port.
pub struct ConsolePort {
    router: Router,
}

impl ConsolePort {
    /// All of them.
    #[must_use]
    pub fn new(
        admin: AdminState,
        portal: PortalState,
        telemetry: Arc<Telemetry>,
        hub: Arc<Hub>,
        policies: Arc<Services>,
    ) -> Self {
        let (loopback, kept) = (admin.loopback, admin.kept.clone());
        let metrics = Router::new().route(
            "/metrics",
            get(move |request: axum::extract::Request| async move {
                if loopback && !names_us(&request) {
                    return refused();
                }
                exposition(&telemetry, &hub, &policies, &kept).into_response()
            }),
        );
        Self { router: admin::router(admin).merge(portal::router(portal)).merge(metrics) }
    }
}

/// The console's listener: its own address and certificate, everything else as the gateway's defaults.
#[must_use]
pub fn listener(console: &Console) -> Listener {
    Listener { listen: console.listen, tls: console.tls.clone(), ..Listener::default() }
}

/// Whether the request names this machine; any other name would be one that was rebound to loopback, so that a page
/// of the network reads our metrics by an operator's browser (DNS rebinding).
fn names_us<B>(request: &Request<B>) -> bool {
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => request.uri().authority().map(http::uri::Authority::as_str),
        _ => None,
    };
    host.is_some_and(is_local_name)
}

fn refused() -> axum::response::Response {
    let why = "This port is bound to loopback: ask it as localhost, 127.0.0.1 or [::1].\n";
    (StatusCode::FORBIDDEN, why).into_response()
}

fn exposition(
    telemetry: &Telemetry,
    hub: &Hub,
    policies: &Services,
    kept: &Kept,
) -> ([(HeaderName, &'static str); 1], String) {
    backend_events::refresh(&telemetry.metrics, &hub.fleet().statuses());
    let text = telemetry.metrics.encode() + &policies.outside.encode() + &kept.verdicts.encode();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

impl Service for ConsolePort {
    type Body = UnsyncBoxBody<Bytes, BoxError>;

    async fn handle(self: &Arc<Self>, request: Request<Inbound>, peer: Arc<Peer>) -> Response<Self::Body> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.addr));
        let Ok(answer) = self.router.clone().call(request).await;
        answer.map(boxed)
    }

    fn refuse(self: &Arc<Self>, fault: Fault, _: &Parts, _: Arc<Peer>) -> Response<Self::Body> {
        let status = StatusCode::from_u16(fault.kind.status()).unwrap_or(StatusCode::BAD_REQUEST);
        (status, fault.message.into_owned()).into_response().map(boxed)
    }
}

fn boxed(body: Body) -> UnsyncBoxBody<Bytes, BoxError> {
    body.map_err(BoxError::from).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        for (hosts, uri, ours) in [
            (&["127.0.0.1:7701"][..], "/metrics", true),
            (&["localhost"], "/metrics", true),
            (&["[::1]:7701"], "/metrics", true),
            (&[], "http://localhost:7701/metrics", true),
            (&["rebound.example"], "/metrics", false),
            (&["rebound.example:7701"], "http://localhost/metrics", false),
            (&["localhost", "rebound.example"], "/metrics", false),
            (&[], "/metrics", false),
        ] {
            let mut request = Request::builder().uri(uri);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            assert_eq!(names_us(&request.body(()).expect("valid")), ours, "{hosts:?} {uri}");
        }
    }
}
