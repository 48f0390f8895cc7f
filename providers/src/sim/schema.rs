//! A value that satisfies a JSON Schema, chosen by a seed: for structured answers and tool arguments.
//!
//! Understood: types (also Gemini's upper-case ones), enum, const, properties, required, items, prefixItems, bounds
//! of length, count and size, multipleOf, format, `$ref` within the document, allOf, anyOf, oneOf. Deliberately not
//! here: `pattern`, `not` and conditional schemas; a value may fail those.

use serde_json::{Map, Value, json};

/// Beyond this depth only what is required is made.
const GENEROUS_DEPTH: usize = 5;
/// A schema that needs more is endless.
const MOST_DEPTH: usize = 40;

/// A value for `schema`; the same for the same seed.
pub(super) fn sample(schema: &Value, seed: u64) -> Value {
    let mut sampler = Sampler { root: schema, state: seed };
    let value = sampler.value(schema, 0);
    // Tool arguments without a schema are an object.
    if schema.is_null() { json!({}) } else { value }
}

/// One step of the splitmix64 generator.
pub(super) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

struct Sampler<'a> {
    root: &'a Value,
    state: u64,
}

impl Sampler<'_> {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.state = mix(self.state);
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.state % bound).unwrap_or(0)
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if depth > MOST_DEPTH {
            return Value::Null;
        }
        let schema = self.flattened(schema, depth);
        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array).filter(|list| !list.is_empty()) {
            return options[self.below(options.len())].clone();
        }
        match type_of(&schema).as_str() {
            "object" => self.object(&schema, depth),
            "array" => self.array(&schema, depth),
            "string" => self.string(&schema).into(),
            "integer" => self.number(&schema, true),
            "number" => self.number(&schema, false),
            "boolean" => (self.below(2) == 0).into(),
            _ => Value::Null,
        }
    }

    /// The schema with references followed, `allOf` merged and one alternative chosen.
    fn flattened(&mut self, schema: &Value, depth: usize) -> Value {
        let mut schema = schema.clone();
        for _ in 0..MOST_DEPTH {
            let Some(part) = self.next_part(&mut schema, depth) else { break };
            merge(&mut schema, part);
        }
        schema
    }

    /// Takes out the next indirection of a schema.
    fn next_part(&mut self, schema: &mut Value, depth: usize) -> Option<Value> {
        let object = schema.as_object_mut()?;
        if let Some(reference) = object.remove("$ref") {
            let pointer = reference.as_str()?.strip_prefix('#')?;
            return self.root.pointer(pointer).cloned();
        }
        if let Some(Value::Array(parts)) = object.remove("allOf") {
            let mut all = json!({});
            for part in parts {
                merge(&mut all, part);
            }
            return Some(all);
        }
        let alternatives = object.remove("anyOf").or_else(|| object.remove("oneOf"))?;
        let all = alternatives.as_array()?;
        let is_null = |option: &&Value| option["type"] == "null" || option["type"] == "NULL";
        let end_here = all.iter().find(|option| depth > GENEROUS_DEPTH && is_null(option));
        end_here.or_else(|| all.iter().find(|option| !is_null(option))).or(all.first()).cloned()
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut made = Map::new();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if depth < GENEROUS_DEPTH || required.contains(&name.as_str()) {
                made.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        let additional = &schema["additionalProperties"];
        for name in required {
            if !made.contains_key(name) {
                made.insert(name.to_owned(), self.value(additional, depth + 1));
            }
        }
        let least = size(&schema["minProperties"]).unwrap_or(0);
        for number in made.len()..least {
            made.insert(format!("key{number}"), self.value(additional, depth + 1));
        }
        made.into()
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let fixed = schema["prefixItems"].as_array().map(Vec::as_slice).unwrap_or_default();
        let usual = if depth < GENEROUS_DEPTH { fixed.len().max(1) } else { fixed.len() };
        let least = size(&schema["minItems"]).unwrap_or(usual);
        let count = least.min(size(&schema["maxItems"]).unwrap_or(usize::MAX)).min(1000);
        let mut made: Vec<Value> = Vec::new();
        for at in 0..count {
            let item = fixed.get(at).unwrap_or(&schema["items"]);
            let mut value = self.value(item, depth + 1);
            for _ in 0..16 {
                if schema["uniqueItems"] != true || !made.contains(&value) {
                    break;
                }
                value = self.value(item, depth + 1);
            }
            made.push(value);
        }
        made.into()
    }

    fn string(&mut self, schema: &Value) -> String {
        let words = ["amber", "birch", "cobalt", "delta", "ember", "fjord", "grove", "heron"];
        let word = words[self.below(words.len())];
        let text = match schema["format"].as_str() {
            Some("date") => "2024-05-17".to_owned(),
            Some("time") => "12:30:00Z".to_owned(),
            Some("date-time") => "2024-05-17T12:30:00Z".to_owned(),
            Some("duration") => "PT1H".to_owned(),
            Some("email") => format!("{word}@example.org"),
            Some("uuid") => "7d444840-9dc0-41d1-a245-5ffdce74fad2".to_owned(),
            Some("uri" | "url") => format!("https://example.org/{word}"),
            Some("hostname") => format!("{word}.example.org"),
            Some("ipv4") => "192.0.2.1".to_owned(),
            Some("ipv6") => "2001:db8::1".to_owned(),
            _ => word.to_owned(),
        };
        let least = size(&schema["minLength"]).unwrap_or(0).min(100_000);
        let most = size(&schema["maxLength"]).unwrap_or(usize::MAX);
        let padded = format!("{text}{}", "x".repeat(least.saturating_sub(text.len())));
        padded.chars().take(most).collect()
    }

    fn number(&mut self, schema: &Value, whole: bool) -> Value {
        let bound = |name: &str| schema[name].as_f64();
        let unit = bound("multipleOf").filter(|unit| *unit > 0.0).unwrap_or(if whole { 1.0 } else { 0.5 });
        // Draft 4 and OpenAPI 3.0 write the exclusive bounds as flags.
        let flagged = |flag: &str, name: &str| (schema[flag] == true).then(|| bound(name)).flatten();
        let above = bound("exclusiveMinimum").or_else(|| flagged("exclusiveMinimum", "minimum"));
        let below = bound("exclusiveMaximum").or_else(|| flagged("exclusiveMaximum", "maximum"));
        let least = above.map(|x| (x / unit).floor() + 1.0).or_else(|| bound("minimum").map(|x| (x / unit).ceil()));
        let most = below.map(|x| (x / unit).ceil() - 1.0).or_else(|| bound("maximum").map(|x| (x / unit).floor()));
        let step = f64::from(u8::try_from(self.below(10)).unwrap_or(0));
        let multiple = match (least, most) {
            (None, None) => step,
            (Some(least), None) => least + step,
            (None, Some(most)) => most - step,
            (Some(least), Some(most)) => (least + step).min(most),
        };
        number_value(multiple * unit, whole, bound("minimum").or(above), bound("maximum").or(below))
    }
}

