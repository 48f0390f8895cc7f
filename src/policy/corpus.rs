//! Tests over real policy documents, where the open corpus is present; it is not part of this repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Document, Element, Fragment, Problem, shape::shape};

/// The only document of the corpus that is truly broken: a line of it was lost, and with it a quote.
const BROKEN: &str =
    "api-management-policy-snippets__examples_Call_out_to_an_HTTP_endpoint_and_cache_the_response.policy.xml";

/// The folder with documents: named by a variable, or `shared/data` beside the repository.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("TOLLGATE_POLICY_CORPUS").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("shared/data/apim-policies"));
    named.into_iter().chain(above).find(|folder| folder.is_dir())
}

/// Names and texts of all documents.
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

/// Either sort of document.
enum Read {
    Policies(Document),
    Fragment(Fragment),
}

impl Read {
    fn root(&self) -> &Element {
        match self {
            Self::Policies(document) => &document.root,
            Self::Fragment(fragment) => &fragment.root,
        }
    }

    fn spelled(&self) -> [String; 3] {
        match self {
            Self::Policies(one) => [one.to_xml(), one.to_pretty_xml(), one.to_yaml()],
            Self::Fragment(one) => [one.to_xml(), one.to_pretty_xml(), one.to_yaml()],
        }
    }
}

fn read(name: &str, text: &str, fragment: bool) -> Result<Read, Vec<Problem>> {
    if fragment {
        Fragment::read(name, text).map(Read::Fragment)
    } else {
        Document::read(name, text).map(Read::Policies)
    }
}

fn documents() -> Vec<(String, String, Read)> {
    let mut found = Vec::new();
    for (name, text) in texts() {
        match read(&name, &text, text.contains("<fragment>")) {
            Ok(document) => found.push((name, text, document)),
            Err(problems) => {
                for problem in &problems {
                    println!("{problem}");
                }
                assert_eq!((&*name, problems.len()), (BROKEN, 1));
            }
        }
    }
    println!("{} documents read", found.len());
    found
}

fn again(name: &str, text: &str, like: &Read) -> Read {
    let found = read(name, text, matches!(like, Read::Fragment(_)));
    found.unwrap_or_else(|problems| panic!("{}\n{text}", problems[0]))
}

#[test]
fn real_documents_are_written_again_unchanged() {
    for (name, text, document) in documents() {
        assert_eq!(document.spelled()[0], text, "{name}");
    }
}

#[test]
fn formatting_keeps_what_real_documents_say_and_settles() {
    for (name, _, document) in documents() {
        let [_, pretty, _] = document.spelled();
        let second = again(&name, &pretty, &document);
        assert_eq!(shape(second.root()), shape(document.root()), "{name}\n{pretty}");
        assert_eq!(second.spelled()[1], pretty, "{name}");
    }
}

#[test]
fn yaml_says_what_real_documents_say_and_goes_back() {
    for (name, _, document) in documents() {
        let [_, pretty, yaml] = document.spelled();
        let second = again(&name, &yaml, &document);
        assert_eq!(shape(second.root()), shape(document.root()), "{name}\n{yaml}");
        let third = again(&name, &second.spelled()[1], &document);
        assert_eq!(shape(third.root()), shape(document.root()), "{name}\n{pretty}");
    }
}
