//! A kept answer, given as the caller asked for it, and what the exchange is charged for it.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use serde_json::Value;
use tollgate_providers::{
    Certainty, Surface,
    replay::{self, Wanted},
};

use super::Plan;
use crate::{
    cache::model::{Entry, Found, Tier},
    exchange::{Fault, Saved},
    gateway::{
        allowance,
        answer::Answer,
        exchange::Exchange,
        metering::{self, Called},
    },
    model::BackendId,
    pricing::Asked,
};

const STATUS: HeaderName = HeaderName::from_static("x-tollgate-cache");
/// Names the entry, so that a wrong answer can be told of.
const ENTRY: HeaderName = HeaderName::from_static("x-tollgate-cache-entry");

/// The answer that was found, once the caller's limits let it through; `None` when it cannot be given in this form.
///
/// # Errors
/// The caller's limits.
pub async fn answer(
    exchange: &mut Exchange,
    called: &Called<'_>,
    plan: &Plan,
    found: &Found,
) -> Result<Option<Answer>, Fault> {
    let Some((content_type, body)) = rendered(plan, &found.entry) else { return Ok(None) };
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    charge(exchange, called, plan, &found.entry).await?;
    let age = exchange.gateway.clock.now().since(found.entry.created);
    headers.insert(header::AGE, age.as_secs().into());
    headers.insert(STATUS, status(found.tier));
    if let Ok(key) = HeaderValue::from_str(&found.entry.key.to_string()) {
        headers.insert(ENTRY, key);
    }
    allowance::tell(headers, &exchange.settlement.standing());
    exchange.settlement.cache = Some(match found.tier {
        Tier::Semantic { .. } => "semantic",
        Tier::Exact | Tier::Normal => "hit",
    });
    if plan.streamed {
        exchange.settlement.streams();
    }
    Ok(Some(Answer::Local(answer)))
}

fn status(tier: Tier) -> HeaderValue {
    match tier {
        Tier::Exact | Tier::Normal => HeaderValue::from_static("hit"),
        Tier::Semantic { similarity } => HeaderValue::try_from(format!("semantic; similarity={similarity:.2}"))
            .expect("words and digits make a value"),
    }
}

/// The body as the caller wants it: JSON, or the events that would have said the same.
fn rendered(plan: &Plan, entry: &Entry) -> Option<(&'static str, Bytes)> {
    if !plan.streamed {
        return Some(("application/json", entry.body.clone()));
    }
    let answer: Value = serde_json::from_slice(&entry.body).ok()?;
    let array = plan.array && plan.surface == Surface::StreamGenerateContent;
    let wanted = Wanted { include_usage: plan.asked_usage, array, id: None };
    let events = replay::events(plan.surface, &answer, &wanted)
        .map_err(|why| tracing::debug!(%why, "a kept answer cannot be streamed"))
        .ok()?;
    Some((if array { "application/json" } else { "text/event-stream" }, events.concat().into()))
}

/// The call counts as a request; tokens only where hits are charged. What it saved is written down.
async fn charge(exchange: &mut Exchange, called: &Called<'_>, plan: &Plan, entry: &Entry) -> Result<(), Fault> {
    if plan.charges {
        metering::admit_call(exchange, called).await?;
    } else {
        metering::admit_hit(exchange, called).await?;
    }
    exchange.settlement.upstream_model = Some(entry.upstream_model.as_str().into());
    if plan.charges {
        exchange.settlement.usage = entry.usage;
        exchange.settlement.certainty = Certainty::Exact;
        exchange.settlement.backend = Some(BackendId::from(entry.backend.as_str()));
    }
    let backend = BackendId::from(entry.backend.as_str());
    let asked = Asked {
        model: Some(&called.model.name),
        upstream_model: Some(&entry.upstream_model),
        backend: &backend,
        at: exchange.settlement.time,
        batch: false,
        service_tier: None,
    };
    let cost = exchange.snapshot.prices.price(&asked, &entry.usage);
    exchange.settlement.saved = Saved { tokens: entry.usage.total(), nanos: cost.map_or(0, |cost| cost.nanos) };
    Ok(())
}