/// A JSON number. Where the bounds leave no multiple of the step between them, their middle must do.
fn number_value(value: f64, whole: bool, least: Option<f64>, most: Option<f64>) -> Value {
    let outside = least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most);
    let value = match (least, most) {
        (Some(least), Some(most)) if outside && !whole => f64::midpoint(least, most),
        _ => value,
    };
    if whole { format!("{value:.0}").parse::<i64>().map_or(Value::Null, Value::from) } else { json!(value) }
}

fn type_of(schema: &Value) -> String {
    let listed = schema["type"].as_array().and_then(|types| types.iter().find(|kind| **kind != "null"));
    let named = listed.unwrap_or(&schema["type"]).as_str().map(str::to_ascii_lowercase);
    let has = |names: &[&str]| names.iter().any(|name| schema.get(name).is_some());
    named.unwrap_or_else(|| {
        let kind = if has(&["properties", "required", "minProperties"]) {
            "object"
        } else if has(&["items", "prefixItems", "minItems"]) {
            "array"
        } else if has(&["minimum", "maximum", "multipleOf"]) {
            "number"
        } else {
            "string"
        };
        kind.to_owned()
    })
}

/// A size, also as Gemini spells it: a string.
fn size(value: &Value) -> Option<usize> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    usize::try_from(number).ok()
}

/// Adds the members of `part` to `schema`; properties and required names of both count.
fn merge(schema: &mut Value, part: Value) {
    let (Some(into), Value::Object(part)) = (schema.as_object_mut(), part) else { return };
    for (name, value) in part {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) if name == "properties" => mine.extend(theirs),
            (Some(Value::Array(mine)), Value::Array(theirs)) if name == "required" => mine.extend(theirs),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(name, value);
            }
        }
    }
}
