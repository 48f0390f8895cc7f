//! Resources that have no place here: each is named, with what takes its place.

use super::{Became, Converter};

/// Kinds that the other files convert, or that are only parts of what they convert.
const TAKEN: &[&str] = &[
    "apis",
    "apis/operations",
    "apiVersionSets",
    "backends",
    "groups",
    "namedValues",
    "policyFragments",
    "products",
    "products/apis",
    "products/groups",
    "properties",
    "subscriptions",
    "workspaces",
];

/// Why a kind is not taken over, and what to do instead; the last row stands for all others.
const REST: &[(&str, &str, &str)] = &[
    (
        "loggers",
        "logs and metrics go out by configuration of the process",
        "set a sink for what policies log, and OpenTelemetry for the rest",
    ),
    (
        "diagnostics",
        "each request is logged and measured without being told to",
        "`tollgate logs`, `/metrics`, traces by OpenTelemetry",
    ),
    ("caches", "the cache is built in", "nothing, or `shared_state` for several replicas"),
    ("certificates", "certificates are files here", "write `tls: { certificate: FILE, key: FILE }` at the backend"),
    ("gateways", "this is the gateway", "run it where the self-hosted gateway ran"),
    ("tags", "tags are labels without effect", ""),
    ("releases", "releases are history", "keep it in version control"),
    ("schemas", "schemas are read from the API's specification", "put them there"),
    ("resolvers", "GraphQL resolvers do not run here", "serve GraphQL by a service of its own"),
    ("users", "users belong to Azure's directory", "declare `users`, or connect your identity provider"),
    (
        "authorizationServers",
        "it tells Azure's developer portal how to sign in",
        "protection is `validate-jwt` in a policy",
    ),
    (
        "openidConnectProviders",
        "it tells Azure's developer portal how to sign in",
        "protection is `validate-jwt` in a policy",
    ),
    (
        "authorizationProviders",
        "tokens for backends come from a configured token source",
        "configure a token source of the same id",
    ),
    ("identityProviders", "it tells Azure's developer portal how to sign in", ""),
    ("policyRestrictions", "which policies a team may write is not restricted here", "review changes of policies"),
    ("wikis", "pages of the portal are not taken over", ""),
    ("documentations", "pages of the portal are not taken over", ""),
    ("mcpServers", "MCP servers made of APIs are not taken over", ""),
    ("", "there is nothing of the kind here", ""),
];

impl Converter<'_> {
    /// Says what is not taken over.
    pub(super) fn rest(&mut self) {
        for resource in &self.found.resources {
            let kind = resource.kind.strip_prefix("workspaces/").unwrap_or(&resource.kind);
            let is_logger =
                kind.eq_ignore_ascii_case("loggers") && self.loggers.contains_key(&super::names::id(resource.name()));
            if is_logger || TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(kind)) {
                continue;
            }
            let own = kind.rsplit('/').next().unwrap_or(kind);
            let row = REST.iter().find(|(name, ..)| name.eq_ignore_ascii_case(own)).or(REST.last());
            let Some((_, reason, fix)) = row else { continue };
            self.say(own, &resource.names.join("/"), Became::Skipped, &resource.place, reason, fix);
        }
    }
}
