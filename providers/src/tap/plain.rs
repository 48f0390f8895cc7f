//! The quick way to an event's words, for events without anything unusual in them: most of a stream.
//!
//! Walks the same shapes as `words`, over bytes and without serde, and gives up at whatever is not plain: escapes,
//! control characters, pictures, raw JSON, lists of parts, anything malformed. Nothing is said until all has been read,
//! so whoever gets "no" reads the event as if this had not been tried.

use super::{
    spoken::{Spoken, Voice},
    words::{LIST_BITS, Shape},
};

/// Deeper than any event of words.
const DEEPEST: usize = 12;
/// More words than a plain event has.
const MOST_WORDS: usize = 8;

/// Says all words of a JSON value that has this shape, if it is plain; otherwise says nothing and is false.
pub(super) fn speak(shape: Shape, json: &[u8], voice: Voice, spoken: &mut Spoken) -> bool {
    let mut glance = Glance { json, at: 0, words: [(0, b""); MOST_WORDS], count: 0, depth: 0 };
    if glance.value(shape, voice).is_none() {
        return false;
    }
    for (voice, words) in &glance.words[..glance.count] {
        spoken.say(*voice, words);
    }
    true
}

/// A look along JSON. Its functions give `None` at whatever is not plain.
struct Glance<'a> {
    json: &'a [u8],
    at: usize,
    words: [(Voice, &'a [u8]); MOST_WORDS],
    count: usize,
    depth: usize,
}

impl<'a> Glance<'a> {
    fn value(&mut self, shape: Shape, voice: Voice) -> Option<()> {
        match (self.peek()?, shape) {
            (b'n', Shape::Json) => None,
            (b'n', _) => self.word(b"null"),
            (b'"', Shape::Other) => self.string().map(drop),
            (b'"', Shape::Content | Shape::Thoughts | Shape::Name) => {
                let words = self.string()?;
                *self.words.get_mut(self.count)? = (voice, words);
                self.count += 1;
                Some(())
            }
            (_, Shape::Content | Shape::Thoughts | Shape::Name | Shape::Json | Shape::Media) => None,
            (b'{', _) => self.nested(|glance| glance.members(shape, voice)),
            (b'[', _) => self.nested(|glance| glance.elements(shape, voice)),
            (b't', _) => self.word(b"true"),
            (b'f', _) => self.word(b"false"),
            (_, Shape::Other) => self.number(),
            _ => None,
        }
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.json.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Passes `byte`, if it comes next.
    fn passes(&mut self, byte: u8) -> Option<bool> {
        let comes = self.peek()? == byte;
        self.at += usize::from(comes);
        Some(comes)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.json[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// What stands between quotes, where it stands for itself.
    fn string(&mut self) -> Option<&'a [u8]> {
        if !self.passes(b'"')? {
            return None;
        }
        let rest = &self.json[self.at..];
        let end = first_special(rest)?;
        if rest[end] != b'"' {
            return None;
        }
        self.at += end + 1;
        Some(&rest[..end])
    }

    fn digits(&mut self) -> Option<&'a [u8]> {
        let rest = &self.json[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        (count > 0).then_some(&rest[..count])
    }

    /// Digits without a zero that JSON does not allow before them.
    fn whole_number(&mut self) -> Option<&'a [u8]> {
        self.digits().filter(|digits| digits.len() == 1 || digits[0] != b'0')
    }

    /// A number of a plain kind; exponents are not.
    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.json[self.at] == b'-');
        self.whole_number()?;
        if self.json.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        (!matches!(self.json.get(self.at), Some(b'e' | b'E'))).then_some(())
    }

    /// The place of an answer among several.
    fn index(&mut self) -> Option<u64> {
        self.peek()?;
        let digits = self.whole_number().filter(|digits| digits.len() < 10)?;
        let ends = matches!(self.peek()?, b',' | b'}');
        ends.then(|| digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
    }

    fn nested(&mut self, inside: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        inside(self)?;
        self.depth -= 1;
        Some(())
    }

    /// As `words` walks a list: its elements do not continue each other.
    fn elements(&mut self, shape: Shape, voice: Voice) -> Option<()> {
        if self.passes(b']')? {
            return Some(());
        }
        let shape = shape.element();
        let mut below = shape.voice(voice) << LIST_BITS;
        loop {
            self.value(shape, shape.voice(below))?;
            below = below.wrapping_add(8);
            if !self.passes(b',')? {
                return self.passes(b']')?.then_some(());
            }
        }
    }

    /// As `words` walks an object: an index is a voice's, and of thoughts under several names one counts.
    fn members(&mut self, shape: Shape, mut voice: Voice) -> Option<()> {
        if self.passes(b'}')? {
            return Some(());
        }
        let mut has_thought = false;
        loop {
            let key = self.string().filter(|key| key.is_ascii())?;
            if !self.passes(b':')? {
                return None;
            }
            match shape.member(key) {
                Shape::Index => voice = self.index()? << LIST_BITS,
                Shape::Thoughts if has_thought => self.value(Shape::Other, voice)?,
                Shape::Thoughts => {
                    let before = self.count;
                    self.value(Shape::Thoughts, Shape::Thoughts.voice(voice))?;
                    has_thought = self.words[before..self.count].iter().any(|(_, words)| !words.is_empty());
                }
                member => self.value(member, member.voice(voice))?,
            }
            if !self.passes(b',')? {
                return self.passes(b'}')?.then_some(());
            }
        }
    }
}

/// Where the first quote, backslash or control character is. Eight bytes at a time: events' strings are too short for
/// `memchr` to pay off.
fn first_special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    /// Marks bytes below `limit`; the first mark is right, later ones may not be.
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
        let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
        let slashes = below(word ^ (ONES * u64::from(b'\\')), 1);
        let marks = (below(word, b' ') | quotes | slashes) & (ONES << 7);
        if marks != 0 {
            return Some(at + (marks.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    Some(at + words.remainder().iter().position(is_special)?)
}
