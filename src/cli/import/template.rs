//! ARM templates: the older extractor's folder of `*.template.json` with policies beside them, an export of Azure's
//! portal, Bicep after `bicep build`.

use std::path::{Path, PathBuf};

use super::{
    expression::Context,
    folder,
    found::{Document, Found, Place, Resource, Specification, Unread},
};
use crate::document::{self, Format, Node, Value};

/// What all of Azure's types of API Management begin with.
const SERVICE: &str = "microsoft.apimanagement/service";
/// Deepest nesting of deployments in deployments.
const DEEPEST: usize = 8;

/// A file that is a template.
struct Template {
    place: Place,
    root: Node,
}

/// Reads the templates among the files; the others may be parameters or the policies that they link to.
pub fn read(root: &Path, files: &[PathBuf], found: &mut Found) {
    let (mut templates, mut given) = (Vec::new(), Vec::new());
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))) {
        let name = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let place = Place::start_of(&name);
        let Ok(text) = folder::text(file) else { continue };
        match classify(&text) {
            Some(Json::Template(root)) => templates.push(Template { place, root }),
            Some(Json::Parameters(parameters)) => given.push(parameters),
            Some(Json::Broken(mark, reason)) => found.unread.push(Unread { place: place.at(mark), reason }),
            None => {}
        }
    }
    let reader = Reader { root, files, given };
    for template in &templates {
        reader.template(&template.root, &template.place, 0, found);
    }
}

/// Whether a file is a template by its text.
pub fn is_template(text: &str) -> bool {
    matches!(classify(text), Some(Json::Template(_)))
}

enum Json {
    Template(Node),
    Parameters(Node),
    Broken(document::Mark, String),
}

/// What a JSON file is; nothing when it has nothing to do with deployments.
fn classify(text: &str) -> Option<Json> {
    let is_deployment = text.contains("deploymentTemplate.json") || text.contains("deploymentParameters.json");
    if !is_deployment && !text.contains("Microsoft.ApiManagement/service") {
        return None;
    }
    let root = match document::read(text.trim_start_matches('\u{FEFF}'), Format::Json) {
        Ok(root) => root,
        Err(broken) => {
            let first = broken.into_iter().next()?;
            return is_deployment.then_some(Json::Broken(first.at, first.message));
        }
    };
    if root.get("resources").is_some() {
        return Some(Json::Template(root));
    }
    let schema = root.get("$schema").and_then(Node::as_text).unwrap_or_default();
    schema.contains("deploymentParameters").then(|| root.get("parameters").cloned().map(Json::Parameters))?
}

struct Reader<'a> {
    root: &'a Path,
    files: &'a [PathBuf],
    given: Vec<Node>,
}

impl Reader<'_> {
    fn template(&self, template: &Node, place: &Place, depth: usize, found: &mut Found) {
        let context = Context {
            parameters: template.get("parameters"),
            variables: template.get("variables"),
            given: &self.given,
        };
        for resource in values(template.get("resources")) {
            self.resource(resource, &context, &Parent::default(), (place, depth), found);
        }
    }

    fn resource(
        &self,
        resource: &Node,
        context: &Context<'_>,
        parent: &Parent,
        (place, depth): (&Place, usize),
        found: &mut Found,
    ) {
        if depth > DEEPEST {
            let reason = "deployments are nested deeper than 8 levels".to_owned();
            found.unread.push(Unread { place: place.at(resource.at), reason });
            return;
        }
        let text = |name: &str| resource.get(name).map(|node| context.resolve(node));
        let kind = text("type").and_then(|node| node.as_text().map(str::to_owned)).unwrap_or_default();
        if kind.eq_ignore_ascii_case("Microsoft.Resources/deployments") {
            if let Some(inner) = resource.get("properties").and_then(|properties| properties.get("template")) {
                self.template(inner, place, depth + 1, found);
            }
            return;
        }
        let name = text("name").and_then(|node| node.as_text().map(str::to_owned)).unwrap_or_default();
        let Some(own) = parent.child(&kind, &name) else { return };
        let properties = resource.get("properties").map_or_else(
            || Node::new(resource.at, Value::Mapping(Vec::new())),
            |properties| context.resolve(properties),
        );
        self.take(&own, properties, &place.at(resource.at), found);
        for child in values(resource.get("resources")) {
            self.resource(child, context, &own, (place, depth + 1), found);
        }
    }

    fn take(&self, own: &Parent, properties: Node, place: &Place, found: &mut Found) {
        let (kind, names) = (own.kind.join("/"), own.names.clone());
        if kind.is_empty() {
            return;
        }
        if let Some(owner) = kind.strip_suffix("policies").map(|owner| owner.trim_end_matches('/').to_owned()) {
            let names = names[..names.len() - 1].to_vec();
            return self.document(owner, names, &properties, place, found);
        }
        if kind.ends_with("policyFragments") {
            self.document(kind.clone(), names.clone(), &properties, place, found);
        }
        if kind.ends_with("apis")
            && let Some(specification) = specification(&names, &properties, place)
        {
            found.specifications.push(specification);
        }
        found.resources.push(Resource { kind, names, properties, place: place.clone() });
    }

    /// A policy: its text is in the template, or in a file that the template links to.
    fn document(&self, kind: String, names: Vec<String>, properties: &Node, place: &Place, found: &mut Found) {
        let Some(value) = properties.get("value").or_else(|| properties.get("policyContent")) else { return };
        let (at, text) = (place.at(value.at), value.as_text().unwrap_or_default());
        let format = properties.get("format").or_else(|| properties.get("contentFormat"));
        let is_link =
            format.and_then(Node::as_text).is_some_and(|format| format.to_ascii_lowercase().ends_with("-link"));
        if !is_link {
            found.documents.push(Document { kind, names, text: text.to_owned(), place: at });
            return;
        }
        match self.linked(text) {
            Ok((text, place)) => found.documents.push(Document { kind, names, text, place }),
            Err(reason) => found.unread.push(Unread { place: at, reason }),
        }
    }

    /// The file at hand that a link's last segment names: links lead to where a pipeline has put the same folder.
    fn linked(&self, url: &str) -> Result<(String, Place), String> {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let mut same = self.files.iter().filter(|file| file.file_name().is_some_and(|file| file == name));
        let Some(file) = same.next() else {
            return Err(format!("the policy is in `{name}`, which is not among the files; put it beside the template"));
        };
        let below = file.strip_prefix(self.root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let text = folder::text(file).map_err(|error| format!("cannot read `{below}`: {error}"))?;
        Ok((text, Place::start_of(&below)))
    }
}

