//! The one place where a [`Fault`] becomes an HTTP answer, in the caller's dialect, and where our own headers are
//! put on every answer.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tollgate_providers::envelope::{self, ErrorText};

use super::{
    allowance,
    answer::Upstream,
    exchange::{Envelope, Exchange},
    headers,
    relay::AnswerBody,
};
use crate::{
    exchange::{Blame, Fault, FaultKind, Outcome},
    policies::Failure,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_ANTHROPIC: HeaderName = HeaderName::from_static("request-id");
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-tollgate-upstream-request-id");
/// Who answered, where `server.expose_backend` is on.
pub const BACKEND: HeaderName = HeaderName::from_static("x-tollgate-backend");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// Obeyed by OpenAI's and Anthropic's SDKs, above what the status says.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// What APIM sends with its 401.
const CHALLENGE: &str = r#"AzureApiManagementKey realm="tollgate",name="Ocp-Apim-Subscription-Key",type="header""#;

/// Answers with `fault` and ends the exchange.
pub fn fault(mut exchange: Exchange, fault: &Fault) -> Response<AnswerBody> {
    let request_id = exchange.request_id();
    let (mut answer, bytes) = rendered(exchange.envelope, fault, &request_id);
    ids(answer.headers_mut(), &request_id);
    if matches!(exchange.envelope, Envelope::Model(..)) {
        allowance::tell(answer.headers_mut(), &exchange.settlement.standing());
    }
    exchange.settlement.status = fault.kind.status();
    exchange.settlement.error = Some(fault.kind.code());
    let outcome = match fault.kind.blame() {
        _ if fault.kind == FaultKind::ShuttingDown => Outcome::Ended,
        Blame::Backend | Blame::Credential => Outcome::UpstreamError,
        Blame::Client | Blame::Gateway => Outcome::Refused,
    };
    answer.map(|()| AnswerBody::settling(bytes, exchange.settlement, outcome))
}

/// A fault as an answer's head and body, without the headers that need an exchange.
#[must_use]
pub fn rendered(envelope: Envelope, fault: &Fault, request_id: &str) -> (Response<()>, Bytes) {
    let bytes = body(envelope, fault, request_id);
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::from_u16(fault.kind.status()).expect("faults have valid statuses");
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    advice(headers, envelope, fault);
    (answer, bytes)
}

/// What a policy refused or failed at, as an answer. A 500 tells the caller nothing of the inside, as APIM's.
#[must_use]
pub fn failure(envelope: Envelope, failure: &Failure, request_id: &str) -> (Response<()>, Bytes) {
    let is_inside = failure.status == 500;
    let text = ErrorText {
        status: failure.status,
        code: failure.code(),
        message: if is_inside { "Internal server error" } else { failure.told() },
        param: None,
        request_id,
        kind_hint: None,
    };
    let bytes: Bytes = match envelope {
        Envelope::Plain => {
            envelope::plain_error_body(text.status, text.message, is_inside.then_some(request_id)).into()
        }
        Envelope::Model(family, _) => envelope::error_body(family, &text).into(),
    };
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &failure.headers {
        headers.append(name.clone(), value.clone());
    }
    (answer, bytes)
}

fn body(envelope: Envelope, fault: &Fault, request_id: &str) -> Bytes {
    let text = ErrorText {
        status: fault.kind.status(),
        code: fault.kind.code(),
        message: &fault.message,
        param: fault.param.as_deref(),
        request_id,
        kind_hint: None,
    };
    match envelope {
        Envelope::Plain => envelope::plain_error_body(text.status, text.message, None).into(),
        Envelope::Model(family, _) => envelope::error_body(family, &text).into(),
    }
}

/// Headers that tell a client what to do next.
fn advice(headers: &mut HeaderMap, envelope: Envelope, fault: &Fault) {
    if let Some(wait) = fault.retry_after {
        // Rounded up: who comes back a moment too early is refused once more.
        headers.insert(header::RETRY_AFTER, (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).into());
        let millis = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        headers.insert(RETRY_AFTER_MS, millis.into());
    }
    if fault.kind.is_retried_in_vain() {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    let is_key = matches!(fault.kind, FaultKind::MissingKey | FaultKind::InvalidKey);
    if is_key && envelope == Envelope::Plain {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    if fault.kind.is_framing_in_doubt() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// An answer made here: a list, what policies said, also of an error.
pub fn local(exchange: Exchange, answer: Response<Bytes>) -> Response<AnswerBody> {
    let (mut head, bytes) = answer.into_parts();
    ids(&mut head.headers, &exchange.request_id());
    if exchange.settlement.error.is_some() && matches!(exchange.envelope, Envelope::Model(..)) {
        allowance::tell(&mut head.headers, &exchange.settlement.standing());
    }
    // These have no body, and a 304's length would be that of what it stands for (RFC 9110, section 8.6).
    if !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        head.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    }
    // What a GET would get is told (RFC 9110, section 9.3.2), not sent.
    let bytes = if exchange.parts.method == http::Method::HEAD { Bytes::new() } else { bytes };
    let outcome = exchange.outcome.unwrap_or(Outcome::Complete);
    let mut settlement = exchange.settlement;
    settlement.status = head.status.as_u16();
    Response::from_parts(head, AnswerBody::settling(bytes, settlement, outcome))
}

/// Makes a backend's headers ours: hop-by-hop ones out, request ids and backend's name in.
pub fn relayed_headers(exchange: &mut Exchange, upstream: &Upstream, headers: &mut HeaderMap) {
    headers::strip_response(headers);
    if let Some(theirs) = headers.remove(REQUEST_ID).or_else(|| headers.remove(REQUEST_ID_ANTHROPIC)) {
        headers.insert(UPSTREAM_REQUEST_ID, theirs);
    }
    ids(headers, &exchange.request_id());
    if matches!(exchange.envelope, Envelope::Model(..)) {
        allowance::tell(headers, &exchange.settlement.standing());
    }
    if upstream.withholds {
        headers.remove(header::CONTENT_LENGTH);
    }
    if exchange.snapshot.settings.server.expose_backend
        && let Ok(name) = HeaderValue::from_str(upstream.backend().id().as_str())
    {
        headers.insert(BACKEND, name);
    }
    cookie(exchange, headers);
}

/// The cookie that keeps the caller at its member, where it has none yet.
pub fn cookie(exchange: &mut Exchange, headers: &mut HeaderMap) {
    if let Some(cookie) = exchange.set_cookie.take()
        && let Ok(cookie) = HeaderValue::from_str(&cookie)
    {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Both spellings of the request id: OpenAI's clients read the one, Anthropic's the other.
pub fn ids(headers: &mut HeaderMap, request_id: &str) {
    let value = HeaderValue::from_str(request_id).expect("request ids are header-safe by construction");
    headers.insert(REQUEST_ID, value.clone());
    headers.insert(REQUEST_ID_ANTHROPIC, value);
}
