//! A side call, its answer, and why there is none.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::Identity;
use crate::{model::Secret, outbound::egress::Rules};

/// Longest answer that is kept in memory unless the caller says otherwise.
pub const LARGEST: usize = 4 << 20;

/// A request to somebody who is not a backend of the exchange.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Whole URL: `http` or `https`.
    pub url: String,
    /// Headers; those that belong to a connection are left out when it is sent.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Which addresses may be dialled.
    pub rules: Rules,
    /// The whole call, redirects and body included, may take this long.
    pub timeout: Duration,
    /// A forward proxy.
    pub proxy: Option<Arc<Via>>,
    /// The client certificate to show.
    pub identity: Option<Arc<Identity>>,
    /// How many redirects are followed.
    pub redirects: u8,
    /// Longest body of the answer, in bytes.
    pub largest: usize,
}

impl Call {
    /// A call with an empty body, no redirects and half a minute of time.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>, rules: Rules) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            rules,
            timeout: Duration::from_secs(30),
            proxy: None,
            identity: None,
            redirects: 0,
            largest: LARGEST,
        }
    }
}

/// A forward proxy and the credential for it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Via {
    /// `http://host:port`.
    pub url: String,
    /// User name.
    pub user: Option<String>,
    /// Password; hashed and compared with the rest, shown nowhere.
    pub password: Option<String>,
}

impl Via {
    /// A proxy; the password comes from a type that shows nothing.
    #[must_use]
    pub fn new(url: impl Into<String>, user: Option<String>, password: Option<&Secret>) -> Self {
        Self { url: url.into(), user, password: password.map(|secret| secret.expose().to_owned()) }
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({})", self.url)
    }
}

/// The answer to a side call, whole.
#[derive(Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallFaultKind {
    /// The URL is none that can be called, or a header cannot be sent.
    Invalid,
    /// The egress rules forbid the address.
    Egress,
    /// No connection.
    Connect,
    /// It took too long.
    Timeout,
    /// The connection broke before the answer was complete.
    Broken,
    /// The answer is larger than allowed.
    TooLarge,
    /// More redirects than allowed.
    Redirects,
    /// This process is shutting down, or has too many such calls waiting.
    Refused,
}

/// A side call that came to nothing.
#[derive(Clone, Debug)]
pub struct CallFault {
    /// What happened.
    pub kind: CallFaultKind,
    /// One sentence for the operator; names the host, never path, query, headers or body.
    pub message: String,
}

impl CallFault {
    /// A fault.
    #[must_use]
    pub fn new(kind: CallFaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CallFault {}
