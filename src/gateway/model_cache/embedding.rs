//! What a prompt means: by the model inside the binary, an encoder from disk, or an embeddings endpoint; in time or not
//! at all. Whatever goes wrong makes a miss of the look-up.

use serde_json::{Value, json};
use tokio::time::timeout;
use tollgate_providers::Surface;

use super::{
    Plan,
    aside::{self, Place},
};
use crate::{
    cache::{model::Meaning, semantic::Embedding},
    gateway::exchange::Exchange,
    settings::{Embeddings, EmbeddingsBackend, EncoderFolder},
};

/// Finds out what the plan's prompt means; `None`: there is nothing to compare, or it was not found out in time.
pub async fn meaning(exchange: &Exchange, plan: &Plan) -> Option<Meaning> {
    let text = plan.question.text.as_deref()?;
    match &plan.embeddings {
        Embeddings::Named(_) => Meaning::builtin(text),
        Embeddings::Folder(folder) => encoded(exchange, folder, text).await,
        Embeddings::Backend(at) => {
            let asked = endpoint(exchange, at, text).await;
            let vector = asked
                .map_err(|why| tracing::warn!(backend = %at.backend, why, "a prompt could not be embedded: a miss"))
                .ok()?;
            Some(Meaning { model: format!("{}/{}", at.backend, at.upstream_model).into(), vector })
        }
    }
}

/// By the encoder from disk, beside the reactor.
async fn encoded(exchange: &Exchange, folder: &EncoderFolder, text: &str) -> Option<Meaning> {
    let desk = exchange.snapshot.encoder.as_ref()?;
    let computed = timeout(folder.timeout.0, desk.meaning(text.to_owned())).await;
    computed.unwrap_or_else(|_| {
        tracing::warn!(timeout = %folder.timeout, "the sentence encoder was late: a miss");
        None
    })
}

async fn endpoint(exchange: &Exchange, at: &EmbeddingsBackend, text: &str) -> Result<Embedding, String> {
    let place = Place {
        backend: &at.backend,
        upstream_model: &at.upstream_model,
        surface: Surface::Embeddings,
        path: "/embeddings",
        operation: "cache.embeddings",
        timeout: at.timeout,
    };
    let body = aside::ask(exchange, &place, &json!({ "model": at.upstream_model, "input": text })).await?;
    vector(&body).ok_or_else(|| "its answer holds no vector".to_owned())
}

fn vector(body: &[u8]) -> Option<Embedding> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let list = answer["data"].get(0)?["embedding"].as_array()?;
    #[expect(clippy::cast_possible_truncation, reason = "vectors are single precision")]
    let floats: Option<Vec<f32>> = list.iter().map(|value| value.as_f64().map(|value| value as f32)).collect();
    Embedding::from_floats(&floats?)
}
