//! The words of OpenTelemetry's conventions for generative AI (v1.41.0, the last edition inside the main
//! repository): provider and operation names.

use tollgate_providers::{Kind, Surface};

/// `gen_ai.provider.name` of a backend kind; `None` for what is no model API.
#[must_use]
pub const fn provider_name(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::OpenAi => Some("openai"),
        Kind::AzureOpenAi => Some("azure.ai.openai"),
        Kind::Anthropic => Some("anthropic"),
        Kind::Gemini => Some("gcp.gemini"),
        Kind::Bedrock => Some("aws.bedrock"),
        Kind::Ollama => Some("ollama"),
        Kind::OpenAiCompatible => Some("openai_compatible"),
        Kind::Sim => Some("tollgate.sim"),
        Kind::Http => None,
    }
}

/// `gen_ai.operation.name` of a surface; `None` where the conventions have no word (lists, files, audio).
#[must_use]
pub const fn operation_name(surface: Surface) -> Option<&'static str> {
    match surface {
        Surface::ChatCompletions | Surface::Responses | Surface::Messages => Some("chat"),
        Surface::Completions => Some("text_completion"),
        Surface::Embeddings | Surface::EmbedContent => Some("embeddings"),
        Surface::GenerateContent | Surface::StreamGenerateContent => Some("generate_content"),
        _ => None,
    }
}
