//! Holding the events of a stream back until what they say has been checked (`llm-content-safety`).
//!
//! Events are held until so many characters have come as are checked at once; then the check runs, and they go on, or the
//! stream ends. Events that say nothing pass at once while none is held. Meanwhile the backend is not read: what is held
//! is bounded. Deliberately not here: the check itself (`policies`), and how a stream ends (`relay`).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use tollgate_providers::{
    Surface,
    tap::{Listener, Tap},
};

use super::cutoff;
use crate::policies::{Failure, link::Screening};

/// Most bytes that are held before a check, however little they say.
const MOST_HELD: usize = 1 << 20;
/// Voices that are told apart; further ones are heard as the last.
const MOST_VOICES: usize = 16;

/// What came of it.
pub enum Screened {
    /// These may go on.
    Pass(Bytes),
    /// Nothing more may go on until more has come.
    More,
    /// The check has failed: nothing more goes on.
    Blocked(Failure),
}

/// The events of a stream on their way through the check.
pub struct Screen {
    how: Screening,
    tap: Tap,
    heard: Arc<Heard>,
    /// The beginning of an event.
    pending: BytesMut,
    held: VecDeque<Bytes>,
    held_bytes: usize,
    cleared: VecDeque<Bytes>,
    checking: Option<BoxFuture<'static, Result<(), Failure>>>,
}

impl Screen {
    /// Nothing yet.
    #[must_use]
    pub fn new(how: Screening) -> Self {
        let heard = Arc::new(Heard::default());
        let tap = Tap::stream(how.surface, false).listening(heard.clone());
        let (pending, held, cleared) = (BytesMut::new(), VecDeque::new(), VecDeque::new());
        Self { how, tap, heard, pending, held, held_bytes: 0, cleared, checking: None }
    }

    /// In whose words the stream ends when the check fails.
    #[must_use]
    pub const fn surface(&self) -> Surface {
        self.how.surface
    }

    /// The number of the next event, where the dialect numbers them.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.tap.next_sequence()
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.held.is_empty() && self.cleared.is_empty()
    }

    /// A piece of the stream has come.
    pub fn take(&mut self, piece: &Bytes) {
        self.pending.extend_from_slice(piece);
        let mut whole = 0;
        while let Some(end) = cutoff::event_end(&self.pending[whole..]) {
            whole += end;
        }
        if whole > 0 {
            let events = self.pending.split_to(whole).freeze();
            self.hold(events);
        }
    }

    fn hold(&mut self, events: Bytes) {
        self.tap.push(events.clone(), &mut Vec::new());
        self.held_bytes += events.len();
        self.held.push_back(events);
    }

    /// What may go on next; `is_over`: nothing more will come.
    pub fn poll(&mut self, cx: &mut Context<'_>, is_over: bool) -> Poll<Screened> {
        loop {
            if let Some(bytes) = self.cleared.pop_front() {
                return Poll::Ready(Screened::Pass(bytes));
            }
            if let Some(check) = &mut self.checking {
                let verdict = ready!(check.as_mut().poll(cx));
                self.checking = None;
                match verdict {
                    Ok(()) => self.clear(),
                    Err(failure) => return Poll::Ready(Screened::Blocked(failure)),
                }
                continue;
            }
            if is_over && !self.pending.is_empty() {
                // The stream ended, or was cut, inside an event: what there is of it is checked as well.
                let rest = self.pending.split().freeze();
                self.hold(rest);
                self.tap.cut();
            }
            if self.held.is_empty() {
                return Poll::Ready(Screened::More);
            }
            match self.heard.characters() {
                0 => self.clear(),
                heard if is_over || heard >= self.how.window || self.held_bytes > MOST_HELD => {
                    self.checking = Some((self.how.check)(self.heard.text(self.how.overlap)));
                }
                _ => return Poll::Ready(Screened::More),
            }
        }
    }

    fn clear(&mut self) {
        self.cleared.append(&mut self.held);
        self.held_bytes = 0;
    }
}

/// What has been said since the last check, by voice.
#[derive(Default)]
struct Heard(Mutex<Vec<Voice>>);

#[derive(Default)]
struct Voice {
    id: u64,
    /// The end of what was checked before.
    before: String,
    said: String,
}

impl Heard {
    /// Characters that were not checked yet.
    fn characters(&self) -> usize {
        let voices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        voices.iter().map(|voice| voice.said.chars().count()).sum()
    }

