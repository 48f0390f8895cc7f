//! Taking the port: one error per cause, worded for the person who must act.

use std::{io, net::SocketAddr, sync::Arc};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::{
    tls::{Certificates, TlsProblem},
    workers::Workers,
};
use crate::{settings::server::Listener, telemetry::metrics::Sight};

/// Connections the kernel holds while they wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A port that is ours, with the certificate to serve it.
#[derive(Debug)]
pub struct Bound {
    pub(super) socket: TcpListener,
    pub(super) certificates: Option<Arc<Certificates>>,
    pub(super) sight: Sight,
    pub(super) workers: Arc<Workers>,
    addr: SocketAddr,
}

impl Bound {
    /// Shows connections and certificates in these metrics; until then nobody sees them.
    #[must_use]
    pub fn seen_by(self, sight: Sight) -> Self {
        Self { sight, ..self }
    }

    /// Has these threads serve the connections; until then the runtime does that accepts them.
    #[must_use]
    pub fn served_by(self, workers: Arc<Workers>) -> Self {
        Self { workers, ..self }
    }

    /// The address in use; the port is the real one when 0 was asked for.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate in use, to be read again when a reload is asked for.
    #[must_use]
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.certificates.clone()
    }
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindProblem {
    /// Another process has the port.
    #[error("{addr} is already in use; stop the process that has it, or choose another port with `listen`")]
    Taken {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The process may not use the port.
    #[error("{addr} needs a privilege this process does not have; choose a port above 1023 with `listen`")]
    Forbidden {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// Anything else the operating system says.
    #[error("{addr} cannot be opened: {source}; check `listen`")]
    Other {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsProblem),
}

impl BindProblem {
    fn of(addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Taken { addr },
            io::ErrorKind::PermissionDenied => Self::Forbidden { addr },
            _ => Self::Other { addr, source },
        }
    }
}

/// Opens the listener's port and reads its certificate. Must be called inside a tokio runtime.
pub fn bind(settings: &Listener) -> Result<Bound, BindProblem> {
    let certificates = settings.tls.as_ref().map(Certificates::read).transpose()?.map(Arc::new);
    let socket = open(settings.listen).map_err(|source| BindProblem::of(settings.listen, source))?;
    let addr = socket.local_addr().map_err(|source| BindProblem::of(settings.listen, source))?;
    Ok(Bound { socket, certificates, sight: Sight::default(), workers: Arc::default(), addr })
}

fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // Without it a restart within a minute finds its own old connections in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_said_in_one_line_with_the_fix() {
        let settings = Listener { listen: ([127, 0, 0, 1], 0).into(), ..Listener::default() };
        let first = bind(&settings).expect("a free port");
        let again = Listener { listen: first.addr(), ..Listener::default() };
        let problem = bind(&again).expect_err("taken");
        assert!(matches!(problem, BindProblem::Taken { addr } if addr == first.addr()));
        assert!(problem.to_string().contains("choose another port") && !problem.to_string().contains('\n'));
    }
}
