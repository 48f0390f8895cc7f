//! APIs: their place on the gateway, what answers for them, their versions.

use super::{Became, Converter, Note, names};
use crate::{
    cli::import::{
        found::{Resource, items, last_part},
        tree::Tree,
    },
    document::Node,
};

/// Azure's names of the key's places, which are ours too.
const KEY_NAMES: (&str, &str) = ("Ocp-Apim-Subscription-Key", "subscription-key");

impl Converter<'_> {
    /// All current revisions of all APIs.
    pub(super) fn apis(&mut self) {
        let all: Vec<_> = self.of_kind("apis").collect();
        for (workspace, resource) in all {
            match self.old_revision(resource) {
                Some(reason) => {
                    let fix = "only what is current now is served; keep the old revision in version control";
                    self.say("API", resource.name(), Became::Skipped, &resource.place, reason, fix);
                    self.placed_below(&resource.kind, &resource.names);
                }
                None => self.api(resource, workspace),
            }
        }
    }

    /// Why a resource is not what its API is now.
    fn old_revision(&self, resource: &Resource) -> Option<&'static str> {
        let (plain, _) = resource.name().split_once(";rev=")?;
        let current = resource.switch("isCurrent").unwrap_or(false);
        let has_plain = self.found.resources.iter().any(|other| other.kind == resource.kind && other.name() == plain);
        (has_plain || !current).then_some("it is a revision that is not current")
    }

    fn api(&mut self, resource: &Resource, workspace: Option<&str>) {
        let id = api_id(resource.name());
        let mut notes = Vec::new();
        let path = match resource.text("path").map(|path| path.trim_matches('/')) {
            Some(path) if !path.is_empty() => format!("/{path}"),
            _ => "/".to_owned(),
        };
        let title = resource.text("displayName").unwrap_or(&id).to_owned();
        let mut entry =
            Tree::map().with("id", id.as_str()).with("title", title).with("kind", "http").with("path", path);
        let (kind, target) = self.behind(resource, &id, &mut notes);
        entry = entry.with(kind, target);
        entry = entry.with_some("versioning", self.versioning(resource, &mut notes));
        if resource.switch("subscriptionRequired") == Some(false) {
            entry = entry.with("subscription_required", false);
        }
        entry = entry.with_some("key_names", key_names(resource));
        notes.extend(special(resource));
        entry = entry.with_some("policy", self.policy_of(resource, &format!("policies/apis/{id}.xml")));
        entry = self.operations(resource, &id, entry, &mut notes);
        entry = entry.with_some("workspace", self.workspace(workspace));
        self.apis.insert(id.clone(), entry);
        self.done("API", &id, &resource.place, &notes);
    }

    /// Who answers: the backend of that URL, or one made for the API.
    fn behind(&mut self, resource: &Resource, id: &str, notes: &mut Vec<Note>) -> (&'static str, Tree) {
        if resource.text("serviceUrl").is_none()
            && let Some((kind, target)) = self.named_by_policy(resource)
        {
            return (kind, Tree::Text(target));
        }
        let url = self.url(resource.text("serviceUrl"), resource, notes);
        let same = self.backends.iter().find(|(_, backend)| backend.get("url") == Some(&url));
        if let Some((known, _)) = same {
            return ("backend", Tree::text(known.as_str()));
        }
        let own = self.free_backend(id);
        let entry = Tree::map().with("id", own.as_str()).with("kind", "http").with("url", url);
        self.backends.insert(own.clone(), entry);
        ("backend", Tree::Text(own))
    }

    /// A backend that the API's own document names by `backend-id`.
    fn named_by_policy(&self, resource: &Resource) -> Option<(&'static str, String)> {
        let text = &self.document(&resource.kind, &resource.names)?.text;
        let named = text.split("backend-id=\"").skip(1).filter_map(|rest| rest.split('"').next());
        named.into_iter().find_map(|name| {
            let kind = if self.world.pools.contains(name) {
                "pool"
            } else if self.world.backends.contains(name) {
                "backend"
            } else {
                return None;
            };
            Some((kind, name.to_owned()))
        })
    }

    fn free_backend(&self, id: &str) -> String {
        let mut own = id.to_owned();
        while self.backends.contains_key(&own) || self.pools.contains_key(&own) {
            own.push_str("-service");
        }
        own
    }

    fn versioning(&self, resource: &Resource, notes: &mut Vec<Note>) -> Option<Tree> {
        let version = resource.text("apiVersion")?;
        let set_name = resource.text("apiVersionSetId").map(last_part);
        let set = set_name.and_then(|name| self.of_kind("apiVersionSets").find(|(_, set)| set.name() == name));
        let inline = resource.properties.get("apiVersionSet");
        let text = |name: &str| {
            let inline = inline.and_then(|set| set.get(name)).and_then(Node::as_text);
            set.and_then(|(_, set)| set.text(name)).or(inline)
        };
        let scheme = text("versioningScheme").unwrap_or_else(|| {
            let reason =
                format!("the version set of version `{version}` is not among the files; taken as part of the path");
            notes.push(Note::changed(
                resource.place_of("apiVersionSetId"),
                reason,
                "correct `versioning` where it is not",
            ));
            "Segment"
        });
        let (scheme, name) = match scheme.to_ascii_lowercase().as_str() {
            "header" => ("header", text("versionHeaderName")),
            "query" => ("query", text("versionQueryName")),
            _ => ("path", None),
        };
        Some(Tree::map().with("scheme", scheme).with("version", version).with_some("name", name))
    }
}

