//! What the files of an API Management instance say, whichever tool wrote them: resources with Azure's properties,
//! policy documents, API specifications. What becomes of them is `convert`'s matter.

use std::sync::Arc;

use crate::document::{Mark, Node, Value};

/// Everything that was found, in the order of files.
#[derive(Debug, Default)]
pub struct Found {
    /// Resources with properties.
    pub resources: Vec<Resource>,
    /// Policy documents and fragments.
    pub documents: Vec<Document>,
    /// Specifications of APIs.
    pub specifications: Vec<Specification>,
    /// Files that look as if they belonged here and could not be read.
    pub unread: Vec<Unread>,
}

/// A resource: kind, names from the outermost to its own, properties.
pub struct Resource {
    /// Azure's type below the service, such as `apis/operations`.
    pub kind: String,
    /// Names along the kind: as many as it has parts.
    pub names: Vec<String>,
    /// Properties as in Azure's resource model, with their places.
    pub properties: Node,
    /// Where it was declared.
    pub place: Place,
}

/// A file and a place in it; line and column are 0 when only the file is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, below the folder that is imported.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// The text of a policy document.
pub struct Document {
    /// Kind of the resource that it belongs to: empty for the service itself, `policyFragments` for a fragment.
    pub kind: String,
    /// Names along the kind.
    pub names: Vec<String>,
    /// The text.
    pub text: String,
    /// Where it was written; its line and column are 1 for a file of its own.
    pub place: Place,
}

/// The specification of an API.
pub struct Specification {
    /// The API, with its workspace in front where it has one.
    pub names: Vec<String>,
    /// The file's ending, such as `yaml` or `wsdl`.
    pub ending: String,
    /// The text.
    pub text: String,
    /// The file.
    pub place: Place,
}

/// A file that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Where it goes wrong.
    pub place: Place,
    /// Why.
    pub reason: String,
}

impl Place {
    /// The first character of a file.
    #[must_use]
    pub fn start_of(file: &str) -> Self {
        Self { file: file.into(), line: 1, column: 1 }
    }

    /// A place in the same file.
    #[must_use]
    pub fn at(&self, mark: Mark) -> Self {
        Self { file: self.file.clone(), line: mark.line, column: mark.column }
    }
}

impl std::fmt::Debug for Resource {
    /// Without properties: they may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} at {:?}", self.kind, self.names.join("/"), self.place)
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "document of {} {} at {:?}", self.kind, self.names.join("/"), self.place)
    }
}

impl std::fmt::Debug for Specification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "specification of {} at {:?}", self.names.join("/"), self.place)
    }
}

impl Resource {
    /// Its own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The text of a property; blank ones do not count.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Node::as_text).filter(|text| !text.trim().is_empty())
    }

    /// A switch.
    #[must_use]
    pub fn switch(&self, name: &str) -> Option<bool> {
        self.properties.get(name).and_then(switch)
    }

    /// The place of a property, or the resource's own.
    #[must_use]
    pub fn place_of(&self, name: &str) -> Place {
        self.properties.get(name).map_or_else(|| self.place.clone(), |node| self.place.at(node.at))
    }
}

/// A switch, also one that was written as text.
pub fn switch(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(on) => Some(*on),
        Value::Text { text, .. } => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// The items of a list; none for anything else.
pub fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}

/// A whole number, also one that was written as text.
pub fn number(node: Option<&Node>) -> Option<u64> {
    match &node?.value {
        Value::Number(number) => number.value.as_u64(),
        Value::Text { text, .. } => text.trim().parse().ok(),
        _ => None,
    }
}

/// The last part of an Azure resource id, or the whole when it is only a name.
pub fn last_part(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}
