//! Parts that make a message of its own inside other policies (`return-response`, side calls): status, headers, body.
//!
//! What they say is evaluated while `context.Response` is still the answer from before, and put onto the new message
//! afterwards.

use super::{
    Body, Failure, Flow, Needs, Reading, Response, set_body::SetBody, set_header::SetHeader, set_status::SetStatus,
};

/// One part.
pub enum Part {
    /// `set-status`.
    Status(SetStatus),
    /// `set-header`.
    Header(SetHeader),
    /// `set-body`.
    Body(SetBody),
}

impl Part {
    /// The part that an element is; `None` for other elements, and when a trouble was noted.
    pub fn of(reading: &mut Reading<'_, '_>) -> Option<Self> {
        match &*reading.element.name {
            "set-status" => SetStatus::of(reading).map(Self::Status),
            "set-header" => SetHeader::of(reading).map(Self::Header),
            "set-body" => SetBody::of(reading).map(Self::Body),
            _ => None,
        }
    }

    /// Bodies that it reads.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match self {
            Self::Status(status) => status.needs(),
            Self::Header(header) => header.needs(),
            Self::Body(body) => body.needs(),
        }
    }

    /// Puts it onto an answer that is not the exchange's yet.
    pub fn apply(&self, flow: &mut Flow<'_>, response: &mut Response) -> Result<(), Failure> {
        match self {
            Self::Status(status) => status.status(flow)?.apply(response),
            Self::Header(header) => header.change(flow)?.apply(&mut response.headers),
            Self::Body(body) => response.body = Body::Held(body.bytes(flow, None)?),
        }
        Ok(())
    }
}
