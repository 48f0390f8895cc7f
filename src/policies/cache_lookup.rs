//! `cache-lookup`: answers from the cache what was answered before.

use std::sync::Arc;

use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, header};
use url::form_urlencoded;

use super::{
    Body, Dynamic, Entry, Failure, Flow, FromValue, Needs, Policy, Reading, Response, Step, Verdict,
    cache_values::{CACHING_TYPE, Where, caching_type},
    catalogue::{AttributeEntry, Content, ElementEntry, INBOUND},
    flow::{Cached, Downstream, Missed},
    kept_answers,
};
use crate::{
    cache::{StoredResponse, http::Marks},
    expression::Value,
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "cache-lookup",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::required(
            "vary-by-developer",
            "true: each owner of a subscription has answers of its own (a subscription without an owner counts as one).",
        )
        .dynamic(),
        AttributeEntry::required("vary-by-developer-groups", "true: the same for each set of groups of the owner.").dynamic(),
        CACHING_TYPE,
        AttributeEntry::optional(
            "downstream-caching-type",
            "none",
            "Who else may cache the answer: `none`, `private` (the caller) or `public` (anybody). Told as `Cache-Control`, \
             with the `duration` of `cache-store`.",
        )
        .dynamic()
        .one_of(&["none", "private", "public"]),
        AttributeEntry::optional(
            "must-revalidate",
            "true",
            "Whether `Cache-Control` says `must-revalidate`, where others may cache.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "allow-private-response-caching",
            "false",
            "Whether requests with an `Authorization` of their own are answered from the cache, and answers kept that say \
             `Cache-Control: private`. Then `vary-by-header` should name `Authorization`.",
        )
        .dynamic(),
    ],
    children: &[
        ElementEntry {
            name: "vary-by-header",
            required: false,
            many: true,
            attributes: &[],
            children: &[],
            content: Content::Text,
            text: "A header of the request by which answers are told apart.",
        },
        ElementEntry {
            name: "vary-by-query-parameter",
            required: false,
            many: true,
            attributes: &[],
            children: &[],
            content: Content::Text,
            text: "Parameters of the query by which answers are told apart, with `;` between them. Without it the whole query \
                   does.",
        },
    ],
    content: Content::Nothing,
    manual: "Answers GET requests, and HEAD requests of the same URL, with what `cache-store` kept. The rest of `inbound` and \
             `backend` is left out then, and `outbound` goes on after the `cache-store`. Otherwise headers that ask for a \
             part or a change only (`If-None-Match`, `If-Modified-Since`, `Cache-Control`, `Pragma`) are taken out of the \
             request, so that the backend gives a whole answer. Requests with `Range` pass by.\n\nAnswers are shared by \
             callers of the same URL of the same API through the same product, as the `vary-by` settings say: without \
             `vary-by-developer` other subscriptions get them too. An answer that says `Vary` is told apart by those \
             headers. `x-tollgate-cache` says `hit`, `miss` or `bypass`.",
    example: r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="false" downstream-caching-type="public" must-revalidate="true"><vary-by-header>Accept</vary-by-header><vary-by-query-parameter>version</vary-by-query-parameter></cache-lookup>"#,
    build,
};

/// Headers of the request that would make the backend answer with less than the whole.
const CONDITIONS: [HeaderName; 6] = [
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::CACHE_CONTROL,
    header::PRAGMA,
];

struct CacheLookup {
    place: Where,
    by_developer: Dynamic<bool>,
    by_groups: Dynamic<bool>,
    by_headers: Vec<Dynamic<Arc<str>>>,
    by_query: Vec<Dynamic<Arc<str>>>,
    scope: Dynamic<Scope>,
    must_revalidate: Dynamic<bool>,
    allows_private: Dynamic<bool>,
}

