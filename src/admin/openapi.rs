//! The OpenAPI 3.1 description, made from the list of endpoints and the schemas of the settings.

mod metering;

use axum::response::Response;
use http::{Method, StatusCode};
use schemars::{
    JsonSchema,
    generate::{SchemaGenerator, SchemaSettings},
};
use serde_json::{Map, Value, json};

use super::{
    answer,
    endpoint::{Endpoint, Input, Precondition},
    v1,
};
use crate::settings::{
    Api, Backend, Certificate, Group, Logger, Model, NamedValue, PolicyFragment, Pool, Price, Product, Subscription,
    TokenSource, User, Workspace,
};

pub(super) async fn serve() -> Response {
    answer::json(StatusCode::OK, &document())
}

/// The whole document.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in v1::endpoints() {
        let path = format!("/admin/v1{}", endpoint.path);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[endpoint.method.as_str().to_ascii_lowercase()] = operation(&endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Manages APIs, products, subscriptions, backends, pools and models of one gateway.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [], "csrf": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "An administrator's token." },
                "session": { "type": "apiKey", "in": "cookie", "name": crate::store::access::SESSION_COOKIE },
                "csrf": { "type": "apiKey", "in": "header", "name": "x-csrf-token" },
            },
            "schemas": schemas(),
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": parameters(endpoint),
        "responses": {
            endpoint.success.to_string(): success(endpoint),
            "default": {
                "description": "Refused; `problems` lists everything that is wrong.",
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            },
        },
    });
    if let Some(body) = body(endpoint.input) {
        operation["requestBody"] = body;
    }
    operation
}

/// `GET /subscriptions/{id}` is `get_subscriptions_id`.
fn operation_id(endpoint: &Endpoint) -> String {
    let words = endpoint.path.split(['/', '-', '{', '}']).filter(|word| !word.is_empty());
    let name: Vec<&str> = words.collect();
    format!("{}_{}", endpoint.method.as_str().to_ascii_lowercase(), name.join("_"))
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let mut parameters = Vec::new();
    if endpoint.path.contains("{id}") {
        parameters.push(parameter("path", "id", &json!({ "type": "string" }), true, "Identifier, percent-encoded."));
    }
    if endpoint.input == Input::Page {
        let number = json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 });
        parameters.push(parameter("query", "limit", &number, false, "How many at most."));
        parameters.push(parameter("query", "after", &json!({ "type": "string" }), false, "`next` of the page before."));
    }
    if let Input::Query(groups) = endpoint.input {
        for (name, what) in groups.iter().copied().flatten() {
            parameters.push(parameter("query", name, &json!({ "type": "string" }), false, what));
        }
    }
    let manages = !matches!(endpoint.tag, "gateway" | "access");
    if endpoint.method != Method::GET && manages {
        let flag = json!({ "type": "boolean", "default": false });
        parameters.push(parameter("query", "dry_run", &flag, false, "Check everything, change nothing."));
    }
    if endpoint.precondition != Precondition::None {
        let required = endpoint.precondition == Precondition::Required;
        let what = "The ETag that was read, or `*`.";
        parameters.push(parameter("header", "If-Match", &json!({ "type": "string" }), required, what));
    }
    if endpoint.method == Method::PUT {
        let star = json!({ "type": "string", "const": "*" });
        parameters.push(parameter("header", "If-None-Match", &star, false, "`*`: create, never replace."));
    }
    parameters
}

fn parameter(place: &str, name: &str, schema: &Value, required: bool, description: &str) -> Value {
    json!({ "in": place, "name": name, "schema": schema, "required": required, "description": description })
}

fn body(input: Input) -> Option<Value> {
    let content = match input {
        Input::Nothing | Input::Page | Input::Query(_) | Input::Json("") => return None,
        Input::Object(schema) | Input::Json(schema) => json!({ "application/json": { "schema": reference(schema) } }),
        // Every field is optional in a patch, which the schema of the object does not say.
        Input::Patch(_) => json!({ "application/merge-patch+json": { "schema": { "type": "object" } } }),
        Input::Text => json!({
            "application/yaml": { "schema": { "type": "string" } },
            "application/json": { "schema": { "type": "object" } },
            "application/toml": { "schema": { "type": "string" } },
        }),
    };
    Some(json!({ "required": true, "content": content }))
}

