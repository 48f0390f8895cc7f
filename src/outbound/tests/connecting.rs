//! Names that lie, HTTP/2, proxies.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::net::TcpStream;

use super::{
    fake::{Fake, Line, OK},
    pki::{Pki, own_ca, secure},
    *,
};
use crate::{
    outbound::{Resolve, SendFaultKind},
    settings::objects::{BackendTls, HttpVersion},
};

/// Answers each question with the next of its answers, then with the last one again.
struct Liar {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Resolve for Liar {
    fn resolve(&self, _: &str) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let turn = self.asked.fetch_add(1, SeqCst).min(self.answers.len() - 1);
        let answer: Vec<IpAddr> = self.answers[turn].iter().map(|text| text.parse().expect("ip")).collect();
        Box::pin(async move { Ok(answer) })
    }
}

fn lying(answers: &[&[&'static str]]) -> (Bench, Arc<Liar>) {
    let liar = Arc::new(Liar { answers: answers.iter().map(|one| one.to_vec()).collect(), asked: AtomicUsize::new(0) });
    let clock = Clock::manual(Timestamp::from_secs(1));
    let fleet = Fleet::with_resolver(clock.clone(), Entropy::seeded(1), liar.clone());
    (Bench { fleet, clock }, liar)
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_anything_is_dialled() {
    let inside = Fake::start(|mut line: Line| async move { line.send(OK).await }).await;
    let port = inside.address.port();
    for answer in [&["127.0.0.1"][..], &["::1"], &["::ffff:127.0.0.1"], &["10.0.0.1", "169.254.169.254"], &["0.0.0.0"]]
    {
        let (bench, liar) = lying(&[answer]);
        let setting = setting("x", &format!("http://public.example:{port}"));
        let backend =
            bench.fleet.backend(&setting, false, &Egress::default(), Path::new(".")).expect("a name is no address");
        let fault = get(&bench, &backend, "/").await.expect_err("inside");
        assert_eq!((fault.kind, fault.reached), (SendFaultKind::Egress, false), "{answer:?}: {fault}");
        assert_eq!(liar.asked.load(SeqCst), 1, "resolved once");
    }
    assert_eq!(inside.connections.load(SeqCst), 0);
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_dialled() {
    let target = Fake::start(|mut line: Line| async move {
        line.head().await;
        line.send(OK).await;
        line.closed().await;
    })
    .await;
    // The second answer, which a resolver asked twice would give, leads elsewhere.
    let (bench, liar) = lying(&[&["127.0.0.1"], &["192.0.2.1"]]);
    let backend = bench.backend(&setting("x", &format!("http://rebinding.example:{}", target.address.port())));
    text(get(&bench, &backend, "/").await.expect("sent")).await.expect("whole");
    assert_eq!((liar.asked.load(SeqCst), target.connections.load(SeqCst)), (1, 1));
}

#[tokio::test]
async fn connecting_has_its_own_time() {
    struct Mute;
    impl Resolve for Mute {
        fn resolve(&self, _: &str) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
            Box::pin(std::future::pending())
        }
    }
    let clock = Clock::manual(Timestamp::from_secs(1));
    let fleet = Fleet::with_resolver(clock.clone(), Entropy::seeded(1), Arc::new(Mute));
    let bench = Bench { fleet, clock };
    // Longer than the wait for the head, which has not begun yet.
    let times = timeouts([300, 100, 60_000, 60_000]);
    let backend = bench.backend(&settings::Backend { timeouts: times, ..setting("x", "http://mute.example") });
    let fault = get(&bench, &backend, "/").await.expect_err("mute");
    assert_eq!((fault.kind, fault.reached), (SendFaultKind::ConnectTimeout, false), "{fault}");
}

/// An HTTP/2 server in the clear that allows 100 streams and never ends an answer; notes each reset.
async fn endless_h2() -> Fake {
    Fake::start(|line: Line| async move {
        let mut connection = h2::server::Builder::new()
            .max_concurrent_streams(100)
            .handshake::<_, Bytes>(line.stream)
            .await
            .expect("handshake");
        let notes = line.notes.clone();
        let mut held = Vec::new();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut sending = respond.send_response(http::Response::new(()), false).expect("head");
            sending.send_data("x".into(), false).expect("data");
            let notes = notes.clone();
            held.push(tokio::spawn(async move {
                if let Ok(reason) = std::future::poll_fn(|cx| sending.poll_reset(cx)).await {
                    drop(notes.send(format!("reset {reason:?}")));
                }
            }));
        }
    })
    .await
}

#[tokio::test]
async fn more_streams_than_a_connection_allows_use_further_connections() {
    let fake = endless_h2().await;
    let bench = Bench::new();
    let backend = bench.backend(&settings::Backend { http: HttpVersion::Http2, ..setting("x", &fake.url()) });
    let mut open = Vec::new();
    for number in 0..250 {
        let answer = tokio::time::timeout(Duration::from_secs(60), get(&bench, &backend, "/")).await;
        let mut body = answer.unwrap_or_else(|_| panic!("stream {number} hangs")).expect("a head").into_body();
        body.frame().await.expect("a frame").expect("data");
        open.push(body);
    }
    assert_eq!(fake.connections.load(SeqCst), 3);
}

#[tokio::test]
async fn leaving_resets_the_http2_stream_and_keeps_the_connection() {
    let mut fake = endless_h2().await;
    let bench = Bench::new();
    let backend = bench.backend(&settings::Backend { http: HttpVersion::Http2, ..setting("x", &fake.url()) });
    for _ in 0..3 {
        let mut body = get(&bench, &backend, "/").await.expect("a head").into_body();
        body.frame().await.expect("a frame").expect("data");
        drop(body);
        let left = tokio::time::Instant::now();
        assert_eq!(fake.note().await, "reset CANCEL");
        // Not asserted closely: at once, and not when some timeout is over.
        assert!(left.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(fake.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_refused_stream_was_not_processed() {
    let fake = Fake::start(|line: Line| async move {
        let mut connection = h2::server::handshake(line.stream).await.expect("handshake");
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
        }
    })
    .await;
    let bench = Bench::new();
    let backend = bench.backend(&settings::Backend { http: HttpVersion::Http2, ..setting("x", &fake.url()) });
    let fault = get(&bench, &backend, "/").await.expect_err("refused");
    assert_eq!((fault.kind, fault.reached), (SendFaultKind::BrokenOff, false), "{fault}");
}

/// A forward proxy: notes each head; CONNECT is tunnelled to `target`, the rest is answered.
async fn proxy(target: Option<std::net::SocketAddr>) -> Fake {
    Fake::start(move |mut line: Line| async move {
        let head = line.head().await;
        line.note(head.clone());
        match target.filter(|_| head.starts_with("CONNECT ")) {
            Some(target) => {
                line.send("HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n").await;
                let mut inside = TcpStream::connect(target).await.expect("target");
                drop(tokio::io::copy_bidirectional(&mut line.stream, &mut inside).await);
            }
            None if head.starts_with("CONNECT ") => line.send("HTTP/1.1 403 Forbidden\r\n\r\n").await,
            None => line.send(OK).await,
        }
    })
    .await
}

#[tokio::test]
async fn a_proxy_takes_clear_requests_in_absolute_form_and_tunnels_the_others() {
    let pki = Pki::new();
    let inside = secure(pki.acceptor(false, &["h2"])).await;
    let mut outside = proxy(Some(inside.address)).await;
    let address = format!("http://us:pw@{}", outside.address);
    let bench = Bench::new();

    let clear = settings::Backend { proxy: Some(address.clone()), ..setting("x", "http://backend.example:81/") };
    text(get(&bench, &bench.backend(&clear), "/p?q").await.expect("sent")).await.expect("whole");
    let head = outside.note().await.to_ascii_lowercase();
    assert!(head.starts_with("get http://backend.example:81/p?q http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: backend.example:81\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic dxm6chc=\r\n"), "{head}");

    let mut tunnelled = settings::Backend { proxy: Some(address), ..setting("x", "https://backend.example") };
    tunnelled.tls = BackendTls { server_name: None, ..own_ca() };
    tunnelled.key = Some("canary".into());
    let backend = bench.fleet.backend(&tunnelled, true, &Egress::default(), pki.dir.path()).expect("valid");
    let answer = get(&bench, &backend, "/").await.expect("tunnelled");
    assert_eq!(text(answer).await.expect("whole"), "HTTP/2.0 host=false true");
    let head = outside.note().await;
    assert!(head.starts_with("CONNECT backend.example:443 HTTP/1.1\r\nHost: backend.example:443\r\n"), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic dXM6cHc=") && !head.contains("canary"), "{head}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let outside = proxy(None).await;
    let bench = Bench::new();
    let address = Some(format!("http://{}", outside.address));
    let backend = bench.backend(&settings::Backend { proxy: address, ..setting("x", "https://backend.example") });
    let fault = get(&bench, &backend, "/").await.expect_err("refused");
    assert_eq!((fault.kind, fault.reached), (SendFaultKind::Refused, false));
    assert!(fault.message.contains("refused the tunnel with status 403"), "{fault}");
}
