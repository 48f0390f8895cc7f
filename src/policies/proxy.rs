//! `proxy`: sends requests through an HTTP proxy.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, INBOUND},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "proxy",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::required("url", "The proxy: `http://host:port`.").dynamic(),
        AttributeEntry::absent("username", "Name at the proxy.").dynamic(),
        AttributeEntry::absent("password", "Password at the proxy.").dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Sends the request through an HTTP proxy, in place of the proxy that the backend is configured with. Egress \
             rules apply to the proxy's address as they do to the backend's.",
    example: r#"<proxy url="http://proxy.example.org:8080" username="gateway" password="{{proxy-password}}" />"#,
    build,
};

struct Proxy {
    url: Dynamic<Arc<str>>,
    username: Option<Dynamic<Arc<str>>>,
    password: Option<Dynamic<Arc<str>>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let url: Dynamic<Arc<str>> = reading.dynamic("url")?;
    if let Some(Err(why)) = url.fixed().map(|url| parsed(url)) {
        return reading.refuse(why);
    }
    Some(Box::new(Proxy { url, username: reading.dynamic("username"), password: reading.dynamic("password") }))
}

fn parsed(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text.trim()).ok().filter(|url| url.scheme() == "http" && url.host_str().is_some());
    url.ok_or_else(|| format!("`url` of `proxy` is `{text}`; it must be a URL such as http://proxy.example.org:8080"))
}

impl Policy for Proxy {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.set(flow).into()
    }

    fn needs(&self) -> Needs {
        let more = self.username.iter().chain(&self.password);
        more.fold(self.url.needs(), |needs, text| needs.and(text.needs()))
    }
}

impl Proxy {
    fn set(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let mut url = parsed(&self.url.get(flow)?).map_err(|why| Failure::thrown("proxy", why))?;
        let mut text = |setting: &Option<Dynamic<Arc<str>>>| setting.as_ref().map(|one| one.get(flow)).transpose();
        let (username, password) = (text(&self.username)?, text(&self.password)?);
        let unfit = || Failure::thrown("proxy", "The proxy's URL cannot have a name and a password.");
        if let Some(username) = username {
            url.set_username(&username).map_err(|()| unfit())?;
            url.set_password(password.as_deref()).map_err(|()| unfit())?;
        }
        flow.route.proxy = Some(url.as_str().into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::Scene;

    #[test]
    fn requests_go_through_it() {
        let text = r#"<proxy url="http://p.test:3128" username="a@b" password="c:d" />"#;
        let played = Scene::new().section("inbound", text).run();
        assert_eq!(played.sent[0].route.proxy.as_deref(), Some("http://a%40b:c%3Ad@p.test:3128/"));
    }

    #[test]
    fn it_is_an_http_proxy() {
        for url in ["p.test:3128", "socks5://p.test", "https://p.test"] {
            let troubles = Scene::new().section("inbound", &format!(r#"<proxy url="{url}" />"#)).troubles();
            assert!(troubles[0].contains("such as http://proxy"), "{url}: {troubles:?}");
        }
    }
}
