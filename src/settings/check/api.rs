//! Rules of APIs: one place each on the gateway port, and something behind it.

use std::collections::HashMap;

use super::{Index, Report, cache, text};
use crate::settings::{Api, ApiKind, ObjectKind, Settings, objects::VersionScheme};

/// Paths that the gateway answers itself, before any API.
const HEALTH_PATHS: [&str; 4] = ["/livez", "/readyz", "/healthz", "/status-0123456789abcdef"];

/// Checks all APIs.
pub fn check(settings: &Settings, index: &Index<'_>, report: &mut Report<'_>) {
    for (at, api) in settings.apis.iter().enumerate() {
        let path = format!("apis[{at}]");
        index.workspace(report, &path, api.workspace.as_ref());
        place(api, &path, report);
        behind(api, &path, index, report);
        operations(api, &path, report);
        names(api, &path, report);
        cache::check(api, &path, report);
    }
    overlaps(settings, report);
}

fn place(api: &Api, path: &str, report: &mut Report<'_>) {
    let at = format!("{path}.path");
    if let Some(message) = text::path(&api.path) {
        report.error(&at, message);
    } else if api.path.contains(['{', '}', '*']) {
        report.error(&at, format!("`{}` is a prefix; parameters and `*` belong into `operations`", api.path));
    } else if HEALTH_PATHS.contains(&api.path.trim_end_matches('/')) {
        report.error(&at, format!("`{}` is a health path of the gateway itself; choose another", api.path));
    }
    for (index, host) in api.hosts.iter().enumerate() {
        if !text::is_host(host) {
            let message =
                format!("`{}` is not a host name such as api.example.com (no scheme, no port)", host.escape_debug());
            report.error(&format!("{path}.hosts[{index}]"), message);
        }
    }
}

fn behind(api: &Api, path: &str, index: &Index<'_>, report: &mut Report<'_>) {
    let home = api.workspace.as_ref();
    if let Some(id) = &api.backend {
        index.refer(report, &format!("{path}.backend"), home, (ObjectKind::Backend, id.as_str()));
    }
    if let Some(id) = &api.pool {
        index.refer(report, &format!("{path}.pool"), home, (ObjectKind::Pool, id.as_str()));
    }
    match (api.kind, api.backend.is_some(), api.pool.is_some()) {
        (ApiKind::Http, false, false) => {
            report.error(path, format!("who answers for `{}`? Write `backend` or `pool`", api.id));
        }
        (ApiKind::Http, true, true) => report.error(path, "either `backend` or `pool`, not both"),
        (ApiKind::Models, true, _) => report.error(&format!("{path}.backend"), MODELS_KNOW),
        (ApiKind::Models, _, true) => report.error(&format!("{path}.pool"), MODELS_KNOW),
        _ => {}
    }
}

const MODELS_KNOW: &str = "an API of kind models is answered by what each of `models` names; remove it here";

fn operations(api: &Api, path: &str, report: &mut Report<'_>) {
    if api.kind == ApiKind::Models {
        for (name, given) in [("openapi", api.openapi.is_some()), ("operations", !api.operations.is_empty())] {
            if given {
                report.error(
                    &format!("{path}.{name}"),
                    "an API of kind models has the operations of the vendors; remove it",
                );
            }
        }
    }
    let (mut ids, mut routes) = (HashMap::new(), HashMap::new());
    for (index, operation) in api.operations.iter().enumerate() {
        let at = format!("{path}.operations[{index}]");
        if let Some(first) = ids.insert(operation.id.as_str(), at.clone()) {
            let message =
                format!("the operation `{}` is declared twice: first at {}", operation.id, report.place(&first));
            report.error(&at, message);
        }
        if http::Method::from_bytes(operation.method.as_bytes()).is_err()
            || operation.method != operation.method.to_uppercase()
        {
            let message = format!("`{}` is not an HTTP method such as GET", operation.method.escape_debug());
            report.error(&format!("{at}.method"), message);
        }
        if let Some(message) = template(&operation.path) {
            report.error(&format!("{at}.path"), message);
        } else if let Some(first) = routes.insert((&operation.method, nameless(&operation.path)), at.clone()) {
            let message =
                format!("{} {} is declared twice: first at {}", operation.method, operation.path, report.place(&first));
            report.error(&at, message);
        }
    }
}

