//! What a request asks of its limits, put together from what routing knows of it. Reserving and announcing are
//! `usage`'s; the figures that this needs of models are the snapshot's.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body as _;
use tollgate_providers::{Kind, Surface, head::Head, models};

use super::{attempt::Task, exchange::Exchange, plain_model::PlainModel};
use crate::{
    exchange::Fault,
    limits::{MIN_OUTPUT, Output, Scope},
    model::BackendId,
    outbound::Backend,
    snapshot::{ModelTarget, Parties},
    usage::{ModelCall, Wish, consumed},
};

/// Tokens held when a session begins, where the model has no maximum of its own: the longest response of OpenAI's
/// realtime models.
const SESSION_OUTPUT: u64 = 4_096;

/// Reserves for a model call and announces it: after this it may be sent.
pub async fn admit_call(exchange: &mut Exchange, call: &Called<'_>) -> Result<(), Fault> {
    let wish = call.wish(exchange);
    if exchange.settlement.metered().is_some() {
        // A policy sends it again: what is held moves on.
        return exchange.settlement.move_to(wish).await;
    }
    exchange.settlement.admit(wish).await
}

/// Lets a call through that is answered from the cache: it counts as a request, no tokens are held for it.
pub async fn admit_hit(exchange: &mut Exchange, call: &Called<'_>) -> Result<(), Fault> {
    let wish = Wish { output: nothing(), ..call.wish_with(exchange, None, None) };
    if exchange.settlement.metered().is_some() {
        return exchange.settlement.move_to(wish).await;
    }
    exchange.settlement.admit(wish).await
}

/// Moves what is held to another model's limits.
pub async fn move_call(exchange: &mut Exchange, call: &Called<'_>) -> Result<(), Fault> {
    let wish = call.wish(exchange);
    exchange.settlement.move_to(wish).await
}

/// Reserves for a call of a plain API and announces it; `model` is the model call that it is, where that counts.
pub async fn admit_plain(exchange: &mut Exchange, model: Option<&PlainModel>) -> Result<(), Fault> {
    let bytes_in = exchange.body.as_ref().and_then(|body| body.size_hint().exact()).unwrap_or(0);
    let wish = plain(exchange, bytes_in, model, None);
    if exchange.settlement.metered().is_some() {
        return exchange.settlement.move_to(wish).await;
    }
    exchange.settlement.admit(wish).await
}

/// What a call of a plain API wishes; `at`: the backend that is to be asked, once it is known.
pub fn plain(exchange: &Exchange, bytes_in: u64, model: Option<&PlainModel>, at: Option<&BackendId>) -> Wish {
    if let Some(PlainModel { surface, head, body, model }) = model {
        let called = Called { surface: *surface, head, body, model };
        let wish = at.map_or_else(|| called.wish(exchange), |at| called.wish_at(exchange, at));
        return Wish { is_plain: true, ..wish };
    }
    let (scopes, at) = (scopes(exchange, None, at), limited(exchange, at));
    Wish { scopes, at, call: None, output: nothing(), streamed: false, bytes_in, is_plain: true }
}

/// What has to be moved before that backend is asked: `None` unless it or the one before has limits.
pub fn to_move(exchange: &Exchange, task: &impl Task, backend: &BackendId) -> Option<Wish> {
    let metered = exchange.settlement.metered()?;
    let is_limited = exchange.snapshot.backend_limits.contains_key(backend);
    let is_there = metered.at().map_or(!is_limited, |at| at == backend);
    (!is_there).then(|| task.wish(exchange, backend))
}

/// A model call as far as its cost depends on it.
pub struct Called<'a> {
    /// Which endpoint.
    pub surface: Surface,
    /// What routing knows of the body.
    pub head: &'a Head,
    /// The body.
    pub body: &'a Bytes,
    /// Who is to answer.
    pub model: &'a ModelTarget,
}