    /// The text to check: what was said, each voice by itself, with the end of what it said before.
    fn text(&self, overlap: usize) -> String {
        let mut voices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut texts = Vec::new();
        for voice in voices.iter_mut().filter(|voice| !voice.said.is_empty()) {
            let text = format!("{}{}", voice.before, std::mem::take(&mut voice.said));
            let skipped = text.chars().count().saturating_sub(overlap);
            voice.before = text.chars().skip(skipped).collect();
            texts.push(text);
        }
        texts.join("\n")
    }
}

impl Listener for Heard {
    fn hear(&self, voice: u64, words: &str) {
        let mut voices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = voices.iter().position(|known| known.id == voice);
        let at = known.unwrap_or_else(|| {
            if voices.len() < MOST_VOICES {
                voices.push(Voice { id: voice, ..Voice::default() });
            }
            voices.len() - 1
        });
        voices[at].said.push_str(words);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn event(words: &str) -> Bytes {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{words}\"}}}}]}}\n\n").into()
    }

    fn done() -> Bytes {
        Bytes::from_static(b"data: [DONE]\n\n")
    }

    /// A screen whose check refuses texts with `bad` in them, and the texts that it was given.
    fn screen(window: usize, overlap: usize) -> (Screen, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        let check: crate::policies::link::Check = Arc::new(move |text: String| {
            told.lock().expect("no panic").push(text.clone());
            Box::pin(async move {
                tokio::task::yield_now().await;
                if text.contains("bad") { Err(Failure::new("t", "Blocked", 403, "no")) } else { Ok(()) }
            })
        });
        (Screen::new(Screening { surface: Surface::ChatCompletions, window, overlap, check }), asked)
    }

    /// What goes on of a stream of these pieces, and whether it was blocked.
    async fn passed(screen: &mut Screen, pieces: &[Bytes]) -> (String, bool) {
        let mut out = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            screen.take(piece);
            loop {
                match poll_fn(|cx| screen.poll(cx, at + 1 == pieces.len())).await {
                    Screened::Pass(bytes) => out.extend_from_slice(&bytes),
                    Screened::More => break,
                    Screened::Blocked(_) => return (String::from_utf8(out).expect("text"), true),
                }
            }
        }
        (String::from_utf8(out).expect("text"), false)
    }

    #[tokio::test]
    async fn events_pass_once_their_window_is_checked() {
        let (mut screen, asked) = screen(4, 2);
        let pieces = [event("abc"), event("def"), event("g"), done()];
        let (out, is_blocked) = passed(&mut screen, &pieces).await;
        assert_eq!((out, is_blocked), (String::from_utf8(pieces.concat()).expect("text"), false));
        assert_eq!(*asked.lock().expect("no panic"), ["abcdef", "efg"]);
        assert!(screen.is_empty());
    }

    #[tokio::test]
    async fn nothing_of_a_refused_window_passes() {
        let (mut screen, _) = screen(4, 2);
        let (out, is_blocked) =
            passed(&mut screen, &[event("good"), event("b"), event("ad"), event("more"), done()]).await;
        assert_eq!((out, is_blocked), (String::from_utf8(event("good").to_vec()).expect("text"), true));
    }

    #[tokio::test]
    async fn words_are_found_across_windows_and_pieces() {
        let (mut one, _) = screen(1, 2);
        assert!(passed(&mut one, &[event("b"), event("a"), event("d"), done()]).await.1, "by the overlap");
        let (mut other, _) = screen(100, 0);
        let bytes = [event("bad"), done()].concat();
        let pieces: Vec<Bytes> = bytes.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect();
        assert_eq!(passed(&mut other, &pieces).await, (String::new(), true), "in single bytes");
    }

    #[tokio::test]
    async fn what_says_nothing_passes_at_once() {
        let (mut screen, asked) = screen(100, 0);
        let ping = Bytes::from_static(b": ping\n\n");
        screen.take(&ping);
        assert!(matches!(poll_fn(|cx| screen.poll(cx, false)).await, Screened::Pass(passed) if passed == ping));
        assert!(asked.lock().expect("no panic").is_empty());
    }

    #[tokio::test]
    async fn an_unfinished_event_is_checked_too() {
        let (mut screen, _) = screen(100, 0);
        let cut = event("bad").slice(..52);
        assert_eq!(passed(&mut screen, &[event("a"), cut]).await, (String::new(), true));
    }

    #[tokio::test]
    async fn answers_beside_each_other_are_told_apart() {
        let (mut screen, asked) = screen(100, 0);
        let second = |words: &str| -> Bytes {
            String::from_utf8(event(words).to_vec()).expect("text").replace("\"index\":0", "\"index\":1").into()
        };
        let (_, is_blocked) = passed(&mut screen, &[event("b"), second("x"), event("ad"), done()]).await;
        assert!(is_blocked, "{asked:?}");
    }
}
