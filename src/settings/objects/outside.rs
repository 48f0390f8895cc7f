//! What policies reach outside the exchange by name: certificates, sources of tokens, loggers.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{HumanDuration, Secret};

/// A certificate that policies name by its id or thumbprint: shown to backends (`authentication-certificate`), used to
/// sign and to verify (`context.Deployment.Certificates`, `validate-jwt`, `validate-client-certificate`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Identifier.
    pub id: String,
    /// A PEM file: the certificate first, then its chain. Either this or `pem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "file"))]
    pub file: Option<PathBuf>,
    /// A PEM file with the private key. Left out: the certificate can verify, not sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "file"))]
    pub key_file: Option<PathBuf>,
    /// The certificate and its chain as PEM text, for the admin API. Either this or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// The private key as PEM text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
}

/// Where `authentication-managed-identity` and `get-authorization-context` get their tokens: OAuth 2 client
/// credentials at a token service, or a fixed token.
///
/// The source whose `resources` has the policy's `resource` is used (a `client-id` of the policy that is the `id` or
/// `client_id` of a source chooses among them), then the one marked `default`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSource {
    /// Identifier.
    pub id: String,
    /// Resources that it gives tokens for, such as `https://cognitiveservices.azure.com`. A slash at the end makes no
    /// difference.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Used for every resource that no other source names. One source at most.
    #[serde(default)]
    pub default: bool,
    /// A fixed token, by `${NAME}` or `${file:PATH}`. Either this or `token_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The token service, such as `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// Client id at the token service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Client secret at the token service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// Where client id and secret go: into the `body`, or into the header as `basic` authentication.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// `scope` of the token request; `{resource}` in it is replaced by the policy's resource. Entra ID wants
    /// `{resource}/.default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// More form fields of the token request, such as `audience` or `resource`; `{resource}` is replaced in them too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Secret>,
    /// How long before its end a token is replaced.
    #[serde(default = "margin")]
    pub margin: HumanDuration,
}

/// How a client shows who it is at the token service (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// As form fields.
    #[default]
    Body,
    /// As HTTP basic authentication.
    Basic,
}

fn margin() -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs(60))
}

/// Where `log-to-eventhub` sends its messages: an HTTP collector or a file. Messages wait in a bounded queue and are sent
/// in batches; what does not fit is dropped and counted, no request waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logger {
    /// Identifier: the policy's `logger-id`.
    pub id: String,
    /// Receives each batch by POST as a JSON list. Either this or `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Headers of the POST, such as an authorization.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// A file that each message is appended to as one JSON line; absolute or relative to the configuration file. Only in
    /// the configuration file, not by the admin API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Messages that may wait.
    #[serde(default = "queue")]
    pub queue: u32,
    /// Messages of one batch at most.
    #[serde(default = "batch")]
    pub batch: u32,
    /// How long a message may wait for others.
    #[serde(default = "interval")]
    pub interval: HumanDuration,
}

fn queue() -> u32 {
    10_000
}

fn batch() -> u32 {
    100
}

fn interval() -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs(1))
}