/// An API's identifier, without its revision.
pub(super) fn api_id(name: &str) -> String {
    names::id(name.split(";rev=").next().unwrap_or(name))
}

fn key_names(resource: &Resource) -> Option<Tree> {
    let given = resource.properties.get("subscriptionKeyParameterNames")?;
    let text = |name: &str| given.get(name).and_then(Node::as_text).filter(|text| !text.is_empty());
    let (header, query) = (text("header")?, text("query"));
    if header == KEY_NAMES.0 && query.is_none_or(|query| query == KEY_NAMES.1) {
        return None;
    }
    Some(Tree::map().with("header", header).with_some("query", query))
}

/// What an API of another type is here.
fn special(resource: &Resource) -> Vec<Note> {
    let mut notes = Vec::new();
    let kind = resource.text("type").or_else(|| resource.text("apiType")).unwrap_or("http").to_ascii_lowercase();
    let reason = match kind.as_str() {
        "soap" => Some("SOAP requests pass as they are; operations are not told apart by their action"),
        "graphql" => Some("GraphQL requests pass as they are; resolvers and field rules are not taken over"),
        "grpc" => Some("gRPC passes as HTTP/2; its methods are not told apart"),
        "odata" => Some("OData requests pass as they are; entity sets are not told apart"),
        "mcp" => Some("the MCP server passes as it is"),
        _ => None,
    };
    if let Some(reason) = reason {
        notes.push(Note::changed(resource.place_of("type"), reason, ""));
    }
    if let Some(settings) = resource.properties.get("authenticationSettings") {
        let names = ["oAuth2", "openid"].into_iter().filter(|name| settings.get(name).is_some_and(is_set));
        for name in names {
            let reason = format!("`{name}` tells Azure's developer portal how to sign in; it protects nothing");
            notes.push(Note::changed(
                resource.place.at(settings.at),
                reason,
                "protection is `validate-jwt` in a policy",
            ));
        }
    }
    let protocols: Vec<&str> = items(resource.properties.get("protocols")).iter().filter_map(Node::as_text).collect();
    if protocols == ["https"] {
        // Served where the gateway listens: TLS is that listener's matter, nothing to say for each API.
        return notes;
    }
    if protocols.contains(&"ws") && !protocols.contains(&"wss") {
        notes.push(Note::changed(
            resource.place_of("protocols"),
            "WebSocket without TLS follows the gateway's listener",
            "",
        ));
    }
    notes
}

fn is_set(node: &Node) -> bool {
    !matches!(node.value, crate::document::Value::Null)
}
