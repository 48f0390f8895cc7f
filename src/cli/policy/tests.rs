//! The commands' parts on documents of our own.

use super::{case::Case, expectation, fmt, try_out};
use crate::{policies::compile::OnUnsupported, policy::Spelling};

const DOCUMENT: &str = r#"<policies><inbound><base /><set-header name="x-a" exists-action="override"><value>{{value}}</value></set-header></inbound>
<outbound><base /><set-header name="x-b" exists-action="append"><value>2</value></set-header></outbound></policies>"#;

fn case(yaml: &str) -> Case {
    try_out::case("case.yaml", yaml).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn a_document_is_tried_out_against_a_scripted_backend() {
    let case = case(
        "request: { method: POST, url: '/a?b=c', headers: { x-a: old }, body: { q: 1 } }
named_values: { value: new }
answers: [{ status: 201, headers: { x-b: '1' }, body: made }]
expect:
  sent: [{ method: POST, url: '/a?b=c', headers: { x-a: new, x-c: null }, body: { q: 1 } }]
  status: 201
  headers: { x-b: '1, 2' }
  body: made
",
    );
    let played =
        try_out::play("p.xml", DOCUMENT, &case, OnUnsupported::Refuse).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(expectation::differences(case.expect.as_ref().expect("an expectation"), &played), Vec::<String>::new());
    let steps: Vec<&str> = played.trace.steps.iter().map(|step| step.policy).collect();
    assert!(steps.contains(&"set-header") && steps.contains(&"forward-request"), "{steps:?}");
}

#[test]
fn every_difference_is_told() {
    let case = case(
        "expect: { status: 404, reason: No, sent: [], headers: { x-b: null }, body: { a: 1 }, body_contains: [zz], variables: { v: x } }",
    );
    let played =
        try_out::play("p.xml", DOCUMENT, &case, OnUnsupported::Refuse).unwrap_or_else(|failure| panic!("{failure}"));
    let told = expectation::differences(case.expect.as_ref().expect("an expectation"), &played);
    let starts = [
        "status: expected 404, got 200",
        "reason:",
        "variable `v`:",
        "header `x-b`:",
        "body: expected {",
        "body: expected it to contain zz",
        "sent: expected 0 requests, got 1: GET /",
    ];
    assert_eq!(told.len(), starts.len(), "{told:#?}");
    for (told, start) in told.iter().zip(starts) {
        assert!(told.starts_with(start), "{told}");
    }
}

#[test]
fn bad_cases_say_what_is_wrong() {
    let failure = try_out::case("case.json", r#"{"requests": {}}"#).expect_err("unknown field");
    assert!(failure.to_string().contains("requests"), "{failure}");
}

#[test]
fn formatting_knows_documents_and_fragments() {
    let fragment = "<fragment><set-header name=\"a\"><value>1</value></set-header></fragment>";
    for text in [DOCUMENT, fragment] {
        for spelling in [Spelling::Xml, Spelling::Yaml] {
            let once = fmt::formatted("p", text, spelling).unwrap_or_else(|problems| panic!("{problems:?}"));
            let twice = fmt::formatted("p", &once, spelling).unwrap_or_else(|problems| panic!("{once}\n{problems:?}"));
            assert_eq!(once, twice);
        }
    }
}

#[test]
fn a_browsers_question_is_answered_as_on_a_gateway() {
    let document = r#"<policies><inbound><set-header name="x-a"><value>1</value></set-header><cors><allowed-origins><origin>https://a.example</origin></allowed-origins></cors></inbound></policies>"#;
    let case = case(
        "request: { method: OPTIONS, headers: { origin: 'https://a.example', access-control-request-method: POST } }
expect: { sent: [], status: 200, headers: { access-control-allow-origin: 'https://a.example' } }
",
    );
    let played =
        try_out::play("p.xml", document, &case, OnUnsupported::Refuse).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(expectation::differences(case.expect.as_ref().expect("an expectation"), &played), Vec::<String>::new());
}

#[test]
fn files_are_read_as_windows_writes_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("p.xml");
    let wide: Vec<u8> = format!("\u{feff}{DOCUMENT}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&file, wide).expect("written");
    assert_eq!(super::read(&file).expect("text"), DOCUMENT);
    std::fs::write(&file, " \n").expect("written");
    let nothing = super::read(&file).expect_err("no document");
    assert!(nothing.to_string().contains("the file is empty"), "{nothing}");
}

#[test]
fn what_nobody_gave_stands_for_what_its_place_asks_for() {
    let document = r#"<policies><inbound><choose><when condition="@({{is-on}})"><set-variable name="a" value="{{a}}" /></when>
        <otherwise><ip-filter action="forbid"><address-range from="{{from}}" to="{{to}}" /></ip-filter></otherwise></choose>
        <set-backend-service base-url="{{service}}/v1" /></inbound></policies>"#;
    let case = case("expect: { status: 200 }\n");
    let played = try_out::play("p.xml", document, &case, OnUnsupported::Refuse);
    played.unwrap_or_else(|failure| panic!("{failure}"));
}
