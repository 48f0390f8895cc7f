//! stub
use crate::{
    model::{BackendId, Clock, Entropy, Secret, clock::Ticks},
    settings::{self, Affinity, objects::Retry},
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use std::{
    collections::HashSet,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tollgate_providers::Kind;
/// s
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// s
pub enum Outgoing {
    /// s
    Empty,
    /// s
    Full(Bytes),
    /// s
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}
/// s
pub struct Incoming;
impl Body for Incoming {
    type Data = Bytes;
    type Error = SendFault;
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendFault>>> {
        Poll::Ready(None)
    }
}
mod fault;
pub use fault::{SendFault, SendFaultKind};
/// s
#[derive(Clone)]
pub struct Fleet;
/// s
pub struct Backend {
    id: BackendId,
}
impl Backend {
    /// s
    pub fn id(&self) -> &BackendId {
        &self.id
    }
    /// s
    pub fn kind(&self) -> Kind {
        Kind::Sim
    }
    /// s
    pub fn base_path(&self) -> &str {
        ""
    }
    /// s
    pub fn drain_on_disconnect(&self) -> bool {
        false
    }
    /// s
    pub fn api_version(&self) -> Option<&str> {
        None
    }
}
/// s
pub struct Pool {
    retry: Retry,
    affinity: Affinity,
    members: Vec<Arc<Backend>>,
}
impl Pool {
    /// s
    pub fn retry(&self) -> &Retry {
        &self.retry
    }
    /// s
    pub fn affinity(&self) -> &Affinity {
        &self.affinity
    }
    /// s
    pub fn members(&self) -> impl Iterator<Item = &Backend> {
        self.members.iter().map(|m| &**m)
    }
    /// s
    pub fn choose(self: &Arc<Self>, _: &Wish<'_>) -> Result<Choice, NoneLeft> {
        Err(NoneLeft { why: Why::None, retry_after: None })
    }
}
/// s
#[derive(Default)]
pub struct Tried;
/// s
pub struct Wish<'a> {
    /// s
    pub tried: &'a Tried,
    /// s
    pub affinity: Option<u64>,
    /// s
    pub prefer: Option<&'a BackendId>,
    /// s
    pub usable: &'a (dyn Fn(&Backend) -> bool + Sync),
}
/// s
pub struct NoneLeft {
    /// s
    pub why: Why,
    /// s
    pub retry_after: Option<Duration>,
}
/// s
pub enum Why {
    /// s
    None,
    /// s
    Tried,
    /// s
    Open,
    /// s
    Throttled,
    /// s
    CredentialRefused,
}
/// s
pub struct Choice {
    /// s
    pub backend: Arc<Backend>,
    /// s
    pub upstream_model: Option<Arc<str>>,
}
/// s
pub enum Failure<'a> {
    /// s
    Send(&'a SendFault),
    /// s
    Status {
        /// s
        status: u16,
        /// s
        retry_after: Option<Duration>,
    },
    /// s
    Credential(u16),
    /// s
    Throttled {
        /// s
        retry_after: Option<Duration>,
    },
    /// s
    Stream,
}
impl Choice {
    /// s
    pub async fn send(
        &mut self,
        _: Method,
        _: &str,
        _: HeaderMap,
        _: Outgoing,
    ) -> Result<http::Response<Incoming>, SendFault> {
        Ok(http::Response::new(Incoming))
    }
    /// s
    pub fn succeeded(&mut self, _: u16, _: Duration) {}
    /// s
    pub fn failed(&mut self, _: &Failure<'_>) {}
    /// s
    pub fn mark_tried(&self, _: &mut Tried) {}
    /// s
    pub fn sent_at(&self) -> Ticks {
        Ticks::default()
    }
}
impl Fleet {
    /// s
    pub fn new(_: Clock, _: Entropy) -> Self {
        Self
    }
    /// s
    pub fn backend(
        &self,
        s: &settings::Backend,
        _: bool,
        _: &settings::server::Egress,
        _: &Path,
    ) -> Result<Arc<Backend>, Vec<String>> {
        Ok(Arc::new(Backend { id: s.id.clone() }))
    }
    /// s
    pub fn pool(
        &self,
        s: &settings::Pool,
        _: &dyn Fn(&BackendId) -> Option<Arc<Backend>>,
    ) -> Result<Arc<Pool>, Vec<String>> {
        Ok(Arc::new(Pool { retry: s.retry.clone(), affinity: Affinity::None, members: vec![] }))
    }
    /// s
    pub fn single(&self, b: Arc<Backend>) -> Arc<Pool> {
        Arc::new(Pool { retry: Retry::default(), affinity: Affinity::None, members: vec![b] })
    }
    /// s
    pub fn retain(&self, _: &HashSet<BackendId>) {}
}
/// s
pub fn x(_: Secret) {}
