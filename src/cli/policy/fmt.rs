//! `tollgate policy fmt`: one indentation and one spelling, as XML or YAML.

use std::path::Path;

use super::read;
use crate::{
    cli::{
        args::{PolicyFmt, Spelled},
        exit::{Exit, Failure},
        print,
    },
    policy::{Document, Fragment, Problem, Spelling},
};

/// Runs the command.
pub fn run(asked: &PolicyFmt) -> Result<(), Failure> {
    let text = read(&asked.file)?;
    let name = asked.file.display().to_string();
    let spelling = match asked.to {
        Some(Spelled::Xml) => Spelling::Xml,
        Some(Spelled::Yaml) => Spelling::Yaml,
        None => Spelling::of(&text),
    };
    let formatted = formatted(&name, &text, spelling).map_err(|problems| super::refused(&problems))?;
    if asked.check {
        return if formatted == text {
            Ok(())
        } else {
            Err(Failure::new(Exit::Differences, format!("{name} is not formatted; tollgate policy fmt --write {name}")))
        };
    }
    if !asked.write {
        return Ok(print::data(&formatted)?);
    }
    let target = target(&asked.file, &text, spelling);
    if target == asked.file && formatted == text {
        return Ok(());
    }
    std::fs::write(&target, formatted)?;
    print::say(&format!("Wrote {}.", target.display()));
    Ok(())
}

/// The document or fragment in one form.
pub fn formatted(name: &str, text: &str, spelling: Spelling) -> Result<String, Vec<Problem>> {
    let is_fragment = is_fragment(text);
    Ok(match (is_fragment, spelling) {
        (true, Spelling::Xml) => Fragment::read(name, text)?.to_pretty_xml(),
        (true, Spelling::Yaml) => Fragment::read(name, text)?.to_yaml(),
        (false, Spelling::Xml) => Document::read(name, text)?.to_pretty_xml(),
        (false, Spelling::Yaml) => Document::read(name, text)?.to_yaml(),
    })
}

/// Whether a text is a fragment rather than a document, in either spelling.
pub fn is_fragment(text: &str) -> bool {
    match Spelling::of(text) {
        Spelling::Xml => crate::cli::import::root(text) == Some("fragment"),
        Spelling::Yaml => Document::read("", text).is_err() && Fragment::read("", text).is_ok(),
    }
}

/// The file to write: the same, with its ending where the spelling is another one.
fn target(file: &Path, text: &str, spelling: Spelling) -> std::path::PathBuf {
    match (Spelling::of(text), spelling) {
        (Spelling::Xml, Spelling::Yaml) => file.with_extension("yaml"),
        (Spelling::Yaml, Spelling::Xml) => file.with_extension("xml"),
        _ => file.to_owned(),
    }
}
