//! Every error answer of the management plane: `application/problem+json` (RFC 9457).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::{settings::Problem, snapshot::control::Refused, store::StoreError, usage::report::Unanswered};

/// Why a call was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
    problems: Vec<Value>,
    /// Where the file declares the object.
    place: Option<Value>,
    retry_after: Option<Duration>,
}

/// A refusal whose code follows from its status.
pub(super) fn refuse(status: StatusCode, detail: impl Into<String>) -> Refusal {
    let code = match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PRECONDITION_FAILED => "stale",
        StatusCode::PRECONDITION_REQUIRED => "precondition_required",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::TOO_MANY_REQUESTS => "too_many_attempts",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        StatusCode::INTERNAL_SERVER_ERROR => "internal",
        _ => "bad_request",
    };
    Refusal { status, code, detail: detail.into(), problems: Vec::new(), place: None, retry_after: None }
}

pub(super) async fn no_route(uri: Uri) -> Refusal {
    refuse(StatusCode::NOT_FOUND, format!("nothing is served at {}; see /admin/openapi.json", uri.path()))
}

pub(super) async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let detail = format!("{method} is not served at {}; see /admin/openapi.json", uri.path());
    refuse(StatusCode::METHOD_NOT_ALLOWED, detail)
}

impl Refusal {
    pub(super) fn unauthorized() -> Self {
        let detail = "send `Authorization: Bearer` with an administrator's token, or sign in at the console";
        refuse(StatusCode::UNAUTHORIZED, detail)
    }

    pub(super) fn wait(after: Duration) -> Self {
        let detail = "too many wrong tokens came from this address; wait and try again";
        Self { retry_after: Some(after), ..refuse(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    pub(super) fn invalid(problems: &[Problem]) -> Self {
        let detail = match problems {
            [only] => only.to_string(),
            _ => format!("{} problems", problems.len()),
        };
        Self {
            code: "invalid",
            problems: problems.iter().map(describe).collect(),
            ..refuse(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// The same with another status and code, where the method makes a difference.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        let code = refuse(status, "").code;
        Self { status, code, ..self }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }
}

/// A problem as answers list it.
pub(super) fn describe(problem: &Problem) -> Value {
    let mut described = json!({ "path": problem.path, "message": problem.message });
    if let Some(origin) = &problem.origin {
        described["file"] = json!(origin.file.display().to_string());
        described["line"] = json!(origin.line);
        described["column"] = json!(origin.column);
    }
    described
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            // The caller's: every problem at once, before anything was stored.
            Refused::Invalid(problems) => Self::invalid(&problems),
            // One owner per object: says where to change it instead.
            Refused::FileOwned { origin, .. } => {
                let place =
                    json!({ "file": origin.file.display().to_string(), "line": origin.line, "column": origin.column });
                Self { code: "file_owned", place: Some(place), ..refuse(StatusCode::CONFLICT, detail) }
            }
            Refused::BuiltIn { .. } => Self { code: "built_in", ..refuse(StatusCode::CONFLICT, detail) },
            Refused::Exists { .. } => Self { code: "exists", ..refuse(StatusCode::CONFLICT, detail) },
            Refused::NoSuchStep { .. } => Self { code: "no_such_step", ..refuse(StatusCode::CONFLICT, detail) },
            Refused::NotFound { .. } => refuse(StatusCode::NOT_FOUND, detail),
            Refused::Stale { .. } => refuse(StatusCode::PRECONDITION_FAILED, detail),
            Refused::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DuplicateKey | StoreError::DuplicateName => refuse(StatusCode::CONFLICT, error.to_string()),
            // What the database says is for the log: an answer does not show paths and SQL.
            other => {
                tracing::error!(error = %other, "the database failed an admin call");
                let detail = "the database could not do it; the log says why";
                Self { retry_after: Some(Duration::from_secs(1)), ..refuse(StatusCode::SERVICE_UNAVAILABLE, detail) }
            }
        }
    }
}

impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Parameter { name, why } => Self::invalid(&[Problem::new(name, why)]),
            Unanswered::Store(error) => error.into(),
        }
    }
}

/// Rounded up: who comes back after this many seconds is not too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:tollgate:problem:{}", self.code),
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if !self.problems.is_empty() {
            body["problems"] = Value::Array(self.problems);
        }
        if let (Some(Value::Object(place)), Value::Object(fields)) = (self.place, &mut body) {
            fields.extend(place);
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tollgate admin\""));
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        response
    }
}
