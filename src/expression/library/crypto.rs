//! Hashes, keyed hashes and RSA signatures.

use aws_lc_rs::{
    cipher::{
        AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    digest, hmac,
    iv::FixedLength,
    rand::SystemRandom,
    signature::{self, RsaKeyPair, UnparsedPublicKey},
};
use md5::{Digest, Md5};

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Algorithm, Inner, Mac, guard},
};

type Outcome = Result<Value, Thrown>;

macro_rules! hashes {
    ($($kind:ident $algorithm:ident, $mac:ident;)*) => {
        &[
            $(
                fixed(Kind::$kind, "Create(): HashAlgorithm", |_| Ok(Value::library(Inner::Hash(Algorithm::$algorithm)))),
                fixed(Kind::$kind, "new(): HashAlgorithm", |_| Ok(Value::library(Inner::Hash(Algorithm::$algorithm)))),
                fixed(Kind::$kind, "HashData(bytes): byte[]", |c| {
                    let bytes = c.bytes(0)?;
                    Ok(Value::bytes(hash(Algorithm::$algorithm, &bytes)))
                }),
                fixed(Kind::$mac, "new([key]): HashAlgorithm", |c| keyed(c, Algorithm::$algorithm)),
                fixed(Kind::$mac, "HashData(key, bytes): byte[]", |c| {
                    let key = c.bytes(0)?;
                    let bytes = c.bytes(1)?;
                    Ok(Value::bytes(mac(Algorithm::$algorithm, &key, &bytes)))
                }),
            )*
            member(Kind::HashAlgorithm, "ComputeHash(bytes, [offset], [count]): byte[]", compute),
            fixed(Kind::HashAlgorithm, "Create(name): HashAlgorithm", by_name),
            member(Kind::Bytes, "Encrypt(algorithm, key, iv): byte[]", |c| cipher(c, true)),
            member(Kind::Bytes, "Decrypt(algorithm, key, iv): byte[]", |c| cipher(c, false)),
            member(Kind::Array, "Encrypt(algorithm, key, iv): byte[]", |c| cipher(c, true)),
            member(Kind::Array, "Decrypt(algorithm, key, iv): byte[]", |c| cipher(c, false)),
            member(Kind::HashAlgorithm, "Clear(): void", |_| Ok(Value::Null)),
            member(Kind::HashAlgorithm, "HashSize: int", |c| Ok(Value::Int(8 * i32::try_from(hash(algorithm(c), &[]).len()).unwrap_or(0)))),
            member(Kind::Rsa, "SignData(bytes, hash, [padding]): byte[]", sign),
            member(Kind::Rsa, "VerifyData(bytes, signature, hash, [padding]): bool", verify),
        ]
    };
}

pub(super) const ROWS: &[Row] = hashes! {
    Md5 Md5, HmacMd5;
    Sha1 Sha1, HmacSha1;
    Sha256 Sha256, HmacSha256;
    Sha384 Sha384, HmacSha384;
    Sha512 Sha512, HmacSha512;
};

/// Hexadecimal digits, upper case.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The hash of some bytes.
pub(super) fn hash(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
    let of = match algorithm {
        Algorithm::Md5 => return Md5::digest(bytes).to_vec(),
        Algorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => &digest::SHA256,
        Algorithm::Sha384 => &digest::SHA384,
        Algorithm::Sha512 => &digest::SHA512,
    };
    digest::digest(of, bytes).as_ref().to_vec()
}

