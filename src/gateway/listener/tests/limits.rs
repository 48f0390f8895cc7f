//! Deadlines, caps, tunnels and the way down, over real sockets with short limits.

use super::*;
use crate::model::{HumanDuration, HumanSize};

const SHORT: HumanDuration = HumanDuration(Duration::from_millis(400));
const HELLO: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let port = Port::with(|settings| settings.header_timeout = SHORT);
    let mut client = port.client().await;
    assert!(client.answer().await.is_none(), "no byte, no answer");

    for part in ["G", "PRI * ", "GET / HTTP/1.1\r\nHost", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = port.client().await;
        client.send(part).await;
        let status = client.answer().await.map(|seen| seen.status);
        // Whether "G" or "PRI * " begins HTTP/1 or HTTP/2 is not known yet.
        assert!(status == Some(408) || (status.is_none() && part.len() < 7), "{part:?}: {status:?}");
        assert!(!client.is_open().await);
    }

    let mut client = port.client().await;
    client.send(HELLO).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    client.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 408, "also for a later request");
}

#[tokio::test]
async fn dripping_a_head_does_not_extend_its_time() {
    let port = Port::with(|settings| settings.header_timeout = SHORT);
    let mut client = port.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n").await;
    let drip = async {
        for _ in 0..1000 {
            client.send("X-A: b\r\n").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            if client.socket.try_read_buf(&mut client.unread).is_ok() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, drip).await.unwrap();
    assert_eq!(client.answer().await.unwrap().status, 408);
}

#[tokio::test]
async fn idle_connections_are_closed_but_waiting_ones_are_not() {
    let port = Port::with(|settings| settings.keep_alive = SHORT);
    let mut client = port.client().await;
    client.send(HELLO).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert!(client.answer().await.is_none(), "closed after the keep-alive time");

    let mut waiting = port.client().await;
    waiting.send("GET /until-ended HTTP/1.1\r\nHost: a\r\n\r\n").await;
    waiting.until(b"begun\n").await.unwrap();
    tokio::time::sleep(SHORT.0 * 3).await;
    port.drain.end();
    assert!(waiting.rest().await.contains("event: error"), "an open answer is not idle");
}

#[tokio::test]
async fn a_silent_body_is_given_up() {
    let port = Port::with(|settings| settings.body_timeout = SHORT);
    let mut client = port.client().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na").await;
    let seen = client.answer().await.unwrap();
    assert_eq!((seen.status, seen.head.contains("connection: close")), (408, true));
    assert!(!client.is_open().await);
}

#[tokio::test]
async fn a_client_that_takes_nothing_or_leaves_lets_go_of_the_answer() {
    let port = Port::with(|settings| settings.write_timeout = SHORT);
    let mut client = port.client().await;
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.until(b"\r\n\r\n").await.unwrap();
    assert_eq!(port.service.held(), 1);
    eventually(|| port.service.held() == 0).await;

    let mut client = port.client().await;
    client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually(|| port.service.held() == 1).await;
    drop(client);
    eventually(|| port.service.held() == 0).await;
    eventually(|| port.drain.open_exchanges() == 0).await;
}

#[tokio::test]
async fn the_answer_is_seen_by_a_client_that_is_still_sending() {
    let port = Port::with(|settings| settings.max_body_size = HumanSize(1000));
    for framing in ["Content-Length: 400000", "Transfer-Encoding: chunked"] {
        let mut client = port.client().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n61a80\r\n")).await;
        client.send("x".repeat(400_000)).await;
        let seen = client.answer().await.unwrap();
        assert_eq!(seen.status, 413, "{framing}");
        assert!(seen.body.contains("1000 bytes"), "{}", seen.body);
        assert!(!client.is_open().await);
    }
}

#[tokio::test]
async fn one_address_gets_its_share_and_trusted_proxies_any() {
    let share = |settings: &mut Listener| settings.max_connections_per_ip = 2;
    let port = Port::with(share);
    let mut first = port.client().await;
    assert!(first.is_open().await);
    let mut second = port.client().await;
    assert!(second.is_open().await);
    assert!(!port.client().await.is_open().await);
    drop(first);
    eventually_open(&port).await;

    let port = Port::behind(TrustedProxies::new(&["127.0.0.0/8".parse().unwrap()]), share);
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(port.client().await);
    }
    for client in &mut clients {
        assert!(client.is_open().await);
    }
}

async fn eventually_open(port: &Port) {
    let open = async { while !port.client().await.is_open().await {} };
    tokio::time::timeout(PATIENCE, open).await.expect("a place becomes free");
}

