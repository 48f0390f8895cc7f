//! `tollgate import apim`: what Azure API Management has, as our files, with a report on every object.
//!
//! Reading order: [`found`] (what all sources are brought to), [`folder`], [`template`] and [`single`] (the sources),
//! [`convert`] (to settings), [`judge`] (what documents do here), [`report`].
//! Deliberately not here: Azure's management API; the files of an extract are all that is read, nothing is fetched.

pub mod convert;
mod expression;
mod folder;
pub mod found;
mod judge;
mod names;
mod output;
pub mod report;
pub mod samples;
mod single;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod variables;

use std::path::{Path, PathBuf};

use super::{
    args::{Apim, Global, Import},
    exit::{Exit, Failure},
    print,
};
use convert::Converted;
use found::{Found, Place, Unread};
use report::Report;
pub use single::root;

/// Runs the command.
pub fn run(global: &Global, import: &Import) -> Result<(), Failure> {
    let Import::Apim(apim) = import;
    let variables = match &apim.var_file {
        Some(file) => read_variables(file)?,
        None => variables::Variables::new(),
    };
    let found = read(&apim.path)?;
    let converted = convert::convert(&found, &variables, &judge::Compilation);
    if apim.stats || apim.dry_run {
        print::data(&shown(global, apim, &converted.report))?;
        print::say(&converted.report.summary());
    } else {
        written(global, apim, &converted)?;
    }
    if apim.strict && converted.report.has_findings() {
        let message = "something could not be taken over whole; see the report, or leave out --strict";
        return Err(Failure::new(Exit::InPart, message));
    }
    Ok(())
}

/// The policy documents of a folder with their standing.
///
/// # Errors
/// There are none.
#[cfg(test)]
pub fn judged(path: &Path) -> Result<Vec<report::Judged>, Failure> {
    let converted = convert::convert(&read(path)?, &variables::Variables::new(), &judge::Compilation);
    Ok(converted.report.judged)
}

fn read_variables(file: &Path) -> Result<variables::Variables, Failure> {
    let name = file.display().to_string();
    let text = folder::text(file).map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
    variables::read(&name, &text).map_err(Failure::usage)
}

/// What a file or folder says, by what is in it.
fn read(path: &Path) -> Result<Found, Failure> {
    let cannot = |error: &dyn std::fmt::Display| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let mut found = Found::default();
    if path.is_dir() {
        let files = folder::files(path).map_err(|error| cannot(&error))?;
        read_folder(path, &files, &mut found);
    } else {
        let text = folder::text(path).map_err(|error| cannot(&error))?;
        let root = path.parent().unwrap_or(Path::new(""));
        if template::is_template(&text) {
            // Policies that it links to lie beside it.
            let files = folder::files(if root.as_os_str().is_empty() { Path::new(".") } else { root });
            let files = files.map_err(|error| cannot(&error))?;
            let linked: Vec<PathBuf> = files.into_iter().filter(|file| single::is_document_name(file)).collect();
            template::read(root, &[vec![path.to_owned()], linked].concat(), &mut found);
        } else {
            single::read(root, &[path.to_owned()], &mut found);
        }
    }
    if found.resources.is_empty() && found.documents.is_empty() && found.unread.is_empty() {
        Err(Failure::new(Exit::Usage, nothing(path)))
    } else {
        Ok(found)
    }
}

fn read_folder(path: &Path, files: &[PathBuf], found: &mut Found) {
    folder::read(path, files, found);
    template::read(path, files, found);
    if found.resources.is_empty() {
        // Neither an extract nor templates: a folder of policies, whatever they are called.
        found.documents.clear();
        single::read(path, files, found);
    }
}

fn nothing(path: &Path) -> String {
    format!(
        "{} holds nothing of API Management: expected an APIOps folder, ARM templates, or policy documents (.xml)",
        path.display()
    )
}

/// What `--stats` and `--dry-run` print.
fn shown(global: &Global, apim: &Apim, report: &Report) -> String {
    let data = if apim.stats { report.stats() } else { report.to_json() };
    match global.output {
        print::Format::Table if apim.stats => stats_table(report),
        print::Format::Table => report.to_markdown(),
        print::Format::Csv => {
            print::render(global.output, rows(&data), &["file", "status", "line", "column", "reason"])
        }
        other => print::render_one(other, &data),
    }
}

fn rows(data: &serde_json::Value) -> &[serde_json::Value] {
    data["items"].as_array().map_or(&[], Vec::as_slice)
}

fn stats_table(report: &Report) -> String {
    let stats = report.stats();
    let not_full: Vec<serde_json::Value> = rows(&stats).iter().filter(|row| row["status"] != "full").cloned().collect();
    print::render(print::Format::Table, &not_full, &["file", "status", "line", "column", "reason"])
}

fn written(global: &Global, apim: &Apim, converted: &Converted) -> Result<(), Failure> {
    let out = output::write(&apim.out, converted)?;
    if global.output != print::Format::Table {
        print::data(&print::render_one(global.output, &converted.report.to_json()))?;
    }
    print::say(&converted.report.summary());
    print::say(&format!(
        "Wrote {0}/tollgate.yaml; {0}/import-report.md says what became of what. Next: tollgate check --config {0}/tollgate.yaml",
        out.display()
    ));
    for supply in &converted.report.supplies {
        print::say(&format!("  supply {} ({})", supply.variable, supply.what));
    }
    Ok(())
}

/// A file that could not be read.
fn unread(place: Place, reason: impl Into<String>) -> Unread {
    Unread { place, reason: reason.into() }
}
