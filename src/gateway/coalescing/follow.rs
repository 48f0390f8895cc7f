//! A follower: the answer of another call, relayed and settled as its own.

use http::{HeaderValue, header};
use tollgate_providers::{
    Surface,
    replay::{self, Wanted},
    tap::Tap,
};

use super::table::{Answering, Form, Underway, for_others};
use crate::{
    gateway::{
        allowance,
        answer::{Answer, Upstream},
        body,
        decode::Decoder,
        exchange::Exchange,
        model_cache::Plan,
    },
    model::BackendId,
    outbound::LARGEST,
    pricing::Asked,
    tokens,
};

/// The answer of the call under way; `None`: there is none to share, or it can be had from the cache now.
pub async fn follow(exchange: &mut Exchange, plan: &Plan, mut underway: Underway) -> Option<Answer> {
    let answering = underway.answering().await?;
    let answer = upstream(plan, &answering)?;
    if underway.form != Form::of(plan) {
        return converted(exchange, plan, answer, &answering).await;
    }
    note(exchange, plan, &answering);
    Some(Answer::Upstream(Box::new(answer)))
}

/// The answer in the other form, once all of it has come: a stream put together, or an answer written as one.
async fn converted(
    exchange: &mut Exchange,
    plan: &Plan,
    mut upstream: Upstream,
    answering: &Answering,
) -> Option<Answer> {
    let all = body::all(&mut upstream, LARGEST).await.ok()?;
    let answer =
        if upstream.is_stream { replay::whole(plan.surface, &all).ok()? } else { serde_json::from_slice(&all).ok()? };
    let array = plan.array && plan.surface == Surface::StreamGenerateContent;
    let (content_type, body) = if plan.streamed {
        let wanted = Wanted { include_usage: plan.asked_usage, array, id: None };
        let events = replay::events(plan.surface, &answer, &wanted).ok()?;
        (if array { "application/json" } else { "text/event-stream" }, events.concat())
    } else {
        ("application/json", answer.to_string().into_bytes())
    };
    note(exchange, plan, answering);
    exchange.settlement.consume(&mut upstream.tap, true);
    if plan.streamed {
        exchange.settlement.streams();
    }
    let mut answer = http::Response::new(body.into());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(header::AGE, HeaderValue::from_static("0"));
    allowance::tell(answer.headers_mut(), &exchange.settlement.standing());
    Some(Answer::Local(answer))
}

/// The answer with an observer and a decoder of its own.
fn upstream(plan: &Plan, answering: &Answering) -> Option<Upstream> {
    let mut answer = answering.head.clone().map(|()| answering.body.reader());
    for_others(answer.headers_mut());
    let decoder = Decoder::of(answer.headers_mut()).ok()?;
    answer.headers_mut().insert(header::AGE, HeaderValue::from_static("0"));
    let (parts, body) = answer.into_parts();
    let is_stream = is_event_stream(&parts.headers);
    // The leader may have asked for usage, by itself or through us: who did not ask does not see it.
    let is_injectable = matches!(plan.surface, Surface::ChatCompletions | Surface::Completions);
    let hides = is_stream && is_injectable && plan.streamed && !plan.asked_usage;
    let model = answering.upstream_model.as_deref().unwrap_or_default();
    let tap = if is_stream { Tap::stream(plan.surface, hides) } else { Tap::body(plan.surface) };
    let answer = http::Response::from_parts(parts, body?);
    let mut upstream = Upstream::new(answer, tap.counting(tokens::counter(model)), answering.choice.shared());
    upstream.decoder = decoder;
    upstream.is_stream = is_stream;
    upstream.withholds = hides;
    Some(upstream)
}

fn is_event_stream(headers: &http::HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.to_ascii_lowercase().starts_with(b"text/event-stream")
}

/// For the record: a hit, and what it saves.
fn note(exchange: &mut Exchange, plan: &Plan, answering: &Answering) {
    exchange.settlement.model.clone_from(&answering.model);
    exchange.settlement.upstream_model.clone_from(&answering.upstream_model);
    exchange.settlement.cache = Some("hit");
    exchange.cache_status = Some("hit");
    if plan.charges {
        return;
    }
    let (prices, at) = (exchange.snapshot.prices.clone(), exchange.settlement.time);
    let (model, upstream_model) = (answering.model.clone(), answering.upstream_model.clone());
    let backend: BackendId = answering.choice.backend.id().clone();
    exchange.settlement.saves(Box::new(move |usage| {
        let asked = Asked {
            model: model.as_deref(),
            upstream_model: upstream_model.as_deref(),
            backend: &backend,
            at,
            batch: false,
            service_tier: None,
        };
        prices.price(&asked, usage).map_or(0, |cost| cost.nanos)
    }));
}
