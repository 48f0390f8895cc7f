//! Policy documents and fragments: filled with their variables, judged, written, and hung where they belong.

use super::{Became, Converter, names};
use crate::cli::import::{
    found::{Document, Place, Resource},
    report::Standing,
    samples,
    tree::{CLOSE, OPEN, Tree},
    variables,
};

/// The document that answers in the place of one that cannot be loaded: what protected the API does not run, so
/// nothing may pass.
const CLOSED: &str = "\
<!-- The original could not be loaded and lies beside this file; import-report.md says why. Until it is mended, nothing passes. -->
<policies>
    <inbound>
        <return-response>
            <set-status code=\"500\" reason=\"Policy not imported\" />
        </return-response>
    </inbound>
    <backend>
        <base />
    </backend>
    <outbound>
        <base />
    </outbound>
    <on-error>
        <base />
    </on-error>
</policies>
";

impl Converter<'_> {
    /// Fragments first: documents include them.
    pub(super) fn fragments(&mut self) {
        let all: Vec<&Document> = self.found.documents.iter().filter(|document| is_fragment(document)).collect();
        let filled: Vec<(&Document, String)> = all.into_iter().map(|one| (one, self.filled(one))).collect();
        for (document, text) in &filled {
            let id = document.names.last().map_or("", String::as_str).to_owned();
            self.world.fragments.insert(id, text.clone());
        }
        for (document, text) in filled {
            self.fragment(document, &text);
        }
    }

    fn fragment(&mut self, document: &Document, text: &str) {
        let id = document.names.last().map_or("", String::as_str).to_owned();
        self.placed.insert(document.place.clone());
        let file = format!("policies/fragments/{}.xml", names::id(&id));
        if self.judged(document, text, &id) == Standing::Refused {
            // A document that includes it is refused for the same reason, and closed.
            self.files.insert(format!("{file}.refused"), text.to_owned());
            return;
        }
        let own = self.of_kind("policyFragments").find(|(_, resource)| resource.name() == id);
        let description = own.and_then(|(_, resource)| resource.text("description"));
        self.files.insert(file.clone(), text.to_owned());
        let entry = Tree::map()
            .with("id", id.as_str())
            .with_some("description", description)
            .with("policy", format!("./{file}"));
        self.fragments.insert(id, entry);
    }

    /// What hangs on nothing yet: the service's own document, workspaces', and files without an owner.
    pub(super) fn documents(&mut self) {
        let all: Vec<&Document> =
            self.found.documents.iter().filter(|document| !self.placed.contains(&document.place)).collect();
        for document in all {
            match (document.kind.to_ascii_lowercase().as_str(), document.names.as_slice()) {
                ("", []) if self.global.is_none() => self.global = Some(self.place(document, "policies/global.xml")),
                ("workspaces", [workspace]) => self.workspace_document(document, workspace),
                ("file", [name]) => {
                    self.place(document, &format!("policies/{}", file_name(name)));
                }
                (_, names) => {
                    let text = self.filled(document);
                    self.judged(document, &text, &names.join("/"));
                    let reason = "what it belongs to is not among the files";
                    let fix = "import it together with its API or product";
                    self.say("policy", &names.join("/"), Became::Skipped, &document.place, reason, fix);
                }
            }
        }
    }

    fn workspace_document(&mut self, document: &Document, workspace: &str) {
        let id = names::id(workspace);
        let policy = self.place(document, &format!("policies/workspaces/{id}.xml"));
        let entry = self.workspaces.entry(id.clone()).or_insert_with(|| Tree::map().with("id", id.as_str()));
        *entry = entry.clone().with("policy", policy);
    }

    /// The document of a resource, as the setting that names it.
    pub(super) fn policy_of(&mut self, resource: &Resource, file: &str) -> Option<Tree> {
        let document = self.document(&resource.kind, &resource.names)?;
        Some(self.place(document, file))
    }

    /// Writes a document; one that cannot be loaded is closed.
    pub(super) fn place(&mut self, document: &Document, file: &str) -> Tree {
        self.placed.insert(document.place.clone());
        let text = self.filled(document);
        let name = if document.names.is_empty() { "global".to_owned() } else { document.names.join("/") };
        match self.judged(document, &text, &name) {
            Standing::Refused => {
                self.files.insert(format!("{file}.refused"), text);
                self.files.insert(file.to_owned(), CLOSED.to_owned());
            }
            Standing::Full | Standing::Partial => {
                self.files.insert(file.to_owned(), text);
            }
        }
        Tree::text(format!("./{file}"))
    }

    /// Documents below a resource that is not taken over.
    pub(super) fn placed_below(&mut self, kind: &str, names: &[String]) {
        let below =
            self.found.documents.iter().filter(|one| one.kind.starts_with(kind) && one.names.starts_with(names));
        self.placed.extend(below.map(|document| document.place.clone()));
    }

    /// The text with the variables of Terraform and of deployments in place.
    fn filled(&mut self, document: &Document) -> String {
        self.managed_identity(document);
        let mut text = document.text.clone();
        if !self.variables.is_empty() || variables::is_template(&document.place.file, &text) {
            let filled = variables::fill(&text, self.variables);
            self.say_filled(document, &filled);
            self.open_variables(&filled.open);
            text = filled.text;
        }
        let deployed: Vec<String> =
            text.split(OPEN).skip(1).filter_map(|rest| rest.split(CLOSE).next()).map(str::to_owned).collect();
        for name in deployed {
            text = text.replace(&format!("{OPEN}{name}{CLOSE}"), &format!("{{{{{name}}}}}"));
            self.open_variables(&[name]);
        }
        self.sampled(document, &text)
    }

    /// The text with the placeholders of samples replaced, where they have values or it could not be loaded as it is.
    fn sampled(&mut self, document: &Document, text: &str) -> String {
        let (given, open): (Vec<String>, Vec<String>) =
            samples::names(text).into_iter().partition(|name| self.variables.contains_key(name));
        let text = samples::fill(text, &given, |name| self.variables[name].clone());
        let named = samples::fill(&text, &open, |name| format!("{{{{{name}}}}}"));
        let mut world = self.world.clone();
        for name in &open {
            world.named_values.entry(name.clone()).or_insert_with(|| {
                world.unknown.insert(name.clone());
                String::new()
            });
        }
        let standing = |text: &str, world| {
            let fragment = is_fragment(document);
            self.judge.judge(&document.place, text, fragment, world).standing
        };
        if open.is_empty() || standing(&text, &self.world) <= standing(&named, &world) {
            return text;
        }
        let reason = format!("placeholders became named values: {}", open.join(", "));
        let fix = "name a file with `--var-file`, or supply the values";
        self.say("policy", &document.names.join("/"), Became::Changed, &document.place, &reason, fix);
        self.open_variables(&open);
        named
    }

    fn say_filled(&mut self, document: &Document, filled: &variables::Filled) {
        let name = document.names.join("/");
        if !filled.open.is_empty() {
            let reason = format!("variables without a value became named values: {}", filled.open.join(", "));
            let fix = "name a file with `--var-file`, or supply the values";
            self.say("policy", &name, Became::Changed, &document.place, &reason, fix);
        }
        if let Some(line) = filled.directive {
            let mut place = document.place.clone();
            place.line = line;
            let reason = "directives of Terraform (`%{ ... }`) are not run";
            self.say("policy", &name, Became::Unsupported, &place, reason, "import the rendered document");
        }
    }

    /// Asks for the document's standing, and notes it.
    fn judged(&mut self, document: &Document, text: &str, name: &str) -> Standing {
        let what = if is_fragment(document) { "policy fragment" } else { "policy" };
        let mut judged = self.judge.judge(&document.place, text, is_fragment(document), &self.world);
        // Places of a text that stands inside another file's string are that string's.
        if document.place != Place::start_of(&document.place.file) {
            judged.troubles.iter_mut().for_each(|(place, _)| *place = document.place.clone());
        }
        let standing = judged.standing;
        let fix = match standing {
            Standing::Full => "",
            Standing::Partial => "requests that get there are answered 500; replace the part",
            Standing::Refused => "requests are answered 500 until the document is mended: see the file beside it",
        };
        if judged.troubles.is_empty() {
            self.say(what, name, Became::Converted, &document.place, "", "");
        }
        for (place, reason) in &judged.troubles {
            self.say(what, name, Became::Unsupported, place, reason, fix);
        }
        self.in_part |= standing == Standing::Partial;
        self.report.judged.push(judged);
        standing
    }
}

fn is_fragment(document: &Document) -> bool {
    document.kind.to_ascii_lowercase().ends_with("policyfragments")
}

/// A file's name as a path below `policies/`, whatever it was called.
fn file_name(name: &str) -> String {
    let parts = name.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
    let path: Vec<String> = parts.map(names::id).collect();
    let path = path.join("/");
    let stem = path.trim_end_matches(".tpl").trim_end_matches(".tftpl").trim_end_matches(".xml");
    format!("{stem}.xml")
}
