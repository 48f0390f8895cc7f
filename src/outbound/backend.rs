//! A backend as one configuration describes it, joined to its lasting state.

use std::{path::Path, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_providers::Kind;

use super::{
    breaker_rules::Rules,
    core::Core,
    credential::{Carrier, Credential, Ring},
    egress,
    endpoint::Endpoint,
    fetch::Identity,
    transport::{Transport, TransportKey},
};
use crate::{
    model::{BackendId, Secret},
    settings::{self, objects::HealthCheck, objects::Timeouts, server::Egress},
};

/// A compiled backend. Cheap to share; dropped with the last snapshot that uses it, while its breaker, latency,
/// credential standings and connections live on in the fleet.
#[derive(Debug)]
pub struct Backend {
    pub(super) kind: Kind,
    pub(super) endpoint: Endpoint,
    pub(super) api_version: Option<String>,
    pub(super) drain_on_disconnect: bool,
    pub(super) timeouts: Timeouts,
    pub(super) rules: Rules,
    pub(super) ring: Ring,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) health: Option<HealthCheck>,
    pub(super) transport: Arc<Transport>,
    pub(super) core: Arc<Core>,
}

impl Backend {
    /// Identifier.
    #[must_use]
    pub fn id(&self) -> &BackendId {
        &self.core.id
    }

    /// What speaks there.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Path of the base URL, without a slash at the end; empty for none.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.endpoint.base_path
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.endpoint.scheme.as_str()
    }

    /// Host, and port where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.endpoint.authority.as_str()
    }

    /// `api-version` for Azure when the caller named none.
    #[must_use]
    pub fn api_version(&self) -> Option<&str> {
        self.api_version.as_deref()
    }

    /// Whether an answer is read to its end after the client has gone.
    #[must_use]
    pub fn drain_on_disconnect(&self) -> bool {
        self.drain_on_disconnect
    }

    /// Waiting times.
    #[must_use]
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Whether requests to it carry a credential of ours: only then is a 401 or 403 about us.
    #[must_use]
    pub fn has_credential(&self) -> bool {
        !self.ring.is_empty()
    }

    /// Exchanges in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.core.in_flight()
    }

    /// Makes a request ours: the backend's own Host, credential and configured headers.
    pub(super) fn dress(&self, credential: Option<usize>, headers: &mut HeaderMap) {
        self.kind.add_default_headers(headers);
        self.ring.apply(credential, headers);
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        if self.transport.sets_host(self.endpoint.is_tls()) {
            headers.insert(http::header::HOST, self.endpoint.host_header.clone());
        } else {
            headers.remove(http::header::HOST);
        }
    }
}

/// The parts of a backend's setting that need no state: checked and compiled, or all problems.
pub(super) struct Draft {
    pub(super) endpoint: Endpoint,
    pub(super) rules: Rules,
    pub(super) carriers: Vec<(Secret, Carrier)>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) transport: TransportKey,
}

impl Draft {
    /// Checks a setting. Paths of certificates are relative to `base_dir`; `shown` is the client certificate in place
    /// of the setting's. Every problem names its field.
    pub(super) fn compile(
        setting: &settings::Backend,
        declared_in_file: bool,
        egress: &Egress,
        base_dir: &Path,
        shown: Option<&Identity>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let rules = egress::Rules::new(&egress.allow_private, declared_in_file);
        let endpoint = keep(endpoint(setting, &rules), "url", &mut problems);
        let breaker = Rules::compile(setting.circuit_breaker.as_deref()).map_err(|found| problems.extend(found)).ok();
        let carriers = carriers(setting, &mut problems);
        let headers = headers(setting, &mut problems);
        check_health(setting.health.as_ref(), &mut problems);
        check_timeouts(&setting.timeouts, &mut problems);
        let transport =
            TransportKey::compile(setting, rules, base_dir, shown).map_err(|found| problems.extend(found)).ok();
        match (endpoint, breaker, transport) {
            (Some(endpoint), Some(rules), Some(transport)) if problems.is_empty() => {
                Ok(Self { endpoint, rules, carriers, headers, transport })
            }
            _ => Err(problems),
        }
    }

