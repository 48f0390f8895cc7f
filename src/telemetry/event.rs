//! The facts of one ended exchange, borrowed for the moment in which they are shown.
//!
//! Plain fields, so that this level needs to know nothing of `exchange` and `settings`.

use std::{net::IpAddr, time::Duration};

use tollgate_providers::{Certainty, Kind, Surface, Usage};
use uuid::Uuid;

use crate::model::{Timestamp, Trace};

/// One ended exchange.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeEvent<'a> {
    /// Ours, unique.
    pub request_id: Uuid,
    /// The caller's `x-request-id`; valid by [`super::valid_request_id`].
    pub client_request_id: Option<&'a str>,
    /// W3C trace context; a trace id of zero: none.
    pub trace: Trace,
    /// When the request's head was complete.
    pub time: Timestamp,
    /// From then until the exchange ended.
    pub duration: Duration,
    /// Request method.
    pub method: &'a str,
    /// Request path without its query (which may carry a key).
    pub path: &'a str,
    /// The peer, or what a trusted proxy says of it.
    pub client: Option<IpAddr>,
    /// The API that matched.
    pub api: Option<&'a str>,
    /// The operation that matched.
    pub operation: Option<&'a str>,
    /// Whose key.
    pub subscription: Option<&'a str>,
    /// Through which product.
    pub product: Option<&'a str>,
    /// The subscription's user.
    pub user: Option<&'a str>,
    /// The API's workspace.
    pub workspace: Option<&'a str>,
    /// Model as a configured name, never a caller's arbitrary text.
    pub model: Option<&'a str>,
    /// Model as the backend was asked for it.
    pub upstream_model: Option<&'a str>,
    /// Who answered.
    pub backend: Option<&'a str>,
    /// What speaks there.
    pub kind: Option<Kind>,
    /// Which endpoint of a model API was called.
    pub surface: Option<Surface>,
    /// Tries, in order.
    pub attempts: &'a [AttemptEvent<'a>],
    /// Status sent to the caller; 0 when none was.
    pub status: u16,
    /// Machine-readable code of our own error answer.
    pub error: Option<&'static str>,
    /// How it ended, in the words of `exchange::Outcome`.
    pub outcome: &'static str,
    /// Whether the answer was an event stream.
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
    /// The body's `user`: the caller's own text.
    pub end_user: Option<&'a str>,
}

/// One try of an exchange at one backend.
#[derive(Clone, Copy, Debug)]
pub struct AttemptEvent<'a> {
    /// Where.
    pub backend: &'a str,
    /// The answer's status, when there was one.
    pub status: Option<u16>,
    /// What failed, in the word of the fault class; `None` when the answer was taken.
    pub fault: Option<&'static str>,
    /// From the exchange's start until this try began.
    pub began: Duration,
    /// How long it took until it was taken or given up.
    pub took: Duration,
}

/// The word for a certainty in rows, lines and labels.
#[must_use]
pub const fn certainty_word(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Unknown => "unknown",
        Certainty::LowerBound => "lower_bound",
        Certainty::Estimated => "estimated",
        Certainty::Exact => "exact",
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! One exchange as most tests of this module need it.

    use super::*;

    const ATTEMPTS: &[AttemptEvent<'static>] = &[
        AttemptEvent {
            backend: "openai",
            status: Some(503),
            fault: Some("server_error"),
            began: Duration::ZERO,
            took: Duration::from_millis(20),
        },
        AttemptEvent {
            backend: "azure-weu",
            status: Some(200),
            fault: None,
            began: Duration::from_millis(20),
            took: Duration::from_millis(1_480),
        },
    ];

    /// A streamed chat that ended well.
    pub fn chat() -> ExchangeEvent<'static> {
        ExchangeEvent {
            request_id: Uuid::from_u128(0x0192_6b1c_0000_7000_8000_0000_0000_0001),
            client_request_id: None,
            trace: Trace { trace_id: 0xabc, parent_id: 0, span_id: 0xdef, sampled: true },
            time: Timestamp::from_nanos(1_764_000_000_123_000_000),
            duration: Duration::from_millis(1_500),
            method: "POST",
            path: "/v1/chat/completions",
            client: Some(IpAddr::from([192, 0, 2, 7])),
            api: Some("openai"),
            operation: None,
            subscription: Some("team-a"),
            product: Some("team"),
            user: None,
            workspace: None,
            model: Some("gpt-4o"),
            upstream_model: Some("gpt-4o-2024"),
            backend: Some("azure-weu"),
            kind: Some(Kind::AzureOpenAi),
            surface: Some(Surface::ChatCompletions),
            attempts: ATTEMPTS,
            status: 200,
            error: None,
            outcome: "complete",
            streamed: true,
            usage: Usage { input: Some(12), cached_input: Some(4), output: Some(300), ..Usage::default() },
            certainty: Certainty::Exact,
            ttft: Some(Duration::from_millis(240)),
            bytes_in: 1_024,
            bytes_out: 9_000,
            cache: Some("miss"),
            end_user: None,
        }
    }
}
