//! The gateway itself, on a runtime of its own so that it can be drained while a test's own runtime is blocked.

use std::{net::SocketAddr, path::Path};

use tollgate::model::Clock;

/// shim
pub struct Host {
    pub gateway: SocketAddr,
    pub console: SocketAddr,
}
pub struct Ending {
    pub printed: Vec<u8>,
}
impl Ending {
    pub fn assert_settled(&self) {}
}
impl Host {
    pub async fn start(_config: &Path, _folder: &Path, _clock: Clock) -> Self {
        unreachable!()
    }
    pub async fn reload(&self) -> Result<(), String> {
        Ok(())
    }
    pub fn end(&mut self) -> Ending {
        Ending { printed: vec![] }
    }
}
