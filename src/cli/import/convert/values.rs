//! Named values, and texts that name them.

use super::{Converter, Note, names};
use crate::{
    cli::import::{
        found::{Resource, items},
        tree::{self, CLOSE, OPEN, Tree},
    },
    document::Node,
};

/// What a secret is compiled with before it is supplied: looks like text, is no expression.
const STAND_IN: &str = "0";

impl Converter<'_> {
    /// All named values.
    pub(super) fn values(&mut self) {
        for (_, resource) in self.of_kind("namedValues").chain(self.of_kind("properties")) {
            self.value(resource);
        }
    }

    fn value(&mut self, resource: &Resource) {
        // Documents refer to the display name; the resource's own may be a number.
        let name = resource.text("displayName").unwrap_or_else(|| resource.name()).to_owned();
        let vault = resource.properties.get("keyVault").and_then(|vault| vault.get("secretIdentifier"));
        let secret = resource.switch("secret").unwrap_or(false) || vault.is_some();
        let mut notes = Vec::new();
        let value = if let Some(text) = resource.text("value").filter(|_| !secret) {
            self.text(text, &name)
        } else {
            let variable = self.supply(&name, &format!("named value `{name}`"), secret);
            if let Some(vault) = vault.and_then(Node::as_text) {
                let reason = format!("it was read from the key vault at {vault}");
                let fix = format!("supply {variable}, or write `value: ${{file:/run/secrets/{name}}}`");
                notes.push(Note::changed(resource.place_of("keyVault"), reason, fix));
            }
            tree::from_environment(&variable)
        };
        let known = value.as_text().filter(|text| !text.contains(OPEN));
        if known.is_none() {
            self.world.unknown.insert(name.clone());
        }
        let known = known.unwrap_or(STAND_IN);
        self.world.named_values.insert(name.clone(), known.to_owned());
        let tags: Vec<Tree> =
            items(resource.properties.get("tags")).iter().filter_map(Node::as_text).map(Tree::from).collect();
        let entry = Tree::map()
            .with("id", name.as_str())
            .with("value", value)
            .with_some("secret", secret.then_some(true))
            .with_some("tags", (!tags.is_empty()).then_some(tags));
        self.named_values.insert(name.clone(), entry);
        self.done("named value", &name, &resource.place, &notes);
    }

    /// A text of Azure's as a setting: what only a deployment knows has to be supplied.
    pub(super) fn text(&mut self, text: &str, what: &str) -> Tree {
        let mut rest = text;
        while let Some((_, variable, after)) = tree::placeholder(rest) {
            self.supply_as(variable, &format!("`{what}`, which the deployment sets"), false);
            rest = after;
        }
        Tree::text(text)
    }

    /// A text outside of documents that may name values as `{{name}}`: settings have no named values there, so they
    /// are put in their place.
    pub(super) fn with_values(&mut self, text: &str, what: &str) -> Tree {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = reference(rest) {
            out.push_str(before);
            let own = self.named_values.get(name).and_then(|value| value.get("value")).and_then(Tree::as_text);
            if let Some(own) = own {
                out.push_str(own);
            } else {
                let variable = self.supply(name, &format!("named value `{name}` in {what}"), true);
                out.extend([OPEN]);
                out.push_str(&variable);
                out.extend([CLOSE]);
            }
            rest = after;
        }
        out.push_str(rest);
        self.text(&out, what)
    }

    /// Named values that a template's open variables became.
    pub(super) fn open_variables(&mut self, open: &[String]) {
        for name in open {
            if self.named_values.contains_key(name) {
                continue;
            }
            let variable = names::variable(name);
            self.supply_as(&variable, &format!("variable `{name}`"), false);
            self.world.unknown.insert(name.clone());
            self.world.named_values.insert(name.clone(), STAND_IN.to_owned());
            let entry = Tree::map().with("id", name.as_str()).with("value", tree::from_environment(&variable));
            self.named_values.insert(name.clone(), entry);
        }
    }
}

/// The first `{{name}}` of a text.
fn reference(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name.trim(), after))
}
