//! Time as lines show it: RFC 3339 in UTC with milliseconds, its seconds formatted once per second.

use std::io::Write as _;

use crate::model::Timestamp;

/// The last second that was formatted.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    second: Option<u64>,
    text: Vec<u8>,
}

impl Stamp {
    /// Appends `2026-01-31T23:59:59.123Z`.
    pub(super) fn date_time(&mut self, line: &mut Vec<u8>, time: Timestamp) {
        line.extend_from_slice(self.text_of(time.as_secs()));
        line.push(b'.');
        millis(line, time);
        line.push(b'Z');
    }

    /// Appends `23:59:59.123`.
    pub(super) fn time_of_day(&mut self, line: &mut Vec<u8>, time: Timestamp) {
        let text = self.text_of(time.as_secs());
        line.extend_from_slice(text.get(11..).unwrap_or(text));
        line.push(b'.');
        millis(line, time);
    }

    fn text_of(&mut self, second: u64) -> &[u8] {
        if self.second != Some(second) {
            self.text.clear();
            let whole = jiff::Timestamp::from_second(i64::try_from(second).unwrap_or(0)).unwrap_or_default();
            write!(self.text, "{whole:.0}").expect("writing to memory does not fail");
            self.text.pop(); // the Z, which comes after the milliseconds
            self.second = Some(second);
        }
        &self.text
    }
}

fn millis(line: &mut Vec<u8>, time: Timestamp) {
    let millis = time.as_millis() % 1_000;
    for place in [100, 10, 1] {
        line.push(b'0' + u8::try_from(millis / place % 10).expect("a digit"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_agrees_with_the_timestamp_in_and_across_seconds() {
        let mut stamp = Stamp::default();
        for nanos in [0, 999_000_000, 1_000_000_000, 1_764_000_000_007_000_000, 1_764_000_000_123_999_999] {
            let time = Timestamp::from_nanos(nanos);
            let mut line = Vec::new();
            stamp.date_time(&mut line, time);
            assert_eq!(String::from_utf8(line).expect("ASCII"), time.to_string());
        }
    }
}
