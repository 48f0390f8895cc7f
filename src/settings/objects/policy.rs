//! Policy documents as settings: where the text comes from. What it means is read by `policy`, compiled by `policies`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Secret;

/// The `format` in the schema by which the reader of settings knows a policy document.
pub const POLICY_FORMAT: &str = "policy-document";

/// A policy document, with its text. In a configuration file it is the path of an XML or YAML file, the XML itself, or
/// the same elements as YAML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// XML. Either this or `elements`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xml: Option<String>,
    /// The elements as YAML wrote them. Either this or `xml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elements: Option<Value>,
    /// The file that it was read from; absent: it stands in the configuration itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line and column (from 1) of each of `elements`, by its path such as `inbound[0].set-header`, and of the whole
    /// under the empty path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marks: BTreeMap<String, (usize, usize)>,
}

impl PolicySource {
    /// XML that stands in no file.
    #[must_use]
    pub fn of_xml(xml: &str) -> Self {
        Self { xml: Some(xml.to_owned()), elements: None, file: None, marks: BTreeMap::new() }
    }
}

impl JsonSchema for PolicySource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PolicySource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "format": POLICY_FORMAT,
            "description": "A policy document: the path of an XML or YAML file, the XML itself, or its elements as YAML.",
        })
    }
}

/// Documents that belong to no object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policies {
    /// Applies to all APIs: the widest scope.
    pub global: Option<PolicySource>,
    /// What becomes of parts of documents that cannot run here. `refuse`: the configuration is refused with their
    /// places; `fail-when-reached`: it loads, and a request that gets there fails with 500. Nothing is skipped.
    pub on_unsupported: OnUnsupported,
}

/// What becomes of parts of documents that cannot run here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnsupported {
    /// The configuration is refused.
    #[default]
    Refuse,
    /// A request that gets there fails.
    FailWhenReached,
}

/// A value that policy documents name as `{{id}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedValue {
    /// The name inside the braces.
    pub id: String,
    /// The value: text, or an expression. `${NAME}` and `${file:PATH}` take it from the environment or a file.
    pub value: Secret,
    /// Whether it is masked wherever it is shown. Written by `value: ${...}` it still has to be said.
    #[serde(default)]
    pub secret: bool,
    /// Tags, for people.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A part that documents include by `<include-fragment fragment-id="..." />`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFragment {
    /// Identifier.
    pub id: String,
    /// What it does, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The document, with `fragment` as its root.
    pub policy: PolicySource,
}
