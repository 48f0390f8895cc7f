//! Rules of backends: what each kind needs and refuses.

use std::time::Duration;

use tollgate_providers::Kind;
use url::Url;

use super::{Index, Report, text};
use crate::{
    model::HumanDuration,
    settings::{
        Backend, BreakerRule, Settings,
        objects::{BackendTls, FailureCondition, HealthCheck},
        read::later,
    },
};

/// Headers that belong to the connection or are made by the gateway: a backend's `headers` cannot set them.
const OWN_HEADERS: [&str; 8] =
    ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// Checks all backends.
pub fn check(settings: &Settings, index: &Index<'_>, report: &mut Report<'_>) {
    for (at, backend) in settings.backends.iter().enumerate() {
        let path = format!("backends[{at}]");
        index.workspace(report, &path, backend.workspace.as_ref());
        if backend.kind == Kind::Bedrock {
            report.error(&format!("{path}.kind"), later::not_available("bedrock"));
            continue;
        }
        let url = self::url(backend, &path, report);
        credentials(backend, &path, report);
        headers(backend, &path, report);
        tls(&backend.tls, url.as_ref(), &path, report);
        proxy(backend, &path, report);
        timeouts(backend, &path, report);
        for (at, rule) in backend.circuit_breaker.iter().flatten().enumerate() {
            breaker(rule, &format!("{path}.circuit_breaker[{at}]"), report);
        }
        if let Some(health) = &backend.health {
            self::health(health, backend.kind, &format!("{path}.health"), report);
        }
        if backend.api_version.is_some() && backend.kind != Kind::AzureOpenAi {
            let message = "only kind azure-openai has an `api_version`; remove it";
            report.error(&format!("{path}.api_version"), message);
        }
    }
}

/// The URL that will be called, if it is known and right.
fn url(backend: &Backend, path: &str, report: &mut Report<'_>) -> Option<Url> {
    let at = format!("{path}.url");
    let Some(written) = backend.url.as_deref().or_else(|| backend.kind.default_url()) else {
        if backend.kind != Kind::Sim {
            let message = format!("`url` is missing: kind {} has no address of its own", word(backend.kind));
            report.error(path, message);
        }
        return None;
    };
    if backend.kind == Kind::Sim {
        report.error(&at, "kind sim is built in and has no `url`; remove it");
        return None;
    }
    let url = text::base_url(written).map_err(|message| report.error(&at, message)).ok()?;
    if backend.url.is_some() {
        habit(backend.kind, &url, &at, report);
    }
    Some(url)
}

/// The two habits about `/v1` are easily mixed up and end in 404s at the vendor.
fn habit(kind: Kind, url: &Url, at: &str, report: &mut Report<'_>) {
    let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let versioned = last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match kind {
        Kind::AzureOpenAi | Kind::Anthropic | Kind::Gemini if versioned || last == "openai" => {
            let message = format!("kind {} adds `/{last}` itself; the `url` usually ends before it", word(kind));
            report.warn(at, message);
        }
        Kind::OpenAi | Kind::OpenAiCompatible | Kind::Ollama if !versioned => {
            report.warn(at, format!("the `url` of kind {} usually ends in /v1", word(kind)));
        }
        _ => {}
    }
}

fn credentials(backend: &Backend, path: &str, report: &mut Report<'_>) {
    if backend.key.is_some() && !backend.credentials.is_empty() {
        report.error(&format!("{path}.credentials"), "either `key` or `credentials`, not both");
    }
    let several = backend.credentials.iter().enumerate();
    let several = several.map(|(at, credential)| (format!("{path}.credentials[{at}].key"), &credential.key));
    for (at, key) in backend.key.iter().map(|key| (format!("{path}.key"), key)).chain(several) {
        if key.expose().is_empty() {
            report.error(&at, "the key is empty; is its variable set?");
        } else if !text::is_header_value(key.expose()) {
            report.error(&at, "the key contains spaces around it or characters that a header cannot carry");
        } else if backend.kind == Kind::Sim {
            report.error(&at, "kind sim takes no key; remove it");
        }
    }
    if let Some(name) = &backend.key_header {
        let at = format!("{path}.key_header");
        match text::header_name(name) {
            _ if backend.kind != Kind::Http => {
                report.error(
                    &at,
                    format!("kind {} knows its own header; `key_header` is for kind http", word(backend.kind)),
                );
            }
            Some(message) => report.error(&at, message),
            None if backend.key.is_none() && backend.credentials.is_empty() => {
                report.error(&at, "`key_header` without a `key`");
            }
            None => {}
        }
    }
}

