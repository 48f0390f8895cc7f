//! The lines of one transport: HTTP/1.1 connections kept for the next exchange, by origin.
//!
//! Nobody polls a line that rests; whoever takes it notices in its first poll that the backend has closed it, and
//! takes the next one. A sweep closes what is dead or was not used for long.

use std::{
    collections::HashMap,
    mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::{
    Request, Response, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use tokio::{
    runtime::{self, Handle},
    time::Instant,
};

use super::{
    IDLE, MAX_IDLE,
    dial::Dialer,
    line::{Drawn, Line},
};
use crate::outbound::{
    SendFault, SendFaultKind,
    incoming::Patience,
    outgoing::{Outgoing, Upload, Watched},
};

/// How often resting lines are looked at.
const SWEEP: Duration = Duration::from_secs(5);

/// Where a line leads, and from where: the runtime whose thread watches its socket. A line used from another one would
/// wake that other thread for every piece.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    home: runtime::Id,
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Takes a request's target apart: where to, and what to ask for there.
    fn split(uri: Uri) -> Result<(Self, PathAndQuery), SendFault> {
        let parts = uri.into_parts();
        match (parts.scheme, parts.authority, parts.path_and_query) {
            (Some(scheme), Some(authority), Some(path)) => {
                let home = Handle::current().id();
                Ok((Self { home, scheme, authority }, path))
            }
            _ => Err(SendFault::unsent(SendFaultKind::Protocol, "the request's target is not a whole URL")),
        }
    }

    fn uri(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).expect("scheme, authority and path of a URL make a URL")
    }
}

/// A line that nobody uses.
struct Resting {
    line: Box<Line>,
    since: Instant,
}

#[derive(Default)]
struct Rest {
    by_origin: HashMap<Origin, Vec<Resting>>,
    is_swept: bool,
}

/// The resting lines of one transport.
#[derive(Default)]
pub(super) struct Lines(Mutex<Rest>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Rest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request by a resting line, or a new one, and waits for the head of its answer.
    pub(super) async fn send(
        self: &Arc<Self>,
        dialer: &Dialer,
        request: &mut Request<Outgoing>,
        patience: &mut Patience,
        upload: Option<&Upload>,
    ) -> Result<Response<Drawn>, SendFault> {
        let (origin, path) = Origin::split(mem::take(request.uri_mut()))?;
        *request.uri_mut() = if dialer.wants_absolute_form(&origin.scheme) { origin.uri(path) } else { path.into() };
        loop {
            let rested = self.take(&origin);
            let is_new = rested.is_none();
            let mut line = match rested {
                Some(line) => line,
                // Boxed: hardly ever needed, and larger than all the rest.
                None => patience.connect(Box::pin(open(dialer, &origin))).await?,
            };
            let answered = {
                let sending = line.send(mem::take(request).map(|body| Watched::new(body, upload.cloned())));
                patience.head(pin!(line.wait(pin!(sending))), upload, &|| false).await?
            };
            match answered {
                Ok(answer) => return Ok(answer.map(|body| self.body(body, line, upload))),
                Err(mut refused) => match refused.take_message() {
                    // The backend had closed the line before the request was on it.
                    Some(unsent) if !is_new => *request = unsent.map(Watched::into_body),
                    _ => return Err(refused.into_error().into()),
                },
            }
        }
    }

    fn body(self: &Arc<Self>, body: hyper::body::Incoming, line: Box<Line>, upload: Option<&Upload>) -> Drawn {
        if upload.is_some_and(|upload| !upload.is_over()) {
            line.run_out();
            return Drawn::alone(body);
        }
        Drawn::new(body, line, self)
    }

    /// The line that was used last, because it is the least likely to have been closed.
    fn take(&self, origin: &Origin) -> Option<Box<Line>> {
        self.lock().by_origin.get_mut(origin)?.pop().map(|resting| resting.line)
    }

    /// Keeps a line for the next exchange, if it is in order.
    pub(super) fn rest(self: &Arc<Self>, mut line: Box<Line>) {
        if !line.is_free() {
            return;
        }
        line.retire();
        let mut rest = self.lock();
        if let Some(resting) = rest.by_origin.get_mut(&line.origin) {
            if resting.len() < MAX_IDLE {
                resting.push(Resting { line, since: Instant::now() });
            }
        } else {
            rest.by_origin.insert(line.origin.clone(), vec![Resting { line, since: Instant::now() }]);
        }
        if !rest.is_swept
            && let Ok(runtime) = Handle::try_current()
        {
            rest.is_swept = true;
            drop(runtime.spawn(sweep(Arc::downgrade(self))));
        }
    }

    /// Takes out what is dead or old; false when nothing is left, and with it no sweep.
    fn sweep(&self, now: Instant) -> bool {
        let mut rest = self.lock();
        let mut gone = Vec::new();
        rest.by_origin.retain(|_, resting| {
            let is_done = |resting: &mut Resting| now - resting.since >= IDLE || !resting.line.is_free();
            gone.extend(resting.extract_if(.., is_done));
            !resting.is_empty()
        });
        rest.is_swept = !rest.by_origin.is_empty();
        let goes_on = rest.is_swept;
        drop(rest);
        // Closing takes system calls: not while others wait for a line.
        drop(gone);
        goes_on
    }
}

async fn open(dialer: &Dialer, origin: &Origin) -> Result<Box<Line>, SendFault> {
    let link = dialer.connect(&origin.uri(PathAndQuery::from_static("/")), true).await?;
    Line::new(origin.clone(), link).await.map(Box::new)
}

/// Looks after the resting lines until there are none.
async fn sweep(lines: Weak<Lines>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(lines) = lines.upgrade() else { return };
        if !lines.sweep(Instant::now()) {
            return;
        }
    }
}
