//! What the gateway lends to policies: the bodies on the wire and the way to the backends.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tollgate_providers::Surface;

use super::{Failure, Request, Response};
use crate::{
    exchange::Watcher,
    limits::Scope,
    model::{BackendId, PoolId},
};

/// The gateway's side of an exchange.
pub trait Link: Send {
    /// The caller's body, whole.
    fn read_request(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>>;

    /// The answer's body, whole, without content coding.
    fn read_response(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>>;

    /// Sends the request and gives the answer's head; its body stays on the wire until it is read or relayed. May be
    /// called again with the same request (`retry`) when the request's body is in memory.
    fn forward<'f>(
        &'f mut self,
        request: &'f mut Request,
        route: &'f Route,
        how: &'f Forwarding,
    ) -> BoxFuture<'f, Result<Response, Failure>>;

    /// A failure as the answer that the caller gets unless `on-error` changes it.
    fn rendered(&mut self, failure: &Failure) -> Response;

    /// Lets the exchange fall under one more counter: reserved with all others before the request is sent, settled
    /// with them.
    fn limit(&mut self, scope: Scope);

    /// Has one of those counters count so many units of this exchange, whatever it uses.
    fn count_as(&mut self, account: &str, units: u64);

    /// What one of those counters holds for this exchange, in its units.
    fn held(&self, _account: &str) -> i64 {
        0
    }

    /// Tokens of prompt and completion, as far as they are known now: all, once the answer is in memory.
    fn tokens(&mut self) -> u64;

    /// The backend that answered.
    fn backend(&self) -> Option<Arc<str>>;

    /// Gives a copy of the answer's body to somebody when all of it has been read or relayed, unless it is larger than that or breaks off. Where nothing is relayed nobody gets one.
    fn keep(&mut self, _: Keep) {}

    /// Holds the events of a streamed answer back until what they say has been checked, by this and by all who asked
    /// before. An answer that is read whole instead is checked when it has been read. Where nothing is relayed nothing is
    /// checked.
    fn screen(&mut self, _: Screening) {}

    /// Notes what became of a look into the cache, in the word of `x-tollgate-cache`.
    fn cache_status(&mut self, _: &'static str) {}

    /// The kept answer of a model to this request, or to one that means the same; `None`: there is none. What was
    /// looked for is remembered for [`Link::keep_model`]. Where no models are asked there is none.
    fn look_up_model<'f>(
        &'f mut self,
        _: &'f Request,
        _: Likeness,
    ) -> BoxFuture<'f, Result<Option<Response>, Failure>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Keeps the model's answer so long for what was looked for: this body, where it is in memory, else what passes, once
    /// all of it has passed.
    fn keep_model(&mut self, _: Option<&Bytes>, _: Duration) {}

    /// Lets somebody see the exchange's record when it is settled. Where nothing is settled nobody is told.
    fn when_settled(&mut self, _: Watcher) {}
}

/// How alike two prompts must be to get the same answer (`llm-semantic-cache-lookup`).
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// What else tells prompts apart, in order.
    pub vary_by: Vec<String>,
    /// Least similarity (cosine), where no preset takes its place.
    pub similarity: f64,
    /// A preset: `strict`, `balanced` or `loose`.
    pub guards: Option<Arc<str>>,
    /// Backend and model that compute what prompts mean; `None`: the gateway's own model.
    pub embeddings: Option<(Arc<str>, Arc<str>)>,
    /// Whether what the system says is left out.
    pub ignores_system: bool,
    /// Messages of a conversation from which on it is not looked up.
    pub most_messages: Option<usize>,
}

/// How what a streamed answer says is checked.
#[derive(Clone)]
pub struct Screening {
    /// Whose events they are.
    pub surface: Surface,
    /// So many characters are checked at once; fewer at the end.
    pub window: usize,
    /// So many of those before go with them.
    pub overlap: usize,
    /// Checks a text; a failure ends the stream.
    pub check: Check,
}

impl Screening {
    /// Both checks, the other one after this one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let window = self.window.min(other.window);
        let overlap = self.overlap.max(other.overlap).min(window.saturating_sub(1));
        let (first, second) = (self.check, other.check);
        let check = move |text: String| -> BoxFuture<'static, Result<(), Failure>> {
            let (first, second) = (first(text.clone()), second.clone());
            Box::pin(async move {
                first.await?;
                second(text).await
            })
        };
        Self { surface: self.surface, window, overlap, check: Arc::new(check) }
    }
}

/// Checks a text.
pub type Check = Arc<dyn Fn(String) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// Who gets a copy of an answer's body.
pub struct Keep {
    /// Largest body that is worth keeping, in bytes.
    pub largest: usize,
    /// Gets it, and whether its content coding has been taken off; must not block.
    pub to: Box<dyn FnOnce(Bytes, bool) + Send + Sync>,
}

/// Where the request goes, as far as policies say.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// `set-backend-service`.
    pub target: Option<Target>,
    /// `rewrite-uri` was used: path and query are final.
    pub rewritten: bool,
    /// `proxy`.
    pub proxy: Option<Arc<str>>,
    /// `authentication-certificate`: id of a configured certificate.
    pub certificate: Option<Arc<str>>,
}

/// A backend that a policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A configured backend.
    Backend(BackendId),
    /// A configured pool.
    Pool(PoolId),
    /// A configured backend or pool whose id was computed.
    Named(Arc<str>),
    /// A URL, with base path; egress rules apply.
    Url {
        /// The URL.
        url: Arc<str>,
        /// Whether it is written in the document. A computed one never leads to this machine itself.
        is_literal: bool,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(id) => f.write_str(id.as_str()),
            Self::Pool(id) => f.write_str(id.as_str()),
            Self::Named(text) | Self::Url { url: text, .. } => f.write_str(text),
        }
    }
}

/// `forward-request`.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// Until the answer's head is there; `None`: as the backend is set.
    pub timeout: Option<Duration>,
    /// Whether redirects of the backend are followed.
    pub follow_redirects: bool,
    /// Whether the request's body is kept in memory so that it can be sent again.
    pub buffer_request_body: bool,
    /// Whether 400 to 599 is a failure.
    pub fail_on_error_status_code: bool,
    /// `1`, `2or1` or `2`.
    pub http_version: Option<u8>,
}

impl Default for Forwarding {
    /// As `<forward-request />`.
    fn default() -> Self {
        Self {
            timeout: None,
            follow_redirects: false,
            buffer_request_body: false,
            fail_on_error_status_code: false,
            http_version: None,
        }
    }
}
