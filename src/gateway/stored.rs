//! Stored provider objects belong to the subscription that created them: others get 404. Lists are in
//! `listing`.

use std::collections::HashMap;

use tollgate_providers::{Call, StoredKind, StoredRef, head::Head};

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
        home = Some(home_of(&own, named)?);
    }
    Ok(home)
}

/// Where one object of the caller's lives.
pub async fn owned(exchange: &Exchange, named: &StoredRef) -> Result<BackendId, Fault> {
    home_of(&own(exchange, vec![named.id.clone()]).await?, named)
}

fn home_of(own: &HashMap<String, Owner>, named: &StoredRef) -> Result<BackendId, Fault> {
    let owner = own.get(&named.id).filter(|owner| owner.kind == named.kind && named.kind != StoredKind::Other);
    owner.map(|owner| owner.backend.clone()).ok_or_else(|| not_found(named))
}

/// Those of `ids` that the caller owns, in one look-up.
pub async fn own(exchange: &Exchange, ids: Vec<String>) -> Result<HashMap<String, Owner>, Fault> {
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
