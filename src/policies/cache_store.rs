//! `cache-store`: keeps the answer for `cache-lookup`.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::{
    Body, Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Response, Step,
    catalogue::{AttributeEntry, Content, OUTBOUND},
    flow::{Cached, Downstream, Missed},
    kept_answers,
    link::Keep,
    rate_limit::optional,
};
use crate::cache::{LARGEST, StoredResponse};

/// Longest time that an answer is kept: a year, which is also the largest `max-age` that caches are asked for.
const LONGEST: f64 = 31_536_000.0;

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cache-store",
    aliases: &[],
    sections: OUTBOUND,
    attributes: &[
        AttributeEntry::required("duration", "How long the answer is kept, in seconds; 0 or less: not at all.").dynamic(),
        AttributeEntry::absent(
            "cache-response",
            "true: the answer is kept whatever its status is; false: it is not kept. Left out: it is kept when its status is \
             200.",
        )
        .dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Keeps the answer as it is here for the `cache-lookup` of this exchange, which has found nothing: without one \
             nothing is kept. The body passes on as it comes; it is kept when all of it has passed and it was no larger than \
             2 MiB. Cookies that the answer sets are not kept. Event streams are not kept, nor parts of answers, nor answers \
             that say `Cache-Control: no-store`, `Vary: *` or, unless the lookup allows it, `private`. The caller gets the \
             `Cache-Control` that the lookup's `downstream-caching-type` asks for. A failing or full cache fails no request.",
    example: r#"<cache-store duration="300" />"#,
    build,
};

struct CacheStore {
    seconds: Dynamic<f64>,
    anyway: Option<Dynamic<bool>>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(CacheStore { seconds: reading.dynamic("duration")?, anyway: optional(reading, "cache-response")? }))
}

impl CacheStore {
    fn store(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let seconds = self.seconds.get(flow)?;
        let anyway = self.anyway.as_ref().map(|anyway| anyway.get(flow)).transpose()?;
        let (Cached::Missed(missed), Some(response)) = (&flow.cached, &flow.response) else { return Ok(()) };
        let is_wanted = anyway.unwrap_or(response.status == StatusCode::OK);
        // Not a number is not a time either.
        if !is_wanted || seconds.is_nan() || seconds <= 0.0 || !may_be_kept(response, missed) {
            if let Some(trace) = &mut flow.trace {
                trace.say("not kept");
            }
            return Ok(());
        }
        let (missed, lasts) = (missed.clone(), Duration::from_secs_f64(seconds.min(LONGEST)));
        if let Some(response) = &mut flow.response {
            response.headers.insert(header::CACHE_CONTROL, told(missed.downstream, lasts));
        }
        keep(flow, missed, lasts);
        Ok(())
    }
}

/// Puts the answer into the cache: at once, or when its body has passed.
fn keep(flow: &mut Flow<'_>, missed: std::sync::Arc<Missed>, lasts: Duration) {
    let Some(response) = &flow.response else { return };
    let stored = flow.services.clock.now();
    let (cache, clock) = (flow.services.outside.cache.clone(), flow.services.clock.clone());
    let (status, headers) = (response.status, response.headers.clone());
    let marks = missed.marks.clone();
    let answer = move |body: Bytes| StoredResponse { status, headers, body, stored, marks };
    match &response.body {
        Body::Held(bytes) => {
            kept_answers::store(&cache, &missed, answer(bytes.clone()), lasts);
        }
        Body::Passing => flow.link.keep(Keep {
            largest: LARGEST,
            to: Box::new(move |body, is_plain| {
                let mut answer = answer(body);
                if is_plain {
                    answer.headers.remove(header::CONTENT_ENCODING);
                }
                // What is left of its time, now that it has passed.
                let lasts = lasts.saturating_sub(clock.now().since(stored));
                kept_answers::store(&cache, &missed, answer, lasts);
            }),
        }),
        Body::Consumed => {}
    }
}

/// Whether the answer is a whole one that its backend lets others keep.
fn may_be_kept(response: &Response, missed: &Missed) -> bool {
    let is_whole = !response.status.is_informational()
        && !matches!(response.status, StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED);
    let says = |word: &str| {
        let lines = response.headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
        let mut directives = lines.flat_map(|line| line.split(','));
        directives.any(|directive| directive.trim().eq_ignore_ascii_case(word))
    };
    is_whole && !response.is_event_stream() && !says("no-store") && (missed.allows_private || !says("private"))
}

/// What the caller's cache is told (RFC 9111, section 5.2.2).
fn told(downstream: Downstream, lasts: Duration) -> HeaderValue {
    let Downstream { scope, must_revalidate } = downstream;
    if scope == "none" {
        return HeaderValue::from_static("no-store");
    }
    let more = if must_revalidate { ", must-revalidate" } else { "" };
    let text = format!("{scope}, max-age={}{more}", lasts.as_secs());
    HeaderValue::try_from(text).expect("words and a number make a value")
}

impl Policy for CacheStore {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.store(flow).into()
    }

    fn needs(&self) -> Needs {
        self.seconds.needs().and(self.anyway.as_ref().map_or(Needs::NONE, Dynamic::needs))
    }
}
