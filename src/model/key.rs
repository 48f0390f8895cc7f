//! Subscription keys: their text, their checksum, their hash.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{Entropy, Secret};

const PREFIX: &str = "tg_";
const RANDOM: usize = 30;
const CHECK: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A generated subscription key: `tg_`, 30 random base-62 characters (178 bits) and the base-62 CRC-32 of all
/// before it, after the design that GitHub published for its tokens (2021): junk is refused without a lookup.
pub struct SubscriptionKey;

impl SubscriptionKey {
    /// Draws a new key.
    #[must_use]
    pub fn generate(entropy: &Entropy) -> Secret {
        let mut text = String::with_capacity(PREFIX.len() + RANDOM + CHECK);
        text.push_str(PREFIX);
        for _ in 0..RANDOM {
            let index = usize::try_from(entropy.below(62)).unwrap_or(0);
            text.push(char::from(ALPHABET[index]));
        }
        let check = checksum(text.as_bytes());
        text.push_str(&check);
        Secret::from(text)
    }

    /// Whether `text` could be a key at all: anything without our prefix could (the configuration file may
    /// carry any value), a text with our prefix only if its length and checksum hold.
    #[must_use]
    pub fn is_plausible(text: &str) -> bool {
        let Some(rest) = text.strip_prefix(PREFIX) else { return !text.is_empty() };
        rest.len() == RANDOM + CHECK
            && text.is_ascii()
            && text[PREFIX.len() + RANDOM..] == checksum(&text.as_bytes()[..PREFIX.len() + RANDOM])
    }
}

fn checksum(text: &[u8]) -> String {
    let mut rest = crc32fast::hash(text);
    let mut digits = [b'0'; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|&digit| char::from(digit)).collect()
}

/// SHA-256 of a key: what is stored and looked up. Keys carry enough entropy that no slow hash is needed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a key's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// From the stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_plausible_and_one_changed_letter_is_not() {
        let key = SubscriptionKey::generate(&Entropy::seeded(7));
        assert_eq!(key.expose().len(), 39);
        assert!(SubscriptionKey::is_plausible(key.expose()));
        for at in 3..39 {
            let mut bytes = key.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).expect("ascii");
            assert!(!SubscriptionKey::is_plausible(&changed), "changed at {at}");
        }
    }

    #[test]
    fn foreign_values_may_be_keys_and_nothing_may_not() {
        assert!(SubscriptionKey::is_plausible("any-value-from-the-file"));
        assert!(!SubscriptionKey::is_plausible(""));
        assert!(!SubscriptionKey::is_plausible("tg_ééééééééééééééééééééé"));
    }
}
