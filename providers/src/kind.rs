//! The catalogue of backend kinds, as data: base URL, dialect, where the credential goes, headers they insist on.
//!
//! Deliberately not here: paths (`upstream`) and the credentials' values.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Family;

/// What speaks at the other end of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// OpenAI's own API; `url` includes `/v1`.
    #[serde(rename = "openai")]
    OpenAi,
    /// Azure OpenAI; `url` without a path.
    #[serde(rename = "azure-openai")]
    AzureOpenAi,
    /// Anthropic; `url` without a path.
    Anthropic,
    /// Google Gemini; `url` without a path.
    Gemini,
    /// Amazon Bedrock (a later release).
    Bedrock,
    /// Ollama's OpenAI-compatible surface; `url` includes `/v1`.
    Ollama,
    /// Any other server that speaks OpenAI's dialect; `url` includes `/v1`.
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
    /// Any HTTP service.
    Http,
    /// Built-in simulated models and the Echo API: no network.
    Sim,
}

impl Kind {
    /// The vendor's own base URL, where there is one.
    #[must_use]
    pub fn default_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com"),
            Self::Ollama => Some("http://127.0.0.1:11434/v1"),
            Self::AzureOpenAi | Self::Bedrock | Self::OpenAiCompatible | Self::Http | Self::Sim => None,
        }
    }

    /// Whether this kind answers calls of that family without translation.
    #[must_use]
    pub fn speaks(self, family: Family) -> bool {
        match self {
            Self::OpenAi | Self::AzureOpenAi | Self::Ollama | Self::OpenAiCompatible => family == Family::OpenAi,
            Self::Anthropic => family == Family::Anthropic,
            Self::Gemini => family == Family::Gemini,
            Self::Sim => true,
            Self::Bedrock | Self::Http => false,
        }
    }

    /// The one header that carries a credential to this kind, marked sensitive. `None` when the kind takes no
    /// credential or `key` cannot be a header's value.
    #[must_use]
    pub fn credential(self, key: &str) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            Self::OpenAi | Self::Ollama | Self::OpenAiCompatible | Self::Bedrock => {
                (AUTHORIZATION, format!("Bearer {key}"))
            }
            Self::AzureOpenAi => (HeaderName::from_static("api-key"), key.to_owned()),
            Self::Anthropic => (HeaderName::from_static("x-api-key"), key.to_owned()),
            Self::Gemini => (HeaderName::from_static("x-goog-api-key"), key.to_owned()),
            Self::Http | Self::Sim => return None,
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }

    /// Adds the headers without which this kind refuses a call, where the caller sent none.
    pub fn add_default_headers(self, headers: &mut HeaderMap) {
        if self == Self::Anthropic {
            // The oldest version that is still served; callers that know better send their own.
            let version = HeaderValue::from_static("2023-06-01");
            headers.entry("anthropic-version").or_insert(version);
        }
    }
}
