//! HTTP/2 on either side.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Collected, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    client::Call,
    vendor::{Gate, Reply, Vendor},
    world::{KEY, World},
};

#[tokio::test]
async fn an_http2_client_is_served_without_negotiation() {
    let config = "backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]\napis: [{ id: all, kind: http, path: /, backend: svc, subscription_required: false }]\n";
    let vendor = Vendor::always(Reply::text(200, "text/plain", "fine")).await;
    let world = World::builder().config(config).vendor("svc", vendor).start().await;
    let stream = tokio::net::TcpStream::connect(world.gateway()).await.expect("listening");
    let io = TokioIo::new(stream);
    let executor = TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.expect("h2c");
    let driving = tokio::spawn(connection);
    for _ in 0..3 {
        let uri = format!("http://{}/two?x=1", world.gateway());
        let crumbs = http::Request::get(uri).header("cookie", "a=1").header("cookie", "b=2");
        let request = crumbs.body(Empty::<Bytes>::new()).expect("a request");
        let answer = sender.send_request(request).await.expect("answered");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, "fine");
    }
    let first = world.vendor("svc").seen().swap_remove(0);
    assert_eq!(first.line(), "GET /two?x=1");
    assert_eq!(first.all("cookie"), ["a=1; b=2"], "one line towards HTTP/1.1");
    drop(sender);
    driving.await.expect("no panic").expect("a clean end");
}

/// A backend that speaks HTTP/2 only: two pieces, the second when the gate opens; tells who went away before.
pub async fn h2_backend(gate: Gate, gone: mpsc::UnboundedSender<()>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let (gate, gone) = (gate.clone(), Departure(gone.clone()));
        async move {
            let version = format!("{:?} {}", request.version(), request.uri().path());
            let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
            let first = [version.as_bytes(), b" ", &body].concat();
            let second = async move {
                gate.passed().await;
                gone.end();
                Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(b" second")))
            };
            let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from(first)))]);
            Ok::<_, std::convert::Infallible>(http::Response::new(StreamBody::new(
                first.chain(futures_util::stream::once(second)).boxed(),
            )))
        }
    });
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                if let Err(problem) = server.serve_connection(TokioIo::new(socket), service).await {
                    eprintln!("fake HTTP/2 backend: {problem}");
                }
            });
        }
    });
    addr
}

/// Tells when an answer is dropped before it was over.
struct Departure(mpsc::UnboundedSender<()>);

impl Departure {
    fn end(self) {
        std::mem::forget(self);
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

fn config(backend: std::net::SocketAddr) -> String {
    format!(
        "backends: [{{ id: svc, kind: http, url: \"http://{backend}\", http: \"2\" }}]\napis: [{{ id: all, kind: http, path: /all, backend: svc }}]\n"
    )
}

#[tokio::test]
async fn an_http2_backend_streams_through() {
    let gate = Gate::closed();
    let backend = h2_backend(gate.clone(), mpsc::unbounded_channel().0).await;
    let world = World::builder().config(&config(backend)).start().await;
    let mut open = Call::new("POST", "/all/x").key(KEY).body("hello").open(world.gateway()).await;
    assert!(open.until_text("HTTP/2.0 /x hello").await);
    gate.open();
    assert_eq!(open.finish().await.expect_whole(200).text(), "HTTP/2.0 /x hello second");
}

#[tokio::test]
async fn leaving_cancels_the_stream_at_an_http2_backend() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let backend = h2_backend(Gate::closed(), gone).await;
    let world = World::builder().config(&config(backend)).start().await;
    let mut open = Call::new("POST", "/all/x").key(KEY).body("hello").open(world.gateway()).await;
    assert!(open.until_text("hello").await);
    drop(open);
    let told = tokio::time::timeout(std::time::Duration::from_secs(60), left.recv()).await;
    assert_eq!(told.expect("within a minute"), Some(()));
}

#[tokio::test]
async fn a_body_of_unknown_length_reaches_an_http2_backend() {
    let gate = Gate::closed();
    gate.open();
    let world = World::builder().config(&config(h2_backend(gate, mpsc::unbounded_channel().0).await)).start().await;
    let request = format!(
        "GET /all/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    );
    let answer = crate::client::raw(world.gateway(), request.as_bytes()).await.expect_whole(200);
    assert_eq!(answer.text(), "HTTP/2.0 /x hello second");
}
