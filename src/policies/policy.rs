//! The trait of a policy, and what it answers.

use futures_util::future::BoxFuture;

use super::{Failure, Flow};

/// Which bodies have to be in memory before a policy runs; the runner reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The request's.
    pub request_body: bool,
    /// The answer's.
    pub response_body: bool,
}

impl Needs {
    /// Neither body.
    pub const NONE: Self = Self { request_body: false, response_body: false };

    /// What either needs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            request_body: self.request_body || other.request_body,
            response_body: self.response_body || other.response_body,
        }
    }
}

/// How the journey goes on after a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With the next statement.
    Continue,
    /// `flow.response` is the answer; no other policy runs.
    Answer,
    /// `flow.response` takes the backend's place: the outbound section runs next.
    Outbound,
}

/// What a run gives: at once, or after waiting.
pub enum Step<'f> {
    /// Decided.
    Done(Result<Verdict, Failure>),
    /// To be waited for.
    Wait(BoxFuture<'f, Result<Verdict, Failure>>),
}

impl Step<'_> {
    /// Go on.
    pub const NEXT: Self = Self::Done(Ok(Verdict::Continue));
}

impl From<Result<(), Failure>> for Step<'_> {
    fn from(result: Result<(), Failure>) -> Self {
        Self::Done(result.map(|()| Verdict::Continue))
    }
}

/// A compiled element of a policy document.
pub trait Policy: Send + Sync {
    /// Does its work. It may change everything that `flow` lends.
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f>;

    /// Bodies it reads itself, nested statements not counted: those say it for themselves.
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    /// Whether [`run`](Self::run) may give [`Step::Wait`]. What never waits is not boxed.
    fn may_wait(&self) -> bool {
        false
    }

    /// Whether it runs when a browser asks whether it may send (a CORS preflight): `cors`, and what leads to it.
    fn runs_in_preflight(&self) -> bool {
        false
    }

    /// Blocks inside it, with their name below its own (`when[1]`, `otherwise`), for the effective view.
    fn blocks(&self) -> Vec<(String, &super::Block)> {
        Vec::new()
    }
}
