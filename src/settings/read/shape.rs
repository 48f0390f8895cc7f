//! The JSON schema, compiled into what the reader walks along.

use std::sync::LazyLock;

use serde_json::Value;

use super::leaf::{self, Leaf};
use crate::settings::{ObjectKind, objects::policy::POLICY_FORMAT, schema};

/// What a value must look like.
#[derive(Debug)]
pub enum Shape {
    /// A mapping with known fields.
    Object(Object),
    /// A mapping with free keys.
    Map(Box<Shape>),
    /// A list, with the least number of items.
    List(Box<Shape>, u64),
    /// A policy document: text, or its elements as a mapping.
    Policy,
    /// One of these, or a list of them.
    OneOrMany(Box<Shape>),
    /// Text.
    Text {
        /// Its grammar, if it has one.
        leaf: Option<&'static Leaf>,
        /// Never to be repeated in a message.
        secret: bool,
    },
    /// Text with a grammar, or a number that is read like one: sizes, durations.
    Quantity(&'static Leaf),
    /// A whole number in a range.
    Integer {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Any number in a range.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(Vec<String>),
    /// What one of the shapes accepts.
    Either(Vec<Shape>),
}

/// The fields of a mapping.
#[derive(Debug)]
pub struct Object {
    /// The name of the Rust type, which `later` knows it by.
    pub name: String,
    /// Its fields, by name.
    pub fields: Vec<Field>,
}

/// A field of a mapping.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What its value must look like.
    pub shape: Shape,
    /// It must be there.
    pub required: bool,
    /// It may be `null`.
    pub nullable: bool,
}

static SETTINGS: LazyLock<Shape> = LazyLock::new(|| {
    let schema = schema();
    Compiler { definitions: &schema["$defs"] }.shape(&schema, "Settings")
});

/// The shape of the whole configuration.
pub fn settings() -> &'static Shape {
    &SETTINGS
}

/// The shape of one object.
pub fn object(kind: ObjectKind) -> &'static Shape {
    let Shape::Object(root) = settings() else { unreachable!("the configuration is a mapping") };
    let field = root.fields.iter().find(|field| field.name == kind.plural());
    match field.map(|field| &field.shape) {
        Some(Shape::List(item, _)) => item,
        _ => unreachable!("every kind of object has its list in the configuration"),
    }
}

/// The shape of one part of the configuration that is no list of objects.
pub fn part(name: &str) -> &'static Shape {
    let Shape::Object(root) = settings() else { unreachable!("the configuration is a mapping") };
    let field = root.fields.iter().find(|field| field.name == name);
    &field.expect("callers name fields of the configuration").shape
}

struct Compiler<'a> {
    definitions: &'a Value,
}

impl Compiler<'_> {
    fn shape(&self, schema: &Value, name: &str) -> Shape {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            return self.shape(&self.definitions[name], name);
        }
        if let Some(options) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            return self.options(options);
        }
        if let Some(words) = schema["enum"].as_array() {
            return Shape::Choice(words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        self.typed(schema, name)
    }

    /// `Option<T>` is T here: `null` is the field's matter.
    fn options(&self, options: &[Value]) -> Shape {
        let consts = options.iter().map(|option| option["const"].as_str().map(str::to_owned));
        if let Some(words) = consts.collect::<Option<Vec<_>>>() {
            return Shape::Choice(words);
        }
        if let [one, many] = options
            && many["type"] == "array"
            && many["items"] == *one
        {
            return Shape::OneOrMany(Box::new(self.shape(one, "")));
        }
        let mut shapes: Vec<_> =
            options.iter().filter(|option| option["type"] != "null").map(|option| self.shape(option, "")).collect();
        if shapes.len() == 1 { shapes.remove(0) } else { Shape::Either(shapes) }
    }

    fn typed(&self, schema: &Value, name: &str) -> Shape {
        if schema["format"] == POLICY_FORMAT {
            return Shape::Policy;
        }
        let kinds = kinds(schema);
        let leaf = schema["pattern"].as_str().or_else(|| schema["format"].as_str()).and_then(leaf::find);
        match (kinds.as_slice(), leaf) {
            (["string", "integer"], Some(leaf)) => Shape::Quantity(leaf),
            (["object"], _) => self.mapping(schema, name),
            (["array"], _) => {
                Shape::List(Box::new(self.shape(&schema["items"], "")), schema["minItems"].as_u64().unwrap_or(0))
            }
            (["integer"], _) => Shape::Integer {
                min: schema["minimum"].as_u64().unwrap_or(0),
                max: schema["maximum"].as_u64().unwrap_or(u64::from(u32::MAX)),
            },
            (["number"], _) => Shape::Number {
                min: schema["minimum"].as_f64().unwrap_or(f64::MIN),
                max: schema["maximum"].as_f64().unwrap_or(f64::MAX),
            },
            (["boolean"], _) => Shape::Switch,
            _ => Shape::Text { leaf, secret: name == "Secret" },
        }
    }

    fn mapping(&self, schema: &Value, name: &str) -> Shape {
        let Some(properties) = schema["properties"].as_object() else {
            return Shape::Map(Box::new(self.shape(&schema["additionalProperties"], "")));
        };
        let required = schema["required"].as_array();
        let fields = properties.iter().map(|(name, schema)| Field {
            name: name.clone(),
            shape: self.shape(schema, ""),
            required: required.is_some_and(|names| names.iter().any(|required| required == name)),
            nullable: schema.get("default").is_some_and(Value::is_null),
        });
        Shape::Object(Object { name: name.to_owned(), fields: fields.collect() })
    }
}

/// The types of a schema, `null` left out.
fn kinds(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        _ => Vec::new(),
    }
}

impl Shape {
    /// What to write, for messages.
    pub fn expected(&self) -> String {
        match self {
            Self::Object(_) | Self::Map(_) => "a mapping".into(),
            Self::Policy => "the path of a policy document, its XML, or its elements as a mapping".into(),
            Self::OneOrMany(_) => "a mapping or a list of mappings".into(),
            Self::List(..) => "a list".into(),
            Self::Text { leaf: None, .. } => "text".into(),
            Self::Text { leaf: Some(leaf), .. } | Self::Quantity(leaf) => leaf.expected.into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } if *min > f64::MIN => format!("a number from {min} to {max}"),
            Self::Number { .. } => "a number".into(),
            Self::Switch => "true or false".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Either(shapes) => shapes.last().map_or_else(String::new, Self::expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get(key).and_then(Value::as_str));
                fields.values().for_each(|value| texts(value, key, found));
            }
            Value::Array(items) => items.iter().for_each(|value| texts(value, key, found)),
            _ => {}
        }
    }

    #[test]
    fn every_pattern_and_format_of_the_schema_is_checked_by_something() {
        let schema = schema();
        let mut patterns = Vec::new();
        texts(&schema, "pattern", &mut patterns);
        texts(&schema, "format", &mut patterns);
        let numeric = ["uint8", "uint16", "uint32", "uint64", "uint", "double", "auto", POLICY_FORMAT];
        for pattern in patterns.into_iter().filter(|pattern| !numeric.contains(pattern)) {
            assert!(leaf::find(pattern).is_some(), "no row in leaf.rs for {pattern}");
        }
    }

    #[test]
    fn every_object_has_a_shape_with_its_identifier() {
        for kind in ObjectKind::ALL {
            let Shape::Object(shape) = object(kind) else { panic!("{kind:?}") };
            assert!(shape.fields.iter().any(|field| field.required && field.name == kind.key()), "{kind:?}");
        }
    }
}
