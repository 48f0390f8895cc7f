//! From Azure's resources to our settings: one file a noun. What cannot be said here is reported, never dropped.

mod apis;
mod backends;
mod documents;
mod identity;
mod operations;
mod people;
mod products;
mod rest;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    found::{Document, Found, Place, Resource},
    names,
    report::{Became, Item, Judged, Report, Supply},
    tree::Tree,
    variables::Variables,
};

/// The result: what is written, and what is said about it.
#[derive(Debug, Default)]
pub struct Converted {
    /// `tollgate.yaml`.
    pub settings: String,
    /// Other files by their path below the output folder.
    pub files: BTreeMap<String, String>,
    /// What became of what.
    pub report: Report,
}

/// What documents may refer to.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Named values with a text to compile with; a secret's is a stand-in.
    pub named_values: BTreeMap<String, String>,
    /// Named values whose text is a stand-in, because it is still to be supplied.
    pub unknown: BTreeSet<String>,
    /// Texts of fragments.
    pub fragments: BTreeMap<String, String>,
    /// Backends.
    pub backends: BTreeSet<String>,
    /// Pools.
    pub pools: BTreeSet<String>,
    /// Take whatever a document refers to as given: it was imported without the rest of its service.
    pub open: bool,
}

/// Says how a document does here.
pub trait Judge {
    /// Its standing in this world. `text` is the document with its variables in place.
    fn judge(&self, place: &Place, text: &str, is_fragment: bool, world: &World) -> Judged;
}

/// Converts everything that was found.
pub fn convert(found: &Found, variables: &Variables, judge: &dyn Judge) -> Converted {
    let mut converter = Converter { variables, ..Converter::new(found, judge) };
    for unread in &found.unread {
        converter.say("file", &unread.place.file, Became::Skipped, &unread.place, &unread.reason, "mend the file");
    }
    converter.values();
    converter.people();
    converter.backends();
    converter.loggers();
    converter.fragments();
    converter.apis();
    converter.products();
    converter.documents();
    converter.rest();
    converter.finish()
}

/// A conversion under way.
struct Converter<'a> {
    found: &'a Found,
    variables: &'a Variables,
    judge: &'a dyn Judge,
    world: World,
    report: Report,
    files: BTreeMap<String, String>,
    workspaces: BTreeMap<String, Tree>,
    groups: BTreeMap<String, Tree>,
    backends: BTreeMap<String, Tree>,
    pools: BTreeMap<String, Tree>,
    apis: BTreeMap<String, Tree>,
    products: BTreeMap<String, Tree>,
    subscriptions: BTreeMap<String, Tree>,
    named_values: BTreeMap<String, Tree>,
    fragments: BTreeMap<String, Tree>,
    loggers: BTreeMap<String, Tree>,
    token_sources: BTreeMap<String, Tree>,
    global: Option<Tree>,
    /// A document in part: what cannot run fails when it is reached.
    in_part: bool,
    /// Documents that something refers to already.
    placed: BTreeSet<Place>,
}

impl<'a> Converter<'a> {
    fn new(found: &'a Found, judge: &'a dyn Judge) -> Self {
        static NONE: Variables = Variables::new();
        Self {
            found,
            variables: &NONE,
            judge,
            world: World { open: found.resources.is_empty(), ..World::default() },
            report: Report::default(),
            files: BTreeMap::new(),
            workspaces: BTreeMap::new(),
            groups: BTreeMap::new(),
            backends: BTreeMap::new(),
            pools: BTreeMap::new(),
            apis: BTreeMap::new(),
            products: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            named_values: BTreeMap::new(),
            fragments: BTreeMap::new(),
            loggers: BTreeMap::new(),
            token_sources: BTreeMap::new(),
            global: None,
            in_part: false,
            placed: BTreeSet::new(),
        }
    }

