//! Lists of stored objects: the caller's own, from every backend where the caller has some.
//!
//! An account at a provider is shared by many subscriptions, so a page of its list may hold none of the caller's
//! objects: it is paged on until the caller's page is full. The list is the backends' lists one after another, in
//! the order of their ids; the cursor is an object's id, whose owner says at which backend to go on.

use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use tollgate_providers::{Call, StoredKind, StoredRef, head::Head};

use super::{
    answer::Answer,
    attempt::{self, Preference},
    body,
    exchange::Exchange,
    keys, model_dispatch,
    model_task::ModelTask,
    stored,
};
use crate::{
    exchange::{Fault, FaultKind},
    model::BackendId,
    outbound::Backend,
    snapshot::ModelTarget,
};

/// Pages that one call may ask backends for.
const MOST_ASKED: usize = 20;

/// Whether the answer to this call is a list that other subscriptions' objects must be taken out of.
#[must_use]
pub fn is_list(call: &Call, method: &http::Method) -> bool {
    let is_listed = matches!(StoredKind::of(call.surface), Some(StoredKind::File | StoredKind::Batch));
    is_listed && call.item.is_none() && method == http::Method::GET
}

/// Answers a list with the caller's own objects.
pub async fn answer(exchange: &mut Exchange, call: Call) -> Result<Answer, Fault> {
    let kind = StoredKind::of(call.surface).unwrap_or(StoredKind::Other);
    keys::without_foreign_tokens(&mut exchange.parts.uri);
    let query = Query::of(exchange.parts.uri.query().unwrap_or_default(), kind);
    let caller = exchange.subscription.as_ref().map(|subscription| subscription.id.clone());
    let homes = exchange.gateway.owners.homes(caller, kind).await;
    let mut homes = homes.map_err(|why| Fault::new(FaultKind::OwnersUnavailable, why))?;
    let mut after = query.after.clone();
    if let Some(id) = &after {
        let start = stored::owned(exchange, &StoredRef { kind, id: id.clone() }).await?;
        homes = homes.split_off(&start);
    }
    let mut listing = Listing { exchange, call, kind, query, own: Vec::new(), asked: 0, has_more: false, task: None };
    for home in homes {
        if let Some(refusal) = listing.home(&home, after.take()).await? {
            return Ok(refusal);
        }
    }
    Ok(Answer::Local(listing.page()))
}

/// A list being put together.
struct Listing<'a> {
    exchange: &'a mut Exchange,
    call: Call,
    kind: StoredKind,
    query: Query,
    own: Vec<Value>,
    asked: usize,
    has_more: bool,
    task: Option<ModelTask>,
}

