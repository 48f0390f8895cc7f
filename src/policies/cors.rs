//! `cors`: lets pages of other origins call an API from a browser.
//!
//! The browser's question (preflight) comes without a key: the gateway plays the inbound section with
//! [`Flow::is_preflight`] before it looks for one, and only what leads to a `cors` runs then.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Response, Step, Verdict,
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    flow::After,
};

const ORIGINS: ElementEntry = list("origin", "An origin such as `https://app.example.org`, or `*` for all.");
const METHODS: ElementEntry = list("method", "A method, or `*` for all.");
const HEADERS: ElementEntry = list("header", "A header, or `*` for all.");

const fn list(name: &'static str, text: &'static str) -> ElementEntry {
    ElementEntry { name, required: true, many: true, attributes: &[], children: &[], content: Content::Text, text }
}

const fn group(name: &'static str, children: &'static [ElementEntry], text: &'static str) -> ElementEntry {
    ElementEntry { name, required: false, many: false, attributes: &[], children, content: Content::Nothing, text }
}

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cors",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::optional("allow-credentials", "false", "Whether pages may send cookies and certificates.")
            .dynamic(),
        AttributeEntry::optional(
            "terminate-unmatched-request",
            "true",
            "What becomes of a question, GET or HEAD from an origin that does not match: `true`, an empty 200 at once; \
             `false`, the next `cors` is looked at, and a GET or HEAD goes on without headers for the browser.",
        )
        .dynamic(),
    ],
    children: &[
        ElementEntry { required: true, ..group("allowed-origins", &[ORIGINS], "Origins that may call.") },
        ElementEntry {
            attributes: &[AttributeEntry::absent(
                "preflight-result-max-age",
                "Seconds for which a browser may keep the answer to its question.",
            )
            .dynamic()],
            ..group("allowed-methods", &[METHODS], "Methods that may be used; without it GET and POST.")
        },
        group("allowed-headers", &[HEADERS], "Headers that may be sent."),
        group("expose-headers", &[HEADERS], "Headers of answers that pages may read."),
    ],
    content: Content::Nothing,
    manual: "Answers a browser's question whether a page may call (an OPTIONS request with \
             `Access-Control-Request-Method`) before any key is asked for, and puts the headers that browsers look for \
             on answers, those with errors included. Put it first in `inbound`, so that refusals of later policies carry \
             them too. With `*` as origin, credentials are never allowed, because any page could use them.",
    example: r#"<cors allow-credentials="true"><allowed-origins><origin>https://app.example.org</origin></allowed-origins><allowed-methods preflight-result-max-age="300"><method>*</method></allowed-methods><allowed-headers><header>*</header></allowed-headers><expose-headers><header>x-request-id</header></expose-headers></cors>"#,
    build,
};

/// Texts of a group; `*` among them stands for all.
#[derive(Default)]
struct List(Vec<Dynamic<Arc<str>>>);

/// What a list says for an exchange.
struct Names(Vec<String>);

impl List {
    fn of(reading: &mut Reading<'_, '_>, group: &str, name: &str) -> Option<Self> {
        let group = reading.element.child(group)?;
        Some(Self(reading.child(group).texts(name)))
    }

    fn names(&self, flow: &mut Flow<'_>) -> Result<Names, Failure> {
        let names = self.0.iter().map(|name| Ok(name.get(flow)?.trim().to_owned()));
        names.collect::<Result<Vec<_>, Failure>>().map(Names)
    }

    fn needs(&self) -> Needs {
        self.0.iter().fold(Needs::NONE, |needs, name| needs.and(name.needs()))
    }
}

impl Names {
    fn is_all(&self) -> bool {
        self.0.iter().any(|name| name == "*")
    }

    fn has(&self, wanted: &str) -> bool {
        self.is_all() || self.0.iter().any(|name| name.eq_ignore_ascii_case(wanted))
    }

    fn joined(&self) -> String {
        self.0.join(", ")
    }
}

struct Cors {
    credentials: Option<Dynamic<bool>>,
    terminate: Option<Dynamic<bool>>,
    max_age: Option<Dynamic<u64>>,
    origins: List,
    methods: List,
    headers: List,
    expose: List,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let before = reading.compiler.troubles.len();
    let methods = reading.element.child("allowed-methods");
    let max_age = methods.and_then(|methods| reading.child(methods).dynamic("preflight-result-max-age"));
    let usual = || List(["GET", "POST"].map(|method| Dynamic::Fixed(method.into())).into());
    let cors = Cors {
        credentials: reading.dynamic("allow-credentials"),
        terminate: reading.dynamic("terminate-unmatched-request"),
        max_age,
        origins: List::of(reading, "allowed-origins", "origin")?,
        methods: List::of(reading, "allowed-methods", "method").unwrap_or_else(usual),
        headers: List::of(reading, "allowed-headers", "header").unwrap_or_default(),
        expose: List::of(reading, "expose-headers", "header").unwrap_or_default(),
    };
    (reading.compiler.troubles.len() == before).then(|| Box::new(cors) as Box<dyn Policy>)
}

