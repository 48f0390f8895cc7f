//! The sound records of a segment, and where something between them is not.
//!
//! What cannot be read is skipped up to the next sound record; whether that may be is decided by `recover`, from the
//! numbers: damage anywhere but at the very end shows as a gap between them.

use super::frame::{self, Frame};

/// A sound record.
#[derive(Debug)]
pub(super) struct Sound<'a> {
    pub frame: Frame<'a>,
    /// Where bytes begin that had to be skipped to find it.
    pub damage: Option<u64>,
}

/// Walks through a segment.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    epoch: u64,
    at: usize,
}

impl<'a> Scan<'a> {
    /// From offset `at` on.
    pub fn new(bytes: &'a [u8], epoch: u64, at: usize) -> Self {
        Self { bytes, epoch, at }
    }

    /// Where the record after the last one given would begin.
    pub fn end(&self) -> u64 {
        self.at as u64
    }

    fn sound_from(&self, start: usize) -> Option<(usize, Frame<'a>)> {
        let mut at = start;
        loop {
            let rest = self.bytes.get(at..)?;
            if let Some(frame) = frame::decode(rest, self.epoch) {
                return Some((at, frame));
            }
            at += frame::next_marker(rest)?;
        }
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Sound<'a>;

    fn next(&mut self) -> Option<Sound<'a>> {
        let start = self.at;
        let (at, frame) = self.sound_from(start)?;
        self.at = at + frame::HEADER + frame.bytes.len();
        Some(Sound { frame, damage: (at > start).then_some(start as u64) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Vec<u8>, Vec<usize>) {
        let (mut all, mut one, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for sequence in 1..=3 {
            starts.push(all.len());
            frame::encode(&mut one, sequence, 9, &[7; 40]);
            all.extend_from_slice(&one);
        }
        all.resize(all.len() + 500, 0);
        (all, starts)
    }

    #[test]
    fn damage_is_stepped_over_and_told() {
        let (bytes, starts) = three();
        let sequences = |bytes: &[u8]| Scan::new(bytes, 9, 0).map(|sound| sound.frame.sequence).collect::<Vec<_>>();
        assert_eq!(sequences(&bytes), [1, 2, 3]);
        for at in starts[1]..starts[2] {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            assert_eq!(sequences(&changed), [1, 3], "byte {at}");
            let last = Scan::new(&changed, 9, 0).last().expect("the third");
            assert_eq!(last.damage, Some(starts[1] as u64));
        }
    }

    #[test]
    fn a_record_inside_a_record_is_not_found() {
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        frame::encode(&mut inner, 5, 1, b"forged by a caller who cannot know the epoch");
        frame::encode(&mut outer, 1, 9, &inner);
        outer[frame::HEADER - 1] ^= 1;
        assert_eq!(Scan::new(&outer, 9, 0).count(), 0);
    }
}
