//! The accept loop: takes connections while there are places, and survives running out of file descriptors.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::FutureExt;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::OwnedSemaphorePermit,
};

use super::{caps::Caps, drain::Drain};

/// First and longest pause after the process ran out of file descriptors or memory: connections that close meanwhile
/// make room. Waiting ones stay in the kernel's queue.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where connections come from: a port, or a script in tests.
pub(super) trait Accept: Send {
    /// The next connection.
    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
    }
}

/// Hands each connection to `take` until draining starts; then takes those that are already waiting, so that nobody
/// whose handshake the kernel has completed is reset, and closes the port.
pub(super) async fn run<A: Accept>(
    port: A,
    caps: &Caps,
    drain: &Drain,
    mut take: impl FnMut(TcpStream, SocketAddr, OwnedSemaphorePermit),
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let next = async {
            let permit = caps.permit().await;
            (port.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            next = next => next,
            () = drain.started() => break,
        };
        match accepted {
            Ok((socket, addr)) => {
                pause = FIRST_PAUSE;
                take(socket, addr, permit);
            }
            Err(error) if is_the_connections(&error) => {}
            Err(error) => {
                drop(permit);
                rest(&mut pause, &error).await;
            }
        }
    }
    while let Some(permit) = caps.permit().now_or_never() {
        let Some(Ok((socket, addr))) = port.accept().now_or_never() else { break };
        take(socket, addr, permit);
    }
}

/// The waiting connection failed, not the port.
fn is_the_connections(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn rest(pause: &mut Duration, error: &io::Error) {
    if *pause == FIRST_PAUSE {
        tracing::error!(%error, "cannot accept connections; new ones wait (raise the open-files limit if this goes on)");
    }
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Mutex};

    use super::*;

    /// Fails as scripted, then accepts from the real port.
    struct Failing(Mutex<VecDeque<i32>>, TcpListener);

    impl Accept for Failing {
        async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
            let next = self.0.lock().unwrap().pop_front();
            match next {
                Some(code) => Err(io::Error::from_raw_os_error(code)),
                None => TcpListener::accept(&self.1).await,
            }
        }
    }

    #[tokio::test]
    async fn running_out_of_descriptors_is_survived() {
        const ECONNABORTED: i32 = 103;
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = port.local_addr().unwrap();
        let script = [EMFILE, ENFILE, ECONNABORTED, EMFILE];
        let (caps, drain) = (Caps::new(1, 1), Drain::default());
        let (sender, mut taken) = tokio::sync::mpsc::unbounded_channel();
        let port = Failing(Mutex::new(script.into()), port);
        let client = async {
            let socket = TcpStream::connect(addr).await.unwrap();
            let (_, from, _permit) = taken.recv().await.unwrap();
            assert_eq!(from, socket.local_addr().unwrap());
            drain.begin();
        };
        tokio::join!(
            run(port, &caps, &drain, |socket, addr, permit| sender.send((socket, addr, permit)).unwrap()),
            client
        );
        assert!(TcpStream::connect(addr).await.is_err(), "the port is closed once draining starts");
    }
}