/// A list, or the values of a mapping (symbolic names of newer templates).
fn values(node: Option<&Node>) -> Vec<&Node> {
    match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items.iter().collect(),
        Some(Value::Mapping(entries)) => entries.iter().map(|entry| &entry.value).collect(),
        _ => Vec::new(),
    }
}

/// Kind and names of a resource, the service's own left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parent {
    kind: Vec<String>,
    names: Vec<String>,
}

impl Parent {
    /// A resource by its `type` and `name`: whole ones, or relative to the resource that it stands in.
    fn child(&self, kind: &str, name: &str) -> Option<Self> {
        let names: Vec<String> = name.split('/').map(str::to_owned).collect();
        if let Some(below) = kind.to_ascii_lowercase().strip_prefix(SERVICE) {
            // The name of the service stands first.
            let kind = kind[kind.len() - below.len()..].split('/').filter(|part| !part.is_empty());
            let kind: Vec<String> = kind.map(str::to_owned).collect();
            let names: Vec<String> = names.into_iter().skip(1).collect();
            return (kind.len() == names.len()).then_some(Self { kind, names });
        }
        if kind.contains('.') || kind.is_empty() {
            return None;
        }
        let mut own = self.clone();
        own.kind.extend(kind.split('/').map(str::to_owned));
        own.names.extend(names);
        (own.kind.len() == own.names.len()).then_some(own)
    }
}

/// The specification that an API brings in its own properties.
fn specification(names: &[String], properties: &Node, place: &Place) -> Option<Specification> {
    let format = properties.get("format").and_then(Node::as_text)?.to_ascii_lowercase();
    let value = properties.get("value")?;
    let ending = match format.as_str() {
        "openapi" => "yaml",
        "openapi+json" | "swagger-json" => "json",
        "wsdl" => "wsdl",
        "wadl-xml" => "wadl",
        "graphql" => "graphql",
        _ => return None,
    };
    let text = value.as_text()?.to_owned();
    Some(Specification { names: names.to_vec(), ending: ending.to_owned(), text, place: place.at(value.at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_names_are_whole_or_relative() {
        let own = |kind: &[&str], names: &[&str]| Parent {
            kind: kind.iter().map(|part| (*part).to_owned()).collect(),
            names: names.iter().map(|part| (*part).to_owned()).collect(),
        };
        let top = Parent::default();
        let whole = top.child("Microsoft.ApiManagement/service/apis/operations", "svc/echo/get");
        assert_eq!(whole, Some(own(&["apis", "operations"], &["echo", "get"])));
        let api = top.child("Microsoft.ApiManagement/service/apis", "svc/echo").expect("an API");
        assert_eq!(api.child("policies", "policy"), Some(own(&["apis", "policies"], &["echo", "policy"])));
        assert_eq!(top.child("Microsoft.ApiManagement/service", "svc"), Some(top.clone()));
        assert_eq!(top.child("Microsoft.Web/sites", "x"), None);
        assert_eq!(top.child("Microsoft.ApiManagement/service/apis", "svc"), None);
    }

    #[test]
    fn what_a_json_file_is() {
        let template = r#"{"$schema": "https://x/deploymentTemplate.json#", "resources": []}"#;
        assert!(is_template(template));
        assert!(!is_template(r#"{"$schema": "https://x/deploymentParameters.json#", "parameters": {}}"#));
        assert!(!is_template(r#"{"properties": {}}"#));
        assert!(matches!(
            classify(r#"{"$schema": "deploymentTemplate.json#", "resources": ["#),
            Some(Json::Broken(..))
        ));
    }
}