impl Listing<'_> {
    /// Takes what lives at one backend; the answer is the backend's, when it refuses.
    async fn home(&mut self, home: &BackendId, mut after: Option<String>) -> Result<Option<Answer>, Fault> {
        let Some(model) = self.model(home)? else { return Ok(None) };
        loop {
            if self.own.len() >= self.query.limit || self.asked >= MOST_ASKED {
                self.has_more = true;
                return Ok(None);
            }
            let answer = self.ask(home, &model, after.as_deref()).await?;
            let Answer::Upstream(mut upstream) = answer else { return Ok(Some(answer)) };
            if !upstream.head.status.is_success() {
                return Ok(Some(Answer::Upstream(upstream)));
            }
            let page = Page::read(&body::rest(&mut upstream, body::LARGEST_LIST).await?)?;
            drop(upstream);
            let next = page.next().filter(|next| Some(next) != after.as_ref());
            self.take(home, page).await?;
            let Some(next) = next else { return Ok(None) };
            after = Some(next);
        }
    }

    /// A model by which the caller may reach that backend.
    fn model(&mut self, home: &BackendId) -> Result<Option<Arc<ModelTarget>>, Fault> {
        let is_named = self.exchange.model_by_header.is_some();
        match model_dispatch::model(self.exchange, &self.call, None, Some(home)) {
            Ok(model) if model.pool.members().any(|backend| backend.id() == home) => Ok(Some(model)),
            Err(fault) if is_named => Err(fault),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    async fn ask(&mut self, home: &BackendId, model: &Arc<ModelTarget>, after: Option<&str>) -> Result<Answer, Fault> {
        self.asked += 1;
        let mut task = match self.task.take() {
            Some(task) => task,
            None => ModelTask::new(self.exchange, self.call.clone(), Head::default(), Bytes::new(), model.clone()),
        };
        task.switch_to(self.exchange, model.clone());
        task.ask(self.query.with(after));
        let family = self.call.surface.family();
        let usable = move |backend: &Backend| backend.kind().speaks(family);
        let preference = Preference { affinity: None, home: Some(home.clone()), usable: &usable };
        let answer = attempt::run(self.exchange, &model.pool, &preference, &mut task).await;
        self.task = Some(task);
        answer
    }

    /// Keeps those of a page's objects that are the caller's and live there.
    async fn take(&mut self, home: &BackendId, page: Page) -> Result<(), Fault> {
        let owners = stored::own(self.exchange, page.data.iter().filter_map(id).collect()).await?;
        let mut listed: HashSet<String> = self.own.iter().filter_map(id).collect();
        for object in page.data {
            let Some(id) = id(&object) else { continue };
            let is_own = owners.get(&id).is_some_and(|owner| owner.kind == self.kind && owner.backend == *home);
            if !is_own || !listed.insert(id) {
                continue;
            }
            if self.own.len() < self.query.limit {
                self.own.push(object);
            } else {
                self.has_more = true;
            }
        }
        Ok(())
    }

    fn page(self) -> Response<Bytes> {
        let edge = |object: Option<&Value>| object.map_or(Value::Null, |object| object["id"].clone());
        let list = json!({
            "object": "list",
            "first_id": edge(self.own.first()),
            "last_id": edge(self.own.last()),
            // Without an object there is nothing to go on from.
            "has_more": self.has_more && !self.own.is_empty(),
            "data": self.own,
        });
        let mut answer = Response::new(Bytes::from(list.to_string()));
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer
    }
}

fn id(object: &Value) -> Option<String> {
    object.get("id").and_then(Value::as_str).map(ToOwned::to_owned)
}

/// A page of a backend's list.
struct Page {
    data: Vec<Value>,
    has_more: bool,
}

impl Page {
    fn read(list: &[u8]) -> Result<Self, Fault> {
        let unreadable = || Fault::new(FaultKind::BackendUnreachable, "The backend's list could not be read.");
        let mut list: Value = serde_json::from_slice(list).map_err(|_| unreadable())?;
        let data = list.get_mut("data").and_then(Value::as_array_mut).map(std::mem::take).ok_or_else(unreadable)?;
        Ok(Self { data, has_more: list["has_more"] == true })
    }

    /// Behind which object the next page begins.
    fn next(&self) -> Option<String> {
        self.data.last().and_then(id).filter(|_| self.has_more)
    }
}

/// What the caller asks for, as far as paging is concerned.
struct Query {
    after: Option<String>,
    /// Objects of the caller's page.
    limit: usize,
    /// Objects of a backend's page: the most that providers allow or send by themselves.
    page: usize,
    /// Everything else, as the caller sent it.
    rest: String,
}

impl Query {
    /// Limits are OpenAI's: up to 10 000 files (also when none is named), up to 100 batches (20 when none is named).
    fn of(query: &str, kind: StoredKind) -> Self {
        let (most, usual, page) = if kind == StoredKind::File { (10_000, 10_000, 1_000) } else { (100, 20, 100) };
        let mut found = Self { after: None, limit: usual, page, rest: String::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match &*percent_decode_str(name).decode_utf8_lossy() {
                "after" if value.is_empty() => {}
                "after" => found.after = Some(percent_decode_str(value).decode_utf8_lossy().into_owned()),
                "limit" => found.limit = value.parse().unwrap_or(usual).clamp(1, most),
                _ => {
                    found.rest.push_str(pair);
                    found.rest.push('&');
                }
            }
        }
        found
    }

    fn with(&self, after: Option<&str>) -> String {
        let mut query = format!("{}limit={}", self.rest, self.page);
        if let Some(after) = after {
            write!(query, "&after={}", utf8_percent_encode(after, UNRESERVED)).expect("a String takes everything");
        }
        query
    }
}

/// What is escaped in a query's value (RFC 3986 `unreserved` stays).
const UNRESERVED: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
