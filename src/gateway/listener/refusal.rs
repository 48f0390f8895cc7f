//! Words for what the HTTP/1 parser refuses by itself: hyper answers 400, 414 and 431 with an empty body and without
//! a request id; the socket puts the service's own answer in its place.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, Response, header};
use http_body::Body;

use super::BoxError;
use crate::exchange::{Fault, FaultKind};

const TOO_LARGE: &str = "The request head is too large (max_header_size) or has more than 100 headers.";

/// The parser's own answer, if `bytes` is one: a status line and no header but these.
pub(super) fn recognise(bytes: &[u8], has_request_line: bool) -> Option<Fault> {
    let head = bytes.strip_prefix(b"HTTP/1.1 4")?.strip_suffix(b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.get(..2)?;
    let bare = |line: &str| ["connection: ", "content-length: 0", "date: "].iter().any(|own| line.starts_with(own));
    if !lines.all(bare) {
        return None;
    }
    let (kind, message) = match status {
        "00" => (FaultKind::BadRequest, "The request is not well-formed HTTP."),
        "14" => (FaultKind::UriTooLong, "The request target is too long."),
        "31" if has_request_line => (FaultKind::HeadTooLarge, TOO_LARGE),
        "31" => (FaultKind::UriTooLong, "The request line is too long."),
        _ => return None,
    };
    Some(Fault::new(kind, message))
}

/// A request whose head did not come in time.
pub(super) fn late_head() -> Fault {
    Fault::new(FaultKind::BodyTimeout, "The request head was not complete in time (header_timeout).")
}

/// Readies an answer that ends its connection: says so, and names the methods of a 405.
pub(super) fn close<B>(response: &mut Response<B>, kind: FaultKind) {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if kind == FaultKind::MethodNotAllowed && !headers.contains_key(header::ALLOW) {
        let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        headers.insert(header::ALLOW, allow);
    }
}

/// An answer as HTTP/1.1 bytes. Its body must be at hand: what is not there at once is left out.
pub(super) fn write<B>(response: Response<B>) -> Bytes
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    let (parts, body) = response.into_parts();
    let body = at_hand(body);
    let mut out = BytesMut::with_capacity(512 + body.len());
    let reason = parts.status.canonical_reason().unwrap_or_default();
    out.put_slice(format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_str()).as_bytes());
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH && name != header::TRANSFER_ENCODING {
            out.put_slice(name.as_str().as_bytes());
            out.put_slice(b": ");
            out.put_slice(value.as_bytes());
            out.put_slice(b"\r\n");
        }
    }
    out.put_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    out.put_slice(&body);
    out.freeze()
}

fn at_hand<B>(mut body: B) -> Bytes
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut collected = BytesMut::new();
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
        if let Ok(data) = frame.into_data() {
            collected.put(data);
        }
    }
    collected.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parsers_own_answers_are_recognised() {
        let own =
            |line: &str| format!("HTTP/1.1 {line}\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n");
        let cases = [
            (own("400 Bad Request"), true, Some(400)),
            (own("431 Request Header Fields Too Large"), true, Some(431)),
            (own("431 Request Header Fields Too Large"), false, Some(414)),
            (own("414 URI Too Long"), true, Some(414)),
            (own("200 OK"), true, None),
            (own("404 Not Found"), true, None),
            (own("400 Bad Request").replace("date", "x-request-id"), true, None),
            (own("400 Bad Request").replace("length: 0", "length: 1") + "x", true, None),
        ];
        for (bytes, line, status) in cases {
            assert_eq!(recognise(bytes.as_bytes(), line).map(|fault| fault.kind.status()), status, "{bytes}");
        }
    }
}
