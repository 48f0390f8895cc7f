//! `forward-request`: sends the request to the backend and takes its answer.

use std::time::Duration;

use futures_util::FutureExt;

use super::{
    Body, Dynamic, Entry, Failure, Flow, Forwarding, Needs, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content},
};
use crate::policy::Section;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "forward-request",
    aliases: &[],
    sections: &[Section::Backend],
    attributes: &[
        AttributeEntry::absent(
            "timeout",
            "Seconds until the head of the answer must be there. Left out: as the backend is configured.",
        )
        .dynamic(),
        AttributeEntry::absent("timeout-ms", "The same in milliseconds; not together with `timeout`.").dynamic(),
        AttributeEntry::absent(
            "continue-timeout",
            "Seconds to wait for `100 Continue` before the body is sent anyway. Bodies are sent at once here: read, and \
             without effect.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "http-version",
            "1",
            "HTTP towards the backend: `1`, `2or1` (2 where it is offered) or `2`. Left out: as the backend is configured.",
        )
        .one_of(&["1", "2or1", "2"]),
        AttributeEntry::optional(
            "follow-redirects",
            "false",
            "Whether redirects of a plain API's backend are followed, at most 10. Egress rules apply to each; one to \
             another origin takes no credential along. A 307 or 308 to a request whose body is larger than \
             `server.gateway.replay_buffer`, or of unknown length, is the caller's to follow unless \
             `buffer-request-body` is on.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "buffer-request-body",
            "false",
            "Whether the request's body is kept in memory, so that `retry` can send it again.",
        ),
        AttributeEntry::optional(
            "buffer-response",
            "true",
            "Read for compatibility: bytes of the answer are always relayed as they arrive, unless a policy reads them.",
        ),
        AttributeEntry::optional(
            "fail-on-error-status-code",
            "false",
            "Whether a status of 400 to 599 continues in `on-error`.",
        ),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Sends the request to the backend that is set (`set-backend-service`, or the API's own) and waits for the \
             head of its answer; the rest of `backend`, then `outbound`, see the answer. The built-in document has one \
             in its `backend` section; a document without it (and without `base`) never calls the backend. Time is up: \
             504 with the reason `Timeout`.",
    example: r#"<forward-request timeout="60" follow-redirects="true" buffer-request-body="true" />"#,
    build,
};

/// Sends the request.
#[derive(Default)]
pub struct ForwardRequest {
    timeout: Option<Timeout>,
    follow_redirects: Option<Dynamic<bool>>,
    fixed: Forwarding,
}

enum Timeout {
    Seconds(Dynamic<f64>),
    Millis(Dynamic<u64>),
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    if reading.attribute("timeout").is_some() && reading.attribute("timeout-ms").is_some() {
        return reading.refuse("`forward-request` takes `timeout` or `timeout-ms`, not both");
    }
    let timeout = match reading.dynamic("timeout") {
        Some(seconds) => Some(Timeout::Seconds(seconds)),
        None => reading.dynamic("timeout-ms").map(Timeout::Millis),
    };
    reading.switch("buffer-response", true);
    let fixed = Forwarding {
        buffer_request_body: reading.switch("buffer-request-body", false),
        fail_on_error_status_code: reading.switch("fail-on-error-status-code", false),
        http_version: match reading.literal("http-version").as_deref().map(str::trim) {
            Some("1") => Some(1),
            Some("2") => Some(2),
            _ => None,
        },
        ..Forwarding::default()
    };
    Some(Box::new(ForwardRequest { timeout, follow_redirects: reading.dynamic("follow-redirects"), fixed }))
}

impl ForwardRequest {
    fn forwarding(&self, flow: &mut Flow<'_>) -> Result<Forwarding, Failure> {
        let mut how = self.fixed.clone();
        how.timeout = match &self.timeout {
            None => None,
            Some(Timeout::Millis(millis)) => Some(Duration::from_millis(millis.get(flow)?)),
            Some(Timeout::Seconds(seconds)) => Some(duration(seconds.get(flow)?)?),
        };
        if let Some(follow) = &self.follow_redirects {
            how.follow_redirects = follow.get(flow)?;
        }
        Ok(how)
    }

    async fn forward(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let how = self.forwarding(flow)?;
        if how.buffer_request_body && flow.request.body == Body::Passing {
            flow.hold(Needs { request_body: true, response_body: false }).await?;
        }
        let answer = flow.link.forward(&mut flow.request, &flow.route, &how).await?;
        let status = answer.status.as_u16();
        flow.response = Some(answer);
        if how.fail_on_error_status_code && (400..600).contains(&status) {
            return Err(failed(status));
        }
        Ok(Verdict::Continue)
    }
}

/// Seconds as APIM takes them: not negative.
fn duration(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::thrown("forward-request", format!("a timeout of {seconds} seconds is not possible")))
}

fn failed(status: u16) -> Failure {
    Failure::new("forward-request", "BackendErrorStatusCode", status, format!("The backend answered {status}."))
}

impl Policy for ForwardRequest {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(self.forward(flow).boxed())
    }

    fn needs(&self) -> Needs {
        let of_timeout = match &self.timeout {
            None => Needs::NONE,
            Some(Timeout::Seconds(seconds)) => seconds.needs(),
            Some(Timeout::Millis(millis)) => millis.needs(),
        };
        self.follow_redirects.as_ref().map_or(of_timeout, |follow| of_timeout.and(follow.needs()))
    }

    fn may_wait(&self) -> bool {
        true
    }
}
