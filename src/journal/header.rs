//! The beginning of a segment, and its name.

use super::frame::{u32_at, u64_at};

/// Bytes before the first record.
pub(super) const HEADER: usize = 48;
/// The format that this version writes and reads; `frame` and this file are what it numbers.
pub(super) const FORMAT: u16 = 1;
const MAGIC: [u8; 8] = *b"TOLLJRNL";
const CRC_AT: usize = 40;
const ENDING: &str = ".journal";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Counts the segments of a journal; the same as in the name.
    pub number: u64,
    /// Of the process that writes it.
    pub epoch: u64,
    /// The same in all segments of one journal.
    pub journal: u64,
}

/// What a file is, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// A segment.
    Sound(SegmentHeader),
    /// The file was made, its header perhaps begun, and no record written.
    Blank,
    /// Another version's.
    Format(u16),
    /// Not readable.
    Damaged,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(&MAGIC);
        out[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        out[16..24].copy_from_slice(&self.number.to_le_bytes());
        out[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        out[32..40].copy_from_slice(&self.journal.to_le_bytes());
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        out[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a whole file: only one that holds nothing at all is blank.
    pub(super) fn decode(input: &[u8]) -> Beginning {
        if input.iter().all(|byte| *byte == 0) {
            return Beginning::Blank;
        }
        let Some(header) = input.get(..HEADER) else { return Beginning::Damaged };
        if input[HEADER..].iter().all(|byte| *byte == 0) && !Self::is_sound(header) {
            return Beginning::Blank;
        }
        if !Self::is_sound(header) {
            return Beginning::Damaged;
        }
        match u16::from_le_bytes([header[8], header[9]]) {
            FORMAT => Beginning::Sound(Self {
                number: u64_at(header, 16),
                epoch: u64_at(header, 24),
                journal: u64_at(header, 32),
            }),
            other => Beginning::Format(other),
        }
    }

    fn is_sound(header: &[u8]) -> bool {
        header[..8] == MAGIC && crc32c::crc32c(&header[..CRC_AT]) == u32_at(header, CRC_AT)
    }
}

/// The name of a segment: its number, so that names sort like segments.
pub(super) fn name(number: u64) -> String {
    format!("{number:016}{ENDING}")
}

/// The number in a segment's name; `None`: the file is none of ours.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(ENDING)?;
    (digits.len() == 16).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_or_says_what_it_is() {
        let header = SegmentHeader { number: 3, epoch: 4, journal: 5 };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Beginning::Sound(header));
        assert_eq!(SegmentHeader::decode(&[0; HEADER]), Beginning::Blank);
        assert_eq!(SegmentHeader::decode(&bytes[..20]), Beginning::Damaged);
        let mut other = bytes;
        other[8] = 9;
        let crc = crc32c::crc32c(&other[..CRC_AT]);
        other[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&other), Beginning::Format(9));
    }

    #[test]
    fn names_are_read_back() {
        assert_eq!(number(&name(77)), Some(77));
        for other in ["lock", "77.journal", "000000000000007x.journal", "0000000000000077.journal.bak"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
