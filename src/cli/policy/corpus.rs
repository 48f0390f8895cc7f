//! Real documents, where they are at hand (`TOLLGATE_POLICY_CORPUS`, or `shared/data` beside the repository): each
//! parses and compiles or says where it does not, what compiles is played against scripted answers without a panic,
//! and the cases under `tests/fixtures/policies/cases` come out as written down.
//!
//! With `TOLLGATE_WRITE_DOCS=1` the table in `docs/policies/corpus.md` is written anew. Counts and reasons only: the
//! documents are other people's.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{trials, try_out};
use crate::{
    cli::import::{
        self,
        report::{Judged, Standing},
        samples,
    },
    policies::compile::OnUnsupported,
};

const TABLE: &str = "docs/policies/corpus.md";

/// Smallest share of documents that run in full, in per cent of those that Azure takes.
const FEWEST_FULL: usize = 95;

/// Documents that Azure does not take as they are, with what is wrong with them.
const NOT_AZURES: [(&str, &str); 8] = [
    ("aca-backend-pool-load-balancing-with-retry-tracked.xml", "text in single quotes, braces doubled for a script"),
    ("examples_Call_out_to_an_HTTP_endpoint_and_cache_the_response.policy.xml", "a line was lost, and a quote with it"),
    ("examples_DELETE_a_from_to_blobStorage_account.xml", "`MatchedParameters` called as a method"),
    ("examples_Loopback_request_for_service_at_same_API_Management_service.xml", "quotes doubled by a tool"),
    ("examples_Pre-authorize_requests_based_on_HTTP_method_with_validate-jwt.policy.xml", "quotes doubled by a tool"),
    ("Test.Decompiling_TestData_publish-to-darp.xml", "no such policy"),
    ("Test.Decompiling_TestData_emit-metric.xml", "a dimension without a value that is not among the default ones"),
    ("Test.Decompiling_TestData_llm-emit-token-metric.xml", "a dimension without a value, likewise"),
];

fn is_azures(one: &Judged) -> bool {
    !NOT_AZURES.iter().any(|(end, _)| one.place.file.ends_with(end))
}

/// Fewest documents of which something is asserted, where they are at hand.
const FEWEST_ASSERTED: usize = 60;

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

fn judged(folder: &Path) -> &'static [Judged] {
    static ONCE: OnceLock<Vec<Judged>> = OnceLock::new();
    ONCE.get_or_init(|| import::judged(folder).unwrap_or_else(|failure| panic!("{failure}")))
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
    let taken = judged.iter().filter(|one| is_azures(one));
    let (taken, full) = (taken.clone().count(), taken.filter(|one| one.standing == Standing::Full).count());
    println!("{full} of {taken} documents that Azure takes run in full");
    assert!(full * 100 >= taken * FEWEST_FULL, "{full} of {taken} documents run in full");
    let table = table(judged);
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
        let text = trials::file(&folder.join(&*one.place.file));
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

#[test]
fn documents_do_what_is_written_down() {
    let Some(folder) = corpus() else { return };
    // What a document does is asserted where all of it runs; where it does not, the table says why.
    let full: HashSet<&str> =
        judged(&folder).iter().filter(|one| one.standing == Standing::Full).map(|one| &*one.place.file).collect();
    let cases = trials::cases(&root().join("tests/fixtures/policies/cases"));
    let (asserted, others): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| full.contains(&*case.document));
    for other in &others {
        println!("{} does not run in full, so nothing is asserted of it", other.document);
    }
    let documents: HashSet<&str> = asserted.iter().map(|case| &*case.document).collect();
    println!("{} cases of {} documents", asserted.len(), documents.len());
    trials::assert_all(&folder, &asserted);
    assert!(documents.len() >= FEWEST_ASSERTED, "{} documents are asserted", documents.len());
}

/// The page of the documentation.
fn table(judged: &[Judged]) -> String {
    let count = |standing: Standing| judged.iter().filter(|one| one.standing == standing).count();
    let taken: Vec<&Judged> = judged.iter().filter(|one| is_azures(one)).collect();
    let full = taken.iter().filter(|one| one.standing == Standing::Full).count();
    let mut text = format!(
        "# Real documents\n\nWritten by `TOLLGATE_WRITE_DOCS=1 cargo test corpus` over {0} policy documents that Microsoft and others publish\n\
         under the MIT licence. Named values and fragments that they refer to are stand-ins, and so is what samples leave to be\n\
         filled in (`{{retry-count}}`). The documents are not part of this repository.\n\n\
         | documents | run fully | in part | refused |\n| --- | --- | --- | --- |\n| {0} | {1} | {2} | {3} |\n\n\
         Of the {4} that Azure takes as they are, {full} run fully ({5} %).\n",
        judged.len(),
        count(Standing::Full),
        count(Standing::Partial),
        count(Standing::Refused),
        taken.len(),
        full * 100 / taken.len().max(1),
    );
    let others: Vec<&Judged> = judged.iter().filter(|one| one.standing != Standing::Full).collect();
    text.push_str(
        "\n## What does not run, and why\n\n| document | at | reason | in Azure |\n| --- | --- | --- | --- |\n",
    );
    for one in others {
        let Some((place, reason)) = one.troubles.first() else { continue };
        let azure = NOT_AZURES.iter().find(|(end, _)| one.place.file.ends_with(end)).map_or("", |(_, why)| why);
        let azure = if azure.is_empty() { String::new() } else { format!("refused too: {azure}") };
        let (file, reason) = (one.place.file.replace("__", "/"), short(reason).replace('|', "\\|"));
        let row = format!("| {file} | {}:{} | {reason} | {azure} |\n", place.line, place.column);
        text.push_str(&row);
    }
    text
}

/// A reason without what it quotes at length.
fn short(reason: &str) -> String {
    let words: Vec<&str> = reason.split_whitespace().collect();
    words.join(" ").chars().take(120).collect()
}