/// `downstream-caching-type`.
#[derive(Clone, Copy)]
struct Scope(&'static str);

impl FromValue for Scope {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value.to_text().trim() {
            "none" => Ok(Self("none")),
            "private" => Ok(Self("private")),
            "public" => Ok(Self("public")),
            other => Err(format!("`downstream-caching-type` is `{other}`; it must be none, private or public")),
        }
    }
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    Some(Box::new(CacheLookup {
        place: caching_type(reading),
        by_developer: reading.dynamic("vary-by-developer")?,
        by_groups: reading.dynamic("vary-by-developer-groups")?,
        by_headers: reading.texts("vary-by-header"),
        by_query: reading.texts("vary-by-query-parameter"),
        scope: or(reading, "downstream-caching-type", Scope("none"))?,
        must_revalidate: or(reading, "must-revalidate", true)?,
        allows_private: or(reading, "allow-private-response-caching", false)?,
    }))
}

fn or<T: FromValue>(reading: &mut Reading<'_, '_>, name: &str, default: T) -> Option<Dynamic<T>> {
    if reading.attribute(name).is_none() { Some(Dynamic::Fixed(default)) } else { reading.dynamic(name) }
}

impl CacheLookup {
    fn look(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let Some(look) = self.begin(flow)? else { return Ok(Verdict::Continue) };
        let found = kept_answers::find(&flow.services.outside.cache, &look.key, &flow.request.headers);
        Ok(look.end(flow, found.as_deref()))
    }

    async fn look_beside(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let Some(look) = self.begin(flow)? else { return Ok(Verdict::Continue) };
        let cache = flow.services.outside.cache.clone();
        let found = kept_answers::find_shared(&cache, &look.key, &flow.request.headers).await;
        Ok(look.end(flow, found.as_deref()))
    }

    /// What is looked for; `None`: nothing.
    fn begin(&self, flow: &mut Flow<'_>) -> Result<Option<Look>, Failure> {
        if !matches!(flow.cached, Cached::Unasked) {
            return Ok(None);
        }
        let allows_private = self.allows_private.get(flow)?;
        if let Some(why) = passes_by(flow, allows_private) {
            say(flow, why);
            flow.link.cache_status("bypass");
            return Ok(None);
        }
        let by_developer = self.by_developer.get(flow)?;
        let key = self.key(flow, by_developer)?;
        let downstream =
            Downstream { scope: self.scope.get(flow)?.0, must_revalidate: self.must_revalidate.get(flow)? };
        Ok(Some(Look { place: self.place, key, downstream, allows_private: allows_private || by_developer }))
    }

    /// For whom an answer is good. Path and query count as the caller sent them and as they are now: a policy before
    /// this one may have put something of the caller into them.
    fn key(&self, flow: &mut Flow<'_>, by_developer: bool) -> Result<Arc<str>, Failure> {
        let mut parts = Vec::new();
        let facts = flow.facts;
        let id = |id: Option<&Arc<str>>| id.map(ToString::to_string).unwrap_or_default();
        parts.push(id(facts.api.as_ref().map(|api| &api.id)));
        parts.push(id(facts.api.as_ref().map(|api| &api.revision)));
        parts.push(id(facts.product.as_ref().map(|product| &product.id)));
        if by_developer {
            parts.push(format!("developer {}", developer(flow)));
        }
        if self.by_groups.get(flow)? {
            let mut groups: Vec<&str> = facts.user.iter().flat_map(|user| &user.groups).map(|group| &**group).collect();
            groups.sort_unstable();
            parts.push(format!("groups {}", groups.join("\n")));
        }
        for name in names(&self.by_headers, flow)? {
            parts.push(format!("header {}: {}", name, kept_answers::values(&flow.request.headers, &name)));
        }
        let by_query = (!self.by_query.is_empty()).then(|| names(&self.by_query, flow)).transpose()?;
        let request = &flow.request;
        parts.extend([request.scheme.to_string(), request.host.to_ascii_lowercase(), request.port.to_string()]);
        for (path, query) in [(&*request.original.0, &*request.original.1), (&*request.path, &*request.query)] {
            parts.extend([path.to_owned(), selected(query, by_query.as_deref())]);
        }
        Ok(kept_answers::key(parts.iter().map(String::as_str)))
    }
}

/// A look into the cache.
struct Look {
    place: Where,
    key: Arc<str>,
    downstream: Downstream,
    allows_private: bool,
}

