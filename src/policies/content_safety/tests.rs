//! Tests of `llm-content-safety` with a scripted service.

use std::sync::Arc;

use http::HeaderValue;
use serde_json::{Value as Json, json};

use crate::{
    outbound::fetch::CallFaultKind,
    policies::{
        outside::scripted::{Script, configured, script},
        testing::{Played, Reply, Scene},
    },
};

const SERVICE: &str = r#"{"kind_of":"backends","id":"safety","kind":"http","url":"https://safety.test/","key":"k3y"}"#;
const KEYLESS: &str = r#"{"kind_of":"backends","id":"safety","kind":"http","url":"https://safety.test"}"#;
const SOURCE: &str =
    r#"{"kind_of":"token_sources","id":"t","token":"t0ken","resources":["https://cognitiveservices.azure.com"]}"#;
const ANALYZE: &str = "https://safety.test/contentsafety/text:analyze?api-version=2024-09-01";
const SHIELD: &str = "https://safety.test/contentsafety/text:shieldPrompt?api-version=2024-09-01";
const HATE: &str = r#"<categories><category name="Hate" threshold="4" /></categories>"#;
const PROMPT: &str = r#"{"messages":[{"role":"user","content":"hello"}]}"#;
const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"content":"hi there"}}]}"#;

fn analysis(severity: u64, blocked: &[&str]) -> String {
    let matches: Vec<Json> = blocked.iter().map(|name| json!({ "blocklistName": name })).collect();
    json!({ "blocklistsMatch": matches, "categoriesAnalysis": [{ "category": "Hate", "severity": severity }] })
        .to_string()
}

fn shield(is_attack: bool) -> String {
    json!({ "userPromptAnalysis": { "attackDetected": is_attack }, "documentsAnalysis": [] }).to_string()
}

fn service(severity: u64, is_attack: bool) -> Arc<Script> {
    let calls = script();
    calls.on(ANALYZE, 200, &[], analysis(severity, &[]));
    calls.on(SHIELD, 200, &[], shield(is_attack));
    calls
}

