//! `set-method`: changes the method of the request.

use std::sync::Arc;

use http::Method;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{Content, Sections},
};
use crate::policy::Section;

/// Where the request matters.
const SECTIONS: Sections = &[Section::Inbound, Section::Backend, Section::OnError];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "set-method",
    aliases: &[],
    sections: SECTIONS,
    attributes: &[],
    children: &[],
    content: Content::Text,
    manual: "Changes the method of the request that goes to the backend: `GET`, `POST`, or any other that HTTP allows.",
    example: "<set-method>POST</set-method>",
    build,
};

/// Sets the method.
pub struct SetMethod(Dynamic<Arc<str>>);

impl SetMethod {
    /// As the element says.
    pub fn of(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let method: Dynamic<Arc<str>> = reading.text()?;
        match method.fixed().map(|text| parsed(text)) {
            Some(Err(failure)) => reading.refuse(failure.message),
            _ => Some(Self(method)),
        }
    }

    /// The method for this exchange.
    pub fn method(&self, flow: &mut Flow<'_>) -> Result<Method, Failure> {
        parsed(&self.0.get(flow)?)
    }

    /// Bodies that it reads.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.0.needs()
    }
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    SetMethod::of(reading).map(|method| Box::new(method) as Box<dyn Policy>)
}

impl Policy for SetMethod {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.method(flow).map(|method| flow.request.method = method).into()
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }
}

/// CONNECT and TRACE are no methods of a request that passes through (RFC 9110, 9.3.6 and 9.3.8).
fn parsed(text: &str) -> Result<Method, Failure> {
    let method = Method::from_bytes(text.trim().to_ascii_uppercase().as_bytes()).ok();
    method.filter(|method| *method != Method::CONNECT && *method != Method::TRACE).ok_or_else(|| {
        Failure::new("set-method", "InvalidMethod", 500, format!("`{}` cannot be the method of a request", text.trim()))
    })
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn methods_are_checked_at_load() {
        for (text, wanted) in [(" put\n", Some("PUT")), ("PURGE", Some("PURGE")), ("CONNECT", None), ("A B", None)] {
            let scene = Scene::new().section("inbound", &format!("<set-method>{text}</set-method>"));
            match wanted {
                Some(wanted) => assert_eq!(scene.run().sent[0].method.as_str(), wanted),
                None => assert_eq!(scene.troubles(), [format!("`{text}` cannot be the method of a request")]),
            }
        }
    }
}
