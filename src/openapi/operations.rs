//! The operations of an OpenAPI document.
//!
//! Tolerant: real documents are full of small errors in parts that routing does not need.

use std::{collections::HashSet, fmt};

use super::{Template, pointer};
use crate::{
    document::{self, Broken, Entry, Format, Mark, Node, Value},
    model::OperationId,
};

/// The fields of a path item that are operations.
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
/// Longest identifier, in characters.
const LONGEST_ID: usize = 80;

/// One operation of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its `operationId` made safe and unique, or one made of method and path.
    pub id: OperationId,
    /// HTTP method, upper case.
    pub method: String,
    /// Path template, such as `/orders/{id}`; base paths of `servers` and `basePath` are not part of it.
    pub path: String,
    /// Its `summary`.
    pub title: Option<String>,
}

/// Why a document cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenApiProblem {
    /// Line, from 1, where it is known.
    pub line: Option<usize>,
    /// Column, from 1, where it is known.
    pub column: Option<usize>,
    /// The place inside the document, such as `paths./orders.get`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl OpenApiProblem {
    fn new(at: Mark, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { line: Some(at.line), column: Some(at.column), path: path.into(), message: message.into() }
    }
}

impl fmt::Display for OpenApiProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Reads the operations of a Swagger 2.0 or OpenAPI 3.x document. Of operations that match the same method and paths
/// the first is taken.
///
/// # Errors
/// Every problem that keeps the document from being used; what routing does not need is not looked at.
pub fn operations(text: &str, format: Format) -> Result<Vec<Operation>, Vec<OpenApiProblem>> {
    let syntax = |broken: Broken| OpenApiProblem::new(broken.at, "", broken.message);
    let root = document::read(text, format).map_err(|broken| broken.into_iter().map(syntax).collect::<Vec<_>>())?;
    if let Some(problem) = foreign(&root) {
        return Err(vec![problem]);
    }
    let mut reader = Reader::of(&root);
    reader.paths();
    match (reader.problems.is_empty(), reader.found.is_empty()) {
        (true, false) => Ok(reader.found),
        (true, true) => Err(vec![OpenApiProblem::new(root.at, "paths", "the document names no operation")]),
        (false, _) => Err(reader.problems),
    }
}

/// What is wrong with a document that is no OpenAPI at all.
fn foreign(root: &Node) -> Option<OpenApiProblem> {
    let Some(version) = root.get("openapi").or_else(|| root.get("swagger")) else {
        let message = "this is not an OpenAPI document: it has neither `openapi` nor `swagger`";
        return Some(OpenApiProblem::new(root.at, "", message));
    };
    let text = match &version.value {
        Value::Number(number) => number.text.clone(),
        _ => version.as_text().unwrap_or_default().to_owned(),
    };
    let known = text.starts_with("3.") || text == "3" || text == "2.0" || text == "2";
    (!known).then(|| OpenApiProblem::new(version.at, "", format!("version `{text}` is not 2.0 or 3.x")))
}

struct Reader<'a> {
    root: &'a Node,
    found: Vec<Operation>,
    ids: HashSet<String>,
    /// Method and template of each operation, without the names of parameters.
    routes: HashSet<(String, String)>,
    problems: Vec<OpenApiProblem>,
}

impl<'a> Reader<'a> {
    fn of(root: &'a Node) -> Self {
        Self { root, found: Vec::new(), ids: HashSet::new(), routes: HashSet::new(), problems: Vec::new() }
    }

    fn paths(&mut self) {
        let Some(paths) = self.root.get("paths") else { return };
        let Value::Mapping(entries) = &paths.value else {
            self.add(paths.at, "paths", format!("expected a mapping, found {}", paths.value.kind()));
            return;
        };
        for entry in entries.iter().filter(|entry| !entry.key.starts_with("x-")) {
            self.path(entry);
        }
    }

    fn path(&mut self, entry: &Entry) {
        let place = format!("paths.{}", entry.key);
        if let Err(message) = Template::parse(&entry.key) {
            self.add(entry.key_at, &place, message);
            return;
        }
        let item = match pointer::resolve(self.root, &entry.value) {
            Ok(item) => item,
            Err(message) => {
                self.add(entry.value.at, &place, message);
                return;
            }
        };
        let Value::Mapping(fields) = &item.value else {
            if item.value != Value::Null {
                self.add(item.at, &place, format!("expected a mapping, found {}", item.value.kind()));
            }
            return;
        };
        let path = entry.key.split(['?', '#']).next().unwrap_or_default();
        for field in fields.iter().filter(|field| METHODS.contains(&field.key.to_ascii_lowercase().as_str())) {
            self.operation(path, field, &place);
        }
    }

    fn operation(&mut self, path: &str, field: &Entry, place: &str) {
        if !matches!(field.value.value, Value::Mapping(_)) {
            let message = format!("expected a mapping, found {}", field.value.value.kind());
            self.add(field.value.at, &format!("{place}.{}", field.key), message);
            return;
        }
        let method = field.key.to_ascii_uppercase();
        if !self.routes.insert((method.clone(), nameless(path))) {
            return;
        }
        let text = |name: &str| field.value.get(name).and_then(Node::as_text).filter(|text| !text.trim().is_empty());
        let wanted = text("operationId").map_or_else(|| format!("{}{path}", field.key), str::to_owned);
        let id = OperationId::from(self.unique(&safe(&wanted)));
        self.found.push(Operation { id, method, path: path.to_owned(), title: text("summary").map(str::to_owned) });
    }

