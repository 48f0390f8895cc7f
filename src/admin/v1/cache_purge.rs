//! `POST /admin/v1/cache/purge`: forgets what caches keep, by API, product, tag, path or key; what names an API, a product
//! or all forgets kept answers of models, too. Stands in the audit log.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    admin::{answer, call::Call, refusal::Refusal},
    cache::{
        http::Selector,
        model::{Key, Owner},
    },
    settings::Problem,
    snapshot::control::Run,
    store::AuditLine,
    usage::report,
};

/// What the body may say.
const FIELDS: [&str; 6] = ["api", "product", "tag", "path", "key", "all"];

/// What is to be forgotten.
enum Wanted {
    /// Answers.
    Answers(Selector),
    /// One value of `cache-store-value`.
    Value(String),
}

pub(super) async fn post(call: Call) -> Result<Response, Refusal> {
    let (fields, run) = (call.json()?, call.run()?);
    report::only(&fields, &FIELDS)?;
    let wanted = wanted(&call, &fields).map_err(|problems| Refusal::invalid(&problems))?;
    let is_dry_run = run == Run::Dry;
    if !is_dry_run {
        call.state.books.note(line(&call, &fields)).await?;
    }
    let state = &call.state;
    let (http, policies, is_announced) = match &wanted {
        Wanted::Answers(selector) => {
            let purged = state.answers.purge(selector, is_dry_run).await;
            (purged.count, state.values.purge(selector, is_dry_run), purged.is_announced)
        }
        Wanted::Value(key) => {
            let (count, is_announced) = state.values.purge_value(key, is_dry_run).await;
            (0, count, is_announced)
        }
    };
    let models = models(&call, &wanted);
    if !is_dry_run {
        for key in &models {
            state.kept.forget(*key);
        }
    }
    let body = json!({
        "purged": { "http": http, "policies": policies, "models": models.len() },
        "dry_run": is_dry_run,
        "replicas": is_announced.map(|is_announced| if is_announced { "told" } else { "not reached" }),
    });
    Ok(answer::json(StatusCode::OK, &body))
}

/// The kept answers of models that are meant: none has a tag, a path or a key.
fn models(call: &Call, wanted: &Wanted) -> Vec<Key> {
    let Wanted::Answers(Selector { api, product, tag: None, path: None }) = wanted else { return Vec::new() };
    let (api, product) = (api.clone().unwrap_or_default(), product.clone().unwrap_or_default());
    call.state.kept.owned(&Owner { product, api, ..Owner::default() })
}

/// What the body names; everything that is wrong with it otherwise.
fn wanted(call: &Call, fields: &Map<String, Value>) -> Result<Wanted, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(other) => {
            problems.push(Problem::new(name, format!("`{other}` is not a text")));
            None
        }
    };
    let selector = Selector { api: text("api"), product: text("product"), tag: text("tag"), path: text("path") };
    let key = text("key");
    let is_all = fields.get("all").is_some_and(|all| *all == Value::Bool(true));
    let view = call.state.control.view();
    let (apis, products) = (&view.settings.apis, &view.settings.products);
    let is_api = |id: &String| apis.iter().any(|api| api.id.as_str() == id);
    let is_product = |id: &String| products.iter().any(|product| product.id.as_str() == id);
    if let Some(id) = selector.api.as_ref().filter(|id| !is_api(id)) {
        problems.push(Problem::new("api", format!("there is no API `{id}`; nothing of it is kept")));
    }
    if let Some(id) = selector.product.as_ref().filter(|id| !is_product(id)) {
        problems.push(Problem::new("product", format!("there is no product `{id}`; nothing of it is kept")));
    }
    if selector.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        problems.push(Problem::new(
            "path",
            "write the path as callers do, beginning with `/`; `*` at its end means all below",
        ));
    }
    let names_some = selector != Selector::default();
    match (names_some, is_all, key) {
        (false, false, None) => {
            let message = "says nothing: name `api`, `product`, `tag`, `path` or `key`, or say `all: true`";
            problems.push(Problem::new("", message));
        }
        (true, true, _) | (_, true, Some(_)) => {
            problems.push(Problem::new("all", "either `all` or what is meant, not both"));
        }
        (true, false, Some(_)) => {
            problems.push(Problem::new("key", "a key names one value of cache-store-value; leave the others out"));
        }
        (false, false, Some(key)) if problems.is_empty() => return Ok(Wanted::Value(key)),
        _ => {}
    }
    if problems.is_empty() { Ok(Wanted::Answers(selector)) } else { Err(problems) }
}

fn line(call: &Call, fields: &Map<String, Value>) -> AuditLine {
    AuditLine {
        number: 0,
        time: call.state.clock.now(),
        actor: call.caller.actor(),
        action: "cache.purge".to_owned(),
        object: "cache".to_owned(),
        before: None,
        after: Some(Value::Object(fields.clone()).to_string()),
        reason: None,
    }
}
