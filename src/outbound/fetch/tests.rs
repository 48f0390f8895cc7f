//! Side calls against a server of a few lines.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Method, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use super::*;
use crate::outbound::{SystemResolver, egress::Rules};

/// Answers each connection with the next of `answers` and tells what it was asked.
async fn serve(answers: Vec<String>) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = listener.local_addr().expect("address").port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("accept");
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                let read = stream.read(&mut chunk).await.expect("read");
                request.extend_from_slice(&chunk[..read]);
            }
            tell.send(String::from_utf8_lossy(&request).into_owned()).expect("the test listens");
            stream.write_all(answer.as_bytes()).await.expect("write");
        }
    });
    (port, told)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn open() -> Rules {
    Rules::new(&[], true)
}

fn fetch() -> Fetch {
    Fetch::new(Arc::new(SystemResolver))
}

/// A resolver that leads every name to the metadata service.
struct Lies;

impl Resolve for Lies {
    fn resolve(&self, _: &str) -> Found {
        Box::pin(async { Ok(vec!["169.254.169.254".parse::<IpAddr>().expect("an address")]) })
    }
}

type Found = std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

#[tokio::test]
async fn a_call_is_sent_as_written_and_its_answer_comes_whole() {
    let (port, mut told) = serve(vec![answer("201 Created\r\nX-A: b", "yes")]).await;
    let mut call = Call::new(Method::POST, format!("http://127.0.0.1:{port}/p?q=1"), open());
    call.body = Bytes::from_static(b"hello");
    call.headers.insert("x-key", HeaderValue::from_static("k"));
    call.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    let answer = fetch().call(call).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (201, &b"yes"[..]));
    assert_eq!(answer.headers["x-a"], "b");
    let asked = told.recv().await.expect("asked").to_lowercase();
    assert!(asked.starts_with("post /p?q=1 http/1.1"), "{asked}");
    assert!(asked.contains("x-key: k") && asked.contains("content-length: 5"), "{asked}");
    assert!(!asked.contains("transfer-encoding"), "{asked}");
}

#[tokio::test]
async fn forbidden_addresses_are_not_dialled() {
    for url in ["http://127.0.0.1:1/", "http://0x7f.1:1/", "http://[::1]:1/", "http://10.0.0.1/"] {
        let fault = fetch().call(Call::new(Method::GET, url, Rules::default())).await.expect_err(url);
        assert_eq!(fault.kind, CallFaultKind::Egress, "{url}: {fault}");
    }
    let lied = Fetch::new(Arc::new(Lies)).call(Call::new(Method::GET, "http://metadata.test/", open())).await;
    assert_eq!(lied.expect_err("a name that leads there").kind, CallFaultKind::Egress);
}

#[tokio::test]
async fn urls_that_cannot_be_called_say_why() {
    for (url, said) in [("nonsense", "cannot be read"), ("ftp://a.test/", "`ftp:`"), ("file:///etc/passwd", "`file:`")]
    {
        let fault = fetch().call(Call::new(Method::GET, url, open())).await.expect_err(url);
        assert_eq!(fault.kind, CallFaultKind::Invalid);
        assert!(fault.message.contains(said), "{fault}");
    }
}

#[tokio::test]
async fn redirects_are_followed_when_asked_and_without_the_credential() {
    let (other, mut asked_there) = serve(vec![answer("200 OK", "there")]).await;
    let away = answer(&format!("302 Found\r\nLocation: http://127.0.0.1:{other}/x"), "");
    let (port, _asked_here) = serve(vec![away.clone(), away]).await;
    let mut call = Call::new(Method::POST, format!("http://127.0.0.1:{port}/"), open());
    call.headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    call.headers.insert("api-key", HeaderValue::from_static("secret"));
    let not_followed = fetch().call(call.clone()).await.expect("the redirect itself");
    assert_eq!(not_followed.status, StatusCode::FOUND);
    call.redirects = 1;
    let followed = fetch().call(call).await.expect("an answer");
    assert_eq!(&followed.body[..], b"there");
    let asked = asked_there.recv().await.expect("asked");
    assert!(asked.starts_with("GET /x ") && !asked.contains("secret"), "{asked}");
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_address_ends_there() {
    let away = answer("307 Temporary Redirect\r\nLocation: http://169.254.169.254/latest", "");
    let (port, _told) = serve(vec![away]).await;
    let mut call = Call::new(Method::GET, format!("http://127.0.0.1:{port}/"), open());
    call.redirects = 5;
    assert_eq!(fetch().call(call).await.expect_err("forbidden").kind, CallFaultKind::Egress);
}

#[tokio::test]
async fn size_and_time_are_bounded() {
    let (port, _told) = serve(vec![answer("200 OK", &"x".repeat(100))]).await;
    let mut call = Call::new(Method::GET, format!("http://127.0.0.1:{port}/"), open());
    call.largest = 99;
    assert_eq!(fetch().call(call).await.expect_err("too large").kind, CallFaultKind::TooLarge);

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let port = silent.local_addr().expect("address").port();
    let mut call = Call::new(Method::GET, format!("http://127.0.0.1:{port}/"), open());
    call.timeout = Duration::from_millis(50);
    assert_eq!(fetch().call(call).await.expect_err("too late").kind, CallFaultKind::Timeout);
}
