//! What Azure has around a service: managed identities become a source of tokens, event hubs a file.

use super::{Became, Converter, names};
use crate::cli::import::{
    found::{Document, Resource},
    tree::{self, Tree},
};

/// The variable that carries the token of the managed identity.
const TOKEN: &str = "MANAGED_IDENTITY_TOKEN";

impl Converter<'_> {
    /// A source of tokens, once a document asks Azure for one.
    pub(super) fn managed_identity(&mut self, document: &Document) {
        let asks = ["<authentication-managed-identity", "type=\"managed-identity\"", "auth=\"system-assigned\""];
        if self.token_sources.contains_key("managed-identity") || !asks.iter().any(|word| document.text.contains(word))
        {
            return;
        }
        self.supply_as(TOKEN, "token in the place of Azure's managed identity", true);
        let entry = Tree::map()
            .with("id", "managed-identity")
            .with("default", true)
            .with("token", tree::from_environment(TOKEN));
        self.token_sources.insert("managed-identity".to_owned(), entry);
        let reason = "a managed identity exists in Azure only: documents get their tokens from `token_sources`";
        let fix = "supply a token, or write `token_url`, `client_id` and `client_secret` of a service principal there";
        self.say("token source", "managed-identity", Became::Changed, &document.place, reason, fix);
    }

    /// Loggers that policies name.
    pub(super) fn loggers(&mut self) {
        let all: Vec<_> = self.of_kind("loggers").collect();
        for (_, resource) in all {
            if resource.text("loggerType").is_some_and(|kind| kind.eq_ignore_ascii_case("azureEventHub")) {
                self.event_hub(resource);
            }
        }
    }

    fn event_hub(&mut self, resource: &Resource) {
        let id = names::id(resource.name());
        let file = format!("./{id}.jsonl");
        self.loggers.insert(id.clone(), Tree::map().with("id", id.as_str()).with("file", file.as_str()));
        let reason = format!("what was sent to an event hub is written to `{file}`");
        let fix = "write `url` in the place of `file` to send it to a collector";
        self.say("logger", &id, Became::Changed, &resource.place, &reason, fix);
    }
}
