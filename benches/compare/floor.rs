//! The least a Rust proxy can cost: hyper's server and hyper-util's client, nothing between them.

use std::net::SocketAddr;

use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

use crate::AnyError;

/// Serves until it is killed.
pub fn run(upstream: &str, listen: SocketAddr) -> Result<(), AnyError> {
    let upstream: &'static str = upstream.to_owned().leak();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(4096).build(connector);
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let client = client.clone();
            let service = service_fn(move |request| pass(client.clone(), upstream, request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    })
}

async fn pass(
    client: Client<HttpConnector, Incoming>,
    upstream: &str,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, AnyError> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("http://{upstream}{path}").parse()?;
    for name in [header::HOST, header::CONNECTION] {
        request.headers_mut().remove(name);
    }
    Ok(client.request(request).await?)
}
