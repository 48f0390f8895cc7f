//! Content codings of answers that policies read: they read the body without.

use http::{HeaderMap, header};

use crate::{
    exchange::{Fault, FaultKind},
    gateway::{answer::Upstream, decode::Decoder},
    policies::Failure,
};

/// The headers, taken out but for the coding, which whoever reads the body has to know.
pub(super) fn leave(headers: &mut HeaderMap) -> HeaderMap {
    let taken = std::mem::take(headers);
    if let Some(coding) = taken.get(header::CONTENT_ENCODING) {
        headers.insert(header::CONTENT_ENCODING, coding.clone());
    }
    taken
}

/// A body that policies read is read without its coding; they see the header until the answer goes out without it.
pub(super) fn take_off(upstream: &mut Upstream) -> Result<(), Failure> {
    if upstream.decoder.is_some() || upstream.ended || !upstream.held.is_empty() {
        return Ok(());
    }
    upstream.decoder = Decoder::of(&mut upstream.head.headers).map_err(|why| {
        Failure::from(Fault::new(
            FaultKind::BackendUnreachable,
            format!("The answer cannot be read by a policy: {why}."),
        ))
    })?;
    Ok(())
}
