//! `authentication-basic`: user name and password for the backend.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, REQUEST},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "authentication-basic",
    aliases: &[],
    sections: REQUEST,
    attributes: ATTRIBUTES,
    children: &[],
    content: Content::Nothing,
    manual: "Sets the `Authorization` header to basic authentication with this user name and password. Keep the password \
             in a secret named value: `{{backend-password}}`. Also inside `send-request`.",
    example: r#"<authentication-basic username="gateway" password="s3cret" />"#,
    build: |reading| Some(Box::new(Basic::read(reading)?)),
};

/// Its attributes, also inside `send-request`.
pub const ATTRIBUTES: &[AttributeEntry] = &[
    AttributeEntry::required("username", "User name.").dynamic(),
    AttributeEntry::required("password", "Password.").dynamic(),
];

/// User name and password.
pub struct Basic {
    user: Dynamic<Arc<str>>,
    password: Dynamic<Arc<str>>,
}

impl Basic {
    /// Reads the element.
    pub fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        Some(Self { user: reading.dynamic("username")?, password: reading.dynamic("password")? })
    }

    /// Bodies that its expressions read.
    pub fn needs(&self) -> Needs {
        self.user.needs().and(self.password.needs())
    }

    /// The header's value for this exchange.
    pub fn header(&self, flow: &mut Flow<'_>) -> Result<HeaderValue, Failure> {
        let pair = format!("{}:{}", self.user.get(flow)?, self.password.get(flow)?);
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .expect("base64 has only characters that headers may have");
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Policy for Basic {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        let value = self.header(flow);
        value.map(|value| drop(flow.request.headers.insert(header::AUTHORIZATION, value))).into()
    }

    fn needs(&self) -> Needs {
        Self::needs(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn the_backend_gets_user_name_and_password() {
        let policy = r#"<base /><authentication-basic username="user1" password="pass123" />"#;
        let played = Scene::new().section("inbound", policy).header("authorization", "Bearer caller").run();
        assert_eq!(played.sent[0].header("authorization").as_deref(), Some("Basic dXNlcjE6cGFzczEyMw=="));
    }
}
