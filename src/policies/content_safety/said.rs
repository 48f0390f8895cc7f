//! What is said in prompts and answers, as one text.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tollgate_providers::{
    Surface, prompt, surface,
    tap::{Listener, Tap, hear_answer},
};

use crate::policies::Request;

/// Whose words are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Prompt,
    Answer,
}

/// The endpoint of a model API that a request calls, also when it stands below another path.
pub(super) fn model_surface(request: &Request) -> Option<Surface> {
    let path = request.path.as_str();
    let starts = path.match_indices('/').map(|(at, _)| &path[at..]);
    starts.filter_map(|path| surface::recognise(&request.method, path)).map(|call| call.surface).next()
}

/// All texts of a prompt; of anything else the whole body.
pub(super) fn in_request(surface: Option<Surface>, body: &[u8]) -> String {
    let Some(surface) = surface else { return as_it_stands(body) };
    let prompt = prompt::read(surface, body);
    let words = prompt.texts.iter().filter(|text| matches!(text.part, prompt::Part::Words | prompt::Part::Call));
    let mut texts: Vec<&str> = words.map(|text| &*text.text).collect();
    texts.extend(prompt.tools.iter().map(|tool| &*tool.description).filter(|text| !text.is_empty()));
    if texts.is_empty() { as_it_stands(body) } else { texts.join("\n") }
}

/// All that an answer says; of one that cannot be read the whole body.
pub(super) fn in_answer(surface: Option<Surface>, is_stream: bool, body: &Bytes) -> String {
    let heard = Arc::new(Heard::default());
    let is_read = match surface {
        None => false,
        Some(surface) if is_stream => {
            let mut tap = Tap::stream(surface, false).listening(heard.clone());
            tap.push(body.clone(), &mut Vec::new());
            tap.finish(&mut Vec::new());
            true
        }
        Some(surface) => hear_answer(surface, body, heard.clone()),
    };
    if is_read { heard.text() } else { as_it_stands(body) }
}

fn as_it_stands(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// The words of each voice.
#[derive(Default)]
struct Heard(Mutex<Vec<(u64, String)>>);

impl Heard {
    fn text(&self) -> String {
        let voices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        voices.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl Listener for Heard {
    fn hear(&self, voice: u64, words: &str) {
        let mut voices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match voices.iter_mut().find(|(known, _)| *known == voice) {
            Some((_, said)) => said.push_str(words),
            None => voices.push((voice, words.to_owned())),
        }
    }
}

/// A text in pieces of at most `size` characters, each beginning with the last `overlap` of the one before; `overlap` is
/// smaller than `size`.
pub(super) fn windows(text: &str, size: usize, overlap: usize) -> Vec<&str> {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let count = ends.len() - 1;
    let (mut windows, mut from) = (Vec::new(), 0);
    while from < count {
        let to = (from + size).min(count);
        windows.push(&text[ends[from]..ends[to]]);
        if to == count {
            break;
        }
        from = to - overlap;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found() {
        let chat = r#"{"messages":[{"role":"system","content":"be kind"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://a.test"}}]}],"tools":[{"type":"function","function":{"name":"f","description":"d"}}]}"#;
        let rows = [
            (Some(Surface::ChatCompletions), chat, "be kind\na\nd"),
            (Some(Surface::ChatCompletions), r#"{"messages":7}"#, r#"{"messages":7}"#),
            (Some(Surface::ChatCompletions), "no json", "no json"),
            (None, r#"{"a":1}"#, r#"{"a":1}"#),
            (Some(Surface::Messages), r#"{"system":"s","messages":[{"role":"user","content":"m"}]}"#, "s\nm"),
        ];
        for (surface, body, wanted) in rows {
            let found = in_request(surface, body.as_bytes());
            let (mut found, mut wanted): (Vec<_>, Vec<_>) = (found.lines().collect(), wanted.lines().collect());
            found.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{body}");
        }
    }

    #[test]
    fn answers_are_heard() {
        let chat = Some(Surface::ChatCompletions);
        let whole = r#"{"choices":[{"index":0,"message":{"content":"a","reasoning_content":"b"}}]}"#;
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\ndata: [DONE]\n\n";
        let rows = [
            (chat, false, whole, "a\nb"),
            (chat, true, stream, "ab"),
            (chat, false, "<html>", "<html>"),
            (None, false, "text", "text"),
            (Some(Surface::Messages), false, r#"{"content":[{"type":"text","text":"x"}]}"#, "x"),
        ];
        for (surface, is_stream, body, wanted) in rows {
            assert_eq!(in_answer(surface, is_stream, &Bytes::from_static(body.as_bytes())), wanted, "{body}");
        }
    }

    #[test]
    fn windows_overlap_and_end() {
        let rows = [
            ("", 3, 1, &[][..]),
            ("abc", 3, 1, &["abc"]),
            ("abcde", 3, 1, &["abc", "cde"]),
            ("abcdef", 3, 0, &["abc", "def"]),
            ("äöüß", 3, 2, &["äöü", "öüß"]),
        ];
        for (text, size, overlap, wanted) in rows {
            assert_eq!(windows(text, size, overlap), wanted, "{text}");
        }
    }
}
