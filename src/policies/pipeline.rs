//! The documents of up to five scopes as one journey: inbound, backend, outbound, and `on-error` when one fails.

use std::sync::Arc;

use http::StatusCode;

use super::{Block, Failure, Flow, LastError, Policy, Response, Step, Verdict};
use crate::policy::{Scope, Section};

/// A document, compiled.
pub struct Compiled {
    /// Where it applies.
    pub scope: Scope,
    /// `inbound`; `None`: the document does not have the section, the wider scope's runs.
    pub inbound: Option<Block>,
    /// `backend`.
    pub backend: Option<Block>,
    /// `outbound`.
    pub outbound: Option<Block>,
    /// `on-error`.
    pub on_error: Option<Block>,
}

impl Compiled {
    /// The block of a section.
    #[must_use]
    pub const fn section(&self, section: Section) -> Option<&Block> {
        match section {
            Section::Inbound => self.inbound.as_ref(),
            Section::Backend => self.backend.as_ref(),
            Section::Outbound => self.outbound.as_ref(),
            Section::OnError => self.on_error.as_ref(),
        }
    }
}

/// The documents that apply to an exchange, the narrowest first, and last the built-in one, which forwards.
#[derive(Clone, Default)]
pub struct Pipeline {
    documents: Vec<Arc<Compiled>>,
}

/// How a journey ended.
#[derive(Debug)]
pub enum Ended {
    /// `flow.response` is the answer.
    Answered,
    /// A failure that `on-error` has dealt with: `flow.response` is what it made of it.
    Recovered(Failure),
    /// A failure that no `on-error` turned into another answer: `flow.response` holds the failure as an answer.
    Failed(Failure),
}

impl Pipeline {
    /// A pipeline of these documents, the narrowest first.
    #[must_use]
    pub const fn new(documents: Vec<Arc<Compiled>>) -> Self {
        Self { documents }
    }

    /// Its documents, the narrowest first.
    #[must_use]
    pub fn documents(&self) -> &[Arc<Compiled>] {
        &self.documents
    }

    /// The scope of a document by its depth.
    #[must_use]
    pub fn scope(&self, depth: usize) -> Option<Scope> {
        self.documents.get(depth).map(|document| document.scope)
    }

    /// The block that runs at `depth` or wider, and its depth.
    fn block(&self, section: Section, depth: usize) -> Option<(usize, &Block)> {
        let mut wider = self.documents.iter().enumerate().skip(depth);
        wider.find_map(|(at, document)| Some((at, document.section(section)?)))
    }

    /// Whether the outbound section of a scope wider than that at `depth` keeps answers.
    pub(super) fn stores_beyond(&self, depth: usize) -> bool {
        if self.scope(depth) == Some(Scope::Global) {
            return false;
        }
        self.block(Section::Outbound, depth + 1).is_some_and(|(at, block)| block.stores(self, at))
    }

    /// Runs all sections.
    pub async fn run(flow: &mut Flow<'_>) -> Ended {
        match Self::journey(flow).await {
            Ok(()) => Ended::Answered,
            Err(failure) => {
                let ended = Self::fail(flow, failure).await;
                for after in std::mem::take(&mut flow.after) {
                    after.failed(flow);
                }
                ended
            }
        }
    }

    /// Answers a browser's question whether it may send, when a `cors` does; `flow.is_preflight` is set.
    pub async fn preflight(flow: &mut Flow<'_>) -> Result<bool, Failure> {
        Ok(Self::section(flow, Section::Inbound).await? == Verdict::Answer || flow.response.is_some())
    }

    async fn journey(flow: &mut Flow<'_>) -> Result<(), Failure> {
        let verdict = Self::section(flow, Section::Inbound).await?;
        let verdict = match verdict {
            Verdict::Continue => Self::section(flow, Section::Backend).await?,
            decided => decided,
        };
        if verdict != Verdict::Answer {
            // A document without `forward-request` leaves outbound an empty answer to work on.
            flow.response.get_or_insert_with(|| Response::new(StatusCode::OK));
            Self::section(flow, Section::Outbound).await?;
        }
        for after in std::mem::take(&mut flow.after) {
            flow.hold(after.needs(flow)).await?;
            if after.waits() { after.answering(flow).await? } else { after.answered(flow)? }
        }
        Ok(())
    }

    /// Runs `on-error` on a failure, also on one from before the first section.
    pub async fn fail(flow: &mut Flow<'_>, mut failure: Failure) -> Ended {
        let afters = std::mem::take(&mut flow.after);
        for after in &afters {
            after.refused(flow, &mut failure);
        }
        flow.after = afters;
        let noted = flow.last_error.take().unwrap_or_default();
        let Failure { source, reason, message, .. } = &failure;
        let (source, reason, message) = (source.to_string(), reason.to_string(), message.clone());
        flow.last_error = Some(LastError { source, reason, message, ..noted });
        let rendered = flow.link.rendered(&failure);
        flow.response = Some(rendered);
        match Self::section(flow, Section::OnError).await {
            Ok(_) if flow.pipeline.block(Section::OnError, 0).is_some_and(|(_, block)| !block.is_empty()) => {
                Ended::Recovered(failure)
            }
            Ok(_) => Ended::Failed(failure),
            Err(again) => {
                // A failure inside `on-error` is the answer: nothing runs after it.
                let rendered = flow.link.rendered(&again);
                flow.response = Some(rendered);
                Ended::Failed(again)
            }
        }
    }

    async fn section(flow: &mut Flow<'_>, section: Section) -> Result<Verdict, Failure> {
        flow.section = section;
        Self::at(flow, 0).await
    }

    async fn at(flow: &mut Flow<'_>, depth: usize) -> Result<Verdict, Failure> {
        let pipeline = flow.pipeline;
        let Some((at, block)) = pipeline.block(flow.section, depth) else { return Ok(Verdict::Continue) };
        let came_from = std::mem::replace(&mut flow.depth, at);
        let result = match block.run(flow) {
            Step::Done(result) => result,
            Step::Wait(waiting) => waiting.await,
        };
        flow.depth = came_from;
        result
    }
}

/// `<base />`: the same section of the next wider scope; nothing in the widest.
pub struct Base;

impl Policy for Base {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        if flow.pipeline.scope(flow.depth) == Some(Scope::Global) {
            return Step::NEXT;
        }
        Step::Wait(Box::pin(Pipeline::at(flow, flow.depth + 1)))
    }

    fn may_wait(&self) -> bool {
        true
    }

    fn runs_in_preflight(&self) -> bool {
        true
    }
}
