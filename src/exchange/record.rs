//! What is known of an exchange: filled on the journey, read once at settlement.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tollgate_providers::{Certainty, Kind, Surface, Usage};
use uuid::Uuid;

use crate::model::{
    ApiId, BackendId, OperationId, ProductId, SubscriptionId, Timestamp, Trace, UserId, WorkspaceId, clock::Ticks,
};

/// Is told of an exchange's record when it has been settled; must not block.
pub type Watcher = Box<dyn FnOnce(&Record) + Send + Sync>;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer was relayed whole (whatever its status).
    Complete,
    /// Refused by the gateway before anything was sent to a backend.
    Refused,
    /// No backend gave a usable answer.
    UpstreamError,
    /// The backend failed inside the answer.
    UpstreamCut,
    /// The client went away.
    ClientGone,
    /// The gateway ended it (shutdown, deadline).
    Ended,
    /// The gateway ended the stream, properly, because a quota was used up.
    LimitReached,
    /// The process ended before it did: settled at the next start.
    Abandoned,
}

impl Outcome {
    /// The word used in logs, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Refused => "refused",
            Self::UpstreamError => "upstream_error",
            Self::UpstreamCut => "upstream_cut",
            Self::ClientGone => "client_gone",
            Self::Ended => "ended",
            Self::LimitReached => "limit_reached",
            Self::Abandoned => "abandoned",
        }
    }
}

/// One try of an exchange at one backend.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// Where.
    pub backend: BackendId,
    /// The answer's status, when there was one.
    pub status: Option<u16>,
    /// What failed, in the word of the fault class; `None` when the answer was taken.
    pub fault: Option<&'static str>,
    /// From the exchange's start until this try began.
    pub began: Duration,
    /// How long it took until it was taken or given up.
    pub took: Duration,
}

/// The facts of one exchange, in the words of the usage row.
#[derive(Clone, Debug)]
pub struct Record {
    /// Ours, unique: `x-request-id` of the answer unless the caller brought a valid one.
    pub id: Uuid,
    /// The caller's `x-request-id`, when it was valid.
    pub client_request_id: Option<Arc<str>>,
    /// W3C trace context received or made: trace id, our span id, sampled.
    pub trace: Trace,
    /// When the head was complete.
    pub time: Timestamp,
    /// The same moment on the monotonic scale.
    pub started: Ticks,
    /// Method.
    pub method: http::Method,
    /// Path as the caller sent it, without the query (which may carry a key).
    pub path: Arc<str>,
    /// The peer, or what a trusted proxy says of it.
    pub client: Option<std::net::IpAddr>,
    /// The API that matched.
    pub api: Option<ApiId>,
    /// The operation that matched.
    pub operation: Option<OperationId>,
    /// Whose key.
    pub subscription: Option<SubscriptionId>,
    /// Through which product.
    pub product: Option<ProductId>,
    /// The subscription's user.
    pub user: Option<UserId>,
    /// The API's workspace.
    pub workspace: Option<WorkspaceId>,
    /// Model as a configured name (never an arbitrary caller's text).
    pub model: Option<Arc<str>>,
    /// Model as the backend was asked for it.
    pub upstream_model: Option<Arc<str>>,
    /// Who answered.
    pub backend: Option<BackendId>,
    /// What speaks there.
    pub kind: Option<Kind>,
    /// Which endpoint of a model API was called.
    pub surface: Option<Surface>,
    /// Tries.
    pub attempts: Vec<AttemptRecord>,
    /// Status sent to the caller; 0 while none was.
    pub status: u16,
    /// Machine-readable code of our own error answer.
    pub error: Option<&'static str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the answer is an event stream.
    pub streamed: bool,
    /// What was consumed.
    pub usage: Usage,
    /// How sure that is.
    pub certainty: Certainty,
    /// First content byte to the caller, from the start.
    pub ttft: Option<Duration>,
    /// Body bytes received from the caller.
    pub bytes_in: u64,
    /// Body bytes sent to the caller.
    pub bytes_out: u64,
    /// What became of a look into a cache: `hit`, `semantic`, `miss`, `bypass`; `None`: nobody looked.
    pub cache: Option<&'static str>,
    /// The body's `user`.
    pub end_user: Option<Arc<str>>,
    /// Labels for chargeback: those of the subscription, and what the configured headers and body fields say.
    pub metadata: Vec<(Arc<str>, Arc<str>)>,
    /// What a cache saved.
    pub saved: Saved,
}

/// What an answer from a cache would have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Tokens of all buckets.
    pub tokens: u64,
    /// Money, in 10⁻⁹ of the currency's unit; 0 where the model is unpriced.
    pub nanos: i64,
}

impl Record {
    /// The id that names this exchange to its caller: the caller's own, when it brought a valid one.
    #[must_use]
    pub fn callers_id(&self) -> String {
        self.client_request_id.as_ref().map_or_else(|| self.id.to_string(), ToString::to_string)
    }

    /// A record of a request whose head has just been read.
    #[must_use]
    pub fn open(id: Uuid, time: Timestamp, started: Ticks, method: http::Method, path: &str) -> Self {
        Self {
            id,
            client_request_id: None,
            trace: Trace::default(),
            time,
            started,
            method,
            path: path.into(),
            client: None,
            api: None,
            operation: None,
            subscription: None,
            product: None,
            user: None,
            workspace: None,
            model: None,
            upstream_model: None,
            backend: None,
            kind: None,
            surface: None,
            attempts: Vec::new(),
            status: 0,
            error: None,
            outcome: Outcome::ClientGone,
            streamed: false,
            usage: Usage::default(),
            certainty: Certainty::Unknown,
            ttft: None,
            bytes_in: 0,
            bytes_out: 0,
            cache: None,
            end_user: None,
            metadata: Vec::new(),
            saved: Saved::default(),
        }
    }
}
