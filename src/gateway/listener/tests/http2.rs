//! HTTP/2 with prior knowledge, by a real client.

use http::Uri;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;
use crate::model::{HumanDuration, HumanSize};

/// Method, URI, headers, body, status.
type Case<'a> = (&'a str, &'a str, &'a [(&'static str, &'static str)], &'static str, u16);

async fn client(port: &Port, window: u32) -> SendRequest<Full<Bytes>> {
    let socket = TcpStream::connect(port.addr).await.unwrap();
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn ask(method: &str, uri: &str, lines: &[(&'static str, &'static str)], body: &'static str) -> Request<Full<Bytes>> {
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in lines {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

#[tokio::test]
async fn requests_pass_the_same_admission() {
    let port = Port::with(|settings| {
        settings.max_body_size = HumanSize(10);
        settings.max_header_size = HumanSize(16 << 10);
    });
    let mut sender = client(&port, 65535).await;
    let long = format!("http://a/{}", "x".repeat(admission::MAX_TARGET));
    let cases: &[Case<'_>] = &[
        ("GET", "http://a/", &[], "", 200),
        ("POST", "http://a/", &[], "ten bytes!", 200),
        ("POST", "http://a/", &[], "eleven byte", 413),
        ("GET", "http://a/", &[("host", "a")], "", 200),
        ("GET", "http://a/", &[("host", "b")], "", 400),
        ("GET", "ftp://a/", &[], "", 400),
        ("GET", "http://a/x/../y", &[], "", 400),
        ("GET", "http://a/x%2fy", &[], "", 400),
        ("TRACE", "http://a/", &[], "", 405),
        ("GET", &long, &[], "", 431),
        ("POST", "http://a/early", &[], "unread", 401),
        ("GET", "http://a/panic", &[], "", 500),
        ("GET", "http://a/trailers", &[], "", 200),
    ];
    for (method, uri, lines, body, status) in cases {
        let request = ask(method, uri, lines, body);
        let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.unwrap();
        let answer = answer.unwrap_or_else(|error| panic!("{method} {uri}: {error:?}"));
        assert_eq!(answer.status().as_u16(), *status, "{method} {uri} {lines:?}");
        assert!(!answer.headers().contains_key("connection"), "{method} {uri}");
        drop(answer.into_body().collect().await.unwrap());
    }
}

#[tokio::test]
async fn idle_connections_are_closed_and_busy_ones_end_with_the_process() {
    let short = HumanDuration(Duration::from_millis(400));
    let port = Port::with(|settings| {
        settings.header_timeout = short;
        settings.keep_alive = short;
    });
    let sender = client(&port, 65535).await;
    closes(&sender).await;

    let mut sender = client(&port, 65535).await;
    let answer = sender.send_request(ask("GET", "http://a/until-ended", &[], "")).await.unwrap();
    let mut body = answer.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "begun\n");
    tokio::time::sleep(short.0 * 3).await;
    port.drain.end();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "event: error\n");
    assert!(body.frame().await.unwrap().is_err(), "the stream is reset");
    closes(&sender).await;
    tokio::time::timeout(PATIENCE, port.served).await.expect("serve ends").unwrap();
}

async fn closes(sender: &SendRequest<Full<Bytes>>) {
    eventually(|| sender.is_closed()).await;
}

#[tokio::test]
async fn a_stream_that_takes_nothing_lets_go_while_its_neighbours_go_on() {
    let port = Port::with(|settings| settings.write_timeout = HumanDuration(Duration::from_millis(150)));
    let mut sender = client(&port, 1 << 20).await;
    let stuck = sender.send_request(ask("GET", "http://a/endless", &[], "")).await.unwrap();
    let mut waiting = sender.send_request(ask("GET", "http://a/until-ended", &[], "")).await.unwrap().into_body();
    assert_eq!(port.service.held(), 1);
    eventually(|| port.service.held() == 0).await;
    assert_eq!(waiting.frame().await.unwrap().unwrap().into_data().unwrap(), "begun\n");
    tokio::time::sleep(Duration::from_millis(400)).await;
    let answer = sender.send_request(ask("GET", "http://a/", &[], "")).await.unwrap();
    assert_eq!(answer.status(), 200, "the connection is not to blame");
    let cut = stuck.into_body().collect().await;
    assert!(cut.is_err(), "what was stuck does not look complete");
    port.drain.end();
    assert_eq!(
        waiting.frame().await.unwrap().unwrap().into_data().unwrap(),
        "event: error\n",
        "waiting for us is fine"
    );
}

#[tokio::test]
async fn a_reset_stream_lets_go() {
    let port = Port::open();
    let mut sender = client(&port, 65535).await;
    let hanging = sender.send_request(ask("GET", "http://a/hang", &[], ""));
    assert!(tokio::time::timeout(Duration::from_millis(200), hanging).await.is_err());
    eventually(|| port.service.held() == 0).await;
}

/// One frame: type, flags, stream, payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET http://a/` in HPACK: three entries of the static table, one literal.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[tokio::test]
async fn floods_end_their_connection_and_nobody_elses() {
    let resets = |stream: u32| {
        let cancel = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        [frame(HEADERS, END_HEADERS, stream, GET), cancel].concat()
    };
    let resets: Vec<u8> = (0..5_000_u32).flat_map(|n| resets(2 * n + 1)).collect();
    let literal = [&[0x00, 0x01, b'x', 0x7f, 0x81, 0x7f][..], &[b'y'; 16_000]].concat();
    let continued: Vec<u8> = (0..200).flat_map(|_| frame(CONTINUATION, 0, 1, &literal)).collect();
    let tiny: Vec<u8> = (0..100_000).flat_map(|_| frame(CONTINUATION, 0, 1, &[])).collect();
    let empty: Vec<u8> = (0..100_000).flat_map(|_| frame(DATA, 0, 1, &[])).collect();
    let floods = [
        ("rapid reset", resets),
        ("endless head", [frame(HEADERS, 0, 1, GET), continued].concat()),
        ("endless empty continuations", [frame(HEADERS, 0, 1, GET), tiny].concat()),
        ("endless empty data", [frame(HEADERS, END_HEADERS, 1, GET), empty].concat()),
    ];
    let port = Port::open();
    let mut neighbour = client(&port, 65535).await;
    for (name, flood) in floods {
        let mut attacker = port.client().await;
        attacker.send([PREFACE, &frame(SETTINGS, 0, 0, &[]), &flood].concat()).await;
        let goaway = async {
            loop {
                if attacker.unread.windows(9).any(|window| window[3] == GOAWAY && window[4] == 0)
                    || !attacker.more().await
                {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, goaway).await.unwrap_or_else(|_| panic!("{name} is tolerated"));
        let answer = neighbour.send_request(ask("GET", "http://a/", &[], "")).await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
    }
    drop(neighbour);
    eventually(|| port.drain.open_exchanges() == 0).await;
}

#[tokio::test]
async fn fields_of_http1_framing_are_refused() {
    // Literals without indexing: new name, value.
    let literal = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    let fields = [
        ("transfer-encoding", "chunked"),
        ("connection", "keep-alive"),
        ("upgrade", "websocket"),
        ("keep-alive", "5"),
        ("proxy-connection", "close"),
        ("te", "gzip"),
        ("Upper", "case"),
        ("x-lf", "a\nb"),
    ];
    let port = Port::open();
    for (name, value) in fields {
        let mut raw = port.client().await;
        let head = frame(HEADERS, END_HEADERS | 1, 1, &[GET, &literal(name, value)].concat());
        raw.send([PREFACE, &frame(SETTINGS, 0, 0, &[]), &head].concat()).await;
        let refused = async {
            loop {
                let is =
                    |kind: u8| raw.unread.windows(9).any(|window| window[3] == kind && window[5..9] == [0, 0, 0, 1]);
                assert!(!is(HEADERS), "{name} is let in");
                if is(RST_STREAM) || !raw.more().await {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.unwrap_or_else(|_| panic!("{name} is let hang"));
    }
}

#[tokio::test]
async fn the_authority_is_the_host() {
    let port = Port::open();
    let mut sender = client(&port, 65535).await;
    let uri: Uri = "http://api.example.org:8080/x".parse().unwrap();
    let answer = sender.send_request(ask("GET", &uri.to_string(), &[], "")).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "GET /x api.example.org:8080 ");
}
