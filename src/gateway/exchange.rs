//! One request on its way: what the steps of the journey hand on.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Request, request::Parts};
use hyper::upgrade::OnUpgrade;
use tollgate_providers::{
    Family, Surface,
    labels::{cleaned, labels},
};

use super::{
    Gateway, admission,
    coalescing::Lead,
    headers,
    keys::{self, Caller},
    listener::{BodyWatch, Inbound},
    model_cache::{Asking, EVICT},
    peer::Peer,
    policies::{self, Dress},
    upgrade::{self, Upgrade},
};
use crate::{
    exchange::{Fault, FaultKind, Outcome, Record},
    limits::Scope,
    model::{Secret, Trace},
    outbound::{Cut, Pool},
    snapshot::{ApiEntry, ModelTarget, ProductEntry, Snapshot, SubscriptionEntry},
    telemetry::{new_request_id, valid_request_id},
    usage::Settlement,
};

/// Header by which a caller names a model on calls whose path and body cannot (files, batches).
const MODEL_HEADER: HeaderName = HeaderName::from_static("x-tollgate-model");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The caller's place in its trace (W3C Trace Context, section 3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// In whose words an error is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// `{statusCode, message}`, as APIM does.
    Plain,
    /// A model API of that family; the surface decides the form inside a stream.
    Model(Family, Option<Surface>),
}

/// One request on its way.
pub struct Exchange {
    /// What all exchanges share.
    pub gateway: Arc<Gateway>,
    /// The one picture of configuration that this exchange sees.
    pub snapshot: Arc<Snapshot>,
    /// Ends the exchange when dropped.
    pub settlement: Settlement,
    /// The caller's head; the key is taken out by [`Exchange::authenticate`].
    pub parts: Parts,
    /// The caller's body until a step takes it.
    pub body: Option<Inbound>,
    /// Who sent it.
    pub peer: Arc<Peer>,
    /// In whose words an error is told.
    pub envelope: Envelope,
    /// The API that matched.
    pub api: Option<Arc<ApiEntry>>,
    /// Whose key.
    pub subscription: Option<Arc<SubscriptionEntry>>,
    /// The product it goes through.
    pub product: Option<Arc<ProductEntry>>,
    /// Whether the caller asked for a WebSocket, in due form.
    pub asked_upgrade: Option<Upgrade>,
    /// The model that a header names, for calls whose path and body cannot (files, batches).
    pub model_by_header: Option<HeaderValue>,
    /// Tells what became of the caller's body when somebody else reads it.
    pub body_watch: BodyWatch,
    /// The caller's side of a protocol upgrade.
    pub upgrade: Option<OnUpgrade>,
    /// A cookie to set with the answer, for cookie affinity.
    pub set_cookie: Option<String>,
    /// The key that the caller showed, where policies may ask for it.
    pub shown_key: Option<Secret>,
    /// Counters that policies put the exchange under.
    pub policy_scopes: Vec<Scope>,
    /// Who answers in place of the model's own pool, where a policy says so.
    pub pool: Option<Arc<Pool>>,
    /// What bounds the attempts at backends from outside, where something does.
    pub cut: Cut,
    /// How backends are spoken to, where policies say it otherwise than the configuration.
    pub dress: Dress,
    /// What the answer says of a trace that was asked for.
    pub traced: Option<(HeaderName, HeaderValue)>,
    /// The kept answer that the caller calls wrong.
    pub called_wrong: Option<HeaderValue>,
    /// What a policy asks of the model cache, in place of what is configured.
    pub caching: Option<Asking>,
    /// Leads identical calls in flight, until its answer is there.
    pub lead: Option<Lead>,
    /// What became of a look into the cache.
    pub cache_status: Option<&'static str>,
    /// How it ended, where the answer made here is not simply complete.
    pub outcome: Option<Outcome>,
}

impl Exchange {
    /// Opens the exchange and its settlement.
    #[must_use]
    pub fn open(gateway: &Arc<Gateway>, request: Request<Inbound>, peer: Arc<Peer>) -> Self {
        let (mut parts, body) = request.into_parts();
        let settlement = Settlement::open(record(gateway, &parts, &peer), gateway.sink.clone());
        let asked_upgrade = upgrade::wanted(&parts);
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        Self {
            gateway: gateway.clone(),
            snapshot: gateway.hub.load(),
            settlement,
            parts,
            body_watch: body.watch(),
            body: Some(body),
            peer,
            envelope: Envelope::Plain,
            api: None,
            subscription: None,
            product: None,
            asked_upgrade,
            model_by_header: None,
            upgrade,
            set_cookie: None,
            shown_key: None,
            policy_scopes: Vec::new(),
            traced: None,
            pool: None,
            cache_status: None,
            called_wrong: None,
            caching: None,
            lead: None,
            cut: Cut::default(),
            dress: Dress::default(),
            outcome: None,
        }
    }

