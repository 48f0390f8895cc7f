//! Why a policy did not go on: what `context.LastError` shows, and the answer unless `on-error` makes another.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderName, HeaderValue};

use crate::exchange::{Fault, FaultKind};

/// A policy's reason to leave the section for `on-error`.
#[derive(Debug)]
pub struct Failure {
    /// `LastError.Source`: the policy's element name, or `configuration`, `authorization`.
    pub source: Cow<'static, str>,
    /// `LastError.Reason`: a stable word such as `RateLimitExceeded` (APIM, "Error handling in policies").
    pub reason: Cow<'static, str>,
    /// `LastError.Message`.
    pub message: String,
    /// What the caller is told, where a document says it otherwise (`failed-validation-error-message`). Boxed: hardly ever
    /// there, and every result of a policy has room for it.
    pub shown: Option<Box<Cow<'static, str>>>,
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The gateway's own reason, when it comes from there: its envelope and advice are kept then.
    pub fault: Option<Box<Fault>>,
}

impl Failure {
    /// A failure with APIM's words.
    #[must_use]
    pub fn new(source: &'static str, reason: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            reason: reason.into(),
            message: message.into(),
            shown: None,
            status,
            headers: Vec::new(),
            fault: None,
        }
    }

    /// An expression threw: 500, as APIM.
    #[must_use]
    pub fn thrown(source: &'static str, message: impl Into<String>) -> Self {
        Self::new(source, "ExpressionValueEvaluationFailure", 500, message)
    }

    /// The machine-readable code of the answer: the gateway's own for what it knows, else the reason in its style.
    #[must_use]
    pub fn code(&self) -> &'static str {
        if let Some(fault) = &self.fault {
            return fault.kind.code();
        }
        match self.status {
            401 | 407 => "unauthorized",
            403 => "forbidden",
            404 => "not_found",
            429 => "rate_limit_exceeded",
            400..500 => "invalid_request",
            502..=504 => "backend_unreachable",
            _ => "policy_failed",
        }
    }

    /// With other words for the caller.
    #[must_use]
    pub fn shown(mut self, message: impl Into<String>) -> Self {
        self.shown = Some(Box::new(Cow::Owned(message.into())));
        self
    }

    /// What the caller is told.
    #[must_use]
    pub fn told(&self) -> &str {
        self.shown.as_deref().map_or(&*self.message, |shown| shown)
    }

    /// With a header on the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Fault> for Failure {
    /// A reason of the gateway's, in APIM's words for it.
    fn from(fault: Fault) -> Self {
        let (source, reason) = words(fault.kind);
        Self {
            source: source.into(),
            reason: reason.into(),
            message: fault.message.to_string(),
            shown: None,
            status: fault.kind.status(),
            headers: Vec::new(),
            fault: Some(Box::new(fault)),
        }
    }
}

/// APIM's source and reason for what the gateway itself finds ("Error handling in API Management policies").
const fn words(kind: FaultKind) -> (&'static str, &'static str) {
    match kind {
        FaultKind::NoRoute => ("configuration", "OperationNotFound"),
        FaultKind::MissingKey => ("authorization", "SubscriptionKeyNotFound"),
        FaultKind::InvalidKey => ("authorization", "SubscriptionKeyInvalid"),
        FaultKind::RateLimited => ("rate-limit", "RateLimitExceeded"),
        FaultKind::TokenRateLimited => ("llm-token-limit", "TokenLimitExceeded"),
        FaultKind::QuotaExhausted | FaultKind::QuotaForbidden | FaultKind::QuotaReserved => ("quota", "QuotaExceeded"),
        FaultKind::ConcurrencyLimited => ("limit-concurrency", "ConcurrencyLimitExceeded"),
        FaultKind::BackendTimeout => ("forward-request", "Timeout"),
        FaultKind::NoBackend
        | FaultKind::AllThrottled
        | FaultKind::CredentialRefused
        | FaultKind::BackendUnreachable
        | FaultKind::EgressRefused => ("forward-request", "BackendConnectionFailure"),
        _ => ("gateway", "GatewayError"),
    }
}

/// `context.LastError`.
#[derive(Clone, Debug, Default)]
pub struct LastError {
    /// The policy's element name, or where else it came from.
    pub source: String,
    /// A stable word.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Scope of the document: `global`, `workspace`, `product`, `api`, `operation`.
    pub scope: Option<&'static str>,
    /// Section: `inbound`, `backend`, `outbound`, `on-error`.
    pub section: Option<&'static str>,
    /// Place below the section, such as `choose[3]/when[2]`.
    pub path: Option<Arc<str>>,
    /// The statement's `id`.
    pub policy_id: Option<Arc<str>>,
}