fn success(endpoint: &Endpoint) -> Value {
    let Some(output) = endpoint.output else { return json!({ "description": "Done." }) };
    let schema = match endpoint.input {
        Input::Page | Input::Query(_) if !output.ends_with("List") => page(&reference(output)),
        _ => reference(output),
    };
    json!({ "description": endpoint.summary, "content": { "application/json": { "schema": schema } } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn page(item: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": item }, "next": { "type": ["string", "null"] } },
        "required": ["items", "next"],
    })
}

fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    add::<Api>(&mut generator);
    add::<Backend>(&mut generator);
    add::<Certificate>(&mut generator);
    add::<Group>(&mut generator);
    add::<Logger>(&mut generator);
    add::<Model>(&mut generator);
    add::<NamedValue>(&mut generator);
    add::<PolicyFragment>(&mut generator);
    add::<Pool>(&mut generator);
    add::<Price>(&mut generator);
    add::<Product>(&mut generator);
    add::<Subscription>(&mut generator);
    add::<TokenSource>(&mut generator);
    add::<User>(&mut generator);
    add::<Workspace>(&mut generator);
    let mut schemas = generator.take_definitions(true);
    for own in [own_schemas(), debugging_schemas(), metering::schemas()] {
        if let Value::Object(own) = own {
            schemas.extend(own);
        }
    }
    schemas
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// Bodies that are not objects of the configuration.
fn own_schemas() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer" });
    let problem = json!({
        "type": "object",
        "properties": { "path": text, "message": text, "file": text, "line": number, "column": number },
        "required": ["path", "message"],
    });
    let problems = json!({ "type": "array", "items": problem });
    json!({
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "properties": {
                "type": text, "title": text, "status": number, "code": text, "detail": text, "problems": problems,
                "file": text, "line": number, "column": number,
            },
            "required": ["type", "title", "status", "code", "detail"],
        },
        "Status": {
            "type": "object",
            "properties": {
                "version": text, "revision": number, "time": text, "objects": { "type": "object" },
                "backends": { "type": "array", "items": { "type": "object" } },
                "models": { "type": "array", "items": text },
            },
        },
        "Reloaded": { "type": "object", "properties": { "revision": number, "warnings": problems } },
        "CachePurge": {
            "type": "object",
            "description": "All that is said has to apply; `key` and `all` stand alone.",
            "properties": {
                "api": text, "product": text, "tag": text, "path": text, "key": text, "all": { "type": "boolean" },
            },
        },
        "CachePurged": {
            "type": "object",
            "properties": {
                "purged": { "type": "object", "properties": { "http": number, "policies": number } },
                "dry_run": { "type": "boolean" },
                "replicas": { "enum": ["told", "not reached", null] },
            },
        },
        "Validity": {
            "type": "object",
            "properties": { "valid": { "type": "boolean" }, "problems": problems, "warnings": problems },
        },
        "Session": {
            "type": "object",
            "properties": { "via": { "enum": ["token", "session"] }, "csrf_token": text, "expires": text },
        },
        "LoginLink": { "type": "object", "properties": { "path": text, "expires": text } },
        "NewToken": { "type": "object", "properties": { "name": text }, "required": ["name"] },
        "Token": { "type": "object", "properties": { "name": text, "token": text } },
        "TokenList": page(&json!({ "type": "object", "properties": { "name": text, "created": text } })),
        "OperationList": page(&reference("Operation")),
        "PriceList": {
            "type": "object",
            "description": "Dollars per million tokens, as text.",
            "properties": {
                "table": text, "items": { "type": "array", "items": { "type": "object" } },
                "unpriced": { "type": "array", "items": { "type": "object" } },
            },
        },
        "NewState": { "type": "object", "properties": { "state": reference("State") }, "required": ["state"] },
        "IssuedKey": reference("Subscription"),
    })
}

/// Bodies about traces of single requests.
fn debugging_schemas() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "NewDebugToken": {
            "type": "object",
            "properties": { "api": text, "minutes": { "type": "integer", "minimum": 1, "maximum": 60 } },
            "required": ["api"],
        },
        "ModelCachePurge": {
            "type": "object",
            "properties": {
                "api": text, "product": text, "model": text, "subscription": text, "entry": text,
                "all": { "type": "boolean" },
            },
        },
        "ModelCachePurged": {
            "type": "object",
            "properties": { "purged": { "type": "integer" }, "dry_run": { "type": "boolean" } },
        },
        "DebugToken": { "type": "object", "properties": { "api": text, "token": text, "expires": text } },
        "Trace": {
            "type": "object",
            "properties": {
                "id": text, "about": { "type": "object" }, "steps": { "type": "array", "items": { "type": "object" } },
            },
        },
    })
}
