//! stub
use super::peer::Peer;
use http::{HeaderMap, HeaderValue};
/// s
pub fn strip_request(_: &mut HeaderMap, _t: bool) {}
/// s
pub fn add_forwarded(_: &mut HeaderMap, _: &Peer, _: Option<&HeaderValue>) {}
/// s
pub fn strip_response(_: &mut HeaderMap) {}
