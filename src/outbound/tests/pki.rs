//! Certificates for tests, and a server that speaks TLS with them.

use std::{io, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use super::{
    fake::{Fake, Line},
    *,
};
use crate::settings::objects::BackendTls;

/// An authority with a server and a client certificate, as PEM files.
pub struct Pki {
    pub dir: tempfile::TempDir,
    pub ca: String,
    server: (String, String),
}

impl Pki {
    pub fn new() -> Self {
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

    pub fn acceptor(&self, mutual: bool, alpn: &[&str]) -> TlsAcceptor {
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

    pub fn backend(
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

pub fn own_ca() -> BackendTls {
    BackendTls { ca: Some("ca.pem".into()), server_name: Some("backend.example".into()), certificate: None, key: None }
}

pub fn mutual() -> BackendTls {
    BackendTls { certificate: Some("client.pem".into()), key: Some("client.key".into()), ..own_ca() }
}

/// A hyper server over TLS that answers with the version it was asked in.
pub async fn secure(acceptor: TlsAcceptor) -> Fake {
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
