//! The gateway's port: accepting connections, speaking HTTP/1.1 and HTTP/2 on them, letting requests in, going down.
//!
//! Built on hyper itself because a data plane needs what `axum::serve` does not set: header, body, idle and write
//! timeouts, connection caps, a way down. What happens to a request that was let in is the [`Service`]'s. Follow a
//! connection through `accept`, `connection`, `door`; the socket's own rules are in `wire`.

mod accept;
mod bind;
mod caps;
mod clients;
mod connection;
mod door;
mod drain;
mod ending;
mod head_tap;
mod inbound;
mod outgoing;
mod refusal;
mod tls;
mod watch;
mod wire;
mod workers;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use tokio_rustls::TlsAcceptor;

pub use self::{
    bind::{BindProblem, Bound, bind},
    drain::{Drain, Open},
    ending::Ending,
    inbound::{BodyWatch, Inbound},
    tls::{Certificates, TlsProblem},
    workers::Workers,
};
use super::peer::{Peer, TrustedProxies};
use crate::{exchange::Fault, settings::server::Listener};

/// Any error, as bodies report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What answers the requests of a port.
pub trait Service: Send + Sync + 'static {
    /// The body of an answer. An error from it ends the answer uncleanly: no last chunk, or a stream reset.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static;

    /// Answers a request that was let in (see `admission`). Dropped when the client goes away before the answer.
    ///
    /// A 101 answer makes the connection a tunnel; who gives it drives `upgrade::splice` with the `OnUpgrade` of
    /// this request.
    fn handle(
        self: &Arc<Self>,
        request: Request<Inbound>,
        peer: Arc<Peer>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Words a refusal before routing. `parts` is what is known of the request: `GET /` without headers when not
    /// even its head could be read. The body must be at hand. The connection is closed after it.
    fn refuse(self: &Arc<Self>, fault: Fault, parts: &Parts, peer: Arc<Peer>) -> Response<Self::Body>;
}

/// Serves a port until the drain has ended and its connections are closed.
///
/// From the start of draining the port is closed; open exchanges go on until [`Drain::end`]; connections that have not
/// flushed two seconds after that are dropped.
pub async fn serve<S: Service>(
    bound: Bound,
    settings: Listener,
    trusted: TrustedProxies,
    service: Arc<S>,
    drain: Drain,
) {
    let caps = caps::Caps::new(settings.max_connections, settings.max_connections_per_ip);
    let tls = bound.certificates.as_ref().map(|certificates| TlsAcceptor::from(certificates.config()));
    let asking = bound.certificates.as_ref().and_then(|certificates| certificates.asking());
    let protocols = connection::Protocols::new(&settings);
    let house = Arc::new(door::House { service, settings, trusted });
    let (sight, workers) = (bound.sight, bound.workers);
    let server =
        Arc::new(connection::Server { house, protocols, tls, asking, drain: drain.clone(), sight: sight.clone() });
    let follow = async {
        match bound.certificates {
            Some(certificates) => certificates.follow(&sight).await,
            None => std::future::pending().await,
        }
    };
    let run = accept::run(bound.socket, &caps, &drain, |socket, addr, permit| {
        let exempt = server.house.trusted.contains(addr.ip());
        match caps.place(permit, addr.ip(), exempt) {
            Some(place) => workers.serve(socket, |socket, seat| server.start(socket, addr, place.seated(seat))),
            None => sight.refused("per_ip"),
        }
    });
    tokio::select! {
        () = run => {}
        () = follow => {}
    }
    close(&caps, &drain).await;
}

/// Waits for the last connection and the last exchange (on another thread its end may come a moment later), but not for
/// those that hang after exchanges were ended.
async fn close(caps: &caps::Caps, drain: &Drain) {
    let all = async {
        caps.empty().await;
        drain.idle().await;
    };
    let overdue = async {
        drain.ended().await;
        tokio::time::sleep(connection::FLUSH * 2).await;
    };
    tokio::select! {
        () = all => {}
        () = overdue => tracing::warn!("connections were still open at the end and are dropped"),
    }
}

#[cfg(test)]
mod tests;
