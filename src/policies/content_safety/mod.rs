//! `llm-content-safety`: has prompts and answers judged by a content safety service.
//!
//! `said` finds what is said, `service` asks. A streamed answer is checked in windows while it passes: the gateway holds
//! its events back for that (`Link::screen`).

mod said;
mod service;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;

use self::{
    said::{Side, model_surface},
    service::{Category, Judge, Output},
};
use super::{
    Body, Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step, Verdict,
    catalogue::{AttributeEntry, Content, ElementEntry, Sections},
    flow::After,
    link::Screening,
    outside::Named,
    rate_limit::optional,
};
use crate::policy::Section;

/// The element's name, and the source of its failures.
const NAME: &str = "llm-content-safety";
/// Characters of a window where nothing is said: as many as the service takes at once.
const WINDOW: usize = 10_000;

/// Before the backend, and after it.
const SECTIONS: Sections = &[Section::Inbound, Section::Outbound];

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: NAME,
    aliases: &[],
    sections: SECTIONS,
    attributes: &[
        AttributeEntry::required(
            "backend-id",
            "Backend that is the service: its `url` such as `https://NAME.cognitiveservices.azure.com`, its `key`.",
        )
        .dynamic(),
        AttributeEntry::optional("shield-prompt", "false", "Whether prompts are checked for attacks on the model.")
            .dynamic(),
        AttributeEntry::optional(
            "enforce-on-completions",
            "false",
            "In `inbound`: whether the answer is checked as well. In `outbound` it is, whatever this says.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "window-size",
            "10000",
            "Characters of an answer that are checked at once; at most 10000.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "window-overlap-size",
            "0",
            "Characters at the end of a window that are checked with the next one again.",
        )
        .dynamic(),
    ],
    children: &[
        ElementEntry {
            name: "categories",
            required: false,
            many: false,
            attributes: &[AttributeEntry::optional(
                "output-type",
                "FourSeverityLevels",
                "Severities that the service tells: 0, 2, 4, 6, or all from 0 to 7.",
            )
            .dynamic()
            .one_of(&["FourSeverityLevels", "EightSeverityLevels"])],
            children: &[ElementEntry {
                name: "category",
                required: true,
                many: true,
                attributes: &[
                    AttributeEntry::required("name", "What is looked for.")
                        .dynamic()
                        .one_of(&["Hate", "SelfHarm", "Sexual", "Violence"]),
                    AttributeEntry::required("threshold", "Severity from which on a text is refused: 0 to 7.")
                        .dynamic(),
                ],
                children: &[],
                content: Content::Nothing,
                text: "A category.",
            }],
            content: Content::Nothing,
            text: "Categories of harm.",
        },
        ElementEntry {
            name: "blocklists",
            required: false,
            many: false,
            attributes: &[],
            children: &[ElementEntry {
                name: "id",
                required: true,
                many: true,
                attributes: &[],
                children: &[],
                content: Content::Text,
                text: "A list of the service.",
            }],
            content: Content::Nothing,
            text: "Lists of words and patterns; what matches is refused.",
        },
    ],
    content: Content::Nothing,
    manual: "Has texts judged by Azure AI Content Safety, or a service with the same interface, and refuses with 403 what it \
             finds bad: in `inbound` the prompt, before the backend sees it; in `outbound`, or with \
             `enforce-on-completions`, the answer. Texts are those of model APIs, also below other paths; any other body is \
             checked as it stands. Longer ones are checked in windows. The events of a streamed answer are held back until \
             their window has been checked; a bad one ends the stream with an error event. When the service does not judge, \
             nothing passes: 500. A backend without a key gets the token of a `token_sources` entry for \
             `https://cognitiveservices.azure.com`.",
    example: r#"<llm-content-safety backend-id="content-safety" shield-prompt="true" enforce-on-completions="true" window-size="2000" window-overlap-size="100"><categories output-type="EightSeverityLevels"><category name="Hate" threshold="4" /><category name="Violence" threshold="4" /></categories><blocklists><id>competitors</id></blocklists></llm-content-safety>"#,
    build,
};

struct ContentSafety {
    backend: Dynamic<Arc<str>>,
    shields: Dynamic<bool>,
    on_completions: Dynamic<bool>,
    window: Dynamic<usize>,
    overlap: Dynamic<usize>,
    output: Dynamic<Output>,
    categories: Vec<(Dynamic<Category>, Dynamic<u8>)>,
    blocklists: Vec<Dynamic<Arc<str>>>,
    named: Arc<Named>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let named = reading.compiler.known.named();
    let backend: Dynamic<Arc<str>> = reading.dynamic("backend-id")?;
    if let Some(id) = backend.fixed()
        && named.service(id).is_none()
    {
        return reading.unsupported(format!("`backend-id` is `{id}`: there is no backend with that id and a `url`"));
    }
    let element = reading.element;
    let mut output = Dynamic::Fixed(Output::Four);
    let mut categories = Vec::new();
    if let Some(listed) = element.child("categories") {
        output = optional(&mut reading.child(listed), "output-type")?.unwrap_or(output);
        for child in listed.elements() {
            let mut inner = reading.child(child);
            categories.push(inner.dynamic("name").zip(threshold(&mut inner)));
        }
    }
    let categories = categories.into_iter().collect::<Option<Vec<_>>>()?;
    let blocklists = element.child("blocklists").map(|listed| reading.child(listed).texts("id")).unwrap_or_default();
    let shields = optional(reading, "shield-prompt")?.unwrap_or(Dynamic::Fixed(false));
    if categories.is_empty() && blocklists.is_empty() && shields.fixed() == Some(&false) {
        return reading.refuse("it checks nothing: give it `categories`, `blocklists` or shield-prompt=\"true\"");
    }
    Some(Box::new(ContentSafety {
        backend,
        shields,
        on_completions: optional(reading, "enforce-on-completions")?.unwrap_or(Dynamic::Fixed(false)),
        window: optional(reading, "window-size")?.unwrap_or(Dynamic::Fixed(WINDOW)),
        overlap: optional(reading, "window-overlap-size")?.unwrap_or(Dynamic::Fixed(0)),
        output,
        categories,
        blocklists,
        named,
    }))
}