fn mac(algorithm: Algorithm, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let of = match algorithm {
        Algorithm::Md5 => return hmac_md5(key, bytes),
        Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => hmac::HMAC_SHA256,
        Algorithm::Sha384 => hmac::HMAC_SHA384,
        Algorithm::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::sign(&hmac::Key::new(of, key), bytes).as_ref().to_vec()
}

/// RFC 2104 over MD5, with its block of 64 bytes.
fn hmac_md5(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    let short = if key.len() > 64 { Md5::digest(key).to_vec() } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Md5::new().chain_update(padded(0x36)).chain_update(bytes).finalize();
    Md5::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

/// `HashAlgorithm.Create("SHA256")`, `HMAC.Create("HMACSHA256")`.
fn by_name(c: &mut Call<'_, '_>) -> Outcome {
    let name = c.text(0)?.to_ascii_uppercase().replace('-', "");
    let (name, is_keyed) = name.strip_prefix("HMAC").map_or((&*name, false), |name| (name, true));
    let algorithm = match name {
        "MD5" => Algorithm::Md5,
        "SHA1" | "SHA" => Algorithm::Sha1,
        "SHA256" => Algorithm::Sha256,
        "SHA384" => Algorithm::Sha384,
        "SHA512" => Algorithm::Sha512,
        _ => return Ok(Value::Null),
    };
    c.args.clear();
    if is_keyed { keyed(c, algorithm) } else { Ok(Value::library(Inner::Hash(algorithm))) }
}

fn keyed(c: &mut Call<'_, '_>, algorithm: Algorithm) -> Outcome {
    let key = if c.count() > 0 {
        c.bytes(0)?
    } else {
        let mut key = [0; 64];
        c.machine.host.random(&mut key);
        key.as_slice().into()
    };
    Ok(Value::library(Inner::Mac(Mac { algorithm, key: key.into() })))
}

fn algorithm(c: &Call<'_, '_>) -> Algorithm {
    match c.this.inner() {
        Some(Inner::Hash(algorithm)) => *algorithm,
        Some(Inner::Mac(mac)) => mac.algorithm,
        _ => Algorithm::Sha256,
    }
}

fn compute(c: &mut Call<'_, '_>) -> Outcome {
    let mut bytes = c.bytes(0)?;
    if c.count() == 3 {
        let (from, count) = (usize::try_from(c.int(1)?).ok(), usize::try_from(c.int(2)?).ok());
        let window = from.zip(count).and_then(|(from, count)| bytes.get(from..from.checked_add(count)?));
        bytes = window.ok_or_else(|| Thrown::argument("Argument was out of the range of valid values."))?.into();
    }
    c.machine.budget.step(bytes.len() / 16 + 1)?;
    match c.this.inner() {
        Some(Inner::Hash(algorithm)) => Ok(Value::bytes(hash(*algorithm, &bytes))),
        Some(Inner::Mac(keyed)) => Ok(Value::bytes(mac(keyed.algorithm, &guard(&keyed.key).clone(), &bytes))),
        _ => Err(Thrown::null("the hash")),
    }
}

/// AES in CBC mode with PKCS#7 padding, which is what the helpers of the original do.
fn cipher(c: &mut Call<'_, '_>, encrypt: bool) -> Outcome {
    let name = c.text(0)?;
    let (input, key, iv) = (super::bytes_of(&c.this)?, c.bytes(1)?, c.bytes(2)?);
    if !name.to_ascii_lowercase().starts_with("aes") && !name.eq_ignore_ascii_case("rijndael") {
        return Err(failed(&format!("The algorithm '{name}' is not supported; use \"Aes\".")));
    }
    c.machine.budget.grow(input.len() + 16)?;
    let of = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(failed("Specified key is not a valid size for this algorithm.")),
    };
    let iv: [u8; 16] = (&*iv).try_into().map_err(|_| {
        failed("Specified initialization vector (IV) does not match the block size for this algorithm.")
    })?;
    let unbound = || UnboundCipherKey::new(of, &key).map_err(|_| failed("The key cannot be used."));
    let mut buffer = input.to_vec();
    let bad = |_| failed("Padding is invalid and cannot be removed.");
    if encrypt {
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(unbound()?).map_err(bad)?;
        key.less_safe_encrypt(&mut buffer, EncryptionContext::Iv128(FixedLength::from(iv))).map_err(bad)?;
        return Ok(Value::bytes(buffer));
    }
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(unbound()?).map_err(bad)?;
    let plain = key.decrypt(&mut buffer, DecryptionContext::Iv128(FixedLength::from(iv))).map_err(bad)?;
    Ok(Value::bytes(plain.to_vec()))
}

fn failed(what: &str) -> Thrown {
    Thrown::new("CryptographicException", what.to_owned())
}

/// PKCS#1 v1.5 unless PSS is asked for; the randomness of PSS padding is the library's own.
fn sign(c: &mut Call<'_, '_>) -> Outcome {
    let bytes = c.bytes(0)?;
    c.machine.budget.step(20_000 + bytes.len() / 16)?;
    let Some(Inner::Rsa(certificate)) = c.this.inner() else { return Err(Thrown::null("the RSA key")) };
    let key = certificate.key.as_deref().ok_or_else(|| failed("The certificate has no private key here."))?;
    let pair = RsaKeyPair::from_pkcs8(key).map_err(|_| failed("The private key cannot be read as PKCS#8."))?;
    let padding: &'static dyn signature::RsaEncoding = match (c.arg(1), c.arg(2)) {
        (Value::Enum(_, 3), Value::Enum(_, 1)) => &signature::RSA_PSS_SHA384,
        (Value::Enum(_, 4), Value::Enum(_, 1)) => &signature::RSA_PSS_SHA512,
        (Value::Enum(_, 2), Value::Enum(_, 1)) => &signature::RSA_PSS_SHA256,
        (Value::Enum(_, 2), _) => &signature::RSA_PKCS1_SHA256,
        (Value::Enum(_, 3), _) => &signature::RSA_PKCS1_SHA384,
        (Value::Enum(_, 4), _) => &signature::RSA_PKCS1_SHA512,
        _ => return Err(failed("Only SHA256, SHA384 and SHA512 can be signed with.")),
    };
    let mut out = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), &bytes, &mut out).map_err(|_| failed("The data cannot be signed."))?;
    Ok(Value::bytes(out))
}

fn verify(c: &mut Call<'_, '_>) -> Outcome {
    let (bytes, signed) = (c.bytes(0)?, c.bytes(1)?);
    c.machine.budget.step(2_000 + bytes.len() / 16)?;
    let Some(Inner::Rsa(certificate)) = c.this.inner() else { return Err(Thrown::null("the RSA key")) };
    let (_, parsed) =
        x509_parser::parse_x509_certificate(&certificate.der).map_err(|_| failed("The certificate cannot be read."))?;
    let algorithm = match (c.arg(2), c.arg(3)) {
        (Value::Enum(_, 2), Value::Enum(_, 1)) => &signature::RSA_PSS_2048_8192_SHA256,
        (Value::Enum(_, 2), _) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Value::Enum(_, 3), _) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Value::Enum(_, 4), _) => &signature::RSA_PKCS1_2048_8192_SHA512,
        _ => return Err(failed("Only SHA256, SHA384 and SHA512 can be verified.")),
    };
    let key = UnparsedPublicKey::new(algorithm, &parsed.public_key().subject_public_key.data);
    Ok(Value::Bool(key.verify(&bytes, &signed).is_ok()))
}
