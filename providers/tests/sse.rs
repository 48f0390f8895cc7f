//! The event reader against the `eventsource-stream` crate, and against itself in any chunking.

use eventsource_stream::Eventsource;
use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use tollgate_providers::sse::Reader;

/// Event name, data and last id, as both readers see them.
type Seen = (String, String, String);

fn read(chunks: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut reader = Reader::new(1 << 20);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the input is text");
    for chunk in chunks {
        reader.push(chunk, &mut |frame| {
            assert!(frame.end <= chunk.len());
            if let Some(data) = frame.data {
                let name = if frame.event.is_empty() { "message".to_owned() } else { text(frame.event) };
                seen.push((name, text(data), text(frame.id)));
            }
        });
    }
    seen
}

fn reference(input: &str) -> Vec<Seen> {
    let source = stream::iter([Ok::<_, ()>(input.as_bytes().to_vec())]).eventsource();
    let events = source.collect::<Vec<_>>().now_or_never().expect("the source is always ready");
    let seen = |event: eventsource_stream::Event| (event.event, event.data, event.id);
    events.into_iter().map(|event| seen(event.expect("the input is text"))).collect()
}

/// Text made of the words that matter to the format.
fn stream_text() -> impl Strategy<Value = String> {
    let words =
        ["data", "event", "id", "retry", ":", ": ", " ", "\n", "\r", "\r\n", "\n\n", "x", "é", "\0", "data: y\n"];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..60).prop_map(|words| words.concat() + "\n\n")
}

fn cut<'a>(input: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_the_reference_however_it_is_cut(input in stream_text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let expected = reference(&input);
        prop_assert_eq!(read(&[input.as_bytes()]), expected.clone());
        prop_assert_eq!(read(&cut(input.as_bytes(), &cuts)), expected.clone());
        let bytewise: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        prop_assert_eq!(read(&bytewise), expected);
    }
}

#[test]
fn a_byte_order_mark_is_skipped_however_it_is_cut() {
    let input = "\u{feff}data: a\r\n\r\n\u{feff}data: b\n\n".as_bytes();
    for at in 0..input.len() {
        let seen = read(&[&input[..at], &input[at..]]);
        assert_eq!(seen, [("message".to_owned(), "a".to_owned(), String::new())], "cut at {at}");
    }
}

#[test]
fn a_lone_cr_ends_a_frame_at_once() {
    let mut reader = Reader::default();
    let mut ends = Vec::new();
    reader.push(b"data: a\r\r", &mut |frame| ends.push((frame.end, frame.data.map(<[u8]>::to_vec))));
    assert_eq!(ends, [(9, Some(b"a".to_vec()))]);
    reader.push(b"\ndata: b\n\n", &mut |frame| ends.push((frame.end, frame.data.map(<[u8]>::to_vec))));
    assert_eq!(ends[1..], [(10, Some(b"b".to_vec()))]);
}

#[test]
fn an_endless_line_is_bounded_and_the_next_event_is_read() {
    let mut reader = Reader::new(1000);
    let mut seen = Vec::new();
    let mut sink =
        |frame: tollgate_providers::sse::Frame<'_>| seen.push((frame.oversized, frame.data.map(<[u8]>::len)));
    reader.push(b"data: ", &mut sink);
    for _ in 0..100_000 {
        reader.push(b"endless endless ", &mut sink);
    }
    reader.push(b"\ndata: more\n\ndata: next\n\n", &mut sink);
    assert_eq!(seen, [(true, None), (false, Some(4))]);
}

#[test]
fn many_lines_count_towards_one_events_bound() {
    let mut reader = Reader::new(1000);
    let mut seen = Vec::new();
    for _ in 0..1000 {
        reader.push(b"data: 0123456789\n", &mut |_| panic!("no frame ends here"));
    }
    reader.push(b"\ndata: next\n\n", &mut |frame| seen.push((frame.oversized, frame.data.map(<[u8]>::len))));
    assert_eq!(seen, [(true, None), (false, Some(4))]);
}

#[test]
fn an_event_of_64_mib_is_read_in_small_chunks() {
    let mut reader = Reader::default();
    let mut seen = 0;
    reader.push(b"data: ", &mut |_| panic!("no frame ends here"));
    let chunk = vec![b'x'; 16 * 1024];
    for _ in 0..4096 {
        reader.push(&chunk, &mut |_| panic!("no frame ends here"));
    }
    reader.push(b"\n\n", &mut |frame| seen = frame.data.map_or(0, <[u8]>::len));
    assert_eq!(seen, 64 * 1024 * 1024);
}

#[test]
fn the_end_of_the_stream_hands_over_what_no_blank_line_followed() {
    for (input, expected) in
        [("data: a", Some("a")), ("data: a\ndata: b\n", Some("a\nb")), (": ping", None), ("data: a\n\n", None)]
    {
        let mut reader = Reader::default();
        reader.push(input.as_bytes(), &mut |_| {});
        let mut seen = None;
        reader.finish(&mut |frame| seen = frame.data.map(<[u8]>::to_vec));
        assert_eq!(seen.as_deref(), expected.map(str::as_bytes), "{input:?}");
    }
}
