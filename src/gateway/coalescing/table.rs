//! Which calls are in flight, and what their followers are told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, Response};
use tokio::sync::watch;
use tollgate_providers::Surface;

use crate::{
    cache::model::Key,
    gateway::model_cache::Plan,
    outbound::{Choice, Incoming, Shared},
};

/// In which form an answer is wanted. Others cannot be passed on as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The endpoint: two of Gemini's answer alike and differ in form.
    pub surface: Surface,
    /// Whether it is a stream.
    pub streamed: bool,
    /// Whether a stream of Gemini's is one JSON array.
    pub array: bool,
}

impl Form {
    /// The form that a caller wants.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self { surface: plan.surface, streamed: plan.streamed, array: plan.streamed && plan.array }
    }
}

/// The calls in flight. Cloning shares them.
#[derive(Clone, Default)]
pub struct Table(Arc<Mutex<HashMap<Key, Underway>>>);

/// A call in flight, for those who follow it.
#[derive(Clone)]
pub struct Underway {
    /// The form in which it was asked.
    pub form: Form,
    told: watch::Receiver<Told>,
}

#[derive(Clone)]
enum Told {
    /// Nothing has been answered yet.
    Waiting,
    /// The head is there.
    Answering(Arc<Answering>),
    /// The leader has gone without an answer to share.
    Over,
}

/// An answer that is shared.
pub struct Answering {
    /// The backend's head, as it came.
    pub head: Response<()>,
    /// The backend's body.
    pub body: Shared,
    /// The place that answers.
    pub choice: Choice,
    /// The configured model that answers, which may have a larger context than the one that was asked.
    pub model: Option<Arc<str>>,
    /// The model as the backend was asked for it.
    pub upstream_model: Option<Arc<str>>,
}

/// What a caller is given.
pub enum Seat {
    /// It asks.
    Lead(Lead),
    /// Another one asks.
    Follow(Underway),
}

impl Table {
    /// A seat at the call of that key: the first leads.
    #[must_use]
    pub fn join(&self, key: Key, form: Form) -> Seat {
        let mut calls = self.calls();
        if let Some(underway) = calls.get(&key) {
            return Seat::Follow(underway.clone());
        }
        let (tell, told) = watch::channel(Told::Waiting);
        calls.insert(key, Underway { form, told });
        let place = Arc::new(Place { table: self.clone(), key, tell });
        Seat::Lead(Lead { place, attempt: None })
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Key, Underway>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Underway {
    /// Waits for the head; `None`: there is none, or it came and went.
    pub async fn answering(&mut self) -> Option<Arc<Answering>> {
        let told = self.told.wait_for(|told| !matches!(told, Told::Waiting)).await.ok()?;
        match &*told {
            Told::Answering(answering) => Some(answering.clone()),
            Told::Waiting | Told::Over => None,
        }
    }
}

/// A call's place in the table: dropped, the call is over.
struct Place {
    table: Table,
    key: Key,
    tell: watch::Sender<Told>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.calls().remove(&self.key);
        // Those who wait and have not looked yet may still have the answer.
        self.tell.send_if_modified(|told| {
            let is_lost = matches!(told, Told::Waiting);
            if is_lost {
                *told = Told::Over;
            }
            is_lost
        });
    }
}

/// Leads a call until it is published. Dropped before, its followers ask again.
pub struct Lead {
    place: Arc<Place>,
    /// The answer of the attempt under way.
    attempt: Option<(Response<()>, Shared)>,
}

impl Lead {
    /// A backend answers: from here on its body can be shared. An attempt before it is forgotten.
    pub fn share(&mut self, answer: Response<Incoming>) -> Response<Incoming> {
        let (parts, body) = answer.into_parts();
        let mut head = Response::new(());
        *head.status_mut() = parts.status;
        head.headers_mut().clone_from(&parts.headers);
        let (body, shared) = body.share(Box::new(self.place.clone()));
        self.attempt = Some((head, shared));
        Response::from_parts(parts, body)
    }

    /// The answer is taken: all may have it.
    pub fn publish(self, choice: &Choice, model: Option<Arc<str>>, upstream_model: Option<Arc<str>>) {
        if let Some((head, body)) = self.attempt {
            let answering = Answering { head, body, choice: choice.shared(), model, upstream_model };
            self.place.tell.send_replace(Told::Answering(Arc::new(answering)));
        }
    }
}

/// Headers of an answer that are for the one caller it was made for.
pub fn for_others(headers: &mut HeaderMap) {
    for name in ["set-cookie", "x-request-id", "request-id", "apim-request-id", "x-ms-client-request-id"] {
        headers.remove(name);
    }
}