impl Called<'_> {
    fn wish(&self, exchange: &Exchange) -> Wish {
        let call = consumed::consumes(self.surface).then(|| self.model_call(exchange));
        self.wish_with(exchange, call, None)
    }

    /// What the call wishes at that backend: it costs what it costs there.
    pub fn wish_at(&self, exchange: &Exchange, backend: &BackendId) -> Wish {
        let mut call = consumed::consumes(self.surface).then(|| self.model_call(exchange));
        if let Some(call) = &mut call {
            call.backends.retain(|one| one == backend);
        }
        self.wish_with(exchange, call, Some(backend))
    }

    fn wish_with(&self, exchange: &Exchange, call: Option<ModelCall>, at: Option<&BackendId>) -> Wish {
        let bytes_in = self.body.len() as u64;
        Wish {
            scopes: scopes(exchange, Some(self.model), at),
            at: limited(exchange, at),
            call,
            output: self.output(exchange),
            streamed: self.head.streamed || self.surface == Surface::Realtime,
            bytes_in,
            is_plain: false,
        }
    }

    fn model_call(&self, exchange: &Exchange) -> ModelCall {
        let family = self.surface.family();
        let speaks = |backend: &&Backend| backend.kind().speaks(family) || backend.kind() == Kind::Http;
        let members = self.model.pool.members().filter(speaks);
        let backends: Vec<BackendId> = members.map(|backend| backend.id().clone()).collect();
        for backend in &backends {
            exchange.snapshot.prices.prepare(backend);
        }
        ModelCall {
            surface: self.surface,
            body: unpinned(self.body),
            inline: self.head.inline(self.surface, self.body),
            upstream_model: Arc::clone(&self.model.upstream_model),
            backends,
            book: exchange.snapshot.prices.clone(),
            // What a session reads is known with its responses only.
            reads_more: self.head.reads_more && self.surface != Surface::Realtime,
            choices: self.choices(),
            asked_usage: self.head.asked_usage,
        }
    }

    /// As configured: the largest of the members that may answer.
    fn model_max(&self, exchange: &Exchange) -> Option<u64> {
        let members = self.model.pool.members();
        members.map(|backend| exchange.snapshot.max_output_tokens(self.model, backend.id())).max().flatten()
    }

    fn choices(&self) -> u64 {
        self.head.choices.unwrap_or(1).max(1)
    }

    /// What may come out. Work that is done after the answer (batches) or beside it (realtime) has no bound here; a
    /// session grows what it holds as its responses come.
    fn output(&self, exchange: &Exchange) -> Output {
        if self.surface == Surface::Realtime {
            let model_max = self.model_max(exchange).or(Some(SESSION_OUTPUT));
            return Output { model_max, is_boundable: false, ..Output::default() };
        }
        if self.surface == Surface::Batches {
            return Output { caller_cap: Some(MIN_OUTPUT), is_boundable: false, ..Output::default() };
        }
        if !consumed::generates(self.surface) {
            return nothing();
        }
        let known = models::known(&self.model.upstream_model);
        let subscription = exchange.settlement.subscription.as_ref().map_or("", |id| id.as_str());
        Output {
            caller_cap: self.head.max_output,
            choices: self.choices(),
            model_max: self.model_max(exchange).or_else(|| known.and_then(|known| known.max_output)),
            least_cap: self.head.least_cap(self.body),
            likely: exchange.settlement.likely_output(subscription, &self.model.name),
            is_reasoning: known.is_some_and(|known| known.reasons),
            is_boundable: self.head.previous_response.is_none() && self.head.stored_refs.is_empty(),
        }
    }
}

/// The body for as long as the exchange lasts. A short one is copied: it is a piece of the connection's read buffer,
/// which would be kept with it, eight kilobytes for every open stream.
fn unpinned(body: &Bytes) -> Bytes {
    const READ_BUFFER: usize = 8 << 10;
    if body.len() < READ_BUFFER { Bytes::copy_from_slice(body) } else { body.clone() }
}

/// Nothing comes out.
fn nothing() -> Output {
    Output { caller_cap: Some(0), ..Output::default() }
}

/// That backend, if it has limits.
fn limited(exchange: &Exchange, at: Option<&BackendId>) -> Option<BackendId> {
    at.filter(|id| exchange.snapshot.backend_limits.contains_key(*id)).cloned()
}

fn scopes(exchange: &Exchange, model: Option<&ModelTarget>, at: Option<&BackendId>) -> Vec<Scope> {
    let Some(api) = exchange.api.as_deref() else { return Vec::new() };
    let (subscription, product) = (exchange.subscription.as_deref(), exchange.product.as_deref());
    let backend = at.and_then(|id| Some((id, exchange.snapshot.backend_limits.get(id)?)));
    let mut scopes = Parties { api, subscription, product, model, backend }.scopes();
    scopes.extend(exchange.policy_scopes.iter().cloned());
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_body_does_not_keep_the_buffer_that_it_came_in() {
        let buffer = Bytes::from(vec![b'x'; 8 << 10]);
        for (length, is_copied) in [(0, true), (100, true), (8 << 10, false)] {
            let body = buffer.slice(..length);
            let kept = unpinned(&body);
            assert_eq!(kept, body, "{length}");
            assert_eq!(kept.as_ptr() != body.as_ptr(), is_copied, "{length}");
        }
    }
}
