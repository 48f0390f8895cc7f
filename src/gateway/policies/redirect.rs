//! Redirects of a backend, for `forward-request follow-redirects="true"`.
//!
//! Each hop passes the egress rules as a computed URL does, unless it stays at the backend that answered; one to another
//! origin takes no credential along. Only plain APIs follow: a model API's redirect is the provider's own answer.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use url::Url;

use super::{
    super::{answer::Answer, exchange::Exchange, route::Target},
    target::by_url,
};
use crate::policies::{Body, Failure, Request, Response};

/// Most redirects of one request; browsers follow 20, and none that means well needs 10.
pub const MOST: usize = 10;

/// Headers that open doors at the origin they were meant for.
const CREDENTIALS: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("ocp-apim-subscription-key"),
];

/// Where the request goes next.
pub struct Hop {
    /// As it is sent there.
    pub request: Request,
    /// The pool.
    pub target: Target,
}

/// What became of too many redirects.
#[must_use]
pub fn endless() -> Failure {
    let message = format!("The backend redirected more than {MOST} times.");
    Failure::new("forward-request", "BackendConnectionFailure", 502, message)
}

/// The next hop, when the answer is a redirect that can be followed; otherwise the answer is the caller's.
///
/// # Errors
/// Egress rules forbid the place.
pub fn next(
    exchange: &Exchange,
    sent: &Request,
    answer: Option<&Answer>,
    response: &Response,
) -> Result<Option<Hop>, Failure> {
    let Some(Answer::Upstream(upstream)) = answer else { return Ok(None) };
    let backend = upstream.backend();
    let base = backend.base_path();
    let from = format!("{}://{}{base}{}", backend.scheme(), backend.authority(), target_of(sent));
    let Some((from, to)) = place(&from, response) else { return Ok(None) };
    let Some(mut request) = moved(sent, response.status) else { return Ok(None) };
    to.query().unwrap_or_default().clone_into(&mut request.query);
    let is_same = from.origin() == to.origin();
    let below = to.path().strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let pool = if let (true, Some(below)) = (is_same, below) {
        below.clone_into(&mut request.path);
        exchange.gateway.hub.single(backend.clone())
    } else {
        to.path().clone_into(&mut request.path);
        by_url(exchange, &to.origin().ascii_serialization().into(), is_same)?
    };
    if !is_same {
        strip(&mut request.headers);
    }
    let target = Target::Http(pool, request.path.clone());
    Ok(Some(Hop { request, target }))
}

fn target_of(request: &Request) -> String {
    if request.query.is_empty() { request.path.clone() } else { format!("{}?{}", request.path, request.query) }
}

/// Where it was sent and where it shall go; never from TLS into the clear.
fn place(from: &str, response: &Response) -> Option<(Url, Url)> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let from = Url::parse(from).ok()?;
    let to = from.join(response.headers.get(header::LOCATION)?.to_str().ok()?).ok()?;
    let is_web = to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
    is_web.then_some((from, to))
}

/// The request of the next hop: 307 and 308 repeat it (RFC 9110, section 15.4), after the others a POST becomes a GET as
/// in browsers. `None`: its body has gone out and cannot be sent again.
fn moved(sent: &Request, status: StatusCode) -> Option<Request> {
    let mut request = sent.clone();
    let is_read = matches!(sent.method, Method::GET | Method::HEAD);
    let becomes_get = status == StatusCode::SEE_OTHER && !is_read
        || matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND) && sent.method == Method::POST;
    if becomes_get {
        request.method = Method::GET;
        request.body = Body::Held(bytes::Bytes::new());
        request.headers.remove(header::CONTENT_TYPE);
        request.headers.remove(header::CONTENT_LENGTH);
    }
    (request.body != Body::Passing).then_some(request)
}

fn strip(headers: &mut HeaderMap) {
    for name in CREDENTIALS {
        headers.remove(name);
    }
}
