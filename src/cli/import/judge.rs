//! How a document does here: parsed, named values and fragments put in, compiled, as the gateway will do it.

use super::{
    convert::{Judge, World},
    found::Place,
    report::{Judged, Standing},
};
use crate::{
    model::{BackendId, PoolId},
    policies::{
        self, Trouble,
        compile::{Known, OnUnsupported},
        link::Target,
    },
    policy::{self, Document, Fragment, Fragments, NamedValue, NamedValues, Problem, Scope, Section},
};

/// The gateway's own compilation as a judge.
pub struct Compilation;

impl Judge for Compilation {
    fn judge(&self, place: &Place, text: &str, is_fragment: bool, world: &World) -> Judged {
        let (standing, troubles) = match standing(&place.file, text, is_fragment, world) {
            Ok(known) => known,
            Err(problems) => (Standing::Refused, problems),
        };
        let place = Place { line: 1, column: 1, ..place.clone() };
        Judged { standing, place, troubles }
    }
}

type Troubles = Vec<(Place, String)>;

/// A standing with what kept it from being full, or why there is none.
type Outcome = Result<(Standing, Troubles), Troubles>;

fn standing(file: &str, text: &str, is_fragment: bool, world: &World) -> Outcome {
    if !is_fragment {
        return outcome(&Document::from_xml(file, text).map_err(told)?, world);
    }
    // A fragment is as good as in the best section that it could stand in.
    let outcomes = in_sections(file, text)?.into_iter().map(|document| outcome(&document, world));
    outcomes.min_by_key(rank).unwrap_or(Ok((Standing::Full, Vec::new())))
}

fn rank(outcome: &Outcome) -> (u8, usize) {
    match outcome {
        Ok((Standing::Full, _)) => (0, 0),
        Ok((_, troubles)) => (1, troubles.len()),
        Err(troubles) => (2, troubles.len()),
    }
}

/// A fragment as a document, in each section that it could be included in.
fn in_sections(file: &str, text: &str) -> Result<Vec<Document>, Troubles> {
    let fragment = Fragment::from_xml(file, text).map_err(told)?;
    let documents = Section::ALL.into_iter().map(|section| {
        let name = section.name();
        let mut document =
            Document::from_xml(file, &format!("<policies><{name}></{name}></policies>")).map_err(told)?;
        for child in &mut document.root.children {
            if let policy::Child::Element(element) = child {
                element.children.clone_from(&fragment.root.children);
            }
        }
        Ok(document)
    });
    documents.collect()
}

fn outcome(document: &Document, world: &World) -> Outcome {
    let (values, fragments) = surroundings(document, world)?;
    let document = policy::resolve(document, &values, &fragments).map_err(told)?;
    let known = Names { world };
    // Operation scope: what may stand there may stand anywhere.
    let compiled = |how| policies::compile(&document, Scope::Operation, &known, how);
    let Err(refused) = compiled(OnUnsupported::Refuse) else { return Ok((Standing::Full, Vec::new())) };
    match compiled(OnUnsupported::FailWhenReached) {
        Ok(_) => Ok((Standing::Partial, listed(refused))),
        Err(troubles) => Err(listed(troubles)),
    }
}

/// Named values and fragments: those of the world, and in an open one stand-ins for whatever else is referred to.
fn surroundings(document: &Document, world: &World) -> Result<(NamedValues, Fragments), Troubles> {
    let value = |text: &str| NamedValue { value: text.to_owned(), secret: false };
    let mut values: NamedValues = world.named_values.iter().map(|(name, text)| (name.clone(), value(text))).collect();
    let mut fragments = Fragments::new();
    for (id, text) in &world.fragments {
        // One that cannot be read is reported by itself; here it is missing.
        if let Ok(fragment) = Fragment::from_xml(&format!("fragment {id}"), text) {
            fragments.insert(id.clone(), fragment);
        }
    }
    if world.open {
        let roots = std::iter::once(&document.root).chain(fragments.values().map(|fragment| &fragment.root));
        let roots: Vec<policy::Element> = roots.cloned().collect();
        for root in &roots {
            for (id, _) in policy::included(root) {
                let empty = Fragment::from_xml("stand-in", "<fragment />").map_err(told)?;
                fragments.entry(id.to_string()).or_insert(empty);
            }
            for reference in policy::references(root).into_iter().filter(|reference| !reference.maybe_liquid) {
                values.entry(reference.name.clone()).or_insert_with(|| value(stand_in(&reference.name)));
            }
        }
    }
    Ok((values, fragments))
}

/// A text that a named value of that name could have: many stand where a URL or a number does.
fn stand_in(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["url", "endpoint", "host", "uri", "origin", "issuer"]) {
        return "https://stand-in.example";
    }
    "1"
}

fn told(problems: Vec<Problem>) -> Troubles {
    problems.into_iter().map(|problem| (place(&problem.place), problem.message)).collect()
}

fn listed(troubles: Vec<Trouble>) -> Troubles {
    troubles.into_iter().map(|trouble| (place(&trouble.place), trouble.message)).collect()
}

fn place(place: &policy::Place) -> Place {
    Place { file: place.file.clone(), line: place.line as usize, column: place.column as usize }
}

/// What documents may name.
struct Names<'w> {
    world: &'w World,
}

impl Known for Names<'_> {
    fn backend(&self, id: &str) -> Option<Target> {
        if self.world.pools.contains(id) {
            Some(Target::Pool(PoolId::from(id)))
        } else if self.world.open || self.world.backends.contains(id) {
            Some(Target::Backend(BackendId::from(id)))
        } else {
            None
        }
    }

    fn names(&self, kind: &str) -> Vec<String> {
        match kind {
            "backend" => self.world.backends.iter().chain(&self.world.pools).cloned().collect(),
            _ => Vec::new(),
        }
    }
}
