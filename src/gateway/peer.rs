//! stub
use std::net::IpAddr;
/// stub
pub struct Peer {
    /// c
    pub client: IpAddr,
    /// t
    pub tls: bool,
    /// t
    pub trusted: bool,
}
