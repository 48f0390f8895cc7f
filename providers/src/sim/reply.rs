//! What a simulated model says: text or a tool call, how long and how fast.
//!
//! Text is made piece by piece as it is asked for, so that a reply of 100,000 tokens costs no memory. Deliberately
//! not here: any dialect.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ask::{Ask, Model, Refusal, Tool, ToolChoice, seconds, tokens},
    flaky, schema,
};

/// Words of four bytes with their blank: a reply of N of them has N tokens.
const LOREM: [&str; 16] = [
    "sit ", "est ", "non ", "qui ", "sed ", "cum ", "vel ", "hic ", "nec ", "aut ", "pax ", "lex ", "rex ", "ars ",
    "vox ", "lux ",
];

/// Longest reply, in tokens.
const MOST_TOKENS: u64 = 1_000_000;
/// Length of lorem without `max_tokens`.
const USUAL_TOKENS: u64 = 64;

/// Why a reply ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
    ToolCall,
}

/// The words of a reply.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Pieces(Vec<String>),
    Lorem { tokens: u64, seed: u64 },
}

/// How fast it is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub first: Duration,
    pub each: Duration,
}

/// A reply.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// The text, or the arguments of the called tool.
    pub text: Text,
    pub tool: Option<String>,
    pub finish: Finish,
    pub input_tokens: u64,
    /// Tokens of one choice.
    pub output_tokens: u64,
    pub pace: Pace,
}

impl Reply {
    pub(super) fn to(ask: &Ask) -> Result<Self, Refusal> {
        flaky::refuse(ask)?;
        let limit = ask.max_output.unwrap_or(MOST_TOKENS).min(MOST_TOKENS);
        let tool = called_tool(ask);
        let (text, cut) = match (ask.model, tool) {
            (_, Some(tool)) => (Text::Pieces(in_pieces(&schema::sample(&tool.schema, ask.seed).to_string())), false),
            (Model::Lorem, None) => {
                let tokens = ask.max_output.unwrap_or(USUAL_TOKENS).min(MOST_TOKENS);
                (Text::Lorem { tokens, seed: ask.seed }, ask.max_output.is_some())
            }
            (Model::Json, None) => bounded(in_pieces(&structured(ask).to_string()), limit),
            (Model::Embed, None) => return Err(Refusal::bad(Some("model"), "sim-embed makes embeddings only")),
            (Model::Echo | Model::Flaky | Model::Slow, None) => bounded(in_words(&said(ask)), limit),
        };
        let finish = match (tool, cut) {
            (Some(_), _) => Finish::ToolCall,
            (None, true) => Finish::Length,
            (None, false) => Finish::Stop,
        };
        Ok(Self {
            finish,
            tool: tool.map(|tool| tool.name.clone()),
            input_tokens: ask.input_tokens(),
            output_tokens: text.tokens(),
            pace: Pace::of(ask, &text),
            text,
        })
    }

    pub(super) fn total_tokens(&self, choices: u64) -> u64 {
        self.input_tokens + self.output_tokens * choices
    }
}

impl Text {
    /// The pieces, made one by one.
    pub(super) fn pieces(self) -> Box<dyn Iterator<Item = String> + Send + Sync> {
        match self {
            Self::Pieces(pieces) => Box::new(pieces.into_iter()),
            Self::Lorem { tokens, seed } => Box::new((0..tokens).map(move |at| lorem(seed, at).to_owned())),
        }
    }

    pub(super) fn whole(&self) -> String {
        match self {
            Self::Pieces(pieces) => pieces.concat(),
            Self::Lorem { tokens, seed } => (0..*tokens).map(|at| lorem(*seed, at)).collect(),
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        match self {
            Self::Pieces(pieces) => tokens(pieces.iter().map(String::len).sum()),
            Self::Lorem { tokens, .. } => *tokens,
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Pieces(pieces) => u64::try_from(pieces.len()).unwrap_or(u64::MAX),
            Self::Lorem { tokens, .. } => *tokens,
        }
    }
}

impl Pace {
    /// Echo speaks at a reading pace for at most a second and a half; slow is slow; headers decide otherwise.
    fn of(ask: &Ask, text: &Text) -> Self {
        let spread = Duration::from_millis(1500 / text.count().clamp(1, 1500));
        let (first, each) = match ask.model {
            Model::Slow => (Duration::from_secs(2), Duration::from_millis(200)),
            Model::Echo if ask.stream => (Duration::ZERO, spread.min(Duration::from_millis(20))),
            _ => (Duration::ZERO, Duration::ZERO),
        };
        let rate = ask.knob("x-sim-tokens-per-second").filter(|rate| *rate > 0.0);
        Self {
            first: ask.knob("x-sim-ttft-ms").map_or(first, |ms| seconds(ms / 1000.0)),
            each: rate.map_or(each, |rate| seconds(1.0 / rate)),
        }
    }

    /// How long an unstreamed answer of so many tokens takes.
    pub(super) fn whole(self, tokens: u64) -> Duration {
        let count = u32::try_from(tokens).unwrap_or(u32::MAX);
        self.first.saturating_add(self.each.saturating_mul(count))
    }
}

/// The tool to call: the one that is forced, or with `sim-json` the first, unless its result is already there.
fn called_tool(ask: &Ask) -> Option<&Tool> {
    match &ask.tool_choice {
        ToolChoice::None => None,
        ToolChoice::Named(name) => ask.tools.iter().find(|tool| tool.name == *name),
        ToolChoice::Any => ask.tools.first(),
        ToolChoice::Auto => {
            let volunteers = ask.model == Model::Json && ask.schema.is_none() && !ask.after_tool;
            ask.tools.first().filter(|_| volunteers)
        }
    }
}

fn structured(ask: &Ask) -> Value {
    match &ask.schema {
        Some(schema) if schema.is_object() => schema::sample(schema, ask.seed),
        _ => json!({ "answer": said(ask) }),
    }
}

fn said(ask: &Ask) -> String {
    if ask.last_user.is_empty() { "(the last user message has no text)".to_owned() } else { ask.last_user.clone() }
}

fn lorem(seed: u64, at: u64) -> &'static str {
    let pick = schema::mix(seed ^ at.wrapping_mul(0x9E37_79B9_7F4A_7C15)) % 16;
    LOREM[usize::try_from(pick).expect("a number below 16")]
}

/// Words with the blanks that follow them.
fn in_words(text: &str) -> Vec<String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned).collect()
}

/// Pieces of eight characters, as models emit JSON.
fn in_pieces(text: &str) -> Vec<String> {
    text.chars().collect::<Vec<_>>().chunks(8).map(|piece| piece.iter().collect()).collect()
}

/// The pieces that fit into `limit` tokens, the last one cut where the limit falls; and whether anything was cut.
fn bounded(pieces: Vec<String>, limit: u64) -> (Text, bool) {
    let mut room = usize::try_from(limit.saturating_mul(4)).unwrap_or(usize::MAX);
    let mut kept = Vec::new();
    for piece in pieces {
        if piece.len() > room {
            kept.push(piece[..piece.floor_char_boundary(room)].to_owned());
            return (Text::Pieces(kept), true);
        }
        room -= piece.len();
        kept.push(piece);
    }
    (Text::Pieces(kept), false)
}
