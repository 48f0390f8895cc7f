//! The quick way to words says what the thorough way says, of anything, or says nothing.

use std::{hash::Hasher, sync::Arc};

use proptest::prelude::*;

use super::{
    Counter, plain,
    spoken::{Delivered, OutputCount, Spoken},
    words::{self, Shape},
};

/// Tells texts apart, where counting would not.
struct Fingerprint;

impl Counter for Fingerprint {
    fn count(&self, text: &str) -> Option<u64> {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write(text.as_bytes());
        Some(hasher.finish() >> 8)
    }
}

type Heard = (Delivered, OutputCount);

fn heard(speak: impl FnOnce(&mut Spoken) -> bool) -> Option<Heard> {
    let mut spoken = Spoken::default();
    spoken.count_with(Arc::new(Fingerprint));
    speak(&mut spoken).then(|| (spoken.delivered(), spoken.count()))
}

fn quickly(shape: Shape, json: &[u8]) -> Option<Heard> {
    heard(|spoken| plain::speak(shape, json, 0, spoken))
}

fn thoroughly(shape: Shape, json: &[u8]) -> Option<Heard> {
    heard(|spoken| {
        words::walk(shape, json, 0, spoken);
        true
    })
}

/// Where events of all dialects begin.
const SHAPES: [Shape; 8] = [
    Shape::Choices,
    Shape::Candidates,
    Shape::Blocks,
    Shape::Block,
    Shape::Delta,
    Shape::Items,
    Shape::Item,
    Shape::Content,
];

const KEYS: &str = "index delta message content refusal reasoning reasoning_content thinking text tool_calls \
                    function_call function custom name arguments input audio transcript data images parts \
                    functionCall args summary code partial_json finish_reason logprobs";

/// JSON as events have it, and JSON as they do not.
fn json() -> impl Strategy<Value = String> {
    let odd = [r#""a \"b\" \u00e9\n""#, "\"tab\tinside\"", "null", "null", "true", "-0.25", "1e5", "01", "1e999", "-"];
    let odder = ["99999999999999999999", "{}", "[]", "0", "7", "12", "nul", "\"", "1.", "18446744073709551615"];
    let odd: Vec<&str> = odd.into_iter().chain(odder).collect();
    let leaf = prop_oneof![
        2 => "[a-z .,é😀]{0,12}".prop_map(|text| format!("\"{text}\"")),
        1 => prop::sample::select(odd).prop_map(str::to_owned),
    ];
    let keys: Vec<&str> = KEYS.split_whitespace().collect();
    leaf.prop_recursive(6, 40, 5, move |inner| {
        let member = (prop::sample::select(keys.clone()), inner.clone());
        let object = |(members, comma): (Vec<(&str, String)>, &str)| {
            let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            format!("{{{}}}", members.join(comma))
        };
        prop_oneof![
            3 => (prop::collection::vec(member, 0..5), prop::sample::select(vec![",", " ,\n"])).prop_map(object),
            2 => prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
        ]
    })
}

/// A piece of an answer in the chat dialect, as most are.
fn choices() -> impl Strategy<Value = String> {
    (0_u32..3, json(), json()).prop_map(|(index, words, other)| {
        let delta = format!(r#"{{"role":"assistant","content":{words}}}"#);
        format!(r#"[{{"index":{index},"delta":{delta},"finish_reason":null,"logprobs":{other}}}]"#)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_said_quickly_is_what_is_said(
        shape in prop::sample::select(&SHAPES[..]),
        json in prop_oneof![json(), choices()],
        hurt in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut json = json.into_bytes();
        if let Some((at, byte)) = hurt {
            let at = at.index(json.len());
            json[at] = byte;
        }
        if let Some(at) = cut {
            json.truncate(at.index(json.len()));
        }
        if let Some(quick) = quickly(shape, &json) {
            prop_assert_eq!(Some(quick), thoroughly(shape, &json), "{}", String::from_utf8_lossy(&json));
        }
    }
}

#[test]
fn ordinary_events_are_plain_and_odd_ones_are_not() {
    let table = [
        (Shape::Choices, r#"[{"index":0,"delta":{"content":"one two"},"finish_reason":null}]"#, true),
        (Shape::Choices, r#"[ {"index": 1, "delta": {"role": "assistant", "content": ""}} ],"usage""#, true),
        (Shape::Choices, r#"[{"index":0,"delta":{"content":null,"reasoning_content":"hm","reasoning":"hm"}}]"#, true),
        (Shape::Choices, r#"[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]"#, true),
        (Shape::Choices, "[]", true),
        (Shape::Delta, r#"{"type":"text_delta","text":"café"}"#, true),
        (Shape::Candidates, r#"[{"content":{"parts":[{"text":"one"}],"role":"model"},"avgLogprobs":-0.5}]"#, true),
        (Shape::Choices, r#"[{"index":0,"delta":{"content":"a \"b\""}}]"#, false),
        (Shape::Choices, r#"[{"index":0,"delta":{"content":[{"type":"text","text":"a"}]}}]"#, false),
        (Shape::Choices, r#"[{"index":0,"delta":{"content":"cut"#, false),
        (Shape::Choices, r#"[{"index":0,"delta":{"content":"a"},}]"#, false),
        (Shape::Block, r#"{"type":"tool_use","name":"f","input":{}}"#, false),
        (Shape::Candidates, r#"[{"content":{"parts":[{"inlineData":{"data":"AAAA"}}]}}]"#, false),
    ];
    for (shape, json, is_plain) in table {
        let quick = quickly(shape, json.as_bytes());
        assert_eq!(quick.is_some(), is_plain, "{json}");
        if is_plain {
            assert_eq!(quick, thoroughly(shape, json.as_bytes()), "{json}");
        }
    }
}
