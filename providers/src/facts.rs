//! Facts about surfaces that routing needs: their names in logs and metrics, and whether they need a model.

use http::Method;

use crate::Surface;

impl Surface {
    /// The operation's name in logs, metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat.completions",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::StoredResponse => "responses.stored",
            Self::Embeddings => "embeddings",
            Self::Models => "models",
            Self::Model => "models.get",
            Self::Moderations => "moderations",
            Self::Images => "images",
            Self::Audio => "audio",
            Self::Files => "files",
            Self::Batches => "batches",
            Self::Realtime => "realtime",
            Self::Rerank => "rerank",
            Self::Messages => "messages",
            Self::MessagesCountTokens => "messages.count_tokens",
            Self::GenerateContent => "generate_content",
            Self::StreamGenerateContent => "stream_generate_content",
            Self::EmbedContent => "embed_content",
            Self::CountTokens => "count_tokens",
        }
    }

    /// Whether a call must name its model. Stored objects, files, batches and moderations need not.
    #[must_use]
    pub const fn needs_model(self) -> bool {
        !matches!(self, Self::StoredResponse | Self::Files | Self::Batches | Self::Moderations | Self::Images)
    }

    /// Whether a call with that method has a body that routing must read.
    #[must_use]
    pub fn has_body(self, method: &Method) -> bool {
        method == Method::POST && self != Self::StoredResponse
    }
}
