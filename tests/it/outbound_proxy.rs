//! Backends behind a forward proxy: what the proxy is asked, and what it must not get to see.

use serde_json::json;

use crate::{
    client::Call,
    vendor::{Reply, Vendor, dialect},
    world::{BACKEND_KEY, KEY, PROMPT, World},
};

/// A world whose backend `url` is reached through `proxy`.
async fn behind(proxy: &Vendor, url: &str) -> World {
    let config = format!(
        "backends: [{{ id: one, kind: openai, url: \"{url}\", key: {BACKEND_KEY}, proxy: \"http://{}\", proxy_key: \"us@er:pa:ss\" }}]\n\
         models: [{{ name: m, backend: one }}]\n",
        proxy.addr
    );
    World::builder().config(&config).start().await
}

fn ask() -> Call {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}]});
    Call::post("/v1/chat/completions", &body).key(KEY)
}

/// `us@er:pa:ss`.
const CREDENTIAL: &str = "Basic dXNAZXI6cGE6c3M=";

#[tokio::test]
async fn requests_in_the_clear_go_through_it_whole() {
    let proxy = Vendor::always(dialect::chat("hi")).await;
    let world = behind(&proxy, "http://models.example.test/v1").await;
    for _ in 0..2 {
        let answer = world.send(&ask()).await.expect_whole(200);
        assert!(answer.header("proxy-authorization").is_none());
    }
    for seen in proxy.seen() {
        assert_eq!(seen.line(), "POST http://models.example.test/v1/chat/completions");
        assert_eq!(seen.all("host"), ["models.example.test"]);
        assert_eq!(seen.all("proxy-authorization"), [CREDENTIAL]);
        assert_eq!(seen.all("authorization"), [format!("Bearer {BACKEND_KEY}")]);
        assert!(!seen.contains(KEY));
    }
    assert_eq!((proxy.count(), proxy.connections()), (2, 1), "the connection is kept");
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_that_a_proxy_may_refuse() {
    let proxy = Vendor::always(Reply::status(403)).await;
    let world = behind(&proxy, "https://models.example.test/v1").await;
    let answer = world.send(&ask()).await.expect_whole(502);
    assert_eq!(answer.json()["error"]["code"], "backend_unreachable");
    let seen = proxy.seen();
    assert!(!seen.is_empty());
    for seen in seen {
        assert_eq!(seen.line(), "CONNECT models.example.test:443");
        assert_eq!(seen.all("proxy-authorization"), [CREDENTIAL]);
        for secret in [KEY, BACKEND_KEY, PROMPT] {
            assert!(!seen.contains(secret), "{secret} was shown to the proxy");
        }
    }
}
