//! The spans of one exchange: one for the request, one child for each try at a backend.
//!
//! Attributes are OpenTelemetry's for HTTP and generative AI (v1.41.0) and ours under `tollgate.`. No content: prompts
//! and answers are opt-in there and not offered here.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tollgate_providers::Usage;

use super::super::{
    event::{AttemptEvent, ExchangeEvent},
    genai,
};

/// All spans of an exchange, the request's first.
pub(super) fn of(event: &ExchangeEvent<'_>) -> Vec<SpanData> {
    let mut spans = Vec::with_capacity(1 + event.attempts.len());
    spans.push(request(event));
    let last = event.attempts.len().saturating_sub(1);
    spans.extend(event.attempts.iter().enumerate().map(|(n, one)| attempt(event, one, n, n == last)));
    spans
}

struct Place {
    span_id: u64,
    parent_id: u64,
    kind: SpanKind,
    began: Duration,
    took: Duration,
}

fn span(event: &ExchangeEvent<'_>, place: &Place, name: String, attributes: Vec<KeyValue>, status: Status) -> SpanData {
    let start_time = SystemTime::UNIX_EPOCH + Duration::from_nanos(event.time.as_nanos()) + place.began;
    SpanData {
        span_context: context(event.trace.trace_id, place.span_id),
        parent_span_id: SpanId::from(place.parent_id),
        parent_span_is_remote: place.kind == SpanKind::Server && place.parent_id != 0,
        span_kind: place.kind.clone(),
        name: Cow::Owned(name),
        start_time,
        end_time: start_time + place.took,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: InstrumentationScope::builder("tollgate")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn context(trace_id: u128, span_id: u64) -> SpanContext {
    SpanContext::new(TraceId::from(trace_id), SpanId::from(span_id), TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn request(event: &ExchangeEvent<'_>) -> SpanData {
    let place = Place {
        span_id: event.trace.span_id,
        parent_id: event.trace.parent_id,
        kind: SpanKind::Server,
        began: Duration::ZERO,
        took: event.duration,
    };
    let name = match event.operation.or(event.api) {
        Some(route) => format!("{} {route}", event.method),
        None => event.method.to_owned(),
    };
    let mut list = Attributes::default();
    list.text("http.request.method", Some(event.method));
    list.text("url.path", Some(event.path));
    list.number("http.response.status_code", (event.status > 0).then_some(u64::from(event.status)));
    list.text("error.type", event.error.or((event.outcome != "complete").then_some(event.outcome)));
    list.text("client.address", event.client.map(|address| address.to_string()).as_deref());
    list.text("tollgate.request_id", Some(&event.request_id.to_string()));
    list.text("tollgate.outcome", Some(event.outcome));
    for (name, value) in [
        ("tollgate.api", event.api),
        ("tollgate.operation", event.operation),
        ("tollgate.product", event.product),
        ("tollgate.subscription", event.subscription),
        ("tollgate.workspace", event.workspace),
        ("tollgate.model", event.model),
        ("tollgate.backend", event.backend),
    ] {
        list.text(name, value);
    }
    span(event, &place, name, list.0, failed(event.status >= 500, event.error))
}

fn attempt(event: &ExchangeEvent<'_>, one: &AttemptEvent<'_>, number: usize, is_last: bool) -> SpanData {
    let place = Place {
        span_id: event.trace.attempt(number),
        parent_id: event.trace.span_id,
        kind: SpanKind::Client,
        began: one.began,
        took: one.took,
    };
    let operation = event.surface.and_then(genai::operation_name);
    let name = match (operation, event.upstream_model.or(event.model)) {
        (Some(operation), Some(model)) => format!("{operation} {model}"),
        _ => event.method.to_owned(),
    };
    let mut list = Attributes::default();
    list.text("tollgate.backend", Some(one.backend));
    list.number("tollgate.attempt", Some(number as u64 + 1));
    list.text("http.request.method", Some(event.method));
    list.number("http.response.status_code", one.status.map(u64::from));
    list.text("error.type", one.fault);
    list.text("gen_ai.operation.name", operation);
    if operation.is_some() {
        list.text("gen_ai.request.model", event.upstream_model.or(event.model));
    }
    if is_last && operation.is_some() && event.backend == Some(one.backend) {
        answered(&mut list, event);
    }
    span(event, &place, name, list.0, failed(one.fault.is_some(), one.fault))
}

/// What only the try that answered knows.
fn answered(list: &mut Attributes, event: &ExchangeEvent<'_>) {
    list.text("gen_ai.provider.name", event.kind.and_then(genai::provider_name));
    list.text("gen_ai.response.model", event.upstream_model);
    if let Some(first) = event.ttft.filter(|_| event.streamed) {
        list.0.push(KeyValue::new("gen_ai.response.time_to_first_chunk", first.as_secs_f64()));
    }
    if event.usage.is_reported() {
        usage(list, &event.usage);
    }
}

/// The conventions' totals include what was cached and reasoned; ours are disjoint.
fn usage(list: &mut Attributes, usage: &Usage) {
    list.number("gen_ai.usage.input_tokens", Some(usage.input_total()));
    list.number("gen_ai.usage.output_tokens", Some(usage.output_total()));
    list.number("gen_ai.usage.cache_read.input_tokens", usage.cached_input);
    list.number("gen_ai.usage.cache_creation.input_tokens", usage.cache_write);
    list.number("gen_ai.usage.reasoning.output_tokens", usage.reasoning);
}

fn failed(is_failed: bool, word: Option<&'static str>) -> Status {
    if is_failed { Status::error(word.unwrap_or("error")) } else { Status::Unset }
}

#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn text(&mut self, name: &'static str, value: Option<&str>) {
        self.0.extend(value.map(|text| KeyValue::new(name, text.to_owned())));
    }

    fn number(&mut self, name: &'static str, value: Option<u64>) {
        self.0.extend(value.map(|number| KeyValue::new(name, i64::try_from(number).unwrap_or(i64::MAX))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::event::sample;

    fn value(span: &SpanData, name: &str) -> Option<String> {
        span.attributes.iter().find(|pair| pair.key.as_str() == name).map(|pair| pair.value.to_string())
    }

    #[test]
    fn each_try_is_a_child_of_the_request_and_the_last_one_carries_usage() {
        let spans = of(&sample::chat());
        assert_eq!(
            spans.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>(),
            ["POST openai", "chat gpt-4o-2024", "chat gpt-4o-2024"]
        );
        let request = spans[0].span_context.span_id();
        assert!(spans[1..].iter().all(|span| span.parent_span_id == request && span.span_kind == SpanKind::Client));
        assert_eq!(value(&spans[1], "error.type").as_deref(), Some("server_error"));
        assert_eq!(value(&spans[1], "gen_ai.usage.input_tokens"), None);
        assert_eq!(value(&spans[2], "gen_ai.usage.input_tokens").as_deref(), Some("16"));
        assert_eq!(value(&spans[2], "gen_ai.provider.name").as_deref(), Some("azure.ai.openai"));
        assert_eq!(spans[2].start_time.duration_since(spans[0].start_time).expect("later"), Duration::from_millis(20));
    }

    #[test]
    fn a_try_has_the_span_that_its_backend_was_told_of() {
        let event = sample::chat();
        let spans = of(&event);
        for (number, span) in spans[1..].iter().enumerate() {
            let told = event.trace.header(event.trace.attempt(number));
            assert!(told.as_str().contains(&span.span_context.span_id().to_string()), "{told:?}");
        }
        let ids: std::collections::HashSet<_> = spans.iter().map(|span| span.span_context.span_id()).collect();
        assert_eq!(ids.len(), 3);
    }
}
