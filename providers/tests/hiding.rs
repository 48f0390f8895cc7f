//! Withholding the injected chunk, as a property: whatever the stream is made of and however it is cut, the caller
//! sees everything else byte for byte.

use bytes::Bytes;
use proptest::prelude::*;
use tollgate_providers::{Surface, Tap};

const USAGE: &str = r#"data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;

/// Frames without their blank line; the first is the one to hide.
const FRAMES: [&str; 10] = [
    USAGE,
    r#"data: {"choices":[{"delta":{"content":"a\r\n \"usage\": 1"}}],"usage":null}"#,
    r#"data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}"#,
    r#"data: {"choices":[],"id":"","prompt_filter_results":[]}"#,
    r#"data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
    ": OPENROUTER PROCESSING",
    // Not an empty frame: the LF that would open it belongs to a CR before it.
    ":",
    "event: usage\ndata: not JSON \"usage\": {",
    "data: {\"choices\":\ndata: [{\"delta\":{}}]}",
    "data: [DONE]",
];

const ENDS: [&str; 4] = ["\n\n", "\r\n\r\n", "\r\r", "\r\n\n"];

fn shown(surface: Surface, input: &[u8], cuts: &[prop::sample::Index]) -> Vec<u8> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    let mut tap = Tap::stream(surface, true);
    let mut out = Vec::new();
    for pair in at.windows(2) {
        tap.push(Bytes::copy_from_slice(&input[pair[0]..pair[1]]), &mut out);
    }
    tap.finish(&mut out);
    out.concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn everything_but_the_injected_chunk_passes(
        frames in prop::collection::vec((0..FRAMES.len(), 0..ENDS.len()), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let spelled = |(frame, end): &(usize, usize)| format!("{}{}", FRAMES[*frame], ENDS[*end]);
        let input: String = frames.iter().map(spelled).collect();
        let expected: String = frames.iter().filter(|(frame, _)| *frame != 0).map(spelled).collect();
        let bytewise: Vec<u8> = {
            let mut tap = Tap::stream(Surface::ChatCompletions, true);
            let mut out = Vec::new();
            for byte in input.bytes() {
                tap.push(Bytes::copy_from_slice(&[byte]), &mut out);
            }
            tap.finish(&mut out);
            out.concat()
        };
        prop_assert_eq!(String::from_utf8_lossy(&bytewise), expected.as_str());
        let cut = shown(Surface::ChatCompletions, input.as_bytes(), &cuts);
        prop_assert_eq!(String::from_utf8_lossy(&cut), expected.as_str());
    }

    #[test]
    fn no_bytes_confuse_any_dialect(
        input in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'"'), Just(b'{'), Just(b':')], 0..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let dialects = [Surface::ChatCompletions, Surface::Responses, Surface::Messages, Surface::StreamGenerateContent];
        for surface in dialects {
            prop_assert_eq!(&shown(surface, &input, &cuts), &input);
            let mut body = Tap::body(surface);
            body.push(Bytes::from(input.clone()), &mut Vec::new());
            body.finish(&mut Vec::new());
        }
    }
}
