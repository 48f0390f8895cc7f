//! The gateway's own errors and model lists, in the caller's dialect.
//!
//! Lives here: the exact envelopes that SDKs parse. Deliberately not here: which error is made when, and headers.

use serde_json::{Value, json};

use crate::{Family, Surface};

/// An error to be told to a caller.
#[derive(Clone, Copy, Debug)]
pub struct ErrorText<'a> {
    /// HTTP status, or the one that an in-band error stands for.
    pub status: u16,
    /// Our machine-readable code, such as `rate_limit_exceeded`.
    pub code: &'a str,
    /// For people.
    pub message: &'a str,
    /// The field at fault.
    pub param: Option<&'a str>,
    /// The exchange's id.
    pub request_id: &'a str,
    /// The dialect's error type, where it must differ from what the status says.
    pub kind_hint: Option<&'a str>,
}

/// A model in a list of models.
#[derive(Clone, Copy, Debug)]
pub struct ModelEntry<'a> {
    /// What callers write in `model`.
    pub id: &'a str,
    /// When it was made known, in seconds since 1970.
    pub created: u64,
    /// Who owns it.
    pub owner: &'a str,
}

/// The body of an error answer on a model API.
#[must_use]
pub fn error_body(family: Family, error: &ErrorText<'_>) -> Vec<u8> {
    bytes(&match family {
        Family::OpenAi => openai_error(error),
        Family::Anthropic => anthropic_error(error),
        Family::Gemini => gemini_error(error),
    })
}

/// The body of an error answer on a plain API: APIM's shape and order. `activity_id` stands in answers to failures of
/// the gateway itself.
#[must_use]
pub fn plain_error_body(status: u16, message: &str, activity_id: Option<&str>) -> Vec<u8> {
    let message = Value::from(message);
    let activity = activity_id.map(|id| format!(",\"activityId\":{}", Value::from(id))).unwrap_or_default();
    format!("{{\"statusCode\":{status},\"message\":{message}{activity}}}").into_bytes()
}

/// The event that ends a stream which failed after its first byte; never followed by an end marker. `sequence` is the
/// event's number, where the dialect numbers them: [`Tap::next_sequence`](crate::Tap::next_sequence).
#[must_use]
pub fn stream_error(surface: Surface, error: &ErrorText<'_>, sequence: u64) -> Vec<u8> {
    match (surface, surface.family()) {
        (Surface::Responses | Surface::StoredResponse, _) => {
            let body = json!({
                "type": "error",
                "code": error.code,
                "message": error.message,
                "param": error.param,
                "sequence_number": sequence,
            });
            format!("event: error\ndata: {body}\n\n").into_bytes()
        }
        (_, Family::Anthropic) => format!("event: error\ndata: {}\n\n", anthropic_error(error)).into_bytes(),
        (_, Family::Gemini) => format!("data: {}\r\n\r\n", gemini_error(error)).into_bytes(),
        (_, Family::OpenAi) => format!("data: {}\n\n", openai_error(error)).into_bytes(),
    }
}

/// A list of models as clients of that family read it: `GET /v1/models`, or `/v1beta/models`.
#[must_use]
pub fn models_list(family: Family, models: &[ModelEntry<'_>]) -> Vec<u8> {
    let data: Vec<Value> = models.iter().map(|model| model_value(family, model)).collect();
    let id = |model: Option<&ModelEntry<'_>>| model.map(|model| model.id.to_owned());
    bytes(&match family {
        Family::OpenAi => json!({ "object": "list", "data": data }),
        Family::Anthropic => {
            json!({ "data": data, "has_more": false, "first_id": id(models.first()), "last_id": id(models.last()) })
        }
        Family::Gemini => json!({ "models": data }),
    })
}

/// One model of such a list.
#[must_use]
pub fn model_object(family: Family, model: &ModelEntry<'_>) -> Vec<u8> {
    bytes(&model_value(family, model))
}

/// What the lists say that Gemini's clients may ask of a model.
const VERBS: [&str; 4] = ["generateContent", "streamGenerateContent", "countTokens", "embedContent"];

fn model_value(family: Family, model: &ModelEntry<'_>) -> Value {
    match family {
        Family::OpenAi => {
            json!({ "id": model.id, "object": "model", "created": model.created, "owned_by": model.owner })
        }
        Family::Anthropic => {
            let created = i64::try_from(model.created).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
            let created_at = created.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string();
            json!({ "type": "model", "id": model.id, "display_name": model.id, "created_at": created_at })
        }
        Family::Gemini => json!({
            "name": format!("models/{}", model.id),
            "displayName": model.id,
            "version": "",
            "supportedGenerationMethods": VERBS,
        }),
    }
}

fn openai_error(error: &ErrorText<'_>) -> Value {
    let derived = match (error.status, error.code) {
        (_, "insufficient_quota") => "insufficient_quota",
        (401, _) => "authentication_error",
        (403, _) => "permission_error",
        (429, _) => "rate_limit_error",
        (500.., _) => "server_error",
        _ => "invalid_request_error",
    };
    json!({ "error": {
        "message": error.message,
        "type": error.kind_hint.unwrap_or(derived),
        "param": error.param,
        "code": error.code,
    }})
}

fn anthropic_error(error: &ErrorText<'_>) -> Value {
    let derived = match error.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({
        "type": "error",
        "error": {
            "type": error.kind_hint.unwrap_or(derived),
            "message": error.message,
            // Where newer Anthropic SDKs look for the precise code.
            "details": { "error_code": error.code },
        },
        "request_id": error.request_id,
    })
}

fn gemini_error(error: &ErrorText<'_>) -> Value {
    let derived = match error.status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    json!({ "error": {
        "code": error.status,
        "message": error.message,
        "status": error.kind_hint.unwrap_or(derived),
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.code,
            "domain": "tollgate",
            "metadata": { "request_id": error.request_id },
        }],
    }})
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
