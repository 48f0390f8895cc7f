//! The steps of one exchange, kept when somebody asked for them: each statement with what it changed and how it went.
//!
//! Secrets are masked where the trace is shown, by the names and values that the configuration marks.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value as Json, json};

use super::{Failure, Flow, Statement, Verdict};
use crate::{model::clock::Ticks, policy::Scope};

/// Longest value that a trace keeps, in characters.
const LONGEST: usize = 4096;

/// The steps so far.
#[derive(Debug, Default)]
pub struct Trace {
    /// In order.
    pub steps: Vec<TraceStep>,
    /// Said by the policy that runs now (`context.Trace`, details of decisions).
    pub said: Vec<String>,
}

/// One statement that ran.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// The element's name.
    pub policy: &'static str,
    /// Scope of the document that it stands in.
    pub scope: &'static str,
    /// Section.
    pub section: &'static str,
    /// Place below the section.
    pub path: String,
    /// File, line and column.
    pub place: String,
    /// What it changed: name of the thing to `[before, after]`.
    pub changes: Map<String, Json>,
    /// What it said.
    pub said: Vec<String>,
    /// `continue`, `answer`, `outbound`, or the failure.
    pub result: String,
    /// How long it took.
    pub took: Duration,
}

/// What a statement may change, before it runs.
#[derive(Debug)]
pub struct Before {
    state: Map<String, Json>,
    at: Ticks,
}

impl Before {
    /// The state now.
    #[must_use]
    pub fn of(flow: &Flow<'_>) -> Self {
        Self { state: state(flow), at: flow.services.clock.ticks() }
    }
}

impl Trace {
    /// Adds a statement that has run.
    pub fn note(flow: &mut Flow<'_>, statement: &Statement, before: &Before, result: &Result<Verdict, Failure>) {
        let after = state(flow);
        let took = flow.services.clock.ticks().since(before.at);
        let (scope, section) =
            (flow.pipeline.scope(flow.depth).map(Scope::name).unwrap_or_default(), flow.section.name());
        let Some(trace) = &mut flow.trace else { return };
        let said = std::mem::take(&mut trace.said);
        trace.steps.push(TraceStep {
            policy: statement.name,
            scope,
            section,
            path: statement.path.to_string(),
            place: statement.place.to_string(),
            changes: changes(&before.state, &after),
            said,
            result: told(result),
            took,
        });
    }

    /// Something that the statement under way wants to tell.
    pub fn say(&mut self, text: impl Into<String>) {
        self.said.push(text.into());
    }
}

fn told(result: &Result<Verdict, Failure>) -> String {
    match result {
        Ok(Verdict::Continue) => "continue".to_owned(),
        Ok(Verdict::Answer) => "answer".to_owned(),
        Ok(Verdict::Outbound) => "outbound".to_owned(),
        Err(failure) => format!("{}: {} ({})", failure.source, failure.message, failure.reason),
    }
}

fn state(flow: &Flow<'_>) -> Map<String, Json> {
    let mut state = Map::new();
    let request = &flow.request;
    state.insert("request.method".into(), request.method.as_str().into());
    state.insert("request.url".into(), shortened(&format!("{}?{}", request.path, request.query)));
    headers("request.headers", &request.headers, &mut state);
    body("request.body", request.body.held(), &mut state);
    if let Some(response) = &flow.response {
        state.insert("response.status".into(), response.status.as_u16().into());
        headers("response.headers", &response.headers, &mut state);
        body("response.body", response.body.held(), &mut state);
    }
    for (name, value) in flow.variables.iter() {
        state.insert(format!("variables.{name}"), shortened(&value.to_text()));
    }
    if let Some(target) = &flow.route.target {
        state.insert("backend".into(), shortened(&target.to_string()));
    }
    state
}

fn headers(prefix: &str, headers: &HeaderMap, state: &mut Map<String, Json>) {
    for name in headers.keys() {
        let values: Vec<String> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        state.insert(format!("{prefix}.{name}"), shortened(&values.join(", ")));
    }
}

fn body(name: &str, bytes: Option<&bytes::Bytes>, state: &mut Map<String, Json>) {
    if let Some(bytes) = bytes {
        state.insert(name.into(), shortened(&String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST * 4)])));
    }
}

fn shortened(text: &str) -> Json {
    text.chars().take(LONGEST).collect::<String>().into()
}

fn changes(before: &Map<String, Json>, after: &Map<String, Json>) -> Map<String, Json> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let changed = names.filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| (name.clone(), json!([before.get(name), after.get(name)]))).collect()
}
