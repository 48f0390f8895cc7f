//! `tollgate policy`: policy documents at a desk, without a server: formatted, explained, tried out.
//!
//! Reading order: [`fmt`], [`explain`], [`try_out`] (`policy test`). [`case`] is what a trial is read from, [`stage`]
//! plays it, [`expectation`] compares; [`world`] is what a document may refer to.

pub mod case;
#[cfg(test)]
mod corpus;
mod expectation;
mod explain;
mod fmt;
#[cfg(test)]
mod fuzz;
mod script;
mod stage;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trials;
mod try_out;
pub mod world;

use std::path::Path;

use super::{
    args::{Global, Policy},
    exit::{Exit, Failure},
    wait_for,
};
use crate::{document::decoded, policy::Problem};

/// Runs the command.
pub fn run(global: &Global, policy: Policy) -> Result<(), Failure> {
    match policy {
        Policy::Fmt(asked) => fmt::run(&asked),
        Policy::Explain(asked) => explain::run(global, &asked),
        Policy::Test(asked) => wait_for(try_out::run(global, asked)),
    }
}

/// The text of a file; `-` is standard input.
fn read(file: &Path) -> Result<String, Failure> {
    if file == Path::new("-") {
        return Ok(std::io::read_to_string(std::io::stdin())?);
    }
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
    let text = decoded(&bytes).map_err(|broken| Failure::failed(format!("{name}:{broken}")))?;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err(Failure::new(Exit::Configuration, format!("{name}: the file is empty: no policy would apply")));
    }
    Ok(text.into_owned())
}

/// A document that cannot be used.
fn refused(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::new(Exit::Configuration, lines.join("\n"))
}

/// A document that cannot be compiled.
fn not_compiled(troubles: &[crate::policies::Trouble]) -> Failure {
    let lines: Vec<String> = troubles.iter().map(told).collect();
    Failure::new(Exit::Configuration, lines.join("\n"))
}

/// What is wrong or odd, with its place.
fn told(trouble: &crate::policies::Trouble) -> String {
    format!("{}: {}", trouble.place, trouble.message)
}
