//! Loopback ports for servers that a test starts later, or never: kept, so that nobody else can be given them meanwhile.
//!
//! A port that was found free and let go is anybody's: of a program beside this one, or of any connection.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port on which nothing listens until somebody does who was told of it.
///
/// It is bound and not listened on: connections are refused, and the kernel gives it neither to who asks for any port nor
/// to a connection. Who names it and may use addresses again (`SO_REUSEADDR`, as servers do) can listen on it, and after
/// its end another one.
pub struct Port {
    address: SocketAddr,
    _kept: TcpSocket,
}

impl Port {
    /// A free one.
    pub fn keep() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        Self { address: socket.local_addr().expect("bound"), _kept: socket }
    }

    /// `127.0.0.1` and its number.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}
