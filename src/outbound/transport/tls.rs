//! TLS towards backends: public or own authorities, client certificates, the name to verify.

use std::{
    fmt,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{ClientConfig, RootCertStore, client::WantsClientCert, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    outbound::{SendFault, SendFaultKind, fault::innermost, fetch::Identity},
    settings::objects::BackendTls,
};

/// TLS settings with the contents of their files.
#[derive(Clone)]
pub(super) struct Tls {
    /// Hash of settings and contents: the identity.
    digest: [u8; 32],
    server_name: Option<ServerName<'static>>,
    any: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Tls {}

impl Hash for Tls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// The files' contents, where they are given.
#[derive(Default)]
struct Files {
    ca: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the certificates; relative paths start at `base_dir`. `shown` is the client certificate in place of the
    /// setting's. Every problem names its field.
    pub(super) fn read(setting: &BackendTls, base_dir: &Path, shown: Option<&Identity>) -> Result<Self, Vec<String>> {
        if *setting == BackendTls::default() && shown.is_none() {
            return Ok(Self::public());
        }
        let mut problems = Vec::new();
        let mut read = |field: &str, path: Option<&PathBuf>| {
            let path = base_dir.join(path?);
            std::fs::read(&path)
                .map_err(|error| problems.push(format!("tls.{field}: cannot read {}: {error}", path.display())))
                .ok()
        };
        let mut files = Files {
            ca: read("ca", setting.ca.as_ref()),
            certificate: read("certificate", setting.certificate.as_ref()),
            key: read("key", setting.key.as_ref()),
        };
        if setting.certificate.is_some() != setting.key.is_some() {
            problems.push("tls: `certificate` and `key` belong together; one of them is missing".into());
        }
        if let Some(shown) = shown {
            files.certificate = Some(shown.certificate_pem().as_bytes().to_vec());
            files.key = shown.key_pem().map(|key| key.expose().as_bytes().to_vec());
            if files.key.is_none() {
                problems.push("the certificate has no private key here: it cannot be shown to a server".into());
            }
        }
        let server_name = setting.server_name.clone().map(ServerName::try_from).transpose();
        let server_name = server_name.map_err(|error| problems.push(format!("tls.server_name: {error}")));
        let (Ok(server_name), true) = (server_name, problems.is_empty()) else { return Err(problems) };
        let config = config(&files).map_err(|problem| vec![problem])?;
        Ok(Self::new(digest(&files, setting.server_name.as_deref()), server_name, config))
    }

    /// The public authorities and no client certificate: shared by all backends without TLS settings.
    fn public() -> Self {
        static PUBLIC: OnceLock<Tls> = OnceLock::new();
        let build = || {
            let config = config(&Files::default()).expect("the built-in authorities are valid");
            Self::new([0; 32], None, config)
        };
        PUBLIC.get_or_init(build).clone()
    }

    fn new(digest: [u8; 32], server_name: Option<ServerName<'static>>, mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let http1 = Arc::new(config.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { digest, server_name, any: Arc::new(config), http1 }
    }

    /// Speaks TLS on a connection and checks who is there.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        http1: bool,
    ) -> Result<TlsStream<TcpStream>, SendFault> {
        let failed = |text: String| {
            SendFault::unsent(SendFaultKind::Tls, format!("no trusted TLS connection to {host}: {text}"))
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(bare.to_owned()).map_err(|error| failed(error.to_string()))?,
        };
        let config = if http1 { &self.http1 } else { &self.any };
        let connecting = TlsConnector::from(config.clone()).connect(name, stream);
        connecting.await.map_err(|error| failed(innermost(&error)))
    }
}

/// A configuration that trusts the public authorities, for side calls.
pub(in crate::outbound) fn public_tls() -> ClientConfig {
    (*Tls::public().any).clone()
}

/// A configuration that trusts the public authorities and shows a certificate, for side calls.
pub(in crate::outbound) fn identified_tls(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, String> {
    builder(None)?.with_client_auth_cert(chain, key).map_err(|error| format!("the key does not fit: {error}"))
}

fn digest(files: &Files, server_name: Option<&str>) -> [u8; 32] {
    let parts =
        [files.ca.as_deref(), files.certificate.as_deref(), files.key.as_deref(), server_name.map(str::as_bytes)];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.finalize().into()
}

fn builder(ca: Option<&[u8]>) -> Result<rustls::ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // Libraries that look for a process-wide provider (side calls) get the same; a second start in one process
    // finds it installed, which is as good.
    if CryptoProvider::get_default().is_none() && CryptoProvider::install_default((*provider).clone()).is_err() {
        tracing::debug!("a TLS provider was already installed");
    }
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("tls: {error}"))?
        .with_root_certificates(roots(ca)?))
}

fn config(files: &Files) -> Result<ClientConfig, String> {
    let builder = builder(files.ca.as_deref())?;
    let (Some(certificate), Some(key)) = (&files.certificate, &files.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate).map_err(|problem| format!("tls.certificate: {problem}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("tls.key: not a PEM private key: {error}"))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| format!("tls.key: does not fit tls.certificate: {error}"))
}

fn roots(own: Option<&[u8]>) -> Result<RootCertStore, String> {
    let Some(pem) = own else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).map_err(|problem| format!("tls.ca: {problem}"))? {
        roots.add(certificate).map_err(|error| format!("tls.ca: not usable as an authority: {error}"))?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not a PEM file: {error}"))?;
    if found.is_empty() { Err("has no PEM certificate".into()) } else { Ok(found) }
}