    /// Finds the caller by key and takes the key out of the request.
    pub fn authenticate(&mut self) -> Result<(), Fault> {
        let api = self.api.as_ref().ok_or_else(|| Fault::new(FaultKind::Internal, "authenticated before routing"))?;
        let now = self.gateway.clock.now();
        if policies::apply(self) {
            self.shown_key = keys::shown(&self.snapshot.keys, api, &self.parts.headers, &self.parts.uri);
        }
        let Parts { headers, uri, .. } = &mut self.parts;
        match keys::authenticate(&self.snapshot.keys, api, now, headers, uri)? {
            Caller::Known(subscription) => {
                self.settlement.subscription = Some(subscription.id.clone());
                self.settlement.user.clone_from(&subscription.user);
                self.product = subscription.product().cloned();
                self.subscription = Some(subscription);
            }
            Caller::Anonymous => self.product = api.open.as_ref().and_then(|open| open.product.clone()),
        }
        self.settlement.product = self.product.as_ref().map(|product| product.id.clone());
        self.note_labels();
        Ok(())
    }

    /// Labels for chargeback: the subscription's, and what the configured headers say.
    fn note_labels(&mut self) {
        let of_subscription = self.subscription.iter().flat_map(|subscription| &subscription.metadata);
        let mut labels: Vec<(Arc<str>, Arc<str>)> =
            of_subscription.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect();
        for name in &self.snapshot.settings.server.ledger.metadata_headers {
            if let Some(value) = self.parts.headers.get(name).and_then(|value| value.to_str().ok()) {
                labels.push((name.as_str().into(), cleaned(value).into()));
            }
        }
        self.settlement.metadata = labels;
    }

    /// Labels that configured fields of the body say.
    pub fn note_body_labels(&mut self, body: &[u8]) {
        let names = &self.snapshot.settings.server.ledger.metadata_body;
        if names.is_empty() {
            return;
        }
        let found = labels(body, names).into_iter().map(|(name, value)| (name.into(), value.into()));
        self.settlement.metadata.extend(found.collect::<Vec<_>>());
    }

    /// Takes out what must not reach a backend and continues the trace. A plain API's backend is also told of the
    /// caller; a provider of models is not, whatever a trusted proxy says of it.
    pub fn clean_headers(&mut self) {
        let is_plain = self.envelope == Envelope::Plain;
        let host = if is_plain { admission::authority(&self.parts).to_owned() } else { String::new() };
        let headers = &mut self.parts.headers;
        self.model_by_header = headers.remove(MODEL_HEADER);
        self.called_wrong = headers.remove(EVICT);
        headers.remove(crate::policies::debugging::AUTHORIZATION);
        headers::strip_request(headers, self.peer.trusted && is_plain);
        if is_plain {
            headers::add_forwarded(headers, &self.peer, &host);
        }
        pass_trace(headers, &self.settlement.trace);
    }

    /// Whether this caller may use `model`.
    #[must_use]
    pub fn may_use(&self, model: &ModelTarget) -> bool {
        match &self.subscription {
            Some(subscription) => subscription.allows(model),
            None => self.product.as_ref().is_none_or(|product| product.models.allows(&model.name)),
        }
    }

    /// Whether `model` exists for this caller: in its API's workspace, or shared.
    #[must_use]
    pub fn sees(&self, model: &ModelTarget) -> bool {
        let workspace = self.api.as_ref().and_then(|api| api.workspace.as_ref());
        model.is_visible_in(workspace)
    }

    /// The id that names this exchange to its caller.
    #[must_use]
    pub fn request_id(&self) -> String {
        self.settlement.callers_id()
    }
}

/// The id for an answer that belongs to no exchange: the caller's own when it is valid.
pub fn id_without_exchange(gateway: &Gateway, headers: &HeaderMap) -> String {
    match client_request_id(headers) {
        Some(own) => own.to_string(),
        None => new_request_id(gateway.clock.now(), &gateway.entropy).to_string(),
    }
}

fn record(gateway: &Gateway, parts: &Parts, peer: &Peer) -> Record {
    let Gateway { clock, entropy, .. } = gateway;
    let path = parts.uri.path();
    let mut record =
        Record::open(new_request_id(clock.now(), entropy), clock.now(), clock.ticks(), parts.method.clone(), path);
    record.client = Some(peer.client);
    record.client_request_id = client_request_id(&parts.headers);
    record.trace = gateway.sink.telemetry().trace(traceparent(parts), entropy);
    record
}

/// The caller's trace as it came in exactly one header (W3C 3.2.2), for [`Telemetry::trace`] to decide what becomes of it.
///
/// [`Telemetry::trace`]: crate::telemetry::Telemetry::trace
fn traceparent(parts: &Parts) -> Option<&str> {
    let mut all = parts.headers.get_all(TRACEPARENT).iter();
    all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok())
}

/// Tells the backend its place in the trace. Where there is none, nothing is invented, and what was malformed goes.
fn pass_trace(headers: &mut HeaderMap, trace: &Trace) {
    if trace.parent_id == 0 {
        headers.remove(TRACESTATE);
    }
    headers.remove(TRACEPARENT);
    if trace.trace_id != 0 {
        let parent = HeaderValue::from_str(trace.header(trace.span_id).as_str());
        headers.insert(TRACEPARENT, parent.expect("made of hexadecimal digits and hyphens"));
    }
}

fn client_request_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let value = headers.get(REQUEST_ID)?.to_str().ok()?;
    valid_request_id(value).then(|| value.into())
}
