//! `validate-client-certificate`: demands a certificate of the caller, and what it says.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

use super::{
    Entry, Failure, Flow, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    distinguished_name::DistinguishedName,
};
use crate::{
    exchange::ClientCertificate,
    model::Timestamp,
    outbound::fetch::{Identity, same_thumbprint, thumbprint},
};

/// The element's name, and the source of its failures.
const NAME: &str = "validate-client-certificate";

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::optional(
            "validate-revocation",
            "true",
            "Whether a certificate is refused that the listener's revocation lists name (`tls.client_crl`). Nobody is asked \
             online.",
        )
        .one_of(&["true", "false"]),
        AttributeEntry::optional(
            "validate-trust",
            "true",
            "Whether a chain must lead to one of the listener's authorities (`tls.client_ca`).",
        )
        .one_of(&["true", "false"]),
        AttributeEntry::optional("validate-not-before", "true", "Whether it must be in force already.")
            .one_of(&["true", "false"]),
        AttributeEntry::optional("validate-not-after", "true", "Whether it must be in force still.").one_of(&["true", "false"]),
        AttributeEntry::optional("ignore-error", "false", "true: the exchange goes on whatever is found; the trace tells.")
            .one_of(&["true", "false"]),
    ],
    children: &[ElementEntry {
        name: "identities",
        required: false,
        many: false,
        attributes: &[],
        children: &[ElementEntry {
            name: "identity",
            required: true,
            many: true,
            attributes: &[
                AttributeEntry::absent("thumbprint", "SHA-1 of the certificate, in hex."),
                AttributeEntry::absent("serial-number", "Serial number, in hex."),
                AttributeEntry::absent("common-name", "Common name of the subject."),
                AttributeEntry::absent(
                    "subject",
                    "Subject as a distinguished name, such as `CN=app, O=\"Contoso, Inc.\"`, in any order.",
                ),
                AttributeEntry::absent("dns-name", "A DNS name among the subject's alternative names."),
                AttributeEntry::absent("issuer-subject", "Issuer as a distinguished name, in any order."),
                AttributeEntry::absent(
                    "issuer-thumbprint",
                    "SHA-1 of the issuer's certificate, which the client sent along or `tls.client_ca` has.",
                ),
                AttributeEntry::absent("issuer-certificate-id", "Certificate of the configuration that must have signed it."),
            ],
            children: &[],
            content: Content::Nothing,
            text: "What a certificate must say, all of it.",
        }],
        content: Content::Nothing,
        text: "Certificates that are let in; one of them must fit. Without it any is.",
    }],
    content: Content::Nothing,
    manual: "Refuses calls without a client certificate, or with one that is not in order, with 403 \"Invalid client \
             certificate\". The listener has to ask for certificates: `server.gateway.tls: { client: ask, client_ca: … }`.",
    example: r#"<validate-client-certificate validate-revocation="true" validate-trust="true" validate-not-before="true" validate-not-after="true" ignore-error="false"><identities><identity common-name="app.contoso.com" issuer-subject="CN=Contoso Root, O=Contoso" /></identities></validate-client-certificate>"#,
    build,
};

struct ValidateClientCertificate {
    revocation: bool,
    trust: bool,
    not_before: bool,
    not_after: bool,
    ignores_error: bool,
    identities: Vec<Vec<Claim>>,
}

/// One thing that a certificate must say.
enum Claim {
    Thumbprint(Arc<str>),
    Serial(String),
    CommonName(Arc<str>),
    Subject(DistinguishedName),
    DnsName(Arc<str>),
    Issuer(DistinguishedName),
    IssuerThumbprint(Arc<str>),
    IssuerCertificate(Arc<Identity>),
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let mut identities = Vec::new();
    let listed = reading.element.child("identities");
    for element in listed.iter().flat_map(|identities| identities.elements()) {
        identities.push(claims(&mut reading.child(element)));
    }
    // All of them are read first, so that every trouble is told.
    let identities = identities.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Box::new(ValidateClientCertificate {
        revocation: reading.switch("validate-revocation", true),
        trust: reading.switch("validate-trust", true),
        not_before: reading.switch("validate-not-before", true),
        not_after: reading.switch("validate-not-after", true),
        ignores_error: reading.switch("ignore-error", false),
        identities,
    }))
}

