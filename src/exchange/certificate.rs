//! A client's certificate as the connection showed it, and what is known of it without the policy that judges it.
//!
//! Deliberately not here: the handshake (`gateway::listener`), what a document demands (`policies`).

use std::sync::Arc;

use rustls::{RootCertStore, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, UnixTime};

/// The certificate of a client that has proved in its handshake to have the key. Its `Debug` prints no bytes.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate, DER.
    pub der: CertificateDer<'static>,
    /// Certificates that may be its issuer: what the client sent along, and the configured authorities.
    pub issuers: Vec<CertificateDer<'static>>,
    /// Whether a chain leads to a configured authority (its dates left aside: a policy judges them by themselves).
    pub is_trusted: bool,
    /// Whether a configured revocation list names it; `None`: there is no list.
    pub is_revoked: Option<bool>,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { is_trusted, is_revoked, .. } = self;
        f.debug_struct("ClientCertificate")
            .field("is_trusted", is_trusted)
            .field("is_revoked", is_revoked)
            .finish_non_exhaustive()
    }
}

impl ClientCertificate {
    /// Whether `issuer` (DER) has signed it. Costs the check of a signature.
    #[must_use]
    pub fn is_issued_by(&self, issuer: &CertificateDer<'_>) -> bool {
        let mut roots = RootCertStore::empty();
        if roots.add(issuer.clone().into_owned()).is_err() {
            return false;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let Ok(verifier) = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build() else {
            return false;
        };
        verifier.verify_client_cert(&self.der, &[], moment_within(&self.der, UnixTime::now())).is_ok()
    }
}

/// `now`, or the nearest moment at which the certificate is in force: so that trust can be told from dates.
#[must_use]
pub fn moment_within(der: &CertificateDer<'_>, now: UnixTime) -> UnixTime {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(der) else { return now };
    let seconds = |at: x509_parser::time::ASN1Time| u64::try_from(at.timestamp()).unwrap_or_default();
    let validity = parsed.validity();
    let (from, to) = (seconds(validity.not_before), seconds(validity.not_after));
    let within = now.as_secs().min(to).max(from);
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(within))
}
