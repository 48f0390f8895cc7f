//! W3C trace context: the identifiers of one exchange in a distributed trace, and their header form.
//!
//! Sending spans anywhere is `telemetry::otlp`; `tracestate` is passed on as it came by whoever copies headers.

use std::fmt;

use super::Entropy;

/// Length of a version-00 `traceparent`.
const LENGTH: usize = 55;

/// Trace context of an exchange (W3C Trace Context, level 1, sections 2.2 and 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Trace id, 16 bytes; zero: none.
    pub trace_id: u128,
    /// The caller's span id; zero: none.
    pub parent_id: u64,
    /// Our own span id.
    pub span_id: u64,
    /// The sampled flag.
    pub sampled: bool,
}

impl Trace {
    /// Reads a `traceparent` and draws our own span id under it. `None` when the value breaks the grammar: the
    /// caller's `tracestate` must then be dropped too (section 3.2.3), and [`Trace::start`] makes a new context.
    #[must_use]
    pub fn resume(traceparent: &str, entropy: &Entropy) -> Option<Self> {
        let Parent { trace_id, span_id, sampled } = Parent::parse(traceparent)?;
        Some(Self { trace_id, parent_id: span_id, span_id: draw(entropy), sampled })
    }

    /// A new trace of which this exchange is the root.
    #[must_use]
    pub fn start(entropy: &Entropy, sampled: bool) -> Self {
        let trace_id = u128::from(draw(entropy)) << 64 | u128::from(draw(entropy));
        Self { trace_id, parent_id: 0, span_id: draw(entropy), sampled }
    }

    /// The span id of a try at a backend, counted from zero: known to whoever has the trace and the number, so that
    /// the backend can be told of it before its span exists. The odd constant spreads ids over the whole range.
    #[must_use]
    pub fn attempt(&self, number: usize) -> u64 {
        self.span_id.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1)
    }

    /// The `traceparent` that tells a backend that `span_id` is its parent.
    #[must_use]
    pub fn header(&self, span_id: u64) -> Traceparent {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(self.trace_id, &mut text[3..35]);
        hex(u128::from(span_id), &mut text[36..52]);
        text[LENGTH - 1] = if self.sampled { b'1' } else { b'0' };
        Traceparent(text)
    }
}

/// The text of a `traceparent` header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Traceparent([u8; LENGTH]);

impl Traceparent {
    /// The header's value: lower-case hexadecimal digits and hyphens.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("made of ASCII digits and hyphens only")
    }
}

impl fmt::Debug for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

struct Parent {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

impl Parent {
    /// Version `ff` is invalid; a later version than 00 may carry more fields after the flags; ids of zeros are
    /// invalid; digits are lower case.
    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let known = bytes.get(..LENGTH)?;
        let version = unhex(&known[..2])?;
        let tail_is_right = match bytes.get(LENGTH) {
            None => true,
            Some(next) => version != 0 && *next == b'-',
        };
        let hyphens = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        let trace_id = unhex(&known[3..35])?;
        let span_id = u64::try_from(unhex(&known[36..52])?).ok()?;
        let flags = unhex(&known[53..55])?;
        let valid = version != 0xff && tail_is_right && hyphens && trace_id != 0 && span_id != 0;
        valid.then_some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

/// A span id: random, never zero.
fn draw(entropy: &Entropy) -> u64 {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    u64::from_be_bytes(bytes).max(1)
}

impl Trace {
    /// Draws the id of a span below this exchange, such as one attempt at a backend.
    #[must_use]
    pub fn child(entropy: &Entropy) -> u64 {
        draw(entropy)
    }
}

fn hex(mut number: u128, into: &mut [u8]) {
    for place in into.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn unhex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_received_context_goes_on_under_our_own_span() {
        let trace = Trace::resume(GOOD, &Entropy::seeded(1)).expect("valid");
        assert_eq!(trace.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(trace.parent_id, 0x00f0_67aa_0ba9_02b7);
        assert!(trace.sampled);
        assert_ne!(trace.span_id, trace.parent_id);
        assert_eq!(trace.header(trace.parent_id).as_str(), GOOD);
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        let cases = [
            ("version ff", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("zero trace id", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
            ("zero span id", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
            ("upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
            ("version 00 with more", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"),
            ("later version, no hyphen", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"),
            ("short", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"),
            ("wrong separator", "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("not ASCII", "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01"),
            ("empty", ""),
        ];
        for (why, text) in cases {
            assert!(Trace::resume(text, &Entropy::seeded(1)).is_none(), "{why}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_we_know_it() {
        let text = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-the-future-holds";
        let trace = Trace::resume(text, &Entropy::seeded(1)).expect("valid");
        assert!(!trace.sampled);
    }

    #[test]
    fn a_new_trace_has_a_valid_header() {
        let entropy = Entropy::seeded(3);
        let trace = Trace::start(&entropy, false);
        let header = trace.header(trace.span_id);
        let again = Trace::resume(header.as_str(), &entropy).expect("our own header");
        assert_eq!((again.trace_id, again.parent_id, again.sampled), (trace.trace_id, trace.span_id, false));
    }
}
