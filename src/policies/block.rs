//! Statements in their order, and the one loop that runs them.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{Failure, Flow, Needs, Pipeline, Policy, Step, Verdict, flow::Cached};
use crate::policy::{Place, Scope, Section};

/// One compiled element.
pub struct Statement {
    /// The element's name, as it is in the catalogue.
    pub name: &'static str,
    /// Its `id`.
    pub id: Option<Arc<str>>,
    /// Where it stands.
    pub place: Place,
    /// Its place below the section, such as `choose[3]/when[2]/set-header[1]`.
    pub path: Arc<str>,
    /// What it does.
    pub policy: Box<dyn Policy>,
    needs: Needs,
    may_wait: bool,
}

impl Statement {
    /// A statement.
    #[must_use]
    pub fn new(
        name: &'static str,
        id: Option<Arc<str>>,
        place: Place,
        path: impl Into<Arc<str>>,
        policy: Box<dyn Policy>,
    ) -> Self {
        let (needs, may_wait) = (policy.needs(), policy.may_wait());
        Self { name, id, place, path: path.into(), policy, needs, may_wait }
    }

    /// Whether running it may have to wait: for a body, or for somebody else.
    fn waits(&self) -> bool {
        self.may_wait || self.needs != Needs::NONE
    }

    /// Runs it when nothing has to be waited for; otherwise `None`.
    fn run_now(&self, flow: &mut Flow<'_>) -> Option<Result<Verdict, Failure>> {
        if self.may_wait || flow.wants(self.needs) {
            return None;
        }
        match self.policy.run(flow) {
            Step::Done(result) => Some(result),
            Step::Wait(_) => unreachable!("`{}` says that it never waits", self.name),
        }
    }

    async fn run(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        flow.hold(self.needs).await?;
        match self.policy.run(flow) {
            Step::Done(result) => result,
            Step::Wait(waiting) => waiting.await,
        }
    }

    /// Whether it is the statement that keeps answers, or contains it, or leads to it.
    fn stores(&self, pipeline: &Pipeline, depth: usize) -> bool {
        match self.name {
            "cache-store" | "llm-semantic-cache-store" | "azure-openai-semantic-cache-store" => true,
            "base" => pipeline.stores_beyond(depth),
            _ => self.policy.blocks().iter().any(|(_, block)| block.stores(pipeline, depth)),
        }
    }

    /// Notes where it failed, where nobody further inside did.
    fn blame(&self, flow: &mut Flow<'_>) {
        let scope = flow.pipeline.scope(flow.depth);
        let section = flow.section;
        let error = flow.last_error.get_or_insert_default();
        if error.path.is_none() {
            error.path = Some(self.path.clone());
            error.policy_id.clone_from(&self.id);
            error.scope = scope.map(Scope::name);
            error.section = Some(section.name());
        }
    }
}

/// Statements in their order.
#[derive(Default)]
pub struct Block {
    statements: Vec<Statement>,
    waits: bool,
}

impl Block {
    /// A block of these.
    #[must_use]
    pub fn new(statements: Vec<Statement>) -> Self {
        let waits = statements.iter().any(Statement::waits);
        Self { statements, waits }
    }

    /// Its statements.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether it does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Whether running it may have to wait.
    #[must_use]
    pub const fn may_wait(&self) -> bool {
        self.waits
    }

    /// Runs the statements until one decides otherwise.
    pub fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        if self.waits { Step::Wait(self.wait(flow).boxed()) } else { Step::Done(self.run_now(flow)) }
    }

    /// The first statement to run. Where the answer comes from the cache, the outbound section goes on after the
    /// `cache-store` that kept it, or after what contains that.
    fn beginning(&self, flow: &mut Flow<'_>) -> usize {
        if !matches!(flow.cached, Cached::Found) || flow.section != Section::Outbound {
            return 0;
        }
        let stores = |statement: &Statement| statement.stores(flow.pipeline, flow.depth);
        match self.statements.iter().position(stores) {
            None => 0,
            Some(at) if self.statements[at].name == "base" => at,
            Some(at) => {
                flow.cached = Cached::Unasked;
                at + 1
            }
        }
    }

    /// Whether answers are kept in it, or in the wider scopes that it leads to; it stands at `depth`.
    pub(super) fn stores(&self, pipeline: &Pipeline, depth: usize) -> bool {
        self.statements.iter().any(|statement| statement.stores(pipeline, depth))
    }

    fn run_now(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let (is_preflight, from) = (flow.is_preflight, self.beginning(flow));
        for statement in self.statements[from..].iter().filter(|one| !is_preflight || one.policy.runs_in_preflight()) {
            let before = flow.before();
            let result = statement.run_now(flow).expect("a block without a waiting statement");
            let verdict = flow.went(statement, before, result)?;
            if verdict != Verdict::Continue {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Continue)
    }

    async fn wait(&self, flow: &mut Flow<'_>) -> Result<Verdict, Failure> {
        let (is_preflight, from) = (flow.is_preflight, self.beginning(flow));
        for statement in self.statements[from..].iter().filter(|one| !is_preflight || one.policy.runs_in_preflight()) {
            let before = flow.before();
            let result = match statement.run_now(flow) {
                Some(result) => result,
                None => statement.run(flow).await,
            };
            let verdict = flow.went(statement, before, result)?;
            if verdict != Verdict::Continue {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Continue)
    }
}

impl Flow<'_> {
    /// What the trace keeps of the state before a statement; nothing unless somebody asked for a trace.
    fn before(&self) -> Option<Box<super::tracing::Before>> {
        self.trace.as_ref().map(|_| Box::new(super::tracing::Before::of(self)))
    }

    /// Notes how a statement went.
    fn went(
        &mut self,
        statement: &Statement,
        before: Option<Box<super::tracing::Before>>,
        result: Result<Verdict, Failure>,
    ) -> Result<Verdict, Failure> {
        if let Some(before) = before {
            super::tracing::Trace::note(self, statement, &before, &result);
        }
        if result.is_err() {
            statement.blame(self);
        }
        result
    }
}
