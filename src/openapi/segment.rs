//! One segment of a path template: a literal, a parameter, or a mixture such as `{id}.json`.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a request's path never contains unencoded.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// This text exactly.
    Literal(Box<str>),
    /// The texts between parameters, each of which stands for at least one character; an empty first or last text
    /// means that the segment begins or ends with a parameter. A whole parameter is two empty texts.
    Mixed(Box<[Box<str>]>),
}

impl Segment {
    /// Reads a segment.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it contains an empty segment (`//`)".into());
        }
        if text.contains('*') && !text.contains('{') {
            return Err("`*` can only stand alone at the end".into());
        }
        let mut texts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let end = rest.find('}').filter(|end| *end > start + 1);
            let end = end.ok_or_else(|| format!("in `{text}` a parameter such as {{id}} is not complete"))?;
            let before = &rest[..start];
            if rest[start + 1..end].contains('{') || before.is_empty() && !texts.is_empty() {
                return Err(format!("in `{text}` there must be text between two parameters"));
            }
            texts.push(literal(before));
            rest = &rest[end + 1..];
        }
        if rest.contains('}') {
            return Err(format!("in `{text}` there is a `}}` without `{{`"));
        }
        if texts.is_empty() {
            return Ok(Self::Literal(literal(rest)));
        }
        texts.push(literal(rest));
        Ok(Self::Mixed(texts.into()))
    }

    /// Whether a request's segment matches.
    pub(super) fn matches(&self, part: &str) -> bool {
        match self {
            Self::Literal(text) => **text == *part,
            Self::Mixed(texts) => !part.is_empty() && !is_dots(part) && fits(texts, part),
        }
    }

    /// How much of it is literal: more is more specific.
    pub(super) fn literal_bytes(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Mixed(texts) => texts.iter().map(|text| text.len()).sum(),
        }
    }
}

/// The texts in their order, something between each two of them: the first at the start, the last at the end, those
/// between at their first occurrence (which leaves the most for the rest).
fn fits(texts: &[Box<str>], part: &str) -> bool {
    let [first, middle @ .., last] = texts else { return false };
    let Some(mut rest) = part.strip_prefix(&**first) else { return false };
    for text in middle {
        let Some(start) = rest.char_indices().nth(1).map(|(at, _)| at) else { return false };
        let Some(at) = rest[start..].find(&**text) else { return false };
        rest = &rest[start + at + text.len()..];
    }
    rest.len() > last.len() && rest.ends_with(&**last)
}

fn literal(text: &str) -> Box<str> {
    utf8_percent_encode(text, ENCODED).to_string().into()
}

/// Whether a segment is `.` or `..`, also with its dots encoded.
pub(super) fn is_dots(part: &str) -> bool {
    let mut rest = part;
    let mut dots = 0;
    while !rest.is_empty() {
        let encoded = rest.get(..3).filter(|start| start.eq_ignore_ascii_case("%2e")).map(|_| &rest[3..]);
        let Some(after) = rest.strip_prefix('.').or(encoded) else { return false };
        dots += 1;
        rest = after;
    }
    (1..=2).contains(&dots)
}
