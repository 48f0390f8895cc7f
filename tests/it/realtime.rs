//! The realtime surface: a WebSocket whose key is swapped and whose model is the backend's.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest as _, handshake::client::Request};

use crate::{
    vendor::{Reply, Step, Vendor},
    world::{BACKEND_KEY, KEY, World},
};

fn request(world: &World, path: &str, headers: &[(&'static str, String)]) -> Request {
    let mut request = format!("ws://{}{path}", world.gateway()).into_client_request().expect("a URL");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    request
}

#[tokio::test]
async fn every_way_to_bring_the_key_works_and_only_ours_goes_up() {
    let bearer = || vec![("authorization", format!("Bearer {KEY}"))];
    let protocol = || {
        vec![("sec-websocket-protocol", format!("realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1"))]
    };
    let api_key = || vec![("api-key", KEY.to_owned())];
    let deployment = "/openai/realtime?api-version=2024-10-01-preview&deployment=m";
    for (kind, path, headers, upstream) in [
        ("openai", "/v1/realtime?model=m", bearer(), "/v1/realtime?model=up"),
        ("openai", "/v1/realtime?model=m", protocol(), "/v1/realtime?model=up"),
        ("openai", "/v1/realtime?model=m", api_key(), "/v1/realtime?model=up"),
        ("azure-openai", "/openai/v1/realtime?model=m", api_key(), "/openai/v1/realtime?model=up"),
        ("azure-openai", deployment, api_key(), "/openai/realtime?api-version=2024-10-01-preview&deployment=up"),
    ] {
        let world = World::one(kind, Vendor::always(Reply::steps(vec![Step::EchoSocket])).await).await;
        let connected = tokio_tungstenite::connect_async(request(&world, path, &headers)).await;
        let (mut socket, answer) = connected.unwrap_or_else(|problem| panic!("{kind} {path}: {problem}"));
        let chosen =
            answer.headers().get("sec-websocket-protocol").map(|value| value.to_str().expect("text").to_owned());
        assert!(!chosen.unwrap_or_default().contains(KEY), "{path}");
        socket.send(Message::text("{\"type\":\"session.update\"}")).await.expect("sent");
        assert_eq!(socket.next().await.expect("open").expect("echoed"), Message::text("{\"type\":\"session.update\"}"));
        socket.close(None).await.expect("closed");
        while socket.next().await.is_some() {}
        drop(socket);
        let seen = world.vendor("one").only();
        assert_eq!(seen.line(), format!("GET {upstream}"));
        assert!(!seen.contains(KEY), "{}", String::from_utf8_lossy(&seen.head));
        let credential = if kind == "openai" {
            ("authorization", format!("Bearer {BACKEND_KEY}"))
        } else {
            ("api-key", BACKEND_KEY.into())
        };
        assert_eq!(seen.all(credential.0), [credential.1]);
    }
}

#[tokio::test]
async fn refusals_come_before_the_upgrade() {
    let world = World::one("openai", Vendor::always(Reply::steps(vec![Step::EchoSocket])).await).await;
    let bearer = |key: &str| vec![("authorization", format!("Bearer {key}"))];
    for (path, headers, status) in [
        ("/v1/realtime?model=m", Vec::new(), 401),
        ("/v1/realtime?model=m", bearer("wrong-key-0123456789"), 401),
        ("/v1/realtime?model=nowhere", bearer(KEY), 404),
    ] {
        match tokio_tungstenite::connect_async(request(&world, path, &headers)).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(world.vendor("one").count(), 0);
}
