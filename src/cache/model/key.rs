//! Keys of kept answers: SHA-256 over unambiguous pieces.

use std::fmt;

use sha2::{Digest, Sha256};

/// A key, 32 bytes. Whoever has it has the entry's name, and nothing of its prompt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Key {
    /// The key that is written so, 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// The key of a text inside this partition; `tier` keeps kinds of keys apart.
    #[must_use]
    pub fn of(self, tier: &str, text: &str) -> Self {
        let mut writer = Writer::new(tier);
        writer.bytes(&self.0);
        writer.text(text);
        writer.finish()
    }
}

/// Puts a key together. Every piece carries its length, so that no two lists of pieces read alike.
pub struct Writer(Sha256);

impl Writer {
    /// A key of that kind.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        let mut writer = Self(Sha256::new());
        writer.text(kind);
        writer
    }

    /// One byte that tells what follows.
    pub fn tag(&mut self, tag: u8) {
        self.0.update([tag]);
    }

    /// A number.
    pub fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// Bytes, with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    /// A text, with its length.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// The key.
    #[must_use]
    pub fn finish(self) -> Key {
        Key(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_pieces_do_not_run_together() {
        let key = Writer::new("a").finish();
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        for junk in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(Key::parse(junk), None, "{junk}");
        }
        let of = |pieces: [&str; 2]| {
            let mut writer = Writer::new("x");
            for piece in pieces {
                writer.text(piece);
            }
            writer.finish()
        };
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
        assert_ne!(key.of("exact", "t"), key.of("normal", "t"));
    }
}
