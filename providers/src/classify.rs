//! Whose fault an upstream answer is.
//!
//! Lives here: from status and body to the class that failover decides by. Deliberately not here: what is done
//! about it (retry, bench, relay) and how long to wait (`retry_after`).

use memchr::memmem;

use crate::Kind;

/// Whose fault an answer is, and so what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// No error.
    Ok,
    /// The caller's request is at fault: relay the answer, punish nobody.
    Client,
    /// The prompt does not fit this model: a larger one may take it.
    ContextLength,
    /// Our credential was refused, lacks rights or money: bench that credential.
    Credential,
    /// Throttled: honour the delay, try another member.
    RateLimited,
    /// Overloaded (503, 529): another member may answer, counts towards the breaker.
    Overloaded,
    /// Failed (other 5xx, 408): another member may answer, counts towards the breaker.
    Server,
    /// The backend refuses `stream_options`: send again without.
    UsageOptionRejected,
    /// The backend does not know this model or deployment: our configuration is at fault, another member may know it.
    NotFoundModel,
}

/// How much of an error body is read: every provider's error envelope begins within it.
const READ: usize = 64 * 1024;

/// Classifies an answer by its status and, where that is not enough, the provider's words.
#[must_use]
pub fn classify(kind: Kind, status: u16, body: &[u8]) -> Class {
    let words = Words(body[..body.len().min(READ)].to_ascii_lowercase());
    match status {
        ..=399 => Class::Ok,
        400 | 422 => words.bad_request(kind),
        403 => words.forbidden(),
        401 | 402 => Class::Credential,
        404 => words.not_found(),
        // Groq's 413 "tokens per minute" too: this model cannot take the prompt, however long one waits.
        413 if words.any(&["context", "tokens"]) => Class::ContextLength,
        408 => Class::Server,
        429 if words.any(&["insufficient_quota", "billing_not_active", "credit balance"]) => Class::Credential,
        429 => Class::RateLimited,
        400..=499 => Class::Client,
        503 | 529 => Class::Overloaded,
        _ => Class::Server,
    }
}

/// An error body in lower case.
struct Words(Vec<u8>);

impl Words {
    fn any(&self, needles: &[&str]) -> bool {
        needles.iter().any(|needle| memmem::find(&self.0, needle.as_bytes()).is_some())
    }

    fn bad_request(&self, kind: Kind) -> Class {
        // Phrases as OpenAI and vLLM, Anthropic, Gemini and Mistral word them.
        let too_long = [
            "context_length_exceeded",
            "maximum context length",
            "context window",
            "prompt is too long",
            "input is too long",
            "exceeds the maximum number of tokens",
            "too large for model with",
        ];
        if self.any(&["stream_options", "include_usage"]) {
            Class::UsageOptionRejected
        } else if self.any(&too_long) {
            Class::ContextLength
        } else if self.refuses_credential(kind) {
            Class::Credential
        } else {
            Class::Client
        }
    }

    /// Not every 403 is about the credential: moderation of this prompt must not bench it, nor a file or cache that
    /// is not there (Gemini says 403), and a project without access to one model may still use the others.
    fn forbidden(&self) -> Class {
        let prompt = ["flagged", "moderation", "content policy", "content_policy"];
        let object = ["permission to access the file", "cachedcontent not found", "or it may not exist"];
        if self.any(&prompt) || self.any(&object) {
            Class::Client
        } else if self.any(&["model_not_found", "access to model", "access to the model"]) {
            Class::NotFoundModel
        } else {
            Class::Credential
        }
    }

    /// Two vendors say 400 where others say 401 and 402.
    fn refuses_credential(&self, kind: Kind) -> bool {
        match kind {
            Kind::Gemini => self.any(&["api_key_invalid", "api key not valid", "api key expired"]),
            Kind::Anthropic => self.any(&["credit balance is too low"]),
            _ => false,
        }
    }

    fn not_found(&self) -> Class {
        let unknown_model = self.any(&["model_not_found", "deploymentnotfound", "\"model:", "model: "])
            || (self.any(&["model"]) && self.any(&["not found", "not_found", "does not exist"]));
        if unknown_model { Class::NotFoundModel } else { Class::Client }
    }
}
