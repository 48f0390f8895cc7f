//! APIs: what is offered on the gateway port, their operations and versions.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{ApiId, BackendId, OperationId, PoolId, WorkspaceId};

use super::{HttpCache, Limits, PolicySource, yes};

/// An API offered on the gateway port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Identifier: products and scopes name it.
    pub id: ApiId,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// `models`: the model surfaces below `path`; `http`: any HTTP service.
    pub kind: ApiKind,
    /// Path prefix, beginning with `/`; the longest match wins and is stripped before the backend.
    pub path: String,
    /// Hosts it answers to, without scheme and port. Left out: all.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Backend of an http API. Either this or `pool`.
    #[serde(default)]
    pub backend: Option<BackendId>,
    /// Pool of an http API. Either this or `backend`.
    #[serde(default)]
    pub pool: Option<PoolId>,
    /// OpenAPI document (JSON or YAML file, Swagger 2.0 or OpenAPI 3) that names its operations; anything else is 404.
    #[serde(default)]
    #[schemars(extend("format" = "file"))]
    pub openapi: Option<PathBuf>,
    /// Its operations. Left out, and no `openapi`: everything passes.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// How versions of the API are told apart.
    #[serde(default)]
    pub versioning: Option<Versioning>,
    /// Whether calls need a key.
    #[serde(default = "yes")]
    pub subscription_required: bool,
    /// Names of the key's places, when the usual ones are taken.
    #[serde(default)]
    pub key_names: Option<KeyNames>,
    /// What it may consume by all callers together, unless `per` says otherwise. One mapping, or a list of them.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Keeps answers of an http API to GET requests and gives them again. Left out: nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<HttpCache>,
    /// Policy document: the path of an XML or YAML file, the XML itself, or its elements as YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySource>,
    /// Policy documents of operations by their id, for those of an OpenAPI document.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub operation_policies: BTreeMap<String, PolicySource>,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

impl Api {
    /// An API with nothing but defaults.
    #[must_use]
    pub fn new(id: &str, kind: ApiKind, path: &str) -> Self {
        Self {
            id: id.into(),
            title: None,
            kind,
            path: path.to_owned(),
            hosts: Vec::new(),
            backend: None,
            pool: None,
            openapi: None,
            operations: Vec::new(),
            versioning: None,
            subscription_required: true,
            key_names: None,
            limits: Limits::default(),
            cache: None,
            policy: None,
            operation_policies: BTreeMap::new(),
            workspace: None,
        }
    }

    /// An http API in front of one backend, with nothing but defaults.
    #[must_use]
    pub fn http(id: &str, path: &str, backend: &str) -> Self {
        Self { backend: Some(backend.into()), ..Self::new(id, ApiKind::Http, path) }
    }
}

/// What an API is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApiKind {
    /// The surfaces of OpenAI, Azure OpenAI, Anthropic and Gemini.
    Models,
    /// Any HTTP service.
    Http,
}

/// An operation of an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Identifier inside its API.
    pub id: OperationId,
    /// HTTP method, upper case.
    pub method: String,
    /// Path template below the API's, such as `/orders/{id}`; `*` at the end matches the rest.
    pub path: String,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// Keeps answers of this operation by rules of its own, in place of the API's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<HttpCache>,
    /// Policy document: the path of an XML or YAML file, the XML itself, or its elements as YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySource>,
}

/// How versions of an API are told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Versioning {
    /// Where the version is read.
    pub scheme: VersionScheme,
    /// This API's version, such as `v1`.
    pub version: String,
    /// Name of the header or query parameter. Left out: `api-version`.
    #[serde(default)]
    pub name: Option<String>,
}

/// Where an API's version is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionScheme {
    /// A path segment after the API's path.
    Path,
    /// A header.
    Header,
    /// A query parameter.
    Query,
}

/// Own names of the key's places; the usual ones are not read then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyNames {
    /// Header that carries the key.
    #[serde(default)]
    pub header: Option<String>,
    /// Query parameter that carries the key.
    #[serde(default)]
    pub query: Option<String>,
}
