//! Health paths of the gateway's port: answered before routing, without a key, for load balancers and people.
//!
//! `/livez` says that the process serves requests at all, `/readyz`, `/healthz` and APIM's
//! `/status-0123456789abcdef` whether new requests should come here. What is checked is decided by who builds
//! the [`Readiness`].

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What, in one word such as `snapshot`, `database`, `draining`.
    pub name: &'static str,
    /// Whether it is well.
    pub ok: bool,
    /// Whether this replica should get no new requests while it is not.
    pub required: bool,
    /// Why it is not well, for people. Never contains a secret or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
}

impl Check {
    /// A required check that is well.
    #[must_use]
    pub const fn well(name: &'static str) -> Self {
        Self { name, ok: true, required: true, reason: None }
    }

    /// A required check that failed.
    #[must_use]
    pub fn failed(name: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { name, ok: false, required: true, reason: Some(reason.into()) }
    }

    /// Makes the check a remark: the replica stays ready while it fails.
    #[must_use]
    pub fn remark(mut self) -> Self {
        self.required = false;
        self
    }
}

/// What knows whether this replica should get requests.
pub trait Readiness {
    /// All checks, in a stable order. Called once per health request: must be cheap.
    fn checks(&self) -> Vec<Check>;
}

#[derive(Serialize)]
struct Report<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<&'a Check>,
}

/// Answers a health path; `None` for every other path. Failing checks are always listed, all of them with
/// `?verbose`. Not ready is 503; a method other than GET or HEAD is 405.
#[must_use]
pub fn answer(method: &Method, uri: &Uri, state: &dyn Readiness) -> Option<Response<Bytes>> {
    let live_only = match uri.path() {
        "/livez" => true,
        "/readyz" | "/healthz" | "/status-0123456789abcdef" => false,
        _ => return None,
    };
    if method != Method::GET && method != Method::HEAD {
        return Some(refuse_method());
    }
    let checks = state.checks();
    let ready = live_only || checks.iter().all(|check| check.ok || !check.required);
    let verbose = is_verbose(uri);
    let listed = checks.iter().filter(|check| verbose || !check.ok).collect();
    let report = Report { status: if ready { "ok" } else { "unavailable" }, checks: listed };
    Some(respond(method, ready, &report))
}

fn is_verbose(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "verbose" || pair.starts_with("verbose=")))
}

fn respond(method: &Method, ready: bool, report: &Report<'_>) -> Response<Bytes> {
    let body = serde_json::to_vec(report).expect("names, flags and texts always serialise");
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(if method == Method::HEAD { Bytes::new() } else { Bytes::from(body) });
    *response.status_mut() = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn refuse_method() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<Check>);

    impl Readiness for Fixed {
        fn checks(&self) -> Vec<Check> {
            self.0.clone()
        }
    }

    #[test]
    fn health_paths_answer_with_reasons() {
        let well = Fixed(vec![Check::well("snapshot"), Check::failed("database", "away").remark()]);
        let draining = Fixed(vec![Check::well("snapshot"), Check::failed("draining", "the process is going down")]);
        let remark = r#"{"name":"database","ok":false,"required":false,"reason":"away"}"#;
        let snapshot = r#"{"name":"snapshot","ok":true,"required":true}"#;
        let reason = r#"{"name":"draining","ok":false,"required":true,"reason":"the process is going down"}"#;
        let cases: &[(&str, &str, &Fixed, u16, String)] = &[
            ("GET", "/livez", &well, 200, format!(r#"{{"status":"ok","checks":[{remark}]}}"#)),
            ("GET", "/livez", &draining, 200, format!(r#"{{"status":"ok","checks":[{reason}]}}"#)),
            ("GET", "/readyz", &well, 200, format!(r#"{{"status":"ok","checks":[{remark}]}}"#)),
            ("GET", "/readyz?verbose", &well, 200, format!(r#"{{"status":"ok","checks":[{snapshot},{remark}]}}"#)),
            ("GET", "/readyz", &draining, 503, format!(r#"{{"status":"unavailable","checks":[{reason}]}}"#)),
            ("GET", "/healthz?a=b", &draining, 503, format!(r#"{{"status":"unavailable","checks":[{reason}]}}"#)),
            ("HEAD", "/healthz", &well, 200, String::new()),
            ("GET", "/status-0123456789abcdef", &Fixed(Vec::new()), 200, r#"{"status":"ok"}"#.to_owned()),
            ("POST", "/readyz", &well, 405, String::new()),
        ];
        for (method, uri, state, status, body) in cases {
            let answer = answer(&method.parse().unwrap(), &uri.parse().unwrap(), *state).expect(uri);
            assert_eq!(answer.status().as_u16(), *status, "{method} {uri}");
            assert_eq!(String::from_utf8_lossy(answer.body()), *body, "{method} {uri}");
        }
        assert!(answer(&Method::GET, &"/readyz/x".parse().unwrap(), &well).is_none());
    }
}
