//! Backends, pools and their circuit breakers.

use super::{Converter, Note, names};
use crate::{
    cli::import::{
        found::{Resource, items, last_part, number},
        tree::Tree,
    },
    document::{Node, Value},
};

impl Converter<'_> {
    /// All backends and pools.
    pub(super) fn backends(&mut self) {
        let all: Vec<_> = self.of_kind("backends").collect();
        for (workspace, resource) in all {
            let pool = resource.properties.get("pool");
            match pool {
                Some(pool) => self.pool(resource, pool, workspace),
                None => self.backend(resource, workspace),
            }
        }
    }

    fn backend(&mut self, resource: &Resource, workspace: Option<&str>) {
        let id = names::id(resource.name());
        let mut notes = Vec::new();
        let url = self.url(resource.text("url"), resource, &mut notes);
        let mut entry = Tree::map().with("id", id.as_str()).with("kind", "http").with("url", url);
        let headers = self.headers(resource, &id, &mut notes);
        if !headers.is_empty() {
            entry = entry.with("headers", Tree::Map(headers));
        }
        entry = entry.with_some("circuit_breaker", breaker(resource, &mut notes));
        entry = entry.with_some("workspace", self.workspace(workspace));
        notes.extend(azure_only(resource));
        self.world.backends.insert(id.clone());
        self.backends.insert(id.clone(), entry);
        self.done("backend", &id, &resource.place, &notes);
    }

    /// A service's URL as a backend takes it; an address that nobody answers at when there is none.
    pub(super) fn url(&mut self, url: Option<&str>, resource: &Resource, notes: &mut Vec<Note>) -> Tree {
        let place =
            resource.place_of(if resource.properties.get("serviceUrl").is_some() { "serviceUrl" } else { "url" });
        let Some(url) = url else {
            let reason = "it has no URL: policies choose where requests go";
            notes.push(Note::changed(place, reason, "name a backend, unless a policy always does"));
            return Tree::text("http://no-service-url.invalid");
        };
        let tree = self.with_values(url, "a backend's URL");
        let text = tree.as_text().unwrap_or_default().to_owned();
        let plain = match text.split_once("://") {
            Some(("wss", rest)) => format!("https://{rest}"),
            Some(("ws", rest)) => format!("http://{rest}"),
            _ => text.clone(),
        };
        if plain != text {
            let reason = "a WebSocket service is addressed by http:// or https:// here";
            notes.push(Note::changed(place.clone(), reason, ""));
        }
        match plain.split_once('?') {
            Some((base, query)) => {
                let reason = format!("the query `{query}` of the URL is not taken over");
                notes.push(Note::changed(place, reason, "add it with `set-query-parameter` in a policy"));
                Tree::text(base)
            }
            None => Tree::Text(plain),
        }
    }

    fn headers(&mut self, resource: &Resource, id: &str, notes: &mut Vec<Note>) -> Vec<(String, Tree)> {
        let Some(credentials) = resource.properties.get("credentials") else { return Vec::new() };
        let at = |node: &Node| resource.place.at(node.at);
        let mut headers = Vec::new();
        for (name, node) in entries(credentials.get("header")) {
            let values: Vec<&str> = match node.as_text() {
                Some(text) => vec![text],
                None => items(Some(node)).iter().filter_map(Node::as_text).collect(),
            };
            let value = self.credential(&values.join(", "), id, name);
            headers.push((name.to_owned(), value));
        }
        if let Some(authorization) = credentials.get("authorization").filter(|node| node.get("scheme").is_some()) {
            let text = |name: &str| authorization.get(name).and_then(Node::as_text).unwrap_or_default();
            let value = self.credential(text("parameter"), id, "Authorization");
            let value = format!("{} {}", text("scheme"), value.as_text().unwrap_or_default());
            headers.push(("Authorization".to_owned(), Tree::Text(value)));
        }
        for (name, node) in entries(credentials.get("query")) {
            let reason = format!("the query parameter `{name}` with a credential is not taken over");
            let fix = "add it with `set-query-parameter` and a secret named value in a policy";
            notes.push(Note::unsupported(at(node), reason, fix));
        }
        for name in ["certificate", "certificateIds"] {
            if let Some(node) = credentials.get(name).filter(|node| !items(Some(node)).is_empty()) {
                let reason = "the client certificate is kept by Azure";
                notes.push(Note::unsupported(at(node), reason, "write `tls: { certificate: FILE, key: FILE }`"));
            }
        }
        if let Some(node) = credentials.get("managedIdentity") {
            let fix = "give the backend a key or token of its own in `headers`";
            notes.push(Note::unsupported(at(node), "a managed identity exists in Azure only", fix));
        }
        headers
    }

    /// A credential: a named value's, or a secret to supply. It is never copied from the source.
    fn credential(&mut self, text: &str, id: &str, name: &str) -> Tree {
        if text.contains("{{") {
            return self.with_values(text, &format!("backend `{id}`"));
        }
        let variable = self.supply(&format!("{id}_{name}"), &format!("header `{name}` of backend `{id}`"), true);
        crate::cli::import::tree::from_environment(&variable)
    }

    fn pool(&mut self, resource: &Resource, pool: &Node, workspace: Option<&str>) {
        let id = names::id(resource.name());
        let mut weighted = false;
        let members: Vec<Tree> = items(pool.get("services"))
            .iter()
            .filter_map(|service| {
                let backend = names::id(last_part(service.get("id").and_then(Node::as_text)?));
                let weight = number(service.get("weight"));
                weighted |= weight.is_some();
                // Azure counts priorities from 0, and a weight of 0 is its default.
                let priority = number(service.get("priority")).map(|priority| priority.clamp(1, 100));
                let member = Tree::map().with("backend", backend.as_str());
                Some(
                    member
                        .with_some("priority", priority)
                        .with_some("weight", weight.map(|weight| weight.clamp(1, 1000))),
                )
            })
            .collect();
        if members.is_empty() {
            let reason = "the pool has no members";
            self.say("pool", &id, super::Became::Skipped, &resource.place, reason, "add members and import again");
            return;
        }
        let mut notes = azure_only(resource);
        if let Some(affinity) = pool.get("sessionAffinity") {
            let reason = "session affinity is set by `session_affinity` of the pool";
            notes.push(Note::changed(resource.place.at(affinity.at), reason, "cookies of the same name are not kept"));
        }
        let affinity = pool.get("sessionAffinity").map(|_| "cookie");
        let entry = Tree::map()
            .with("id", id.as_str())
            .with("balance", if weighted { "weighted" } else { "round-robin" })
            .with_some("session_affinity", affinity)
            .with("members", members)
            .with_some("workspace", self.workspace(workspace));
        self.world.pools.insert(id.clone());
        self.pools.insert(id.clone(), entry);
        self.done("pool", &id, &resource.place, &notes);
    }
}