fn scene(calls: &Arc<Script>, section: &'static str, attributes: &str, inside: &str) -> Scene {
    let policy = format!(r#"<llm-content-safety backend-id="safety" {attributes}>{inside}</llm-content-safety>"#);
    let answer = Reply::new(200, ANSWER).header("content-type", "application/json");
    let scene = Scene::new().calls(calls).named(configured(&[SERVICE])).section(section, &policy);
    scene.request("POST", "/v1/chat/completions").body(PROMPT).reply(answer)
}

fn asked(calls: &Script, at: usize) -> Json {
    serde_json::from_slice(&calls.call(at).body).expect("JSON")
}

fn told(played: &Played) -> (u16, usize) {
    (played.status(), played.sent.len())
}

#[test]
fn prompts_are_judged_before_the_backend_sees_them() {
    let lists = "<blocklists><id>a</id><id>@(\"b\")</id></blocklists>";
    let rows = [
        ("harmless", "", HATE, 2, false, (200, 1), 1),
        ("at the threshold", "", HATE, 4, false, (403, 0), 1),
        ("above it", "", HATE, 6, false, (403, 0), 1),
        ("an attack", r#"shield-prompt="true""#, "", 0, true, (403, 0), 1),
        ("no attack", r#"shield-prompt="true""#, HATE, 0, false, (200, 1), 2),
        ("harm before the attack", r#"shield-prompt="@(true)""#, HATE, 6, true, (403, 0), 1),
        ("lists", "", lists, 7, false, (200, 1), 1),
    ];
    for (name, attributes, inside, severity, is_attack, wanted, calls_made) in rows {
        let calls = service(severity, is_attack);
        let played = scene(&calls, "inbound", attributes, inside).run();
        assert_eq!((told(&played), calls.count()), (wanted, calls_made), "{name}");
        if played.status() == 403 {
            assert!(played.body().contains("Request failed content safety check."), "{name}: {}", played.body());
        }
    }
}

#[test]
fn the_service_is_asked_as_it_is_documented() {
    let calls = service(0, false);
    let inside = r#"<categories output-type="EightSeverityLevels"><category name="Hate" threshold="1" /></categories><blocklists><id>l</id></blocklists>"#;
    assert_eq!(scene(&calls, "inbound", r#"shield-prompt="true""#, inside).run().status(), 200);
    assert_eq!(
        asked(&calls, 0),
        json!({ "text": "hello", "outputType": "EightSeverityLevels", "categories": ["Hate"], "blocklistNames": ["l"],
            "haltOnBlocklistHit": true })
    );
    assert_eq!(asked(&calls, 1), json!({ "userPrompt": "hello", "documents": [] }));
    let call = calls.call(0);
    assert_eq!(
        (call.url.as_str(), &call.headers["ocp-apim-subscription-key"]),
        (ANALYZE, &HeaderValue::from_static("k3y"))
    );
}

#[test]
fn a_service_without_a_key_gets_a_token() {
    let calls = service(0, false);
    let played = scene(&calls, "inbound", "", HATE).named(configured(&[KEYLESS, SOURCE])).run();
    let token = &calls.call(0).headers["authorization"];
    assert_eq!((played.status(), token), (200, &HeaderValue::from_static("Bearer t0ken")));
}

#[test]
fn a_match_in_a_list_is_refused() {
    let calls = script();
    calls.on(ANALYZE, 200, &[], analysis(0, &["l"]));
    let played = scene(&calls, "inbound", "", "<blocklists><id>l</id></blocklists>").run();
    assert_eq!(told(&played), (403, 0));
}

#[test]
fn what_is_not_judged_does_not_pass() {
    let silent = script();
    silent.fails(ANALYZE, CallFaultKind::Connect);
    let rows = [
        (500, "{}"),
        (200, "no json"),
        (200, "{}"),
        (200, r#"{"categoriesAnalysis":[{"category":"Hate"}]}"#),
        (413, ""),
    ];
    for (status, body) in rows {
        let calls = script();
        calls.on(ANALYZE, status, &[], body);
        let played = scene(&calls, "inbound", "", HATE).run();
        assert_eq!(told(&played), (500, 0), "{status} {body}");
    }
    assert_eq!(told(&scene(&silent, "inbound", "", HATE).run()), (500, 0));
}

#[test]
fn answers_are_judged_in_outbound_and_when_inbound_says_so() {
    let on = r#"enforce-on-completions="true""#;
    let rows = [
        ("outbound", "outbound", "", 6, (403, 1)),
        ("harmless", "outbound", "", 0, (200, 1)),
        ("not asked for", "inbound", "", 0, (200, 1)),
        ("asked for", "inbound", on, 0, (200, 1)),
    ];
    for (name, section, attributes, severity, wanted) in rows {
        let calls = service(severity, false);
        let played = scene(&calls, section, attributes, HATE).run();
        assert_eq!(told(&played), wanted, "{name}");
        if section == "outbound" {
            assert_eq!(asked(&calls, 0)["text"], "hi there", "{name}");
        }
        assert_eq!(calls.count(), if attributes == on { 2 } else { 1 }, "{name}");
    }
    let calls = service(6, false);
    let played = scene(&calls, "outbound", "", HATE).run();
    assert!(played.body().contains("Response failed content safety check."), "{}", played.body());
}

#[test]
fn failures_of_the_backend_are_not_judged() {
    let calls = service(6, false);
    let played = scene(&calls, "outbound", "", HATE).reply(Reply::new(429, "slow down")).run();
    assert_eq!(calls.count(), usize::from(played.status() == 200 || played.status() == 403));
}

#[test]
fn long_texts_are_judged_in_windows() {
    let calls = service(0, false);
    let size = r#"window-size="5" window-overlap-size="2""#;
    assert_eq!(scene(&calls, "outbound", size, HATE).run().status(), 200);
    let texts: Vec<_> =
        (0..calls.count()).map(|at| asked(&calls, at)["text"].as_str().expect("text").to_owned()).collect();
    assert_eq!(texts, ["hi th", "there"]);
}

#[test]
fn streams_are_judged_while_they_pass() {
    let calls = service(6, false);
    let stream = Reply::new(200, "data: [DONE]\n\n").header("content-type", "text/event-stream");
    let policy = format!(
        r#"<llm-content-safety backend-id="safety" window-size="50" window-overlap-size="99">{HATE}</llm-content-safety>"#
    );
    let scene = Scene::new().calls(&calls).named(configured(&[SERVICE])).section("outbound", &policy);
    let played = scene.request("POST", "/openai/deployments/d/chat/completions").body(PROMPT).reply(stream).run();
    assert_eq!((played.status(), calls.count(), played.screenings.len()), (200, 0, 1));
    let screening = &played.screenings[0];
    assert_eq!((screening.window, screening.overlap), (50, 49), "windows go on");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let failure = runtime.block_on((screening.check)("bad".to_owned())).expect_err("refused");
    assert_eq!((failure.status, asked(&calls, 0)["text"].as_str()), (403, Some("bad")));
}

#[test]
fn bad_ones_are_told() {
    let rows = [
        (r#"<llm-content-safety backend-id="none"><blocklists><id>a</id></blocklists></llm-content-safety>"#, "`none`"),
        (r#"<llm-content-safety backend-id="safety" />"#, "checks nothing"),
        (
            r#"<llm-content-safety backend-id="safety"><categories><category name="Hate" threshold="8" /></categories></llm-content-safety>"#,
            "0 to 7",
        ),
        (
            r#"<llm-content-safety backend-id="safety"><categories><category name="Rude" threshold="1" /></categories></llm-content-safety>"#,
            "must be one of",
        ),
    ];
    for (policy, wanted) in rows {
        let troubles = Scene::new().named(configured(&[SERVICE])).section("inbound", policy).troubles();
        assert!(troubles.iter().any(|trouble| trouble.contains(wanted)), "{policy}: {troubles:?}");
    }
}
