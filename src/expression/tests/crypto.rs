//! Hashes, keyed hashes, ciphers, RSA signatures, tokens and basic credentials.

use std::sync::Arc;

use aws_lc_rs::{encoding::AsDer, rsa::KeySize, signature::RsaKeyPair};

use super::{check, check_with, compiled, fixture};
use crate::{
    expression::{Bounds, Certificate, Fact, Fixture, Headers, Host, Part, Side, Thrown, UrlParts, Value, Which},
    model::Timestamp,
};

#[test]
fn hashes_are_the_standard_ones() {
    check(&[
        (
            r#"Convert.ToBase64String(SHA256.Create().ComputeHash(Encoding.UTF8.GetBytes("abc")))"#,
            "'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='",
        ),
        (
            r#"BitConverter.ToString(new SHA256Managed().ComputeHash(Encoding.UTF8.GetBytes("abc"))).Replace("-", "").ToLower().Substring(0, 16)"#,
            "'ba7816bf8f01cfea'",
        ),
        (
            r#"BitConverter.ToString(MD5.Create().ComputeHash(Encoding.UTF8.GetBytes("abc")))"#,
            "'90-01-50-98-3C-D2-4F-B0-D6-96-3F-7D-28-E1-7F-72'",
        ),
        (
            r#"Convert.ToHexString(SHA1.HashData(Encoding.UTF8.GetBytes("abc")))"#,
            "'A9993E364706816ABA3E25717850C26C9CD0D89D'",
        ),
        ("SHA384.Create().ComputeHash(new byte[0]).Length", "48"),
        (
            r#"Convert.ToHexString(SHA512.Create().ComputeHash(Encoding.UTF8.GetBytes("abc"))).Substring(0, 16)"#,
            "'DDAF35A193617ABA'",
        ),
        (
            r#"Convert.ToHexString(new HMACSHA256(Encoding.UTF8.GetBytes("key")).ComputeHash(Encoding.UTF8.GetBytes("The quick brown fox jumps over the lazy dog")))"#,
            "'F7BC83F430538424B13298E6AA6FB143EF4D59A14946175997479DBC2D1A3CD8'",
        ),
        (
            r#"Convert.ToHexString(new HMACMD5(Encoding.UTF8.GetBytes("key")).ComputeHash(Encoding.UTF8.GetBytes("The quick brown fox jumps over the lazy dog")))"#,
            "'80070713463E7749B90C2DC24911E275'",
        ),
        (
            r#"Convert.ToHexString(new HMACSHA1(Encoding.UTF8.GetBytes("key")).ComputeHash(Encoding.UTF8.GetBytes("The quick brown fox jumps over the lazy dog")))"#,
            "'DE7C9B85B8B78AA6BC8A7A36F70A90701C9DB4D9'",
        ),
        (
            r#"{ using (var h = new HMACSHA256 { Key = Encoding.UTF8.GetBytes("key") }) { return Convert.ToHexString(h.ComputeHash(Encoding.UTF8.GetBytes("The quick brown fox jumps over the lazy dog"))).Substring(0, 8); } }"#,
            "'F7BC83F4'",
        ),
        (
            r#"{ var h = new HMACSHA256(); h.Key = Encoding.UTF8.GetBytes("key"); return Convert.ToHexString(h.ComputeHash(Encoding.UTF8.GetBytes("The quick brown fox jumps over the lazy dog"))).Substring(0, 8); }"#,
            "'F7BC83F4'",
        ),
        (
            r#"{ var key = Encoding.UTF8.GetBytes("0123456789abcdef"); var iv = new byte[16]; return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes("secret").Encrypt("Aes", key, iv).Decrypt("Aes", key, iv)); }"#,
            "'secret'",
        ),
        (
            r#"{ var key = Encoding.UTF8.GetBytes("0123456789abcdef"); var iv = new byte[16]; return new byte[5].Decrypt("Aes", key, iv); }"#,
            "!CryptographicException",
        ),
        (r#"new byte[5].Encrypt("Aes", new byte[3], new byte[16])"#, "!CryptographicException"),
    ]);
}

#[test]
fn tokens_are_read_and_not_verified() {
    // {"alg":"HS256","typ":"JWT"} and claims with one audience, two roles and an expiry.
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJpIiwic3ViIjoicyIsImF1ZCI6ImEiLCJqdGkiOiIxIiwiZXhwIjoxNzAwMDAwMDAwLCJyb2xlcyI6WyJ4IiwieSJdLCJhZG1pbiI6dHJ1ZX0.c2ln";
    let document = serde_json::json!({ "request": { "headers": {
        "Authorization": [format!("Bearer {token}")], "X-Basic": ["Basic dXNlcjpwYTpzcw=="], "X-Bad": ["nonsense"] } } });
    check_with(
        &document,
        &[
            (r#"context.Request.Headers.GetValueOrDefault("Authorization", "").AsJwt().Issuer"#, "'i'"),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt()?.Subject"#, "'s'"),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Audiences.First()"#, "'a'"),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Claims["roles"]"#, "['x', 'y']"),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Claims["roles"][1]"#, "'y'"),
            (
                r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Claims.GetValueOrDefault("roles", "none")"#,
                "'x,y'",
            ),
            (
                r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Claims.GetValueOrDefault("nope", "none")"#,
                "'none'",
            ),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Claims["admin"].First()"#, "'true'"),
            (
                r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Claims["nope"]"#,
                "!KeyNotFoundException",
            ),
            (
                r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().ExpirationTime > DateTime.UtcNow"#,
                "false",
            ),
            (
                r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().ExpirationTime?.ToString("o")"#,
                "'2023-11-14T22:13:20.0000000Z'",
            ),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().NotBefore == null"#, "true"),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Algorithm"#, "'HS256'"),
            (r#"context.Request.Headers.GetValueOrDefault("Authorization").AsJwt().Id"#, "'1'"),
            (r#"context.Request.Headers.GetValueOrDefault("X-Bad").AsJwt()"#, "null"),
            (r#"context.Request.Headers.GetValueOrDefault("Missing", "").AsJwt()?.Id ?? "none""#, "'none'"),
            (r#"context.Request.Headers.GetValueOrDefault("Missing").AsJwt()"#, "null"),
            (
                r#"{ Jwt t; if (context.Request.Headers.GetValueOrDefault("Authorization", "").TryParseJwt(out t)) { return t.Claims["sub"].FirstOrDefault(); } return "no"; }"#,
                "'s'",
            ),
            (r#"context.Request.Headers.GetValueOrDefault("X-Basic", "").AsBasic().UserId"#, "'user'"),
            (r#"context.Request.Headers.GetValueOrDefault("X-Basic", "").AsBasic().Password"#, "'pa:ss'"),
            (r#"context.Request.Headers.GetValueOrDefault("X-Bad", "").AsBasic()"#, "null"),
            (
                r#"context.Request.Headers.GetValueOrDefault("X-Basic").TryParseBasic(out var b) ? b.UserId : "none""#,
                "'user'",
            ),
        ],
    );
}

/// A fixture with certificates.
struct Certified {
    inner: Fixture,
    certificate: Certificate,
}

impl Host for Certified {
    fn fact(&mut self, fact: Fact) -> Value {
        self.inner.fact(fact)
    }
    fn has(&mut self, part: Part) -> bool {
        self.inner.has(part)
    }
    fn header(&mut self, side: Side, name: &str) -> Option<Arc<str>> {
        self.inner.header(side, name)
    }
    fn headers(&mut self, side: Side) -> Headers {
        self.inner.headers(side)
    }
    fn url(&mut self, which: Which) -> UrlParts {
        self.inner.url(which)
    }
    fn matched_parameters(&mut self) -> Vec<(Arc<str>, Arc<str>)> {
        self.inner.matched_parameters()
    }
    fn variable(&mut self, name: &str) -> Option<Value> {
        self.inner.variable(name)
    }
    fn variables(&mut self) -> Vec<(Arc<str>, Value)> {
        self.inner.variables()
    }
    fn body(&mut self, side: Side, preserve: bool) -> Result<Option<bytes::Bytes>, Thrown> {
        self.inner.body(side, preserve)
    }
    fn trace(&mut self, message: &str) {
        self.inner.trace(message);
    }
    fn now(&mut self) -> Timestamp {
        self.inner.now()
    }
    fn random(&mut self, bytes: &mut [u8]) {
        self.inner.random(bytes);
    }
    fn client_certificate(&mut self) -> Option<Certificate> {
        Some(self.certificate.clone())
    }
    fn certificates(&mut self) -> Vec<(Arc<str>, Certificate)> {
        vec![("signing".into(), self.certificate.clone())]
    }
}

fn certified() -> Certified {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
    let pkcs8 = der.as_ref().to_vec();
    let key = rcgen::KeyPair::try_from(pkcs8.as_slice()).expect("a key that rcgen reads");
    let mut parameters = rcgen::CertificateParams::new(vec!["signer.example".to_owned()]).expect("a name");
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "signer");
    parameters.not_before = rcgen::date_time_ymd(2023, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2024, 1, 1);
    let made = parameters.self_signed(&key).expect("a certificate");
    let certificate =
        Certificate { der: made.der().as_ref().into(), key: Some(pkcs8.into()), is_trusted: true, is_revoked: false };
    Certified { inner: fixture(serde_json::json!({})), certificate }
}

#[test]
fn certificates_sign_and_are_read() {
    let mut host = certified();
    let rows = [
        (
            r#"{ using (var rsa = context.Deployment.Certificates["signing"].GetRSAPrivateKey()) { var data = Encoding.UTF8.GetBytes("x"); var signed = rsa.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1); return context.Deployment.Certificates["signing"].GetRSAPublicKey().VerifyData(data, signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1); } }"#,
            "true",
        ),
        (
            r#"{ var signed = context.Deployment.Certificates["signing"].GetRSAPrivateKey().SignData(Encoding.UTF8.GetBytes("x"), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1); return context.Deployment.Certificates["signing"].GetRSAPublicKey().VerifyData(Encoding.UTF8.GetBytes("y"), signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1); }"#,
            "false",
        ),
        (
            r#"context.Deployment.Certificates["signing"].GetRSAPrivateKey().SignData(new byte[1], HashAlgorithmName.SHA512, RSASignaturePadding.Pss).Length"#,
            "256",
        ),
        (r#"context.Deployment.Certificates["signing"].HasPrivateKey"#, "true"),
        (r#"context.Deployment.Certificates["nope"]"#, "!KeyNotFoundException"),
        (r#"context.Deployment.Certificates.ContainsKey("signing")"#, "true"),
        ("context.Request.Certificate.Subject", "'CN=signer'"),
        ("context.Request.Certificate.Issuer", "'CN=signer'"),
        ("context.Request.Certificate != null && context.Request.Certificate.Verify()", "true"),
        ("context.Request.Certificate.Thumbprint.Length", "40"),
        (
            "context.Deployment.Certificates.Any(c => c.Value.Thumbprint == context.Request.Certificate.Thumbprint)",
            "true",
        ),
        ("context.Request.Certificate.NotAfter < DateTime.Now", "false"),
        ("context.Request.Certificate.NotAfter.Year", "2024"),
        ("context.Request.Certificate.SerialNumber.Length > 0", "true"),
        ("context.Request.Certificate.GetNameInfo(X509NameType.SimpleName, false)", "'signer'"),
    ];
    for (text, expected) in rows {
        let found = match compiled(text).evaluate(&mut host, &Bounds::DEFAULT) {
            Ok(value) => super::show(&value),
            Err(thrown) => format!("!{}", thrown.class),
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn names_of_certificates_read_as_in_net() {
    let mut parameters = rcgen::CertificateParams::new(vec!["a.example.org".to_owned()]).expect("a name");
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CountryName, "US");
    name.push(rcgen::DnType::StateOrProvinceName, "Illinois");
    name.push(rcgen::DnType::OrganizationName, "Contoso, Inc.");
    name.push(rcgen::DnType::CommonName, "a.example.org");
    parameters.distinguished_name = name;
    let key = rcgen::KeyPair::generate().expect("a key");
    let der = parameters.self_signed(&key).expect("a certificate").der().to_vec();
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let made = |member: &str| {
        let code = format!("new X509Certificate2(Convert.FromBase64String(\"{text}\")).{member}");
        super::shown(&code, serde_json::json!({}))
    };
    let wanted = r#"'CN=a.example.org, O="Contoso, Inc.", S=Illinois, C=US'"#;
    assert_eq!(made("Subject"), wanted);
    assert_eq!(made("SubjectName.Name"), wanted);
    assert_eq!(made("IssuerName.Name"), wanted);
    assert_eq!(made("Verify()"), "false", "nobody vouches for it");
    assert_eq!(
        super::shown("new X509Certificate2(new byte[] { 1 })", serde_json::json!({})),
        "!CryptographicException"
    );
}
