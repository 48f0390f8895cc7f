//! What a document that is looked at by itself may refer to: what its user gave, and stand-ins for the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde_json::json;

use crate::{
    policies::{
        self, Named,
        compile::{Known, OnUnsupported},
        link::Target,
    },
    policy::{self, Document, Element, Fragment, Fragments, NamedValue, NamedValues, Problem, Scope, Section},
    settings::{Settings, objects::PolicySource},
};

/// What documents may refer to.
#[derive(Clone, Default)]
pub struct World {
    /// Named values.
    pub values: NamedValues,
    /// Fragments.
    pub fragments: Fragments,
    /// Backends and pools, by id.
    pub targets: BTreeMap<String, Target>,
    /// Loggers, token sources, certificates.
    pub named: Arc<Named>,
    /// Named values whose text is a stand-in: what they will be is not known.
    pub stand_ins: BTreeSet<String>,
    /// Whatever else a document refers to is taken as there.
    pub open: bool,
}

impl World {
    /// One where everything that a document refers to is there.
    #[must_use]
    pub fn open() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// What a configuration has.
    ///
    /// # Errors
    /// Everything wrong with its fragments.
    pub fn of(settings: &Settings) -> Result<Self, Vec<Problem>> {
        let mut world = Self::default();
        for value in &settings.named_values {
            let named = NamedValue { value: value.value.expose().to_owned(), secret: value.secret };
            world.values.insert(value.id.clone(), named);
        }
        for fragment in &settings.policy_fragments {
            let file = file_of(&fragment.policy, &fragment.id);
            world.fragments.insert(fragment.id.clone(), Fragment::read(&file, &text_of(&fragment.policy))?);
        }
        let backends = settings.backends.iter().map(|one| (one.id.to_string(), Target::Backend(one.id.clone())));
        let pools = settings.pools.iter().map(|one| (one.id.to_string(), Target::Pool(one.id.clone())));
        world.targets = backends.chain(pools).collect();
        Ok(world)
    }

    /// A named value of the user's.
    #[must_use]
    pub fn with_value(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), NamedValue { value: value.to_owned(), secret: false });
        self
    }

    /// The document with named values and fragments put in.
    ///
    /// # Errors
    /// What it refers to and is not there.
    pub fn complete(&self, document: &Document) -> Result<Document, Vec<Problem>> {
        if !self.open {
            return policy::resolve(document, &self.values, &self.fragments);
        }
        let around = self.around(document)?;
        policy::resolve(document, &around.values, &around.fragments)
    }

    /// The document complete and its world, with stand-ins for named values that nobody gave chosen so that as little as
    /// possible is wrong: what they stand for has to be a number here, a URL or a key there.
    ///
    /// # Errors
    /// What it refers to and is not there.
    pub fn fitting(&self, document: &Document) -> Result<(Self, Document), Vec<Problem>> {
        let mut world = if self.open { self.around(document)? } else { self.clone() };
        let own: Vec<String> = world.stand_ins.iter().cloned().collect();
        let (mut wrong, mut complete) = world.troubles(document)?;
        for name in own {
            for text in STAND_INS {
                if wrong == 0 {
                    break;
                }
                let other = world.clone().with_value(&name, text);
                // A text may break the code around it: `//` begins a comment.
                if let Ok((now, document)) = other.troubles(document)
                    && now < wrong
                {
                    (wrong, complete, world) = (now, document, other);
                }
            }
        }
        Ok((world.with_names_of(std::iter::once(&complete)), complete))
    }

    /// How much is wrong with a document in this world, and the document complete.
    fn troubles(&self, document: &Document) -> Result<(usize, Document), Vec<Problem>> {
        let complete = policy::resolve(document, &self.values, &self.fragments)?;
        let world = self.clone().with_names_of(std::iter::once(&complete));
        // Operation scope: what may stand there may stand anywhere. What is not supported is so with any value.
        let compiled = policies::compile(&complete, Scope::Operation, &world, OnUnsupported::FailWhenReached);
        Ok((compiled.err().map_or(0, |troubles| troubles.len()), complete))
    }

    /// With stand-ins for everything that a document refers to and nobody gave.
    fn around(&self, document: &Document) -> Result<Self, Vec<Problem>> {
        let mut around = self.clone();
        around.stand_in(&document.root)?;
        for fragment in self.fragments.values() {
            around.stand_in(&fragment.root)?;
        }
        Ok(around)
    }

    fn stand_in(&mut self, root: &Element) -> Result<(), Vec<Problem>> {
        for (id, _) in policy::included(root) {
            if !self.fragments.contains_key(&*id) {
                self.fragments.insert(id.to_string(), Fragment::from_xml("stand-in", "<fragment />")?);
            }
        }
        for reference in policy::references(root).into_iter().filter(|reference| !reference.maybe_liquid) {
            if !self.values.contains_key(&reference.name) {
                let value = NamedValue { value: stand_in(&reference.name).to_owned(), secret: false };
                self.values.insert(reference.name.clone(), value);
                self.stand_ins.insert(reference.name);
            }
        }
        Ok(())
    }

    /// With loggers, token sources and services of whatever names the documents have, so that they can be run without a network.
    #[must_use]
    pub fn with_names_of<'d>(mut self, documents: impl Iterator<Item = &'d Document>) -> Self {
        let (mut loggers, mut services) = (Vec::new(), Vec::new());
        let mut sources = vec![json!({"id": "stand-in", "default": true, "token": "stand-in-token"})];
        for document in documents {
            attributes(&document.root, "logger-id", &mut loggers);
            let mut providers = Vec::new();
            attributes(&document.root, "provider-id", &mut providers);
            sources.extend(providers.iter().map(|id| json!({"id": id, "token": "stand-in-token"})));
            checkers(&document.root, &mut services);
        }
        let service = |id: &String| json!({"id": id, "kind": "http", "url": "https://service.stand-in.example/"});
        let services: Vec<_> = services.iter().map(service).collect();
        let loggers: Vec<_> =
            loggers.iter().map(|id| json!({"id": id, "url": "https://logger.stand-in.example/"})).collect();
        let settings = json!({"token_sources": sources, "loggers": loggers, "backends": services});
        let settings: Result<Settings, _> = serde_json::from_value(settings);
        // Names that no setting can have are left out: the compiler says what is wrong with them.
        if let Ok(settings) = settings
            && let Ok(named) = Named::compile(&settings, Path::new(""))
        {
            self.named = Arc::new(named);
        }
        self
    }
}