impl Look {
    fn end(self, flow: &mut Flow<'_>, found: Option<&StoredResponse>) -> Verdict {
        if let Some(found) = found {
            flow.link.cache_status("hit");
            flow.response = Some(answer(flow, found));
            flow.cached = Cached::Found;
            return Verdict::Outbound;
        }
        flow.link.cache_status("miss");
        // What answers a HEAD has no body to keep.
        if flow.request.method == Method::GET {
            let Self { place, key, downstream, allows_private } = self;
            let (marks, headers) = (marks(flow), flow.request.headers.clone());
            flow.cached = Cached::Missed(Arc::new(Missed { marks, key, place, downstream, allows_private, headers }));
        }
        for name in &CONDITIONS {
            while flow.request.headers.remove(name).is_some() {}
        }
        Verdict::Continue
    }
}

/// By what the answer is purged.
fn marks(flow: &Flow<'_>) -> Marks {
    let facts = flow.facts;
    Marks {
        api: facts.api.as_ref().map(|api| api.id.clone()).unwrap_or_default(),
        product: facts.product.as_ref().map(|product| product.id.clone()),
        path: flow.request.original.0.clone(),
        tags: Arc::default(),
    }
}

/// Who asks: the owner of the subscription, else the subscription itself.
fn developer(flow: &Flow<'_>) -> String {
    let facts = flow.facts;
    match (&facts.user, &facts.subscription) {
        (Some(user), _) => format!("user {}", user.id),
        (None, Some(subscription)) => format!("subscription {}", subscription.id),
        (None, None) => String::new(),
    }
}

/// Names in texts such as `a;b`, in small letters.
fn names(texts: &[Dynamic<Arc<str>>], flow: &mut Flow<'_>) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for text in texts {
        let text = text.get(flow)?;
        all.extend(text.split(';').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()));
    }
    Ok(all)
}

/// The parameters of a query that count; all of it, where nothing is said.
fn selected(query: &str, names: Option<&[String]>) -> String {
    let Some(names) = names else { return query.to_owned() };
    let mut selected = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            selected.append_pair(&name.to_ascii_lowercase(), &value);
        }
    }
    selected.finish()
}

/// Why a request is not answered from the cache.
fn passes_by(flow: &Flow<'_>, allows_private: bool) -> Option<&'static str> {
    let request = &flow.request;
    if !matches!(request.method, Method::GET | Method::HEAD) {
        Some("not looked up: only GET and HEAD are")
    } else if request.headers.contains_key(header::AUTHORIZATION) && !allows_private {
        Some("not looked up: the request has an Authorization, and allow-private-response-caching is false")
    } else if request.headers.contains_key(header::RANGE) {
        Some("not looked up: the request asks for a part")
    } else {
        None
    }
}

fn say(flow: &mut Flow<'_>, text: &str) {
    if let Some(trace) = &mut flow.trace {
        trace.say(text);
    }
}

/// The answer that was kept, and how old it is (RFC 9111, section 5.1).
fn answer(flow: &Flow<'_>, found: &StoredResponse) -> Response {
    let mut headers = found.headers.clone();
    let before = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok());
    let here = flow.services.clock.now().since(found.stored).as_secs();
    headers.insert(header::AGE, HeaderValue::from(here.saturating_add(before.unwrap_or_default())));
    Response { status: found.status, reason: None, headers, body: Body::Held(found.body.clone()) }
}

impl Policy for CacheLookup {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        if self.place.asks(&flow.services.outside.cache) {
            return Step::Wait(self.look_beside(flow).boxed());
        }
        Step::Done(self.look(flow))
    }

    fn may_wait(&self) -> bool {
        self.place == Where::Shared
    }

    fn needs(&self) -> Needs {
        let switches = [&self.by_developer, &self.by_groups, &self.must_revalidate, &self.allows_private];
        let needs = switches.into_iter().fold(self.scope.needs(), |needs, switch| needs.and(switch.needs()));
        self.by_headers.iter().chain(&self.by_query).fold(needs, |needs, text| needs.and(text.needs()))
    }
}

#[cfg(test)]
#[path = "cache_lookup_tests.rs"]
mod tests;
