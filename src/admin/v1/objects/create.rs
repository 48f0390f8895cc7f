//! `POST /admin/v1/{kind}`: a new object; the only answers that show keys are those that make them.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{path_of, show, writing};
use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    settings::{Object, ObjectKind},
    snapshot::control::{Change, Expect, IssuedKeys, Run},
};

pub(in crate::admin::v1) async fn create(call: Call, kind: ObjectKind) -> Result<Response, Refusal> {
    let fields = call.json()?;
    let named_state = fields.contains_key("state");
    let object = writing::object(kind, None, fields, None)?;
    store_new(&call, object, named_state, Expect::Absent).await
}

/// Stores an object that is not there yet and answers 201 with where it is.
pub(super) async fn store_new(
    call: &Call,
    object: Object,
    named_state: bool,
    expect: Expect,
) -> Result<Response, Refusal> {
    let (kind, id, run) = (object.kind(), object.id().to_owned(), call.run()?);
    let control = &call.state.control;
    let (view, keys) = if kind == ObjectKind::Subscription {
        let mut subscription = writing::subscription(object)?;
        if !named_state {
            subscription.state = control.first_state(&subscription);
        }
        let (view, issued) = control.create_subscription(subscription, run).await?;
        (view, if run == Run::Real { issued_keys(&issued) } else { Map::new() })
    } else {
        (control.apply(vec![Change::Put { object, expect }], run).await?, Map::new())
    };
    let status = if run == Run::Real { StatusCode::CREATED } else { StatusCode::OK };
    let shown = show(&call.state, &view, (kind, &id), status, |body| {
        if let Value::Object(fields) = body {
            fields.extend(keys);
        }
    });
    Ok(answer::created(shown.await?, &path_of(kind, &id)))
}

fn issued_keys(issued: &IssuedKeys) -> Map<String, Value> {
    [("key", &issued.primary), ("secondary_key", &issued.secondary)]
        .into_iter()
        .filter_map(|(name, key)| Some((name.to_owned(), json!(key.as_ref()?.expose()))))
        .collect()
}