/// What is wrong with a path template.
fn template(path: &str) -> Option<String> {
    if let Some(message) = text::path(path) {
        return Some(message);
    }
    if let Some(segment) = path.split('/').find(|segment| !is_whole(segment)) {
        return Some(format!("`{segment}`: write parameters as {{name}}, with text between two of them"));
    }
    let star = path.find('*').is_some_and(|at| at + 1 != path.len() || !path.ends_with("/*"));
    star.then(|| format!("`{path}`: `*` can only stand alone at the end"))
}

/// Whether the braces of a segment are names in pairs, none right behind another.
fn is_whole(segment: &str) -> bool {
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { return false };
        if before.contains('}') || name.is_empty() || name.contains('{') || after.starts_with('{') {
            return false;
        }
        rest = after;
    }
    !rest.contains('}')
}

/// A template without the names of its parameters: two that differ only in those match the same paths.
fn nameless(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (at, part) in path.split('{').enumerate() {
        let after = part.split_once('}').map_or(part, |(_, after)| after);
        out.push_str(if at == 0 { part } else { "{}" });
        out.push_str(if at == 0 { "" } else { after });
    }
    out
}

fn names(api: &Api, path: &str, report: &mut Report<'_>) {
    if let Some(versioning) = &api.versioning {
        let version = &versioning.version;
        if text::path(&format!("/{version}")).is_some() || version.is_empty() || version.contains('/') {
            report.error(
                &format!("{path}.versioning.version"),
                format!("`{}` is not a version such as v1", version.escape_debug()),
            );
        }
    }
    if let Some(names) = &api.key_names {
        if names.header.is_none() && names.query.is_none() {
            report.error(&format!("{path}.key_names"), "write `header`, `query` or both");
        }
        if let Some(message) = names.header.as_deref().and_then(text::header_name) {
            report.error(&format!("{path}.key_names.header"), message);
        }
        if names.query.as_deref().is_some_and(|name| name.is_empty() || name.contains(['&', '=', '#', '%', '+', ' '])) {
            report.error(&format!("{path}.key_names.query"), "not the name of a query parameter");
        }
    }
}

/// Two APIs that would answer to the same host, path and version.
fn overlaps(settings: &Settings, report: &mut Report<'_>) {
    let mut taken: HashMap<(String, String, Option<String>), usize> = HashMap::new();
    for (at, api) in settings.apis.iter().enumerate() {
        let hosts = if api.hosts.is_empty() { vec![String::new()] } else { api.hosts.clone() };
        let (path, version) = address(api);
        for host in hosts {
            let key = (host.to_ascii_lowercase(), path.clone(), version.clone());
            let Some(first) = taken.insert(key, at).filter(|first| *first != at) else { continue };
            let place = report.place(&format!("apis[{first}]"));
            let message = format!(
                "the API `{}` has the same path{} as `{}` at {place}; change one of them",
                api.id,
                if version.is_some() { " and version" } else { "" },
                settings.apis[first].id,
            );
            report.error(&format!("apis[{at}].path"), message);
        }
    }
}

/// The path that an API answers to, and its version where that is not in the path.
fn address(api: &Api) -> (String, Option<String>) {
    let path = api.path.trim_end_matches('/');
    match &api.versioning {
        Some(versioning) if versioning.scheme == VersionScheme::Path => {
            (format!("{path}/{}", versioning.version), None)
        }
        versioning => (path.to_owned(), versioning.as_ref().map(|versioning| versioning.version.clone())),
    }
}
