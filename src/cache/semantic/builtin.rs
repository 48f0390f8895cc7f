//! The embedder inside the binary: a table of word pieces distilled from a sentence encoder, averaged.
//!
//! `builtin.bin` is made by `scripts/embeddings/distil.py` from all-MiniLM-L6-v2 (Apache-2.0). It knows which texts are
//! about the same; whether they ask the same is the guards' to say. Deliberately not here: the encoder itself.

use std::sync::LazyLock;

use super::{
    embedding::{Embedder, Embedding},
    wordpiece::Vocabulary,
};

/// Layout: "TGE1", pieces, dimensions, a scale per piece, a row of int8 per piece, then the pieces, one a line.
static TABLE: &[u8] = include_bytes!("builtin.bin");
/// Names the table; changes with it.
pub const MODEL: &str = "builtin-minilm-256-1";
/// Longest text in pieces: what is longer says more than a mean can hold.
pub const MOST_PIECES: usize = 256;

/// The table, read.
#[derive(Debug)]
pub struct Builtin {
    vocabulary: Vocabulary,
    dimensions: usize,
    scales: Vec<f32>,
    rows: &'static [u8],
}

/// The table, read once.
pub fn builtin() -> &'static Builtin {
    static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| Builtin::read(TABLE).expect("a table that our script wrote"));
    &BUILTIN
}

impl Builtin {
    fn read(table: &'static [u8]) -> Option<Self> {
        let rest = table.strip_prefix(b"TGE1")?;
        let (pieces, rest) = number(rest)?;
        let (dimensions, rest) = number(rest)?;
        let (scales, rest) = rest.split_at_checked(pieces.checked_mul(4)?)?;
        let (rows, names) = rest.split_at_checked(pieces.checked_mul(dimensions)?)?;
        let names: Vec<_> = std::str::from_utf8(names).ok()?.lines().collect();
        let scales: Vec<_> = scales.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        (names.len() == pieces).then(|| Self {
            vocabulary: Vocabulary::new(names.into_iter().zip(0..)),
            dimensions,
            scales,
            rows,
        })
    }

    /// The pieces, for tests of how texts are cut.
    #[cfg(test)]
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Whether a word is one piece of the vocabulary: a common word, spelt right.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.vocabulary.number(word).is_some()
    }

    fn add(&self, piece: u32, sum: &mut [f32]) {
        let at = piece as usize;
        let row = &self.rows[at * self.dimensions..][..self.dimensions];
        for (sum, step) in sum.iter_mut().zip(row) {
            *sum += f32::from(step.cast_signed()) * self.scales[at];
        }
    }
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

impl Embedder for Builtin {
    fn model(&self) -> &str {
        MODEL
    }

    fn embed(&self, text: &str) -> Option<Embedding> {
        let pieces = self.vocabulary.pieces(text);
        if pieces.len() > MOST_PIECES {
            return None;
        }
        let mut sum = vec![0.0; self.dimensions];
        for piece in pieces.into_iter().flatten() {
            self.add(piece, &mut sum);
        }
        Embedding::from_floats(&sum)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{TABLE, builtin};
    use crate::cache::semantic::embedding::Embedder;

    #[test]
    fn the_table_is_the_one_that_the_script_made() {
        let told = include_str!("builtin.sha256").trim();
        let is = format!("{:x}", Sha256::digest(TABLE));
        assert_eq!(is, told, "builtin.bin changed: run scripts/embeddings/distil.py, and give MODEL a new number");
        assert!(TABLE.len() <= 10 << 20);
    }

    #[test]
    fn near_meanings_have_near_vectors() {
        let embed = |text| builtin().embed(text).unwrap();
        let question = embed("How do I reset my password?");
        let (near, far) = (embed("how can I change my password"), embed("Which vaccines are required for Kenya?"));
        assert!(question.similarity(&near) > question.similarity(&far) + 0.3);
    }

    #[test]
    fn nothing_and_too_much_have_no_vector() {
        assert_eq!(builtin().embed(""), None);
        assert_eq!(builtin().embed(" \u{200b}\n"), None);
        assert_eq!(builtin().embed(&"word ".repeat(257)), None);
    }
}
