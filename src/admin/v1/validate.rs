//! `POST /admin/v1/validate`: every problem of a configuration text, which is then forgotten.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::{
    admin::{
        answer,
        call::Call,
        refusal::{Refusal, describe},
    },
    document::Format,
    settings::{Source, load},
};

pub(super) async fn post(call: Call) -> Result<Response, Refusal> {
    let format = match call.content_type().as_deref() {
        Some("application/json") => Format::Json,
        Some("application/toml") => Format::Toml,
        _ => Format::Yaml,
    };
    let source = Source::Text { name: "body".to_owned(), format, text: call.text()?.to_owned() };
    let (problems, warnings) = match load(&source, &|_| None) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(problems) => (problems, Vec::new()),
    };
    let body = json!({
        "valid": problems.is_empty(),
        "problems": problems.iter().map(describe).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(describe).collect::<Vec<_>>(),
    });
    Ok(answer::json(StatusCode::OK, &body))
}
