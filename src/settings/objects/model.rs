//! Models: the names that callers write in `model`, and what answers to them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BackendId, PoolId, WorkspaceId};

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
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}
