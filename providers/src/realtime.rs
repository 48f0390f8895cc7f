//! Realtime sessions: what a backend says inside the frames of a WebSocket (RFC 6455), read from a copy of the bytes,
//! and the frames that end a session.
//!
//! Only the events that report usage are read, and only whole ones up to a bound. Deliberately not here: what the
//! client says, compressed messages (their extension must not be offered), and passing the bytes on.

use serde_json::json;

use crate::{
    json::{Members, lenient, object},
    usage::Usage,
};

/// Longest message that is read. `response.done` repeats what was said, as text; sound comes in other events.
const MOST_KEPT: usize = 1 << 20;
/// Longest header of a frame.
const LONGEST_HEADER: usize = 14;

/// No response reads or generates more (the largest contexts and answers of any model are below this): a report of
/// more is a lie or a defect.
const MOST_READ: u64 = 16 << 20;
const MOST_GENERATED: u64 = 1 << 19;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;

const CONTINUED: u8 = 0x0;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;

/// Close code for a session that a policy ends (RFC 6455, section 7.4.1).
const POLICY: u16 = 1008;

/// What the backend of one session has said.
#[derive(Debug, Default)]
pub struct Session {
    header: Vec<u8>,
    /// Of the frame whose payload is passing.
    frame: Option<Frame>,
    message: Vec<u8>,
    /// The message that is passing is text and is kept.
    is_kept: bool,
    used: Usage,
    /// Responses that have begun and not ended.
    open: u64,
    is_unread: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    first: u8,
    left: u64,
}

impl Frame {
    const fn opcode(self) -> u8 {
        self.first & OPCODE
    }

    const fn is_control(self) -> bool {
        self.opcode() >= CLOSE
    }
}

impl Session {
    /// Takes bytes of the backend up to the end of an event that reported usage, and says where that is; `None`: all
    /// was taken and none did.
    pub fn push(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match self.frame {
                None => {
                    self.header.push(bytes[at]);
                    at += 1;
                    self.frame = self.begin();
                }
                Some(frame) => {
                    let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
                    let take = left.min(bytes.len() - at);
                    self.keep(frame, &bytes[at..at + take]);
                    at += take;
                    self.frame = Some(Frame { left: frame.left - take as u64, ..frame });
                }
            }
            if self.end() {
                return Some(at);
            }
        }
        None
    }

    /// What all responses so far have used together.
    #[must_use]
    pub const fn used(&self) -> Usage {
        self.used
    }

    /// Whether that is all: no response is under way, and no message was beyond reading.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.open == 0 && !self.is_unread
    }

    /// The frame whose header is complete with the last byte.
    fn begin(&mut self) -> Option<Frame> {
        let header = self.header.as_slice();
        let (first, second) = (*header.first()?, *header.get(1)?);
        let mask = if second & MASKED == 0 { 0 } else { 4 };
        let (extended, left) = match second & !MASKED {
            126 => (2, u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?))),
            127 => (8, u64::from_be_bytes(header.get(2..10)?.try_into().ok()?)),
            short => (0, u64::from(short)),
        };
        if header.len() < 2 + extended + mask {
            return None;
        }
        debug_assert!(header.len() <= LONGEST_HEADER, "two bytes, a length, a mask");
        self.header.clear();
        let frame = Frame { first, left };
        if !frame.is_control() && frame.opcode() != CONTINUED {
            self.message.clear();
            self.is_kept = frame.opcode() == TEXT && first & RESERVED == 0 && mask == 0;
            self.is_unread |= frame.opcode() == TEXT && !self.is_kept;
        }
        Some(frame)
    }

    fn keep(&mut self, frame: Frame, payload: &[u8]) {
        if frame.is_control() || !self.is_kept {
            return;
        }
        if self.message.len() + payload.len() > MOST_KEPT {
            self.is_kept = false;
            self.is_unread |= is_usage(&self.message);
            self.message = Vec::new();
            return;
        }
        self.message.extend_from_slice(payload);
    }

    /// Reads the message when its last frame has passed; whether it reported usage.
    fn end(&mut self) -> bool {
        let Some(frame) = self.frame.filter(|frame| frame.left == 0) else { return false };
        self.frame = None;
        if frame.is_control() || frame.first & FIN == 0 || !std::mem::take(&mut self.is_kept) {
            return false;
        }
        let message = std::mem::take(&mut self.message);
        let reported = self.read(&message);
        self.message = message;
        self.message.clear();
        reported
    }

    fn read(&mut self, message: &[u8]) -> bool {
        let names = |name: &[u8]| memchr::memmem::find(message, name).is_some();
        if !names(b"response.created") && !is_usage(message) {
            return false;
        }
        let Ok(event) = serde_json::from_slice::<Members<'_>>(message) else { return false };
        match lenient::<String>(event.get("type")).as_deref() {
            Some("response.created") => {
                self.open = self.open.saturating_add(1);
                false
            }
            Some("response.done") => {
                self.open = self.open.saturating_sub(1);
                let usage = usage_of(&event);
                let is_possible =
                    |usage: &Usage| usage.input_total() <= MOST_READ && usage.output_total() <= MOST_GENERATED;
                self.is_unread |= !usage.is_some_and(|usage| is_possible(&usage));
                let usage = usage.filter(is_possible);
                self.used = sum(self.used, usage.unwrap_or_default());
                usage.is_some()
            }
            _ => false,
        }
    }
}

