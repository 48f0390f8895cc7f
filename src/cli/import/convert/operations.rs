//! Operations of an API, from its specification or from resources, and the documents of each.

use super::{Became, Converter, Note, names};
use crate::{
    cli::import::{
        found::{Document, Resource, Specification},
        tree::Tree,
    },
    document::Format,
    openapi::{self, Template},
};

impl<'a> Converter<'a> {
    /// The API with its operations.
    pub(super) fn operations(&mut self, api: &Resource, id: &str, entry: Tree, notes: &mut Vec<Note>) -> Tree {
        let specification = self.found.specifications.iter().find(|one| one.names == api.names);
        if let Some(known) = specification.and_then(|one| self.specification(one, id, notes)) {
            let file = format!("./apis/{id}.openapi.{}", known.ending);
            let policies = self.by_operation(api, id, &known.operations);
            let entry = entry.with("openapi", file);
            return if policies.is_empty() { entry } else { entry.with("operation_policies", Tree::Map(policies)) };
        }
        let listed = self.listed(api, id, notes);
        if listed.is_empty() {
            self.lost(api, "the API has neither a specification nor operations here");
            let reason = "it has no operations here: every method and path passes, where Azure answers 404";
            notes.push(Note::changed(api.place.clone(), reason, "name its `operations` or an `openapi` document"));
            return entry;
        }
        entry.with("operations", listed)
    }

    /// A specification that routing can use, written beside the settings.
    fn specification(&mut self, specification: &Specification, id: &str, notes: &mut Vec<Note>) -> Option<Known> {
        let format = match specification.ending.as_str() {
            "yaml" | "yml" => Format::Yaml,
            "json" => Format::Json,
            other => {
                let reason = format!("its specification is {other}, which routing does not read: every path passes");
                notes.push(Note::changed(specification.place.clone(), reason, "name its `operations`"));
                return None;
            }
        };
        match openapi::operations(&specification.text, format) {
            Ok(operations) => {
                let ending = if format == Format::Json { "json" } else { "yaml" };
                self.files.insert(format!("apis/{id}.openapi.{ending}"), specification.text.clone());
                let operations = operations.into_iter().map(|one| (one.id.to_string(), one.method, one.path)).collect();
                Some(Known { ending, operations })
            }
            Err(problems) => {
                for problem in problems {
                    let mut place = specification.place.clone();
                    (place.line, place.column) = (problem.line.unwrap_or(1), problem.column.unwrap_or(1));
                    let reason = format!("its specification cannot be used: {}", problem.message);
                    notes.push(Note::unsupported(
                        place,
                        reason,
                        "mend it and import again; until then every path passes",
                    ));
                }
                None
            }
        }
    }

    /// Documents of operations by the ids that the specification gives.
    fn by_operation(&mut self, api: &Resource, id: &str, known: &[(String, String, String)]) -> Vec<(String, Tree)> {
        let mut policies = Vec::new();
        for document in self.of_operations(api) {
            let name = document.names.last().map_or("", String::as_str);
            let operation = match_operation(name, known).or_else(|| {
                let resource = self.operation(api, name)?;
                let (method, path) = (resource.text("method")?, template(resource.text("urlTemplate")?));
                let same = known.iter().find(|(_, own, at)| own.eq_ignore_ascii_case(method) && *at == path)?;
                Some(same.0.clone())
            });
            if let Some(operation) = operation {
                let file = format!("policies/apis/{id}/{}.xml", names::id(&operation));
                policies.push((operation, self.place(document, &file)));
            } else {
                let reason = format!("the specification of `{id}` has no operation `{name}`");
                let ids: Vec<&str> = known.iter().map(|(id, ..)| id.as_str()).collect();
                let fix = format!("name the operation it belongs to in `operation_policies`: {}", ids.join(", "));
                self.placed.insert(document.place.clone());
                self.say("policy", name, Became::Skipped, &document.place, &reason, &fix);
            }
        }
        policies
    }

