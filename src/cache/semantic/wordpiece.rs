//! BERT's uncased tokens: text cleaned, lowered, accents off, cut at spaces and signs, then greedily into known pieces.
//!
//! The rules are those of Google's BERT repository (`tokenization.py`: BasicTokenizer and WordpieceTokenizer); fixtures
//! made with the reference tokenizer hold it to them. Deliberately not here: what a piece is worth (`builtin`,
//! `encoder`).

use std::{collections::HashMap, hash::BuildHasherDefault};

use unicode_normalization::UnicodeNormalization;

/// Words longer than this are one unknown piece (`max_input_chars_per_word`).
const LONGEST_WORD: usize = 100;

/// Pieces by text; a piece that continues a word starts with `##`.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pieces: HashMap<Box<str>, u32, BuildHasherDefault<Fnv>>,
}

/// FNV-1a, as RFC 9923 has it: the vocabulary is ours, so nobody chooses what collides.
#[derive(Debug)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Vocabulary {
    /// Of pieces with their numbers.
    pub(super) fn new<'a>(pieces: impl Iterator<Item = (&'a str, u32)>) -> Self {
        Self { pieces: pieces.map(|(piece, at)| (piece.into(), at)).collect() }
    }

    /// How many pieces.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The number of a piece.
    pub(super) fn number(&self, piece: &str) -> Option<u32> {
        self.pieces.get(piece).copied()
    }

    /// The pieces of a text; `None` in place of a word that cannot be cut into known pieces.
    pub(super) fn pieces(&self, text: &str) -> Vec<Option<u32>> {
        let mut found = Vec::new();
        for word in words(text) {
            self.cut(&word, &mut found);
        }
        found
    }

    fn cut(&self, word: &str, found: &mut Vec<Option<u32>>) {
        let before = found.len();
        let (mut at, mut piece) = (0, String::new());
        let short = word.chars().count() <= LONGEST_WORD;
        while short && at < word.len() {
            let Some((number, end)) = self.longest(word, at, &mut piece) else { break };
            found.push(Some(number));
            at = end;
        }
        if at < word.len() {
            found.truncate(before);
            found.push(None);
        }
    }

    fn longest(&self, word: &str, at: usize, piece: &mut String) -> Option<(u32, usize)> {
        piece.clear();
        piece.push_str(if at > 0 { "##" } else { "" });
        let marked = piece.len();
        piece.push_str(&word[at..]);
        while piece.len() > marked {
            if let Some(number) = self.number(piece) {
                return Some((number, at + piece.len() - marked));
            }
            piece.pop();
        }
        None
    }
}

/// Lowered words and single signs.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let lowered = text.nfd().filter(|char| !is_mark(*char)).flat_map(char::to_lowercase);
    for char in lowered.filter(|char| !is_control(*char)) {
        if char.is_whitespace() {
            words.push(String::new());
        } else if is_sign(char) || is_ideograph(char) {
            words.extend([String::from(char), String::new()]);
        } else if let Some(word) = words.last_mut() {
            word.push(char);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Marks without a width of their own (category Mn); of Indic scripts, which have others too, those of Devanagari.
fn is_mark(char: char) -> bool {
    let devanagari = matches!(
        char,
        '\u{900}'..='\u{902}' | '\u{93c}' | '\u{941}'..='\u{948}' | '\u{94d}' | '\u{951}'..='\u{957}' | '\u{962}' | '\u{963}'
    );
    let indic = matches!(char, '\u{900}'..='\u{dff}');
    unicode_normalization::char::is_combining_mark(char) && (!indic || devanagari)
}

fn is_control(char: char) -> bool {
    matches!(char, '\0' | '\u{fffd}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || (char.is_control() && !char.is_whitespace())
}

/// ASCII that is neither letter, digit nor space, and Unicode's punctuation where prompts have it.
fn is_sign(char: char) -> bool {
    char.is_ascii_punctuation()
        || matches!(char, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}')
        || matches!(char, '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{ff01}'..='\u{ff0f}')
        || matches!(char, '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}' | '\u{ff20}' | '،' | '؛' | '؟' | '।')
}

fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::{Vocabulary, words};

    #[test]
    fn words_are_lowered_bare_and_cut_at_signs() {
        assert_eq!(words("Où est l'Hôtel?\tOK"), ["ou", "est", "l", "'", "hotel", "?", "ok"]);
        assert_eq!(words("日本語 x"), ["日", "本", "語", "x"]);
        assert!(words(" \u{200b}\n").is_empty());
    }

    #[test]
    fn pieces_are_those_of_the_reference() {
        let lines = include_str!("fixtures.jsonl").lines();
        for line in lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
            let told: Vec<_> = line["pieces"].as_array().unwrap().iter().map(|piece| piece.as_str().unwrap()).collect();
            let vocabulary = crate::cache::semantic::builtin::builtin().vocabulary();
            let found = vocabulary.pieces(line["text"].as_str().unwrap());
            let expected: Vec<_> = told.iter().map(|piece| vocabulary.number(piece)).collect();
            assert_eq!(found, expected, "{}", line["text"]);
        }
    }

    #[test]
    fn the_longest_known_piece_wins_and_an_uncuttable_word_is_unknown() {
        let vocabulary = Vocabulary::new(["un", "##aff", "##able", "a"].into_iter().zip(0..));
        assert_eq!(vocabulary.pieces("unaffable a"), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(vocabulary.pieces("unafford a"), [None, Some(3)]);
        assert_eq!(vocabulary.pieces(&"a".repeat(101)), [None]);
    }
}
