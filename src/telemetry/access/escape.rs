//! Text of others inside a line: nothing in it can end the line, move a terminal's cursor or reverse its reading.

use std::io::Write as _;

/// Appends `text` as the inside of a JSON string.
pub(super) fn json(line: &mut Vec<u8>, text: &str) {
    if text.bytes().all(is_plain) {
        return line.extend_from_slice(text.as_bytes());
    }
    for letter in text.chars() {
        match letter {
            '"' => line.extend_from_slice(b"\\\""),
            '\\' => line.extend_from_slice(b"\\\\"),
            _ => push(line, letter),
        }
    }
}

/// Appends `text` for people: as it is, what is invisible as `\u` and its code.
pub(super) fn human(line: &mut Vec<u8>, text: &str) {
    if text.bytes().all(is_plain) {
        return line.extend_from_slice(text.as_bytes());
    }
    text.chars().for_each(|letter| push(line, letter));
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn push(line: &mut Vec<u8>, letter: char) {
    if !is_invisible(letter) {
        return line.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    for unit in letter.encode_utf16(&mut [0; 2]) {
        write!(line, "\\u{unit:04x}").expect("writing to memory does not fail");
    }
}

/// Controls (C0, DEL, C1), separators of lines and paragraphs, and what changes the direction of reading
/// (Unicode UAX 9: LRM, RLM, ALM, embeddings, overrides, isolates), byte order marks, and tags.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: &[&str] = &[
        "\r\nfake line",
        "\x1b[2J\x1b]0;title\x07",
        "quote \" backslash \\",
        "\u{7f}\u{9b}31m",
        "\u{202e}txt.exe",
        "\u{2028}\u{2029}\u{feff}",
        "\u{e0041}",
        "grüße 世界 🚀",
    ];

    #[test]
    fn json_reads_back_as_it_was() {
        for text in NASTY {
            let mut line = vec![b'"'];
            json(&mut line, text);
            line.push(b'"');
            assert_eq!(&serde_json::from_slice::<String>(&line).expect("valid JSON"), text);
        }
    }

    #[test]
    fn nothing_invisible_gets_through() {
        for text in NASTY {
            for escape in [json, human] {
                let mut line = Vec::new();
                escape(&mut line, text);
                let shown = String::from_utf8(line).expect("UTF-8");
                assert!(!shown.chars().any(is_invisible), "{shown:?}");
            }
        }
    }
}
