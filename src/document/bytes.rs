//! From the bytes of a file to text.

use std::borrow::Cow;

use super::{Broken, place::Lines};

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, as PowerShell writes files.
///
/// # Errors
/// The first byte that is neither, with its place.
pub fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, Broken> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => utf8(bytes).map(Cow::Borrowed),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Broken> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        let byte = bad.first().copied().unwrap_or_default();
        broken(&String::from_utf8_lossy(good), &format!("the byte 0x{byte:02X} is no UTF-8"))
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Broken> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match character {
            Ok(character) => text.push(character),
            Err(error) => {
                let message = format!("the unit 0x{:04X} is no UTF-16", error.unpaired_surrogate());
                return Err(broken(&text, &message));
            }
        }
    }
    if rest.is_empty() { Ok(text) } else { Err(broken(&text, "the file ends in the middle of a character")) }
}

fn broken(before: &str, what: &str) -> Broken {
    Broken::new(Lines::of(before).mark(before.len()), format!("{what}: save the file as UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_text() {
        let rows: [(&[u8], Result<&str, &str>); 6] = [
            (b"<a/>", Ok("<a/>")),
            (b"\xef\xbb\xbf\xc3\xbc", Ok("\u{feff}ü")),
            (b"\xff\xfe<\x00\xfc\x00", Ok("<ü")),
            (b"\xfe\xff\x00<\xd8\x3d\xde\x00", Ok("<😀")),
            (b"a\nb\xfc", Err("2:2: the byte 0xFC is no UTF-8: save the file as UTF-8")),
            (b"\xff\xfea\x00b", Err("1:2: the file ends in the middle of a character: save the file as UTF-8")),
        ];
        for (bytes, wanted) in rows {
            let text = decoded(bytes).map_err(|broken| broken.to_string());
            assert_eq!(text.as_deref().map_err(String::as_str), wanted, "{bytes:?}");
        }
    }
}
