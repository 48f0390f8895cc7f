//! `set-body`: a new body, written down, computed, or made by a Liquid template of what the old one said.
//!
//! `binding` is what a template sees, `runtime` how it looks names up, `loops` its `for` and `JSONArrayFor`, `filters`
//! its filters by DotLiquid's names.

mod binding;
mod date;
mod filters;
mod liquid;
mod loops;
mod runtime;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, header};

use super::{
    Body, Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content},
};
use crate::policy::Kind;
use binding::Reader;
use liquid::Template;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "set-body",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        AttributeEntry::optional(
            "template",
            "none",
            "`liquid`: the text is a Liquid template, with DotLiquid's filters in their C# spelling (`Upcase`).",
        )
        .one_of(&["liquid", "Liquid", "none"]),
        AttributeEntry::optional(
            "xsi-nil",
            "blank",
            "What a template sees of an XML element with `xsi:nil=\"true\"`: `blank` (empty text) or `null`.",
        )
        .one_of(&["blank", "null"]),
        AttributeEntry::optional(
            "parse-date",
            "true",
            "Read for compatibility: a template sees dates as the texts they are; the `Date` filter formats them.",
        ),
    ],
    children: &[],
    content: Content::Anything,
    manual: "Replaces the body of the request (`inbound`, `backend`) or of the answer (`outbound`, `on-error`). The text \
             is the body; an expression computes it; a template (`template=\"liquid\"`) makes it of the old body, which \
             it sees as `body` (JSON by a JSON content type, XML by an XML one), and of `context`. Names in templates \
             are found without regard to case, names of XML elements without their prefix, and what is not there is \
             empty. `JSONArrayFor` loops with commas between its rounds. Inside `return-response` a template sees no \
             body.",
    example: r#"<set-body template="liquid">{ "name": "{{body.user.name | Upcase}}" }</set-body>"#,
    build,
};

/// Makes a body.
pub struct SetBody(How);

enum How {
    Text(Dynamic<Arc<str>>),
    Template(Template, Reader),
}

/// A body that a template may look at.
pub struct Old<'o> {
    bytes: &'o [u8],
    content_type: &'o str,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    SetBody::of(reading).map(|body| Box::new(body) as Box<dyn Policy>)
}

impl SetBody {
    /// As the element says.
    pub fn of(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let content = reading.element.content();
        let is_template = reading.literal("template").is_some_and(|text| text.trim().eq_ignore_ascii_case("liquid"));
        reading.switch("parse-date", true);
        let reader = Reader { nil_is_null: reading.literal("xsi-nil").is_some_and(|text| text.trim() == "null") };
        if !is_template || content.kind() != Kind::Literal {
            return reading.of_text(&content).map(|text| Self(How::Text(text)));
        }
        match Template::new(&content.value) {
            Ok(template) => Some(Self(How::Template(template, reader))),
            Err(why) => {
                reading.trouble(&content.place, format!("the Liquid template cannot be read: {why}"));
                None
            }
        }
    }

    /// The new body; `old` is what a template sees.
    pub fn bytes(&self, flow: &mut Flow<'_>, old: Option<&Old<'_>>) -> Result<Bytes, Failure> {
        match &self.0 {
            How::Text(text) => Ok(Bytes::copy_from_slice(text.get(flow)?.as_bytes())),
            How::Template(template, reader) => {
                let globals = reader.globals(flow, old)?;
                template.render(&globals).map(Bytes::from).map_err(|why| Failure::thrown("set-body", why))
            }
        }
    }

    /// Bodies that its expression reads.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match &self.0 {
            How::Text(text) => text.needs(),
            How::Template(..) => Needs::NONE,
        }
    }

    async fn replace(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        flow.hold(flow.body_needs()).await?;
        self.set(flow)?;
        Ok(Verdict::Continue)
    }

    /// The body for another message; a template looks at the body of this one.
    pub async fn made(&self, flow: &mut Flow<'_>) -> Result<Bytes, Failure> {
        flow.hold(flow.body_needs()).await?;
        self.of_exchange(flow)
    }

    fn of_exchange(&self, flow: &mut Flow<'_>) -> Result<Bytes, Failure> {
        let (headers, body) = match &flow.response {
            Some(response) if flow.is_answered() => (&response.headers, &response.body),
            _ => (&flow.request.headers, &flow.request.body),
        };
        let (bytes, content_type) = (body.held().cloned().unwrap_or_default(), content_type(headers).to_owned());
        self.bytes(flow, Some(&Old { bytes: &bytes, content_type: &content_type }))
    }

    fn set(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let made = self.of_exchange(flow)?;
        flow.headers_mut().remove(header::CONTENT_ENCODING);
        *flow.body_mut() = Body::Held(made);
        Ok(())
    }
}

/// The media type of a message, without parameters; empty when it tells none.
pub fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

impl Policy for SetBody {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        match &self.0 {
            How::Template(..) => Step::Wait(self.replace(flow).boxed()),
            How::Text(_) => self.set(flow).into(),
        }
    }

    fn needs(&self) -> Needs {
        self.needs()
    }

    fn may_wait(&self) -> bool {
        matches!(self.0, How::Template(..))
    }
}
