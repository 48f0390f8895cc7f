//! The pages and the way in.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tower_service::Service;

use super::*;
use crate::{
    model::{Secret, Timestamp},
    store::{SecretKey, Sqlite, access},
};

struct World {
    _folder: TempDir,
    state: PortalState,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let (clock, entropy) = (Clock::manual(Timestamp::from_secs(1_800_000_000)), Entropy::seeded(7));
        let secret = SecretKey::load(folder.path(), None, &entropy).expect("key");
        let store = Arc::new(Sqlite::open(&folder.path().join("t.db"), secret).await.expect("opens"));
        let attempts = Arc::new(WrongAttempts::new(clock.clone()));
        let state = PortalState { store, attempts, loopback: true, secure: false, clock, entropy };
        Self { _folder: folder, state }
    }

    async fn link(&self) -> Secret {
        access::new_link(&*self.state.store, &self.state.clock, &self.state.entropy).await.expect("link")
    }

    async fn call(&self, method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
        self.call_as(method, path, "localhost:8081").await
    }

    async fn call_as(&self, method: &str, path: &str, host: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder().method(method).uri(path).header("host", host).body(Body::empty());
        let response = router(self.state.clone()).call(request.expect("request")).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.expect("body").to_bytes().to_vec()).expect("text");
        (parts.status, parts.headers, text)
    }
}

#[tokio::test]
async fn pages_carry_their_policy_and_need_nothing_from_elsewhere() {
    let world = World::new().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/portal.js", "text/javascript; charset=utf-8"),
        ("/assets/portal.css", "text/css; charset=utf-8"),
    ] {
        let (status, headers, text) = world.call("GET", path).await;
        assert_eq!((status.as_u16(), headers["content-type"].to_str().expect("text")), (200, kind), "{path}");
        assert!(headers["content-security-policy"].to_str().is_ok_and(|policy| !policy.contains("unsafe")));
        assert!(!text.contains("http://") && !text.contains("https://"), "{path} loads from elsewhere");
        assert!(!text.contains(" style=") && !text.contains(" onclick="), "{path} has inline code");
    }
    assert_eq!(world.call_as("GET", "/", "evil.example").await.0, 403);
}

#[tokio::test]
async fn a_link_is_used_up_by_its_button_only() {
    let world = World::new().await;
    let path = format!("/login/{}", world.link().await.expose());
    for _ in 0..3 {
        let (status, headers, text) = world.call("GET", &path).await;
        assert_eq!((status.as_u16(), headers.get("set-cookie")), (200, None));
        assert!(text.contains("<form method=\"post\">"));
    }
    let (status, headers, _) = world.call("POST", &path).await;
    assert_eq!((status.as_u16(), headers["location"].to_str().expect("text")), (303, "/"));
    let cookie = headers["set-cookie"].to_str().expect("text");
    assert!(
        cookie.starts_with("tollgate_session=") && cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax")
    );
    let (status, headers, _) = world.call("POST", &path).await;
    assert_eq!((status.as_u16(), headers.get("set-cookie")), (410, None));
    assert_eq!(world.call("GET", &path).await.0, 410);
}

#[tokio::test]
async fn links_expire_and_guesses_are_slowed_down() {
    let world = World::new().await;
    let path = format!("/login/{}", world.link().await.expose());
    world.state.clock.advance(Duration::from_mins(30));
    assert_eq!(world.call("POST", &path).await.0, 410);
    for _ in 0..10 {
        world.call("POST", "/login/guess").await;
    }
    let (status, headers, _) = world.call("GET", "/login/guess").await;
    assert_eq!(status, 429);
    assert!(headers.contains_key("retry-after"));
}

#[test]
fn the_cookie_is_secure_under_tls() {
    assert!(cookie("t", true).ends_with("; Secure"));
}
