//! Whether a single value fits a shape, and what to say when it does not.

use serde_json::{Number as JsonNumber, Value as Json};

use super::{later, shape::Shape, suggest};
use crate::document::Number;

/// Longest part of a value that is repeated in a message, in characters.
const SHOWN: usize = 60;

/// A value as it was given, expanded.
pub enum Given {
    /// Nothing.
    Nothing,
    /// `true` or `false`.
    Switch(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text {
        /// The text.
        text: String,
        /// It may stand for a number or a switch: it came from one expansion and nothing else.
        loose: bool,
        /// It came from the environment or a file, and is not repeated in messages: it may be a secret.
        hidden: bool,
    },
}

impl Given {
    fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Switch(_) => "a switch (true or false)",
            Self::Number(_) => "a number",
            Self::Text { .. } => "text",
        }
    }

    fn shown(&self, secret: bool) -> String {
        match self {
            Self::Text { hidden: true, .. } => "the expanded value".into(),
            _ if secret => "the value".into(),
            Self::Text { text, .. } => quoted(text),
            Self::Number(number) => quoted(&number.text),
            Self::Switch(on) => quoted(&on.to_string()),
            Self::Nothing => "nothing".into(),
        }
    }
}

fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let rest = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{shown}{rest}`")
}

/// The JSON of a value that fits.
///
/// # Errors
/// What does not fit and what would.
pub fn accept(shape: &Shape, given: &Given) -> Result<Json, String> {
    match shape {
        Shape::Text { leaf, secret } => match given {
            Given::Text { text, .. } if leaf.is_none_or(|leaf| (leaf.fits)(text)) => Ok(text.as_str().into()),
            Given::Text { .. } => Err(unfit(shape, given, *secret)),
            Given::Number(number) if leaf.is_some_and(|leaf| !(leaf.fits)(&number.text)) => {
                Err(unfit(shape, given, *secret))
            }
            Given::Number(_) | Given::Switch(_) => {
                Err(format!("expected text, found {}; put it in quotes", given.kind()))
            }
            Given::Nothing => Err(mistyped(shape, given)),
        },
        Shape::Quantity(leaf) => match given {
            Given::Text { text, .. } if (leaf.fits)(text) => Ok(text.as_str().into()),
            Given::Number(number) if (leaf.fits)(&number.text) => Ok(number.text.as_str().into()),
            _ => Err(unfit(shape, given, false)),
        },
        Shape::Integer { min, max } => {
            let number = number(given).and_then(|number| number.as_u64());
            number.filter(|number| (min..=max).contains(&number)).map(Json::from).ok_or_else(|| mistyped(shape, given))
        }
        Shape::Number { min, max } => {
            let number =
                number(given).filter(|number| number.as_f64().is_some_and(|number| (*min..=*max).contains(&number)));
            number.map(Json::Number).ok_or_else(|| mistyped(shape, given))
        }
        Shape::Switch => switch(given).map(Json::from).ok_or_else(|| mistyped(shape, given)),
        Shape::Choice(words) => choice(words, given).ok_or_else(|| wrong_word(words, shape, given)),
        Shape::Either(shapes) => {
            shapes.iter().find_map(|shape| accept(shape, given).ok()).ok_or_else(|| unfit(shape, given, false))
        }
        Shape::Policy | Shape::Object(_) | Shape::Map(_) | Shape::List(..) | Shape::OneOrMany(_) => {
            Err(mistyped(shape, given))
        }
    }
}

fn number(given: &Given) -> Option<JsonNumber> {
    match given {
        Given::Number(number) => Some(number.value.clone()),
        Given::Text { text, loose: true, .. } => serde_json::from_str(text).ok(),
        _ => None,
    }
}

fn switch(given: &Given) -> Option<bool> {
    match given {
        Given::Switch(on) => Some(*on),
        Given::Text { text, loose: true, .. } => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// Words that look like numbers (HTTP version `1.1`) are understood without quotes too.
fn choice(words: &[String], given: &Given) -> Option<Json> {
    let text = match given {
        Given::Text { text, .. } => text,
        Given::Number(number) => &number.text,
        _ => return None,
    };
    words.contains(text).then(|| text.as_str().into())
}

fn wrong_word(words: &[String], shape: &Shape, given: &Given) -> String {
    if let Given::Text { text, .. } = given
        && later::LATER_WORDS.contains(&text.as_str())
    {
        return later::not_available(text);
    }
    let hint = match given {
        Given::Text { text, hidden: false, .. } => suggest::hint(text, words.iter().map(String::as_str)),
        _ => String::new(),
    };
    format!("{} is not {}{hint}", given.shown(false), shape.expected())
}

fn unfit(shape: &Shape, given: &Given, secret: bool) -> String {
    format!("{} is not {}", given.shown(secret), shape.expected())
}

fn mistyped(shape: &Shape, given: &Given) -> String {
    match given {
        Given::Nothing => format!("expected {}, found nothing", shape.expected()),
        Given::Text { text, hidden: false, .. } if serde_json::from_str::<Json>(text).is_ok() => {
            format!("expected {}, found text; remove the quotes around {}", shape.expected(), given.shown(false))
        }
        _ => unfit(shape, given, false),
    }
}
