//! How a model call is encoded for each backend, and what each answer is worth.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tollgate_providers::{
    Call, Cap, Surface,
    classify::{self, Class},
    head::Head,
    retry_after::{retry_after, retry_after_in_body},
    tap::{Counter, Tap},
    upstream::Target,
};

use super::{
    answer::Upstream,
    attempt::{Judged, Outbound, Task},
    body,
    decode::Decoder,
    exchange::Exchange,
    hold::{self, Held},
    keys,
    metering::Called,
    switch,
    tally::{Setback, SetbackKind},
};
use crate::{
    model::BackendId,
    outbound::{Choice, Failure, Incoming, Outgoing, Pool},
    snapshot::ModelTarget,
    tokens,
    usage::{Metered, Wish},
};

/// A model call on its way to a backend.
pub struct ModelTask {
    /// What the path asks for.
    pub call: Call,
    /// What routing must know of the body.
    pub head: Head,
    /// The caller's body.
    pub body: Bytes,
    model: Arc<ModelTarget>,
    query: Option<String>,
    headers: HeaderMap,
    method: Method,
    /// Whether usage was asked for in the caller's place in the attempt under way.
    injected: bool,
    /// The backend that may not know the option to ask for usage: it is being asked again without.
    suspect: Option<BackendId>,
    too_long: bool,
}

impl ModelTask {
    /// A call that nothing was sent of yet.
    #[must_use]
    pub fn new(exchange: &mut Exchange, call: Call, head: Head, body: Bytes, model: Arc<ModelTarget>) -> Self {
        let parts = &mut exchange.parts;
        keys::without_foreign_tokens(&mut parts.uri);
        let query = parts.uri.query().map(ToOwned::to_owned);
        let mut headers = headers(std::mem::take(&mut parts.headers), call.surface);
        if let Some(upgrade) = exchange.asked_upgrade {
            upgrade.announce(&mut headers);
        }
        let method = parts.method.clone();
        Self { call, head, body, model, query, headers, method, injected: false, suspect: None, too_long: false }
    }

    /// The pool of the model in question.
    #[must_use]
    pub fn pool(&self) -> Arc<Pool> {
        self.model.pool.clone()
    }

    /// The model to move on to, when the prompt was too long for this one.
    #[must_use]
    pub fn larger(&self, exchange: &Exchange) -> Option<Arc<ModelTarget>> {
        let name = self.model.larger_context.as_deref().filter(|_| self.too_long)?;
        let larger = exchange.snapshot.models.get(name)?;
        exchange.may_use(larger).then(|| larger.clone())
    }

    /// The call as another model would get it.
    #[must_use]
    pub fn called<'a>(&'a self, model: &'a ModelTarget) -> Called<'a> {
        Called { surface: self.call.surface, head: &self.head, body: &self.body, model }
    }

    /// Moves on to another model.
    pub fn switch_to(&mut self, exchange: &mut Exchange, model: Arc<ModelTarget>) {
        exchange.settlement.model = Some(model.name.clone());
        self.model = model;
        self.too_long = false;
    }

    /// Asks with another query.
    pub fn ask(&mut self, query: String) {
        self.query = Some(query);
    }

    /// Counts what nobody reports, by the model's own tokenizer where it is known.
    fn counter(&self) -> Arc<dyn Counter> {
        tokens::counter(&self.model.upstream_model)
    }

    /// Only a stream of these endpoints reports usage in a chunk that must be asked for.
    fn wants_usage(&self) -> bool {
        let asks = matches!(self.call.surface, Surface::ChatCompletions | Surface::Completions);
        asks && self.head.streamed && !self.head.asked_usage
    }

