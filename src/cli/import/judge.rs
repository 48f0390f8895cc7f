//! How a document does here: parsed, named values and fragments put in, compiled, as the gateway will do it.

use super::{
    convert::{Judge, World},
    found::Place,
    report::{Judged, Standing},
};
use crate::{
    cli::policy::world::{World as Surroundings, including},
    model::{BackendId, PoolId},
    policies::{self, Trouble, compile::OnUnsupported, link::Target},
    policy::{self, Document, Fragment, Problem, Scope, Section},
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
    Section::ALL.into_iter().map(|section| including(file, &fragment, section).map_err(told)).collect()
}

fn outcome(document: &Document, world: &World) -> Outcome {
    // What the import names is written beside the document; the rest of a service is not at hand.
    let (known, document) = surroundings(world).fitting(document).map_err(told)?;
    // Operation scope: what may stand there may stand anywhere.
    let compiled = |how| policies::compile(&document, Scope::Operation, &known, how);
    let Err(refused) = compiled(OnUnsupported::Refuse) else { return Ok((Standing::Full, Vec::new())) };
    match compiled(OnUnsupported::FailWhenReached) {
        Ok(_) => Ok((Standing::Partial, listed(refused))),
        Err(troubles) => Err(listed(troubles)),
    }
}

/// The world of the import as a document's surroundings.
fn surroundings(world: &World) -> Surroundings {
    let mut around = if world.open { Surroundings::open() } else { Surroundings::default() };
    for (name, text) in &world.named_values {
        around = around.with_value(name, text);
    }
    around.stand_ins.clone_from(&world.unknown);
    for (id, text) in &world.fragments {
        // One that cannot be read is reported by itself; here it is missing.
        if let Ok(fragment) = Fragment::read(&format!("fragment {id}"), text) {
            around.fragments.insert(id.clone(), fragment);
        }
    }
    let backends = world.backends.iter().map(|id| (id.clone(), Target::Backend(BackendId::from(id.as_str()))));
    let pools = world.pools.iter().map(|id| (id.clone(), Target::Pool(PoolId::from(id.as_str()))));
    around.targets = backends.chain(pools).collect();
    around
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
