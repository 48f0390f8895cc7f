//! Pools: backends that share load and stand in for each other.
//!
//! The choosing itself is `outbound`'s and the gateway's.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BackendId, HumanDuration, PoolId, WorkspaceId};

/// A group of backends that share load and stand in for each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Identifier: models and APIs name it.
    pub id: PoolId,
    /// How the member is chosen inside a priority group.
    #[serde(default)]
    pub balance: Balance,
    /// What keeps a caller at one member: `none`, `subscription`, `user`, `conversation`, `cookie`, `header:NAME`.
    #[serde(default)]
    pub session_affinity: Affinity,
    /// The backends.
    #[schemars(length(min = 1))]
    pub members: Vec<Member>,
    /// Trying again, at the same or another member, before the first byte has gone to the caller.
    #[serde(default)]
    pub retry: Retry,
    /// Let breakers take out the last member too. Without it the last one is kept trying, as a slow answer is
    /// better than none.
    #[serde(default)]
    pub eject_last: bool,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

/// How a member is chosen inside a priority group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// In turn.
    #[default]
    RoundRobin,
    /// In proportion to `weight`.
    Weighted,
    /// The lowest moving average of time to first byte that reacts to peaks at once.
    LeastLatency,
    /// The fewest exchanges in flight for its weight.
    LeastBusy,
}

/// What keeps a caller at one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("format" = "session-affinity"))]
pub enum Affinity {
    /// Nothing. A `previous_response_id` still goes where that response is stored.
    #[default]
    None,
    /// The subscription.
    Subscription,
    /// The body's `user` or the subscription's user.
    User,
    /// The system prompt and first user message: keeps a provider's prompt cache warm.
    Conversation,
    /// A cookie that we set.
    Cookie,
    /// A request header.
    Header(String),
}

impl TryFrom<String> for Affinity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "none" => Self::None,
            "subscription" => Self::Subscription,
            "user" => Self::User,
            "conversation" => Self::Conversation,
            "cookie" => Self::Cookie,
            other => match other.strip_prefix("header:") {
                Some(name) if http::HeaderName::try_from(name).is_ok() => Self::Header(name.to_ascii_lowercase()),
                _ => {
                    return Err(format!(
                        "`{other}` is not none, subscription, user, conversation, cookie or header:NAME"
                    ));
                }
            },
        })
    }
}

impl From<Affinity> for String {
    fn from(affinity: Affinity) -> Self {
        match affinity {
            Affinity::None => "none".into(),
            Affinity::Subscription => "subscription".into(),
            Affinity::User => "user".into(),
            Affinity::Conversation => "conversation".into(),
            Affinity::Cookie => "cookie".into(),
            Affinity::Header(name) => format!("header:{name}"),
        }
    }
}

/// A backend's place in a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The backend.
    pub backend: BackendId,
    /// Lower goes first; the next group gets only what the lower ones cannot take.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub priority: u32,
    /// Share inside its group, for `balance: weighted` and `least-busy`.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
    /// The model's name at this member, when it differs from the model's own `upstream_model`.
    #[serde(default)]
    pub upstream_model: Option<String>,
}

fn one() -> u32 {
    1
}

/// Trying again inside one request, before the first content byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: u32,
    /// No new attempt after this much time since the request came.
    pub deadline: HumanDuration,
    /// Do not try again when the failure itself took longer than this: a caller who waited a minute for a timeout
    /// does not want to wait another.
    pub only_after_fast_failures: Option<HumanDuration>,
    /// Also repeat a plain API's POST or PATCH after bytes of it reached a backend. Only for services that take the
    /// same request twice without harm.
    pub non_idempotent: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 4,
            deadline: HumanDuration(Duration::from_mins(2)),
            only_after_fast_failures: None,
            non_idempotent: false,
        }
    }
}
