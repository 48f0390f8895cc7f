//! `X509Certificate2`, `Exception`, and the certificates of `context`.

use super::{Call, Row, crypto, distinguished, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    host::Certificate,
    value::{
        Algorithm, CertificateObject, DateTime, Inner, TimeKind,
        time::{EPOCH, SECOND},
    },
};

type Outcome = Result<Value, Thrown>;
type Parsed<'a> = x509_parser::certificate::X509Certificate<'a>;

const X: Kind = Kind::Certificate;

pub(super) const ROWS: &[Row] = &[
    member(X, "Thumbprint: string", |c| {
        let der = der(c)?;
        Ok(Value::from(crypto::hex(&crypto::hash(Algorithm::Sha1, &der.0.der))))
    }),
    member(X, "GetCertHashString(): string", |c| {
        let der = der(c)?;
        Ok(Value::from(crypto::hex(&crypto::hash(Algorithm::Sha1, &der.0.der))))
    }),
    member(X, "Subject: string", |c| read(c, |parsed| Value::from(distinguished::text(parsed.subject())))),
    member(X, "SubjectName: X500DistinguishedName", |c| read(c, |parsed| distinguished::name(parsed.subject()))),
    member(X, "IssuerName: X500DistinguishedName", |c| read(c, |parsed| distinguished::name(parsed.issuer()))),
    member(X, "GetNameInfo(type, issuer): string", name_info),
    member(X, "Issuer: string", |c| read(c, |parsed| Value::from(distinguished::text(parsed.issuer())))),
    member(X, "SerialNumber: string", |c| read(c, |parsed| Value::from(crypto::hex(parsed.raw_serial())))),
    member(X, "NotBefore: DateTime", |c| read(c, |parsed| time(parsed.validity().not_before.timestamp()))),
    member(X, "NotAfter: DateTime", |c| read(c, |parsed| time(parsed.validity().not_after.timestamp()))),
    member(X, "Version: int", |c| read(c, |parsed| Value::Int(i32::try_from(parsed.version().0 + 1).unwrap_or(3)))),
    member(X, "HasPrivateKey: bool", |c| Ok(Value::Bool(der(c)?.0.key.is_some()))),
    member(X, "RawData: byte[]", |c| Ok(Value::Bytes(der(c)?.0.der.clone()))),
    member(X, "Export(type, [password]): byte[]", |c| match c.arg(0) {
        Value::Enum(_, 1) => Ok(Value::Bytes(der(c)?.0.der.clone())),
        _ => Err(Thrown::new("NotSupportedException", "only X509ContentType.Cert can be exported")),
    }),
    member(X, "GetCertHash(): byte[]", |c| Ok(Value::bytes(crypto::hash(Algorithm::Sha1, &der(c)?.0.der)))),
    member(X, "GetSerialNumberString(): string", |c| read(c, |parsed| Value::from(crypto::hex(parsed.raw_serial())))),
    member(X, "GetPublicKeyString(): string", |c| {
        read(c, |parsed| Value::from(crypto::hex(&parsed.public_key().subject_public_key.data)))
    }),
    member(X, "GetEffectiveDateString(): string", |c| {
        read(c, |parsed| Value::Text(time(parsed.validity().not_before.timestamp()).to_text()))
    }),
    member(X, "GetExpirationDateString(): string", |c| {
        read(c, |parsed| Value::Text(time(parsed.validity().not_after.timestamp()).to_text()))
    }),
    member(X, "FriendlyName: string", |_| Ok(Value::from(""))),
    fixed(X, "new(data, [password]): X509Certificate2", made),
    member(X, "GetRawCertData(): byte[]", |c| Ok(Value::Bytes(der(c)?.0.der.clone()))),
    member(X, "Verify(): bool", |c| if der(c)?.0.is_revoked { Ok(Value::Bool(false)) } else { verify(c) }),
    member(X, "VerifyNoRevocation(): bool", verify),
    member(X, "GetRSAPrivateKey(): RSA", |c| {
        let certificate = &der(c)?.0;
        Ok(if certificate.key.is_some() { Value::library(Inner::Rsa(certificate.clone())) } else { Value::Null })
    }),
    member(X, "PrivateKey: RSA", |c| {
        let certificate = &der(c)?.0;
        Ok(if certificate.key.is_some() { Value::library(Inner::Rsa(certificate.clone())) } else { Value::Null })
    }),
    member(X, "GetRSAPublicKey(): RSA", |c| Ok(Value::library(Inner::Rsa(der(c)?.0.clone())))),
    fixed(Kind::Exception, "new(class, [message], [inner]): Exception", |c| {
        let message = if c.count() > 1 { c.arg(1).to_text() } else { "Exception of this type was thrown.".into() };
        Ok(Value::library(Inner::Exception(Thrown::new(class(&c.arg(0).to_text()), message.to_string()))))
    }),
    member(Kind::Exception, "Message: string", |c| Ok(Value::from(thrown(c)?.message.as_ref()))),
    member(Kind::Exception, "InnerException: Exception", |_| Ok(Value::Null)),
    member(Kind::Exception, "StackTrace: string", |_| Ok(Value::from(""))),
    member(Kind::Exception, "Source: string", |_| Ok(Value::from("expression"))),
];

