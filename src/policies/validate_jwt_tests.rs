//! Tokens against a fake issuer and against keys of the document.

use std::sync::{Arc, LazyLock};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value as Json, json};

use crate::policies::{
    outside::scripted::{Script, script},
    testing::{NOW, Played, Scene},
};

const CONFIG: &str = "https://issuer.test/.well-known/openid-configuration";
const KEYS: &str = "https://issuer.test/keys";
const SECRET: &[u8] = b"a secret of more than sixteen bytes";

/// A key on P-256 and what the issuer publishes of it.
struct Signer {
    key: EncodingKey,
    point: Vec<u8>,
}

fn signer() -> Signer {
    let pair = rcgen::KeyPair::generate().expect("a key");
    let der = pair.serialize_der();
    Signer { key: EncodingKey::from_ec_der(&der), point: rcgen::PublicKeyData::der_bytes(&pair).to_vec() }
}

static GOOD: LazyLock<Signer> = LazyLock::new(signer);
static OTHER: LazyLock<Signer> = LazyLock::new(signer);

impl Signer {
    fn jwk(&self, id: &str) -> Json {
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&self.point[range]);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": part(1..33), "y": part(33..65)})
    }

    fn token(&self, header: &Json, claims: &Json) -> String {
        signed(header, claims, &self.key, Algorithm::ES256)
    }
}

fn signed(header: &Json, claims: &Json, key: &EncodingKey, algorithm: Algorithm) -> String {
    let text = unsigned(header, claims);
    let signature = crypto::sign(text.as_bytes(), key, algorithm).expect("a signature");
    format!("{text}.{signature}")
}

fn unsigned(header: &Json, claims: &Json) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn header() -> Json {
    json!({"alg": "ES256", "kid": "one"})
}

fn claims() -> Json {
    json!({"iss": "https://issuer.test/", "aud": "api", "exp": NOW + 60, "scp": "read write", "roles": ["admin"]})
}

fn issuer() -> Arc<Script> {
    let calls = script();
    publish(&calls, &[GOOD.jwk("one")]);
    calls
}

fn publish(calls: &Script, keys: &[Json]) {
    calls.on(CONFIG, 200, &[], json!({"issuer": "https://issuer.test/", "jwks_uri": KEYS}).to_string());
    calls.on(KEYS, 200, &[], json!({ "keys": keys }).to_string());
}

