//! Certificates on both sides, and what the handshake settles.

use std::sync::atomic::Ordering::SeqCst;

use super::{
    pki::{Pki, mutual, own_ca, secure},
    *,
};
use crate::{
    outbound::SendFaultKind,
    settings::objects::{BackendTls, HttpVersion},
};

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
