//! Traces that callers ask for by `Apim-Debug-Authorization`.
//!
//! Tokens and kept traces are `crate::policies::debugging`'s.

use http::HeaderValue;
use serde_json::json;

use crate::{
    gateway::exchange::Exchange,
    policies::{
        debugging::{AUTHORIZATION, EXPIRED, OTHER_API, Standing, TRACE_ID},
        tracing::Trace,
    },
};

/// An empty trace, where the caller may have one. Its token goes no further than here.
pub(super) fn wanted(exchange: &mut Exchange) -> Option<Box<Trace>> {
    let token = exchange.parts.headers.remove(AUTHORIZATION)?;
    let api = exchange.api.as_ref().map_or("", |api| api.id.as_str());
    let standing = exchange.gateway.services.debugging.standing(token.to_str().unwrap_or_default(), api);
    let why = match standing {
        Standing::Good => return Some(Box::default()),
        Standing::OtherApi => OTHER_API,
        Standing::Expired => EXPIRED,
    };
    exchange.traced = Some((why, HeaderValue::from_static("true")));
    None
}

/// Keeps the trace, and tells the caller under which id.
pub(super) fn keep(exchange: &mut Exchange, trace: &Trace) {
    let named = exchange.snapshot.settings.named_values.iter().filter(|value| value.secret);
    let mut secrets: Vec<&str> = named.map(|value| value.value.expose()).collect();
    secrets.extend(exchange.shown_key.as_ref().map(crate::model::secret::Secret::expose));
    let about = json!({
        "method": exchange.parts.method.as_str(),
        "path": &*exchange.settlement.path,
        "api": exchange.api.as_ref().map(|api| api.id.as_str()),
        "request_id": exchange.request_id(),
    });
    let id = exchange.gateway.services.debugging.keep(&about, trace, &secrets);
    let id = HeaderValue::try_from(id).expect("ids are base64 of the safe alphabet");
    exchange.traced = Some((TRACE_ID, id));
}
