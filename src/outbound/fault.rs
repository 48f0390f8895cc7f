//! How sending to a backend fails: what happened, and whether a byte of the request may have got there.
//!
//! Deliberately not here: what a failure means for a breaker (`breaker`) or for the caller (`gateway`).

use std::{error::Error, fmt};

/// Why an attempt failed on the way to a backend, or inside its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendFaultKind {
    /// The name did not resolve or no address accepted the connection.
    Refused,
    /// The TLS handshake or the check of the backend's certificate failed.
    Tls,
    /// The egress rules forbid every address of the backend.
    Egress,
    /// Connecting (name, TCP, TLS, proxy) took longer than `timeouts.connect`.
    ConnectTimeout,
    /// No head within `timeouts.first_byte` after the request was sent.
    FirstByteTimeout,
    /// The answer fell silent for `timeouts.idle`.
    IdleTimeout,
    /// The whole attempt took longer than `timeouts.total`.
    TotalTimeout,
    /// The connection ended before the answer did.
    BrokenOff,
    /// The backend's bytes are not HTTP, or the request cannot be put into HTTP.
    Protocol,
    /// The caller's request body failed while it was being sent: not the backend's fault.
    RequestBody,
}

impl SendFaultKind {
    /// The word used in logs, metrics and attempt records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "connect",
            Self::Tls => "tls",
            Self::Egress => "egress",
            Self::ConnectTimeout => "connect_timeout",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::BrokenOff => "broken_off",
            Self::Protocol => "protocol",
            Self::RequestBody => "request_body",
        }
    }

    /// Whether it is a timeout of any sort.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::FirstByteTimeout | Self::IdleTimeout | Self::TotalTimeout)
    }
}

/// A failed attempt at a backend.
#[derive(Clone, Debug)]
pub struct SendFault {
    /// What happened.
    pub kind: SendFaultKind,
    /// Whether any byte of the request may have reached the backend. `false` means that sending it again, there
    /// or elsewhere, cannot do anything twice.
    pub reached: bool,
    /// One sentence for the operator: never a secret, a prompt or a path.
    pub message: String,
}

impl SendFault {
    /// A fault of a request of which no byte was sent.
    #[must_use]
    pub fn unsent(kind: SendFaultKind, message: impl Into<String>) -> Self {
        Self { kind, reached: false, message: message.into() }
    }

    /// A fault of a request that the backend may have seen.
    #[must_use]
    pub fn sent(kind: SendFaultKind, message: impl Into<String>) -> Self {
        Self { kind, reached: true, message: message.into() }
    }
}

impl fmt::Display for SendFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SendFault {}

impl From<hyper_util::client::legacy::Error> for SendFault {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        if let Some(dialling) = find::<Self>(&error) {
            return dialling.clone();
        }
        let message = innermost(&error);
        match find::<hyper::Error>(&error) {
            Some(inner) => from_hyper(inner),
            None if error.is_connect() => Self::unsent(SendFaultKind::Refused, message),
            None => Self::sent(SendFaultKind::BrokenOff, message),
        }
    }
}

impl From<hyper::Error> for SendFault {
    fn from(error: hyper::Error) -> Self {
        from_hyper(&error)
    }
}

/// `hyper::Error::is_canceled` promises that the request was never started; HTTP/2's REFUSED_STREAM (RFC 9113,
/// section 8.7) and a GOAWAY that does not cover the stream (section 6.8) promise that it was not processed.
fn from_hyper(error: &hyper::Error) -> SendFault {
    let message = format!("the backend's connection failed: {}", innermost(error));
    if error.is_user() {
        return SendFault::sent(SendFaultKind::RequestBody, "the request body ended with an error");
    }
    let unprocessed = find::<h2::Error>(error).is_some_and(|inner| {
        inner.is_remote() && (inner.is_go_away() || inner.reason() == Some(h2::Reason::REFUSED_STREAM))
    });
    let kind = if error.is_parse() || is_nonsense(error) { SendFaultKind::Protocol } else { SendFaultKind::BrokenOff };
    SendFault { kind, reached: !(error.is_canceled() || unprocessed), message }
}

/// hyper reports bad chunks as I/O errors, HTTP/2 violations as its library's.
fn is_nonsense(error: &hyper::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    let bytes = find::<std::io::Error>(error).is_some_and(|inner| matches!(inner.kind(), InvalidData | InvalidInput));
    bytes || find::<h2::Error>(error).is_some_and(|inner| inner.reason() == Some(h2::Reason::PROTOCOL_ERROR))
}

/// The first error of that type in the chain of causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The text of the last cause: the only one that says more than "client error".
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
