//! Holding a stream's lifecycle frames until its first content, so that a 200 that turns into an error can
//! still fail over.

use std::{future::poll_fn, pin::Pin, time::Duration};

use http_body::Body;
use tokio::time::timeout;

use super::answer::Upstream;
use crate::outbound::SendFault;

/// How long frames are held before they are relayed and failover is given up (DESIGN section 5).
const LONGEST: Duration = Duration::from_secs(10);
/// How many bytes are held before they are relayed and failover is given up.
const LARGEST: usize = 1 << 20;

/// How holding ended.
pub enum Held {
    /// There is content (or nothing more to wait for): relay.
    Content,
    /// The backend said inside the stream that it failed.
    Error {
        /// The status that the same error has as an answer of its own.
        status: u16,
    },
    /// The connection broke, or the stream ended, before there was content.
    Broken(Option<SendFault>),
}

/// Reads `upstream` until its first content; what was read is put into `upstream.held`.
pub async fn hold(upstream: &mut Upstream) -> Held {
    match timeout(LONGEST, until_content(upstream)).await {
        Ok(held) => held,
        Err(_) => Held::Content,
    }
}

async fn until_content(upstream: &mut Upstream) -> Held {
    let mut size = 0;
    loop {
        if let Some(error) = upstream.tap.error()
            && !upstream.tap.has_content()
        {
            return Held::Error { status: error.status_hint };
        }
        if upstream.tap.has_content() || size > LARGEST {
            return Held::Content;
        }
        match poll_fn(|cx| Pin::new(&mut upstream.body).poll_frame(cx)).await {
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                size += data.len();
                let Ok(data) = decoded(upstream, data) else { return Held::Broken(None) };
                upstream.tap.push(data, &mut upstream.held);
            }
            Some(Err(fault)) => return Held::Broken(Some(fault)),
            None => return ended(upstream),
        }
    }
}

fn decoded(upstream: &mut Upstream, data: bytes::Bytes) -> std::io::Result<bytes::Bytes> {
    match &mut upstream.decoder {
        Some(decoder) => decoder.push(&data),
        None => Ok(data),
    }
}

fn ended(upstream: &mut Upstream) -> Held {
    upstream.tap.finish(&mut upstream.held);
    upstream.ended = true;
    match upstream.tap.error() {
        Some(error) => Held::Error { status: error.status_hint },
        None if upstream.tap.is_complete() => Held::Content,
        None => Held::Broken(None),
    }
}
