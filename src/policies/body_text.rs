//! Bodies as text, for the policies that read a whole body and put another in its place.

use http::{HeaderMap, HeaderValue, header};

use super::{Body, Failure, Flow};

/// The body of this section's message; `None`: there is none, or it is no text.
pub fn of(flow: &Flow<'_>) -> Option<String> {
    let body = match &flow.response {
        Some(response) if flow.is_answered() => &response.body,
        _ => &flow.request.body,
    };
    body.held().filter(|bytes| !bytes.is_empty()).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
}

/// Puts a body in its place, and says what it is.
pub fn put(flow: &mut Flow<'_>, text: String, content_type: Option<&'static str>) {
    *flow.body_mut() = Body::Held(text.into());
    let headers = flow.headers_mut();
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
}

/// The headers of this section's message.
#[must_use]
pub fn headers<'f>(flow: &'f Flow<'_>) -> &'f HeaderMap {
    match &flow.response {
        Some(response) if flow.is_answered() => &response.headers,
        _ => &flow.request.headers,
    }
}

/// Whether a media type is JSON (`json`) or XML (`xml`) by its ending.
#[must_use]
pub fn is_kind(content_type: &str, kind: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with(&format!("/{kind}")) || essence.ends_with(&format!("+{kind}"))
}

/// Whether the caller asks for that kind in `Accept`.
#[must_use]
pub fn is_asked(flow: &Flow<'_>, kind: &str) -> bool {
    let values = flow.request.headers.get_all(header::ACCEPT).iter();
    let ranges = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    ranges.into_iter().any(|range| is_kind(range, kind))
}

/// A body that is not what a policy needs.
pub fn unfit(policy: &'static str, why: impl std::fmt::Display) -> Failure {
    Failure::new(policy, "InvalidBody", 500, format!("The body cannot be converted: {why}"))
}
