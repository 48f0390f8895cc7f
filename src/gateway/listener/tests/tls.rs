//! TLS: protocols by ALPN, certificates replaced while serving, clients that never shake hands.

use std::{fs, path::Path};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::{model::HumanDuration, settings::server::Tls};

/// Writes a fresh certificate for `localhost`; gives it back as PEM.
fn issue(folder: &Path) -> (Tls, String) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = Tls { certificate: folder.join("tls.crt"), key: folder.join("tls.key"), ..Tls::default() };
    fs::write(&files.certificate, issued.cert.pem()).unwrap();
    fs::write(&files.key, issued.signing_key.serialize_pem()).unwrap();
    (files, issued.cert.pem())
}

async fn shake(port: &Port, trusted: &str, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(port.addr).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), socket).await
}

#[tokio::test]
async fn both_protocols_are_offered_and_the_peer_is_known_as_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (files, pem) = issue(folder.path());
    let port = Port::with(|settings| settings.tls = Some(files));
    let stream = shake(&port, &pem, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let mut stream = shake(&port, &pem, &["http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("127.0.0.1 https false"), "{answer}");
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (files, old) = issue(folder.path());
    let settings = Listener { listen: ([127, 0, 0, 1], 0).into(), tls: Some(files.clone()), ..Listener::default() };
    let bound = bind(&settings).unwrap();
    let (addr, certificates, drain) = (bound.addr(), bound.certificates().unwrap(), Drain::default());
    let service = Arc::new(Echo::default());
    let served = serve(bound, settings, TrustedProxies::default(), Arc::clone(&service), drain.clone());
    let port = Port { addr, drain, service, served: tokio::spawn(served) };
    assert!(shake(&port, &old, &[]).await.is_ok());
    assert!(!certificates.reload().unwrap(), "nothing has changed");

    fs::write(&files.certificate, "not a certificate").unwrap();
    assert!(matches!(certificates.reload(), Err(TlsProblem::NotPem { .. })));
    assert!(shake(&port, &old, &[]).await.is_ok(), "the old one stays");

    let key = fs::read(&files.key).unwrap();
    let (_, new) = issue(folder.path());
    let new_key = fs::read(&files.key).unwrap();
    fs::write(&files.key, &key).unwrap();
    assert!(matches!(certificates.reload(), Err(TlsProblem::Unfit { .. })), "a key of another certificate");

    fs::write(&files.key, &new_key).unwrap();
    assert!(certificates.reload().unwrap());
    assert!(shake(&port, &new, &[]).await.is_ok());
    assert!(shake(&port, &old, &[]).await.is_err());

    fs::remove_file(&files.key).unwrap();
    let problem = certificates.reload().expect_err("the key is gone").to_string();
    assert!(problem.contains("tls.key") && problem.contains("check `tls`"), "{problem}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = issue(folder.path());
    let port = Port::with(|settings| {
        settings.tls = Some(files);
        settings.header_timeout = HumanDuration(Duration::from_millis(150));
    });
    let mut silent = port.client().await;
    assert!(!silent.more().await);
    let mut plain = port.client().await;
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!plain.rest().await.contains("HTTP/1.1"), "a plain request gets no plain answer");
}
