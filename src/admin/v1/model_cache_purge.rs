//! `POST /admin/v1/cache/models/purge`: forgets kept answers of models, by API, product, model, subscription or entry.
//! Stands in the audit log. `entry` is what `x-tollgate-cache-entry` of a wrong answer says.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    cache::model::{Key, Owner},
    settings::Problem,
    snapshot::control::Run,
    store::AuditLine,
    usage::report,
};

/// What the body may say.
const FIELDS: [&str; 6] = ["api", "product", "model", "subscription", "entry", "all"];

pub(super) async fn post(call: Call) -> Result<Response, Refusal> {
    let (fields, run) = (call.json()?, call.run()?);
    report::only(&fields, &FIELDS)?;
    let keys = wanted(&call, &fields).map_err(|problems| Refusal::invalid(&problems))?;
    let is_dry_run = run == Run::Dry;
    if !is_dry_run {
        call.state.books.note(line(&call, &fields)).await?;
        for key in &keys {
            call.state.kept.forget(*key);
        }
    }
    let body = json!({ "purged": keys.len(), "dry_run": is_dry_run });
    Ok(answer::json(StatusCode::OK, &body))
}

/// The entries that the body names; everything that is wrong with it otherwise.
fn wanted(call: &Call, fields: &Map<String, Value>) -> Result<Vec<Key>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(other) => {
            problems.push(Problem::new(name, format!("`{other}` is not a text")));
            None
        }
    };
    let entry = text("entry");
    let owner = Owner {
        subscription: text("subscription").unwrap_or_default(),
        product: text("product").unwrap_or_default(),
        api: text("api").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
    };
    let is_all = fields.get("all").is_some_and(|all| *all == Value::Bool(true));
    let key = entry.as_deref().map(Key::parse);
    if key == Some(None) {
        problems.push(Problem::new("entry", "is not what `x-tollgate-cache-entry` says: 64 hexadecimal digits"));
    }
    let named = usize::from(owner != Owner::default()) + usize::from(is_all) + usize::from(entry.is_some());
    if problems.is_empty() && named != 1 {
        let message = "name one: an `entry`, some of `api`, `product`, `model` and `subscription`, or `all: true`";
        problems.push(Problem::new("", message));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let kept = &call.state.kept;
    Ok(match key.flatten() {
        Some(key) => kept.get(key).map(|entry| entry.key).into_iter().collect(),
        None => kept.owned(&owner),
    })
}

fn line(call: &Call, fields: &Map<String, Value>) -> AuditLine {
    AuditLine {
        number: 0,
        time: call.state.clock.now(),
        actor: call.caller.actor(),
        action: "cache.models.purge".to_owned(),
        object: "cache".to_owned(),
        before: None,
        after: Some(Value::Object(fields.clone()).to_string()),
        reason: None,
    }
}