impl Policy for Cors {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Done(if flow.is_preflight { self.question(flow) } else { self.request(flow) })
    }

    fn needs(&self) -> Needs {
        let lists = [&self.origins, &self.methods, &self.headers, &self.expose];
        let mut needs = lists.into_iter().fold(Needs::NONE, |needs, list| needs.and(list.needs()));
        for switch in [&self.credentials, &self.terminate].into_iter().flatten() {
            needs = needs.and(switch.needs());
        }
        self.max_age.as_ref().map_or(needs, |age| needs.and(age.needs()))
    }

    fn runs_in_preflight(&self) -> bool {
        true
    }
}

impl Cors {
    /// The headers that say that the origin may call; `None`: it may not.
    fn allowed(&self, flow: &mut Flow<'_>) -> Result<Option<Vec<(HeaderName, HeaderValue)>>, Failure> {
        let Some(origin) = flow.request.headers.get(ORIGIN).cloned() else { return Ok(None) };
        let names = self.origins.names(flow)?;
        let credentials = self.credentials.as_ref().map_or(Ok(false), |credentials| credentials.get(flow))?;
        let asked = origin.to_str().map(normal).unwrap_or_default();
        if names.0.iter().any(|name| name != "*" && normal(name) == asked && !asked.is_empty()) {
            let mut headers = vec![(ACCESS_CONTROL_ALLOW_ORIGIN, origin), (VARY, HeaderValue::from_static("Origin"))];
            if credentials {
                headers.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
            }
            return Ok(Some(headers));
        }
        let all = || vec![(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))];
        Ok(names.is_all().then(all))
    }

    /// A browser asks whether it may send.
    fn question(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let mut answer = Response::new(StatusCode::OK);
        let method = text(&flow.request.headers, &ACCESS_CONTROL_REQUEST_METHOD);
        let methods = self.methods.names(flow)?;
        let headers = match self.allowed(flow)? {
            Some(headers) if methods.has(&method) => headers,
            _ => {
                // An empty 200 is the answer unless another `cors` has a better one.
                let ends = self.terminates(flow)?;
                flow.response = Some(answer);
                return Ok(if ends { Verdict::Answer } else { Verdict::Continue });
            }
        };
        answer.headers.extend(headers);
        let asked = text(&flow.request.headers, &ACCESS_CONTROL_REQUEST_HEADERS);
        let names = self.headers.names(flow)?;
        let max_age = self.max_age.as_ref().map(|age| age.get(flow)).transpose()?;
        put(
            &mut answer.headers,
            ACCESS_CONTROL_ALLOW_METHODS,
            &if methods.is_all() { method } else { methods.joined() },
        );
        put(&mut answer.headers, ACCESS_CONTROL_ALLOW_HEADERS, &if names.is_all() { asked } else { names.joined() });
        put(&mut answer.headers, ACCESS_CONTROL_MAX_AGE, &max_age.map(|age| age.to_string()).unwrap_or_default());
        flow.response = Some(answer);
        Ok(Verdict::Answer)
    }

    /// A page calls.
    fn request(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        if !flow.request.headers.contains_key(ORIGIN) {
            return Ok(Verdict::Continue);
        }
        if let Some(mut headers) = self.allowed(flow)? {
            let exposed = self.expose.names(flow)?;
            let mut more = HeaderMap::new();
            put(&mut more, ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.joined());
            headers.extend(more.into_iter().filter_map(|(name, value)| Some((name?, value))));
            flow.after.push(Box::new(Allowed(headers)));
            return Ok(Verdict::Continue);
        }
        let is_read = matches!(flow.request.method, Method::GET | Method::HEAD);
        if is_read && self.terminates(flow)? {
            flow.response = Some(Response::new(StatusCode::OK));
            return Ok(Verdict::Answer);
        }
        Ok(Verdict::Continue)
    }

    fn terminates(&self, flow: &mut Flow<'_>) -> Result<bool, Failure> {
        self.terminate.as_ref().map_or(Ok(true), |terminate| terminate.get(flow))
    }
}

/// Headers for the answer, whichever it becomes.
struct Allowed(Vec<(HeaderName, HeaderValue)>);

impl After for Allowed {
    fn answered(self: Box<Self>, flow: &mut Flow<'_>) -> Result<(), Failure> {
        self.failed(flow);
        Ok(())
    }

