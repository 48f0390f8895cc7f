//! The connector that hyper-util's client asks for connections.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::{dial::Dialer, link::Link};
use crate::outbound::SendFault;

/// Opens connections as the transport's settings say.
#[derive(Clone)]
pub(super) struct Connector {
    dialer: Arc<Dialer>,
    http1: bool,
}

impl Connector {
    /// `http1`: offer no other version in the TLS handshake.
    pub(super) fn new(dialer: Arc<Dialer>, http1: bool) -> Self {
        Self { dialer, http1 }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Link>;
    type Error = SendFault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (dialer, http1) = (self.dialer.clone(), self.http1);
        Box::pin(async move { dialer.connect(&uri, http1).await.map(TokioIo::new) })
    }
}
