//! Errors that providers report inside an answer whose status said 200.
//!
//! Lives here: from any vendor's error object to one shape. Deliberately not here: where it stands in an event.

use serde_json::value::RawValue;

use crate::json::{Members, lenient, object};

/// An error that a provider reported inside an answer.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamError {
    /// The status that the same error has as an answer of its own.
    pub status_hint: u16,
    /// The provider's machine-readable code or type.
    pub code: Option<String>,
    /// The provider's message; may quote the prompt.
    pub message: String,
}

impl std::fmt::Debug for StreamError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamError")
            .field("status_hint", &self.status_hint)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl StreamError {
    /// From the value of a member `error`: an object, or a bare message. `None` for null and the like.
    pub(super) fn from_value(raw: Option<&RawValue>) -> Option<Self> {
        if let Some(message) = lenient::<String>(raw) {
            return Some(Self { status_hint: 500, code: None, message });
        }
        object(raw).filter(|members| !members.0.is_empty()).map(|members| Self::from_members(&members))
    }

    /// From an object that is itself the error.
    pub(super) fn from_members(error: &Members<'_>) -> Self {
        let text = |name: &str| lenient::<String>(error.get(name));
        let number = |name: &str| lenient::<u16>(error.get(name)).filter(|status| (400..600).contains(status));
        let words: Vec<String> = ["code", "type", "status"].iter().filter_map(|name| text(name)).collect();
        let hint = words.iter().find_map(|word| status_of(word));
        Self {
            status_hint: number("status_code").or_else(|| number("code")).or(hint).unwrap_or(500),
            code: words.into_iter().next(),
            message: text("message").unwrap_or_default(),
        }
    }
}

/// The status that vendors give the same error as an answer of its own.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error"
        | "invalid_prompt"
        | "context_length_exceeded"
        | "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION"
        | "tool_use_failed"
        | "failed_to_download_image"
        | "unsupported_image_media_type"
        | "empty_image_file"
        | "BadRequestError" => 400,
        "authentication_error"
        | "invalid_api_key"
        | "invalid_authentication"
        | "invalid_organization"
        | "UNAUTHENTICATED" => 401,
        "billing_error" => 402,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => 404,
        "request_too_large" => 413,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "tokens"
        | "requests"
        | "RESOURCE_EXHAUSTED" => 429,
        "overloaded_error" => 529,
        "UNAVAILABLE" | "service_unavailable" | "server_overloaded" => 503,
        "timeout_error" | "vector_store_timeout" | "DEADLINE_EXCEEDED" => 504,
        "api_error" | "server_error" | "internal_error" | "INTERNAL" => 500,
        // Codes of OpenAI's responses: `invalid_image_url`, `image_too_large` and a dozen more.
        _ if word.starts_with("invalid_") || word.starts_with("image_") => 400,
        _ => return None,
    })
}
