//! `send-one-way-request`: sends a request on the side and does not wait for the answer.

use super::{
    Entry, Flow, Needs, Policy, Reading, Step, Verdict,
    catalogue::{ANYWHERE, Content},
    side_message::{CHILDREN, MODE, SideMessage, TIMEOUT},
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "send-one-way-request",
    aliases: &[],
    sections: ANYWHERE,
    attributes: &[MODE, TIMEOUT],
    children: CHILDREN,
    content: Content::Nothing,
    manual: "Sends a request of its own and goes on at once. Nobody sees the answer; that it could not be sent is logged. \
             At most 1024 of them are under way; further ones are dropped and counted. At shutdown those under way are \
             awaited. The elements inside are those of `send-request`, and the same addresses are refused.",
    example: r#"<send-one-way-request mode="new"><set-url>https://hooks.example.com/alert</set-url><set-method>POST</set-method><set-body>{"text":"seen"}</set-body></send-one-way-request>"#,
    build,
};

struct SendOneWayRequest(SideMessage);

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(SendOneWayRequest(SideMessage::read(reading)?)))
}

impl Policy for SendOneWayRequest {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(async move {
            let call = self.0.call(flow).await?;
            let calling = flow.services.outside.calls.call(call);
            let work = async move {
                if let Err(fault) = calling.await {
                    tracing::warn!(%fault, "a request of send-one-way-request came to nothing");
                }
            };
            if !flow.services.outside.background.start(Box::pin(work))
                && let Some(trace) = &mut flow.trace
            {
                trace.say("dropped: too many of them are under way");
            }
            Ok(Verdict::Continue)
        }))
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::policies::{outside::scripted::script, testing::Scene};

    #[test]
    fn nobody_waits_for_the_answer() {
        let calls = script();
        calls.on("https://a.test/", 200, &[], "");
        calls.takes("https://a.test/", Duration::from_secs(30));
        let policy = r#"<base /><send-one-way-request mode="new"><set-url>https://a.test/</set-url>
            <set-method>POST</set-method><set-body>x</set-body></send-one-way-request>"#;
        let played = Scene::new().calls(&calls).section("inbound", policy).run();
        assert_eq!((played.status(), played.took), (200, Duration::ZERO));
        assert_eq!(calls.count(), 1);
        assert_eq!(&calls.call(0).body[..], b"x");
    }
}
