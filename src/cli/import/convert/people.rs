//! Groups. Users belong to Azure's directory and are not taken over.

use super::{Converter, names, products::BUILT_IN};
use crate::cli::import::{found::Resource, tree::Tree};

impl Converter<'_> {
    /// All groups of the service's own.
    pub(super) fn people(&mut self) {
        let all: Vec<_> = self.of_kind("groups").collect();
        for (_, resource) in all {
            self.group(resource);
        }
    }

    fn group(&mut self, resource: &Resource) {
        if BUILT_IN.contains(&resource.name()) {
            return;
        }
        let id = names::id(resource.name());
        let entry = Tree::map().with("id", id.as_str()).with_some("title", resource.text("displayName"));
        self.groups.insert(id.clone(), entry);
        let external = resource.text("type").is_some_and(|kind| kind.eq_ignore_ascii_case("external"));
        let mut notes = Vec::new();
        if external {
            let reason = "its members come from Azure's directory";
            notes.push(super::Note::changed(resource.place_of("type"), reason, "declare its `users` here"));
        }
        self.done("group", &id, &resource.place, &notes);
    }
}
