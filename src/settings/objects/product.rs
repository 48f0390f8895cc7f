//! Products: bundles of APIs and models that subscriptions give access to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{ApiId, GroupId, ProductId, WorkspaceId};

use super::{Limits, PolicySource, yes};
use crate::settings::CacheRules;

/// A bundle of APIs and models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Identifier: subscriptions name it.
    pub id: ProductId,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// What it offers, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether new subscriptions wait for an administrator.
    #[serde(default)]
    pub approval: Approval,
    /// APIs it gives access to. Left out: all of its workspace.
    #[serde(default)]
    pub apis: Option<Vec<ApiId>>,
    /// Models its keys may use. Left out: all of its workspace.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// Groups whose users may subscribe. Left out: every user.
    #[serde(default)]
    pub groups: Option<Vec<GroupId>>,
    /// Whether calls need a key. `false` opens its APIs.
    #[serde(default = "yes")]
    pub subscription_required: bool,
    /// What it may consume: each of its subscriptions, unless `per` says otherwise. One mapping, or a list of them.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Time zone (IANA) of the calendar windows of limits, such as `Europe/Berlin`. Left out: UTC.
    #[serde(default)]
    #[schemars(extend("format" = "time-zone"))]
    pub time_zone: Option<String>,
    /// Policy document: the path of an XML or YAML file, the XML itself, or its elements as YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySource>,
    /// What it does otherwise than the top level's `cache`. Left out: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRules>,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

/// Whether new subscriptions wait for an administrator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// Active at once.
    #[default]
    None,
    /// Created `submitted`; an administrator activates or rejects.
    Required,
}
