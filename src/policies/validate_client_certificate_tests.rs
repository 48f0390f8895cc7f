//! Tests of `validate-client-certificate` with certificates made for them.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SerialNumber, date_time_ymd};

use super::*;
use crate::policies::{outside::Named, testing::Scene};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// A certificate of `app.test` by that authority, in force from 2020 until the end of 2030.
fn issued(by: &Authority) -> ClientCertificate {
    let mut params = CertificateParams::new(vec!["app.test".to_owned()]).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, "the app");
    params.distinguished_name.push(DnType::OrganizationName, "Contoso, Inc.");
    params.serial_number = Some(SerialNumber::from(vec![0x0a, 0xbc]));
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2030, 12, 31));
    let key = KeyPair::generate().expect("a key");
    let der = params.signed_by(&key, by).expect("signed").der().clone();
    ClientCertificate { der, issuers: vec![by.der().clone()], is_trusted: true, is_revoked: None }
}

fn played(attributes: &str, identities: &str, shown: Option<ClientCertificate>, named: Named) -> u16 {
    let policy = format!("<validate-client-certificate {attributes}>{identities}</validate-client-certificate>");
    let mut scene = Scene::new().named(named).section("inbound", &policy);
    scene.request.certificate = shown.map(Arc::new);
    let played = scene.run();
    if played.status() != 200 {
        assert!(played.sent.is_empty());
        assert!(played.body().contains("Invalid client certificate"), "{}", played.body());
    }
    played.status()
}

#[test]
fn rules_are_kept_unless_switched_off() {
    let root = authority("root");
    let good = || issued(&root);
    let of_time = |from: (i32, u8, u8), to: (i32, u8, u8)| {
        let mut params = CertificateParams::new(vec!["app.test".to_owned()]).expect("parameters");
        (params.not_before, params.not_after) =
            (date_time_ymd(from.0, from.1, from.2), date_time_ymd(to.0, to.1, to.2));
        let der = params.signed_by(&KeyPair::generate().expect("a key"), &root).expect("signed").der().clone();
        ClientCertificate { der, ..good() }
    };
    // The scene's clock stands at 2026-03-01.
    let (past, future) = (of_time((2020, 1, 1), (2021, 1, 1)), of_time((2030, 1, 1), (2031, 1, 1)));
    let rows = [
        ("", Some(good()), 200),
        ("", None, 403),
        (r#"ignore-error="true""#, None, 200),
        ("", Some(ClientCertificate { is_trusted: false, ..good() }), 403),
        (r#"validate-trust="false""#, Some(ClientCertificate { is_trusted: false, ..good() }), 200),
        ("", Some(ClientCertificate { is_revoked: Some(true), ..good() }), 403),
        ("", Some(ClientCertificate { is_revoked: Some(false), ..good() }), 200),
        (r#"validate-revocation="false""#, Some(ClientCertificate { is_revoked: Some(true), ..good() }), 200),
        ("", Some(past.clone()), 403),
        (r#"validate-not-after="false""#, Some(past), 200),
        ("", Some(future.clone()), 403),
        (r#"validate-not-before="false""#, Some(future), 200),
        ("", Some(ClientCertificate { der: CertificateDer::from(vec![1, 2, 3]), ..good() }), 403),
    ];
    for (attributes, shown, wanted) in rows {
        let told = format!("{attributes} {shown:?}");
        assert_eq!(played(attributes, "", shown, Named::default()), wanted, "{told}");
    }
}

#[test]
fn one_identity_must_fit_with_all_its_claims() {
    let (root, stranger) = (authority("root"), authority("root"));
    let shown = issued(&root);
    let (own, issuer) = (thumbprint(&shown.der), thumbprint(root.der()));
    let other = thumbprint(stranger.der());
    let rows = [
        (format!(r#"thumbprint="{own}""#), 200),
        (format!(r#"thumbprint="{}""#, own.to_ascii_lowercase()), 200),
        (format!(r#"thumbprint="{issuer}""#), 403),
        (r#"serial-number="0A:BC""#.to_owned(), 200),
        (r#"serial-number="abc0""#.to_owned(), 403),
        (r#"common-name="the app""#.to_owned(), 200),
        (r#"common-name="app""#.to_owned(), 403),
        (r#"subject="O=&quot;Contoso, Inc.&quot;, CN=the app""#.to_owned(), 200),
        (r#"subject="CN=the app""#.to_owned(), 403),
        (r#"dns-name="APP.test""#.to_owned(), 200),
        (r#"dns-name="test""#.to_owned(), 403),
        (r#"issuer-subject="CN=root""#.to_owned(), 200),
        (format!(r#"issuer-thumbprint="{issuer}""#), 200),
        (format!(r#"issuer-thumbprint="{other}""#), 403),
        (r#"issuer-certificate-id="root""#.to_owned(), 200),
        (r#"issuer-certificate-id="stranger""#.to_owned(), 403),
        (r#"common-name="the app" dns-name="other.test""#.to_owned(), 403),
    ];
    let identity = |authority: &Authority| Identity::from_pem(&authority.pem(), None).expect("a certificate");
    let named =
        || Named::default().with_certificate("root", identity(&root)).with_certificate("stranger", identity(&stranger));
    for (claims, wanted) in rows {
        let identities = format!("<identities><identity {claims} /></identities>");
        assert_eq!(played("", &identities, Some(shown.clone()), named()), wanted, "{claims}");
    }
    let two = r#"<identities><identity common-name="x" /><identity common-name="the app" /></identities>"#;
    assert_eq!(played("", two, Some(shown), named()), 200);
}

#[test]
fn what_was_sent_along_is_no_issuer_unless_it_has_signed() {
    let (root, stranger) = (authority("root"), authority("root"));
    let mut shown = issued(&root);
    shown.issuers = vec![stranger.der().clone()];
    let claims = format!(r#"<identities><identity issuer-thumbprint="{}" /></identities>"#, thumbprint(stranger.der()));
    assert_eq!(played("", &claims, Some(shown), Named::default()), 403);
}

#[test]
fn bad_identities_are_told() {
    let rows = [
        (r#"<identity />"#, "says nothing"),
        (r#"<identity subject="Contoso" />"#, "is `Contoso`"),
        (r#"<identity issuer-certificate-id="none" />"#, "there is no certificate `none`"),
        (r#"<identity issuer-certificate-id="a" issuer-subject="CN=a" />"#, "excludes"),
    ];
    for (identity, wanted) in rows {
        let policy =
            format!("<validate-client-certificate><identities>{identity}</identities></validate-client-certificate>");
        let troubles = Scene::new().section("inbound", &policy).troubles();
        assert!(troubles.iter().any(|trouble| trouble.contains(wanted)), "{identity}: {troubles:?}");
    }
}
