//! Tests over real policy documents, where the open corpus is present; it is not part of this repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Document, Fragment, Problem};

/// The folder with documents: named by a variable, or `shared/data` beside the repository.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("TOLLGATE_POLICY_CORPUS").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("shared/data/apim-policies"));
    named.into_iter().chain(above).find(|folder| folder.is_dir())
}

fn texts() -> Vec<(String, String)> {
    let Some(folder) = folder() else {
        println!("no corpus of policies here: set TOLLGATE_POLICY_CORPUS to a folder of XML documents");
        return Vec::new();
    };
    let paths = fs::read_dir(folder).expect("a readable folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "xml")).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).expect("text"))).collect()
}

/// Reads either sort of document and writes it again.
fn round(name: &str, text: &str) -> Result<String, Vec<Problem>> {
    match Document::from_xml(name, text) {
        Ok(document) => Ok(document.to_xml()),
        Err(problems) if text.contains("<fragment") => {
            Fragment::from_xml(name, text).map(|fragment| fragment.to_xml()).map_err(|more| [problems, more].concat())
        }
        Err(problems) => Err(problems),
    }
}

#[test]
fn real_documents_are_read_and_written_again_unchanged() {
    let texts = texts();
    let mut broken = 0;
    for (name, text) in &texts {
        match round(name, text) {
            Ok(again) => assert_eq!(&again, text, "{name}"),
            Err(problems) => {
                broken += 1;
                problems.iter().for_each(|problem| println!("{problem}"));
            }
        }
    }
    println!("{} documents, {broken} broken", texts.len());
}
