//! Reading back what earlier processes left.

use std::{collections::VecDeque, sync::Arc};

use super::{Disk, JournalError, Record, header::HEADER, recover::load, scan::Scan};

/// A segment to read.
#[derive(Debug)]
pub(super) struct Source {
    pub name: String,
    pub epoch: u64,
}

/// The records after a position, in order, up to the end that the journal had when it was opened. One segment at a
/// time is held in memory.
#[derive(Default)]
pub struct Replay {
    disk: Option<Arc<dyn Disk>>,
    sources: VecDeque<Source>,
    from: u64,
    lost: Vec<(u64, u64)>,
    ready: VecDeque<Record>,
}

impl Replay {
    pub(super) fn new(sources: Vec<Source>, from: u64, lost: Vec<(u64, u64)>) -> Self {
        Self { disk: None, sources: sources.into(), from, lost, ready: VecDeque::new() }
    }

    pub(super) fn on(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = Some(disk);
        self
    }

    /// Records that could not be read and whose loss was accepted: first and last number of each gap.
    #[must_use]
    pub fn lost(&self) -> &[(u64, u64)] {
        &self.lost
    }

    fn read(&mut self, source: &Source) -> Result<(), JournalError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let bytes = load(&**disk, &source.name)?;
        let frames = Scan::new(&bytes, source.epoch, HEADER).map(|sound| sound.frame);
        let wanted = frames.filter(|frame| frame.sequence > self.from);
        self.ready.extend(wanted.map(|frame| Record { sequence: frame.sequence, bytes: frame.bytes.to_vec() }));
        Ok(())
    }
}

impl Iterator for Replay {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let source = self.sources.pop_front()?;
            if let Err(error) = self.read(&source) {
                self.sources.clear();
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
