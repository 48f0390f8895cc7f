//! A trial of a document: the request, what is known of it, what backends and others answer, and what is expected.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::Value as Json;

use crate::model::HumanDuration;

/// A trial.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub title: Option<String>,
    /// The caller's request.
    pub request: Request,
    /// What `context` tells beside the request.
    pub context: Context,
    /// `context.Variables` from before: text, numbers and switches; a list or mapping is a `JArray` or `JObject`.
    pub variables: BTreeMap<String, Json>,
    /// What `cache-lookup-value` finds, as `variables`.
    pub cached: BTreeMap<String, Json>,
    /// Named values.
    pub named_values: BTreeMap<String, String>,
    /// Fragments, as XML or YAML text.
    pub fragments: BTreeMap<String, String>,
    /// The section that a fragment is played in; left out: the first that it can stand in.
    pub section: Option<String>,
    /// What the backend answers, one after the other; the last goes on.
    pub answers: Vec<Answer>,
    /// What others answer to side calls, by the longest beginning of the URL.
    pub calls: Vec<Call>,
    /// When it is played (RFC 3339).
    pub now: Option<jiff::Timestamp>,
    /// What has to come out.
    pub expect: Option<Expect>,
}

/// A request.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Whole URL, or path and query.
    pub url: String,
    /// Headers; a list for one that is there several times.
    pub headers: BTreeMap<String, Lines>,
    /// Body: text, or a value that is sent as JSON.
    pub body: Option<Json>,
    /// The caller's address; left out: this machine's own, 127.0.0.1.
    pub ip: Option<std::net::IpAddr>,
    /// Parameters of the operation's template.
    pub matched: BTreeMap<String, String>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            url: "/".to_owned(),
            headers: BTreeMap::new(),
            body: None,
            ip: None,
            matched: BTreeMap::new(),
        }
    }
}

/// A header's value, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Lines {
    /// One.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl Lines {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(line) => std::slice::from_ref(line),
            Self::Many(lines) => lines,
        }
    }
}

/// What `context` tells of the configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// `context.Api`: `id`, `name`, `path`, `version`, `service_url`.
    pub api: BTreeMap<String, String>,
    /// `context.Operation`: `id`, `name`, `method`, `url_template`.
    pub operation: BTreeMap<String, String>,
    /// `context.Product`: `id`, `name`.
    pub product: BTreeMap<String, String>,
    /// `context.Subscription`: `id`, `name`, `key`.
    pub subscription: BTreeMap<String, String>,
    /// `context.User`: `id`, `name`, `email`.
    pub user: BTreeMap<String, String>,
    /// `context.User.Groups`, by id.
    pub groups: Vec<String>,
    /// `context.Deployment`: `region`, `service_name`, `gateway_id`.
    pub deployment: BTreeMap<String, String>,
    /// `context.RequestId`.
    pub request_id: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: BTreeMap<String, Lines>,
    /// Body: text, or a value that is sent as JSON.
    pub body: Option<Json>,
    /// How long it takes.
    pub after: HumanDuration,
    /// There is no answer: `timeout` or `connect`.
    pub fails: Option<Fails>,
}

impl Default for Answer {
    fn default() -> Self {
        Self { status: 200, headers: BTreeMap::new(), body: None, after: HumanDuration(Duration::ZERO), fails: None }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fails {
    /// No answer in time.
    Timeout,
    /// No connection.
    Connect,
}

/// What a side call is answered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Call {
    /// Beginning of its URL.
    pub url: String,
    /// The answer.
    pub answer: Answer,
}

/// What has to come out; what is not named may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Requests that the backend saw, all of them in order.
    pub sent: Option<Vec<Message>>,
    /// Side calls, all of them in order.
    pub called: Option<Vec<Message>>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Reason phrase of the answer.
    pub reason: Option<String>,
    /// Headers of the answer; null: not there.
    pub headers: BTreeMap<String, Option<String>>,
    /// Body of the answer: text, or a value that it has to be as JSON.
    pub body: Option<Json>,
    /// Parts of the body's text.
    pub body_contains: Vec<String>,
    /// Variables at the end, as text; null: not there.
    pub variables: BTreeMap<String, Option<String>>,
    /// What `cache-lookup-value` would find afterwards, as text; null: nothing.
    pub cached: BTreeMap<String, Option<String>>,
}

/// A request that was sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// Method.
    pub method: Option<String>,
    /// Path with query (to the backend), whole URL (of a side call).
    pub url: Option<String>,
    /// Backend, pool or base URL that policies chose; empty: the API's own.
    pub backend: Option<String>,
    /// Headers; null: not there.
    pub headers: BTreeMap<String, Option<String>>,
    /// Body: text, or a value that it has to be as JSON.
    pub body: Option<Json>,
    /// Parts of the body's text.
    pub body_contains: Vec<String>,
}

/// A body's bytes: text as it is, any other value as JSON.
pub fn bytes(body: Option<&Json>) -> bytes::Bytes {
    match body {
        None => bytes::Bytes::new(),
        Some(Json::String(text)) => text.clone().into(),
        Some(other) => other.to_string().into(),
    }
}
