//! Products and subscriptions.

use super::{Converter, Note, apis::api_id, names};
use crate::cli::import::{
    found::{Resource, last_part},
    tree::{self, Tree},
};

/// Groups that Azure has by itself: `developers` is every user who signed in.
pub(super) const BUILT_IN: [&str; 3] = ["administrators", "developers", "guests"];

impl Converter<'_> {
    /// All products, then the subscriptions to them.
    pub(super) fn products(&mut self) {
        let all: Vec<_> = self.of_kind("products").collect();
        for (workspace, resource) in all {
            self.product(resource, workspace);
        }
        let all: Vec<_> = self.of_kind("subscriptions").collect();
        for (workspace, resource) in all {
            self.subscription(resource, workspace);
        }
    }

    /// Names of what belongs to a resource by association.
    fn members(&self, resource: &Resource, collection: &str) -> Vec<String> {
        let kind = format!("{}/{collection}", resource.kind);
        let all = self.found.resources.iter();
        let own = all.filter(|one| one.kind.eq_ignore_ascii_case(&kind) && one.names.starts_with(&resource.names));
        let mut names: Vec<String> = own.map(|one| one.name().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn product(&mut self, resource: &Resource, workspace: Option<&str>) {
        let id = names::id(resource.name());
        let mut notes = Vec::new();
        let mut apis: Vec<String> = self.members(resource, "apis").iter().map(|name| api_id(name)).collect();
        apis.dedup();
        let (known, gone): (Vec<_>, Vec<_>) = apis.into_iter().partition(|id| self.apis.contains_key(id));
        for api in gone {
            let reason = format!("its API `{api}` is not among the files");
            notes.push(Note::changed(resource.place.clone(), reason, "import the API too, or leave it out"));
        }
        if resource.text("state").is_some_and(|state| state.eq_ignore_ascii_case("notPublished")) {
            let reason = "it was not published; here a product is there for whoever holds a key";
            notes.push(Note::changed(resource.place_of("state"), reason, ""));
        }
        if resource.properties.get("subscriptionsLimit").is_some() {
            let reason = "the number of subscriptions a user may have is not limited here";
            notes.push(Note::changed(resource.place_of("subscriptionsLimit"), reason, ""));
        }
        let groups = self.groups_of(resource);
        let apis: Vec<Tree> = known.into_iter().map(Tree::from).collect();
        let entry = Tree::map()
            .with("id", id.as_str())
            .with("title", resource.text("displayName").unwrap_or(&id))
            .with_some("description", resource.text("description"))
            .with_some("approval", (resource.switch("approvalRequired") == Some(true)).then_some("required"))
            .with("apis", apis)
            .with_some("groups", groups)
            .with_some("subscription_required", resource.switch("subscriptionRequired").filter(|required| !required))
            .with_some("policy", self.policy_of(resource, &format!("policies/products/{id}.xml")))
            .with_some("workspace", self.workspace(workspace));
        self.products.insert(id.clone(), entry);
        self.done("product", &id, &resource.place, &notes);
    }

    /// Groups that restrict a product; none where everybody who signed in sees it.
    fn groups_of(&mut self, resource: &Resource) -> Option<Tree> {
        let groups = self.members(resource, "groups");
        if groups.is_empty() || groups.iter().any(|group| group == "developers" || group == "guests") {
            return None;
        }
        let own = groups.into_iter().filter(|group| !BUILT_IN.contains(&group.as_str()));
        let ids: Vec<String> = own.map(|group| names::id(&group)).collect();
        for id in &ids {
            self.groups.entry(id.clone()).or_insert_with(|| Tree::map().with("id", id.as_str()));
        }
        Some(Tree::List(ids.into_iter().map(Tree::from).collect()))
    }

    fn subscription(&mut self, resource: &Resource, workspace: Option<&str>) {
        let id = names::id(resource.name());
        let place = resource.place.clone();
        let Some(scope) = self.scope(resource) else {
            let reason = "what it gives access to is not among the files";
            let fix = "create it with `tollgate keys create` once its product or API is there";
            self.say("subscription", &id, super::Became::Skipped, &resource.place_of("scope"), reason, fix);
            return;
        };
        let variable = self.supply(&format!("{id}_key"), &format!("key of subscription `{id}`"), true);
        let reason = "keys are no part of an export";
        let fix = format!("supply {variable} with the key that callers use today, so that they need not change");
        let mut notes = vec![Note::changed(place.clone(), reason, fix)];
        if let Some(owner) = resource.text("ownerId").map(last_part) {
            let reason = format!("its owner `{owner}` is not taken over");
            notes.push(Note::changed(resource.place_of("ownerId"), reason, "declare the `user` and name it"));
        }
        let state = resource.text("state").filter(|state| !state.eq_ignore_ascii_case("active"));
        let entry = Tree::map()
            .with("id", id.as_str())
            .with_some("title", resource.text("displayName"))
            .with("scope", scope)
            .with("key", tree::from_environment(&variable))
            .with_some("state", state.map(str::to_ascii_lowercase))
            .with_some("expires", resource.text("expirationDate"))
            .with_some("workspace", self.workspace(workspace));
        self.subscriptions.insert(id.clone(), entry);
        self.done("subscription", &id, &place, &notes);
    }

    /// `/products/a`, `/apis/b`, `/apis` at the end of an Azure id, as far as it is there.
    fn scope(&self, resource: &Resource) -> Option<String> {
        let scope = resource.text("scope").or_else(|| resource.text("productId"))?.trim_end_matches('/');
        let mut parts = scope.rsplit('/');
        let (last, before) = (parts.next()?, parts.next().unwrap_or_default());
        match before {
            "products" => self.products.contains_key(&names::id(last)).then(|| format!("product:{}", names::id(last))),
            "apis" => self.apis.contains_key(&api_id(last)).then(|| format!("api:{}", api_id(last))),
            _ if last == "apis" => Some("all".to_owned()),
            _ => None,
        }
    }
}
