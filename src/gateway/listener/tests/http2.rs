//! HTTP/2 with prior knowledge, by a real client.

use http::Uri;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;
use crate::model::{HumanDuration, HumanSize};

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
    let cases: &[(&str, &str, &[(&'static str, &'static str)], &'static str, u16)] = &[
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
    let short = HumanDuration(Duration::from_millis(150));
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
async fn a_reset_stream_lets_go_and_rapid_resets_end_the_connection() {
    let port = Port::open();
    let mut sender = client(&port, 65535).await;
    let hanging = sender.clone().send_request(ask("GET", "http://a/hang", &[], ""));
    assert!(tokio::time::timeout(Duration::from_millis(200), hanging).await.is_err());
    eventually(|| port.service.held() == 0).await;

    let flood = async {
        loop {
            let hanging = sender.send_request(ask("GET", "http://a/hang", &[], ""));
            match tokio::time::timeout(Duration::ZERO, hanging).await {
                Ok(Err(_)) => return,
                Ok(Ok(_)) => panic!("nobody answers that"),
                Err(_) => tokio::task::yield_now().await,
            }
            if sender.is_closed() {
                return;
            }
        }
    };
    let flooded = tokio::time::timeout(Duration::from_secs(2), flood).await;
    eventually(|| port.service.held() == 0).await;
    drop(flooded);
    let mut other = client(&port, 65535).await;
    let answer = other.send_request(ask("GET", "http://a/", &[], "")).await.unwrap();
    assert_eq!(answer.status(), 200, "others are served");
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
