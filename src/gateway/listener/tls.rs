//! The certificate of a listener: read at start, read again when its files change, kept when the new ones are bad.
//! Certificates of clients are the business of `clients`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};

use super::clients::{Asking, Authorities};
use crate::{settings::server::Tls, telemetry::metrics::Sight};

/// How often the files are looked at. Tools such as cert-manager and certbot replace them without telling.
const LOOK: Duration = Duration::from_secs(5);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}; check `tls`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is not PEM of the right kind.
    #[error("{} is not a PEM file with {wanted}; check `tls`", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
    },
    /// The authorities of clients cannot be used.
    #[error("{} cannot be used to verify clients: {reason}; check `tls.client_ca` and `tls.client_crl`", path.display())]
    Clients {
        /// The file of authorities.
        path: PathBuf,
        /// What rustls said.
        reason: String,
    },
    /// Certificate and key do not belong together, or the key's kind is not supported.
    #[error("the certificate {} and its key do not fit: {reason}", certificate.display())]
    Unfit {
        /// The certificate file.
        certificate: PathBuf,
        /// What rustls said.
        reason: rustls::Error,
    },
}

/// A certificate with its key, as read last.
pub struct Certificates {
    files: Tls,
    current: Arc<Current>,
}

pub(super) struct Current(ArcSwap<Loaded>);

struct Loaded {
    key: Arc<CertifiedKey>,
    authorities: Arc<Authorities>,
    digest: [u8; 32],
}

impl Current {
    /// What clients' certificates are held against at the moment.
    pub(super) fn authorities(&self) -> Arc<Authorities> {
        Arc::clone(&self.0.load().authorities)
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Current(***)")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

impl Certificates {
    /// Reads both files.
    pub fn read(files: &Tls) -> Result<Self, TlsProblem> {
        let loaded = load(files, None)?.expect("without a known digest the files count as changed");
        Ok(Self { files: files.clone(), current: Arc::new(Current(ArcSwap::from_pointee(loaded))) })
    }

    /// Reads the files again if they changed. True: new connections get the new certificate. On an error the old
    /// one stays in use.
    pub fn reload(&self) -> Result<bool, TlsProblem> {
        let known = self.current.0.load().digest;
        let Some(loaded) = load(&self.files, Some(known))? else { return Ok(false) };
        self.current.0.store(Arc::new(loaded));
        Ok(true)
    }

    /// The rustls configuration of a server that speaks HTTP/2 and HTTP/1.1 with this certificate.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&self.current) as _;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3");
        let mut config = match self.asking() {
            Some(asking) => builder.with_client_cert_verifier(asking).with_cert_resolver(resolver),
            None => builder.with_no_client_auth().with_cert_resolver(resolver),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// Asks clients for their certificates; `None`: they are not asked.
    pub(super) fn asking(&self) -> Option<Arc<Asking>> {
        Asking::new(Arc::clone(&self.current), &self.files)
    }

    /// Looks at the files every few seconds, for ever.
    pub(super) async fn follow(self: Arc<Self>, sight: &Sight) {
        let mut last = String::new();
        loop {
            tokio::time::sleep(LOOK).await;
            let certificates = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || certificates.reload()).await {
                Ok(outcome) => last = self.report(outcome, &last, sight),
                Err(stopped) => tracing::error!(%stopped, "looking at the certificate files failed"),
            }
        }
    }

    /// Shows a change once, and a problem once for as long as it stays the same.
    fn report(&self, outcome: Result<bool, TlsProblem>, last: &str, sight: &Sight) -> String {
        let path = &self.files.certificate;
        match outcome {
            Ok(false) => String::new(),
            Ok(true) => {
                sight.certificate(path, None);
                String::new()
            }
            Err(problem) => {
                let problem = problem.to_string();
                if problem != last {
                    sight.certificate(path, Some(&problem));
                }
                problem
            }
        }
    }
}

fn load(files: &Tls, known: Option<[u8; 32]>) -> Result<Option<Loaded>, TlsProblem> {
    let certificate = contents(&files.certificate)?;
    let key = zeroize::Zeroizing::new(contents(&files.key)?);
    let (authorities, of_clients) = Authorities::read(files)?;
    let digest = Sha256::new().chain_update(&certificate).chain_update([0]).chain_update(&*key);
    let digest: [u8; 32] = digest.chain_update([0]).chain_update(of_clients).finalize().into();
    if known == Some(digest) {
        return Ok(None);
    }
    let chain = CertificateDer::pem_slice_iter(&certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| not_pem(&files.certificate, "a certificate chain"))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| not_pem(&files.key, "a private key"))?;
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|reason| TlsProblem::Unfit { certificate: files.certificate.clone(), reason })?;
    Ok(Some(Loaded { key: Arc::new(key), authorities: Arc::new(authorities), digest }))
}

pub(super) fn contents(path: &Path) -> Result<Vec<u8>, TlsProblem> {
    fs::read(path).map_err(|source| TlsProblem::Unreadable { path: path.to_path_buf(), source })
}

pub(super) fn not_pem(path: &Path, wanted: &'static str) -> TlsProblem {
    TlsProblem::NotPem { path: path.to_path_buf(), wanted }
}
