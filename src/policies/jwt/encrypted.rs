//! Encrypted tokens (RFC 7516, compact): what is inside of them, a signed token.
//!
//! Keys are agreed by `RSA-OAEP`, `RSA-OAEP-256`, AES key wrap or directly; `RSA1_5` is refused, because it tells those
//! who ask often enough what is inside (RFC 8017, section 7.2). All that fails, fails with one message.

use aws_lc_rs::{
    aead,
    cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    hmac,
    iv::FixedLength,
    key_wrap::{self, AesKek, KeyWrap},
    rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::strict;

/// A key of `decryption-keys`.
pub enum DecryptionKey {
    /// A shared secret.
    Secret(Vec<u8>),
    /// The private key of a certificate, PKCS#8.
    Private(Vec<u8>),
}

/// The parts of a token, when it is an encrypted one.
fn parts(text: &str) -> Option<[&str; 5]> {
    text.split('.').collect::<Vec<_>>().try_into().ok()
}

/// Whether a token is encrypted.
#[must_use]
pub fn is_encrypted(text: &str) -> bool {
    parts(text).is_some()
}

/// The token inside of an encrypted one, by whichever key opens it.
///
/// # Errors
/// Why it cannot be opened; nothing of it is repeated.
pub fn open(text: &str, keys: &[DecryptionKey]) -> Result<String, &'static str> {
    let [header, wrapped, iv, sealed, tag] = parts(text).ok_or("it does not have five parts")?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "a part of it is no base64url");
    let fields = strict::object(&part(header)?).map_err(|_| "its header cannot be read")?;
    let named = |name: &str| fields.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    if fields.contains_key("crit") || fields.contains_key("zip") {
        return Err("its header demands an extension that is not known");
    }
    let (agreed, method) = (named("alg"), named("enc"));
    let envelope =
        Envelope { header, wrapped: part(wrapped)?, iv: part(iv)?, sealed: part(sealed)?, tag: part(tag)?, method };
    let opened = keys.iter().find_map(|key| envelope.open(agreed, key));
    let inner = opened.ok_or("no key of `decryption-keys` opens it")?;
    String::from_utf8(inner).map_err(|_| "what is inside is no token")
}

/// The parts of an encrypted token, decoded; the header as it is written.
struct Envelope<'t> {
    header: &'t str,
    wrapped: Vec<u8>,
    iv: Vec<u8>,
    sealed: Vec<u8>,
    tag: Vec<u8>,
    method: &'t str,
}

impl Envelope<'_> {
    fn open(&self, agreed: &str, key: &DecryptionKey) -> Option<Vec<u8>> {
        let content_key = self.content_key(agreed, key)?;
        match self.method {
            "A128CBC-HS256" => self.open_cbc(&content_key, 16, hmac::HMAC_SHA256),
            "A192CBC-HS384" => self.open_cbc(&content_key, 24, hmac::HMAC_SHA384),
            "A256CBC-HS512" => self.open_cbc(&content_key, 32, hmac::HMAC_SHA512),
            "A128GCM" => self.open_gcm(&content_key, &aead::AES_128_GCM),
            "A192GCM" => self.open_gcm(&content_key, &aead::AES_192_GCM),
            "A256GCM" => self.open_gcm(&content_key, &aead::AES_256_GCM),
            _ => None,
        }
    }

    /// The key that the content is sealed with (RFC 7518, section 4).
    fn content_key(&self, agreed: &str, key: &DecryptionKey) -> Option<Vec<u8>> {
        match (agreed, key) {
            ("dir", DecryptionKey::Secret(secret)) if self.wrapped.is_empty() => Some(secret.clone()),
            ("A128KW" | "A256KW", DecryptionKey::Secret(secret)) => {
                let cipher = if agreed == "A128KW" { &key_wrap::AES_128 } else { &key_wrap::AES_256 };
                let mut out = vec![0; self.wrapped.len()];
                let opened = AesKek::new(cipher, secret).ok()?.unwrap(&self.wrapped, &mut out).ok()?;
                Some(opened.to_vec())
            }
            ("RSA-OAEP" | "RSA-OAEP-256", DecryptionKey::Private(private)) => {
                let algorithm = if agreed == "RSA-OAEP" { &OAEP_SHA1_MGF1SHA1 } else { &OAEP_SHA256_MGF1SHA256 };
                let private = PrivateDecryptingKey::from_pkcs8(private).ok()?;
                let private = OaepPrivateDecryptingKey::new(private).ok()?;
                let mut out = vec![0; private.min_output_size()];
                let opened = private.decrypt(algorithm, &self.wrapped, &mut out, None).ok()?;
                Some(opened.to_vec())
            }
            _ => None,
        }
    }

    /// AES in CBC mode, with HMAC over header, vector, text and the header's length in bits (RFC 7518, section 5.2).
    fn open_cbc(&self, key: &[u8], half: usize, mac: hmac::Algorithm) -> Option<Vec<u8>> {
        if key.len() != 2 * half || self.tag.len() != half {
            return None;
        }
        let (mac_key, cipher_key) = key.split_at(half);
        let mut context = hmac::Context::with_key(&hmac::Key::new(mac, mac_key));
        let bits = u64::try_from(self.header.len()).ok()?.checked_mul(8)?;
        for part in [self.header.as_bytes(), &self.iv, &self.sealed, &bits.to_be_bytes()] {
            context.update(part);
        }
        let wanted = context.sign();
        aws_lc_rs::constant_time::verify_slices_are_equal(wanted.as_ref().get(..half)?, &self.tag).ok()?;
        let of = match half {
            16 => &AES_128,
            24 => &AES_192,
            _ => &AES_256,
        };
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(of, cipher_key).ok()?).ok()?;
        let iv = FixedLength::<16>::try_from(self.iv.as_slice()).ok()?;
        let mut text = self.sealed.clone();
        let opened = key.decrypt(&mut text, DecryptionContext::Iv128(iv)).ok()?;
        Some(opened.to_vec())
    }

    fn open_gcm(&self, key: &[u8], of: &'static aead::Algorithm) -> Option<Vec<u8>> {
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(of, key).ok()?);
        let nonce = aead::Nonce::try_assume_unique_for_key(&self.iv).ok()?;
        if self.tag.len() != 16 {
            return None;
        }
        let mut text = [self.sealed.as_slice(), &self.tag].concat();
        let opened = key.open_in_place(nonce, aead::Aad::from(self.header.as_bytes()), &mut text).ok()?;
        Some(opened.to_vec())
    }
}

