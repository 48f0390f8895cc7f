//! How an object is shown.

use std::collections::HashMap;

use axum::response::Response;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::{
    admin::{AdminState, answer, refusal::Refusal},
    model::{SubscriptionId, Timestamp},
    settings::{Object, ObjectKind, redacted},
    snapshot::control::{Entry, Ownership, View, states},
};

/// When subscriptions were last used.
pub(in crate::admin::v1) type LastUsed = HashMap<SubscriptionId, Timestamp>;

/// What showing an object takes besides the object.
pub(in crate::admin::v1) struct Shown {
    now: Timestamp,
    last_used: LastUsed,
    statuses: HashMap<String, Value>,
}

impl Shown {
    /// Reads what objects of that kind show: the database for subscriptions, the fleet for backends.
    pub(in crate::admin::v1) async fn read(state: &AdminState, kind: ObjectKind) -> Result<Self, Refusal> {
        let subscriptions = kind == ObjectKind::Subscription;
        let last_used = if subscriptions { state.store.last_used().await? } else { LastUsed::new() };
        let statuses = if kind == ObjectKind::Backend { state.live() } else { Vec::new() };
        let by_id = |status: Value| Some((status.get("id")?.as_str()?.to_owned(), status));
        Ok(Self { now: state.clock.now(), last_used, statuses: statuses.into_iter().filter_map(by_id).collect() })
    }

    /// The object as JSON, without secrets.
    pub(in crate::admin::v1) fn show(&self, entry: &Entry) -> Value {
        let mut shown = redacted(&entry.object);
        let mut meta = Map::new();
        owner(&mut meta, &entry.ownership);
        meta.insert("etag".into(), json!(entry.etag.as_str()));
        for (name, time) in [("created", entry.created), ("updated", entry.updated)] {
            meta.extend(time.map(|time| (name.to_owned(), json!(time.to_string()))));
        }
        if entry.dormant {
            let why = "of the quick start: not in use while there is a configuration file";
            meta.insert("inactive".into(), json!(why));
        }
        match &entry.object {
            Object::Subscription(subscription) => {
                shown["state"] = json!(states::word(states::at(subscription, self.now)));
                let used = self.last_used.get(&subscription.id);
                meta.insert("last_used".into(), json!(used.map(ToString::to_string)));
            }
            Object::Backend(backend) => {
                meta.extend(self.statuses.get(backend.id.as_str()).map(|live| ("status".to_owned(), live.clone())));
            }
            _ => {}
        }
        shown["meta"] = Value::Object(meta);
        shown
    }
}

fn owner(meta: &mut Map<String, Value>, ownership: &Ownership) {
    let word = match ownership {
        Ownership::File(origin) => {
            meta.insert("file".into(), json!(origin.file.display().to_string()));
            meta.insert("line".into(), json!(origin.line));
            "file"
        }
        Ownership::BuiltIn => "default",
        Ownership::Database => "database",
    };
    meta.insert("owner".into(), json!(word));
}

/// The answer that shows one object of a view; `add` puts further fields into it.
pub(in crate::admin::v1) async fn show(
    state: &AdminState,
    view: &View,
    (kind, id): (ObjectKind, &str),
    status: StatusCode,
    add: impl FnOnce(&mut Value),
) -> Result<Response, Refusal> {
    let shown = Shown::read(state, kind).await?;
    let entry = view.get(kind, id).ok_or_else(|| missing(kind, id))?;
    let mut body = shown.show(entry);
    add(&mut body);
    Ok(answer::object(status, &body, &entry.etag))
}

pub(super) fn missing(kind: ObjectKind, id: &str) -> Refusal {
    crate::snapshot::control::Refused::NotFound { kind, id: id.to_owned() }.into()
}

/// Where the object is read; names of models may hold slashes.
pub(in crate::admin::v1) fn path_of(kind: ObjectKind, id: &str) -> String {
    format!("/admin/v1/{}/{}", kind.path(), utf8_percent_encode(id, NON_ALPHANUMERIC))
}
