//! Stores that gateways share and that misbehave, through the front door: no request fails for them, and nobody waits for
//! them twice. And one behind TLS.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, rustls};

use crate::{
    client::Call,
    redis::Redis,
    tls::{Authority, chain, provider, write},
    vendor::{Reply, Vendor},
    world::{KEY, World},
};

const CONFIG: &str = "
backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis:
  - { id: orders, kind: http, path: /orders, backend: svc, cache: { ttl: 1h } }
  - id: kept
    kind: http
    path: /kept
    backend: svc
    policy: |
      <policies><inbound><base />
        <cache-lookup vary-by-developer=\"false\" vary-by-developer-groups=\"false\" />
        <cache-lookup-value key=\"k\" variable-name=\"v\" default-value=\"none\" />
        <cache-store-value key=\"k\" value=\"@(7)\" duration=\"600\" />
      </inbound><outbound><base /><cache-store duration=\"600\" /></outbound></policies>
";

/// A store that says the same to whatever it is asked, and how often it was dialled.
async fn liar(says: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (addr, dialled) = (listener.local_addr().expect("bound"), Arc::new(AtomicUsize::new(0)));
    let counted = dialled.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Relaxed);
            tokio::spawn(async move {
                let mut bytes = [0; 4_096];
                while socket.read(&mut bytes).await.is_ok_and(|count| count > 0) {
                    if socket.write_all(says).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (addr, dialled)
}

async fn replica(store: &str) -> World {
    let vendor = Vendor::start(|_, number| Reply::text(200, "text/plain", format!("answer {number}"))).await;
    World::builder().config(CONFIG).server(&format!("shared_state: \"{store}\"")).vendor("svc", vendor).start().await
}

fn get(path: &str) -> Call {
    Call::get(path).key(KEY).header("host", "api.test")
}

/// Silence, no store at all, answers of the wrong kind, half of one, things that look like entries and are not.
const LIES: [&[u8]; 8] = [
    b"",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x00\x01\x02\xff\xfe\r\n",
    b"$100\r\nhalf",
    b":1\r\n",
    b"*-1\r\n",
    b"+OK\r\n",
    b"$24\r\n12345678accept,x-a,x-b\xff\x00\r\n",
];

#[tokio::test]
async fn no_store_however_broken_fails_a_request_or_invents_an_answer() {
    for lie in LIES {
        let (store, dialled) = liar(lie).await;
        let world = replica(&format!("redis://{store}")).await;
        for (path, one, two) in [("/orders/1", "answer 1", "answer 2"), ("/kept/1", "answer 3", "answer 4")] {
            let other = path.replace('1', "2");
            for (path, text, cache) in
                [(path, one, "miss"), (path, one, "hit"), (&*other, two, "miss"), (&*other, two, "hit")]
            {
                let answer = world.send(&get(path)).await.expect_whole(200);
                let found = (answer.text(), answer.header("x-tollgate-cache").map(ToOwned::to_owned));
                assert_eq!(
                    found,
                    (text.to_owned(), Some(cache.to_owned())),
                    "{path} {:?}",
                    lie.escape_ascii().to_string()
                );
            }
        }
        assert!(dialled.load(Relaxed) < 20, "dialled {} times", dialled.load(Relaxed));
    }
}

/// A TLS door in front of a plain store.
async fn tls_door(to: String, authority: &Authority) -> u16 {
    let (certificates, key) = chain(&authority.issue("localhost"));
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let mut inside = acceptor.accept(socket).await.ok()?;
                let mut outside = TcpStream::connect(to).await.ok()?;
                tokio::io::copy_bidirectional(&mut inside, &mut outside).await.ok()
            });
        }
    });
    port
}

#[tokio::test]
async fn a_store_behind_tls_is_shared_by_those_who_believe_its_certificate() {
    let Some(redis) = Redis::start() else { return };
    let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    let port = tls_door(redis.url().replace("redis://", ""), &authority).await;
    let ca = write(folder.path(), "ca.pem", &authority.pem());
    let stranger = write(folder.path(), "other.pem", &Authority::new().pem());
    let with = |ca: &str| format!("rediss://localhost:{port}?ca={ca}");
    let (one, two, three) = (replica(&with(&ca)).await, replica(&with(&ca)).await, replica(&with(&stranger)).await);
    for path in ["/orders/1", "/kept/1"] {
        let fetched = one.send(&get(path)).await.expect_whole(200).text();
        let shared = async {
            // What is shared is written behind the caller; a look that finds nothing fetches nothing.
            let call = get(path).header("cache-control", "only-if-cached");
            while path == "/orders/1" && two.send(&call).await.status == 504 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(crate::client::PATIENCE, shared).await.expect("it is shared");
        if path == "/orders/1" {
            assert_eq!(two.send(&get(path)).await.expect_whole(200).text(), fetched);
        }
        assert_eq!(three.send(&get(path)).await.expect_whole(200).header("x-tollgate-cache"), Some("miss"));
    }
}
