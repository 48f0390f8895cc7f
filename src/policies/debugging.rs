//! Traces of live requests: short-lived tokens that let a caller ask for one (`Apim-Debug-Authorization`), and the last
//! traces, by the id that the answer told (`Apim-Trace-Id`). In memory only: neither outlives the process.
//!
//! A trace shows what a request carries, so a token is for one API, for an hour at most, and secrets are masked before
//! anything is kept.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderName;
use serde_json::{Map, Value as Json, json};

use super::tracing::{Trace, TraceStep};
use crate::model::{Clock, Entropy, KeyHash, Secret, Timestamp};

/// Header of a request that carries the token.
pub const AUTHORIZATION: HeaderName = HeaderName::from_static("apim-debug-authorization");
/// Header of the answer that names the trace.
pub const TRACE_ID: HeaderName = HeaderName::from_static("apim-trace-id");
/// Header of the answer that says why there is no trace: the token's API is another one.
pub const OTHER_API: HeaderName = HeaderName::from_static("apim-debug-authorization-wrongapi");
/// Header of the answer that says why there is no trace: the token is good no more.
pub const EXPIRED: HeaderName = HeaderName::from_static("apim-debug-authorization-expired");

/// Longest life of a token.
pub const LONGEST: Duration = Duration::from_hours(1);
/// Most tokens at a time; the oldest goes first.
const MOST_TOKENS: usize = 64;
/// Most traces that are kept; the oldest goes first.
const MOST_TRACES: usize = 256;
/// Most bytes that all traces may have together.
const MOST_BYTES: usize = 16 << 20;
/// What is shown in the place of a secret.
const MASK: &str = "***";
/// Headers whose values are credentials, whatever the configuration says.
const SECRET_HEADERS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "apim-debug-authorization",
];
/// Policies that put credentials into variables: what they put there is a secret everywhere else too.
const GIVES_TOKENS: [&str; 2] = ["authentication-managed-identity", "get-authorization-context"];
/// Shortest secret that is looked for in texts: a shorter one would mask half of every word.
const SHORTEST_SECRET: usize = 4;

/// Tokens and traces.
pub struct Debugging {
    clock: Clock,
    entropy: Entropy,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tokens: VecDeque<Token>,
    traces: VecDeque<Kept>,
    bytes: usize,
}

struct Token {
    hash: KeyHash,
    api: String,
    ends: Timestamp,
}

struct Kept {
    id: String,
    text: String,
}

/// A token that was made: shown once.
pub struct Issued {
    /// The token.
    pub token: Secret,
    /// No longer valid from this moment.
    pub ends: Timestamp,
}

/// What a caller's token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A trace is kept.
    Good,
    /// It is good, for another API.
    OtherApi,
    /// It is good no more, or never was.
    Expired,
}

impl Debugging {
    /// Without tokens and traces yet.
    #[must_use]
    pub fn new(clock: Clock, entropy: Entropy) -> Self {
        Self { clock, entropy, state: Mutex::default() }
    }

    /// Makes a token for one API; a longer life than [`LONGEST`] is cut to it.
    #[must_use]
    pub fn issue(&self, api: &str, life: Duration) -> Issued {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        let token = format!("tgd_{}", URL_SAFE_NO_PAD.encode(bytes));
        let ends = self.clock.now().plus(life.min(LONGEST));
        let mut state = self.state();
        state.tokens.push_back(Token { hash: KeyHash::of(&token), api: api.to_owned(), ends });
        if state.tokens.len() > MOST_TOKENS {
            state.tokens.pop_front();
        }
        Issued { token: Secret::from(token), ends }
    }

    /// What a token is good for now, at an API.
    #[must_use]
    pub fn standing(&self, token: &str, api: &str) -> Standing {
        let (hash, now) = (KeyHash::of(token.trim()), self.clock.now());
        let mut state = self.state();
        state.tokens.retain(|known| known.ends > now);
        match state.tokens.iter().find(|known| known.hash == hash) {
            Some(known) if known.api == api => Standing::Good,
            Some(_) => Standing::OtherApi,
            None => Standing::Expired,
        }
    }

    /// Keeps a trace under a new id. `secrets` are texts that must not be shown.
    #[must_use]
    pub fn keep(&self, about: &Json, trace: &Trace, secrets: &[&str]) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        let id = URL_SAFE_NO_PAD.encode(bytes);
        let tokens = trace.steps.iter().filter(|step| GIVES_TOKENS.contains(&step.policy)).flat_map(tokens);
        let secrets: Vec<&str> = secrets.iter().copied().chain(tokens).collect();
        let secrets = &*secrets;
        let steps: Vec<Json> = trace.steps.iter().map(|step| told(step, secrets)).collect();
        let text = json!({"id": id, "about": masked(about, secrets), "steps": steps}).to_string();
        let mut state = self.state();
        state.bytes += text.len();
        state.traces.push_back(Kept { id: id.clone(), text });
        while state.traces.len() > MOST_TRACES || (state.bytes > MOST_BYTES && state.traces.len() > 1) {
            let gone = state.traces.pop_front().map_or(0, |kept| kept.text.len());
            state.bytes -= gone;
        }
        id
    }

    /// A trace by its id, while it is kept.
    #[must_use]
    pub fn trace(&self, id: &str) -> Option<Json> {
        let state = self.state();
        let kept = state.traces.iter().find(|kept| kept.id == id)?;
        serde_json::from_str(&kept.text).ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is behind the lock is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Debugging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Debugging")
    }
}

