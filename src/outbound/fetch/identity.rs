//! A certificate with its key, as a client shows it; and its thumbprint.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rsa::KeyPair as RsaKeyPair,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::model::Secret;

/// A certificate (with its chain) and its private key.
#[derive(Clone)]
pub struct Identity {
    chain: Arc<Vec<CertificateDer<'static>>>,
    key: Option<Arc<Secret>>,
    certificate: Arc<str>,
    thumbprint: Arc<str>,
}

impl Identity {
    /// Reads PEM text: the certificate first, then its chain. Without a key it can be recognised and can verify
    /// signatures, but not be shown to a server.
    ///
    /// # Errors
    /// What is wrong with which of them, without their text.
    pub fn from_pem(certificate: &str, key: Option<&Secret>) -> Result<Self, String> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the certificate is no PEM text: {error}"))?;
        let first = chain.first().ok_or("there is no PEM certificate: write -----BEGIN CERTIFICATE-----")?;
        if let Some(key) = key {
            PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
                .map_err(|error| format!("the key is no PEM private key: {error}"))?;
        }
        let thumbprint = thumbprint(first).into();
        let key = key.map(|key| Arc::new(key.clone()));
        Ok(Self { chain: Arc::new(chain), key, certificate: certificate.into(), thumbprint })
    }

    /// SHA-1 of the certificate in upper-case hex: what APIM calls its thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether that is its thumbprint, in any case and with or without the separators that people copy along.
    #[must_use]
    pub fn has_thumbprint(&self, wanted: &str) -> bool {
        same_thumbprint(&self.thumbprint, wanted)
    }

    /// The certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.chain.first().map_or(&[], |first| first.as_ref())
    }

    /// The certificates, the own one first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Certificate and chain as PEM text.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// The private key as PEM text.
    #[must_use]
    pub fn key_pem(&self) -> Option<&Secret> {
        self.key.as_deref()
    }

    /// The private key as PKCS#8 (DER), whichever way it was written, when it is an RSA key.
    #[must_use]
    pub fn rsa_key(&self) -> Option<Vec<u8>> {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_ref()?.expose().as_bytes()).ok()?;
        let pair = match &key {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            _ => return None,
        };
        AsDer::<Pkcs8V1Der<'_>>::as_der(&pair.ok()?).ok().map(|key| key.as_ref().to_vec())
    }

    /// Certificate and key in one PEM text, if there is a key.
    pub(super) fn pem(&self) -> Option<String> {
        Some(format!("{}\n{}\n", self.certificate, self.key.as_ref()?.expose()))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.thumbprint)
    }
}

/// SHA-1 of a certificate (DER) in upper-case hex.
#[must_use]
pub fn thumbprint(der: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der);
    digest.as_ref().iter().fold(String::with_capacity(40), |mut text, byte| {
        use fmt::Write;
        write!(text, "{byte:02X}").expect("writing to a string does not fail");
        text
    })
}

/// Whether two thumbprints are the same but for case, spaces, colons and invisible marks.
#[must_use]
pub fn same_thumbprint(one: &str, other: &str) -> bool {
    let digits = |text: &str| -> String {
        text.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_uppercase()).collect()
    };
    digits(one) == digits(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_and_known_by_their_thumbprint() {
        let made = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).expect("a certificate");
        let key = Secret::from(made.signing_key.serialize_pem());
        let identity = Identity::from_pem(&made.cert.pem(), Some(&key)).expect("identity");
        assert_eq!(identity.thumbprint().len(), 40);
        assert_eq!(identity.der(), made.cert.der().as_ref());
        let spaced: String =
            identity.thumbprint().to_lowercase().chars().flat_map(|digit| [digit, ' ']).chain(['\u{200e}']).collect();
        assert!(identity.has_thumbprint(&spaced));
        assert!(!identity.has_thumbprint("00"));
        assert!(!format!("{identity:?}").contains("PRIVATE"));
        assert!(identity.pem().is_some());
    }

    #[test]
    fn what_is_no_certificate_says_so() {
        let made = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).expect("a certificate");
        assert!(Identity::from_pem("", None).expect_err("none").contains("BEGIN CERTIFICATE"));
        let bad = Identity::from_pem(&made.cert.pem(), Some(&Secret::from("x")));
        assert!(bad.expect_err("no key").contains("no PEM private key"));
    }
}
