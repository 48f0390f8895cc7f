//! `authentication-certificate`: the client certificate that is shown to the backend.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Named, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, REQUEST},
};
use crate::outbound::fetch::Identity;

const NAME: &str = "authentication-certificate";

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: REQUEST,
    attributes: ATTRIBUTES,
    children: &[],
    content: Content::Nothing,
    manual: "Shows a client certificate to the backend. It is one of `certificates` of the configuration, named by its \
             id (`certificate-id`) or by its thumbprint. Also inside `send-request`. A certificate in `body` is refused: \
             PKCS#12 archives are not read; put certificate and key as PEM under `certificates`.",
    example: r#"<authentication-certificate certificate-id="backend-client" />"#,
    build,
};

/// Its attributes, also inside `send-request`.
pub const ATTRIBUTES: &[AttributeEntry] = &[
    AttributeEntry::absent("thumbprint", "SHA-1 thumbprint of a configured certificate, in hex.").dynamic(),
    AttributeEntry::absent("certificate-id", "Id of a configured certificate.").dynamic(),
    AttributeEntry::absent("body", "Not here: PKCS#12 archives are not read.").dynamic(),
    AttributeEntry::absent("password", "Password of `body`.").dynamic(),
];

/// How the certificate is named.
enum By {
    Id(Dynamic<Arc<str>>),
    Thumbprint(Dynamic<Arc<str>>),
}

/// The element.
pub struct Shown {
    by: By,
    named: Arc<Named>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    if reading.attribute("body").is_some() {
        let reason = "`body` of `authentication-certificate` is a PKCS#12 archive, which is not read here: put certificate \
                      and key as PEM under `certificates` and name them by `certificate-id`";
        return reading.unsupported(reason);
    }
    Some(Box::new(Shown::read(reading)?))
}

impl Shown {
    /// Reads the element.
    pub fn read(reading: &mut Reading<'_, '_>) -> Option<Self> {
        let named = reading.compiler.known.named();
        let by = match (reading.attribute("certificate-id").is_some(), reading.attribute("thumbprint").is_some()) {
            (true, false) => By::Id(reading.dynamic("certificate-id")?),
            (false, true) => By::Thumbprint(reading.dynamic("thumbprint")?),
            _ => {
                return reading
                    .refuse("`authentication-certificate` needs `certificate-id` or `thumbprint`, one of them");
            }
        };
        let shown = Self { by, named };
        let (By::Id(value) | By::Thumbprint(value)) = &shown.by;
        if let Some(value) = value.fixed()
            && shown.find(value).is_none()
        {
            let ids: Vec<_> = shown.named.certificates().map(|(id, _)| id).collect();
            let known = if ids.is_empty() { "it has none".to_owned() } else { format!("it has: {}", ids.join(", ")) };
            let message =
                format!("`{value}` is none of `certificates` of the configuration ({known}): requests will fail here");
            let place = reading.element.place.clone();
            reading.compiler.warn(&place, message);
        }
        Some(shown)
    }

    fn find(&self, value: &str) -> Option<(Arc<str>, Arc<Identity>)> {
        let mut all = self.named.certificates();
        let found = match &self.by {
            By::Id(_) => all.find(|(id, _)| *id == value.trim()),
            By::Thumbprint(_) => all.find(|(_, identity)| identity.has_thumbprint(value)),
        };
        found.map(|(id, identity)| (id.into(), identity.clone()))
    }

    /// Bodies that its expression reads.
    pub fn needs(&self) -> Needs {
        let (By::Id(value) | By::Thumbprint(value)) = &self.by;
        value.needs()
    }

    /// The certificate for this exchange, and its id.
    pub fn identity(&self, flow: &mut Flow<'_>) -> Result<(Arc<str>, Arc<Identity>), Failure> {
        let (By::Id(value) | By::Thumbprint(value)) = &self.by;
        let value = value.get(flow)?;
        self.find(&value).ok_or_else(|| {
            let message = format!("The certificate `{}` is not configured.", value.escape_debug());
            Failure::new(NAME, "CertificateNotFound", 500, message)
        })
    }
}

impl Policy for Shown {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.identity(flow).map(|(id, _)| flow.route.certificate = Some(id)).into()
    }

    fn needs(&self) -> Needs {
        Self::needs(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::{
        outside::{Named, scripted::certificate},
        testing::Scene,
    };

    #[test]
    fn the_certificate_is_found_by_id_and_by_thumbprint() {
        let identity = certificate("client.test");
        let thumbprint = identity.thumbprint().to_lowercase();
        let named = Named::default().with_certificate("mine", identity);
        for attribute in [r#"certificate-id="mine""#.to_owned(), format!(r#"thumbprint="{thumbprint}""#)] {
            let policy = format!("<base /><authentication-certificate {attribute} />");
            let played = Scene::new().named(named.clone()).section("inbound", &policy).run();
            assert_eq!(played.sent[0].route.certificate.as_deref(), Some("mine"), "{attribute}");
        }
    }

    #[test]
    fn one_that_is_not_there_fails_the_exchange() {
        let policy = r#"<authentication-certificate thumbprint="00" />"#;
        let played = Scene::new().section("inbound", policy).run();
        assert_eq!((played.status(), played.sent.len()), (500, 0));
    }

    #[test]
    fn an_archive_is_refused_with_the_way_out() {
        let troubles = Scene::new().section("inbound", r#"<authentication-certificate body="x" />"#).troubles();
        assert!(troubles[0].contains("`certificates`"), "{troubles:?}");
    }
}
