//! Objects as answers show them: every secret replaced by the fact that it is set.

use serde_json::{Map, Value, json};

use super::{Object, ObjectKind};

/// The object as JSON without its secrets, for API answers and exports.
///
/// * backend: `key` becomes `"key_set": true`, each of `credentials` becomes `{"key_set": true}`, and `headers`
///   becomes the list of their names, `headers_set`;
/// * named value: `value` of one that is `secret` becomes `"value_set": true`;
/// * certificate: `key` becomes `"key_set": true`; token source: `token`, `client_secret` likewise, and `parameters`
///   becomes the list of their names, as `headers` of a logger does;
/// * price: `table`, which is long rather than secret, becomes `"table_set": true`;
/// * subscription: `key` and `secondary_key` become `"key_set": true` and `"secondary_key_set": true`.
///
/// Settings that are not set (`null`) are left out.
#[must_use]
pub fn redacted(object: &Object) -> Value {
    let mut value = object.to_json();
    let Value::Object(fields) = &mut value else { return value };
    fields.retain(|_, value| !value.is_null());
    match object.kind() {
        ObjectKind::Backend => redact_backend(fields),
        ObjectKind::Subscription => {
            hide(fields, "key");
            hide(fields, "secondary_key");
        }
        ObjectKind::Price => hide(fields, "table"),
        ObjectKind::NamedValue => redact_value(fields),
        ObjectKind::Certificate => hide(fields, "key"),
        ObjectKind::TokenSource => {
            hide(fields, "token");
            hide(fields, "client_secret");
            only_names(fields, "parameters");
        }
        ObjectKind::Logger => only_names(fields, "headers"),
        _ => {}
    }
    value
}

fn redact_backend(fields: &mut Map<String, Value>) {
    hide(fields, "key");
    if let Some(Value::Array(credentials)) = fields.get_mut("credentials") {
        for credential in credentials.iter_mut().filter_map(Value::as_object_mut) {
            hide(credential, "key");
        }
    }
    only_names(fields, "headers");
}

/// The names of a mapping whose values are secret.
fn only_names(fields: &mut Map<String, Value>, name: &str) {
    if let Some(Value::Object(entries)) = fields.remove(name)
        && !entries.is_empty()
    {
        fields.insert(format!("{name}_set"), entries.keys().cloned().collect());
    }
}

/// A plain value is shown; a secret one is not.
fn redact_value(fields: &mut Map<String, Value>) {
    if fields.get("secret") == Some(&Value::Bool(true)) {
        hide(fields, "value");
    }
}

fn hide(fields: &mut Map<String, Value>, name: &str) {
    if fields.remove(name).is_some() {
        fields.insert(format!("{name}_set"), json!(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::object_from_json;

    #[test]
    fn a_table_of_prices_is_too_long_to_show() {
        let object = object_from_json(ObjectKind::Price, &json!({"id": "p", "table": "[]"})).expect("good");
        assert_eq!(redacted(&object), json!({"id": "p", "table_set": true}));
    }

    #[test]
    fn no_secret_is_shown_and_what_is_set_is_said() {
        let rows = [
            (
                ObjectKind::Backend,
                json!({"id": "b", "kind": "openai", "key": "canary", "credentials": [{"key": "canary"}], "headers": {"x-a": "canary"}}),
                json!({"key_set": true, "credentials": [{"key_set": true}], "headers_set": ["x-a"]}),
            ),
            (
                ObjectKind::Subscription,
                json!({"id": "s", "scope": "all", "key": "canary", "secondary_key": "canary"}),
                json!({"key_set": true, "secondary_key_set": true}),
            ),
            (ObjectKind::Subscription, json!({"id": "s", "scope": "all"}), json!({"id": "s"})),
            (ObjectKind::Certificate, json!({"id": "c", "pem": "p", "key": "canary"}), json!({"key_set": true})),
            (
                ObjectKind::TokenSource,
                json!({"id": "t", "token": "canary", "client_secret": "canary", "parameters": {"a": "canary"}}),
                json!({"token_set": true, "client_secret_set": true, "parameters_set": ["a"]}),
            ),
            (ObjectKind::Logger, json!({"id": "l", "headers": {"x": "canary"}}), json!({"headers_set": ["x"]})),
        ];
        for (kind, value, wanted) in rows {
            let object = object_from_json(kind, &value).expect("good");
            let shown = redacted(&object);
            assert!(!shown.to_string().contains("canary"), "{shown}");
            assert!(!format!("{object:?}").contains("canary"), "{object:?}");
            for (name, value) in wanted.as_object().expect("fields") {
                assert_eq!(&shown[name], value, "{shown}");
            }
            assert_eq!(shown.get("key_set").is_some(), value.get("key").is_some());
        }
    }
}
