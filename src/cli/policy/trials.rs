//! Trials that are kept as files: cases of documents of our own, which always run, and the player of all such files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{case::Case, expectation, try_out};
use crate::{
    cli::import::samples,
    document::{self, Format},
    policies::compile::OnUnsupported,
};

/// A case with the document that it is about.
#[derive(Deserialize)]
struct Written {
    document: String,
    #[serde(default)]
    placeholders: BTreeMap<String, String>,
    #[serde(flatten)]
    case: BTreeMap<String, serde_json::Value>,
}

/// A case, read.
pub struct Trial {
    /// The document's file name.
    pub document: String,
    /// What takes the place of `{name}` or `NAME`, as a script would put it there.
    placeholders: BTreeMap<String, String>,
    case: Case,
}

/// The text of a file.
pub fn file(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cases of all YAML files in a folder, in the order of their names.
pub fn cases(folder: &Path) -> Vec<Trial> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files.iter().flat_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vec<Trial> {
    let root =
        document::read(&file(path), Format::Yaml).unwrap_or_else(|broken| panic!("{}: {}", path.display(), broken[0]));
    let all: Vec<Written> =
        serde_json::from_value(root.to_json()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let trial = |Written { document, placeholders, case }| {
        let case = serde_json::from_value(serde_json::json!(case));
        let case = case.unwrap_or_else(|error| panic!("{}: {document}: {error}", path.display()));
        Trial { document, placeholders, case }
    };
    all.into_iter().map(trial).collect()
}

/// Plays all cases; panics with every difference.
pub fn assert_all(documents: &Path, trials: &[Trial]) {
    let bad: Vec<String> = trials.iter().filter_map(|trial| differs(documents, trial)).collect();
    assert!(bad.is_empty(), "{} of {} cases:\n{}", bad.len(), trials.len(), bad.join("\n"));
}

fn differs(documents: &Path, trial: &Trial) -> Option<String> {
    let names: Vec<String> = trial.placeholders.keys().cloned().collect();
    let text = samples::fill(&file(&documents.join(&trial.document)), &names, |name| trial.placeholders[name].clone());
    let told = match try_out::play(&trial.document, &text, &trial.case, OnUnsupported::FailWhenReached) {
        Ok(played) => expectation::differences(&trial.case.expect.clone().unwrap_or_default(), &played),
        Err(failure) => vec![failure.to_string()],
    };
    let title = trial.case.title.as_deref().unwrap_or_default();
    (!told.is_empty()).then(|| format!("{} ({title}):\n    {}", trial.document, told.join("\n    ")))
}

#[test]
fn our_own_documents_do_what_is_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/policies/own");
    let trials = cases(&folder.join("cases"));
    assert!(trials.len() >= 30, "{} cases", trials.len());
    assert_all(&folder, &trials);
}
