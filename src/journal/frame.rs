//! A record on disk: a header that says how long, which one and of whom, a checksum over all of it, the bytes.
//!
//! ```text
//! 0  marker  "TJ"        2  version 1     4  length of the bytes (u32)
//! 8  sequence (u64)     16  epoch (u64)  24  CRC32C of bytes 0..24 and of the bytes (u32)   28  the bytes
//! ```
//! All little-endian. Two zeros where a marker could be: nothing was written from there on.

/// Bytes before those of the record.
pub(super) const HEADER: usize = 28;
const MARKER: [u8; 2] = *b"TJ";
const VERSION: [u8; 2] = [1, 0];
const CRC_AT: usize = 24;

/// A record with its frame, borrowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub sequence: u64,
    pub bytes: &'a [u8],
}

/// What a frame around so many bytes takes.
pub(super) const fn size(bytes: usize) -> u64 {
    (HEADER + bytes) as u64
}

/// Replaces `out` by a frame.
pub(super) fn encode(out: &mut Vec<u8>, sequence: u64, epoch: u64, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("records are shorter than LONGEST_RECORD");
    out.clear();
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&VERSION);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&epoch.to_le_bytes());
    let crc = checksum(out, bytes);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The frame at the beginning of `input`, when there is a whole and sound one of that epoch.
pub(super) fn decode(input: &[u8], epoch: u64) -> Option<Frame<'_>> {
    let header = input.get(..HEADER)?;
    if header[..2] != MARKER || header[2..4] != VERSION || u64_at(header, 16) != epoch {
        return None;
    }
    let bytes = input[HEADER..].get(..u32_at(header, 4) as usize)?;
    (checksum(&header[..CRC_AT], bytes) == u32_at(header, CRC_AT)).then(|| Frame { sequence: u64_at(header, 8), bytes })
}

/// How far the next place is where a frame could begin, after the first byte of `input`.
pub(super) fn next_marker(input: &[u8]) -> Option<usize> {
    memchr::memmem::find(input.get(1..)?, &MARKER).map(|at| at + 1)
}

fn checksum(header: &[u8], bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(header), bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back() {
        let mut out = Vec::new();
        encode(&mut out, 7, 42, b"abc");
        assert_eq!(out.len() as u64, size(3));
        assert_eq!(decode(&out, 42), Some(Frame { sequence: 7, bytes: b"abc" }));
        assert_eq!(decode(&out, 43), None, "another process wrote it");
    }

    #[test]
    fn no_changed_bit_goes_unnoticed() {
        let mut out = Vec::new();
        encode(&mut out, 7, 42, b"some bytes");
        for bit in 0..out.len() * 8 {
            let mut changed = out.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&changed, 42), None, "bit {bit}");
        }
        for length in 0..out.len() {
            assert_eq!(decode(&out[..length], 42), None, "cut to {length}");
        }
    }
}