fn policy(attributes: &str, inside: &str) -> String {
    format!(r#"<base /><validate-jwt header-name="Authorization" {attributes}>{inside}</validate-jwt>"#)
}

fn config() -> String {
    format!(r#"<openid-config url="{CONFIG}" />"#)
}

fn play(calls: &Arc<Script>, policy: &str, authorization: &str) -> Played {
    Scene::new().calls(calls).section("inbound", policy).header("authorization", authorization).run()
}

/// The status, and the reason unless it passed.
fn outcome(played: &Played) -> (u16, String) {
    (played.status(), played.last_error.as_ref().map(|error| error.reason.clone()).unwrap_or_default())
}

#[test]
fn a_good_token_passes_and_others_say_why_not() {
    let calls = issuer();
    let policy = policy(r#"require-scheme="Bearer""#, &config());
    let with = |name: &str, value: Json| {
        let mut claims = claims();
        claims[name] = value;
        GOOD.token(&header(), &claims)
    };
    let good = GOOD.token(&header(), &claims());
    let (front, _) = good.rsplit_once('.').expect("three parts");
    let confused = signed(
        &json!({"alg": "HS256", "kid": "one"}),
        &claims(),
        &EncodingKey::from_secret(&GOOD.point),
        Algorithm::HS256,
    );
    let rows = [
        (format!("Bearer {good}"), (200, "")),
        (format!("bearer  {good}"), (200, "")),
        (good.clone(), (401, "TokenNotPresent")),
        (format!("Basic {good}"), (401, "TokenNotPresent")),
        ("Bearer".to_owned(), (401, "TokenNotPresent")),
        ("Bearer nonsense".to_owned(), (401, "JwtInvalid")),
        (format!("Bearer {}", with("exp", json!(NOW))), (401, "TokenExpired")),
        (format!("Bearer {}", with("exp", json!("tomorrow"))), (401, "JwtInvalid")),
        (format!("Bearer {}", with("exp", Json::Null)), (401, "JwtInvalid")),
        (format!("Bearer {}", with("iss", json!("https://evil.test/"))), (401, "TokenIssuerNotAllowed")),
        (format!("Bearer {}", OTHER.token(&header(), &claims())), (401, "TokenSignatureInvalid")),
        (
            format!("Bearer {}", GOOD.token(&json!({"alg": "ES256", "kid": "two"}), &claims())),
            (401, "TokenSignatureKeyNotFound"),
        ),
        (format!("Bearer {front}."), (401, "TokenSignatureInvalid")),
        (format!("Bearer {}.", unsigned(&json!({"alg": "none"}), &claims())), (401, "TokenSignatureInvalid")),
        (format!("Bearer {confused}"), (401, "TokenSignatureInvalid")),
    ];
    for (authorization, (status, reason)) in rows {
        assert_eq!(outcome(&play(&calls, &policy, &authorization)), (status, reason.to_owned()), "{authorization:.60}");
    }
}

#[test]
fn claims_audiences_and_issuers_are_asked_for() {
    let token = format!("Bearer {}", GOOD.token(&header(), &claims()));
    let rows = [
        ("<audiences><audience>other</audience><audience>api</audience></audiences>", 200),
        ("<audiences><audience>other</audience></audiences>", 401),
        (
            r#"<required-claims><claim name="scp" match="any" separator=" "><value>write</value></claim></required-claims>"#,
            200,
        ),
        (r#"<required-claims><claim name="scp"><value>write</value></claim></required-claims>"#, 401),
        (
            r#"<required-claims><claim name="roles" match="all"><value>admin</value><value>x</value></claim></required-claims>"#,
            401,
        ),
        (r#"<required-claims><claim name="missing" /></required-claims>"#, 401),
    ];
    for (inside, status) in rows {
        let policy = policy("", &format!("{}{inside}", config()));
        assert_eq!(play(&issuer(), &policy, &token).status(), status, "{inside}");
    }
}

#[test]
fn the_answer_says_what_the_document_says_and_last_error_what_happened() {
    let policy = policy(r#"failed-validation-httpcode="403" failed-validation-error-message="Go away""#, &config());
    let played = Scene::new().section("inbound", &policy).run();
    assert_eq!(played.body(), r#"{"statusCode":403,"message":"Go away"}"#);
    let error = played.last_error.expect("an error");
    assert_eq!(
        (&*error.source, &*error.reason, &*error.message),
        ("validate-jwt", "TokenNotPresent", "JWT not present.")
    );
}

#[test]
fn keys_of_the_document_verify() {
    let secret = format!("<issuer-signing-keys><key>{}</key></issuer-signing-keys>", STANDARD.encode(SECRET));
    let key = EncodingKey::from_secret(SECRET);
    let token = signed(&json!({"alg": "HS256"}), &claims(), &key, Algorithm::HS256);
    let foreign = signed(&json!({"alg": "HS256"}), &claims(), &EncodingKey::from_secret(b"other"), Algorithm::HS256);
    let unsigned = format!("{}.", unsigned(&json!({"alg": "none"}), &claims()));
    let rows = [
        ("", token.clone(), 200),
        ("", foreign, 401),
        ("", unsigned.clone(), 401),
        (r#"require-signed-tokens="false""#, unsigned, 200),
    ];
    for (attributes, token, status) in rows {
        assert_eq!(play(&script(), &policy(attributes, &secret), &token).status(), status, "{attributes}");
    }
    let issuers = format!("{secret}<issuers><issuer>https://else.test/</issuer></issuers>");
    assert_eq!(outcome(&play(&script(), &policy("", &issuers), &token)).1, "TokenIssuerNotAllowed");
}

#[test]
fn an_issuer_is_asked_once_and_again_for_an_unknown_key_but_not_each_time() {
    let calls = issuer();
    let outside = Scene::new().calls(&calls).services.outside.issuers;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let demands = super::Demands {
            issuers_at: vec![(CONFIG.into(), crate::outbound::egress::Rules::default())],
            ..super::Demands::default()
        };
        let now = crate::model::Timestamp::from_secs(NOW);
        let validate = async |token: &str| super::jwt::validate(token, &demands, &outside, now).await;
        let good = GOOD.token(&header(), &claims());
        for _ in 0..3 {
            assert!(validate(&good).await.is_ok());
        }
        assert_eq!(calls.count(), 2, "discovery and keys, once");
        let rolled = OTHER.token(&json!({"alg": "ES256", "kid": "two"}), &claims());
        for _ in 0..3 {
            assert!(validate(&rolled).await.is_err());
        }
        assert_eq!(calls.count(), 4, "once more for the unknown key");
        for at in 0..50 {
            let random = OTHER.token(&json!({"alg": "ES256", "kid": format!("x{at}")}), &claims());
            assert!(validate(&random).await.is_err());
        }
        assert_eq!(calls.count(), 12, "and five times a minute in all");
    });
}

#[test]
fn a_new_key_is_found_and_an_issuer_that_is_down_is_told_apart() {
    let calls = issuer();
    publish(&calls, &[GOOD.jwk("one"), OTHER.jwk("two")]);
    let token = format!("Bearer {}", OTHER.token(&json!({"alg": "ES256", "kid": "two"}), &claims()));
    assert_eq!(play(&calls, &policy("", &config()), &token).status(), 200);
    let down = play(&script(), &policy("", &config()), &token);
    assert_eq!(outcome(&down), (401, "TokenSignatureKeyNotFound".to_owned()));
}

#[test]
fn the_token_may_be_in_the_query_and_twice_is_too_often() {
    let token = GOOD.token(&header(), &claims());
    let policy = format!(r#"<base /><validate-jwt query-parameter-name="jwt">{}</validate-jwt>"#, config());
    let played =
        Scene::new().calls(&issuer()).section("inbound", &policy).request("GET", &format!("/?jwt={token}")).run();
    assert_eq!(played.status(), 200);
    let policy = super::tests::policy("", &config());
    let scene = Scene::new().calls(&issuer()).section("inbound", &policy);
    let played = scene.header("authorization", &format!("Bearer {token}")).header("authorization", "Bearer x").run();
    assert_eq!(outcome(&played), (401, "JwtInvalid".to_owned()));
}

#[test]
fn encrypted_tokens_are_opened_and_what_is_inside_is_checked() {
    use crate::policies::jwt::encrypted::tests::sealed;
    let (key, other) = ([5; 32], [6; 32]);
    let head = r#"{"alg":"dir","enc":"A256GCM"}"#;
    let keys = "<decryption-keys><key>BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=</key></decryption-keys>";
    let body = format!("{}{keys}", config());
    let good = GOOD.token(&header(), &claims());
    let rows = [
        (sealed(head, &[], &key, &good), 200, ""),
        (good.clone(), 200, ""),
        (sealed(head, &[], &other, &good), 401, "JwtInvalid"),
        (sealed(head, &[], &key, "a.b.c"), 401, "JwtInvalid"),
        (sealed(head, &[], &key, &sealed(head, &[], &key, &good)), 401, "JwtInvalid"),
    ];
    for (token, status, reason) in rows {
        let played = play(&issuer(), &policy("", &body), &token);
        assert_eq!(outcome(&played), (status, reason.to_owned()));
    }
    let unopened = play(&issuer(), &policy("", &config()), &sealed(head, &[], &key, &good));
    assert_eq!(outcome(&unopened), (401, "JwtInvalid".to_owned()));
}

#[test]
fn what_is_wrong_in_the_document_is_told() {
    let rows = [
        ("<validate-jwt><openid-config url=\"https://a.test\" /></validate-jwt>", "needs one of `header-name`"),
        ("<validate-jwt header-name=\"a\" token-value=\"b\" />", "not several"),
        (
            "<validate-jwt header-name=\"a\"><issuer-signing-keys><key>%%</key></issuer-signing-keys></validate-jwt>",
            "base64",
        ),
        ("<validate-jwt header-name=\"a\"><decryption-keys><key>%</key></decryption-keys></validate-jwt>", "base64"),
        ("<validate-jwt header-nam=\"a\" />", "did you mean `header-name`"),
    ];
    for (text, said) in rows {
        let troubles = Scene::new().section("inbound", text).troubles();
        assert!(troubles.iter().any(|trouble| trouble.contains(said)), "{text}: {troubles:?}");
    }
}