    fn failed(self: Box<Self>, flow: &mut Flow<'_>) {
        let Some(response) = &mut flow.response else { return };
        for (name, value) in self.0 {
            // What the backend says about origins is about itself; other reasons to vary stay.
            if name == VARY {
                response.headers.append(name, value);
            } else {
                response.headers.insert(name, value);
            }
        }
    }
}

/// An origin for comparison: scheme, host and port, the default port left out (RFC 6454, 6.2).
fn normal(origin: &str) -> String {
    match url::Url::parse(origin.trim()) {
        Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        _ => origin.trim().to_ascii_lowercase(),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim().to_owned()
}

/// Sets a header, unless its value is empty or none of a header.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use crate::policies::testing::{Played, Reply, Scene};

    const CORS: &str = r#"<cors allow-credentials="true" ATTRIBUTES><allowed-origins><origin>https://app.test</origin>
        </allowed-origins><allowed-methods preflight-result-max-age="300"><method>PUT</method><method>GET</method>
        </allowed-methods><allowed-headers><header>*</header></allowed-headers>
        <expose-headers><header>x-a</header></expose-headers></cors>"#;

    fn scene(attributes: &str, method: &str, origin: &str) -> Scene {
        let text = CORS.replace("ATTRIBUTES", attributes);
        Scene::new().section("inbound", &text).request(method, "/").header("origin", origin)
    }

    fn asked(attributes: &str, origin: &str, method: &str) -> Played {
        scene(attributes, "OPTIONS", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "x-b, authorization")
            .preflight()
            .run()
    }

    #[test]
    fn questions_are_answered() {
        let played = asked("", "https://app.test:443", "PUT");
        let header = |name: &str| played.header(name).unwrap_or_default();
        assert_eq!(played.status(), 200);
        assert_eq!(header("access-control-allow-origin"), "https://app.test:443");
        assert_eq!(header("access-control-allow-methods"), "PUT, GET");
        assert_eq!(header("access-control-allow-headers"), "x-b, authorization");
        assert_eq!(header("access-control-allow-credentials"), "true");
        assert_eq!((header("access-control-max-age"), header("vary")), ("300".into(), "Origin".into()));
    }

    #[test]
    fn others_get_an_empty_answer() {
        for (origin, method) in
            [("https://evil.test", "PUT"), ("https://app.test", "DELETE"), ("http://app.test", "PUT")]
        {
            for attributes in ["", r#"terminate-unmatched-request="false""#] {
                let played = asked(attributes, origin, method);
                assert_eq!((played.status(), played.header("access-control-allow-origin")), (200, None), "{origin}");
            }
        }
    }

    #[test]
    fn answers_to_pages_carry_the_headers() {
        let played = scene("", "GET", "https://app.test").reply(Reply::new(200, "a").header("vary", "Accept")).run();
        assert_eq!(played.header("access-control-allow-origin").as_deref(), Some("https://app.test"));
        assert_eq!(played.header("access-control-expose-headers").as_deref(), Some("x-a"));
        assert_eq!(played.header("vary").as_deref(), Some("Accept, Origin"));
        let refused =
            scene("", "GET", "https://app.test").section("inbound", r#"<check-header name="x-none" />"#).run();
        assert_eq!(refused.status(), 401);
        assert_eq!(refused.header("access-control-allow-origin").as_deref(), Some("https://app.test"));
    }

    #[test]
    fn pages_of_other_origins_are_ended_or_not() {
        let rows = [("", "GET", 0), ("", "PUT", 1), (r#"terminate-unmatched-request="false""#, "GET", 1)];
        for (attributes, method, sent) in rows {
            let played = scene(attributes, method, "https://evil.test").run();
            assert_eq!((played.status(), played.sent.len()), (200, sent), "{method}");
            assert_eq!(played.header("access-control-allow-origin"), None);
        }
    }

    #[test]
    fn all_origins_never_get_credentials() {
        let text = r#"<cors allow-credentials="true"><allowed-origins><origin>*</origin></allowed-origins></cors>"#;
        let played = Scene::new().section("inbound", text).header("origin", "https://any.test").run();
        assert_eq!(played.header("access-control-allow-origin").as_deref(), Some("*"));
        assert_eq!(played.header("access-control-allow-credentials"), None);
    }

    #[test]
    fn only_what_leads_to_it_runs_for_a_question() {
        let text = format!(
            r#"<set-variable name="v" value="1" /><choose><when condition="true">{}</when></choose>"#,
            CORS.replace("ATTRIBUTES", "")
        );
        let played = Scene::new()
            .section("inbound", &text)
            .request("OPTIONS", "/")
            .header("origin", "https://app.test")
            .header("access-control-request-method", "PUT")
            .preflight()
            .run();
        assert_eq!(played.variable("v"), None);
        assert!(played.header("access-control-allow-origin").is_some());
    }
}
