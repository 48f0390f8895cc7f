//! Model calls that pass through a plain API, where a token limit of a policy applies: APIs that were imported as plain
//! HTTP have such limits too.
//!
//! The endpoint is known by the end of its path. Such a call is reserved for and settled like one of a models API, its
//! body and its answer stay as they are.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use tollgate_providers::{Call, Surface, head, head::Head, surface, tap::Tap};

use super::{answer::Upstream, body, decode::Decoder, exchange::Exchange, listener::Inbound};
use crate::{
    exchange::Fault,
    limits::Counted,
    outbound::{Choice, Incoming, Pool},
    snapshot::{Held, ModelTarget},
    tokens,
    usage::consumed,
};

/// A model call at a plain API.
pub struct PlainModel {
    /// Which endpoint it is like.
    pub surface: Surface,
    /// What metering must know of the body.
    pub head: Head,
    /// The caller's body.
    pub body: Bytes,
    /// The model that path or body name, at the API's pool.
    pub model: ModelTarget,
}

impl PlainModel {
    /// The model call that the request is; `None`: it is none, or no policy limits its tokens.
    ///
    /// # Errors
    /// The body cannot be read.
    pub async fn of(exchange: &mut Exchange, pool: &Arc<Pool>, path: &str) -> Result<Option<Self>, Fault> {
        let is_limited = exchange.policy_scopes.iter().any(|scope| scope.rule().counted == Counted::Tokens);
        let call = is_limited.then(|| recognise(&exchange.parts.method, path)).flatten();
        let Some(call) = call.filter(|call| consumed::consumes(call.surface)) else { return Ok(None) };
        let body = body::collect(exchange).await?;
        exchange.body = Some(Inbound::from_bytes(body.clone()));
        let content_type = exchange.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // What cannot be read is the backend's to refuse.
        let Ok(head) = head::read(call.surface, content_type, &body) else { return Ok(None) };
        let name: Arc<str> = call.model.as_deref().or(head.model.as_deref()).unwrap_or("unknown").into();
        exchange.settlement.surface = Some(call.surface);
        exchange.settlement.model = Some(name.clone());
        exchange.settlement.upstream_model = Some(name.clone());
        let model = ModelTarget {
            name: name.clone(),
            pool: pool.clone(),
            upstream_model: name,
            larger_context: None,
            max_output_tokens: None,
            limits: Held::default(),
            workspace: None,
        };
        Ok(Some(Self { surface: call.surface, head, body, model }))
    }

    /// The answer, watched for what it consumes. A content coding would hide that: the backend was asked for none, and
    /// one that it uses nevertheless is taken off.
    #[must_use]
    pub fn watched(&self, mut answer: Response<Incoming>, choice: Choice) -> Upstream {
        let is_stream = is_event_stream(answer.headers());
        let Ok(decoder) = Decoder::of(answer.headers_mut()) else {
            return Upstream::new(answer, Tap::opaque(), choice);
        };
        let counter = tokens::counter(&self.model.upstream_model);
        let tap = if is_stream { Tap::stream(self.surface, false) } else { Tap::body(self.surface) };
        let mut upstream = Upstream::new(answer, tap.counting(counter), choice);
        upstream.decoder = decoder;
        upstream.is_stream = is_stream;
        upstream
    }
}

/// The endpoint that a path ends in: `/deployments/x/chat/completions` below any prefix.
fn recognise(method: &Method, path: &str) -> Option<Call> {
    let starts = path.match_indices('/').map(|(at, _)| &path[at..]);
    let mut calls = starts.filter_map(|rest| {
        let spelled = ["", "/openai", "/v1"].into_iter().map(|prefix| format!("{prefix}{rest}"));
        spelled.filter_map(|path| surface::recognise(method, &path)).find(|call| consumed::consumes(call.surface))
    });
    calls.next()
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.to_ascii_lowercase().starts_with(b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_known_by_the_end_of_their_path() {
        for (path, wanted) in [
            ("/deployments/gpt/chat/completions", Some((Surface::ChatCompletions, Some("gpt")))),
            ("/ai/openai/deployments/gpt/embeddings", Some((Surface::Embeddings, Some("gpt")))),
            ("/chat/completions", Some((Surface::ChatCompletions, None))),
            ("/x/v1/messages", Some((Surface::Messages, None))),
            ("/v1beta/models/g:generateContent", Some((Surface::GenerateContent, Some("g")))),
            ("/orders/1", None),
            ("/chat/completions/1", None),
            ("", None),
        ] {
            let call = recognise(&Method::POST, path);
            let found = call.as_ref().map(|call| (call.surface, call.model.as_deref()));
            assert_eq!(found, wanted, "{path}");
        }
        assert!(recognise(&Method::GET, "/chat/completions").is_none());
    }
}
