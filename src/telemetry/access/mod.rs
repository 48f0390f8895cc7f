//! One line a request: JSON for machines, one short sentence for people.
//!
//! [`AccessLog::write`] formats into a buffer of the calling thread and appends the line to a bounded buffer that one
//! thread writes out: the hot path takes a lock for the time of a copy, and never waits for a disk or a pipe. A line
//! that does not fit is dropped and counted. How lines look is in `json` and `human`.

mod escape;
mod human;
mod json;
mod stamp;
mod writer;

use std::{cell::RefCell, io, path::Path};

use self::{
    stamp::Stamp,
    writer::{Target, Writer},
};
use super::{Metrics, event::ExchangeEvent};

/// How an access line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON object a line, every field always present.
    Json,
    /// No lines.
    Off,
}

/// The access log of the process.
#[derive(Debug)]
pub struct AccessLog {
    format: Format,
    writer: Option<Writer>,
}

/// What a thread needs to make lines.
#[derive(Default)]
struct Scratch {
    line: Vec<u8>,
    stamp: Stamp,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl AccessLog {
    /// Opens the log: the file at `path` for appending, standard output without one.
    ///
    /// # Errors
    /// When the file cannot be opened or the writing thread cannot be started.
    pub fn open(format: Format, path: Option<&Path>, metrics: &Metrics) -> io::Result<Self> {
        let writer = match format {
            Format::Off => None,
            Format::Human | Format::Json => Some(Writer::start(Target::open(path)?, metrics.access_dropped())?),
        };
        Ok(Self { format, writer })
    }

    /// A log that keeps nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { format: Format::Off, writer: None }
    }

    /// Writes one line. Never waits.
    pub fn write(&self, event: &ExchangeEvent<'_>) {
        let Some(writer) = &self.writer else { return };
        SCRATCH.with_borrow_mut(|Scratch { line, stamp }| {
            line.clear();
            match self.format {
                Format::Json => json::write(line, stamp, event),
                Format::Human | Format::Off => human::write(line, stamp, event),
            }
            writer.append(line);
        });
    }

    /// Opens the file again by its name, for logrotate; lines before it go to the old file. Without a file: nothing.
    /// When it cannot be opened the old file is kept and the failure logged.
    pub fn reopen(&self) {
        if let Some(writer) = &self.writer {
            writer.reopen();
        }
    }

    /// Waits until every line so far is written. Not for the hot path. Dropping the log does the same.
    pub fn flush(&self) {
        if let Some(writer) = &self.writer {
            writer.flush();
        }
    }
}

/// Appends a number in decimal.
fn decimal(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

/// The first part of a text that has at most `most` bytes and ends between characters.
fn shortened(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
