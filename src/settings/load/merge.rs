//! Several files made one: lists concatenate, an object is declared once, the process is described once.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{place::Places, source::Text};
use crate::{
    document::{self, Mark, Node, Value},
    settings::{
        Object, ObjectKind, Origin, Problem, Settings,
        read::{Found, Reader, Rules, expand::Expander, shape},
    },
};

/// The version of the format that this version reads.
const VERSION: u64 = 1;

/// What the files said so far.
pub struct Merge {
    /// The settings.
    pub settings: Settings,
    /// Objects that are declared but could not be read: references to them are not wrong.
    pub unread: HashSet<(ObjectKind, String)>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Files that took part.
    pub files: Vec<PathBuf>,
    /// Where everything stood.
    pub places: Places,
    /// Every file could be parsed.
    pub complete: bool,
    singles: HashMap<&'static str, Origin>,
    declared: HashMap<(ObjectKind, String), Origin>,
}

impl Default for Merge {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            unread: HashSet::new(),
            problems: Vec::new(),
            files: Vec::new(),
            places: Places::default(),
            complete: true,
            singles: HashMap::new(),
            declared: HashMap::new(),
        }
    }
}

impl Merge {
    /// Adds a file.
    pub fn add(&mut self, text: &Text, env: &dyn Fn(&str) -> Option<String>) {
        if text.folder.is_some() {
            self.files.push(text.name.as_ref().clone());
        }
        let root = match document::read(&text.text, text.format) {
            Ok(root) if text.in_folder && is_openapi(&root) => return,
            Ok(root) => root,
            Err(broken) => {
                let problem =
                    |broken: document::Broken| Problem::new("", broken.message).at(Some(origin(&text.name, broken.at)));
                self.problems.extend(broken.into_iter().map(problem));
                self.complete = false;
                return;
            }
        };
        if root.value != Value::Null {
            self.read(text, &root, env);
        }
    }

    fn read(&mut self, text: &Text, root: &Node, env: &dyn Fn(&str) -> Option<String>) {
        let rules = || Rules::File(Expander::new(env, text.folder.as_deref()), text.format);
        let mut reader = Reader::new(rules());
        let whole = reader.read(root, shape::settings(), "");
        self.problems.extend(std::mem::take(&mut reader.found).into_iter().map(|found| located(&text.name, found)));
        let file = self.places.file(&text.name, std::mem::take(&mut reader.marks));
        self.files.extend(reader.into_files());
        let mut pieces = match whole {
            Some(whole) => Pieces::of(&whole),
            None => Pieces::salvage(root, &mut Reader::new(rules())),
        };
        self.process(&text.name, root, &mut pieces);
        for (kind, items) in pieces.objects {
            for (index, item) in items.into_iter().enumerate() {
                self.object(&text.name, file, root, (kind, index), item);
            }
        }
    }

    /// The parts that describe the process: once in all files.
    fn process(&mut self, name: &Arc<PathBuf>, root: &Node, pieces: &mut Pieces) {
        if let (Some(version), Some(node)) = (&pieces.version, root.get("version"))
            && *version != VERSION
        {
            let message = format!("version {version} of the format is not known here; write {VERSION}");
            self.problems.push(Problem::new("version", message).at(Some(origin(name, node.at))));
        }
        if let Some(server) = self.single("server", name, root, pieces.server.take()) {
            self.settings.server = server;
        }
        if let Some(policies) = self.single("policies", name, root, pieces.policies.take()) {
            self.settings.policies = policies;
        }
        if let Some(cache) = self.single("cache", name, root, pieces.cache.take()) {
            self.settings.cache = Some(cache);
        }
    }

