//! Streams whose words are checked before they go on, what becomes of one that is refused, and copies for others.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tollgate_providers::{
    Surface,
    envelope::{self, ErrorText},
};

use super::{Phase, Relay};
use crate::{exchange::Outcome, gateway::screen::Screened, policies::Failure};

impl Relay {
    /// The answer is over: a copy that was asked for is whole when the answer is.
    pub(super) fn finish_copy(&mut self) {
        let is_whole = self.settlement.as_ref().is_some_and(|held| held.outcome == Outcome::Complete);
        if let Some(copy) = self.copy.take().filter(|_| is_whole) {
            copy.finish(self.settlement.as_deref());
        }
    }

    /// What the check lets go on next; `None`: more has to come, or nothing more will.
    pub(super) fn screened(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(screen) = &mut self.screen else { return Poll::Ready(None) };
        self.queue.drain(..).for_each(|bytes| screen.take(&bytes));
        match ready!(screen.poll(cx, !matches!(self.phase, Phase::Flowing))) {
            Screened::Pass(bytes) => Poll::Ready(Some(bytes)),
            Screened::More => Poll::Ready(None),
            Screened::Blocked(failure) => {
                let (surface, sequence) = (screen.surface(), screen.next_sequence());
                self.block(surface, sequence, &failure);
                Poll::Ready(self.queue.pop_front())
            }
        }
    }

    /// What the answer says was refused: nothing of it goes on any more, and its end says why.
    fn block(&mut self, surface: Surface, sequence: u64, failure: &Failure) {
        self.screen = None;
        self.queue.clear();
        let request_id = self.request_id();
        let text = ErrorText {
            status: failure.status,
            code: failure.code(),
            message: failure.told(),
            param: None,
            request_id: &request_id,
            kind_hint: None,
        };
        self.queue.push_back(envelope::stream_error(surface, &text, sequence).into());
        self.set_outcome(Outcome::Ended, Some(failure.code()));
        self.phase = Phase::Broken;
    }

    /// Whether nothing is left to go on.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.screen.as_ref().is_none_or(|screen| screen.is_empty())
    }
}
