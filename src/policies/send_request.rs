//! `send-request`: asks somebody on the side and keeps the answer in a variable.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Flow, Needs, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, AttributeEntry, Content},
    side_message::{CHILDREN, MODE, SideMessage, TIMEOUT},
    values,
};

const NAME: &str = "send-request";

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[
        MODE,
        AttributeEntry::absent("response-variable-name", "Variable that receives the answer, as `IResponse`."),
        TIMEOUT,
        AttributeEntry::optional(
            "ignore-error",
            "false",
            "Whether to go on without an answer: the variable is null then. A status of 400 or more is an answer.",
        )
        .dynamic(),
    ],
    children: CHILDREN,
    content: Content::Nothing,
    manual: "Sends a request of its own, waits for the whole answer and puts it into a variable: \
             `((IResponse)context.Variables[\"answer\"]).StatusCode`, `.Body.As<JObject>()`.\n\nWithout an answer in time, \
             or without a connection, the exchange fails with 500 (reason `Timeout` or `BackendConnectionFailure`) unless \
             `ignore-error` is `true`. Redirects are answers. Answers larger than 4 MiB fail.\n\nAddresses that are not \
             public are refused unless `server.egress.allow_private` lists them; those of this machine are also allowed \
             where the document itself writes them down. Each address is checked when it is dialled.",
    example: r#"<send-request mode="new" response-variable-name="answer" timeout="20" ignore-error="true"><set-url>https://auth.example.com/introspect</set-url><set-method>POST</set-method><set-header name="Content-Type" exists-action="override"><value>application/x-www-form-urlencoded</value></set-header><set-body>token=abc</set-body></send-request>"#,
    build,
};

struct SendRequest {
    message: SideMessage,
    variable: Option<Arc<str>>,
    ignore_error: Dynamic<bool>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let variable = reading.literal("response-variable-name").filter(|name| !name.trim().is_empty());
    if variable.is_none() {
        let place = reading.element.place.clone();
        let message = "`send-request` without `response-variable-name` throws its answer away; `send-one-way-request` \
                       does not wait for it";
        reading.compiler.warn(&place, message);
    }
    let ignore_error = reading.dynamic("ignore-error").unwrap_or(Dynamic::Fixed(false));
    let message = SideMessage::read(reading)?;
    Some(Box::new(SendRequest { message, variable, ignore_error }))
}