    async fn answered(&mut self, exchange: &mut Exchange, choice: Choice, mut answer: Response<Incoming>) -> Judged {
        if let Some(lead) = &mut exchange.lead {
            answer = lead.share(answer);
        }
        let is_download = self.call.is_download();
        let is_stream = is_event_stream(answer.headers()) && !is_download;
        if is_web_page(answer.headers()) && !is_download {
            return unusable(exchange, choice, "a web page instead of an answer: check the backend's `url`");
        }
        let decoder = match Decoder::of(answer.headers_mut()) {
            Ok(decoder) => decoder,
            Err(why) => return unusable(exchange, choice, &why),
        };
        let tap = match (is_download, is_stream) {
            (true, _) => Tap::opaque(),
            (false, true) => Tap::stream(self.call.surface, self.injected).counting(self.counter()),
            (false, false) => Tap::body(self.call.surface).counting(self.counter()),
        };
        let mut upstream = Upstream::new(answer, tap, choice);
        upstream.decoder = decoder;
        upstream.is_stream = is_stream;
        upstream.withholds = is_stream && self.injected;
        if !is_stream {
            // A body that does not come, or is not coded as its head says, is asked for elsewhere.
            return match body::first(&mut upstream).await {
                Ok(()) => self.take(exchange, upstream),
                Err(why) => unusable(exchange, upstream.choice, &why),
            };
        }
        match hold::hold(&mut upstream).await {
            Held::Content => self.take(exchange, upstream),
            Held::Error { status } => self.failed_inside(exchange, upstream, status),
            Held::Broken(fault) => {
                let kind = fault.map_or(SetbackKind::Server, SetbackKind::Broken);
                again(upstream, None, kind)
            }
        }
    }

    /// An error inside a 200, before any content: judged by the status it has as an answer of its own. What the
    /// caller did wrong is relayed, as no other member would like it better.
    fn failed_inside(&self, exchange: &mut Exchange, mut upstream: Upstream, status: u16) -> Judged {
        let kind = match status {
            401 | 402 => {
                upstream.choice.failed(&Failure::Credential(status));
                SetbackKind::Credential
            }
            429 => {
                upstream.choice.failed(&Failure::Throttled { retry_after: None });
                SetbackKind::Throttled(None)
            }
            408 | 500.. => SetbackKind::Server,
            _ => return self.take(exchange, upstream),
        };
        again(upstream, Some(status), kind)
    }

    fn take(&self, exchange: &mut Exchange, mut upstream: Upstream) -> Judged {
        let first_byte = exchange.gateway.clock.ticks().since(upstream.choice.sent_at());
        upstream.choice.succeeded(upstream.head.status.as_u16(), first_byte);
        exchange.settlement.upstream_model = Some(self.upstream_model(&upstream.choice));
        Judged::Take(Box::new(upstream))
    }

    fn upstream_model(&self, choice: &Choice) -> Arc<str> {
        choice.upstream_model.clone().unwrap_or_else(|| self.model.upstream_model.clone())
    }

    async fn refused(&mut self, exchange: &mut Exchange, choice: Choice, mut answer: Response<Incoming>) -> Judged {
        let status = answer.status().as_u16();
        let decoder = Decoder::of(answer.headers_mut()).ok().flatten();
        let mut upstream = Upstream::new(answer, Tap::opaque(), choice);
        upstream.decoder = decoder;
        let text = body::beginning(&mut upstream).await;
        let now = exchange.gateway.clock.now().as_millis();
        let wait = retry_after(&upstream.head.headers, now).or_else(|| retry_after_in_body(&text));
        match classify::classify(upstream.backend().kind(), status, &text) {
            Class::UsageOptionRejected if self.injected => {
                self.suspect = Some(upstream.backend().id().clone());
                Judged::Resend(upstream.choice)
            }
            Class::ContextLength => {
                self.too_long = true;
                self.take(exchange, upstream)
            }
            Class::Credential => {
                upstream.choice.failed(&Failure::Credential(status));
                again(upstream, Some(status), SetbackKind::Credential)
            }
            Class::RateLimited => {
                upstream.choice.failed(&Failure::Throttled { retry_after: wait });
                again(upstream, Some(status), SetbackKind::Throttled(wait))
            }
            Class::Server | Class::Overloaded => {
                upstream.choice.failed(&Failure::Status { status, retry_after: wait });
                again(upstream, Some(status), SetbackKind::Server)
            }
            _ => self.take(exchange, upstream),
        }
    }

    /// The answer to a request without the option confirms or clears the suspicion: the refusal that raised it may
    /// only have quoted the caller.
    fn learn(&mut self, exchange: &Exchange, choice: &Choice, status: StatusCode) {
        let was_suspect = self.suspect.as_ref() == Some(choice.backend.id());
        if was_suspect && status.is_success() {
            exchange.gateway.learned.note_usage_option_rejected(&choice.backend);
        }
    }
}

