//! Typed reasons to fail: what failed, whose fault it is, whether trying again can help.
//!
//! A fault knows nothing of HTTP answers: `gateway::respond` turns it into one, in the caller's dialect.

use std::{borrow::Cow, time::Duration};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller's request.
    Client,
    /// Our credential at the backend.
    Credential,
    /// The backend or the way to it.
    Backend,
    /// This gateway.
    Gateway,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request is not well-formed HTTP as we accept it (400, connection closed).
    BadRequest,
    /// CONNECT, TRACE or an absurd method (405).
    MethodNotAllowed,
    /// Request target too long (414).
    UriTooLong,
    /// Head too large (431).
    HeadTooLarge,
    /// Body too large (413).
    BodyTooLarge,
    /// The body took too long (408).
    BodyTimeout,
    /// The body is not what the surface needs (400).
    InvalidBody,
    /// No key (401).
    MissingKey,
    /// Wrong, expired, suspended or out-of-scope key (401).
    InvalidKey,
    /// No model of that name is offered (404).
    ModelNotFound,
    /// The model exists but this key's product or subscription does not list it (403).
    ModelNotAllowed,
    /// The model's backends speak another dialect (400).
    DialectNotSupported,
    /// No API or operation matches (404).
    NoRoute,
    /// A stored object that this subscription does not own or that does not exist (404).
    ObjectNotFound,
    /// The owners of stored objects could not be looked up (503).
    OwnersUnavailable,
    /// A request or bandwidth rate is exceeded (429).
    RateLimited,
    /// A token rate is exceeded (429).
    TokenRateLimited,
    /// As many exchanges as allowed are open (429).
    ConcurrencyLimited,
    /// A quota or budget is used up (429, not worth retrying).
    QuotaExhausted,
    /// The same where APIM answers 403: plain APIs and policy documents.
    QuotaForbidden,
    /// What is left of a quota is held by open exchanges (429, worth retrying).
    QuotaReserved,
    /// Prompt and the least output do not fit into the whole limit (400).
    ExceedsLimit,
    /// What the request may cost cannot be bounded, and a limit is strict (400).
    NotBoundable,
    /// The ledger cannot take the request (503).
    LedgerUnavailable,
    /// Who grants quota to this replica cannot be reached (503).
    QuotaUnavailable,
    /// No member left (503).
    NoBackend,
    /// All members are throttled (429).
    AllThrottled,
    /// All members refused our credential (502).
    CredentialRefused,
    /// The backend could not be reached or broke off before the head (502).
    BackendUnreachable,
    /// The backend did not answer in time (504).
    BackendTimeout,
    /// Egress rules forbid the backend's address (502).
    EgressRefused,
    /// The process is going down (503).
    ShuttingDown,
    /// A defect in this gateway (500).
    Internal,
}

impl FaultKind {
    /// The machine-readable code, stable: part of the contract.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UriTooLong => "uri_too_long",
            Self::HeadTooLarge => "request_header_fields_too_large",
            Self::BodyTooLarge => "request_too_large",
            Self::BodyTimeout => "request_timeout",
            Self::InvalidBody => "invalid_request_body",
            Self::MissingKey | Self::InvalidKey => "invalid_api_key",
            Self::ModelNotFound => "model_not_found",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::DialectNotSupported => "dialect_not_supported",
            Self::NoRoute => "not_found",
            Self::ObjectNotFound => "object_not_found",
            Self::OwnersUnavailable => "owners_unavailable",
            Self::QuotaExhausted | Self::QuotaForbidden => "insufficient_quota",
            Self::QuotaReserved => "quota_reserved",
            Self::ExceedsLimit => "request_exceeds_limit",
            Self::NotBoundable => "cost_not_boundable",
            Self::LedgerUnavailable => "ledger_unavailable",
            Self::QuotaUnavailable => "quota_unavailable",
            Self::NoBackend => "no_backend_available",
            Self::RateLimited | Self::TokenRateLimited | Self::ConcurrencyLimited | Self::AllThrottled => {
                "rate_limit_exceeded"
            }
            Self::CredentialRefused => "backend_credential_refused",
            Self::BackendUnreachable => "backend_unreachable",
            Self::BackendTimeout => "backend_timeout",
            Self::EgressRefused => "egress_refused",
            Self::ShuttingDown => "shutting_down",
            Self::Internal => "internal_error",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest
            | Self::InvalidBody
            | Self::DialectNotSupported
            | Self::ExceedsLimit
            | Self::NotBoundable => 400,
            Self::MissingKey | Self::InvalidKey => 401,
            Self::ModelNotAllowed | Self::QuotaForbidden => 403,
            Self::ModelNotFound | Self::NoRoute | Self::ObjectNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::UriTooLong => 414,
            Self::RateLimited
            | Self::TokenRateLimited
            | Self::ConcurrencyLimited
            | Self::QuotaExhausted
            | Self::QuotaReserved
            | Self::AllThrottled => 429,
            Self::HeadTooLarge => 431,
            Self::Internal => 500,
            Self::CredentialRefused | Self::BackendUnreachable | Self::EgressRefused => 502,
            Self::NoBackend
            | Self::OwnersUnavailable
            | Self::LedgerUnavailable
            | Self::QuotaUnavailable
            | Self::ShuttingDown => 503,
            Self::BackendTimeout => 504,
        }
    }

    /// Whether it is unclear where this request ends and the next begins: the connection must be closed.
    #[must_use]
    pub const fn is_framing_in_doubt(self) -> bool {
        matches!(
            self,
            Self::BadRequest | Self::MethodNotAllowed | Self::UriTooLong | Self::HeadTooLarge | Self::BodyTimeout
        )
    }

    /// Whether trying again now is in vain although the status says otherwise: SDKs retry every 429.
    #[must_use]
    pub const fn is_retried_in_vain(self) -> bool {
        matches!(self, Self::QuotaExhausted)
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn blame(self) -> Blame {
        match self {
            Self::CredentialRefused => Blame::Credential,
            Self::NoBackend | Self::AllThrottled | Self::BackendUnreachable | Self::BackendTimeout => Blame::Backend,
            Self::EgressRefused
            | Self::OwnersUnavailable
            | Self::LedgerUnavailable
            | Self::QuotaUnavailable
            | Self::ShuttingDown
            | Self::Internal => Blame::Gateway,
            _ => Blame::Client,
        }
    }
}

/// A typed reason to fail.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What failed.
    pub kind: FaultKind,
    /// One sentence for the person who must act. Never contains a secret or a prompt.
    pub message: Cow<'static, str>,
    /// The field of the request that is at fault, such as `model`.
    pub param: Option<Cow<'static, str>>,
    /// When trying again can help.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault with a message.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), param: None, retry_after: None }
    }

    /// Names the field of the request that is at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when trying again can help.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}