impl Policy for SendRequest {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(async move {
            let ignore_error = self.ignore_error.get(flow)?;
            let call = self.message.call(flow).await?;
            let outcome = flow.services.outside.calls.call(call).await;
            let answer = match outcome {
                Ok(answer) => Some(answer),
                Err(fault) if ignore_error => {
                    if let Some(trace) = &mut flow.trace {
                        trace.say(format!("no answer: {fault}"));
                    }
                    None
                }
                Err(fault) => return Err(self.message.fault(&fault)),
            };
            if let Some(variable) = &self.variable {
                values::keep_response(flow, variable, answer.as_ref());
            }
            Ok(Verdict::Continue)
        }))
    }

    fn needs(&self) -> Needs {
        self.message.needs().and(self.ignore_error.needs())
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{
        expression::Value,
        outbound::fetch::CallFaultKind,
        policies::{
            outside::scripted::{configured, script},
            testing::Scene,
        },
    };

    fn policy(attributes: &str, inside: &str) -> String {
        format!(r#"<base /><send-request response-variable-name="answer" {attributes}>{inside}</send-request>"#)
    }

    #[test]
    fn what_is_written_is_sent_and_the_answer_kept() {
        let calls = script();
        calls.on("https://a.test/token", 200, &[("content-type", "application/json")], r#"{"a":1}"#);
        let inside = r#"<set-url> https://a.test/token?x=1 </set-url><set-method>POST</set-method>
            <set-header name="x-key" exists-action="override"><value>k</value></set-header>
            <set-body>grant=1</set-body><authentication-basic username="u" password="p" />"#;
        let played = Scene::new().calls(&calls).section("inbound", &policy(r#"mode="new" timeout="7""#, inside)).run();
        assert_eq!(played.status(), 200);
        assert!(played.variable("answer").is_some());
        let call = calls.call(0);
        assert_eq!(
            (call.method.as_str(), &*call.url, &call.body[..]),
            ("POST", "https://a.test/token?x=1", &b"grant=1"[..])
        );
        assert_eq!(
            (&call.headers["x-key"], &call.headers["authorization"]),
            (&"k".parse().expect("v"), &"Basic dTpw".parse().expect("v"))
        );
        assert_eq!((call.timeout, call.redirects), (Duration::from_secs(7), 0));
        assert!(!played.sent[0].headers.contains_key("x-key"), "the exchange's own request is left alone");
    }

    #[test]
    fn a_copy_has_what_the_exchange_has() {
        let calls = script();
        calls.on("https://a.test/", 204, &[], "");
        let inside = "<set-url>https://a.test/</set-url>";
        let played = Scene::new()
            .calls(&calls)
            .request("PUT", "/p?q=1")
            .header("x-a", "b")
            .header("accept-encoding", "gzip")
            .body("hello")
            .section("inbound", &policy(r#"mode="copy""#, inside))
            .run();
        assert_eq!(played.status(), 200);
        let call = calls.call(0);
        assert_eq!((call.method.as_str(), &call.body[..]), ("PUT", &b"hello"[..]));
        assert!(call.headers.contains_key("x-a") && !call.headers.contains_key("accept-encoding"));
    }

    #[test]
    fn no_answer_fails_the_exchange_with_its_reason_or_leaves_null() {
        let rows = [(CallFaultKind::Timeout, "Timeout"), (CallFaultKind::Connect, "BackendConnectionFailure")];
        for (kind, reason) in rows {
            let calls = script();
            calls.fails("https://a.test/", kind);
            let inside = "<set-url>https://a.test/</set-url>";
            let scene = || Scene::new().calls(&calls);
            let played = scene().section("inbound", &policy("", inside)).run();
            assert_eq!((played.status(), played.sent.len()), (500, 0));
            let error = played.last_error.expect("an error");
            assert_eq!((&*error.source, &*error.reason), ("send-request", reason));
            let played = scene().section("inbound", &policy(r#"ignore-error="true""#, inside)).run();
            assert_eq!(played.status(), 200);
            assert!(played.variables.get("answer").is_some_and(Value::is_null));
        }
    }

    #[test]
    fn a_bad_status_is_an_answer() {
        let calls = script();
        calls.on("https://a.test/", 503, &[], "no");
        let inside = "<set-url>https://a.test/</set-url>";
        let played = Scene::new().calls(&calls).section("inbound", &policy("", inside)).run();
        assert_eq!(played.status(), 200);
    }

    #[test]
    fn bodies_may_be_xml_or_templates() {
        for (inside, wanted) in [
            (r#"<set-body><s:E xmlns:s="u"><a b="1" /></s:E></set-body>"#, r#"<s:E xmlns:s="u"><a b="1" /></s:E>"#),
            (r#"<set-body template="liquid">{"n": "{{body.name | Upcase}}"}</set-body>"#, r#"{"n": "ADA"}"#),
        ] {
            let calls = script();
            calls.on("https://a.test/", 200, &[], "");
            let inside = format!("<set-url>https://a.test/</set-url><set-method>POST</set-method>{inside}");
            let scene = Scene::new().calls(&calls).section("inbound", &policy(r#"mode="new""#, &inside));
            let scene = scene.request("POST", "/").header("content-type", "application/json").body(r#"{"name":"ada"}"#);
            assert_eq!(scene.run().status(), 200);
            assert_eq!(String::from_utf8_lossy(&calls.call(0).body), wanted);
        }
    }

    #[test]
    fn it_can_show_who_it_is() {
        let calls = script();
        calls.on("https://a.test/", 200, &[], "");
        let named = configured(&[r#"{"kind": "token_sources", "id": "d", "token": "t", "default": true}"#]);
        let inside = r#"<set-url>https://a.test/</set-url><authentication-managed-identity resource="https://r.test" />
            <proxy url="http://proxy.test:3128" username="u" password="hunter2" />"#;
        let played = Scene::new().calls(&calls).named(named).section("inbound", &policy("", inside)).run();
        assert_eq!(played.status(), 200);
        let call = calls.call(0);
        assert_eq!(call.headers["authorization"], "Bearer t");
        let via = call.proxy.expect("a proxy");
        assert_eq!((&*via.url, via.user.as_deref()), ("http://proxy.test:3128", Some("u")));
        assert!(!format!("{via:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let rows = [
            ("", "", "needs a `set-url`"),
            ("", "<set-urll>x</set-urll>", "set-url"),
            (r#"mode="fresh""#, "<set-url>https://a.test/</set-url>", "one of: new, copy"),
        ];
        for (attributes, inside, said) in rows {
            let troubles = Scene::new().section("inbound", &policy(attributes, inside)).troubles();
            assert!(troubles.iter().any(|trouble| trouble.contains(said)), "{troubles:?}");
        }
    }
}
