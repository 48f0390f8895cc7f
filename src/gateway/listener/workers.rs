//! Threads that serve connections: each has a runtime of its own, and a connection stays where it was put.
//!
//! A request, its backend's connection and its answer are then one thread's business from the first byte to the last.
//! On a runtime of several threads every piece that comes may wake another thread to look for work, which at low load
//! costs more than serving it. The price: one connection never uses more than one core, however many streams it
//! carries, so a new one goes where the fewest are.
//! Deliberately not here: accepting, and all work beside the port, which go on where the gateway was started.

use std::{
    io,
    num::NonZero,
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
    },
    thread,
};

use tokio::{
    net::TcpStream,
    runtime::{Builder, Handle, Runtime},
    sync::watch,
};

/// The threads of one listener. None at all: connections are served by the runtime that accepts them.
#[derive(Debug, Default)]
pub struct Workers {
    all: Vec<Worker>,
    /// Closed when the threads are to end.
    _going: Option<watch::Sender<()>>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    open: Arc<AtomicUsize>,
}

/// A connection's seat with a worker, given back on drop.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, AcqRel);
    }
}

impl Workers {
    /// Starts one thread for each processor that this process may use.
    ///
    /// # Errors
    /// The operating system has no thread or no descriptors left.
    pub fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let (going, ended) = watch::channel(());
        let all = (0..count).map(|at| Worker::start(at, ended.clone())).collect::<io::Result<_>>()?;
        Ok(Self { all, _going: Some(going) })
    }

    /// Serves a connection by `serve` on the thread that has the fewest.
    pub(super) fn serve(&self, socket: TcpStream, serve: impl FnOnce(TcpStream, Option<Seat>)) {
        let Some(worker) = self.all.iter().min_by_key(|worker| worker.open.load(Relaxed)) else {
            return serve(socket, None);
        };
        let _here = worker.runtime.enter();
        match socket.into_std().and_then(TcpStream::from_std) {
            Ok(socket) => serve(socket, Some(worker.seat())),
            Err(error) => tracing::warn!(%error, "a connection could not be handed to a thread and is closed"),
        }
    }
}

impl Worker {
    fn start(at: usize, mut ended: watch::Receiver<()>) -> io::Result<Self> {
        let runtime: Runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let run = move || {
            // An error is what is waited for: the sender is gone.
            runtime.block_on(async move { while ended.changed().await.is_ok() {} });
            runtime.shutdown_background();
        };
        thread::Builder::new().name(format!("gateway-{at}")).spawn(run)?;
        Ok(Self { runtime: handle, open: Arc::default() })
    }

    fn seat(&self) -> Seat {
        self.open.fetch_add(1, AcqRel);
        Seat(Arc::clone(&self.open))
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::{
        net::TcpListener,
        sync::{mpsc, oneshot},
    };

    use super::*;

    async fn accepted(port: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(port.local_addr().unwrap()).await.unwrap();
        (client, port.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn a_connection_goes_where_the_fewest_are_and_stays_there() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let workers = Workers::start().unwrap();
        let count = workers.all.len();
        let (tell, mut told) = mpsc::unbounded_channel();
        let (mut clients, mut seats) = (Vec::new(), Vec::new());
        for _ in 0..2 * count {
            let (client, socket) = accepted(&port).await;
            clients.push(client);
            workers.serve(socket, |socket, seat| {
                let tell = tell.clone();
                drop(tokio::spawn(async move {
                    tell.send(thread::current().name().map(ToOwned::to_owned)).unwrap();
                    // The socket is this thread's to watch.
                    socket.readable().await.unwrap();
                    tell.send(None).unwrap();
                }));
                seats.push(seat.expect("a worker's"));
            });
        }
        let mut names = Vec::new();
        for _ in 0..2 * count {
            names.push(told.recv().await.flatten().expect("a name"));
        }
        names.sort();
        let expected: Vec<_> = (0..count).flat_map(|at| [format!("gateway-{at}"), format!("gateway-{at}")]).collect();
        assert_eq!(names, expected, "two each");
        drop(clients);
        for _ in 0..2 * count {
            assert_eq!(told.recv().await, Some(None));
        }
        seats.remove(2 * count - 1);
        let (_client, socket) = accepted(&port).await;
        let mut free = None;
        workers.serve(socket, |_, seat| free = seat);
        let open = |worker: &Worker| worker.open.load(Relaxed);
        assert!(workers.all.iter().all(|worker| open(worker) == 2), "the free seat is taken");
        drop((free, seats));
        assert!(workers.all.iter().all(|worker| open(worker) == 0));
    }

    #[tokio::test]
    async fn what_runs_there_ends_with_the_last_who_holds_them() {
        let workers = Workers::start().unwrap();
        let (held, ended) = oneshot::channel::<()>();
        workers.all[0].runtime.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        drop(workers);
        assert!(ended.await.is_err());
    }

    #[tokio::test]
    async fn without_threads_of_their_own_connections_are_served_where_they_came() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_client, socket) = accepted(&port).await;
        let mut seen = false;
        Workers::default().serve(socket, |_, seat| seen = seat.is_none());
        assert!(seen);
    }
}
