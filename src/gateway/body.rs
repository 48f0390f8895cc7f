//! Reading bodies whole, within bounds.

use std::{future::poll_fn, io, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::time::timeout;

use super::{answer::Upstream, decode::Decoder, exchange::Exchange};
use crate::exchange::{Fault, FaultKind};

/// Largest list of stored objects that is filtered.
pub const LARGEST_LIST: usize = 16 << 20;
/// How much of an error answer is read to judge it.
const LARGEST_ERROR: usize = 64 << 10;
/// How long an error answer may take to arrive.
const LONGEST_ERROR: Duration = Duration::from_secs(5);

/// Room that is made at once for a body of announced length: nobody gets more by announcing much.
const MOST_AT_ONCE: usize = 1 << 20;

/// The caller's body, whole.
pub async fn collect(exchange: &mut Exchange) -> Result<Bytes, Fault> {
    let Some(mut body) = exchange.body.take() else { return Ok(Bytes::new()) };
    let mut pieces = Pieces::of(body.size_hint().exact());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            pieces.push(data);
        }
    }
    exchange.settlement.bytes_in = pieces.len() as u64;
    Ok(pieces.whole())
}

/// The rest of a backend's answer, whole; more than `limit` bytes is the backend's fault.
pub async fn rest(upstream: &mut Upstream, limit: usize) -> Result<Bytes, Fault> {
    let unreadable = |why: String| Fault::new(FaultKind::BackendUnreachable, why);
    let mut pieces = Pieces::default();
    for held in std::mem::take(&mut upstream.held) {
        pieces.push(held);
    }
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut upstream.body).poll_frame(cx)).await {
        let frame = frame.map_err(|fault| unreadable(fault.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        let data = match &mut upstream.decoder {
            None => data,
            Some(decoder) => decoder.push(&data).map_err(|error| unreadable(format!("content coding: {error}")))?,
        };
        pieces.push(data);
        if pieces.len() > limit {
            return Err(unreadable(format!("The backend's list is larger than {limit} bytes.")));
        }
    }
    if let Some(decoder) = &mut upstream.decoder {
        pieces.push(decoder.finish().map_err(|error| unreadable(format!("content coding: {error}")))?);
    }
    Ok(pieces.whole())
}

/// All of a backend's answer, decoded and looked at as it would have been relayed; it is kept in `upstream.held`.
pub async fn all(upstream: &mut Upstream, limit: usize) -> Result<Bytes, Fault> {
    let mut size: usize = upstream.held.iter().map(Bytes::len).sum();
    while !upstream.ended && upstream.broken.is_none() {
        size += next(upstream).await;
        if size > limit {
            let message = format!("The backend's answer is larger than the {limit} bytes that a policy may read.");
            return Err(Fault::new(FaultKind::BackendUnreachable, message));
        }
    }
    if let Some(why) = &upstream.broken {
        return Err(Fault::new(FaultKind::BackendUnreachable, format!("The backend broke off: {why}")));
    }
    Ok(upstream.held.concat().into())
}

/// Reads the beginning of an error answer into `upstream.held` (and its end, when it is short) and returns it.
///
/// A body that breaks or dawdles is judged by what came; that it broke is kept for those who relay it.
pub async fn beginning(upstream: &mut Upstream) -> Bytes {
    match timeout(LONGEST_ERROR, fill(upstream)).await {
        Ok(()) | Err(_) => upstream.held.concat().into(),
    }
}

async fn fill(upstream: &mut Upstream) {
    let mut size = 0;
    while size < LARGEST_ERROR && !upstream.ended && upstream.broken.is_none() {
        size += next(upstream).await;
    }
}

/// Reads the next piece into `upstream.held`, or that there is none; how much it was.
async fn next(upstream: &mut Upstream) -> usize {
    match poll_fn(|cx| Pin::new(&mut upstream.body).poll_frame(cx)).await {
        Some(Ok(frame)) => {
            let Ok(data) = frame.into_data() else { return 0 };
            if let Some(original) = &mut upstream.original {
                original.add(&data);
            }
            return keep(upstream, |decoder| decoder.push(&data), &data);
        }
        Some(Err(fault)) => upstream.broken = Some(fault.to_string()),
        None => {
            if let Some(original) = upstream.original.take() {
                original.finish();
            }
            keep(upstream, Decoder::finish, &Bytes::new());
            upstream.tap.finish(&mut upstream.held);
            upstream.ended = true;
        }
    }
    0
}

/// Keeps a piece, decoded where the body is coded; how much there was.
fn keep(upstream: &mut Upstream, decode: impl FnOnce(&mut Decoder) -> io::Result<Bytes>, data: &Bytes) -> usize {
    match upstream.decoder.as_mut().map_or_else(|| Ok(data.clone()), decode) {
        Ok(data) => {
            let size = data.len();
            upstream.tap.push(data, &mut upstream.held);
            size
        }
        Err(error) => {
            upstream.broken = Some(format!("content coding: {error}"));
            0
        }
    }
}

/// Pieces of a body; one piece is handed on without a copy.
#[derive(Default)]
struct Pieces {
    first: Option<Bytes>,
    more: Option<BytesMut>,
    /// How long it will be, as far as that is known and believed.
    announced: usize,
}

impl Pieces {
    /// Of a body that is announced to have so many bytes.
    fn of(announced: Option<u64>) -> Self {
        let announced = announced.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        Self { announced: announced.min(MOST_AT_ONCE), ..Self::default() }
    }

    fn push(&mut self, data: Bytes) {
        match (&mut self.more, &self.first) {
            (Some(more), _) => more.extend_from_slice(&data),
            (None, None) => self.first = Some(data),
            (None, Some(first)) => {
                let mut more = BytesMut::with_capacity(self.announced.max(first.len() + data.len()));
                more.extend_from_slice(first);
                more.extend_from_slice(&data);
                self.more = Some(more);
            }
        }
    }

    fn len(&self) -> usize {
        match (&self.more, &self.first) {
            (Some(more), _) => more.len(),
            (None, first) => first.as_ref().map_or(0, Bytes::len),
        }
    }

    fn whole(self) -> Bytes {
        match self.more {
            Some(more) => more.freeze(),
            None => self.first.unwrap_or_default(),
        }
    }
}
