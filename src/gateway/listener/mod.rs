//! stub
use crate::{exchange::Fault, outbound::BoxError};
use bytes::Bytes;
use http_body::{Body, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
/// s
#[derive(Clone)]
pub struct Drain;
/// s
pub struct DrainEnded;
impl Drain {
    /// s
    pub fn ended(&self) -> DrainEnded {
        DrainEnded
    }
}
impl DrainEnded {
    /// s
    pub fn poll_ended(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
/// s
pub struct Inbound;
impl Inbound {
    /// s
    pub fn fault(&self) -> Option<Fault> {
        None
    }
}
impl Body for Inbound {
    type Data = Bytes;
    type Error = BoxError;
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(None)
    }
}