/// What a step put into variables.
fn tokens(step: &TraceStep) -> impl Iterator<Item = &str> {
    let variables = step.changes.iter().filter(|(name, _)| name.starts_with("variables."));
    variables.filter_map(|(_, change)| change.get(1).and_then(Json::as_str))
}

/// A step as it is shown.
fn told(step: &TraceStep, secrets: &[&str]) -> Json {
    let changes: Map<String, Json> = step
        .changes
        .iter()
        .map(|(name, change)| {
            let shown = if is_secret(name) { covered(change) } else { masked(change, secrets) };
            (name.clone(), shown)
        })
        .collect();
    json!({
        "policy": step.policy, "scope": step.scope, "section": step.section, "path": step.path, "place": step.place,
        "changes": changes, "said": masked(&json!(step.said), secrets),
        "result": masked(&Json::from(step.result.as_str()), secrets),
        "took_us": u64::try_from(step.took.as_micros()).unwrap_or(u64::MAX),
    })
}

/// Whether a thing that changed is a header with a credential.
fn is_secret(name: &str) -> bool {
    name.rsplit_once("headers.").is_some_and(|(_, header)| SECRET_HEADERS.contains(&header))
}

/// Before and after, whether they are there but not what they are.
fn covered(change: &Json) -> Json {
    match change {
        Json::Array(sides) => sides.iter().map(covered).collect(),
        Json::Null => Json::Null,
        _ => MASK.into(),
    }
}

/// A value whose texts show no secret.
fn masked(value: &Json, secrets: &[&str]) -> Json {
    match value {
        Json::String(text) => {
            let known = secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET && text.contains(**secret));
            known.fold(text.clone(), |text, secret| text.replace(secret, MASK)).into()
        }
        Json::Array(items) => items.iter().map(|item| masked(item, secrets)).collect(),
        Json::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), masked(value, secrets))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debugging() -> (Debugging, Clock) {
        let clock = Clock::manual(Timestamp::from_secs(1_000_000));
        (Debugging::new(clock.clone(), Entropy::seeded(7)), clock)
    }

    fn trace(value: &str) -> Trace {
        let changes = json!({"request.headers.authorization": [null, value], "variables.v": ["x", value]});
        let step = TraceStep {
            policy: "set-header",
            scope: "api",
            section: "inbound",
            path: "set-header[1]".to_owned(),
            place: "p.xml:1:1".to_owned(),
            changes: changes.as_object().cloned().unwrap_or_default(),
            said: vec![format!("said {value}")],
            result: "continue".to_owned(),
            took: Duration::from_micros(5),
        };
        Trace { steps: vec![step], said: Vec::new() }
    }

    #[test]
    fn a_token_is_good_for_its_api_and_its_time() {
        let (debugging, clock) = debugging();
        let issued = debugging.issue("orders", Duration::from_hours(48));
        let token = issued.token.expose();
        let at = |api: &str| debugging.standing(token, api);
        assert_eq!((at("orders"), at("other")), (Standing::Good, Standing::OtherApi));
        assert_eq!(debugging.standing("tgd_guess", "orders"), Standing::Expired);
        clock.advance(LONGEST.checked_sub(Duration::from_secs(1)).unwrap());
        assert_eq!(at("orders"), Standing::Good);
        clock.advance(Duration::from_secs(1));
        assert_eq!(at("orders"), Standing::Expired, "an hour is the longest, whatever was asked for");
    }

    #[test]
    fn traces_show_no_secret() {
        let (debugging, _) = debugging();
        let id = debugging.keep(&json!({"url": "/a?key=s3cret-key"}), &trace("s3cret-key"), &["s3cret-key", "x"]);
        let shown = debugging.trace(&id).expect("kept");
        assert!(!shown.to_string().contains("s3cret-key"), "{shown}");
        assert_eq!(shown["steps"][0]["changes"]["variables.v"], json!(["x", MASK]));
        assert_eq!(shown["steps"][0]["changes"]["request.headers.authorization"], json!([null, MASK]));
        assert_eq!(debugging.trace("none"), None);
    }

    #[test]
    fn tokens_that_policies_fetched_show_nowhere() {
        let (debugging, _) = debugging();
        let mut trace = trace("Bearer t0ken-of-ours");
        let changes = json!({"variables.token": [null, "t0ken-of-ours"]});
        let changes = changes.as_object().cloned().unwrap_or_default();
        let fetched = TraceStep { policy: "authentication-managed-identity", changes, ..trace.steps[0].clone() };
        trace.steps.insert(0, fetched);
        let id = debugging.keep(&Json::Null, &trace, &[]);
        let shown = debugging.trace(&id).expect("kept");
        assert!(!shown.to_string().contains("t0ken-of-ours"), "{shown}");
        assert_eq!(shown["steps"][1]["changes"]["variables.v"], json!(["x", "Bearer ***"]));
    }

    #[test]
    fn the_oldest_trace_goes_first() {
        let (debugging, _) = debugging();
        let first = debugging.keep(&Json::Null, &trace("a"), &[]);
        let ids: Vec<String> = (0..MOST_TRACES).map(|_| debugging.keep(&Json::Null, &trace("a"), &[])).collect();
        assert!(debugging.trace(&first).is_none() && debugging.trace(&ids[0]).is_some());
        let large = "b".repeat(MOST_BYTES / 4);
        let last: Vec<String> = (0..3).map(|_| debugging.keep(&Json::Null, &trace(&large), &[])).collect();
        assert!(debugging.trace(&ids[MOST_TRACES - 1]).is_none() && debugging.trace(&last[2]).is_some());
    }
}
