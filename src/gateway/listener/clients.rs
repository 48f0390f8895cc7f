//! Certificates that clients show: asked for in the handshake, judged when it is over.
//!
//! A listener that asks lets every client in that has the key to its certificate, trusted or not: which calls need a
//! certificate, and of whom, is said by `validate-client-certificate` and by expressions. A listener that requires one
//! refuses in the handshake. Deliberately not here: the listener's own certificate (`tls`).

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime, pem::PemObject};

use super::tls::{Current, TlsProblem, contents, not_pem};
use crate::{
    exchange::{ClientCertificate, certificate::moment_within},
    settings::server::{ClientCertificates, Tls},
};

/// Certificates of a client's chain that are looked at; longer chains are cut off.
const LONGEST_CHAIN: usize = 8;

/// What clients' certificates are held against.
pub(super) struct Authorities {
    roots: Vec<CertificateDer<'static>>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    has_list: bool,
}

impl Authorities {
    /// Reads the files; gives their contents too, so that a change is noticed.
    pub(super) fn read(files: &Tls) -> Result<(Self, Vec<u8>), TlsProblem> {
        let (mut seen, mut roots, mut lists) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(path) = &files.client_ca {
            let text = contents(path)?;
            roots = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>().unwrap_or_default();
            seen.extend(text);
            if roots.is_empty() {
                return Err(not_pem(path, "certificates of authorities"));
            }
        }
        if let Some(path) = &files.client_crl {
            let text = contents(path)?;
            let read = CertificateRevocationListDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
            lists = read.unwrap_or_default();
            seen.extend(text);
            if lists.is_empty() {
                return Err(not_pem(path, "revocation lists"));
            }
        }
        let verifier = verifier(&roots, lists.clone())
            .map_err(|reason| TlsProblem::Clients { path: files.client_ca.clone().unwrap_or_default(), reason })?;
        Ok((Self { roots, verifier, has_list: !lists.is_empty() }, seen))
    }

    /// What is known of a client that has shown this chain.
    fn judge(&self, chain: &[CertificateDer<'static>]) -> Option<ClientCertificate> {
        let (own, sent) = chain.split_first()?;
        let sent = &sent[..sent.len().min(LONGEST_CHAIN)];
        let verdict = self.verifier.as_ref().map(|verifier| {
            let now = moment_within(own, UnixTime::now());
            verifier.verify_client_cert(own, sent, now)
        });
        let is_revoked = matches!(verdict, Some(Err(Error::InvalidCertificate(CertificateError::Revoked))));
        Some(ClientCertificate {
            der: own.clone(),
            issuers: sent.iter().chain(&self.roots).cloned().collect(),
            // What is revoked was traced to an authority before.
            is_trusted: is_revoked || matches!(verdict, Some(Ok(_))),
            is_revoked: self.has_list.then_some(is_revoked),
        })
    }
}

fn verifier(
    roots: &[CertificateDer<'static>],
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if roots.is_empty() {
        return Ok(None);
    }
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(|reason| reason.to_string())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(store.into(), provider).with_crls(lists);
    builder.allow_unknown_revocation_status().build().map(Some).map_err(|reason| reason.to_string())
}

/// Asks clients for certificates, by what the listener's files say at the moment.
pub(super) struct Asking {
    current: Arc<Current>,
    is_required: bool,
    provider: CryptoProvider,
}

impl Asking {
    /// None: clients are not asked.
    pub(super) fn new(current: Arc<Current>, files: &Tls) -> Option<Arc<Self>> {
        let is_required = match files.client {
            ClientCertificates::None => return None,
            ClientCertificates::Ask => false,
            ClientCertificates::Require => true,
        };
        Some(Arc::new(Self { current, is_required, provider: aws_lc_rs::default_provider() }))
    }

    /// What is known of the client at the other end of a connection.
    pub(super) fn client(&self, chain: Option<&[CertificateDer<'static>]>) -> Option<Arc<ClientCertificate>> {
        self.current.authorities().judge(chain?).map(Arc::new)
    }
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").field("is_required", &self.is_required).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    /// None: a client that chooses by them would not show a certificate of an authority that is added later.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        sent: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if !self.is_required {
            return Ok(ClientCertVerified::assertion());
        }
        match &self.current.authorities().verifier {
            Some(verifier) => verifier.verify_client_cert(own, sent, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, own, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, own, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
