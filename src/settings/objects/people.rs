//! Workspaces, users and groups: who owns things.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{GroupId, UserId, WorkspaceId};

use super::{Limits, PolicySource};

/// A tenant inside one gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Identifier.
    pub id: WorkspaceId,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// Policy document: the path of an XML or YAML file, the XML itself, or its elements as YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySource>,
}

/// A person who owns subscriptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// A blocked user's subscriptions are refused.
    #[serde(default)]
    pub blocked: bool,
    /// Groups that the user is in.
    #[serde(default)]
    pub groups: Vec<GroupId>,
    /// What it may consume with all subscriptions together. One mapping, or a list of them.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
}

/// A group of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Identifier.
    pub id: GroupId,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
}
