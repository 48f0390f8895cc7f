//! Settings of the objects that the admin API manages too: one shape for the file, the API and the database.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_providers::Kind;

use crate::model::{
    ApiId, BackendId, GroupId, HumanDuration, OperationId, PoolId, ProductId, Secret, SubscriptionId, UserId,
    WorkspaceId,
};

/// Where requests are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Identifier.
    pub id: BackendId,
    /// What speaks there.
    pub kind: Kind,
    /// Base URL, as that vendor's SDK calls it. Left out: the vendor's own.
    #[serde(default)]
    pub url: Option<String>,
    /// The credential, where there is one. Several: `credentials`.
    #[serde(default)]
    pub key: Option<Secret>,
    /// Several credentials: used in turn, each benched alone when the backend refuses or throttles it.
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// Header that carries the key, for kind `http`; the other kinds know theirs.
    #[serde(default)]
    pub key_header: Option<String>,
    /// `api-version` for azure-openai when the caller did not name one. Left out: the `/openai/v1` surface is used.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Waiting times.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Rules that take the backend out for a while. Left out: 5 failures in 60 s open it for 30 s.
    #[serde(default)]
    pub circuit_breaker: Option<Vec<BreakerRule>>,
    /// HTTP version spoken to the backend.
    #[serde(default)]
    pub http: HttpVersion,
    /// Certificates.
    #[serde(default)]
    pub tls: BackendTls,
    /// Forward proxy: `http://host:port`.
    #[serde(default)]
    pub proxy: Option<String>,
    /// Active health check.
    #[serde(default)]
    pub health: Option<HealthCheck>,
    /// Names and quotes in requests and answers are passed through; these headers are added to each request.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Keep reading a model's answer after the client has gone, so that its usage is known (bounded: 30 s).
    #[serde(default)]
    pub drain_on_disconnect: bool,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

/// One credential of a backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The secret.
    pub key: Secret,
}

/// Waiting times of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// TCP and TLS.
    pub connect: HumanDuration,
    /// From the request's end to the answer's head. Reasoning models may think for minutes.
    pub first_byte: HumanDuration,
    /// Longest silence inside an answer.
    pub idle: HumanDuration,
    /// The whole attempt.
    pub total: HumanDuration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: HumanDuration(Duration::from_secs(5)),
            first_byte: HumanDuration(Duration::from_mins(10)),
            idle: HumanDuration(Duration::from_mins(5)),
            total: HumanDuration(Duration::from_mins(30)),
        }
    }
}

/// A rule that opens the breaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerRule {
    /// Open after this many failures inside the interval.
    #[serde(default)]
    pub failures: Option<u32>,
    /// Open when this share of requests inside the interval failed (at least 10 requests), 1 to 100.
    #[serde(default)]
    pub percentage: Option<u8>,
    /// Over which failures are counted.
    pub interval: HumanDuration,
    /// How long it stays open at first; doubles (with jitter) each time the probe fails, up to 16 times.
    pub open_for: HumanDuration,
    /// What counts as a failure: statuses (`429`), classes (`5xx`), ranges (`500-504`), `connect`, `timeout`.
    pub on: Vec<FailureCondition>,
    /// Stay open at least as long as the backend's Retry-After says.
    #[serde(default)]
    pub accept_retry_after: bool,
}

/// One entry of a breaker rule's `on`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FailureCondition {
    /// A status.
    Status(#[schemars(range(min = 100, max = 599))] u16),
    /// `5xx`, `500-504`, `connect`, `timeout`.
    Named(#[schemars(regex(pattern = r"^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?|connect|timeout)$"))] String),
}

/// HTTP version spoken to a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.1 in the clear; over TLS what ALPN settles.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1 only.
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 only (prior knowledge in the clear).
    #[serde(rename = "2")]
    Http2,
}

/// Certificates towards a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackendTls {
    /// PEM file of the authorities to trust instead of the public ones.
    pub ca: Option<PathBuf>,
    /// PEM file of our client certificate (mTLS).
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// Name to verify instead of the URL's host.
    pub server_name: Option<String>,
}

