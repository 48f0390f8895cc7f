//! Models: the names that callers write in `model`, and what answers to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BackendId, PoolId, WorkspaceId};

use super::{Limits, Rates};
use crate::settings::CacheRules;

/// What callers write in `model`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name callers use.
    pub name: String,
    /// The pool that answers. Either this or `backend`.
    #[serde(default)]
    pub pool: Option<PoolId>,
    /// The backend that answers. Either this or `pool`.
    #[serde(default)]
    pub backend: Option<BackendId>,
    /// The model's name (Azure: deployment) at the backend. Left out: the same name.
    #[serde(default)]
    pub upstream_model: Option<String>,
    /// A model with a larger context window that takes over when a prompt is too long for this one.
    #[serde(default)]
    pub larger_context: Option<String>,
    /// Most tokens that one answer of it can have, reasoning included. Left out: known for well-known models; where it
    /// is not, strict limits ask callers for `max_tokens`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_output_tokens: Option<u32>,
    /// What it costs. Left out: as `prices` or the built-in table say.
    #[serde(default)]
    pub price: Option<Rates>,
    /// What it may consume by all callers together, unless `per` says otherwise. One mapping, or a list of them.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What it does otherwise than the top level's `cache`. Left out: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRules>,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}