    /// A part that one file describes.
    fn single<T: DeserializeOwned>(
        &mut self,
        part: &'static str,
        name: &Arc<PathBuf>,
        root: &Node,
        written: Option<Json>,
    ) -> Option<T> {
        let (written, node) = (written?, root.get(part)?);
        let at = origin(name, node.at);
        if let Some(first) = self.singles.get(part) {
            let message = format!("`{part}` is described twice: first at {first}; write it in one file");
            self.problems.push(Problem::new(part, message).at(Some(at)));
            return None;
        }
        self.singles.insert(part, at.clone());
        let read = serde_json::from_value(written);
        read.map_err(|error| self.problems.push(Problem::new(part, error.to_string()).at(Some(at)))).ok()
    }

    fn object(
        &mut self,
        name: &Arc<PathBuf>,
        file: usize,
        root: &Node,
        (kind, index): (ObjectKind, usize),
        item: Option<Json>,
    ) {
        let Some(node) = root.get(kind.plural()).and_then(|list| item_of(list, index)) else { return };
        let at = origin(name, node.at);
        let path = || format!("{}[{index}]", kind.plural());
        let object = item.and_then(|item| {
            let unread = |error: serde_json::Error| Problem::new(path(), error.to_string()).at(Some(at.clone()));
            Object::decode(kind, item).map_err(|error| self.problems.push(unread(error))).ok()
        });
        // One that could not be read is declared all the same, where it says as what.
        let written = || node.get(kind.key()).and_then(Node::as_text).map(ToOwned::to_owned);
        let Some(id) = object.as_ref().map(|object| object.id().to_owned()).or_else(written) else { return };
        let key = (kind, id);
        if let Some(first) = self.declared.get(&key) {
            let message = format!("the {} `{}` is declared twice: first at {first}", kind.singular(), key.1);
            self.problems.push(Problem::new(path(), message).at(Some(at)));
            return;
        }
        self.declared.insert(key.clone(), at.clone());
        let Some(object) = object else {
            self.unread.insert(key);
            return;
        };
        self.settings.origins.insert(key, at);
        self.settings.push(object);
        self.places.item(kind, file, index);
    }
}

/// What was read of one file; an object that could not be read is none.
#[derive(Default)]
struct Pieces {
    version: Option<u64>,
    server: Option<Json>,
    policies: Option<Json>,
    cache: Option<Json>,
    objects: Vec<(ObjectKind, Vec<Option<Json>>)>,
}

impl Pieces {
    fn of(whole: &Json) -> Self {
        let list = |kind: ObjectKind| whole[kind.plural()].as_array().cloned().unwrap_or_default();
        Self {
            version: whole["version"].as_u64(),
            server: whole.get("server").cloned(),
            policies: whole.get("policies").cloned(),
            cache: whole.get("cache").filter(|cache| !cache.is_null()).cloned(),
            objects: ObjectKind::ALL.map(|kind| (kind, list(kind).into_iter().map(Some).collect())).into(),
        }
    }

    /// What can be read of a file that has problems, so that the rest can be checked in the same run.
    fn salvage(root: &Node, reader: &mut Reader<'_>) -> Self {
        let objects = ObjectKind::ALL.map(|kind| {
            let list = root.get(kind.plural()).map(|node| &node.value);
            let Some(Value::Sequence(items)) = list else { return (kind, Vec::new()) };
            (kind, items.iter().map(|item| reader.read(item, shape::object(kind), "")).collect())
        });
        // What products and models say of the cache is not wrong because something else is.
        let cache = root.get("cache").filter(|node| node.value != Value::Null);
        let cache = cache.and_then(|node| reader.read(node, shape::part("cache"), ""));
        Self { objects: objects.into(), cache, ..Self::default() }
    }
}

fn item_of(list: &Node, index: usize) -> Option<&Node> {
    match &list.value {
        Value::Sequence(items) => items.get(index),
        _ => None,
    }
}

fn is_openapi(root: &Node) -> bool {
    root.get("openapi").or_else(|| root.get("swagger")).is_some()
}

fn located(name: &Arc<PathBuf>, found: Found) -> Problem {
    Problem::new(found.path, found.message).at(Some(origin(name, found.at)))
}

fn origin(name: &Arc<PathBuf>, at: Mark) -> Origin {
    Origin { file: Arc::clone(name), line: at.line, column: at.column }
}
