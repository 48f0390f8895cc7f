//! Which path is which surface of a model API, and where the same call lives at a backend.

/// The family of dialects that a call belongs to: decides envelopes of errors and which backends can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// OpenAI, Azure OpenAI and everything compatible.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google Gemini.
    Gemini,
}

/// One endpoint of a model API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `GET`, `DELETE /v1/responses/{id}`, `.../cancel`, `.../input_items`
    StoredResponse,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{id}`
    Model,
    /// `POST /v1/moderations`
    Moderations,
    /// `/v1/images/*`
    Images,
    /// `/v1/audio/*`
    Audio,
    /// `/v1/files*`
    Files,
    /// `/v1/batches*`
    Batches,
    /// `GET /v1/realtime` (WebSocket)
    Realtime,
    /// `POST /v1/rerank`
    Rerank,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    MessagesCountTokens,
    /// `:generateContent`
    GenerateContent,
    /// `:streamGenerateContent`
    StreamGenerateContent,
    /// `:embedContent`, `:batchEmbedContents`
    EmbedContent,
    /// `:countTokens`
    CountTokens,
}

/// How the caller's path was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// `/v1/...` of OpenAI.
    OpenAi,
    /// `/openai/deployments/{deployment}/...?api-version=` and `/openai/{responses,models,...}?api-version=`.
    AzureDeployment,
    /// `/openai/v1/...`.
    AzureV1,
    /// `/v1/messages...`.
    Anthropic,
    /// `/v1beta/models/{model}:verb` and `/v1/models/{model}:verb`.
    Gemini,
}

/// What the caller's method and path ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The endpoint.
    pub surface: Surface,
    /// How the path was spelled.
    pub style: Style,
    /// The model named by the path (deployment, Gemini model), percent-decoded.
    pub model: Option<String>,
    /// The stored object named by the path (response, file, batch, model), percent-decoded.
    pub item: Option<String>,
    /// The path below the family's root as the caller sent it, such as `/chat/completions` or
    /// `/files/file-1/content`; for Gemini the verb alone (`generateContent`).
    pub tail: String,
}

impl Surface {
    /// The family whose envelopes and backends this surface uses.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Messages | Self::MessagesCountTokens => Family::Anthropic,
            Self::GenerateContent | Self::StreamGenerateContent | Self::EmbedContent | Self::CountTokens => {
                Family::Gemini
            }
            _ => Family::OpenAi,
        }
    }
}
