//! One call of an endpoint, read once: parameters, preconditions, body.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde_json::{Map, Value};

use super::{
    AdminState,
    auth::Caller,
    refusal::{Refusal, refuse},
};
use crate::{
    snapshot::control::{Etag, Expect, Run},
    usage::report::Params,
};

/// Objects on a page when the caller names no number, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// One call.
pub(super) struct Call {
    pub(super) state: Arc<AdminState>,
    pub(super) caller: Caller,
    pub(super) id: String,
    pub(super) headers: HeaderMap,
    query: HashMap<String, String>,
    body: Bytes,
}

impl FromRequest<Arc<AdminState>> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Arc<AdminState>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let Path(path) = Path::<HashMap<String, String>>::from_request_parts(&mut parts, state)
            .await
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, error.body_text()))?;
        let Query(query) = Query::from_request_parts(&mut parts, state)
            .await
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, error.body_text()))?;
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Refusal::unauthorized)?;
        let headers = parts.headers.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), state)
            .await
            .map_err(|error| refuse(error.status(), format!("{}; the limit is 1 MiB", error.body_text())))?;
        let id = path.get("id").cloned().unwrap_or_default();
        Ok(Self { state: Arc::clone(state), caller, id, headers, query, body })
    }
}

impl Call {
    /// `?dry_run=true`: decide and check everything, change nothing.
    pub(super) fn run(&self) -> Result<Run, Refusal> {
        match self.query.get("dry_run").map(String::as_str) {
            None | Some("false") => Ok(Run::Real),
            Some("true" | "") => Ok(Run::Dry),
            Some(other) => Err(bad_parameter("dry_run", &format!("`{other}` is not true or false"))),
        }
    }

    /// `?limit=`: how many, 1 to 1000.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let Some(text) = self.query.get("limit") else { return Ok(PAGE) };
        match text.parse() {
            Ok(limit @ 1..=LARGEST_PAGE) => Ok(limit),
            _ => Err(bad_parameter("limit", &format!("`{text}` is not a number from 1 to {LARGEST_PAGE}"))),
        }
    }

    /// The query as named texts, for what is asked of the ledger.
    pub(super) fn params(&self) -> Params {
        self.query.iter().collect()
    }

    /// Whether CSV is wanted: `?format=csv`, or an `Accept` that names it and not JSON.
    pub(super) fn wants_csv(&self) -> Result<bool, Refusal> {
        match self.query.get("format").map(String::as_str) {
            Some("csv") => Ok(true),
            Some("json") => Ok(false),
            Some(other) => Err(bad_parameter("format", &format!("`{other}` is not json or csv"))),
            None => {
                let accepted = self.listed(&header::ACCEPT);
                let names = |kind: &str| accepted.iter().any(|one| one.split(';').next() == Some(kind));
                Ok(names("text/csv") && !names("application/json"))
            }
        }
    }

    /// `?after=`: the `next` of the page before.
    pub(super) fn after(&self) -> &str {
        self.query.get("after").map_or("", String::as_str)
    }

    /// What the caller demands of the object: `If-None-Match: *`, `If-Match`, or nothing.
    pub(super) fn expect(&self) -> Expect {
        let listed = |name| self.listed(&name);
        if listed(header::IF_NONE_MATCH).iter().any(|tag| tag == "*") {
            return Expect::Absent;
        }
        let tags = listed(header::IF_MATCH);
        if !self.headers.contains_key(header::IF_MATCH) {
            Expect::Anything
        } else if tags.iter().any(|tag| tag == "*") {
            Expect::Present
        } else {
            Expect::Unchanged(tags.iter().map(|tag| Etag::seen(tag)).collect())
        }
    }

    /// The same where `If-Match` must be sent.
    pub(super) fn expect_named(&self) -> Result<Expect, Refusal> {
        if self.headers.contains_key(header::IF_MATCH) {
            return Ok(self.expect());
        }
        let why = "send If-Match with the ETag of the object as you read it (or `*` for whatever it is now)";
        Err(refuse(StatusCode::PRECONDITION_REQUIRED, why))
    }

    /// Whether the caller has this version already (`If-None-Match` on a read).
    pub(super) fn has(&self, etag: &str) -> bool {
        self.listed(&header::IF_NONE_MATCH).iter().any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    }

    /// The body as a JSON object; an absent body is an empty one.
    pub(super) fn json(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        if !self.content_type().is_some_and(|kind| kind == "application/json" || kind.ends_with("+json")) {
            let why = "send JSON with Content-Type: application/json";
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(refuse(StatusCode::BAD_REQUEST, "the body is not a JSON object")),
            Err(error) => Err(refuse(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))),
        }
    }

    /// The body as text.
    pub(super) fn text(&self) -> Result<&str, Refusal> {
        std::str::from_utf8(&self.body).map_err(|_| refuse(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
    }

    /// The media type without parameters, in lower case.
    pub(super) fn content_type(&self) -> Option<String> {
        let value = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    fn listed(&self, name: &HeaderName) -> Vec<String> {
        let values = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned()).collect()
    }
}

fn bad_parameter(name: &str, why: &str) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, format!("query parameter {name}: {why}"))
}
