//! The model cache as policies use it: looked up where `llm-semantic-cache-lookup` stands, kept as
//! `llm-semantic-cache-store` says.
//!
//! What is compared and kept is `model_cache`'s. What is looked for is fixed by the lookup: a policy behind it may change
//! the request or its backend without changing for which prompts the answer is good, as in APIM.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use tollgate_providers::{Call, head};

use super::{
    super::{
        answer::{Answer, Upstream},
        exchange::Exchange,
        metering::Called,
        model_cache::{self, Options, Storing},
        model_dispatch,
    },
    wire::Wire,
};
use crate::{
    cache::semantic::Mode,
    exchange::{Fault, Record},
    model::{BackendId, HumanDuration},
    policies::link::Likeness,
    settings::{Embeddings, EmbeddingsBackend},
};

/// How long an embeddings backend is waited for: as long as where settings name one.
const EMBEDDING_TIMEOUT: HumanDuration = HumanDuration(Duration::from_millis(500));

/// What a lookup came to.
pub(super) enum Looked {
    /// The answer.
    Hit(Answer),
    /// Nothing: its answer can be kept.
    Miss(Box<Storing>),
    /// The request is none that is answered from the cache.
    Bypass,
}

/// Looks a model call up. What is wrong with the call itself is left to those who send it.
///
/// # Errors
/// The caller's limits do not let the hit through.
pub(super) async fn look_up(
    exchange: &mut Exchange,
    call: &Call,
    body: &Bytes,
    likeness: Likeness,
) -> Result<Looked, Fault> {
    let content_type = exchange.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Ok(head) = head::read(call.surface, content_type, body) else { return Ok(Looked::Bypass) };
    let Ok(model) = model_dispatch::model(exchange, call, head.model.as_deref(), None) else {
        return Ok(Looked::Bypass);
    };
    let called = Called { surface: call.surface, head: &head, body, model: &model };
    let options = Options {
        vary_by: likeness.vary_by.clone(),
        similarity: Some(likeness.similarity),
        embeddings: embeddings(&likeness),
        ignore_system: likeness.ignores_system,
        max_messages: likeness.most_messages,
        looks: true,
        // The store says; here only what the prompt speaks of bounds it.
        lasts: Some(Duration::MAX),
    };
    let Some(Ok(mut plan)) = model_cache::plan(exchange, call, &called, Some(&options)) else {
        return Ok(Looked::Bypass);
    };
    if let Some(mode) = likeness.guards.as_deref().and_then(preset) {
        plan.mode = mode;
    }
    if let Some(found) = model_cache::lookup(exchange, &mut plan).await
        && let Some(answer) = model_cache::answer(exchange, &called, &plan, &found).await?
    {
        return Ok(Looked::Hit(answer));
    }
    Ok(Looked::Miss(Box::new(Storing::new(exchange, &called, plan))))
}

/// Who computes what prompts mean: the backend that the document names, where it says by which model; else whoever the
/// settings name.
fn embeddings(likeness: &Likeness) -> Option<Embeddings> {
    let (backend, model) = likeness.embeddings.as_ref()?;
    Some(Embeddings::Backend(EmbeddingsBackend {
        backend: BackendId::from(&**backend),
        upstream_model: model.to_string(),
        timeout: EMBEDDING_TIMEOUT,
    }))
}

fn preset(word: &str) -> Option<Mode> {
    match word {
        "strict" => Some(Mode::Strict),
        "balanced" => Some(Mode::Balanced),
        "loose" => Some(Mode::Loose),
        _ => None,
    }
}

/// What a lookup has left for the store.
#[derive(Default)]
pub(super) struct Missed {
    storing: Option<Box<Storing>>,
    is_wanted: bool,
}

impl Missed {
    /// Nothing was found; it can be kept.
    pub(super) fn found_nothing(&mut self, storing: Box<Storing>) {
        *self = Self { storing: Some(storing), is_wanted: false };
    }

    /// The answer is to be kept so long.
    pub(super) fn keep(&mut self, lasts: Duration) {
        if let Some(storing) = &mut self.storing {
            storing.keep_for(lasts);
            self.is_wanted = true;
        }
    }

    /// Has the answer kept that is about to be relayed.
    pub(super) fn attach(&mut self, upstream: &mut Upstream) {
        if let Some(storing) = self.take(upstream.head.status) {
            upstream.copy.get_or_insert_default().add_storing(storing);
        }
    }

    /// Keeps an answer that is in memory.
    pub(super) fn store(&mut self, status: StatusCode, body: &Bytes, record: &Record) {
        if let Some(storing) = self.take(status) {
            storing.finish(body, record);
        }
    }

    fn take(&mut self, status: StatusCode) -> Option<Box<Storing>> {
        self.storing.take_if(|_| self.is_wanted && status == StatusCode::OK)
    }
}

impl Wire<'_> {
    /// Keeps the answer that has been read whole, if that is wanted.
    pub(super) fn keep_read(&mut self, body: &Bytes) {
        let Some(Answer::Upstream(upstream)) = &mut self.answer else { return };
        let settlement = &mut self.exchange.settlement;
        settlement.status = upstream.head.status.as_u16();
        settlement.backend = Some(upstream.backend().id().clone());
        settlement.consume(&mut upstream.tap, upstream.broken.is_none());
        self.missed.store(upstream.head.status, body, settlement);
    }
}
