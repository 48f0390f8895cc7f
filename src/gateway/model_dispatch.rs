//! A call of a model surface: from the caller's `model` to a backend's answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use tollgate_providers::{BadBody, Call, Family, Surface, head, head::Head, labels, upstream};

use super::{
    affinity::{self, Content},
    answer::Answer,
    attempt::{self, Preference},
    batch, body,
    coalescing::{self, Joined},
    exchange::Exchange,
    listing,
    metering::{self, Called},
    model_cache::{self, Looked},
    model_list,
    model_task::ModelTask,
    policies::dressed,
    stored, switch,
};
use crate::{
    exchange::{Fault, FaultKind},
    model::BackendId,
    outbound::{Backend, Pool},
    snapshot::ModelTarget,
};

/// How often one request may move on to a model with a larger context.
const MOST_SWITCHES: usize = 3;

/// Bodies above this many bytes are read on a thread of their own. A batch file may have 200 MB: reading it takes as
/// long as thousands of requests, which would all wait.
const LARGE_BODY: usize = 1 << 20;

/// Answers the call, or says why not before anything is sent.
pub async fn dispatch(exchange: &mut Exchange, call: Call) -> Result<Answer, Fault> {
    if let Some(answer) = model_list::answer(exchange, &call) {
        return answer;
    }
    if call.surface == Surface::Realtime {
        return realtime(exchange, call).await;
    }
    let body = body::collect(exchange).await?;
    if listing::is_list(&call, &exchange.parts.method) {
        return listing::answer(exchange, call).await;
    }
    let head = read(exchange, &call, &body).await?;
    note_head(exchange, &head);
    exchange.note_body_labels(&body);
    let home = stored::authorise(exchange, &call, Some(&head)).await?;
    let batch = batch::authorise(exchange, &head)?;
    let by_body = head.model.as_deref().or(batch.as_ref().map(|model| &*model.name));
    let model = model(exchange, &call, by_body, home.as_ref())?;
    let model = elsewhere(exchange, model)?;
    let called = Called { surface: call.surface, head: &head, body: &body, model: &model };
    let storing = match model_cache::look(exchange, &call, &called).await? {
        Looked::Hit(answer) => return Ok(answer),
        Looked::Miss(storing) => storing,
    };
    let storing = match coalescing::join(exchange, &call, &called, storing).await? {
        Joined::Answer(answer) => return Ok(answer),
        Joined::Ask(storing) => storing,
    };
    metering::admit_call(exchange, &called).await?;
    let content = Content { surface: call.surface, body: &body, end_user: head.end_user.as_deref() };
    let affinity = affinity::key(model.pool.affinity(), exchange, Some(content));
    let task = ModelTask::new(exchange, call, head, body, model);
    let answer = switching(exchange, task, affinity, home).await;
    let answer = coalescing::publish(exchange, answer)?;
    Ok(model_cache::attach(answer, storing))
}

/// Runs the attempts, moving on to a model with a larger context when a prompt is too long. When no larger model
/// answers either, the caller gets the refusal of the one before.
async fn switching(
    exchange: &mut Exchange,
    mut task: ModelTask,
    affinity: Option<u64>,
    home: Option<BackendId>,
) -> Result<Answer, Fault> {
    let mut answer = attempts(exchange, &mut task, affinity, home.as_ref()).await?;
    for _ in 0..MOST_SWITCHES {
        let Some(larger) = task.larger(exchange) else { break };
        // Its backends are spoken to as policies ask for, too.
        let Ok(pool) = dressed(exchange, &larger.pool) else { break };
        let larger = at_pool(larger, pool);
        let before = (exchange.settlement.model.clone(), exchange.settlement.upstream_model.clone());
        if metering::move_call(exchange, &task.called(&larger)).await.is_err() {
            // Its limits have no room: the refusal of the smaller model is the answer.
            break;
        }
        task.switch_to(exchange, larger);
        match attempts(exchange, &mut task, affinity, home.as_ref()).await {
            Ok(better) if !has_failed(&better) => answer = better,
            Ok(_) | Err(_) => {
                (exchange.settlement.model, exchange.settlement.upstream_model) = before;
                break;
            }
        }
    }
    Ok(answer)
}

fn has_failed(answer: &Answer) -> bool {
    matches!(answer, Answer::Upstream(upstream) if upstream.head.status.is_server_error())
}

/// The attempts at one model.
async fn attempts(
    exchange: &mut Exchange,
    task: &mut ModelTask,
    affinity: Option<u64>,
    home: Option<&BackendId>,
) -> Result<Answer, Fault> {
    let pool = task.pool();
    let family = task.call.surface.family();
    let usable = move |backend: &Backend| backend.kind().speaks(family);
    check_dialect(&pool, family, &usable)?;
    check_home(&pool, home, &task.head)?;
    let preference = Preference { affinity, home: home.cloned(), usable: &usable };
    attempt::run(exchange, &pool, &preference, task).await
}

/// A stored object can only be used where it lives: another model's backends do not know it.
fn check_home(pool: &Pool, home: Option<&BackendId>, head: &Head) -> Result<(), Fault> {
    let Some(home) = home.filter(|home| pool.members().all(|backend| backend.id() != *home)) else { return Ok(()) };
    tracing::debug!(%home, pool = %pool.id(), "a stored object lives outside the pool");
    let message = "This model is not served where the stored object that the request names lives: use the model \
                   that created it.";
    let fault = Fault::new(FaultKind::InvalidBody, message);
    Err(if head.previous_response.is_some() { fault.at("previous_response_id") } else { fault })
}