/// Tokens that are sealed, for tests here and of the policies.
#[cfg(test)]
pub mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::{KeySize, OaepPublicEncryptingKey},
    };

    use super::*;

    /// A token sealed with AES-GCM under a 32 byte key that was agreed as told.
    pub fn sealed(header: &str, wrapped: &[u8], key: &[u8; 32], inner: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(header);
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, key).expect("a key"));
        let nonce = aead::Nonce::assume_unique_for_key([7; 12]);
        let mut text = inner.as_bytes().to_vec();
        let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::from(header.as_bytes()), &mut text).expect("sealed");
        let parts = [wrapped, &[7; 12], &text, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{}", parts.join("."))
    }

    #[test]
    fn the_example_of_the_standard_is_opened() {
        // RFC 7516, appendix A.3.
        let token = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ.\
                     AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ";
        let key = URL_SAFE_NO_PAD.decode("GawgguFyGrWKav7AX4VKUg").expect("base64url");
        let keys = [DecryptionKey::Secret(vec![1; 16]), DecryptionKey::Secret(key)];
        assert_eq!(open(token, &keys).as_deref(), Ok("Live long and prosper."));
        assert!(open(&token.replace("U0m_", "U0n_"), &keys).is_err(), "another tag");
        assert!(open(&token.replace(".AxY8", ".AxY9"), &keys).is_err(), "another vector");
        assert!(open(token, &keys[..1]).is_err(), "another key");
    }

    #[test]
    fn private_keys_open_what_their_public_keys_sealed() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key");
        let public = OaepPublicEncryptingKey::new(private.public_key()).expect("its public key");
        let key = [3; 32];
        let mut wrapped = vec![0; public.ciphertext_size()];
        let wrapped = public.encrypt(&OAEP_SHA256_MGF1SHA256, &key, &mut wrapped, None).expect("wrapped").to_vec();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = private.as_der().expect("PKCS#8");
        let keys = [DecryptionKey::Private(der.as_ref().to_vec())];
        let token = |alg: &str| sealed(&format!(r#"{{"alg":"{alg}","enc":"A256GCM"}}"#), &wrapped, &key, "inside");
        assert_eq!(open(&token("RSA-OAEP-256"), &keys).as_deref(), Ok("inside"));
        for alg in ["RSA-OAEP", "RSA1_5", "dir", "none"] {
            assert!(open(&token(alg), &keys).is_err(), "{alg}");
        }
        let extended = sealed(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#, &[], &key, "inside");
        assert!(open(&extended, &[DecryptionKey::Secret(key.to_vec())]).is_err(), "compressed");
    }
}