const CLASSES: &[&str] = &[
    "ArgumentException",
    "ArgumentNullException",
    "ArgumentOutOfRangeException",
    "InvalidOperationException",
    "FormatException",
    "NotSupportedException",
    "KeyNotFoundException",
    "InvalidCastException",
    "NullReferenceException",
    "UnauthorizedAccessException",
    "TimeoutException",
    "JsonException",
    "JsonReaderException",
    "IndexOutOfRangeException",
];

fn class(name: &str) -> &'static str {
    CLASSES.iter().copied().find(|class| *class == name).unwrap_or("Exception")
}

fn thrown<'c>(c: &'c Call<'_, '_>) -> Result<&'c Thrown, Thrown> {
    match c.this.inner() {
        Some(Inner::Exception(thrown)) => Ok(thrown),
        _ => Err(Thrown::null("the exception")),
    }
}

fn time(seconds: i64) -> Value {
    let ticks = seconds.saturating_mul(SECOND).saturating_add(EPOCH).max(0);
    Value::DateTime(DateTime { ticks, kind: TimeKind::Local })
}

fn der<'c>(c: &'c Call<'_, '_>) -> Result<&'c CertificateObject, Thrown> {
    match c.this.inner() {
        Some(Inner::Certificate(certificate)) => Ok(certificate),
        _ => Err(Thrown::null("the certificate")),
    }
}

/// A certificate from its bytes, DER or PEM. Nobody has said that it is to be trusted.
fn made(c: &mut Call<'_, '_>) -> Outcome {
    let bytes = match c.arg(0) {
        Value::Text(text) => text.as_bytes().into(),
        _ => c.bytes(0)?,
    };
    c.machine.budget.step(bytes.len() / 8 + 500)?;
    let unreadable = || Thrown::new("CryptographicException", "The certificate cannot be read.");
    let der = match x509_parser::pem::parse_x509_pem(&bytes) {
        Ok((_, pem)) => pem.contents.into(),
        Err(_) => bytes,
    };
    x509_parser::parse_x509_certificate(&der).map_err(|_| unreadable())?;
    let certificate = Certificate { der, key: None, is_trusted: false, is_revoked: false };
    Ok(Value::library(Inner::Certificate(CertificateObject(certificate))))
}

fn read(c: &mut Call<'_, '_>, read: impl Fn(&Parsed<'_>) -> Value) -> Outcome {
    c.machine.budget.step(500)?;
    let certificate = der(c)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate.0.der)
        .map_err(|_| Thrown::new("CryptographicException", "The certificate cannot be read."))?;
    Ok(read(&parsed))
}

/// The common name, or the first name of that sort.
fn name_info(c: &mut Call<'_, '_>) -> Outcome {
    let (of, issuer) = (c.arg(0), c.arg(1).as_bool() == Some(true));
    read(c, |parsed| {
        let name = if issuer { parsed.issuer() } else { parsed.subject() };
        let common = || name.iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
        let alternative = || {
            let names = parsed.subject_alternative_name().ok()??;
            names.value.general_names.iter().find_map(|name| match (name, &of) {
                (x509_parser::extensions::GeneralName::DNSName(dns), Value::Enum(_, 3 | 5)) => Some((*dns).to_owned()),
                (x509_parser::extensions::GeneralName::RFC822Name(mail), Value::Enum(_, 1)) => Some((*mail).to_owned()),
                _ => None,
            })
        };
        let found = if matches!(of, Value::Enum(_, 0)) { common() } else { alternative().or_else(common) };
        Value::from(found.unwrap_or_default())
    })
}

/// Whether a chain leads to a trusted authority, as the connection found, and it is in force now.
fn verify(c: &mut Call<'_, '_>) -> Outcome {
    if !der(c)?.0.is_trusted {
        return Ok(Value::Bool(false));
    }
    let now = i64::try_from(c.machine.host.now().as_secs()).unwrap_or(i64::MAX);
    read(c, |parsed| {
        let validity = parsed.validity();
        Value::Bool(validity.not_before.timestamp() <= now && now <= validity.not_after.timestamp())
    })
}