    /// Joins the checked setting to the backend's lasting state.
    pub(super) fn join(self, setting: &settings::Backend, core: Arc<Core>, transport: Arc<Transport>) -> Backend {
        let mut known = core.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let credentials = self
            .carriers
            .into_iter()
            .map(|(key, carrier)| Credential { carrier, standing: known.of(key.expose()) })
            .collect();
        drop(known);
        Backend {
            kind: setting.kind,
            endpoint: self.endpoint,
            api_version: setting.api_version.clone(),
            drain_on_disconnect: setting.drain_on_disconnect,
            timeouts: setting.timeouts,
            rules: self.rules,
            ring: Ring::new(credentials),
            headers: self.headers,
            health: setting.health.clone(),
            transport,
            core,
        }
    }
}

fn keep<T>(result: Result<T, String>, field: &str, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|problem| problems.push(format!("{field}: {problem}"))).ok()
}

fn endpoint(setting: &settings::Backend, rules: &egress::Rules) -> Result<Endpoint, String> {
    if setting.kind == Kind::Sim {
        return Ok(Endpoint::simulated());
    }
    let url = setting.url.as_deref().or_else(|| setting.kind.default_url());
    let url = url.ok_or("missing: this kind has no address of its own; write the backend's base URL")?;
    let endpoint = Endpoint::parse(url)?;
    // A declared default (Ollama's loopback) is the operator's choice only when the kind is declared in the file.
    rules.check_host(endpoint.authority.host())?;
    Ok(endpoint)
}

/// The header of each credential. `key` and `credentials` may both be given: `key` goes first.
fn carriers(setting: &settings::Backend, problems: &mut Vec<String>) -> Vec<(Secret, Carrier)> {
    let name = setting.key_header.as_deref().map(HeaderName::try_from);
    let name = keep(name.transpose().map_err(|_| "not a header name".to_owned()), "key_header", problems).flatten();
    let keys = setting.key.iter().chain(setting.credentials.iter().map(|credential| &credential.key));
    let mut carriers = Vec::new();
    for (index, key) in keys.enumerate() {
        match carrier(setting.kind, name.as_ref(), key.expose()) {
            Some(carrier) => carriers.push((key.clone(), carrier)),
            None => problems.push(format!(
                "credential {}: empty, or has a character that a header cannot carry (a line break at its end?)",
                index + 1
            )),
        }
    }
    carriers
}

/// How each kind wants its key. Kind `http` takes it as a bearer token, or as it is in the header that the operator
/// names.
fn carrier(kind: Kind, name: Option<&HeaderName>, key: &str) -> Option<Carrier> {
    if key.is_empty() {
        return None;
    }
    if kind != Kind::Http && kind != Kind::Sim {
        return kind.credential(key).map(|(name, value)| Carrier { name, value });
    }
    let (name, value) = match name {
        Some(name) => (name.clone(), HeaderValue::from_str(key)),
        None => (http::header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))),
    };
    let mut value = value.ok()?;
    value.set_sensitive(true);
    Some(Carrier { name, value })
}

/// Headers that would change the message's framing or its addressee.
const RESERVED: [&str; 8] =
    ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

fn headers(setting: &settings::Backend, problems: &mut Vec<String>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(setting.headers.len());
    for (name, value) in &setting.headers {
        match (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value.expose())) {
            (Ok(name), _) if RESERVED.contains(&name.as_str()) => {
                problems.push(format!("headers: `{name}` belongs to the connection and cannot be set"));
            }
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.push((name, value));
            }
            (Err(_), _) => problems.push(format!("headers: `{name}` is not a header name")),
            (Ok(name), Err(_)) => problems.push(format!("headers: the value of `{name}` cannot be sent in a header")),
        }
    }
    headers
}

fn check_health(check: Option<&HealthCheck>, problems: &mut Vec<String>) {
    let Some(check) = check else { return };
    if !check.path.starts_with('/') {
        problems.push(format!("health.path: `{}` does not begin with /", check.path));
    }
    if check.interval.0.is_zero() || check.timeout.0.is_zero() {
        problems.push("health: `interval` and `timeout` must be longer than 0".into());
    }
    if check.healthy_after == 0 || check.unhealthy_after == 0 {
        problems.push("health: `healthy_after` and `unhealthy_after` must be 1 or more".into());
    }
}

fn check_timeouts(timeouts: &Timeouts, problems: &mut Vec<String>) {
    let all = [
        ("connect", timeouts.connect),
        ("first_byte", timeouts.first_byte),
        ("idle", timeouts.idle),
        ("total", timeouts.total),
    ];
    for (name, timeout) in all {
        if timeout.0.is_zero() {
            problems.push(format!("timeouts.{name}: 0 would fail every request; leave it out for the default"));
        }
    }
}
