//! Keys that verify tokens, each with the algorithms that it may verify: a public key never verifies an HMAC, a P-256 key
//! never anything but ES256.

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use super::token::Token;
use crate::outbound::fetch::Identity;

/// Base64url, with or without padding.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
/// Base64, with or without padding.
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

const HMAC: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// A key.
#[derive(Clone)]
pub struct Key {
    /// Its id.
    pub id: Option<String>,
    /// Thumbprint of its certificate, base64url.
    pub thumbprint: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, {:?})", self.id, self.algorithms)
    }
}

/// Base64 in either alphabet, with or without padding: documents have all of them.
#[must_use]
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text)).ok()
}

impl Key {
    fn new(algorithms: &[Algorithm], key: DecodingKey) -> Self {
        Self { id: None, thumbprint: None, algorithms: algorithms.to_vec(), key }
    }

    /// With an id.
    #[must_use]
    pub fn with_id(mut self, id: Option<&str>) -> Self {
        self.id = id.map(str::to_owned);
        self
    }

    /// A shared secret.
    #[must_use]
    pub fn symmetric(secret: &[u8]) -> Self {
        Self::new(HMAC, DecodingKey::from_secret(secret))
    }

    /// Modulus and exponent of an RSA key, big-endian.
    #[must_use]
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::new(RSA, DecodingKey::from_rsa_raw_components(modulus, exponent))
    }

    /// The public key of a certificate.
    ///
    /// # Errors
    /// A key that tokens cannot be signed with here.
    pub fn of_certificate(identity: &Identity) -> Result<Self, String> {
        use x509_parser::public_key::PublicKey;
        let (_, certificate) =
            x509_parser::parse_x509_certificate(identity.der()).map_err(|error| format!("no certificate: {error}"))?;
        match certificate.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => Ok(Self::rsa(plain(key.modulus), plain(key.exponent))),
            Ok(PublicKey::EC(point)) => {
                let algorithm = match point.key_size() {
                    256 => Algorithm::ES256,
                    384 => Algorithm::ES384,
                    bits => return Err(format!("its elliptic curve of {bits} bits is not supported")),
                };
                Ok(Self::new(&[algorithm], DecodingKey::from_ec_der(point.data())))
            }
            _ => Err("its public key is neither RSA nor on an elliptic curve".to_owned()),
        }
    }

    /// A key of a JWK set (RFC 7517); none where it is for something else, or of a kind that is not known. Shared secrets
    /// have no place in a published set: they are not taken.
    #[must_use]
    pub fn of_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk[name].as_str();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let key = match text("kty")? {
            "RSA" => Self::rsa(&URL_SAFE.decode(text("n")?).ok()?, &URL_SAFE.decode(text("e")?).ok()?),
            "EC" => {
                let algorithm = match text("crv")? {
                    "P-256" => Algorithm::ES256,
                    "P-384" => Algorithm::ES384,
                    _ => return None,
                };
                Self::new(&[algorithm], DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?)
            }
            "OKP" if text("crv") == Some("Ed25519") => {
                Self::new(&[Algorithm::EdDSA], DecodingKey::from_ed_components(text("x")?).ok()?)
            }
            _ => return None,
        };
        let mut key = key.with_id(text("kid"));
        key.thumbprint = text("x5t").map(|thumbprint| thumbprint.trim_end_matches('=').to_owned());
        if let Some(name) = text("alg") {
            let only = name.parse().ok()?;
            key.algorithms.retain(|algorithm| *algorithm == only);
        }
        Some(key)
    }

    /// Whether the token may be signed by this key with that algorithm.
    #[must_use]
    pub fn may(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether the token names this key; `None`: the token names none.
    #[must_use]
    pub fn is_named(&self, token: &Token<'_>) -> Option<bool> {
        let by_id = token.key_id().map(|id| self.id.as_deref() == Some(id));
        let by_thumbprint = token.thumbprint().map(|found| {
            self.thumbprint.as_deref() == Some(found.trim_end_matches('=')) || self.id.as_deref() == Some(found)
        });
        match (by_id, by_thumbprint) {
            (None, None) => None,
            (id, thumbprint) => Some(id == Some(true) || (id.is_none() && thumbprint == Some(true))),
        }
    }

    /// Whether the token was signed by this key.
    #[must_use]
    pub fn verifies(&self, token: &Token<'_>, algorithm: Algorithm) -> bool {
        self.may(algorithm)
            && crypto::verify(token.signature, token.signed.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }
}

/// A number without the zero that DER puts before it.
fn plain(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}
