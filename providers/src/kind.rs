//! The catalogue of backend kinds, as data.

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
}
