//! What the ledger keeps of an exchange, as data: the entries of the journal and the usage row made of them.
//!
//! The journal's framing is `journal`, the rows' tables are `store`, who writes what when is `usage`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

use super::Outcome;
use crate::model::{ApiId, BackendId, OperationId, ProductId, SubscriptionId, Timestamp, UserId, WorkspaceId};

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Requests.
    Requests,
    /// Tokens of all buckets.
    Tokens,
    /// Tokens of the prompt's buckets.
    InputTokens,
    /// Tokens of the generated buckets.
    OutputTokens,
    /// Body bytes, both ways.
    Bytes,
    /// Money, in 10⁻⁹ of the currency's unit.
    Nanos,
}

/// One quota's share of a request: what is reserved at first, what was used in the end. Only calendar quotas are
/// kept: rolling rates and concurrency end with the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The counter: the limit's stable id and the value it counts by.
    pub account: Arc<str>,
    /// Start of the window in which the reservation was taken: settlement goes there.
    pub window: Timestamp,
    /// End of that window.
    pub until: Timestamp,
    /// What is counted.
    pub measure: Measure,
    /// How much.
    pub amount: i64,
}

/// An entry of the journal.
#[expect(clippy::large_enum_variant, reason = "made, written and dropped in one place; a box would cost an allocation")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// Written before the first byte is sent to a backend.
    Intent(Intent),
    /// The reservation was moved (failover to another model) or grown (a stream's top-up): the charges that hold now.
    /// Written before they are used.
    Reserved {
        /// Whose.
        id: Uuid,
        /// All charges, in place of the earlier ones.
        charges: Vec<Charge>,
    },
    /// Now and then while a stream is delivered: bounds the estimate after a crash.
    Progress {
        /// Whose.
        id: Uuid,
        /// Generated tokens delivered so far, as counted here.
        output_tokens: u64,
    },
    /// Ends a request.
    Settle(Settle),
    /// A request that ends without having been announced: nothing was sent to a backend.
    Refused(Intent, Settle),
}

/// What is known before a request is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Ours, unique.
    pub id: Uuid,
    /// When the head was complete.
    pub time: Timestamp,
    /// The caller's `x-request-id`.
    pub client_request_id: Option<Arc<str>>,
    /// Whose key.
    pub subscription: Option<SubscriptionId>,
    /// Through which product.
    pub product: Option<ProductId>,
    /// Whose subscription.
    pub user: Option<UserId>,
    /// Which API.
    pub api: Option<ApiId>,
    /// Which operation.
    pub operation: Option<OperationId>,
    /// The API's workspace.
    pub workspace: Option<WorkspaceId>,
    /// The configured model.
    pub model: Option<Arc<str>>,
    /// The body's `user`.
    pub end_user: Option<Arc<str>>,
    /// Labels from an allow-list of header and body fields, and of the subscription.
    pub metadata: Vec<(Arc<str>, Arc<str>)>,
    /// Whether the caller wants an event stream.
    pub streamed: bool,
    /// The prompt's tokens as estimated or counted before sending.
    pub input_tokens: u64,
    /// What is reserved.
    pub charges: Vec<Charge>,
}

/// What is known when a request has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// Whose.
    pub id: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// Status sent to the caller; 0: none.
    pub status: u16,
    /// Machine-readable code of our own error answer.
    pub error: Option<Arc<str>>,
    /// Whether the answer was an event stream.
    pub streamed: bool,
    /// The configured model that answered, when it is not the intent's.
    pub model: Option<Arc<str>>,
    /// The model as the backend was asked for it.
    pub upstream_model: Option<Arc<str>>,
    /// Who answered.
    pub backend: Option<BackendId>,
    /// What was consumed.
    pub usage: Usage,
    /// How sure that is.
    pub certainty: Certainty,
    /// What it cost; `None`: the model is unpriced, or nothing was consumed.
    pub cost: Option<Cost>,
    /// Tokens that a cache saved.
    pub saved_tokens: u64,
    /// What a cache saved, in nano-units of the cost's currency.
    pub saved_nanos: i64,
    /// `hit`, `semantic`, `miss`, `bypass`.
    pub cache: Option<Arc<str>>,
    /// What was used, one amount for each charge that holds, in their order.
    pub amounts: Vec<i64>,
    /// Tries.
    pub attempts: Vec<Attempt>,
    /// First content byte to the caller, nanoseconds from the start.
    pub ttft_nanos: Option<u64>,
    /// Nanoseconds from the start to the end.
    pub duration_nanos: u64,
    /// Body bytes received from the caller.
    pub bytes_in: u64,
    /// Body bytes sent to the caller.
    pub bytes_out: u64,
}

/// What something cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// In 10⁻⁹ of the currency's unit.
    pub nanos: i64,
    /// ISO 4217, such as `USD`.
    pub currency: Arc<str>,
    /// Which price was used.
    pub price_version: Arc<str>,
}

/// One try at one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Where.
    pub backend: BackendId,
    /// The answer's status, when there was one.
    pub status: Option<u16>,
    /// What failed; `None`: the answer was taken.
    pub fault: Option<Arc<str>>,
    /// Nanoseconds from the exchange's start until this try began.
    pub began_nanos: u64,
    /// How long it took until it was taken or given up, in nanoseconds.
    pub took_nanos: u64,
}

/// The label of a row that stands for several refused requests: how many.
pub const REPEATS: &str = "tollgate.repeats";

/// A settled request: what the database keeps, and reports read.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    /// Its announcement, with the charges that held at the end, their amounts what was used.
    pub intent: Intent,
    /// Its end.
    pub settle: Settle,
}

impl UsageRow {
    /// Joins announcement and end. An amount without a charge, or a charge without an amount, counts nothing.
    #[must_use]
    pub fn join(mut intent: Intent, settle: Settle) -> Self {
        let used = settle.amounts.iter().copied().chain(std::iter::repeat(0));
        for (charge, amount) in intent.charges.iter_mut().zip(used) {
            charge.amount = amount;
        }
        Self { intent, settle }
    }

    /// How many requests it stands for: one, but for refusals that came too fast for a row each.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        if self.settle.outcome != Outcome::Refused {
            return 1;
        }
        let label = self.intent.metadata.iter().find(|(name, _)| **name == *REPEATS);
        label.and_then(|(_, count)| count.parse().ok()).unwrap_or(1).max(1)
    }

    /// The configured model that answered, or was asked for.
    #[must_use]
    pub fn model(&self) -> Option<&Arc<str>> {
        self.settle.model.as_ref().or(self.intent.model.as_ref())
    }
}
