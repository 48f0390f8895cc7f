//! Stores that are away, hang, lie and talk without an end: nobody waits for them long, and nobody believes them.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
};

use super::{health::REST, *};
use crate::model::Timestamp;

/// What a scripted store does when it is asked for something; to logging in and `PING` it answers as it should.
#[derive(Clone, Copy, Debug)]
enum Script {
    /// Says this, each time.
    Say(&'static [u8]),
    /// Says this and hangs up.
    HangUp(&'static [u8]),
    /// Says nothing.
    Silent,
    /// Says nothing from the first byte on.
    Dead,
    /// Announces a text of 4 GB and sends it.
    Endless,
}

/// One command, as clients send them: a list of texts.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut name = None;
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
    for _ in 0..line.trim().strip_prefix('*')?.parse::<usize>().ok()? {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let mut text = vec![0; line.trim().strip_prefix('$')?.parse::<usize>().ok()? + 2];
        stream.read_exact(&mut text).await.ok()?;
        name.get_or_insert(text);
    }
    name.map(|name| name[..name.len() - 2].to_vec())
}

async fn talk(stream: TcpStream, script: Script) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let name = command(&mut stream).await?;
        match script {
            Script::Dead => {}
            _ if name == b"CLIENT" => stream.write_all(b"+OK\r\n").await.ok()?,
            _ if name == b"PING" => stream.write_all(b"+PONG\r\n").await.ok()?,
            Script::Silent => {}
            Script::Say(words) => stream.write_all(words).await.ok()?,
            Script::HangUp(words) => return stream.write_all(words).await.ok(),
            Script::Endless => {
                stream.write_all(b"$4000000000\r\n").await.ok()?;
                let piece = vec![b'x'; 65_536];
                while stream.write_all(&piece).await.is_ok() {}
            }
        }
    }
}

/// A scripted store: its URL.
async fn scripted(script: Script) -> Secret {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, script));
        }
    });
    Secret::from(format!("redis://127.0.0.1:{port}"))
}

fn shared(url: &Secret) -> (Shared, Clock) {
    let clock = Clock::manual(Timestamp::from_secs(1));
    (Shared::new(url, clock.clone()).expect("a URL"), clock)
}

fn rests(shared: &Shared, clock: &Clock) -> bool {
    shared.0.health.turn(clock.ticks()) == Turn::Rest
}

#[tokio::test]
async fn a_store_that_is_away_is_left_alone_until_it_has_answered_to_one_for_all() {
    // Bound and not listened on: it refuses, and nobody else can be given it.
    let kept = TcpSocket::new_v4().expect("a socket");
    kept.set_reuseaddr(true).expect("a socket");
    kept.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let port = kept.local_addr().expect("bound").port();
    let (shared, clock) = shared(&Secret::from(format!("redis://127.0.0.1:{port}")));
    assert!(shared.get("k").await.is_none());
    assert!(rests(&shared, &clock));
    clock.advance(REST);
    assert!(!shared.set("k", b"v", Duration::from_secs(1)).await, "somebody asks for it behind");
    assert!(rests(&shared, &clock), "and nobody else meanwhile");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is ours");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, Script::Say(b"$1\r\nv\r\n")));
        }
    });
    let asking = async {
        while shared.get("k").await.is_none() {
            clock.advance(REST);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), asking).await.expect("it is used again");
}

/// Whoever waits does so until the deadline, and whoever asks then does not.
#[tokio::test]
async fn stores_that_do_not_answer_are_given_up() {
    let scripts = [
        Script::Dead,
        Script::Silent,
        Script::Endless,
        Script::Say(b"hello, this is no store\r\n"),
        Script::Say(b"\x00\xff\xfe garbage"),
        Script::Say(b"$10\r\nhalf"),
        Script::HangUp(b""),
        Script::HangUp(b"$10\r\nhalf"),
    ];
    for script in scripts {
        let (shared, clock) = shared(&scripted(script).await);
        assert!(shared.get("k").await.is_none(), "{script:?}");
        assert!(rests(&shared, &clock), "{script:?}");
        assert!(shared.get("k").await.is_none() && !shared.remove("k").await, "{script:?}");
    }
}

#[tokio::test]
async fn refusals_and_things_of_another_kind_are_nothing_and_the_store_is_asked_again() {
    let words: [&[u8]; 4] = [
        b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"*1\r\n$1\r\nv\r\n",
    ];
    for words in words {
        let (shared, clock) = shared(&scripted(Script::Say(words)).await);
        for _ in 0..3 {
            assert!(!matches!(shared.get("k").await, Some(Some(bytes)) if bytes == b"v"), "{words:?}");
            assert!(!rests(&shared, &clock), "{words:?}");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let (shared, _) = shared(&scripted(Script::Say(b"+OK\r\n")).await);
    assert!(!shared.set_behind("k", &vec![0; LARGEST + 1], Duration::from_secs(1)).await);
    assert!(shared.set_behind("k", b"v", Duration::from_secs(1)).await);
}

#[test]
fn authorities_that_cannot_be_read_are_told_of() {
    let empty = tempfile::NamedTempFile::new().expect("a file");
    let clock = Clock::manual(Timestamp::from_secs(1));
    for (file, why) in [("/no/such/file", "`ca` /no/such/file: "), (empty.path().to_str().expect("text"), "has no PEM")]
    {
        let url = Secret::from(format!("rediss://:canary@h?ca={file}"));
        let told = Shared::new(&url, clock.clone()).expect_err("refused");
        assert!(told.contains(why) && !told.contains("canary"), "{told}");
    }
}