/// Settles what the pool hears of a setback that it was not told of yet, and makes the setback.
fn again(mut upstream: Upstream, status: Option<u16>, kind: SetbackKind) -> Judged {
    let backend = upstream.backend().id().clone();
    let is_error_answer = !upstream.head.status.is_success();
    if !is_error_answer {
        match &kind {
            SetbackKind::Broken(fault) => upstream.choice.failed(&Failure::Send(fault)),
            SetbackKind::Server => upstream.choice.failed(&Failure::Stream),
            SetbackKind::Throttled(_) | SetbackKind::Credential => {}
        }
    }
    let relayable = matches!(kind, SetbackKind::Server)
        .then(|| Box::new(upstream))
        .filter(|upstream| is_error_answer || upstream.tap.error().is_some());
    Judged::Again(Setback { backend, status, kind, relayable })
}

fn unusable(exchange: &Exchange, mut choice: Choice, why: &str) -> Judged {
    tracing::warn!(backend = %choice.backend.id(), request_id = %exchange.settlement.id, why, "unusable answer");
    choice.failed(&Failure::Stream);
    let backend = choice.backend.id().clone();
    Judged::Again(Setback { backend, status: None, kind: SetbackKind::Server, relayable: None })
}

impl Task for ModelTask {
    fn wish(&self, exchange: &Exchange, backend: &BackendId) -> Wish {
        self.called(&self.model).wish_at(exchange, backend)
    }

    fn encode(&mut self, exchange: &Exchange, choice: &Choice) -> Option<Outbound> {
        let backend = &choice.backend;
        let upstream_model = self.upstream_model(choice);
        let is_suspect = self.suspect.as_ref() == Some(backend.id());
        self.injected = self.wants_usage() && !is_suspect && !exchange.gateway.learned.rejects_usage_option(backend);
        let path_and_query = self.call.upstream(&Target {
            kind: backend.kind(),
            base_path: backend.base_path(),
            model: Some(&upstream_model),
            api_version: backend.api_version(),
            query: self.query.as_deref(),
        });
        let bound = exchange.settlement.metered().and_then(Metered::cap);
        let cap = bound.map(|tokens| Cap { tokens, kind: backend.kind() });
        let body = self.head.rewrite(&self.body, Some(&upstream_model), self.injected, cap);
        let body = if body.is_empty() { Outgoing::Empty } else { Outgoing::Full(body) };
        Some(Outbound { method: self.method.clone(), path_and_query, headers: self.headers.clone(), body })
    }

    async fn judge(&mut self, exchange: &mut Exchange, choice: Choice, answer: Response<Incoming>) -> Judged {
        self.learn(exchange, &choice, answer.status());
        match answer.status() {
            StatusCode::SWITCHING_PROTOCOLS => switch::judge(exchange, choice, answer),
            status if status.is_client_error() || status.is_server_error() => {
                self.refused(exchange, choice, answer).await
            }
            _ => self.answered(exchange, choice, answer).await,
        }
    }

    /// A model call changes nothing at the provider that must not happen twice; creating a file or batch does.
    fn may_repeat(&self, reached: bool) -> bool {
        let creates = matches!(self.call.surface, Surface::Files | Surface::Batches);
        !(reached && creates && self.method == Method::POST)
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    has_type(headers, b"text/event-stream")
}

/// What a sign-in page, a parked domain or a proxy's notice answers in place of a model: no endpoint of a model does.
fn is_web_page(headers: &HeaderMap) -> bool {
    has_type(headers, b"text/html")
}

fn has_type(headers: &HeaderMap, media_type: &[u8]) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.get(..media_type.len()).is_some_and(|start| start.eq_ignore_ascii_case(media_type))
}

/// Which account of a provider pays: with our credential, a caller's own choice would have the provider refuse it.
/// A backend's configured headers may name one.
const ACCOUNTS: [&str; 3] = ["openai-organization", "openai-project", "x-goog-user-project"];

/// The caller's headers as a model backend gets them: nothing that tells a provider who the caller is or which
/// account pays, and no coding that hides usage.
fn headers(mut headers: HeaderMap, surface: Surface) -> HeaderMap {
    for name in [header::HOST, header::CONTENT_LENGTH, header::EXPECT, header::COOKIE] {
        headers.remove(name);
    }
    for name in ACCOUNTS {
        headers.remove(name);
    }
    if surface == Surface::Realtime {
        // Compressed, its events could not be read and so not metered.
        headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    } else {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    headers
}
