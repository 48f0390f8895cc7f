//! Real documents, where they are at hand (`TOLLGATE_POLICY_CORPUS`, or `shared/data` beside the repository): each
//! parses and compiles or says where it does not, what compiles is played against scripted answers without a panic,
//! and the cases under `tests/fixtures/policies/cases` come out as written down.
//!
//! With `TOLLGATE_WRITE_DOCS=1` the table in `docs/policies/corpus.md` is written anew. Counts and reasons only: the
//! documents are other people's.

use std::{
    collections::{BTreeMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{case::Case, expectation, try_out};
use crate::{
    cli::import::{
        self,
        report::{Judged, Standing},
        samples,
    },
    policies::compile::OnUnsupported,
};

const TABLE: &str = "docs/policies/corpus.md";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of documents; none, and it is said.
fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("TOLLGATE_POLICY_CORPUS").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("shared/data/apim-policies"));
    let folder = named.into_iter().chain(above).find(|folder| folder.is_dir());
    if folder.is_none() {
        println!("no corpus of policies here: set TOLLGATE_POLICY_CORPUS to a folder of XML documents");
    }
    folder
}

fn judged(folder: &Path) -> Vec<Judged> {
    import::judged(folder).unwrap_or_else(|failure| panic!("{failure}"))
}

fn file(name: &str) -> String {
    std::fs::read_to_string(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_document_compiles_or_says_where_it_does_not() {
    let Some(folder) = corpus() else { return };
    let judged = judged(&folder);
    for one in judged.iter().filter(|one| one.standing != Standing::Full) {
        let (place, reason) = one.troubles.first().unwrap_or_else(|| panic!("{:?} has no reason", one.place));
        assert!(place.line > 0 && !reason.is_empty(), "{place} {reason}");
        println!("{} {place}: {reason}", one.standing.word());
    }
    let table = table(&judged);
    println!("{table}");
    if std::env::var_os("TOLLGATE_WRITE_DOCS").is_some() {
        std::fs::write(root().join(TABLE), table).expect("written");
    }
}

#[test]
fn what_compiles_can_be_played() {
    let Some(folder) = corpus() else { return };
    let requests = [
        "request: { url: '/a?b=c' }",
        "request: { method: POST, url: /chat/completions, headers: { content-type: application/json, authorization: Bearer a.b.c }, body: { model: gpt-4o, messages: [{ role: user, content: hi }], stream: false } }\nanswers: [{ status: 429, headers: { retry-after: '1' } }, { body: { id: x, usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } }, headers: { content-type: application/json } }]\ncalls: [{ url: 'http', answer: { body: { access_token: t, expires_in: 3600, value: v } } }]",
        "answers: [{ fails: timeout }]\ncalls: [{ url: http, answer: { fails: connect } }]",
    ];
    let mut played = 0;
    for one in judged(&folder).iter().filter(|one| one.standing != Standing::Refused) {
        let text = file(&folder.join(&*one.place.file).display().to_string());
        let names = samples::names(&text);
        for request in requests {
            let case = try_out::case("case.yaml", request).unwrap_or_else(|failure| panic!("{failure}"));
            let result = catch_unwind(AssertUnwindSafe(|| {
                let play = |text: &str| try_out::play(&one.place.file, text, &case, OnUnsupported::FailWhenReached);
                // What a sample leaves to be filled in is a named value, as the import makes it.
                play(&text).or_else(|_| play(&samples::fill(&text, &names, |name| format!("{{{{{name}}}}}"))))
            }));
            match result {
                Ok(Ok(ended)) => assert!(ended.response.is_some(), "{}: no answer", one.place.file),
                Ok(Err(failure)) => panic!("{}: {failure}", one.place.file),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            played += 1;
        }
    }
    println!("{played} journeys");
}

/// A case with the document that it is about: one of the corpus, or one of our own in the same folder.
#[derive(Deserialize)]
struct Asserted {
    document: String,
    /// What takes the place of `{name}` or `NAME`, as a script would put it there.
    #[serde(default)]
    placeholders: BTreeMap<String, String>,
    #[serde(flatten)]
    case: BTreeMap<String, serde_json::Value>,
}

#[test]
fn documents_do_what_is_written_down() {
    let cases = root().join("tests/fixtures/policies/cases");
    let Some(folder) = corpus() else { return };
    let (mut count, mut bad) = (0, Vec::new());
    // What a document does is asserted where all of it runs; where it does not, the table says why.
    let full: HashSet<String> = judged(&folder)
        .iter()
        .filter(|one| one.standing == Standing::Full)
        .map(|one| one.place.file.to_string())
        .collect();
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(&cases).map(|all| all.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
    names.sort();
    for name in names.iter().filter(|name| name.extension().is_some_and(|ending| ending == "yaml")) {
        let text = file(&name.display().to_string());
        let node = crate::document::read(&text, crate::document::Format::Yaml)
            .unwrap_or_else(|broken| panic!("{}: {broken:?}", name.display()));
        let all: Vec<Asserted> =
            serde_json::from_value(node.to_json()).unwrap_or_else(|error| panic!("{}: {error}", name.display()));
        for Asserted { document, placeholders, case } in all {
            let case: Case =
                serde_json::from_value(serde_json::json!(case)).unwrap_or_else(|error| panic!("{document}: {error}"));
            if !full.contains(&document) {
                println!("{document} does not run in full, so nothing is asserted of it");
                continue;
            }
            count += 1;
            bad.extend(differs(&folder, &document, &placeholders, &case));
        }
    }
    println!("{count} cases");
    assert!(bad.is_empty(), "{} of {count} cases:\n{}", bad.len(), bad.join("\n"));
}

fn differs(folder: &Path, document: &str, placeholders: &BTreeMap<String, String>, case: &Case) -> Option<String> {
    let text = file(&folder.join(document).display().to_string());
    let names: Vec<String> = placeholders.keys().cloned().collect();
    let text = samples::fill(&text, &names, |name| placeholders[name].clone());
    let told = match try_out::play(document, &text, case, OnUnsupported::FailWhenReached) {
        Ok(played) => expectation::differences(&case.expect.clone().unwrap_or_default(), &played),
        Err(failure) => vec![failure.to_string()],
    };
    let title = case.title.as_deref().unwrap_or_default();
    (!told.is_empty()).then(|| format!("{document} ({title}):\n    {}", told.join("\n    ")))
}

/// The table of the documentation.
fn table(judged: &[Judged]) -> String {
    let count = |standing: Standing| judged.iter().filter(|one| one.standing == standing).count();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for one in judged.iter().filter(|one| one.standing != Standing::Full) {
        if let Some((_, reason)) = one.troubles.first() {
            *reasons.entry(short(reason)).or_default() += 1;
        }
    }
    let mut text = format!(
        "# Real documents\n\nWritten by `TOLLGATE_WRITE_DOCS=1 cargo test corpus` over {} policy documents that Microsoft and others publish\n\
         under the MIT licence. Named values and fragments that they refer to are stand-ins. The documents are not part of this\n\
         repository.\n\n| documents | run fully | in part | refused |\n| --- | --- | --- | --- |\n| {} | {} | {} | {} |\n",
        judged.len(),
        judged.len(),
        count(Standing::Full),
        count(Standing::Partial),
        count(Standing::Refused),
    );
    if !reasons.is_empty() {
        text.push_str("\n| first reason | documents |\n| --- | --- |\n");
        for (reason, count) in reasons {
            text.extend(["| ", &reason.replace('|', "\\|"), " | ", &count.to_string(), " |\n"]);
        }
    }
    text
}

/// A reason without what it quotes at length.
fn short(reason: &str) -> String {
    let words: Vec<&str> = reason.split_whitespace().collect();
    words.join(" ").chars().take(120).collect()
}
