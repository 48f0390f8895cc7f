//! What offered tools cost, by OpenAI's published formula.
//!
//! From its cookbook, "How to count tokens with tiktoken", section on tool calls: a function costs an opening, its
//! name and description as one line, and for each property a key, one line, and its values when they are listed. The
//! formula looks at the top level of a schema only; what lies deeper is counted as the JSON it is.

use serde_json::{Map, Value};
use tollgate_providers::prompt::Tool;

use super::Encoding;

const FUNCTION: u64 = 7;
const FUNCTION_CL100K: u64 = 10;
const PROPERTIES: u64 = 3;
const PROPERTY: u64 = 3;
/// Minus this once for a list of values, plus it for each of them.
const ENUM: u64 = 3;
const END: u64 = 12;
/// What a vendor's own description of a tool is at most: Anthropic names 735 tokens for the largest.
const VENDORS: u64 = 800;

/// Tokens of all tools together.
pub(super) fn count(tools: &[Tool<'_>], encoding: Encoding) -> u64 {
    if tools.is_empty() {
        return 0;
    }
    tools.iter().map(|tool| one(tool, encoding)).sum::<u64>() + END
}

fn one(tool: &Tool<'_>, encoding: Encoding) -> u64 {
    if tool.is_vendors {
        return VENDORS;
    }
    let opening = if encoding == Encoding::Cl100k { FUNCTION_CL100K } else { FUNCTION };
    let line = format!("{}:{}", tool.name, without_stop(&tool.description));
    opening + encoding.count(&line) + tool.parameters.map_or(0, |json| schema(json, encoding))
}

fn schema(json: &str, encoding: Encoding) -> u64 {
    let parsed: Option<Value> = serde_json::from_str(json).ok();
    match parsed.as_ref().map(|schema| &schema["properties"]) {
        Some(Value::Object(properties)) if !properties.is_empty() => {
            PROPERTIES + properties.iter().map(|(name, property)| one_property(name, property, encoding)).sum::<u64>()
        }
        // A schema without properties that says something else all the same ($ref, anyOf, a list).
        Some(Value::Null) if json.len() > 2 && !is_plain_object(parsed.as_ref()) => encoding.count(json),
        _ => 0,
    }
}

fn is_plain_object(schema: Option<&Value>) -> bool {
    let known = |map: &Map<String, Value>| map.keys().all(|key| matches!(&**key, "type" | "additionalProperties"));
    schema.and_then(Value::as_object).is_some_and(known)
}

fn one_property(name: &str, property: &Value, encoding: Encoding) -> u64 {
    let text = |key: &str| property[key].as_str().unwrap_or_default();
    let line = format!("{name}:{}:{}", text("type"), without_stop(text("description")));
    let values = property["enum"].as_array().map(Vec::as_slice).unwrap_or_default();
    let listed: u64 = values.iter().map(|value| ENUM + encoding.count(&plain(value))).sum();
    // The formula takes the opening of a list off again: that is never more than its first value.
    let deeper = ["properties", "items", "anyOf", "oneOf", "allOf", "$ref"];
    let nested: u64 = deeper.iter().filter_map(|key| property.get(key)).map(|part| encoding.count(&plain(part))).sum();
    PROPERTY + encoding.count(&line) + listed.saturating_sub(if values.is_empty() { 0 } else { ENUM }) + nested
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn without_stop(text: &str) -> &str {
    text.strip_suffix('.').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use tollgate_providers::{Surface, prompt};

    use super::*;

    fn counted(tools: &str, encoding: Encoding) -> u64 {
        let body = format!(r#"{{"tools":{tools}}}"#);
        count(&prompt::read(Surface::ChatCompletions, body.as_bytes()).tools, encoding)
    }

    /// The cookbook's example: with its two messages 101 tokens for gpt-4o, 105 for gpt-4, as the API reports.
    const WEATHER: &str = r#"[{"type":"function","function":{"name":"get_current_weather",
        "description":"Get the current weather in a given location","parameters":{"type":"object","properties":{
        "location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
        "unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},
        "required":["location"]}}}]"#;

    #[test]
    fn the_cookbooks_example_is_counted_as_there() {
        let o200k = Encoding::O200k;
        let lines = [
            "get_current_weather:Get the current weather in a given location",
            "location:string:The city and state, e.g. San Francisco, CA",
            "unit:string:The unit of temperature to return",
            "celsius",
            "fahrenheit",
        ];
        let text: u64 = lines.iter().map(|line| o200k.count(line)).sum();
        assert_eq!(counted(WEATHER, o200k), text + 7 + 3 + 3 + 3 - 3 + 3 + 3 + 12);
        assert_eq!(counted("[]", o200k), 0);
    }

    #[test]
    fn deep_and_odd_schemas_cost_something() {
        let o200k = Encoding::O200k;
        let with = |parameters: &str| counted(&format!(r#"[{{"name":"f","parameters":{parameters}}}]"#), o200k);
        let plain = with(r#"{"type":"object"}"#);
        let long = "word ".repeat(100);
        let deep =
            format!(r#"{{"properties":{{"a":{{"type":"object","properties":{{"b":{{"description":"{long}"}}}}}}}}}}"#);
        assert!(with(&deep) > plain + 100);
        assert!(with(&format!(r#"{{"anyOf":[{{"description":"{long}"}}]}}"#)) > plain + 100);
        assert_eq!(with("null"), plain);
    }
}
