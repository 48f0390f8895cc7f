//! Ending a stream whose quota is used up: where it can end, and the words it ends with.

use tollgate_providers::{
    Surface,
    cutoff::{self, Cutoff},
    tap::Tap,
};

use crate::{
    model::Timestamp,
    usage::{Settlement, Stop},
};

/// The end of the first whole event of `data`: behind its blank line.
#[must_use]
pub fn event_end(data: &[u8]) -> Option<usize> {
    let after = |blank: &[u8]| memchr::memmem::find(data, blank).map(|at| at + blank.len());
    [b"\n\n".as_slice(), b"\r\n\r\n", b"\r\r"].into_iter().filter_map(after).min()
}

/// Why `what` ends, for the caller.
#[must_use]
pub fn why(what: &str, stop: &Stop) -> String {
    match stop {
        Stop::Spent(refusal) => format!("The {what} was ended by the gateway. {refusal}"),
        Stop::Unwritten => format!("The {what} was ended by the gateway: the usage ledger cannot take more."),
    }
}

/// The events that end it, with the usage that is charged.
#[must_use]
pub fn ending(surface: Surface, settlement: &Settlement, tap: &Tap, stop: &Stop, now: Timestamp) -> Vec<u8> {
    let call = settlement.metered().and_then(|metered| metered.call());
    let why = why("stream", stop);
    cutoff::ending(
        surface,
        &Cutoff {
            id: tap.object_id().unwrap_or_default(),
            model: tap.model().unwrap_or_default(),
            created: now.as_secs(),
            choices: call.map_or(1, |call| call.choices),
            open_block: tap.open_block(),
            sequence: tap.next_sequence(),
            usage: &settlement.usage,
            tells_usage: call.is_some_and(|call| call.asked_usage),
            why: &why,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_ends_behind_its_blank_line() {
        for (data, end) in [
            ("data: a\n\ndata: b\n\n", Some(9)),
            ("data: a\r\n\r\ndata: b\n\n", Some(11)),
            ("data: a\r\rdata: b\n\n", Some(9)),
            ("data: a\n", None),
            ("", None),
        ] {
            assert_eq!(event_end(data.as_bytes()), end, "{data:?}");
        }
    }
}
