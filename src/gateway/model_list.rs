//! `GET /v1/models`: what this key may use, in the shape of the caller's family.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use tollgate_providers::{
    Call, Family, Surface,
    envelope::{ModelEntry, model_object, models_list},
};

use super::{answer::Answer, exchange::Exchange};
use crate::exchange::{Fault, FaultKind};

/// Answers a list or one model; `None`: the call is neither.
pub fn answer(exchange: &Exchange, call: &Call) -> Option<Result<Answer, Fault>> {
    match call.surface {
        Surface::Models => Some(Ok(json(models_list(family(exchange, call), &usable(exchange))))),
        Surface::Model => Some(one(exchange, call)),
        _ => None,
    }
}

fn one(exchange: &Exchange, call: &Call) -> Result<Answer, Fault> {
    let name = call.item.as_deref().unwrap_or_default();
    let entry = usable(exchange).into_iter().find(|entry| entry.id == name);
    let entry = entry.ok_or_else(|| {
        Fault::new(FaultKind::ModelNotFound, "The model does not exist or this key may not use it.").at("model")
    })?;
    Ok(json(model_object(family(exchange, call), &entry)))
}

/// `/v1/models` serves every family: Anthropic's clients name their version, Google's themselves.
fn family(exchange: &Exchange, call: &Call) -> Family {
    let says = |name: &str| exchange.parts.headers.contains_key(name);
    match call.family() {
        Family::OpenAi if says("anthropic-version") => Family::Anthropic,
        Family::OpenAi if says("x-goog-api-client") => Family::Gemini,
        family => family,
    }
}

fn usable(exchange: &Exchange) -> Vec<ModelEntry<'_>> {
    let models = exchange.snapshot.models.iter();
    let models = models.filter(|model| exchange.sees(model) && exchange.may_use(model));
    models.map(|model| ModelEntry { id: &model.name, created: 0, owner: "tollgate" }).collect()
}

fn json(body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Bytes::from(body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Answer::Local(answer)
}