/// An attribute of `identity`, and the claim that it makes.
type Attribute<T> = (&'static str, fn(T) -> Claim);

fn claims(reading: &mut Reading<'_, '_>) -> Option<Vec<Claim>> {
    let mut claims = Vec::new();
    let texts: [Attribute<Arc<str>>; 4] = [
        ("thumbprint", Claim::Thumbprint),
        ("serial-number", |text| Claim::Serial(serial(&text))),
        ("common-name", Claim::CommonName),
        ("dns-name", Claim::DnsName),
    ];
    claims.extend(texts.iter().filter_map(|(name, claim)| reading.literal(name).map(claim)));
    let names: [Attribute<DistinguishedName>; 2] = [("subject", Claim::Subject), ("issuer-subject", Claim::Issuer)];
    for (name, claim) in names {
        let Some(text) = reading.literal(name) else { continue };
        match DistinguishedName::parse(&text) {
            Ok(parsed) => claims.push(claim(parsed)),
            Err(why) => return reading.refuse(format!("`{name}` of `identity` is `{text}`: {why}")),
        }
    }
    claims.extend(reading.literal("issuer-thumbprint").map(Claim::IssuerThumbprint));
    if let Some(id) = reading.literal("issuer-certificate-id") {
        if reading.attribute("issuer-subject").or(reading.attribute("issuer-thumbprint")).is_some() {
            return reading.refuse("`issuer-certificate-id` excludes `issuer-subject` and `issuer-thumbprint`");
        }
        let named = reading.compiler.known.named();
        let Some(issuer) = named.certificate(&id) else {
            return reading.refuse(format!("there is no certificate `{id}`; name it under `certificates`"));
        };
        claims.push(Claim::IssuerCertificate(issuer.clone()));
    }
    if claims.is_empty() {
        return reading.refuse("`identity` says nothing: every certificate would fit; remove it, or give it a claim");
    }
    Some(claims)
}

/// Hexadecimal digits only, in small letters, without zeros in front.
fn serial(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect();
    digits.trim_start_matches('0').to_owned()
}

impl ValidateClientCertificate {
    fn validate(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let now = flow.services.clock.now();
        let found = match &flow.request.certificate {
            None => Err(("ClientCertificateMissing", "the client has shown no certificate")),
            Some(shown) => self.judge(shown, now),
        };
        let Err((reason, why)) = found else { return Ok(Verdict::Continue) };
        if let Some(trace) = &mut flow.trace {
            trace.say(why);
        }
        if self.ignores_error {
            return Ok(Verdict::Continue);
        }
        Err(Failure::new(NAME, reason, 403, "Invalid client certificate"))
    }

    /// Why a certificate is not in order.
    fn judge(&self, shown: &ClientCertificate, now: Timestamp) -> Result<(), (&'static str, &'static str)> {
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(&shown.der) else {
            return Err(("ClientCertificateInvalid", "the certificate cannot be read"));
        };
        let (validity, now) = (parsed.validity(), i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        let says = |claims: &Vec<Claim>| claims.iter().all(|claim| claim.fits(shown, &parsed));
        if self.trust && !shown.is_trusted {
            Err(("ClientCertificateNotTrusted", "no chain leads to an authority of `tls.client_ca`"))
        } else if self.revocation && shown.is_revoked == Some(true) {
            Err(("ClientCertificateRevoked", "the certificate has been revoked"))
        } else if self.not_before && now < validity.not_before.timestamp() {
            Err(("ClientCertificateNotYetValid", "the certificate is not in force yet"))
        } else if self.not_after && validity.not_after.timestamp() < now {
            Err(("ClientCertificateExpired", "the certificate is no longer in force"))
        } else if !self.identities.is_empty() && !self.identities.iter().any(says) {
            Err(("ClientCertificateIdentityNotMatched", "the certificate fits none of the identities"))
        } else {
            Ok(())
        }
    }
}

impl Claim {
    fn fits(&self, shown: &ClientCertificate, parsed: &X509Certificate<'_>) -> bool {
        match self {
            Self::Thumbprint(wanted) => same_thumbprint(&thumbprint(&shown.der), wanted),
            Self::Serial(wanted) => serial(&parsed.raw_serial_as_string()) == *wanted,
            Self::CommonName(wanted) => {
                let mut names = parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok());
                names.any(|name| name.eq_ignore_ascii_case(wanted.trim()))
            }
            Self::Subject(wanted) => DistinguishedName::of(parsed.subject()) == *wanted,
            Self::Issuer(wanted) => DistinguishedName::of(parsed.issuer()) == *wanted,
            Self::DnsName(wanted) => has_dns_name(parsed, wanted.trim()),
            Self::IssuerThumbprint(wanted) => {
                let is_wanted = |issuer: &&CertificateDer<'_>| same_thumbprint(&thumbprint(issuer), wanted);
                shown.issuers.iter().find(is_wanted).is_some_and(|issuer| shown.is_issued_by(issuer))
            }
            Self::IssuerCertificate(issuer) => shown.is_issued_by(&CertificateDer::from(issuer.der())),
        }
    }
}

fn has_dns_name(parsed: &X509Certificate<'_>, wanted: &str) -> bool {
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return false };
    let mut names = names.value.general_names.iter();
    names.any(|name| matches!(name, GeneralName::DNSName(name) if name.eq_ignore_ascii_case(wanted)))
}

impl Policy for ValidateClientCertificate {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Done(self.validate(flow))
    }
}

#[cfg(test)]
#[path = "validate_client_certificate_tests.rs"]
mod tests;