fn headers(backend: &Backend, path: &str, report: &mut Report<'_>) {
    for (name, value) in &backend.headers {
        let at = format!("{path}.headers.{name}");
        if let Some(message) = text::header_name(name) {
            report.error(&at, message);
        } else if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            report.error(&at, format!("`{name}` is set by the gateway itself and cannot be given here"));
        } else if !text::is_header_value(value.expose()) {
            report.error(&at, "the value contains spaces around it or characters that a header cannot carry");
        }
    }
}

fn tls(tls: &BackendTls, url: Option<&Url>, path: &str, report: &mut Report<'_>) {
    if tls.certificate.is_some() != tls.key.is_some() {
        report.error(&format!("{path}.tls"), "`certificate` and `key` go together: write both or neither");
    }
    if *tls != BackendTls::default() && url.is_some_and(|url| url.scheme() != "https") {
        report.error(&format!("{path}.tls"), "the `url` is not https; `tls` would have no effect");
    }
    if let Some(name) = &tls.server_name
        && !text::is_host(name)
    {
        report
            .error(&format!("{path}.tls.server_name"), format!("`{}` is not the name of a host", name.escape_debug()));
    }
}

fn proxy(backend: &Backend, path: &str, report: &mut Report<'_>) {
    proxy_key(backend, &format!("{path}.proxy_key"), report);
    let Some(proxy) = &backend.proxy else { return };
    let at = format!("{path}.proxy");
    match text::base_url(proxy) {
        Err(_) if has_credentials(proxy) => {
            report.error(
                &at,
                "the URL contains credentials; write them as `proxy_key: user:password`, so that they are kept secret",
            );
        }
        Ok(url) if url.scheme() == "http" && url.path() == "/" => {}
        Ok(_) => report.error(&at, "expected http://HOST:PORT"),
        Err(message) => report.error(&at, message),
    }
    if backend.kind == Kind::Sim {
        report.error(&at, "kind sim uses no network; remove `proxy`");
    }
}

fn has_credentials(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

fn proxy_key(backend: &Backend, at: &str, report: &mut Report<'_>) {
    let Some(key) = &backend.proxy_key else { return };
    if backend.proxy.is_none() {
        report.error(at, "there is no proxy that it could be for; add `proxy: http://HOST:PORT`");
    }
    if key.expose().split_once(':').is_none_or(|(user, _)| user.is_empty()) {
        report.error(at, "expected `user:password`");
    }
}

fn timeouts(backend: &Backend, path: &str, report: &mut Report<'_>) {
    let times = &backend.timeouts;
    let named =
        [("connect", times.connect), ("first_byte", times.first_byte), ("idle", times.idle), ("total", times.total)];
    for (name, time) in named {
        positive(time, &format!("{path}.timeouts.{name}"), report);
    }
}

fn positive(HumanDuration(time): HumanDuration, at: &str, report: &mut Report<'_>) {
    if time == Duration::ZERO {
        report.error(at, "0 would fail every request; write a longer time");
    }
}

fn breaker(rule: &BreakerRule, path: &str, report: &mut Report<'_>) {
    match (rule.failures, rule.percentage) {
        (None, None) => report.error(path, "write `failures` (a number) or `percentage` (1 to 100)"),
        (Some(_), Some(_)) => report.error(path, "either `failures` or `percentage`, not both; write two rules"),
        _ => {}
    }
    for (name, HumanDuration(time)) in [("interval", rule.interval), ("open_for", rule.open_for)] {
        if time == Duration::ZERO {
            report.error(&format!("{path}.{name}"), "0 has no effect; write a longer time");
        }
    }
    for (at, condition) in rule.on.iter().enumerate() {
        if let FailureCondition::Named(text) = condition
            && text.split_once('-').is_some_and(|(low, high)| low > high)
        {
            report.error(
                &format!("{path}.on[{at}]"),
                format!("the range `{text}` is empty: the lower status goes first"),
            );
        }
    }
}

fn health(health: &HealthCheck, kind: Kind, path: &str, report: &mut Report<'_>) {
    if kind == Kind::Sim {
        report.error(path, "kind sim is always healthy; remove `health`");
    }
    if !health.path.starts_with('/') {
        report.error(&format!("{path}.path"), format!("`{}` must start with `/`", health.path.escape_debug()));
    }
    positive(health.interval, &format!("{path}.interval"), report);
    positive(health.timeout, &format!("{path}.timeout"), report);
}

/// The word for a kind in the file.
pub fn word(kind: Kind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