fn threshold(reading: &mut Reading<'_, '_>) -> Option<Dynamic<u8>> {
    let threshold: Dynamic<u8> = reading.dynamic("threshold")?;
    match threshold.fixed() {
        Some(level) if *level > 7 => reading.refuse(format!("`threshold` is {level}; it must be 0 to 7")),
        _ => Some(threshold),
    }
}

impl ContentSafety {
    async fn check(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let surface = model_surface(&flow.request);
        if flow.is_answered() {
            let judge = self.judge(flow, Side::Answer).await?;
            Box::new(Answers { judge, surface }).check(flow).await?;
            return Ok(Verdict::Continue);
        }
        let judge = self.judge(flow, Side::Prompt).await?;
        flow.hold(Needs { request_body: true, response_body: false }).await?;
        let text = said::in_request(surface, flow.request.body.held().map_or(&[][..], Bytes::as_ref));
        judge.check(&text).await?;
        if self.on_completions.get(flow)? {
            let judge = self.judge(flow, Side::Answer).await?;
            flow.after.push(Box::new(Answers { judge, surface }));
        }
        Ok(Verdict::Continue)
    }

    /// Who judges this exchange's texts, and by what.
    async fn judge(&self, flow: &mut Flow<'_>, side: Side) -> Result<Arc<Judge>, Failure> {
        let id = self.backend.get(flow)?;
        let Some(service) = self.named.service(&id) else {
            return Err(Failure::new(NAME, "BackendNotFound", 500, format!("There is no backend `{id}` with a url.")));
        };
        let mut headers = service.headers.clone();
        if headers.is_empty() {
            headers.extend(service::authorization(flow.services, &self.named).await?);
        }
        let mut categories = Vec::new();
        for (category, threshold) in &self.categories {
            categories.push((category.get(flow)?, threshold.get(flow)?));
        }
        let mut blocklists = Vec::new();
        for list in &self.blocklists {
            blocklists.push(list.get(flow)?.trim().to_owned());
        }
        let window = self.window.get(flow)?.clamp(1, WINDOW);
        Ok(Arc::new(Judge {
            calls: flow.services.outside.calls.clone(),
            url: service.url.clone(),
            rules: service.rules.clone(),
            headers,
            output: self.output.get(flow)?,
            categories,
            blocklists,
            shields: side == Side::Prompt && self.shields.get(flow)?,
            // A prompt is there whole: as few questions as can be.
            window: if side == Side::Prompt { WINDOW } else { window },
            overlap: self.overlap.get(flow)?.min(window - 1),
            side,
        }))
    }
}

/// The check of an answer, once it is there.
struct Answers {
    judge: Arc<Judge>,
    surface: Option<tollgate_providers::Surface>,
}

impl Answers {
    async fn check(self: Box<Self>, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let Some(response) = &flow.response else { return Ok(()) };
        if !response.status.is_success() || response.status == StatusCode::NO_CONTENT || !self.judge.has_questions() {
            return Ok(());
        }
        let is_stream = response.is_event_stream();
        if let (Body::Passing, true, Some(surface)) = (&response.body, is_stream, self.surface) {
            let Judge { window, overlap, .. } = *self.judge;
            let judge = self.judge;
            let check = move |text: String| -> BoxFuture<'static, Result<(), Failure>> {
                let judge = judge.clone();
                Box::pin(async move { judge.check(&text).await })
            };
            flow.link.screen(Screening { surface, window, overlap, check: Arc::new(check) });
            return Ok(());
        }
        flow.hold(Needs { request_body: false, response_body: true }).await?;
        let body = flow.response.as_ref().and_then(|response| response.body.held()).cloned().unwrap_or_default();
        self.judge.check(&said::in_answer(self.surface, is_stream, &body)).await
    }
}

impl After for Answers {
    fn answered(self: Box<Self>, _: &mut Flow<'_>) -> Result<(), Failure> {
        unreachable!("it waits: `answering` takes the place of this")
    }

    fn waits(&self) -> bool {
        true
    }

    fn answering<'f>(self: Box<Self>, flow: &'f mut Flow<'_>) -> BoxFuture<'f, Result<(), Failure>> {
        Box::pin(self.check(flow))
    }
}

impl Policy for ContentSafety {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        Step::Wait(Box::pin(self.check(flow)))
    }

    fn needs(&self) -> Needs {
        let switches = self.shields.needs().and(self.on_completions.needs());
        let sizes = self.window.needs().and(self.overlap.needs());
        let listed = self.blocklists.iter().fold(self.output.needs(), |needs, list| needs.and(list.needs()));
        let categories = self
            .categories
            .iter()
            .fold(listed, |needs, (category, threshold)| needs.and(category.needs()).and(threshold.needs()));
        self.backend.needs().and(switches).and(sizes).and(categories)
    }

    fn may_wait(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