/// Active health check: a failing backend is taken out before callers notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// Path requested with GET.
    pub path: String,
    /// Time between checks.
    #[serde(default = "ten_seconds")]
    pub interval: HumanDuration,
    /// Time one check may take.
    #[serde(default = "two_seconds")]
    pub timeout: HumanDuration,
    /// Failures in a row that take it out.
    #[serde(default = "three")]
    pub unhealthy_after: u32,
    /// Successes in a row that bring it back.
    #[serde(default = "two")]
    pub healthy_after: u32,
}

fn ten_seconds() -> HumanDuration {
    HumanDuration(Duration::from_secs(10))
}
fn two_seconds() -> HumanDuration {
    HumanDuration(Duration::from_secs(2))
}
fn three() -> u32 {
    3
}
fn two() -> u32 {
    2
}

/// A group of backends that share load and stand in for each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Identifier.
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
    /// Trying again, at the same or another member.
    #[serde(default)]
    pub retry: Retry,
    /// Let breakers take out the last member too.
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
    /// Share inside its group.
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
    /// No new attempt after this much time.
    pub deadline: HumanDuration,
    /// Do not try again when the failure itself took longer than this.
    pub only_after_fast_failures: Option<HumanDuration>,
    /// Also repeat a plain API's POST or PATCH after bytes of it reached a backend.
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

/// A bundle of APIs and models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Identifier.
    pub id: ProductId,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// For people.
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
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

fn yes() -> bool {
    true
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

/// A key's owner, scope and state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Identifier.
    pub id: SubscriptionId,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// The product. Either this or `scope`.
    #[serde(default)]
    pub product: Option<ProductId>,
    /// `product:ID`, `api:ID` or `all`. Either this or `product`.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Primary key; the file may carry any value of 16 characters or more. Generated when the API creates one.
    #[serde(default)]
    pub key: Option<Secret>,
    /// Secondary key, for rotation without an outage.
    #[serde(default)]
    pub secondary_key: Option<Secret>,
    /// State.
    #[serde(default)]
    pub state: State,
    /// No longer valid from this moment (RFC 3339).
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub expires: Option<jiff::Timestamp>,
    /// Models it may use, further narrowing its product's.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// The user it belongs to.
    #[serde(default)]
    pub user: Option<UserId>,
    /// Free labels for reports, such as `cost_centre`.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
}

/// What a subscription gives access to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// One product.
    Product(ProductId),
    /// One API.
    Api(ApiId),
    /// All APIs of its workspace.
    All,
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("product", id)) if !id.is_empty() => Ok(Self::Product(id.into())),
            Some(("api", id)) if !id.is_empty() => Ok(Self::Api(id.into())),
            _ => Err(format!("`{text}` is not product:ID, api:ID or all")),
        }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Product(id) => format!("product:{id}"),
            Scope::Api(id) => format!("api:{id}"),
            Scope::All => "all".into(),
        }
    }
}

/// State of a subscription (APIM's six). Only `active` lets requests through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Waits for approval.
    Submitted,
    /// In use.
    #[default]
    Active,
    /// Blocked by an administrator; can be activated again.
    Suspended,
    /// Approval was refused.
    Rejected,
    /// Ended by its owner or an administrator.
    Cancelled,
    /// Past its end.
    Expired,
}

/// An API offered on the gateway port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Identifier.
    pub id: ApiId,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// `models`: the model surfaces below `path`; `http`: any HTTP service.
    pub kind: ApiKind,
    /// Path prefix; the longest match wins and is stripped.
    pub path: String,
    /// Hosts it answers to. Left out: all.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Backend of an http API. Either this or `pool`.
    #[serde(default)]
    pub backend: Option<BackendId>,
    /// Pool of an http API.
    #[serde(default)]
    pub pool: Option<PoolId>,
    /// OpenAPI document (JSON or YAML file) that names its operations.
    #[serde(default)]
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
    /// Workspace that owns it. Left out: shared.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
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
    /// HTTP method.
    pub method: String,
    /// Path template below the API's, such as `/orders/{id}`; `*` at the end matches the rest.
    pub path: String,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
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
    /// Header.
    #[serde(default)]
    pub header: Option<String>,
    /// Query parameter.
    #[serde(default)]
    pub query: Option<String>,
}

/// A tenant inside one gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// Identifier.
    pub id: WorkspaceId,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
}

/// A person who owns subscriptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// A blocked user's subscriptions are refused.
    #[serde(default)]
    pub blocked: bool,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<GroupId>,
}

/// A group of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Identifier.
    pub id: GroupId,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
}