/// The services that are asked about content, anywhere below an element.
fn checkers(element: &Element, found: &mut Vec<String>) {
    for child in element.elements() {
        if &*child.name == "llm-content-safety" {
            attributes(child, "backend-id", found);
        }
        checkers(child, found);
    }
}

/// The literal values of an attribute anywhere below an element, each once.
fn attributes(element: &Element, name: &str, found: &mut Vec<String>) {
    if let Some(text) = element.attribute(name) {
        let value = text.value.trim().to_owned();
        if !value.is_empty() && !value.starts_with('@') && !found.contains(&value) {
            found.push(value);
        }
    }
    element.elements().for_each(|child| attributes(child, name, found));
}

/// Texts that a named value could have, by what may be asked of it where it stands: a number, a URL, a key in base64, an
/// address, a switch, a method, a moment, a name.
const STAND_INS: [&str; 8] = [
    "1",
    "https://stand-in.example",
    "c3RhbmQtaW4tc3RhbmQtaW4tc3RhbmQtaW4tc3RhbmQ=",
    "192.0.2.1",
    "true",
    "GET",
    "2026-01-01T00:00:00Z",
    "stand-in",
];

/// A fragment as the only thing in a section of a document. In `backend`, one that does not forward by itself is
/// followed by what would.
///
/// # Errors
/// There are none: the document is ours.
pub fn including(file: &str, fragment: &Fragment, section: Section) -> Result<Document, Vec<Problem>> {
    let forwards = section != Section::Backend || has(&fragment.root, "forward-request");
    let (name, inside) = (section.name(), if forwards { "" } else { "<base />" });
    let mut document = Document::from_xml(file, &format!("<policies><{name}>{inside}</{name}></policies>"))?;
    for child in &mut document.root.children {
        if let policy::Child::Element(element) = child {
            element.children.splice(0..0, fragment.root.children.iter().cloned());
        }
    }
    Ok(document)
}

fn has(element: &Element, name: &str) -> bool {
    element.elements().any(|child| *child.name == *name || has(child, name))
}

/// A text that a named value of that name could have: many stand where a URL or a number does.
#[must_use]
pub fn stand_in(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["url", "endpoint", "host", "uri", "origin", "issuer"]) { "https://stand-in.example" } else { "1" }
}

/// The text of a document of the configuration, in either spelling.
#[must_use]
pub fn text_of(source: &PolicySource) -> String {
    match (&source.xml, &source.elements) {
        (Some(xml), _) => xml.clone(),
        // JSON is YAML too.
        (None, Some(elements)) => elements.to_string(),
        (None, None) => String::new(),
    }
}

/// The name of a document of the configuration.
#[must_use]
pub fn file_of(source: &PolicySource, id: &str) -> String {
    source.file.clone().unwrap_or_else(|| id.to_owned())
}

impl Known for World {
    fn backend(&self, id: &str) -> Option<Target> {
        self.targets.get(id).cloned().or_else(|| self.open.then(|| Target::Backend(id.into())))
    }

    fn names(&self, kind: &str) -> Vec<String> {
        match kind {
            "backend" => self.targets.keys().cloned().collect(),
            "fragment" => self.fragments.keys().cloned().collect(),
            "logger" => self.named.logger_ids().map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    fn named(&self) -> Arc<Named> {
        self.named.clone()
    }
}
