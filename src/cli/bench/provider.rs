//! A provider that costs almost nothing: OpenAI's chat completions, plain and streamed.

use std::{cmp::Ordering, convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpListener;

/// Chunks in a stream that is not held.
pub const CHUNKS: u32 = 200;
/// Chunks in a brief one.
const BRIEF_CHUNKS: u32 = 5;
/// Time between the chunks of a stream.
const PAUSE: Duration = Duration::from_millis(20);
/// Time between the chunks of a held stream.
const HELD_PAUSE: Duration = Duration::from_secs(5);

/// Serves until the future is dropped.
///
/// # Errors
/// When accepting fails.
pub async fn serve(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
        tokio::spawn(connection);
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let asks = |flag: &str| memmem::find(&body, flag.as_bytes()).is_some();
    let (count, pause) = match (asks(r#""hold":true"#), asks(r#""brief":true"#)) {
        (true, _) => (u32::MAX - 2, HELD_PAUSE),
        (false, true) => (BRIEF_CHUNKS, PAUSE),
        (false, false) => (CHUNKS, PAUSE),
    };
    let (kind, body) = if asks(r#""stream":true"#) {
        ("text/event-stream", streamed(count, pause))
    } else {
        ("application/json", Full::new(Bytes::from(plain())).boxed_unsync())
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    Ok(answer)
}

fn plain() -> String {
    let text = "word ".repeat(240);
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":250,"completion_tokens":240,"total_tokens":490}}}}"#
    )
}

fn streamed(count: u32, pause: Duration) -> UnsyncBoxBody<Bytes, Infallible> {
    let frames = stream::unfold(0, move |at| async move {
        if at > count + 1 {
            return None;
        }
        if at > 0 && at <= count {
            tokio::time::sleep(pause).await;
        }
        Some((Ok(Frame::data(Bytes::from_static(event(at, count)))), at + 1))
    });
    StreamBody::new(frames).boxed_unsync()
}

fn event(at: u32, count: u32) -> &'static [u8] {
    match at.cmp(&count) {
        Ordering::Less => b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some words of an answer\"},\"finish_reason\":null}]}\n\n",
        Ordering::Equal => b"data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":200,\"total_tokens\":450}}\n\n",
        Ordering::Greater => b"data: [DONE]\n\n",
    }
}
