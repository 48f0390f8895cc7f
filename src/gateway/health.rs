//! stub
use bytes::Bytes;
use http::{Request, Response};
/// s
pub trait Readiness: Send + Sync {}
/// s
pub fn answer<B>(_: &Request<B>, _: &dyn Readiness) -> Option<Response<Bytes>> {
    None
}
