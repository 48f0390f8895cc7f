//! The JSON schema of the configuration file: for editors, for `tollgate schema`, and for our own reader.

use serde_json::{Value, json};

use super::{Settings, read::later};

/// The JSON schema (2020-12) of [`Settings`], with a description for every setting.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Settings).to_value();
    schema["$id"] = json!("https://tollgate.dev/schema/tollgate.schema.json");
    schema["title"] = json!("Tollgate configuration");
    schema["patternProperties"] = json!({ "^x-": { "description": "Ignored: a place for YAML anchors." } });
    schema["$defs"]["Secret"]["description"] = json!("A secret; write ${NAME} or ${file:PATH} rather than its text.");
    forget_later_words(&mut schema);
    unwrap_lines(&mut schema);
    schema
}

/// Descriptions come from comments with their line breaks; editors wrap for themselves.
fn unwrap_lines(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
            }
            fields.values_mut().for_each(unwrap_lines);
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}

/// Words of later versions are not offered.
fn forget_later_words(schema: &mut Value) {
    let Some(definitions) = schema["$defs"].as_object_mut() else { return };
    for options in definitions.values_mut().filter_map(|definition| definition.get_mut("oneOf")?.as_array_mut()) {
        options.retain(|option| !option["const"].as_str().is_some_and(|word| later::LATER_WORDS.contains(&word)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITTED: &str = "config/tollgate.schema.json";

    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if property["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
                found.push(path.clone());
            }
            undescribed(&path, property, found);
        }
    }

    #[test]
    fn every_setting_is_described() {
        let schema = schema();
        let mut found = Vec::new();
        undescribed("", &schema, &mut found);
        for (name, definition) in schema["$defs"].as_object().expect("definitions") {
            undescribed(name, definition, &mut found);
        }
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let wanted = format!("{:#}\n", schema());
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed != wanted {
            std::fs::write(path.with_extension("json.new"), &wanted).expect("written beside it");
            panic!("{COMMITTED} is not what `tollgate schema` prints; compare it with {COMMITTED}.new and replace it");
        }
    }

    #[test]
    fn words_of_later_versions_are_not_offered() {
        assert!(!schema().to_string().contains("bedrock\""));
    }
}