fn check_dialect(pool: &Pool, family: Family, usable: &dyn Fn(&Backend) -> bool) -> Result<(), Fault> {
    if pool.members().any(usable) {
        return Ok(());
    }
    let name = match family {
        Family::OpenAi => "OpenAI",
        Family::Anthropic => "Anthropic",
        Family::Gemini => "Gemini",
    };
    let message = format!("The backends of this model do not speak the {name} dialect of this endpoint.");
    Err(Fault::new(FaultKind::DialectNotSupported, message).at("model"))
}

async fn read(exchange: &Exchange, call: &Call, body: &Bytes) -> Result<Head, Fault> {
    if !call.surface.has_body(&exchange.parts.method) {
        return Ok(Head::default());
    }
    let content_type = exchange.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let read = if body.len() > LARGE_BODY {
        apart(call.surface, content_type.map(ToOwned::to_owned), body.clone()).await?
    } else {
        head::read(call.surface, content_type, body)
    };
    read.map_err(|bad| {
        let fault = Fault::new(FaultKind::InvalidBody, bad.to_string());
        match bad.param() {
            Some(param) => fault.at(param.to_owned()),
            None => fault,
        }
    })
}

/// Reads a large body on a thread where nobody waits for it.
async fn apart(surface: Surface, content_type: Option<String>, body: Bytes) -> Result<Result<Head, BadBody>, Fault> {
    let reading = tokio::task::spawn_blocking(move || head::read(surface, content_type.as_deref(), &body));
    reading.await.map_err(|failed| {
        tracing::error!(%failed, "reading a request body failed; this is a defect, please report it");
        Fault::new(FaultKind::Internal, "The gateway failed to read this request's body.")
    })
}

fn note_head(exchange: &mut Exchange, head: &Head) {
    // Kept with the row and shown in logs: as short as any other label.
    exchange.settlement.end_user = head.end_user.as_deref().map(|user| labels::cleaned(user).into());
}

/// The model that the path, the body or a header names; for calls that name none, the first this caller may use
/// (whose backends include `home`, where there is one).
pub fn model(
    exchange: &mut Exchange,
    call: &Call,
    by_body: Option<&str>,
    home: Option<&BackendId>,
) -> Result<Arc<ModelTarget>, Fault> {
    let by_header = exchange.model_by_header.clone();
    let by_header = by_header.as_ref().and_then(|value| value.to_str().ok());
    let named = call.model.as_deref().or(by_body).or(by_header);
    let found = match named {
        Some(name) => named_model(exchange, name)?,
        None if call.surface.needs_model() => {
            return Err(Fault::new(FaultKind::InvalidBody, "You must provide a model parameter.").at("model"));
        }
        None => first_model(exchange, call, home)?,
    };
    exchange.settlement.model = Some(found.name.clone());
    Ok(found)
}

/// The model at the pool that a policy names, where one does, or at its own in the dress that policies ask for.
fn elsewhere(exchange: &Exchange, model: Arc<ModelTarget>) -> Result<Arc<ModelTarget>, Fault> {
    let pool = match &exchange.pool {
        Some(pool) => pool.clone(),
        None => dressed(exchange, &model.pool)
            .map_err(|failure| Fault::new(FaultKind::BackendUnreachable, failure.message))?,
    };
    Ok(at_pool(model, pool))
}

/// The model at another pool than its own.
fn at_pool(model: Arc<ModelTarget>, pool: Arc<Pool>) -> Arc<ModelTarget> {
    if Arc::ptr_eq(&pool, &model.pool) { model } else { Arc::new(ModelTarget { pool, ..ModelTarget::clone(&model) }) }
}

/// The model of that name, when the caller may use it.
pub fn named_model(exchange: &Exchange, name: &str) -> Result<Arc<ModelTarget>, Fault> {
    let found = exchange.snapshot.models.get(name).filter(|model| exchange.sees(model));
    let Some(model) = found else {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
        let message = format!("The model `{shown}` does not exist. `GET /v1/models` lists those this key may use.");
        return Err(Fault::new(FaultKind::ModelNotFound, message).at("model"));
    };
    if exchange.may_use(model) {
        return Ok(model.clone());
    }
    let message = format!("This key may not use the model `{}`.", model.name);
    Err(Fault::new(FaultKind::ModelNotAllowed, message).at("model"))
}

fn first_model(exchange: &Exchange, call: &Call, home: Option<&BackendId>) -> Result<Arc<ModelTarget>, Fault> {
    let family = call.surface.family();
    let mut usable = exchange.snapshot.models.iter().filter(|model| exchange.sees(model) && exchange.may_use(model));
    let serves = |backend: &Backend| backend.kind().speaks(family) && home.is_none_or(|home| backend.id() == home);
    let found = usable.find(|model| model.pool.members().any(serves));
    found.cloned().ok_or_else(|| {
        Fault::new(FaultKind::ModelNotFound, "This key may use no model whose backend serves this endpoint.")
            .at("model")
    })
}

/// A WebSocket names its model in the query.
async fn realtime(exchange: &mut Exchange, call: Call) -> Result<Answer, Fault> {
    switch::required(exchange)?;
    let named = exchange.parts.uri.query().and_then(upstream::realtime_model);
    let model = model(exchange, &call, named.as_deref(), None)?;
    let (head, body) = (Head::default(), Bytes::new());
    metering::admit_call(exchange, &Called { surface: call.surface, head: &head, body: &body, model: &model }).await?;
    let affinity = affinity::key(model.pool.affinity(), exchange, None);
    let task = ModelTask::new(exchange, call, head, body, model);
    switching(exchange, task, affinity, None).await
}
