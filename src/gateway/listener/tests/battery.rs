//! Raw bytes against the port: what is answered, and whether the connection lives on.

use super::*;

/// Name, what is sent, the first answer's status (0: none), whether the connection is closed after it.
type Case<'a> = (&'a str, &'a str, u16, bool);

const CLOSED: bool = true;
const OPEN: bool = false;

async fn run(cases: &[Case<'_>]) {
    let port = Port::with(|settings| {
        settings.max_header_size = crate::model::HumanSize(16 << 10);
        settings.max_body_size = crate::model::HumanSize(1000);
    });
    let mut wrong = Vec::new();
    for (name, bytes, status, closed) in cases {
        let mut client = port.client().await;
        client.send(bytes).await;
        let seen = client.answer().await;
        let got = seen.as_ref().map_or(0, |seen| seen.status);
        let got_closed = !client.is_open().await;
        if (got, got_closed) != (*status, *closed) {
            wrong.push(format!("{name}: {got} closed={got_closed}, expected {status} closed={closed}: {seen:?}"));
        }
        if let Some(seen) = seen
            && !seen.head.contains("x-request-id")
        {
            wrong.push(format!("{name}: no request id: {}", seen.head));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn request_lines() {
    run(&[
        ("plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200, CLOSED),
        ("HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 200, OPEN),
        ("asks to close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, CLOSED),
        ("close, then keep-alive", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n", 200, CLOSED),
        ("HTTP/0.9", "GET /\r\n\r\n", 400, CLOSED),
        ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("HTTP/2.0 without preface", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("space in path", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("space before method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("bad method", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("lower-case method is another method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("no method", "/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, CLOSED),
        ("CONNECT with a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405, CLOSED),
        ("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, CLOSED),
        ("long method", &format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(40)), 405, CLOSED),
        ("absurd method", &format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(20_000)), 414, CLOSED),
        ("TLS on a plain port", "\u{16}\u{3}\u{1}\0\u{1}", 400, CLOSED),
        ("junk", "hello\r\n\r\n", 400, CLOSED),
        ("NUL", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("h2 preface, then junk", "PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400, CLOSED),
    ])
    .await;
}

#[tokio::test]
async fn targets() {
    let long = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length));
    run(&[
        ("absolute form", "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("absolute form, other host", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("absolute form, other port", "GET http://a:81/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("absolute form, user", "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("absolute form, no Host", "GET http://a/x HTTP/1.1\r\n\r\n", 400, CLOSED),
        ("file scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("ftp scheme", "GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("authority form", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400, CLOSED),
        ("no slash", "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400, CLOSED),
        ("query only", "GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("dot segments", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("encoded dot segments", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("dot segments in absolute form", "GET http://a/x/../y HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("encoded slash", "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("encoded slash in a model", "GET /v1/models/org%2Fname HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("encoded backslash", "GET /a%5Cb HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("encoded NUL", "GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("encoded CR LF", "GET /a%0d%0aX: y HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("broken percent", "GET /a%g1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSED),
        ("tricks in the query pass", "GET /a?b=../%2f%zz HTTP/1.1\r\nHost: a\r\n\r\n", 200, OPEN),
        ("long target", &long(15_000), 200, OPEN),
        ("too long target", &long(16_384), 414, CLOSED),
        ("far too long target", &long(60_000), 414, CLOSED),
    ])
    .await;
}

#[tokio::test]
async fn hosts_and_headers() {
    let header = |line: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
    run(&[
        ("no Host", "GET / HTTP/1.1\r\n\r\n", 400, CLOSED),
        ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, CLOSED),
        ("twice the same Host", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, CLOSED),
        ("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, CLOSED),
        ("Host with a path", "GET / HTTP/1.1\r\nHost: x/../admin\r\n\r\n", 400, CLOSED),
        ("Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, CLOSED),
        ("Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, CLOSED),
        ("Host with a bad port", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400, CLOSED),
        ("Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, CLOSED),
        ("IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, OPEN),
        ("Host with a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, CLOSED),
        ("space before the colon", &header("X-A : b"), 400, CLOSED),
        ("no colon", &header("nonsense"), 400, CLOSED),
        ("empty name", &header(": b"), 400, CLOSED),
        ("folded line", &header("X-A: b\r\n c"), 400, CLOSED),
        ("first header folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, CLOSED),
        ("NUL in a value", &header("X-A: b\0c"), 400, CLOSED),
        ("bare CR in a value", &header("X-A: b\rc"), 400, CLOSED),
        ("bare LF line ends", "GET / HTTP/1.1\nHost: a\n\n", 400, CLOSED),
        ("one bare LF", "GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 400, CLOSED),
        ("control character in a name", &header("X\u{1}: b"), 400, CLOSED),
        ("two Authorizations", &header("Authorization: a\r\nAuthorization: b"), 400, CLOSED),
        ("two Accepts", &header("Accept: a\r\nAccept: b"), 200, OPEN),
        ("underscore name", &header("X_A: b"), 200, OPEN),
        ("100 headers", &header("X-A: b\r\n".repeat(99).trim_end()), 200, OPEN),
        ("too many headers", &header("X-A: b\r\n".repeat(101).trim_end()), 431, CLOSED),
        ("large header", &header(&format!("X-A: {}", "b".repeat(15_000))), 200, OPEN),
        ("too large header", &header(&format!("X-A: {}", "b".repeat(17_000))), 431, CLOSED),
        ("endless header", &format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {}", "b".repeat(200_000)), 431, CLOSED),
        ("upgrade to h2c is no upgrade", &header("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c"), 200, OPEN),
        ("a WebSocket that is refused", &header("Connection: upgrade\r\nUpgrade: websocket"), 200, OPEN),
    ])
    .await;
}

#[tokio::test]
async fn framing() {
    let post = |lines: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n{body}");
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    run(&[
        ("length", &post("Content-Length: 3", "abc"), 200, OPEN),
        ("length 0", &post("Content-Length: 0", ""), 200, OPEN),
        ("length on GET", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200, OPEN),
        ("no length, no body", &post("X-A: b", ""), 200, OPEN),
        ("length twice, same", &post("Content-Length: 3\r\nContent-Length: 3", "abc"), 400, CLOSED),
        ("length twice, different", &post("Content-Length: 3\r\nContent-Length: 4", "abc"), 400, CLOSED),
        ("length list", &post("Content-Length: 3, 3", "abc"), 400, CLOSED),
        ("length with plus", &post("Content-Length: +3", "abc"), 400, CLOSED),
        ("negative length", &post("Content-Length: -3", "abc"), 400, CLOSED),
        ("hexadecimal length", &post("Content-Length: 0x3", "abc"), 400, CLOSED),
        ("empty length", &post("Content-Length: ", "abc"), 400, CLOSED),
        ("length beyond 64 bit", &post("Content-Length: 99999999999999999999", ""), 400, CLOSED),
        ("largest length, 431 to the parser", &post("Content-Length: 18446744073709551615", ""), 431, CLOSED),
        ("too large a body", &post("Content-Length: 1001", ""), 413, CLOSED),
        ("largest body", &post("Content-Length: 1000", &"x".repeat(1000)), 200, OPEN),
        ("chunked", &chunked("3\r\nabc\r\n0\r\n\r\n"), 200, OPEN),
        ("chunked, upper case", &post("TRANSFER-ENCODING: CHUNKED", "0\r\n\r\n"), 200, OPEN),
        ("chunk extension", &chunked("3;a=b\r\nabc\r\n0\r\n\r\n"), 200, OPEN),
        ("trailers", &chunked("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"), 200, OPEN),
        ("too large chunked body", &chunked(&format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001))), 413, CLOSED),
        ("length, then chunked", &post("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400, CLOSED),
        ("chunked, then length", &post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), 400, CLOSED),
        ("chunked twice", &post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400, CLOSED),
        ("gzip, chunked", &post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), 400, CLOSED),
        ("chunked, identity", &post("Transfer-Encoding: chunked, identity", "0\r\n\r\n"), 400, CLOSED),
        ("identity", &post("Transfer-Encoding: identity", ""), 400, CLOSED),
        ("xchunked", &post("Transfer-Encoding: xchunked", "0\r\n\r\n"), 400, CLOSED),
        ("quoted chunked", &post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), 400, CLOSED),
        ("vertical tab", &post("Transfer-Encoding:\u{b}chunked", "0\r\n\r\n"), 400, CLOSED),
        ("space before colon", &post("Transfer-Encoding : chunked", "0\r\n\r\n"), 400, CLOSED),
        ("empty coding", &post("Transfer-Encoding:", "0\r\n\r\n"), 400, CLOSED),
        (
            "chunked in HTTP/1.0",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            CLOSED,
        ),
        ("chunk size LF", &chunked("3\nabc\r\n0\r\n\r\n"), 400, CLOSED),
        ("chunk extension LF", &chunked("3;a\nabc\r\n0\r\n\r\n"), 400, CLOSED),
        ("chunk data LF", &chunked("3\r\nabc\n0\r\n\r\n"), 400, CLOSED),
        ("chunk data too long", &chunked("3\r\nabcd\r\n0\r\n\r\n"), 400, CLOSED),
        ("chunk size with 0x", &chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400, CLOSED),
        ("chunk size with sign", &chunked("+3\r\nabc\r\n0\r\n\r\n"), 400, CLOSED),
        ("negative chunk size", &chunked("-3\r\nabc\r\n0\r\n\r\n"), 400, CLOSED),
        ("chunk size too large", &chunked("fffffffffffffffff\r\nabc\r\n0\r\n\r\n"), 400, CLOSED),
        ("empty chunk size", &chunked("\r\nabc\r\n0\r\n\r\n"), 400, CLOSED),
        ("chunk size junk", &chunked("xyz\r\nabc\r\n0\r\n\r\n"), 400, CLOSED),
    ])
    .await;
}

#[tokio::test]
async fn pipelines_and_leftovers() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let early = |lines: &str, body: &str| format!("POST /early HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n{body}");
    run(&[
        ("early answer, body here", &early("Content-Length: 3", "abc"), 401, OPEN),
        ("early answer, chunks here", &early("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"), 401, OPEN),
        ("early answer, body never comes", &early("Content-Length: 3", ""), 401, CLOSED),
        ("early answer, body awaits 100", &early("Content-Length: 3\r\nExpect: 100-continue", ""), 401, CLOSED),
        ("early answer, broken chunks", &early("Transfer-Encoding: chunked", "zz\r\n"), 401, CLOSED),
        ("refused with a body behind", &format!("GET /.. HTTP/1.1\r\nHost: a\r\n\r\n{smuggled}"), 400, CLOSED),
        ("panic", "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n", 500, CLOSED),
    ])
    .await;

    let port = Port::open();
    let mut client = port.client().await;
    client.send(format!("{}{smuggled}", early("Content-Length: 3", "abc"))).await;
    assert_eq!(client.answer().await.unwrap().status, 401);
    assert_eq!(client.answer().await.unwrap().body, "GET /smuggled a ", "a pipelined request, not a body");

    let mut client = port.client().await;
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    client.send(format!("{smuggled}{chunked}")).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!(client.answer().await.unwrap().status, 400, "its head cannot be checked");
    assert!(!client.is_open().await);

    let mut client = port.client().await;
    for _ in 0..3 {
        client.send(chunked).await;
        assert_eq!(client.answer().await.unwrap().status, 200, "one after the other");
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong() {
    let port = Port::open();
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", "bad_request: The Host header is missing."),
        ("GET /\r\n\r\n", "bad_request: The request is not well-formed HTTP."),
        ("GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request: The path contains an encoded slash."),
    ];
    for (bytes, words) in cases {
        let mut client = port.client().await;
        client.send(bytes).await;
        let seen = client.answer().await.unwrap();
        assert_eq!(seen.body, words);
        assert!(seen.head.contains("connection: close"), "{}", seen.head);
    }
    let mut client = port.client().await;
    client.send("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.answer().await.unwrap().head.contains("allow: GET, "));
}