    /// Resources of a kind, those in workspaces too, with their workspace.
    fn of_kind(&self, kind: &str) -> impl Iterator<Item = (Option<&'a str>, &'a Resource)> + use<'a> {
        let (plain, inside) = (kind.to_owned(), format!("workspaces/{kind}"));
        self.found.resources.iter().filter_map(move |resource| {
            if resource.kind.eq_ignore_ascii_case(&plain) {
                Some((None, resource))
            } else if resource.kind.eq_ignore_ascii_case(&inside) {
                Some((resource.names.first().map(String::as_str), resource))
            } else {
                None
            }
        })
    }

    /// The document of a resource.
    fn document(&self, kind: &str, names: &[String]) -> Option<&'a Document> {
        self.found.documents.iter().find(|document| document.kind.eq_ignore_ascii_case(kind) && document.names == names)
    }

    fn say(&mut self, what: &str, name: &str, became: Became, place: &Place, reason: &str, fix: &str) {
        self.report.add(Item {
            what: what.to_owned(),
            name: name.to_owned(),
            became,
            place: place.clone(),
            reason: reason.to_owned(),
            fix: fix.to_owned(),
        });
    }

    /// Says what became of a resource by its notes: changed, or simply converted.
    fn done(&mut self, what: &str, name: &str, place: &Place, notes: &[Note]) {
        if notes.is_empty() {
            self.say(what, name, Became::Converted, place, "", "");
        }
        for note in notes {
            self.say(what, name, note.became, &note.place, &note.reason, &note.fix);
        }
    }

    /// A variable of the environment that carries a value.
    fn supply(&mut self, name: &str, what: &str, secret: bool) -> String {
        let variable = names::variable(name);
        self.supply_as(&variable, what, secret);
        variable
    }

    fn supply_as(&mut self, variable: &str, what: &str, secret: bool) {
        match self.report.supplies.iter_mut().find(|supply| supply.variable == variable) {
            Some(known) => known.secret |= secret,
            None => {
                self.report.supplies.push(Supply { variable: variable.to_owned(), what: what.to_owned(), secret });
            }
        }
    }

    /// The workspace that owns an object, declared.
    fn workspace(&mut self, workspace: Option<&str>) -> Option<Tree> {
        let id = names::id(workspace?);
        self.workspaces.entry(id.clone()).or_insert_with(|| Tree::map().with("id", id.as_str()));
        Some(Tree::text(id))
    }

    fn finish(mut self) -> Converted {
        let list = |map: BTreeMap<String, Tree>| map.into_values().collect::<Vec<_>>();
        let mut root = Tree::map().with("version", 1_u64);
        let sections = [
            ("workspaces", list(self.workspaces)),
            ("groups", list(self.groups)),
            ("backends", list(self.backends)),
            ("pools", list(self.pools)),
            ("apis", list(self.apis)),
            ("products", list(self.products)),
            ("subscriptions", list(self.subscriptions)),
            ("token_sources", list(self.token_sources)),
            ("loggers", list(self.loggers)),
            ("named_values", list(self.named_values)),
            ("policy_fragments", list(self.fragments)),
        ];
        for (name, items) in sections {
            if !items.is_empty() {
                root = root.with(name, items);
            }
        }
        if self.global.is_some() || self.in_part {
            let policies = Tree::map().with_some("global", self.global);
            root = root.with(
                "policies",
                if self.in_part { policies.with("on_unsupported", "fail-when-reached") } else { policies },
            );
        }
        let mut variables = BTreeSet::new();
        root.variables(&mut variables);
        for variable in variables {
            let is_known = self.report.supplies.iter().any(|supply| supply.variable == variable);
            if !is_known {
                let what = "a value that only the deployment knew".to_owned();
                self.report.supplies.push(Supply { variable, what, secret: false });
            }
        }
        self.report.supplies.sort();
        let head =
            "# Written by `tollgate import apim`. What could not be taken over is in import-report.md beside it.\n";
        Converted { settings: format!("{head}{}", root.to_yaml()), files: self.files, report: self.report }
    }
}

/// Something to say about a resource that is there.
struct Note {
    became: Became,
    place: Place,
    reason: String,
    fix: String,
}

impl Note {
    fn changed(place: Place, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { became: Became::Changed, place, reason: reason.into(), fix: fix.into() }
    }

    fn unsupported(place: Place, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { became: Became::Unsupported, place, reason: reason.into(), fix: fix.into() }
    }
}
