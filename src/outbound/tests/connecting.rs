//! Names that lie, certificates, HTTP/2, proxies.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{
    fake::{Fake, Line, OK},
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
    let times = timeouts([300, 100, 1_000, 5_000]);
    let backend = bench.backend(&settings::Backend { timeouts: times, ..setting("x", "http://mute.example") });
    let fault = get(&bench, &backend, "/").await.expect_err("mute");
    assert_eq!((fault.kind, fault.reached), (SendFaultKind::ConnectTimeout, false), "{fault}");
}

/// An authority with a server and a client certificate, as PEM files.
struct Pki {
    dir: tempfile::TempDir,
    ca: String,
    server: (String, String),
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority");
        let leaf = |name: &str| {
            let key = KeyPair::generate().expect("key");
            let params = CertificateParams::new(vec![name.to_owned()]).expect("params");
            (params.signed_by(&key, &issuer).expect("certificate").pem(), key.serialize_pem())
        };
        let dir = tempfile::tempdir().expect("folder");
        let ca = issuer.pem();
        let client = leaf("client");
        for (name, contents) in [("ca.pem", &ca), ("client.pem", &client.0), ("client.key", &client.1)] {
            std::fs::write(dir.path().join(name), contents).expect("written");
        }
        Self { dir, ca, server: leaf("backend.example") }
    }

    fn acceptor(&self, mutual: bool, alpn: &[&str]) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        let ca = rustls_pki_types::CertificateDer::from_pem_slice(self.ca.as_bytes()).expect("pem");
        roots.add(ca).expect("authority");
        let verifier: Arc<dyn ClientCertVerifier> = if mutual {
            WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().expect("verifier")
        } else {
            WebPkiClientVerifier::no_client_auth()
        };
        let chain = vec![rustls_pki_types::CertificateDer::from_pem_slice(self.server.0.as_bytes()).expect("pem")];
        let key = PrivateKeyDer::from_pem_slice(self.server.1.as_bytes()).expect("pem");
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("versions").with_client_cert_verifier(verifier);
        let mut config = builder.with_single_cert(chain, key).expect("certificate");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    fn backend(
        &self,
        bench: &Bench,
        port: u16,
        tls: BackendTls,
        with: impl Fn(&mut settings::Backend),
    ) -> Arc<Backend> {
        let mut setting = settings::Backend { tls, ..setting("x", &format!("https://127.0.0.1:{port}")) };
        with(&mut setting);
        bench.fleet.backend(&setting, true, &Egress::default(), self.dir.path()).expect("a valid backend")
    }
}

fn own_ca() -> BackendTls {
    BackendTls { ca: Some("ca.pem".into()), server_name: Some("backend.example".into()), certificate: None, key: None }
}

fn mutual() -> BackendTls {
    BackendTls { certificate: Some("client.pem".into()), key: Some("client.key".into()), ..own_ca() }
}

/// A hyper server over TLS that answers with the version it was asked in.
async fn secure(acceptor: TlsAcceptor) -> Fake {
    Fake::start(move |line: Line| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(line.stream).await else { return };
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                let host = request.headers().contains_key("host");
                let text = format!("{:?} host={host} {:?}", request.version(), request.uri().authority().is_some());
                Ok::<_, io::Error>(http::Response::new(Full::new(Bytes::from(text))))
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        }
    })
    .await
}

#[tokio::test]
async fn only_a_trusted_certificate_of_the_right_name_is_spoken_to() {
    let pki = Pki::new();
    let fake = secure(pki.acceptor(false, &[])).await;
    let port = fake.address.port();
    let bench = Bench::new();
    let good = pki.backend(&bench, port, own_ca(), |_| {});
    assert_eq!(text(get(&bench, &good, "/").await.expect("trusted")).await.expect("whole"), "HTTP/1.1 host=true false");
    let bad = [
        BackendTls::default(),
        BackendTls { server_name: Some("other.example".into()), ..own_ca() },
        BackendTls { server_name: None, ..own_ca() },
    ];
    for tls in bad {
        let backend = pki.backend(&bench, port, tls.clone(), |_| {});
        let fault = get(&bench, &backend, "/").await.expect_err("untrusted");
        assert_eq!((fault.kind, fault.reached), (SendFaultKind::Tls, false), "{tls:?}: {fault}");
    }
}

#[tokio::test]
async fn a_client_certificate_opens_what_is_closed_without_it() {
    let pki = Pki::new();
    let fake = secure(pki.acceptor(true, &[])).await;
    let port = fake.address.port();
    let bench = Bench::new();
    let with = pki.backend(&bench, port, mutual(), |_| {});
    assert!(get(&bench, &with, "/").await.is_ok());
    let without = pki.backend(&bench, port, own_ca(), |_| {});
    assert!(get(&bench, &without, "/").await.is_err());
    let mixed = BackendTls { key: Some("ca.pem".into()), ..mutual() };
    let setting = settings::Backend { tls: mixed, ..setting("x", "https://127.0.0.1:1") };
    let problems = bench.fleet.backend(&setting, true, &Egress::default(), pki.dir.path()).expect_err("no key in it");
    assert!(problems[0].starts_with("tls.key:"), "{problems:?}");
}

#[tokio::test]
async fn the_version_is_what_alpn_and_the_setting_say() {
    let pki = Pki::new();
    let fake = secure(pki.acceptor(false, &["h2", "http/1.1"])).await;
    let bench = Bench::new();
    for (http, expected) in [
        (HttpVersion::Auto, "HTTP/2.0 host=false true"),
        (HttpVersion::Http2, "HTTP/2.0 host=false true"),
        (HttpVersion::Http1, "HTTP/1.1 host=true false"),
    ] {
        let backend = pki.backend(&bench, fake.address.port(), own_ca(), |setting| setting.http = http);
        for _ in 0..2 {
            let answer = get(&bench, &backend, "/").await.expect("an answer");
            assert_eq!(text(answer).await.expect("whole"), expected, "{http:?}");
        }
        let pool = bench.fleet.single(backend);
        let mut headers = HeaderMap::new();
        headers.insert("connection", "upgrade".parse().expect("value"));
        headers.insert("upgrade", "websocket".parse().expect("value"));
        if http != HttpVersion::Http2 {
            let mut choice = choose(&pool).expect("one");
            let answer = choice.send(Method::GET, "/", headers, Outgoing::Empty).await.expect("an answer");
            assert_eq!(text(answer).await.expect("whole"), "HTTP/1.1 host=true false", "upgrades need HTTP/1.1");
        }
    }
}

#[tokio::test]
async fn a_changed_certificate_file_makes_new_connections() {
    let pki = Pki::new();
    let fake = secure(pki.acceptor(false, &[])).await;
    let bench = Bench::new();
    let port = fake.address.port();
    let compile = || pki.backend(&bench, port, own_ca(), |_| {});
    let first = compile();
    text(get(&bench, &first, "/").await.expect("trusted")).await.expect("whole");
    let same = compile();
    text(get(&bench, &same, "/").await.expect("trusted")).await.expect("whole");
    assert!(fake.connections.load(SeqCst) == 1, "the same settings keep the connection");
    std::fs::write(pki.dir.path().join("ca.pem"), Pki::new().ca).expect("written");
    let fault = get(&bench, &compile(), "/").await.expect_err("another authority");
    assert_eq!(fault.kind, SendFaultKind::Tls);
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
        let answer = tokio::time::timeout(Duration::from_secs(2), get(&bench, &backend, "/")).await;
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
        assert!(left.elapsed() < Duration::from_millis(100));
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