fn entries(node: Option<&Node>) -> Vec<(&str, &Node)> {
    match node.map(|node| &node.value) {
        Some(Value::Mapping(entries)) => entries.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect(),
        _ => Vec::new(),
    }
}

/// What there is for Azure's own services only.
fn azure_only(resource: &Resource) -> Vec<Note> {
    let mut notes = Vec::new();
    let tls = resource.properties.get("tls");
    for name in ["validateCertificateChain", "validateCertificateName"] {
        let off = tls.and_then(|tls| tls.get(name)).and_then(crate::cli::import::found::switch) == Some(false);
        if off {
            let reason = format!("`{name}: false` is not taken over: certificates are always checked here");
            notes.push(Note::changed(resource.place_of("tls"), reason, "trust your authority by `tls: { ca: FILE }`"));
        }
    }
    if resource.properties.get("properties").is_some_and(|more| more.get("serviceFabricCluster").is_some()) {
        let reason = "Service Fabric resolves its address";
        notes.push(Note::unsupported(resource.place_of("properties"), reason, "write the service's own `url`"));
    }
    if let Some(proxy) = resource.properties.get("proxy").filter(|proxy| proxy.get("url").is_some()) {
        let reason = "the forward proxy is not taken over";
        notes.push(Note::changed(
            resource.place.at(proxy.at),
            reason,
            "write `proxy: http://host:port` at the backend",
        ));
    }
    notes
}

/// The circuit breaker's rules.
fn breaker(resource: &Resource, notes: &mut Vec<Note>) -> Option<Tree> {
    let rules = items(resource.properties.get("circuitBreaker")?.get("rules"));
    let rules: Vec<Tree> = rules.iter().filter_map(|rule| breaker_rule(resource, rule, notes)).collect();
    (!rules.is_empty()).then_some(Tree::List(rules))
}

fn breaker_rule(resource: &Resource, rule: &Node, notes: &mut Vec<Note>) -> Option<Tree> {
    let place = resource.place.at(rule.at);
    let condition = rule.get("failureCondition")?;
    let seconds = |node: Option<&Node>| node.and_then(Node::as_text).and_then(names::seconds);
    let (Some(interval), Some(open)) = (seconds(condition.get("interval")), seconds(rule.get("tripDuration"))) else {
        let fix = "write the rule in `circuit_breaker`";
        notes.push(Note::unsupported(place, "the rule's `interval` or `tripDuration` is no ISO 8601 duration", fix));
        return None;
    };
    let (count, percentage) = (number(condition.get("count")), number(condition.get("percentage")));
    let mut on: Vec<Tree> = items(condition.get("statusCodeRanges")).iter().filter_map(range).collect();
    for reason in items(condition.get("errorReasons")).iter().filter_map(Node::as_text) {
        let word = if reason.to_ascii_lowercase().contains("timeout") { "timeout" } else { "connect" };
        if !on.contains(&word.into()) {
            on.push(word.into());
        }
    }
    if on.is_empty() {
        on.push("5xx".into());
    }
    let retry_after = rule.get("acceptRetryAfter").and_then(crate::cli::import::found::switch).unwrap_or(false);
    Some(
        Tree::map()
            .with_some("failures", count.or(percentage.is_none().then_some(1)))
            .with_some("percentage", percentage.filter(|_| count.is_none()).map(|share| share.clamp(1, 100)))
            .with("interval", format!("{interval}s"))
            .with("open_for", format!("{open}s"))
            .with("on", on)
            .with_some("accept_retry_after", retry_after.then_some(true)),
    )
}

/// `{min, max}` as our words: `429`, `5xx`, `500-504`.
fn range(node: &Node) -> Option<Tree> {
    let (min, max) = (number(node.get("min"))?.clamp(100, 599), number(node.get("max"))?.clamp(100, 599));
    Some(match (min, max) {
        (min, max) if min == max => Tree::from(min),
        (min, max) if min % 100 == 0 && max == min + 99 => Tree::text(format!("{}xx", min / 100)),
        (min, max) => Tree::text(format!("{min}-{max}")),
    })
}
