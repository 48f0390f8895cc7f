//! Reads along while HTTP/1 heads come in and notes what the parser will not tell: repeated framing lines and loose
//! line ends. Looks at each byte once, keeps only an unfinished line.

use memchr::memchr;

use crate::gateway::admission::WireHead;

/// First bytes of every HTTP/2 connection (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of the request line that are kept to recognise whose head it was.
const START: usize = 24;

/// Reads along between exchanges.
#[derive(Debug, Default)]
pub(super) struct HeadTap {
    protocol: Protocol,
    opening: Vec<u8>,
    line: Vec<u8>,
    lines: usize,
    start: [u8; START],
    wire: WireHead,
    complete: bool,
}

/// What the connection's first bytes say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Protocol {
    #[default]
    Unknown,
    Http1,
    Http2,
}

impl HeadTap {
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Takes bytes that came while no exchange was open.
    pub(super) fn saw(&mut self, bytes: &[u8]) {
        match self.protocol {
            Protocol::Http1 => self.feed(bytes),
            Protocol::Http2 => {}
            Protocol::Unknown => self.decide(bytes),
        }
    }

    fn decide(&mut self, bytes: &[u8]) {
        self.opening.extend_from_slice(bytes);
        let known = self.opening.len().min(PREFACE.len());
        self.protocol = match self.opening[..known] == PREFACE[..known] {
            true if known < PREFACE.len() => return,
            true => Protocol::Http2,
            false => Protocol::Http1,
        };
        let opening = std::mem::take(&mut self.opening);
        self.saw(&opening);
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !self.complete {
            let Some(end) = memchr(b'\n', bytes) else {
                self.line.extend_from_slice(bytes);
                return;
            };
            if self.line.is_empty() {
                self.line_ended(&bytes[..end]);
            } else {
                self.line.extend_from_slice(&bytes[..end]);
                let line = std::mem::take(&mut self.line);
                self.line_ended(&line);
            }
            bytes = &bytes[end + 1..];
        }
    }

    fn line_ended(&mut self, raw: &[u8]) {
        let line = raw.strip_suffix(b"\r").unwrap_or(raw);
        if self.lines == 0 && line.is_empty() {
            return; // Empty lines before a request line are tolerated (RFC 9112 section 2.2).
        }
        self.wire.size += raw.len() + 1;
        self.wire.loose_lines |= line.len() == raw.len() || memchr(b'\r', line).is_some();
        if line.is_empty() {
            self.complete = true;
            return;
        }
        if self.lines == 0 {
            let known = line.len().min(START);
            self.start[..known].copy_from_slice(&line[..known]);
        } else {
            self.wire.content_lengths += usize::from(is_named(line, b"content-length"));
            self.wire.transfer_encodings += usize::from(is_named(line, b"transfer-encoding"));
        }
        self.lines += 1;
    }

    /// Whether part of a head has come, or a whole one that no exchange has taken.
    pub(super) fn is_pending(&self) -> bool {
        self.lines > 0 || !self.line.is_empty() || !self.opening.is_empty()
    }

    /// Whether the request line is complete.
    pub(super) fn has_request_line(&self) -> bool {
        self.lines > 0
    }

    fn is_for(&self, method: &[u8]) -> bool {
        let known = method.len().min(START);
        self.start[..known] == method[..known] && self.start.get(known).is_none_or(|next| *next == b' ')
    }

    /// An exchange opens: hands over what was noted, if a whole head of this method was followed.
    pub(super) fn take(&mut self, method: &str) -> Option<WireHead> {
        let followed = self.complete && self.is_for(method.as_bytes());
        let taken = std::mem::replace(self, Self { protocol: self.protocol, ..Self::default() });
        followed.then_some(taken.wire)
    }
}

fn is_named(line: &[u8], name: &[u8]) -> bool {
    let Some((head, rest)) = line.split_at_checked(name.len()) else { return false };
    let colon = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    head.eq_ignore_ascii_case(name) && colon == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(head: &str) -> Option<(usize, usize, bool)> {
        let mut whole = HeadTap::default();
        whole.saw(head.as_bytes());
        let mut dripped = HeadTap::default();
        for byte in head.as_bytes().chunks(1) {
            dripped.saw(byte);
        }
        let wire = whole.take("POST");
        assert_eq!(wire, dripped.take("POST"), "however it is split: {head:?}");
        wire.map(|wire| (wire.content_lengths, wire.transfer_encodings, wire.loose_lines))
    }

    #[test]
    fn framing_lines_are_counted_however_they_are_written_and_split() {
        let cases = [
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", Some((0, 0, false))),
            ("\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", Some((1, 0, false))),
            ("POST / HTTP/1.1\r\ncontent-length: 1\r\nCONTENT-LENGTH: 1\r\n\r\n", Some((2, 0, false))),
            ("POST / HTTP/1.1\r\nContent-Length:1\r\nTransfer-Encoding:chunked\r\n\r\n", Some((1, 1, false))),
            ("POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n", Some((0, 1, false))),
            ("POST / HTTP/1.1\r\nX-Content-Length: 1\r\nContent-Lengthy: 2\r\n\r\n", Some((0, 0, false))),
            ("POST / HTTP/1.1\r\nHost: a\n\r\n", Some((0, 0, true))),
            ("POST / HTTP/1.1\r\nHost: a\r\n\n", Some((0, 0, true))),
            ("POST / HTTP/1.1\r\nHost: a\rb\r\n\r\n", Some((0, 0, true))),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
            ("POSTS / HTTP/1.1\r\nHost: a\r\n\r\n", None),
            ("POST / HTTP/1.1\r\nHost: a\r\n", None),
        ];
        for (head, expected) in cases {
            assert_eq!(noted(head), expected, "{head:?}");
        }
    }

    #[test]
    fn http2_is_told_from_its_first_bytes() {
        let mut tap = HeadTap::default();
        tap.saw(b"PRI * ");
        assert_eq!((tap.protocol(), tap.is_pending()), (Protocol::Unknown, true));
        tap.saw(b"HTTP/2.0\r\n\r\nSM\r\n\r\n");
        assert_eq!((tap.protocol(), tap.is_pending()), (Protocol::Http2, false));

        let mut tap = HeadTap::default();
        tap.saw(b"P");
        tap.saw(b"OST / HTTP/1.1\r\n\r\n");
        assert_eq!(tap.protocol(), Protocol::Http1);
        assert!(tap.take("POST").is_some());
        assert!(!tap.is_pending());
    }
}
