//! Making and recognising what administrators get in with: tokens, one-time links, sessions.
//!
//! Here because the command line, the admin API and the portal (which never import each other) share it.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Access, AdminToken, StoreError};
use crate::model::{Clock, Entropy, KeyHash, Secret, Timestamp};

/// A sign-in link works this long.
pub const LINK_LIFE: Duration = Duration::from_mins(30);

/// A session lasts this long.
pub const SESSION_LIFE: Duration = Duration::from_hours(12);

/// The session's cookie.
pub const SESSION_COOKIE: &str = "tollgate_session";

/// A new session: what the browser gets.
pub struct NewSession {
    /// The cookie's value.
    pub token: Secret,
    /// When it ends.
    pub expires: Timestamp,
}

/// Makes a one-time link's token: the page is `/login/{token}` on the console port.
///
/// # Errors
/// The database failed.
pub async fn new_link(store: &dyn Access, clock: &Clock, entropy: &Entropy) -> Result<Secret, StoreError> {
    let token = random("", entropy);
    store.add_link(KeyHash::of(token.expose()), clock.now().plus(LINK_LIFE)).await?;
    Ok(token)
}

/// Makes an administrator's token, to be shown once.
///
/// # Errors
/// The name is taken, or the database failed.
pub async fn new_admin_token(
    store: &dyn Access,
    name: &str,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Secret, StoreError> {
    let token = random("tga_", entropy);
    let row = AdminToken { name: name.to_owned(), hash: KeyHash::of(token.expose()), created: clock.now() };
    store.add_admin_token(row).await?;
    Ok(token)
}

/// Exchanges a link for a session; nothing when the link is unknown, used or expired.
///
/// # Errors
/// The database failed.
pub async fn sign_in(
    store: &dyn Access,
    link: &str,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Option<NewSession>, StoreError> {
    if !store.consume_link(KeyHash::of(link), clock.now()).await? {
        return Ok(None);
    }
    store.sweep(clock.now()).await?;
    let session = NewSession { token: random("", entropy), expires: clock.now().plus(SESSION_LIFE) };
    store.add_session(KeyHash::of(session.token.expose()), session.expires).await?;
    Ok(Some(session))
}

/// The token that a session's changes must carry in `x-csrf-token`. Derived from the cookie, which no foreign
/// page can read: nothing more to store.
#[must_use]
pub fn csrf_token(session: &str) -> String {
    URL_SAFE_NO_PAD.encode(KeyHash::of(&format!("tollgate csrf {session}")).as_bytes())
}

/// 256 random bits after a prefix.
fn random(prefix: &str, entropy: &Entropy) -> Secret {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    Secret::from(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}