#[tokio::test]
async fn further_connections_wait_for_a_place() {
    let port = Port::with(|settings| settings.max_connections = 1);
    let mut first = port.client().await;
    assert!(first.is_open().await);
    let mut second = port.client().await;
    second.send(HELLO).await;
    let waits = tokio::time::timeout(SHORT.0, second.socket.readable()).await;
    assert!(waits.is_err(), "not served yet");
    drop(first);
    assert_eq!(second.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn who_the_client_is_comes_from_trusted_proxies_only() {
    let ask = "GET /peer HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\r\n";
    let strict = Port::open();
    let mut client = strict.client().await;
    client.send(ask).await;
    assert_eq!(client.answer().await.unwrap().body, "127.0.0.1 http false");
    let trusting = Port::behind(TrustedProxies::new(&["127.0.0.1/32".parse().unwrap()]), |_| {});
    let mut client = trusting.client().await;
    client.send(ask).await;
    assert_eq!(client.answer().await.unwrap().body, "1.2.3.4 https true");
}

#[tokio::test]
async fn continue_is_sent_when_the_body_is_wanted_and_trailers_pass() {
    let port = Port::open();
    let ask =
        |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let mut client = port.client().await;
    client.send(ask("/")).await;
    assert_eq!(client.until(b"\r\n\r\n").await.unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc").await;
    assert_eq!(client.answer().await.unwrap().body, "POST / a abc");

    let mut client = port.client().await;
    client.send(ask("/early")).await;
    assert_eq!(client.answer().await.unwrap().status, 401, "without a 100 before it");

    let mut client = port.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.unwrap().body, "POST / a x sum=7");
    client.send("GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").await;
    assert!(client.until(b"0\r\nx-sum: 42\r\n\r\n").await.is_some());
}

#[tokio::test]
async fn a_tunnel_outlives_deadlines_and_ends_with_the_process() {
    let port = Port::with(|settings| {
        settings.header_timeout = SHORT;
        settings.keep_alive = SHORT;
    });
    let mut client = port.client().await;
    client.send("GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    let head = client.until(b"\r\n\r\n").await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\n").await;
        assert_eq!(client.exactly(16).await.unwrap(), "GET / HTTP/1.1\r\n", "bytes, not requests");
        tokio::time::sleep(SHORT.0 * 2).await;
    }
    assert_eq!(port.drain.open_exchanges(), 1);
    port.drain.begin();
    client.send("still").await;
    assert_eq!(client.exactly(5).await.unwrap(), "still", "a tunnel is an open exchange");
    port.drain.end();
    assert!(!client.more().await);
    tokio::time::timeout(PATIENCE, port.served).await.expect("serve ends").unwrap();
}

#[tokio::test]
async fn going_down_lets_open_exchanges_finish_then_ends_them() {
    let port = Port::open();
    let mut idle = port.client().await;
    assert!(idle.is_open().await);
    let mut unused = port.client().await;
    let mut sending = port.client().await;
    sending.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na").await;
    let mut streaming = port.client().await;
    streaming.send("GET /until-ended HTTP/1.1\r\nHost: a\r\n\r\n").await;
    streaming.until(b"begun\n").await.unwrap();
    eventually(|| port.drain.open_exchanges() == 2).await;

    port.drain.begin();
    assert!(!idle.more().await, "an idle connection is closed");
    assert!(!unused.more().await, "so is one that never asked anything");
    eventually_refused(port.addr).await;
    sending.send("bc").await;
    let seen = sending.answer().await.unwrap();
    assert_eq!((seen.status, seen.head.contains("connection: close")), (200, true));
    assert!(!sending.is_open().await);
    assert!(!port.served.is_finished(), "the stream is still open");

    port.drain.end();
    let rest = streaming.rest().await;
    assert!(rest.contains("event: error") && !rest.ends_with("0\r\n\r\n"), "an error, then an unclean end: {rest:?}");
    tokio::time::timeout(PATIENCE, port.served).await.expect("serve ends").unwrap();
}

async fn eventually_refused(addr: SocketAddr) {
    let refused = async { while TcpStream::connect(addr).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("the port is closed");
}

#[tokio::test]
async fn connections_that_hang_do_not_keep_the_process() {
    let port = Port::open();
    let mut client = port.client().await;
    client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    eventually(|| port.service.held() == 1).await;
    port.drain.end();
    tokio::time::timeout(PATIENCE, port.served).await.expect("serve ends").unwrap();
    assert_eq!(port.service.held(), 0);
}

/// Runs itself again with few file descriptors, because the limit is the process's.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test of the process's own limit needs a process")]
fn running_out_of_descriptors_is_survived() {
    const CHILD: &str = "TOLLGATE_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(exhaust());
    }
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg("gateway::listener::tests::limits::running_out_of_descriptors_is_survived")
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

async fn exhaust() {
    const EMFILE: i32 = 24;
    let port = Port::open();
    let mut clients = Vec::new();
    let error = loop {
        match TcpStream::connect(port.addr).await {
            Ok(socket) => clients.push(socket),
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    clients.truncate(clients.len() / 2);
    let served = async { while !port.client().await.is_open().await {} };
    tokio::time::timeout(PATIENCE, served).await.expect("the accept loop goes on");
}
