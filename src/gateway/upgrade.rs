//! stub
use super::listener::Drain;
use hyper::upgrade::OnUpgrade;
/// s
pub fn wanted(_: &http::request::Parts) -> Option<()> {
    None
}
/// s
pub struct Passed {
    /// c
    pub from_client: u64,
    /// b
    pub from_backend: u64,
    /// e
    pub was_ended: bool,
}
/// s
pub async fn splice(_: OnUpgrade, _: OnUpgrade, _: Drain) -> Passed {
    Passed { from_client: 0, from_backend: 0, was_ended: false }
}