    /// Operations that are resources of their own.
    fn listed(&mut self, api: &Resource, id: &str, notes: &mut Vec<Note>) -> Vec<Tree> {
        let kind = format!("{}/operations", api.kind);
        let all: Vec<&Resource> = self
            .found
            .resources
            .iter()
            .filter(|one| one.kind.eq_ignore_ascii_case(&kind) && one.names.starts_with(&api.names))
            .collect();
        let mut listed = Vec::new();
        for resource in all {
            let own = names::id(resource.name());
            let (Some(method), Some(url)) = (resource.text("method"), resource.text("urlTemplate")) else { continue };
            let (method, path) = (method.to_ascii_uppercase(), template(url));
            if let Err(message) = Template::parse(&path) {
                let reason = format!("operation `{own}`: {message}");
                notes.push(Note::unsupported(
                    resource.place_of("urlTemplate"),
                    reason,
                    "write its path in `operations`",
                ));
                continue;
            }
            let policy = self
                .document(&kind, &resource.names)
                .map(|document| self.place(document, &format!("policies/apis/{id}/{own}.xml")));
            listed.push(
                Tree::map()
                    .with("id", own.as_str())
                    .with("method", method)
                    .with("path", path)
                    .with_some("title", resource.text("displayName"))
                    .with_some("policy", policy),
            );
        }
        listed
    }

    fn operation(&self, api: &Resource, name: &str) -> Option<&'a Resource> {
        let kind = format!("{}/operations", api.kind);
        let mut all = self.found.resources.iter();
        all.find(|one| one.kind.eq_ignore_ascii_case(&kind) && one.names.starts_with(&api.names) && one.name() == name)
    }

    fn of_operations(&self, api: &Resource) -> Vec<&'a Document> {
        let kind = format!("{}/operations", api.kind);
        let all = self.found.documents.iter();
        all.filter(|one| one.kind.eq_ignore_ascii_case(&kind) && one.names.starts_with(&api.names)).collect()
    }

    /// Documents of operations that cannot be told apart here.
    fn lost(&mut self, api: &Resource, reason: &str) {
        for document in self.of_operations(api) {
            let name = document.names.last().map_or("", String::as_str);
            let fix = "import the API with its specification; until then this policy does not run";
            self.placed.insert(document.place.clone());
            self.say("policy", name, Became::Skipped, &document.place, reason, fix);
        }
    }
}

/// A specification that was taken over: its ending, and id, method and path of its operations.
struct Known {
    ending: &'static str,
    operations: Vec<(String, String, String)>,
}

/// The operation that a name of Azure's means: its id in any case, or the id that Azure makes of method and path.
fn match_operation(name: &str, known: &[(String, String, String)]) -> Option<String> {
    let folded = names::folded(name);
    let by_id = known.iter().find(|(id, ..)| id == name || names::folded(id) == folded);
    let made = |(_, method, path): &&(String, String, String)| names::folded(&format!("{method}{path}")) == folded;
    by_id.or_else(|| known.iter().find(made)).map(|(id, ..)| id.clone())
}

/// The path of a URL template: what follows `?` is no part of the route.
fn template(url: &str) -> String {
    let path = url.split('?').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    if path.ends_with('*') && !path.ends_with("/*") { format!("{}/*", path.trim_end_matches('*')) } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_operations() {
        let known = [
            ("GetColors".to_owned(), "GET".to_owned(), "/colors".to_owned()),
            ("put-a-id".to_owned(), "PUT".to_owned(), "/a/{id}".to_owned()),
        ];
        let rows = [
            ("GetColors", Some("GetColors")),
            ("getcolors", Some("GetColors")),
            ("get-colors", Some("GetColors")),
            ("put-a-id", Some("put-a-id")),
            ("delete-a", None),
        ];
        for (name, wanted) in rows {
            assert_eq!(match_operation(name, &known).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn templates_without_queries() {
        let rows = [("/a/{b}?c={d}", "/a/{b}"), ("a", "/a"), ("/*", "/*"), ("/a*", "/a/*")];
        for (url, wanted) in rows {
            assert_eq!(template(url), wanted);
        }
    }
}
