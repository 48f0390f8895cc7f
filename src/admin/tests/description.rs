//! The OpenAPI description says what is served, and nothing else.

use std::collections::HashSet;

use serde_json::Value;

use super::world::World;

#[tokio::test]
async fn every_described_operation_is_served_and_no_other_method() {
    let world = World::new().await;
    let bearer = [("host", "localhost")];
    let served = world.raw("GET", "/admin/openapi.json", &bearer, String::new()).await;
    let document = served.json();
    assert_eq!((served.status.as_u16(), document["openapi"].as_str()), (200, Some("3.1.0")));
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let at = path.replace("{id}", "nothing-is-called-so");
        for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
            let described = item.get(method.to_lowercase());
            let answer = world.call(method, &at, None).await;
            assert_eq!(answer.status != 405, described.is_some(), "{method} {path}: {}", answer.status);
            let Some(operation) = described else { continue };
            assert!(ids.insert(operation["operationId"].to_string()), "{path}: operationId repeats");
            let success: Vec<&String> = operation["responses"].as_object().expect("responses").keys().collect();
            assert!(success.iter().any(|status| status.starts_with('2')), "{method} {path}");
            let templated = path.contains("{id}");
            let parameters = operation["parameters"].as_array().expect("parameters");
            assert_eq!(parameters.iter().any(|parameter| parameter["in"] == "path"), templated, "{method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = crate::admin::openapi::document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 40);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("inside the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
