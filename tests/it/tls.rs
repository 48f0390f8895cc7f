//! TLS on both sides: the listener's certificate, own authorities and client certificates towards backends.

use std::{path::Path, sync::Arc};

use http_body_util::{BodyExt as _, Empty};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls};

use crate::{
    client::Call,
    vendor::{Reply, Vendor},
    world::{KEY, World, policies},
};

/// An authority of certificates, for one test.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key for a name, PEM.
    pub fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        roots
    }
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

pub fn chain((certificate, key): &(String, String)) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
    (vec![certificate], key.into())
}

pub fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path.display().to_string()
}

/// An HTTPS server that asks for a client certificate of the authority and answers `served` in plain HTTP/1.1.
async fn https_backend(authority: &Authority, name: &str) -> std::net::SocketAddr {
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), provider());
    let (certificates, key) = chain(&authority.issue(name));
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(certificates, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let service = hyper::service::service_fn(|_| async {
                    Ok::<_, std::convert::Infallible>(http::Response::new("served".to_owned()))
                });
                let io = hyper_util::rt::TokioIo::new(stream);
                if let Err(problem) = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await {
                    eprintln!("fake HTTPS backend: {problem}");
                }
            });
        }
    });
    addr
}

#[tokio::test]
async fn backends_are_verified_and_shown_our_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, stranger) = (Authority::new(), Authority::new());
    let backend = https_backend(&authority, "backend.test").await;
    let own = authority.issue("gateway.test");
    let ca = write(folder.path(), "ca.pem", &authority.pem());
    let other_ca = write(folder.path(), "other.pem", &stranger.pem());
    let (certificate, key) = (write(folder.path(), "own.pem", &own.0), write(folder.path(), "own.key", &own.1));
    let good = format!("ca: {ca}, server_name: backend.test");
    let client = format!("certificate: {certificate}, key: {key}");
    for (name, tls, status) in [
        ("all right", format!("{good}, {client}"), 200),
        ("without our certificate", good.clone(), 502),
        ("unknown authority", format!("ca: {other_ca}, server_name: backend.test, {client}"), 502),
        ("public authorities", format!("server_name: backend.test, {client}"), 502),
        ("other name", format!("ca: {ca}, server_name: other.test, {client}"), 502),
    ] {
        let config = format!(
            "backends: [{{ id: svc, kind: http, url: \"https://127.0.0.1:{}\", tls: {{ {tls} }} }}]\n\
             apis: [{{ id: all, kind: http, path: /all, backend: svc }}]\n",
            backend.port()
        );
        let world = World::builder().config(&config).start().await;
        let answer = world.send(&Call::get("/all/1").key(KEY)).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn documents_show_backends_a_certificate() {
    let authority = Authority::new();
    let backend = https_backend(&authority, "backend.test").await;
    let (own, strangers) = (authority.issue("gateway.test"), Authority::new().issue("gateway.test"));
    for (name, policy, status) in [
        ("by id", r#"<authentication-certificate certificate-id="own" />"#, 200),
        ("computed", r#"<authentication-certificate certificate-id="@("o" + "wn")" />"#, 200),
        ("a stranger's", r#"<authentication-certificate certificate-id="strangers" />"#, 502),
        ("none", "", 502),
    ] {
        let config = format!(
            "backends: [{{ id: svc, kind: http, url: \"https://127.0.0.1:{}\", tls: {{ ca: ca.pem, server_name: backend.test }} }}]\n\
             certificates: [{{ id: own, file: own.pem, key_file: own.key }}, {{ id: strangers, file: other.pem, key_file: other.key }}]\n{}",
            backend.port(),
            policies::api("all", "backend: svc", &policies::inbound(policy))
        );
        let files = [("ca.pem", authority.pem()), ("own.pem", own.0.clone()), ("own.key", own.1.clone())];
        let others = [("other.pem", strangers.0.clone()), ("other.key", strangers.1.clone())];
        let mut builder = World::builder().config(&config);
        for (file, text) in files.iter().chain(&others) {
            builder = builder.file(file, text);
        }
        let world = builder.start().await;
        let answer = world.send(&Call::get("/all/1").key(KEY)).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
}

async fn over_tls(world: &World, authority: &Authority, alpn: &str) -> (http::Version, u16, Vec<u8>) {
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let socket = TcpStream::connect(world.gateway()).await.expect("listening");
    let name = ServerName::try_from("gateway.test").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.expect("a handshake");
    let leaf = stream.get_ref().1.peer_certificates().expect("verified")[0].to_vec();
    let io = hyper_util::rt::TokioIo::new(stream);
    let uri = if alpn == "h2" { "https://gateway.test/all/1" } else { "/all/1" };
    let request = http::Request::get(uri).header("authorization", format!("Bearer {KEY}"));
    let request = if alpn == "h2" { request } else { request.header("host", "gateway.test") };
    let request = request.body(Empty::<bytes::Bytes>::new()).expect("a request");
    let answer = if alpn == "h2" {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.expect("h2");
        tokio::spawn(connection);
        sender.send_request(request).await.expect("answered")
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("h1");
        tokio::spawn(connection);
        sender.send_request(request).await.expect("answered")
    };
    let (version, status) = (answer.version(), answer.status().as_u16());
    answer.into_body().collect().await.expect("a body");
    (version, status, leaf)
}

#[tokio::test]
async fn the_listener_speaks_both_versions_and_takes_new_certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let first = authority.issue("gateway.test");
    let (certificate, key) = (write(folder.path(), "tls.pem", &first.0), write(folder.path(), "tls.key", &first.1));
    let config = "backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]\napis: [{ id: all, kind: http, path: /all, backend: svc }]\n";
    let vendor = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let mut world = World::builder()
        .config(config)
        .server(&format!("gateway: {{ tls: {{ certificate: {certificate}, key: {key} }} }}"))
        .vendor("svc", vendor)
        .start()
        .await;
    let (version, status, leaf) = over_tls(&world, &authority, "http/1.1").await;
    assert_eq!((version, status), (http::Version::HTTP_11, 200));
    assert_eq!(over_tls(&world, &authority, "h2").await.0, http::Version::HTTP_2);

    write(folder.path(), "tls.pem", "nonsense");
    world.reload(config).await.ok();
    assert_eq!(over_tls(&world, &authority, "h2").await.2, leaf, "a broken file keeps the old certificate");
    let second = authority.issue("gateway.test");
    write(folder.path(), "tls.key", &second.1);
    write(folder.path(), "tls.pem", &second.0);
    world.reload(config).await.expect("valid");
    for _ in 0..1_200 {
        if over_tls(&world, &authority, "h2").await.2 != leaf {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the new certificate was not taken within 60 s");
}

/// The status of a call over TLS with that client certificate; `None`: no handshake.
async fn as_client(world: &World, authority: &Authority, shown: Option<&(String, String)>) -> Option<(u16, String)> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(authority.roots());
    let config = match shown.map(chain) {
        Some((certificates, key)) => builder.with_client_auth_cert(certificates, key).expect("a certificate"),
        None => builder.with_no_client_auth(),
    };
    let socket = TcpStream::connect(world.gateway()).await.expect("listening");
    let name = ServerName::try_from("gateway.test").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.ok()?;
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
    tokio::spawn(connection);
    let request = http::Request::get("/all/1").header("authorization", format!("Bearer {KEY}"));
    let request = request.header("host", "gateway.test").body(Empty::<bytes::Bytes>::new()).expect("a request");
    // In TLS 1.3 the client hears of a refusal only after its own handshake is over.
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let seen = answer.headers().get("x-seen").map(|seen| seen.to_str().expect("text").to_owned());
    Some((status, seen.unwrap_or_default()))
}

#[tokio::test]
async fn clients_are_asked_for_certificates_and_documents_judge_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, stranger) = (Authority::new(), Authority::new());
    let own = authority.issue("gateway.test");
    let (certificate, key) = (write(folder.path(), "tls.pem", &own.0), write(folder.path(), "tls.key", &own.1));
    let ca = write(folder.path(), "ca.pem", &authority.pem());
    let policy = r#"<policies><inbound><base />
        <set-variable name="seen" value="@(context.Request.Certificate == null ? "none" : context.Request.Certificate.Verify().ToString())" />
        POLICY
        </inbound><outbound><base /><set-header name="x-seen"><value>@((string)context.Variables["seen"])</value></set-header></outbound>
        </policies>"#;
    let demand = r#"<validate-client-certificate><identities><identity dns-name="app.test" /></identities></validate-client-certificate>"#;
    let (app, other, foreign) =
        (authority.issue("app.test"), authority.issue("other.test"), stranger.issue("app.test"));
    let said = |status: u16, seen: &str| Some((status, seen.to_owned()));
    // Asked for or required; the document; what a client without, with a good, another and a foreign certificate gets.
    let cases = [
        ("ask", demand, [said(403, ""), said(200, "True"), said(403, ""), said(403, "")]),
        ("ask", "", [said(200, "none"), said(200, "True"), said(200, "True"), said(200, "False")]),
        ("require", "", [None, said(200, "True"), said(200, "True"), None]),
        ("none", "", [said(200, "none"), said(200, "none"), said(200, "none"), said(200, "none")]),
    ];
    for (mode, demand, wanted) in cases {
        let document = policy.replace("POLICY", demand).replace('\n', " ");
        let config = format!(
            "backends: [{{ id: svc, kind: http, url: \"vendor://svc\" }}]\napis:\n  - id: all\n    kind: http\n    \
             path: /all\n    backend: svc\n    policy: |\n      {document}\n"
        );
        let of_clients = if mode == "none" { String::new() } else { format!(", client: {mode}, client_ca: {ca}") };
        let tls = format!("{{ certificate: {certificate}, key: {key}{of_clients} }}");
        let world = World::builder()
            .config(&config)
            .server(&format!("gateway: {{ tls: {tls} }}"))
            .vendor("svc", Vendor::always(Reply::text(200, "text/plain", "fine")).await)
            .start()
            .await;
        for (shown, wanted) in [None, Some(&app), Some(&other), Some(&foreign)].into_iter().zip(wanted) {
            let told = format!("{mode} {demand} {:?}", shown.map(|(certificate, _)| certificate));
            assert_eq!(as_client(&world, &authority, shown).await, wanted, "{told}");
        }
    }
}
