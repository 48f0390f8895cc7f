//! The body of an answer as the server takes it, and what becomes of it when nobody takes it any more.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{AnswerBody, Kind, settle};
use crate::outbound::BoxError;

impl Drop for AnswerBody {
    /// The client may have gone before the end: then what was seen so far is settled and the backend's side closes,
    /// or the rest is read without the client, where the backend is set so.
    fn drop(&mut self) {
        let Kind::Relay(relay) = &mut self.0 else { return };
        let Some(mut relay) = relay.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if relay.is_worth_reading_on() => {
                runtime.spawn(relay.read_on());
            }
            _ => {
                relay.fill_usage();
                relay.settlement.take().into_iter().for_each(settle);
            }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            Kind::Local { bytes, settlement } => {
                *settlement = None;
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
            }
            Kind::Relay(Some(relay)) => relay.poll(cx),
            Kind::Relay(None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Local { bytes, .. } => bytes.as_ref().is_none_or(Bytes::is_empty),
            Kind::Relay(Some(relay)) => relay.is_over(),
            Kind::Relay(None) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Local { bytes, .. } => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Relay(Some(relay)) if relay.is_intact => relay.body.size_hint(),
            Kind::Relay(_) => SizeHint::default(),
        }
    }
}
