//! Stored provider objects belong to the subscription that created them: others get 404, lists are filtered.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;
use tollgate_providers::{Call, StoredKind, StoredRef, Surface, head::Head};

use super::{exchange::Exchange, owners::Owner};
use crate::{
    exchange::{Fault, FaultKind},
    model::BackendId,
};

/// Checks every stored object that the call names; the answer is the backend where they live.
pub async fn authorise(exchange: &Exchange, call: &Call, head: Option<&Head>) -> Result<Option<BackendId>, Fault> {
    let item = call.stored_item();
    let references = head.map(|head| head.stored_refs.as_slice()).unwrap_or_default();
    let named: Vec<&StoredRef> = item.iter().chain(references).collect();
    if named.is_empty() {
        return Ok(None);
    }
    let ids = named.iter().map(|named| named.id.clone()).collect();
    let own = own(exchange, ids).await?;
    let mut home = None;
    for named in named {
        let owner = own.get(&named.id).filter(|owner| owner.kind == named.kind && named.kind != StoredKind::Other);
        home = Some(owner.ok_or_else(|| not_found(named))?.backend.clone());
    }
    Ok(home)
}

/// Those of `ids` that the caller owns, in one look-up.
async fn own(exchange: &Exchange, ids: Vec<String>) -> Result<HashMap<String, Owner>, Fault> {
    let caller = exchange.subscription.as_ref().map(|subscription| &subscription.id);
    let found = exchange.gateway.owners.find_all(ids).await;
    let mut found = found.map_err(|why| Fault::new(FaultKind::OwnersUnavailable, why))?;
    found.retain(|_, owner| owner.subscription.as_ref() == caller);
    Ok(found)
}

fn not_found(named: &StoredRef) -> Fault {
    let why = match named.kind {
        StoredKind::Other => "Conversations and vector stores that were not created here cannot be used.",
        _ => "It does not exist, or another subscription created it.",
    };
    Fault::new(FaultKind::ObjectNotFound, format!("No stored object `{}` found. {why}", shown(&named.id)))
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
    let id = |object: &Value| object.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    let owners = own(exchange, data.iter().filter_map(id).collect()).await?;
    let is_own = |object: &Value| id(object).is_some_and(|id| owners.contains_key(&id));
    let own: Vec<Value> = data.drain(..).filter(is_own).collect();
    for (field, edge) in [("first_id", own.first()), ("last_id", own.last())] {
        let id = edge.map_or(Value::Null, |object| object["id"].clone());
        if let Some(field) = list.get_mut(field) {
            *field = id;
        }
    }
    list["data"] = Value::Array(own);
    Ok(list.to_string().into())
}