    fn unique(&mut self, id: &str) -> String {
        let numbered = (2_usize..).map(|number| format!("{}-{number}", &id[..id.len().min(LONGEST_ID - 8)]));
        let free = std::iter::once(id.to_owned()).chain(numbered).find(|id| !self.ids.contains(id));
        let id = free.unwrap_or_default();
        self.ids.insert(id.clone());
        id
    }

    fn add(&mut self, at: Mark, path: &str, message: impl Into<String>) {
        self.problems.push(OpenApiProblem::new(at, path, message));
    }
}

/// Letters, digits, `.`, `_` and single `-`, as identifiers are.
fn safe(text: &str) -> String {
    let mut id = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '.' || c == '_' {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    id.truncate(LONGEST_ID);
    let id = id.trim_start_matches(['.', '_']).trim_end_matches('-');
    if id.is_empty() { "operation".into() } else { id.into() }
}

/// A template without the names of its parameters.
fn nameless(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.trim_end_matches('/').chars() {
        inside = (inside || c == '{') && c != '}';
        if !inside || c == '{' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Vec<String> {
        match operations(text, Format::Yaml) {
            Ok(found) => found.iter().map(|one| format!("{} {} {}", one.id, one.method, one.path)).collect(),
            Err(problems) => problems.iter().map(|problem| format!("! {problem}")).collect(),
        }
    }

    #[test]
    fn documents_of_all_versions_and_qualities_are_read() {
        let rows: &[(&str, &[&str])] = &[
            (
                "openapi: 3.0.3\nservers: [{url: /base}]\npaths:\n  x-note: 1\n  /orders:\n    summary: s\n    parameters: []\n    get: {operationId: list orders, summary: All}\n    post: {responses: {}}\n  /orders/{id}:\n    get: {operationId: list/orders}\n    delete: {}\n",
                &[
                    "list-orders GET /orders",
                    "post-orders POST /orders",
                    "list-orders-2 GET /orders/{id}",
                    "delete-orders-id DELETE /orders/{id}",
                ],
            ),
            ("swagger: 2.0\nbasePath: /v2\npaths: {/: {get: {}}}\n", &["get GET /"]),
            (
                "openapi: 3.1.0\ncomponents: {pathItems: {a/b: {get: {operationId: x}}}}\npaths: {/a: {$ref: '#/components/pathItems/a~1b'}}\n",
                &["x GET /a"],
            ),
            ("openapi: 3.1.0\npaths:\n  /a: null\n  /b?c={d}: {get: {}}\n  /b?e={f}: {get: {}}\n", &["get-b GET /b"]),
            (
                "openapi: 3.1.0\npaths:\n  /a/{x}: {get: {}}\n  /a/{y}: {get: {}, put: {}}\n",
                &["get-a-x GET /a/{x}", "put-a-y PUT /a/{y}"],
            ),
            ("openapi: 3.1.0\npaths: {/ü: {get: {operationId: ÄÖ}}}\n", &["operation GET /ü"]),
        ];
        for (text, wanted) in rows {
            assert_eq!(yaml(text), *wanted, "{text}");
        }
    }

    #[test]
    fn broken_documents_say_where() {
        let rows: &[(&str, &[&str])] = &[
            ("a: 1\n", &["! 1:1: this is not an OpenAPI document: it has neither `openapi` nor `swagger`"]),
            ("openapi: 4.0.0\n", &["! 1:10: version `4.0.0` is not 2.0 or 3.x"]),
            ("openapi: 3.1.0\n", &["! 1:1: paths: the document names no operation"]),
            ("openapi: 3.1.0\npaths: []\n", &["! 2:8: paths: expected a mapping, found a list"]),
            (
                "openapi: 3.1.0\npaths:\n  orders: {get: {}}\n  /a/{b: {get: {}}\n  /c: 1\n  /d: {get: 1}\n  /e: {$ref: other.yaml#/e}\n  /f: {$ref: '#/none'}\n  /g: {$ref: '#/paths/~1g'}\n",
                &[
                    "! 3:3: paths.orders: `orders` does not start with `/`",
                    "! 4:3: paths./a/{b: `/a/{b`: in `{b` a parameter such as {id} is not complete",
                    "! 5:7: paths./c: expected a mapping, found a number",
                    "! 6:13: paths./d.get: expected a mapping, found a number",
                    "! 7:7: paths./e: `other.yaml#/e` is in another document; put everything into one",
                    "! 8:7: paths./f: `#/none` is not in this document",
                    "! 9:7: paths./g: `#/paths/~1g` leads back to itself",
                ],
            ),
            (
                "openapi: [\n",
                &[
                    "! 2:1: while parsing a node, did not find expected node content (check the indentation above; is a bracket or quote open?)",
                ],
            ),
        ];
        for (text, wanted) in rows {
            assert_eq!(yaml(text), *wanted, "{text}");
        }
    }

    #[test]
    fn json_is_read_too_and_long_ids_are_cut() {
        let id = "a".repeat(200);
        let text = format!(
            r#"{{"openapi": "3.0.0", "paths": {{"/a": {{"get": {{"operationId": "{id}"}}, "put": {{"operationId": "{id}"}}}}}}}}"#
        );
        let found = operations(&text, Format::Json).expect("good");
        assert_eq!(found[0].id.as_str().len(), 80);
        assert!(found[1].id.as_str().len() <= 80 && found[1].id != found[0].id);
    }
}
