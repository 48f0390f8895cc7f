//! Side calls with egress rules: what policies send to somebody who is not a backend (token services, key sets, other
//! APIs). A name is resolved once, every address is checked, and a checked one is dialled; time and size are bounded;
//! each redirect is checked like a call of its own and takes no credential to another origin.

mod call;
mod clients;
mod identity;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use url::Url;

use self::clients::{Clients, NotAllowed, told};
pub use self::{
    call::{Answer, Call, CallFault, CallFaultKind, LARGEST, Via},
    identity::{Identity, same_thumbprint, thumbprint},
};
use super::transport::Resolve;

/// Who sends side calls. A trait so that tests can answer from a script.
pub trait SideCalls: Send + Sync {
    /// Sends a call and gives its answer, whole.
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Answer, CallFault>>;
}

/// Sends side calls over the network.
#[derive(Clone)]
pub struct Fetch(Arc<Clients>);

impl Fetch {
    /// A sender that resolves names by `resolver`.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self(Arc::new(Clients::new(resolver)))
    }
}

impl SideCalls for Fetch {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Answer, CallFault>> {
        let clients = self.0.clone();
        Box::pin(async move {
            let timeout = call.timeout;
            match tokio::time::timeout(timeout, follow(&clients, call)).await {
                Ok(result) => result,
                Err(_) => Err(CallFault::new(CallFaultKind::Timeout, format!("no whole answer within {timeout:?}"))),
            }
        })
    }
}

/// Sends a call, and those that its answers redirect to.
async fn follow(clients: &Clients, mut call: Call) -> Result<Answer, CallFault> {
    let mut left = call.redirects;
    let mut url = target(&call.url)?;
    loop {
        let answer = once(clients, &call, &url).await?;
        let Some(next) = redirected(&answer, &url).filter(|_| call.redirects > 0) else { return Ok(answer) };
        if left == 0 {
            let most = call.redirects;
            return Err(CallFault::new(CallFaultKind::Redirects, format!("more than {most} redirects")));
        }
        left -= 1;
        turn(&mut call, answer.status, &url, &next);
        url = target(next.as_str())?;
    }
}

fn target(url: &str) -> Result<Url, CallFault> {
    let invalid = |what: String| CallFault::new(CallFaultKind::Invalid, what);
    let url = Url::parse(url).map_err(|error| invalid(format!("the URL cannot be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(format!("the URL begins with `{}:`; write http:// or https://", url.scheme())));
    }
    Ok(url)
}

async fn once(clients: &Clients, call: &Call, url: &Url) -> Result<Answer, CallFault> {
    let host = url.host_str().unwrap_or_default();
    call.rules.check_host(host).map_err(|why| CallFault::new(CallFaultKind::Egress, why))?;
    let client = clients.get(&call.rules, call.proxy.as_deref(), call.identity.as_deref())?;
    let mut headers = call.headers.clone();
    strip(&mut headers);
    let request = client.request(call.method.clone(), url.clone()).headers(headers);
    let request =
        if call.body.is_empty() && !wants_length(&call.method) { request } else { request.body(call.body.clone()) };
    let response = request.send().await.map_err(|error| fault(host, &error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read(response, host, call.largest).await?;
    Ok(Answer { status, headers, body })
}

/// Methods whose empty body is announced as such: servers answer 411 otherwise.
fn wants_length(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

async fn read(mut response: reqwest::Response, host: &str, largest: usize) -> Result<Bytes, CallFault> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(host, &error))? {
        if body.len() + chunk.len() > largest {
            let message = format!("the answer of {host} is larger than {largest} bytes");
            return Err(CallFault::new(CallFaultKind::TooLarge, message));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn fault(host: &str, error: &reqwest::Error) -> CallFault {
    let kind = match () {
        () if forbidden(error) => CallFaultKind::Egress,
        () if error.is_connect() => CallFaultKind::Connect,
        () if error.is_timeout() => CallFaultKind::Timeout,
        () if error.is_builder() => CallFaultKind::Invalid,
        () => CallFaultKind::Broken,
    };
    CallFault::new(kind, format!("{host}: {}", told(error)))
}

fn forbidden(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<NotAllowed>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// Headers of a connection rather than of a message (RFC 9110, section 7.6.1), and those that the client writes.
const OF_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

fn strip(headers: &mut HeaderMap) {
    for name in OF_CONNECTION {
        headers.remove(name);
    }
}

/// Where an answer redirects to.
fn redirected(answer: &Answer, from: &Url) -> Option<Url> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(answer.headers.get(header::LOCATION)?.to_str().ok()?).ok()
}

/// What goes to another origin: what describes the message, and nothing that could be a credential.
const HARMLESS: [HeaderName; 4] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::USER_AGENT];

/// Makes a call the one that a redirect asks for (RFC 9110, section 15.4).
fn turn(call: &mut Call, status: StatusCode, from: &Url, to: &Url) {
    let becomes_get =
        status == StatusCode::SEE_OTHER || (matches!(status.as_u16(), 301 | 302) && call.method == Method::POST);
    if becomes_get && call.method != Method::HEAD {
        call.method = Method::GET;
        call.body = Bytes::new();
        call.headers.remove(header::CONTENT_TYPE);
    }
    call.headers.remove(header::HOST);
    if from.origin() != to.origin() {
        let names: Vec<_> = call.headers.keys().filter(|name| !HARMLESS.contains(name)).cloned().collect();
        for name in names {
            call.headers.remove(name);
        }
        call.identity = None;
    }
}
