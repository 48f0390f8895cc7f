//! What keeps a caller at one member of a pool, as a number.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::{HeaderMap, header};
use tollgate_providers::{Surface, head};

use super::exchange::Exchange;
use crate::{model::UserId, settings::Affinity};

/// Name of the cookie that we set.
const COOKIE: &str = "tollgate_affinity";

/// The body of a model call, as far as affinity looks into it.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// Which endpoint.
    pub surface: Surface,
    /// The body.
    pub body: &'a Bytes,
    /// The body's `user`.
    pub end_user: Option<&'a str>,
}

/// The key of this exchange under `affinity`; `None`: no preference.
#[must_use]
pub fn key(affinity: &Affinity, exchange: &mut Exchange, content: Option<Content<'_>>) -> Option<u64> {
    let subscription = exchange.subscription.as_ref().map(|subscription| subscription.id.as_str());
    match affinity {
        Affinity::None => None,
        Affinity::Subscription => subscription.map(hash),
        Affinity::User => {
            let owner = exchange.subscription.as_ref().and_then(|subscription| subscription.user.as_ref());
            let user = content.and_then(|content| content.end_user).or(owner.map(UserId::as_str));
            user.map(|user| hash((subscription, user)))
        }
        Affinity::Conversation => {
            let content = content?;
            head::conversation_key(content.surface, content.body).map(|key| hash((subscription, key)))
        }
        Affinity::Cookie => Some(cookie(exchange)),
        Affinity::Header(name) => exchange.parts.headers.get(name).map(|value| hash((subscription, value.as_bytes()))),
    }
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The caller's cookie, or a new one that goes out with the answer.
fn cookie(exchange: &mut Exchange) -> u64 {
    if let Some(own) = found(&exchange.parts.headers) {
        return own;
    }
    let mut random = [0; 8];
    exchange.gateway.entropy.fill(&mut random);
    let key = u64::from_be_bytes(random);
    let secure = if exchange.peer.tls { "; Secure" } else { "" };
    exchange.set_cookie = Some(format!("{COOKIE}={key:016x}; Path=/; HttpOnly; SameSite=Lax{secure}"));
    key
}

fn found(headers: &HeaderMap) -> Option<u64> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    u64::from_str_radix(value, 16).ok()
}
