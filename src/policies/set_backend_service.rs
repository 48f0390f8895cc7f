//! `set-backend-service`: sends the request to another backend.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, REQUEST},
    link::Target,
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "set-backend-service",
    aliases: &[],
    sections: REQUEST,
    attributes: &[
        AttributeEntry::absent("backend-id", "A configured backend or pool.").dynamic(),
        AttributeEntry::absent("base-url", "A URL: scheme, host, and a path that stands before the request's.")
            .dynamic(),
        AttributeEntry::absent("sf-resolve-condition", "Service Fabric: refused here.").dynamic(),
        AttributeEntry::absent("sf-service-instance-name", "Service Fabric: refused here.").dynamic(),
        AttributeEntry::absent("sf-partition-key", "Service Fabric: refused here.").dynamic(),
        AttributeEntry::absent("sf-listener-name", "Service Fabric: refused here.").dynamic(),
        AttributeEntry::absent("sf-replica-type", "Service Fabric: refused here.").dynamic(),
        AttributeEntry::absent("dapr-app-id", "Dapr: refused here.").dynamic(),
        AttributeEntry::absent("dapr-method", "Dapr: refused here.").dynamic(),
        AttributeEntry::absent("dapr-namespace", "Dapr: refused here.").dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Sends the request to a configured backend or pool (`backend-id`: with its credentials, timeouts and circuit \
             breaker) or to a URL (`base-url`: egress rules apply, and a URL that an expression computes never leads to \
             this machine itself). The last one that runs counts, whichever kind it is. Service Fabric and Dapr have no \
             counterpart here.",
    example: r#"<set-backend-service base-url="https://orders.example.org/v2" />"#,
    build,
};

enum SetBackendService {
    Id(Dynamic<Arc<str>>),
    Fixed(Target),
    Url(Dynamic<Arc<str>>),
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let foreign = reading.element.attributes.iter().find(|one| {
        let name = &*one.name;
        name.starts_with("sf-") && reading.attribute("backend-id").is_none() || name.starts_with("dapr-")
    });
    if let Some(foreign) = foreign {
        let kind = if foreign.name.starts_with("sf-") { "Service Fabric" } else { "Dapr" };
        return reading.unsupported(format!(
            "`set-backend-service` with `{}`: {kind} has no counterpart here; name a backend with `backend-id` or \
             `base-url`",
            foreign.name
        ));
    }
    if reading.literal("base-url").is_some_and(|url| url.trim().is_empty()) {
        return reading.unsupported("`base-url` is empty: what it stands for was to be filled in");
    }
    let set = match (reading.attribute("backend-id").is_some(), reading.attribute("base-url").is_some()) {
        (true, true) => return reading.refuse("`set-backend-service` takes `backend-id` or `base-url`, not both"),
        (false, false) => return reading.refuse("`set-backend-service` needs `backend-id` or `base-url`"),
        (true, false) => by_id(reading)?,
        (false, true) => by_url(reading)?,
    };
    Some(Box::new(set))
}

fn by_id(reading: &mut Reading<'_, '_>) -> Option<SetBackendService> {
    let id: Dynamic<Arc<str>> = reading.dynamic("backend-id")?;
    let Some(literal) = id.fixed() else { return Some(SetBackendService::Id(id)) };
    if let Some(target) = reading.compiler.known.backend(literal.trim()) {
        return Some(SetBackendService::Fixed(target));
    }
    let names = reading.compiler.known.names("backend");
    let hint = reading.compiler.hint(literal, names.iter().map(String::as_str));
    reading.refuse(format!("there is no backend or pool `{literal}`{hint}"))
}

fn by_url(reading: &mut Reading<'_, '_>) -> Option<SetBackendService> {
    let url: Dynamic<Arc<str>> = reading.dynamic("base-url")?;
    match url.fixed().map(|url| checked(url)) {
        None => Some(SetBackendService::Url(url)),
        Some(Ok(url)) => Some(SetBackendService::Fixed(Target::Url { url, is_literal: true })),
        Some(Err(why)) => reading.refuse(why),
    }
}

/// An absolute URL of a web server, without query.
fn checked(text: &str) -> Result<Arc<str>, String> {
    let wrong = || format!("`base-url` is `{text}`; it must be a URL such as https://orders.example.org/v2");
    let url = url::Url::parse(text.trim()).map_err(|_| wrong())?;
    let is_http = matches!(url.scheme(), "http" | "https" | "ws" | "wss");
    if is_http && url.host_str().is_some_and(|host| !host.is_empty()) { Ok(text.trim().into()) } else { Err(wrong()) }
}

impl Policy for SetBackendService {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.target(flow).map(|target| flow.route.target = Some(target)).into()
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Fixed(_) => Needs::NONE,
            Self::Id(text) | Self::Url(text) => text.needs(),
        }
    }
}

impl SetBackendService {
    fn target(&self, flow: &mut Flow<'_>) -> Result<Target, Failure> {
        match self {
            Self::Fixed(target) => Ok(target.clone()),
            Self::Id(id) => Ok(Target::Named(id.get(flow)?.trim().into())),
            Self::Url(url) => {
                let url = checked(&url.get(flow)?).map_err(|why| Failure::thrown("set-backend-service", why))?;
                Ok(Target::Url { url, is_literal: false })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::{link::Target, testing::Scene};

    #[test]
    fn the_last_one_counts() {
        let named = Target::Named("orders".into());
        let url = |url: &str| Target::Url { url: url.into(), is_literal: true };
        let rows = [
            (r#"backend-id="orders""#, named.clone()),
            (r#"id="a" base-url="https://a.test/b?""#, url("https://a.test/b?")),
        ];
        for (attributes, wanted) in rows {
            let text =
                format!(r#"<set-backend-service base-url="http://first" /><set-backend-service {attributes} />"#);
            let played = Scene::new().backend("orders", named.clone()).section("inbound", &text).run();
            assert_eq!(played.sent[0].route.target, Some(wanted));
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let rows = [
            (r#"backend-id="order""#, "there is no backend or pool `order`; did you mean `orders`?"),
            (r#"base-url="orders.example.org""#, "it must be a URL"),
            (r#"base-url="ftp://a""#, "it must be a URL"),
            ("", "needs `backend-id` or `base-url`"),
            (r#"dapr-app-id="x""#, "Dapr has no counterpart"),
            (r#"base-url="""#, "`base-url` is empty"),
        ];
        for (attributes, wanted) in rows {
            let text = format!("<set-backend-service {attributes} />");
            let troubles =
                Scene::new().backend("orders", Target::Named("orders".into())).section("inbound", &text).troubles();
            assert!(troubles[0].contains(wanted), "{attributes}: {troubles:?}");
        }
    }
}
