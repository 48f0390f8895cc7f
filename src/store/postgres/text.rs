//! Text as PostgreSQL can hold it: everything but the character NUL.
//!
//! Callers and backends choose ids, end users and labels; one NUL among them must neither fail a lookup nor block a
//! whole batch. So it is escaped on the way in and comes back as it was: the escape is reversible, because the chain
//! of the ledger's rows is computed from the text itself.

/// A text on its way into or out of the database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Text(String);

/// Begins an escape: a control character that ids hardly ever hold.
const MARK: char = '\u{1}';

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if !text.contains(['\0', MARK]) {
            return Self(text.to_owned());
        }
        let mut stored = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            match c {
                '\0' => stored.extend([MARK, '0']),
                MARK => stored.extend([MARK, '1']),
                other => stored.push(other),
            }
        }
        Self(stored)
    }
}

impl From<Text> for String {
    fn from(Text(stored): Text) -> Self {
        if !stored.contains(MARK) {
            return stored;
        }
        let mut text = Self::with_capacity(stored.len());
        let mut chars = stored.chars();
        while let Some(c) = chars.next() {
            match (c, c == MARK) {
                (_, true) => text.push(if chars.next() == Some('0') { '\0' } else { MARK }),
                (other, false) => text.push(other),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_holds_nul() {
        for text in ["", "plain", "\0", "\u{1}", "\u{1}0", "a\0\u{1}1\0", "漢\0😀"] {
            let stored = Text::from(text);
            assert!(!stored.0.contains('\0'), "{text:?}");
            assert_eq!(String::from(stored), text);
        }
        assert_ne!(Text::from("\0"), Text::from("\u{1}0"));
    }
}
