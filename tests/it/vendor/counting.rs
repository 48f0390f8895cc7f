//! An honest provider of chat completions that keeps its own books: it honours the caller's cap, reports what it
//! used, and remembers the sum, so that a test can hold the gateway's ledger against it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use serde_json::{Value, json};

use super::{Gate, Reply, Seen, Vendor};

/// What a counting vendor has used so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Books(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tokens: AtomicU64,
    answers: AtomicU64,
    lines: Mutex<HashMap<String, Vec<Line>>>,
}

/// What one answer used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Tokens of the prompt.
    pub prompt: u64,
    /// Words of the answer, of one token each.
    pub words: u64,
}

impl Books {
    /// Tokens of all answers, prompts included.
    pub fn tokens(&self) -> u64 {
        self.0.tokens.load(SeqCst)
    }

    /// Requests answered.
    pub fn answers(&self) -> u64 {
        self.0.answers.load(SeqCst)
    }

    /// The answers to each prompt: the text of its first message.
    pub fn by_prompt(&self) -> HashMap<String, Vec<Line>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, asked: &Value, line: Line) {
        self.0.tokens.fetch_add(line.prompt + line.words, SeqCst);
        self.0.answers.fetch_add(1, SeqCst);
        let prompt = asked["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).entry(prompt).or_default().push(line);
    }
}

/// How a counting vendor answers.
#[derive(Clone)]
pub struct Counting {
    /// Words (of one token each) that an answer has when nothing caps it.
    pub words: u64,
    /// Whether it stops at the caller's cap, as honest ones do.
    pub honours_cap: bool,
    /// Whether it reports usage.
    pub reports: bool,
    /// What it claims for the prompt and for the answer each, in place of the truth.
    pub claims: Option<u64>,
    /// Holds every answer's head back.
    pub gate: Option<Gate>,
}

impl Counting {
    /// Honest, with answers of `words` words.
    pub fn honest(words: u64) -> Self {
        Self { words, honours_cap: true, reports: true, claims: None, gate: None }
    }

    /// Starts it with books of its own.
    pub async fn start(self) -> (Vendor, Books) {
        let books = Books::default();
        let kept = books.clone();
        (Vendor::start(move |seen, _| self.reply(seen, &kept)).await, books)
    }

    /// The answer to one request, entered into `books`.
    pub fn reply(&self, seen: &Seen, books: &Books) -> Reply {
        let asked = seen.json();
        let prompt = prompt_tokens(&asked);
        let cap = ["max_completion_tokens", "max_tokens"].iter().find_map(|name| asked[name].as_u64());
        let honoured = if self.honours_cap { cap.unwrap_or(u64::MAX) } else { u64::MAX };
        let words = self.words.min(honoured);
        books.write(&asked, Line { prompt, words });
        let finish = if words < self.words { "length" } else { "stop" };
        let usage = self.reports.then(|| usage(self.claims.unwrap_or(prompt), self.claims.unwrap_or(words)));
        let reply = if asked["stream"] == json!(true) {
            Reply::events(events(words, finish, usage.filter(|_| asks_usage(&asked))))
        } else {
            Reply::json(200, &whole(words, finish, usage))
        };
        match &self.gate {
            Some(gate) => reply.head_after(gate),
            None => reply,
        }
    }
}

fn asks_usage(asked: &Value) -> bool {
    asked["stream_options"]["include_usage"] == json!(true)
}

/// Its own idea of the prompt's size: fewer than the bytes of the text, as with every tokenizer.
fn prompt_tokens(asked: &Value) -> u64 {
    let messages = asked["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words = |message: &Value| message["content"].as_str().unwrap_or_default().split_whitespace().count() as u64;
    messages.iter().map(|message| words(message) + 2).sum()
}

fn usage(prompt: u64, words: u64) -> Value {
    json!({ "prompt_tokens": prompt, "completion_tokens": words, "total_tokens": prompt + words })
}

fn whole(words: u64, finish: &str, usage: Option<Value>) -> Value {
    let text = " word".repeat(usize::try_from(words).expect("few"));
    let mut body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "up",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
    });
    if let Some(usage) = usage {
        body["usage"] = usage;
    }
    body
}

fn events(words: u64, finish: &str, usage: Option<Value>) -> Vec<Vec<u8>> {
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "up",
            "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        format!("data: {chunk}\n\n").into_bytes()
    };
    let word = |_| chunk(json!([{"index": 0, "delta": {"content": " word"}, "finish_reason": null}]), None);
    let mut all: Vec<Vec<u8>> = (0..words).map(word).collect();
    all.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish}]), None));
    if let Some(usage) = usage {
        all.push(chunk(json!([]), Some(usage)));
    }
    all.push(b"data: [DONE]\n\n".to_vec());
    all
}
