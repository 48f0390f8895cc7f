//! Stored provider objects belong to the subscription that created them: others get 404, lists are filtered.

use bytes::Bytes;
use serde_json::Value;
use tollgate_providers::{Call, Surface, head::Head};

use super::exchange::Exchange;
use crate::{
    exchange::{Fault, FaultKind},
    model::BackendId,
};

/// Checks every stored object that the call names; the answer is the backend where they live.
pub async fn authorise(exchange: &Exchange, call: &Call, head: Option<&Head>) -> Result<Option<BackendId>, Fault> {
    let named = matches!(call.surface, Surface::StoredResponse | Surface::Files | Surface::Batches);
    let item = call.item.as_deref().filter(|_| named);
    let previous = head.and_then(|head| head.previous_response.as_deref());
    let references = head.map(|head| head.stored_refs.as_slice()).unwrap_or_default();
    let mut home = None;
    for id in item.into_iter().chain(previous).chain(references.iter().map(String::as_str)) {
        home = Some(owned(exchange, id).await?);
    }
    Ok(home)
}

async fn owned(exchange: &Exchange, id: &str) -> Result<BackendId, Fault> {
    let caller = exchange.subscription.as_ref().map(|subscription| &subscription.id);
    match exchange.gateway.owners.find(id).await {
        Ok(Some(owner)) if owner.subscription.as_ref() == caller => Ok(owner.backend),
        Ok(_) => Err(Fault::new(FaultKind::ObjectNotFound, format!("No stored object `{}` found.", shown(id)))),
        Err(why) => Err(Fault::new(FaultKind::OwnersUnavailable, why)),
    }
}

/// Ids come from callers: long ones are cut, control characters cannot get into a message.
fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Whether the answer to this call is a list that other subscriptions' objects must be taken out of.
#[must_use]
pub fn is_list(call: &Call, method: &http::Method) -> bool {
    matches!(call.surface, Surface::Files | Surface::Batches) && call.item.is_none() && method == http::Method::GET
}

/// Takes objects that the caller does not own out of a list.
pub async fn filtered(exchange: &Exchange, list: &[u8]) -> Result<Bytes, Fault> {
    let unreadable = || Fault::new(FaultKind::BackendUnreachable, "The backend's list could not be read.");
    let mut list: Value = serde_json::from_slice(list).map_err(|_| unreadable())?;
    let Some(data) = list.get_mut("data").and_then(Value::as_array_mut) else { return Err(unreadable()) };
    let mut own = Vec::new();
    for object in data.drain(..) {
        let Some(id) = object.get("id").and_then(Value::as_str) else { continue };
        if owned(exchange, id).await.is_ok() {
            own.push(object);
        }
    }
    for (field, edge) in [("first_id", own.first()), ("last_id", own.last())] {
        let id = edge.map_or(Value::Null, |object| object["id"].clone());
        if let Some(field) = list.get_mut(field) {
            *field = id;
        }
    }
    list["data"] = Value::Array(own);
    Ok(list.to_string().into())
}