fn usage_of(event: &Members<'_>) -> Option<Usage> {
    let response = object(event.get("response"))?;
    response.get("usage").map(Usage::from_openai).filter(Usage::is_reported)
}

fn is_usage(message: &[u8]) -> bool {
    memchr::memmem::find(message, b"response.done").is_some()
}

fn sum(one: Usage, other: Usage) -> Usage {
    let add = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    Usage {
        input: add(one.input, other.input),
        cached_input: add(one.cached_input, other.cached_input),
        cache_write: add(one.cache_write, other.cache_write),
        audio_input: add(one.audio_input, other.audio_input),
        image_input: add(one.image_input, other.image_input),
        output: add(one.output, other.output),
        reasoning: add(one.reasoning, other.reasoning),
        audio_output: add(one.audio_output, other.audio_output),
    }
}

/// The frames that tell a client that its quota ended the session: an error event as the API words it, and a close.
#[must_use]
pub fn ending(why: &str) -> Vec<u8> {
    let error = json!({ "type": "insufficient_quota", "code": "insufficient_quota", "message": why });
    let event = json!({ "type": "error", "error": error }).to_string();
    let mut frames = frame(TEXT, event.as_bytes());
    let mut close = POLICY.to_be_bytes().to_vec();
    close.extend_from_slice(b"insufficient_quota");
    frames.extend(frame(CLOSE, &close));
    frames
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![FIN | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created() -> Vec<u8> {
        frame(TEXT, br#"{"type":"response.created","response":{"usage":null}}"#)
    }

    fn done() -> Vec<u8> {
        let event = json!({"type": "response.done", "event_id": "e", "response": {"usage": {
            "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
            "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
                "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}},
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91}
        }}});
        frame(TEXT, event.to_string().as_bytes())
    }

    /// Feeds in pieces of that size; how many events reported usage.
    fn feed(session: &mut Session, bytes: &[u8], size: usize) -> usize {
        let mut reports = 0;
        for piece in bytes.chunks(size) {
            let mut rest = piece;
            while let Some(at) = session.push(rest) {
                reports += 1;
                rest = &rest[at..];
            }
        }
        reports
    }

    #[test]
    fn usage_is_read_however_the_bytes_come() {
        let sound = frame(TEXT, &vec![b'a'; 70_000]);
        let ping = frame(0x9, b"response.done");
        let stream = [created(), sound, done(), ping, created(), done()].concat();
        for size in [1, 2, 7, 125, 4_096, stream.len()] {
            let mut session = Session::default();
            assert_eq!(feed(&mut session, &stream, size), 2, "{size}");
            let used = session.used();
            assert_eq!((used.input_total(), used.output_total()), (264, 242), "{size}");
            assert_eq!((used.audio_output, used.cached_input), (Some(182), Some(128)), "{size}");
            assert!(session.is_settled());
        }
    }

    #[test]
    fn the_end_of_a_report_is_a_boundary_of_frames() {
        let (first, second) = (done(), created());
        let stream = [first.clone(), second].concat();
        let mut session = Session::default();
        assert_eq!(session.push(&stream), Some(first.len()));
        assert_eq!(session.push(&stream[first.len()..]), None);
        assert!(!session.is_settled(), "one is under way");
    }

    #[test]
    fn fragments_are_one_message_and_control_frames_may_stand_between() {
        let whole = done();
        let payload = &whole[4..];
        let mut start = frame(TEXT, &payload[..100]);
        start[0] &= !FIN;
        let rest = frame(CONTINUED, &payload[100..]);
        let mut session = Session::default();
        assert_eq!(feed(&mut session, &[start, frame(0xa, b""), rest].concat(), 3), 1);
        assert_eq!(session.used().output_total(), 121);
    }

    #[test]
    fn what_cannot_be_read_is_known_to_be_unread() {
        let mut compressed = done();
        compressed[0] |= 0x40;
        let long = format!("{{\"type\":\"response.done\",\"response\":\"{}\"}}", "x".repeat(MOST_KEPT));
        for (stream, what) in [(compressed, "compressed"), (frame(TEXT, long.as_bytes()), "long")] {
            let mut session = Session::default();
            assert_eq!(feed(&mut session, &stream, 4_096), 0, "{what}");
            assert!(!session.is_settled(), "{what}");
            assert_eq!(feed(&mut session, &done(), 4_096), 1, "{what}: the next one is");
        }
    }

    #[test]
    fn a_quoted_word_reports_nothing() {
        let quoted = frame(
            TEXT,
            br#"{"type":"response.text.delta","delta":"response.done","response":{"usage":{"input_tokens":9}}}"#,
        );
        let mut session = Session::default();
        assert_eq!(feed(&mut session, &quoted, 64), 0);
        assert_eq!(session.used(), Usage::default());
    }

    #[test]
    fn an_ending_is_an_event_and_a_close() {
        let frames = ending("used up");
        let event = &frames[2..2 + usize::from(frames[1])];
        let event: serde_json::Value = serde_json::from_slice(event).expect("JSON");
        assert_eq!(event["error"]["code"], "insufficient_quota");
        let close = &frames[2 + usize::from(frames[1])..];
        assert_eq!((close[0], &close[2..4]), (0x88, &1008_u16.to_be_bytes()[..]));
    }
}
