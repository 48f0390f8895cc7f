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
    exchange::Fault,
    gateway::{
        listener::{BoxError, Inbound, Service},
        peer::Peer,
    },
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
    pub fn new(admin: AdminState, portal: PortalState, telemetry: Arc<Telemetry>, hub: Arc<Hub>) -> Self {
        let metrics = Router::new().route("/metrics", get(move || async move { exposition(&telemetry, &hub) }));
        Self { router: admin::router(admin).merge(portal::router(portal)).merge(metrics) }
    }
}

/// The console's listener: its own address and certificate, everything else as the gateway's defaults.
#[must_use]
pub fn listener(console: &Console) -> Listener {
    Listener { listen: console.listen, tls: console.tls.clone(), ..Listener::default() }
}

fn exposition(telemetry: &Telemetry, hub: &Hub) -> ([(HeaderName, &'static str); 1], String) {
    backend_events::refresh(&telemetry.metrics, &hub.fleet().statuses());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry.metrics.encode())
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
