//! Width and height of a picture by its first bytes: PNG, JPEG, GIF, WebP.
//!
//! Deliberately not here: decoding pictures, and what a size costs.

use base64::{Engine, engine::general_purpose::STANDARD};

/// How much of a picture is looked at: a JPEG may have long notes before its size.
const MOST_LOOKED_AT: usize = 256 * 1024;

/// Width and height in pixels of a picture in base64; `None` when it is none of the known kinds, or not base64.
#[must_use]
pub(crate) fn of_base64(text: &str) -> Option<(u32, u32)> {
    let end = text.len().min(MOST_LOOKED_AT) / 4 * 4;
    let head = text.get(..end)?;
    let bytes = STANDARD.decode(head).or_else(|_| STANDARD.decode(head.trim_end_matches('='))).ok();
    of_bytes(&bytes?)
}

/// Width and height in pixels by a file's first bytes.
#[must_use]
pub(crate) fn of_bytes(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = match bytes {
        [0x89, b'P', b'N', b'G', ..] => (be32(bytes, 16)?, be32(bytes, 20)?),
        [b'G', b'I', b'F', b'8', ..] => (le16(bytes, 6)?, le16(bytes, 8)?),
        [0xff, 0xd8, ..] => jpeg(bytes)?,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp(bytes)?,
        _ => return None,
    };
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// The first frame header: segments before it are skipped by their lengths.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1).filter(|_| bytes.get(at) == Some(&0xff))?;
        match marker {
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((be16(bytes, at + 7)?, be16(bytes, at + 5)?));
            }
            _ => at += 2 + usize::try_from(be16(bytes, at + 2)?.max(2)).ok()?,
        }
    }
}

/// Lossy, lossless and extended WebP keep their size in different places.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8 " => Some((le16(bytes, 26)? & 0x3fff, le16(bytes, 28)? & 0x3fff)),
        b"VP8L" => {
            let bits = le16(bytes, 21)? | le16(bytes, 23)? << 16;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((le24(bytes, 24)? + 1, le24(bytes, 27)? + 1)),
        _ => None,
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    Some(le16(bytes, at)? | u32::from(*bytes.get(at + 2)?) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_first_bytes() {
        let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[0, 0, 4, 0, 0, 0, 3, 0]].concat();
        let gif = [&b"GIF89a"[..], &[0x40, 1, 0xf0, 0]].concat();
        let jpeg = [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2][..], &[0xff, 0xff, 0xc2, 0, 17, 8, 3, 0, 4, 0, 3]].concat();
        let webp = |kind: &[u8], rest: &[u8]| [&b"RIFF\0\0\0\0WEBP"[..], kind, &[0; 4], rest].concat();
        let lossy = webp(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, 0, 4, 0, 3]);
        let lossless = webp(b"VP8L", &[0x2f, 0xff, 0xc3, 0xbf, 0]);
        let extended = webp(b"VP8X", &[0, 0, 0, 0, 0xff, 3, 0, 0xff, 2, 0]);
        let cases = [
            (png, Some((1024, 768))),
            (gif, Some((320, 240))),
            (jpeg.clone(), Some((1024, 768))),
            (jpeg[..12].to_vec(), None),
            (lossy, Some((1024, 768))),
            (lossless, Some((1024, 768))),
            (extended, Some((1024, 768))),
            (b"\x89PNG\r\n\x1a\n".to_vec(), None),
            (b"%PDF-1.7".to_vec(), None),
            (Vec::new(), None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(of_bytes(&bytes), expected, "{bytes:x?}");
            assert_eq!(of_base64(&STANDARD.encode(&bytes)), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn hostile_bytes_end() {
        for filler in [0x00, 0xff, 0xd8, 0xe0] {
            let bytes = [&[0xff, 0xd8][..], &vec![filler; 70_000]].concat();
            assert_eq!(of_bytes(&bytes), None);
        }
        assert_eq!(of_base64("not base64 at all!"), None);
    }
}
