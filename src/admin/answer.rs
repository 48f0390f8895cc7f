//! Answers of success: JSON, its `ETag`, CSV, and headers that keep it out of caches and frames.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::Value;

use super::{call::Call, refusal::Refusal};
use crate::{snapshot::control::Etag, usage::report::Table};

pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn object(status: StatusCode, body: &Value, etag: &Etag) -> Response {
    tagged(json(status, body), etag)
}

pub(super) fn not_modified(etag: &Etag) -> Response {
    tagged(StatusCode::NOT_MODIFIED.into_response(), etag)
}

fn tagged(mut response: Response, etag: &Etag) -> Response {
    let value = HeaderValue::try_from(etag.as_str()).expect("our tags are quotes, letters and digits");
    response.headers_mut().insert(header::ETAG, value);
    response
}

/// Lines of the ledger, as JSON or CSV. A page of CSV says where the next begins in a `Link` header (RFC 8288).
pub(super) fn table(call: &Call, table: &Table) -> Result<Response, Refusal> {
    if !call.wants_csv()? {
        return Ok(json(StatusCode::OK, &table.json()));
    }
    let mut response = table.csv().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Some(next) = &table.next {
        let mut query = call.params();
        query.set("after", next);
        let pairs: Vec<String> =
            query.iter().map(|(name, text)| format!("{}={}", encoded(name), encoded(text))).collect();
        if let Ok(link) = HeaderValue::try_from(format!("<?{}>; rel=\"next\"", pairs.join("&"))) {
            headers.insert(header::LINK, link);
        }
    }
    Ok(response)
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

/// `path` is where the new object is read.
pub(super) fn created(mut response: Response, path: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(path) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// Answers may hold keys and names of customers: nobody stores, sniffs or frames them.
pub(super) async fn keep_private(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
