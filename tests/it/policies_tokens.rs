//! Tokens that callers bring and tokens that backends want: issuers, side calls, cached values, token sources.

use std::{
    ops::Range,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use crate::{
    client::Call,
    vendor::{Reply, Vendor},
    world::{
        BACKEND_KEY, KEY, World,
        policies::{inbound, orders},
    },
};

/// A key on P-256 and what an issuer publishes of it.
struct Signer {
    key: EncodingKey,
    point: Vec<u8>,
}

static ONE: LazyLock<Signer> = LazyLock::new(Signer::new);
static TWO: LazyLock<Signer> = LazyLock::new(Signer::new);

impl Signer {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate().expect("a key");
        let key = EncodingKey::from_ec_der(&pair.serialize_der());
        Self { key, point: rcgen::PublicKeyData::der_bytes(&pair).to_vec() }
    }

    fn jwk(&self, id: &str) -> Value {
        let part = |range: Range<usize>| URL_SAFE_NO_PAD.encode(&self.point[range]);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": part(1..33), "y": part(33..65)})
    }

    fn token(&self, id: &str, claims: &Value) -> String {
        let text = unsigned(&json!({"alg": "ES256", "kid": id}), claims);
        format!("{text}.{}", crypto::sign(text.as_bytes(), &self.key, Algorithm::ES256).expect("a signature"))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// An issuer: discovery document below any path, keys at `/keys`; 500 while it is down.
async fn issuer(down: Arc<AtomicBool>, both: Arc<AtomicBool>) -> Vendor {
    Vendor::start(move |seen, _| {
        let host = format!("http://{}", seen.header("host").unwrap_or_default());
        match seen.target.as_str() {
            _ if down.load(SeqCst) => Reply::text(500, "text/plain", "down"),
            "/keys" if both.load(SeqCst) => Reply::json(200, &json!({"keys": [ONE.jwk("one"), TWO.jwk("two")]})),
            "/keys" => Reply::json(200, &json!({"keys": [ONE.jwk("one")]})),
            _ => Reply::json(200, &json!({"issuer": host, "jwks_uri": format!("{host}/keys")})),
        }
    })
    .await
}

struct Tokens {
    world: World,
    down: Arc<AtomicBool>,
    both: Arc<AtomicBool>,
}

const VALIDATE: &str = r#"<validate-jwt header-name="x-token" failed-validation-httpcode="401" require-scheme="Bearer" output-token-variable-name="jwt">
    <openid-config url="vendor://issuer/.well-known/openid-configuration" />
    <audiences><audience>api</audience></audiences>
    <required-claims><claim name="scp" match="any" separator=" "><value>read</value></claim></required-claims>
</validate-jwt>
<set-header name="x-subject" exists-action="override"><value>@(((Jwt)context.Variables["jwt"]).Subject)</value></set-header>"#;

impl Tokens {
    async fn start(policy: &str) -> Self {
        let (down, both) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let world = World::builder()
            .config(&orders(&inbound(policy)))
            .vendor("svc", Vendor::always(Reply::text(200, "text/plain", "fine")).await)
            .vendor("issuer", issuer(down.clone(), both.clone()).await)
            .start()
            .await;
        Self { world, down, both }
    }

    fn claims(&self) -> Value {
        let exp = self.world.clock.now().as_secs() + 60;
        json!({"iss": self.world.vendor("issuer").url(), "aud": "api", "sub": "somebody", "exp": exp, "scp": "read write"})
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    /// The status that a token gets.
    async fn status(&self, token: &str) -> u16 {
        let call = Call::get("/orders/1").key(KEY).header("x-token", &format!("Bearer {token}"));
        self.world.send(&call).await.status
    }

    fn asked(&self) -> usize {
        self.world.vendor("issuer").count()
    }
}

#[tokio::test]
async fn only_valid_tokens_pass_and_the_issuer_is_asked_once() {
    let tokens = Tokens::start(VALIDATE).await;
    let good = ONE.token("one", &tokens.claims());
    let rows = [
        ("good", good.clone(), 200),
        ("of another key", TWO.token("one", &tokens.claims()), 401),
        ("expired", ONE.token("one", &tokens.with("exp", json!(tokens.world.clock.now().as_secs() - 1))), 401),
        ("without an end", ONE.token("one", &tokens.with("exp", Value::Null)), 401),
        ("of another issuer", ONE.token("one", &tokens.with("iss", json!("https://other.test"))), 401),
        ("for another audience", ONE.token("one", &tokens.with("aud", json!(["other"]))), 401),
        ("without the scope", ONE.token("one", &tokens.with("scp", json!("write"))), 401),
        ("unsigned", format!("{}.", unsigned(&json!({"alg": "none"}), &tokens.claims())), 401),
        (
            "HMAC with the public key",
            {
                let text = unsigned(&json!({"alg": "HS256", "kid": "one"}), &tokens.claims());
                let key = EncodingKey::from_secret(&ONE.point);
                format!("{text}.{}", crypto::sign(text.as_bytes(), &key, Algorithm::HS256).expect("a signature"))
            },
            401,
        ),
        ("changed", good.replacen('.', ".e30", 1), 401),
        ("no token", "x".to_owned(), 401),
    ];
    for (what, token, status) in rows {
        assert_eq!(tokens.status(&token).await, status, "{what}");
    }
    let svc = tokens.world.vendor("svc").only();
    assert_eq!(svc.header("x-subject"), Some("somebody"));
    assert_eq!(tokens.asked(), 2, "discovery and keys");
    let missing = tokens.world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(401);
    assert_eq!(missing.json(), json!({"statusCode": 401, "message": "JWT not present."}));
}

#[tokio::test]
async fn many_first_requests_ask_the_issuer_once() {
    let tokens = Tokens::start(VALIDATE).await;
    let good = ONE.token("one", &tokens.claims());
    let statuses = join_all((0..20).map(|_| tokens.status(&good))).await;
    assert_eq!(statuses, [200; 20]);
    assert_eq!(tokens.asked(), 2);
}

#[tokio::test]
async fn unknown_keys_are_looked_for_but_not_each_time() {
    let tokens = Tokens::start(VALIDATE).await;
    assert_eq!(tokens.status(&ONE.token("one", &tokens.claims())).await, 200);
    let before = tokens.asked();
    for _ in 0..5 {
        assert_eq!(tokens.status(&TWO.token("two", &tokens.claims())).await, 401);
    }
    let after = tokens.asked();
    assert!(after - before <= 2, "{before} {after}");
    tokens.both.store(true, SeqCst);
    assert_eq!(tokens.status(&TWO.token("two", &tokens.claims())).await, 401, "not yet again");
    tokens.world.advance(Duration::from_secs(61));
    assert_eq!(tokens.status(&TWO.token("two", &tokens.claims())).await, 200);
}

#[tokio::test]
async fn keys_serve_on_while_their_issuer_is_down() {
    let tokens = Tokens::start(VALIDATE).await;
    assert_eq!(tokens.status(&ONE.token("one", &tokens.claims())).await, 200);
    tokens.down.store(true, SeqCst);
    for hours in [2, 20] {
        tokens.world.advance(Duration::from_secs(hours * 3_600));
        assert_eq!(tokens.status(&ONE.token("one", &tokens.claims())).await, 200, "{hours}");
    }
    let fresh = Tokens::start(VALIDATE).await;
    fresh.down.store(true, SeqCst);
    let status = fresh.status(&ONE.token("one", &fresh.claims())).await;
    assert!(status == 401 || status >= 500, "{status}");
    assert_eq!(fresh.world.vendor("svc").count(), 0);
}

#[tokio::test]
async fn tokens_of_entra_id_pass_by_tenant_and_application() {
    let policy = r#"<validate-azure-ad-token tenant-id="contoso" authentication-endpoint="vendor://issuer" header-name="x-token">
        <client-application-ids><application-id>client-one</application-id></client-application-ids>
        <audiences><audience>api</audience></audiences>
    </validate-azure-ad-token>"#;
    let tokens = Tokens::start(policy).await;
    for (client, status) in [("client-one", 200), ("client-two", 401)] {
        let token = ONE.token("one", &tokens.with("azp", json!(client)));
        assert_eq!(tokens.status(&token).await, status, "{client}");
    }
    let discovery = tokens.world.vendor("issuer").seen();
    assert!(discovery.iter().any(|seen| seen.target.starts_with("/contoso/v2.0/.well-known/")), "{discovery:?}");
}

/// Microsoft's example: a token is asked for on the side, kept, and sent to the backend.
const CACHED: &str = r#"<cache-lookup-value key="token" variable-name="token" />
<choose>
    <when condition="@(!context.Variables.ContainsKey("token"))">
        <send-request mode="new" response-variable-name="answer" timeout="10" ignore-error="false">
            <set-url>vendor://auth/token</set-url>
            <set-method>POST</set-method>
            <set-header name="Content-Type" exists-action="override"><value>application/x-www-form-urlencoded</value></set-header>
            <set-body>@("grant_type=client_credentials&client_secret=" + System.Net.WebUtility.UrlEncode("{{secret}}"))</set-body>
        </send-request>
        <set-variable name="token" value="@((string)((IResponse)context.Variables["answer"]).Body.As<JObject>()["access_token"])" />
        <cache-store-value key="token" value="@((string)context.Variables["token"])" duration="60" />
    </when>
</choose>
<set-header name="Authorization" exists-action="override"><value>@("Bearer " + (string)context.Variables["token"])</value></set-header>"#;

#[tokio::test]
async fn a_token_from_a_side_call_is_cached() {
    let config =
        format!("{}named_values: [{{ id: secret, value: {BACKEND_KEY}, secret: true }}]\n", orders(&inbound(CACHED)));
    let auth = Vendor::start(|_, number| Reply::json(200, &json!({"access_token": format!("token-{number}")}))).await;
    let svc = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&config).vendor("svc", svc).vendor("auth", auth).start().await;
    for _ in 0..5 {
        world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    }
    let asked = world.vendor("auth").only();
    assert_eq!(
        (asked.line().as_str(), asked.text()),
        ("POST /token", format!("grant_type=client_credentials&client_secret={BACKEND_KEY}"))
    );
    for seen in world.vendor("svc").seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer token-1"));
    }
    world.advance(Duration::from_secs(61));
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    assert_eq!(world.vendor("auth").count(), 2);
}

#[tokio::test]
async fn side_calls_obey_the_egress_rules_and_fail_as_told() {
    let computed = |ignore: &str| {
        inbound(&format!(
            r#"<send-request mode="new" response-variable-name="answer" timeout="5" ignore-error="{ignore}"><set-url>@(context.Request.Headers.GetValueOrDefault("x-to", ""))</set-url></send-request>
               <set-header name="x-null" exists-action="override"><value>@((context.Variables["answer"] == null).ToString())</value></set-header>"#
        ))
    };
    for (ignore, status) in [("true", 200), ("false", 500)] {
        let auth = Vendor::always(Reply::text(200, "text/plain", "inside")).await;
        let url = auth.url();
        let svc = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
        let world =
            World::builder().config(&orders(&computed(ignore))).vendor("svc", svc).vendor("auth", auth).start().await;
        let answer = world.send(&Call::get("/orders/1").key(KEY).header("x-to", &url)).await.expect_whole(status);
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
        assert_eq!(world.vendor("auth").connections(), 0);
        if status == 200 {
            assert_eq!(world.vendor("svc").only().header("x-null"), Some("True"));
        }
    }
}

#[tokio::test]
async fn managed_identities_come_from_token_sources() {
    let policy = inbound(r#"<authentication-managed-identity resource="https://cognitiveservices.azure.com" />"#);
    let config = format!(
        "{}token_sources:
  - id: entra
    resources: [https://cognitiveservices.azure.com/]
    token_url: vendor://auth/oauth2/v2.0/token
    client_id: gateway
    client_secret: {BACKEND_KEY}
    scope: \"{{resource}}/.default\"
",
        orders(&policy)
    );
    let auth = Vendor::start(|_, number| {
        Reply::json(
            200,
            &json!({"access_token": format!("token-{number}"), "expires_in": 3600, "token_type": "Bearer"}),
        )
    })
    .await;
    let svc = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(&config).vendor("svc", svc).vendor("auth", auth).start().await;
    let calls = join_all((0..10).map(|_| async { world.send(&Call::get("/orders/1").key(KEY)).await.status })).await;
    assert_eq!(calls, [200; 10]);
    let asked = world.vendor("auth").only().text();
    for part in [
        "grant_type=client_credentials",
        "client_id=gateway",
        "scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default",
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
    for seen in world.vendor("svc").seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer token-1"));
    }
    world.advance(Duration::from_secs(3_601));
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    assert_eq!(
        world.vendor("svc").seen().pop().and_then(|seen| seen.header("authorization").map(str::to_owned)).as_deref(),
        Some("Bearer token-2")
    );
}

/// `context.Deployment.Certificates` signs: an RSA key written as PKCS#1 and as PKCS#8.
#[tokio::test]
async fn configured_certificates_are_seen_by_expressions() {
    let policy = inbound(
        r#"<set-header name="x-thumbprint" exists-action="override"><value>@(context.Deployment.Certificates["mine"].Thumbprint)</value></set-header>
           <set-header name="x-has-key" exists-action="override"><value>@(context.Deployment.Certificates["mine"].HasPrivateKey.ToString())</value></set-header>"#,
    );
    let made = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).expect("a certificate");
    let config = format!("{}certificates: [{{ id: mine, file: ./mine.pem, key_file: ./mine.key }}]\n", orders(&policy));
    let world = World::builder()
        .config(&config)
        .file("mine.pem", &made.cert.pem())
        .file("mine.key", &made.signing_key.serialize_pem())
        .vendor("svc", Vendor::always(Reply::text(200, "text/plain", "fine")).await)
        .start()
        .await;
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert_eq!(seen.header("x-thumbprint").map(str::len), Some(40));
    assert_eq!(seen.header("x-has-key"), Some("False"), "an EC key signs nothing there");
}
