//! What the attempts of one request came to, when none gave an answer: which one thing to tell the caller.

use std::time::Duration;

use super::answer::{Answer, Upstream};
use crate::{
    exchange::{Fault, FaultKind},
    model::BackendId,
    outbound::{NoneLeft, SendFault, SendFaultKind, Why},
};

/// An attempt that did not give an answer.
pub struct Setback {
    /// Where.
    pub backend: BackendId,
    /// The answer's status, when there was one.
    pub status: Option<u16>,
    /// What went wrong.
    pub kind: SetbackKind,
    /// The backend's own error answer, relayed when nothing better comes.
    pub relayable: Option<Box<Upstream>>,
}

/// What went wrong at a backend.
pub enum SetbackKind {
    /// 429, with the wait it asked for.
    Throttled(Option<Duration>),
    /// It refused our credential.
    Credential,
    /// It failed (5xx, or an error inside a stream).
    Server,
    /// The connection could not be made, or broke.
    Broken(SendFault),
}

impl SetbackKind {
    /// The word for logs and metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Throttled(_) => "throttled",
            Self::Credential => "credential",
            Self::Server => "server_error",
            Self::Broken(fault) => fault.kind.as_str(),
        }
    }
}

impl Setback {
    /// Whether bytes of the request may have reached the backend.
    #[must_use]
    pub fn reached(&self) -> bool {
        match &self.kind {
            SetbackKind::Broken(fault) => fault.reached,
            _ => true,
        }
    }
}

/// All setbacks of one request.
#[derive(Default)]
pub struct Tally {
    setbacks: Vec<Setback>,
    repeated: bool,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, setback: Setback) {
        self.setbacks.push(setback);
    }

    /// How many there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.setbacks.len()
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.setbacks.is_empty()
    }

    /// Once a request, when every member was tried and the last connection merely broke: the same places again.
    pub fn deserves_same_place_again(&mut self) -> bool {
        let broke = matches!(self.setbacks.last(), Some(Setback { kind: SetbackKind::Broken(fault), .. })
            if matches!(fault.kind, SendFaultKind::BrokenOff));
        let deserves = broke && !self.repeated;
        self.repeated |= deserves;
        deserves
    }

    /// What to tell the caller. `none`: why the pool had nobody left, if that is what ended it.
    pub fn conclude(mut self, none: Option<&NoneLeft>) -> Result<Answer, Fault> {
        let wait = self.shortest_wait(none);
        if let Some(fault) = self.unanimous(none, wait) {
            return Err(fault);
        }
        let Some(last) = self.setbacks.pop() else {
            let message = "No backend is available for this request at the moment.";
            return Err(Fault::new(FaultKind::NoBackend, message).retry_after(wait));
        };
        match (last.relayable, last.kind) {
            (Some(upstream), _) => Ok(Answer::Upstream(upstream)),
            (None, SetbackKind::Broken(fault)) => Err(sent(&fault)),
            (None, SetbackKind::Server) => {
                Err(Fault::new(FaultKind::BackendUnreachable, "The backend failed before it gave an answer."))
            }
            (None, _) => {
                let message = "Every backend for this request is throttled, refuses our credential or is out of order.";
                Err(Fault::new(FaultKind::NoBackend, message).retry_after(wait))
            }
        }
    }

    fn shortest_wait(&self, none: Option<&NoneLeft>) -> Option<Duration> {
        let asked = self.setbacks.iter().filter_map(|setback| match setback.kind {
            SetbackKind::Throttled(wait) => wait,
            _ => None,
        });
        asked.chain(none.and_then(|none| none.retry_after)).min()
    }

    /// The fault when all that was tried, and all that could not be, failed for one reason.
    fn unanimous(&self, none: Option<&NoneLeft>, wait: Option<Duration>) -> Option<Fault> {
        let why = none.map(|none| &none.why);
        let all = |test: fn(&SetbackKind) -> bool| self.setbacks.iter().all(|setback| test(&setback.kind));
        let any = !self.setbacks.is_empty();
        let throttled = all(|kind| matches!(kind, SetbackKind::Throttled(_)))
            && (matches!(why, Some(Why::Throttled)) || any && matches!(why, None | Some(Why::Tried)));
        if throttled {
            let wait = wait.or(Some(Duration::from_secs(1)));
            let message = "Every backend for this request is throttled by its provider.";
            return Some(Fault::new(FaultKind::AllThrottled, message).retry_after(wait));
        }
        let refused = all(|kind| matches!(kind, SetbackKind::Credential))
            && (matches!(why, Some(Why::CredentialRefused)) || any && matches!(why, None | Some(Why::Tried)));
        let message = "The backend refused the gateway's credential: its administrator must check the backend's key.";
        refused.then(|| Fault::new(FaultKind::CredentialRefused, message))
    }
}

fn sent(fault: &SendFault) -> Fault {
    let kind = match fault.kind {
        SendFaultKind::ConnectTimeout
        | SendFaultKind::FirstByteTimeout
        | SendFaultKind::IdleTimeout
        | SendFaultKind::TotalTimeout => FaultKind::BackendTimeout,
        SendFaultKind::Egress => FaultKind::EgressRefused,
        _ => FaultKind::BackendUnreachable,
    };
    let message = match kind {
        FaultKind::BackendTimeout => "The backend did not answer in time.",
        FaultKind::EgressRefused => "The backend's address is not allowed by the gateway's egress rules.",
        _ => "The backend could not be reached or broke off before it answered.",
    };
    Fault::new(kind, message)
}
