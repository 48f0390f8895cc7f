//! An answer on its way into the cache: it passes to the caller, and is kept once all of it has passed and proved to
//! be a whole, normal one.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tollgate_providers::replay;

use super::Plan;
use crate::{
    cache::model::{Entry, Kept, answer, verdicts},
    exchange::Record,
    gateway::{answer::Answer, exchange::Exchange, metering::Called},
    model::Clock,
};

/// What becomes of an answer when it has passed.
pub struct Storing {
    plan: Plan,
    kept: Kept,
    clock: Clock,
    model: Arc<str>,
}

impl Storing {
    /// Keeps the answer to this call as planned.
    #[must_use]
    pub fn new(exchange: &Exchange, called: &Called<'_>, plan: Plan) -> Self {
        let gateway = &exchange.gateway;
        Self { plan, kept: gateway.kept.clone(), clock: gateway.clock.clone(), model: called.model.name.clone() }
    }

    /// What is planned for the call.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Keeps it so long, or less where its prompt speaks of a time.
    pub fn keep_for(&mut self, lasts: Duration) {
        self.plan.lasts = self.plan.lasts.min(lasts);
    }

    /// Largest body that is worth copying. Events say in ten times as many bytes what JSON says.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.plan.largest.saturating_mul(if self.plan.streamed { 10 } else { 1 })
    }

    /// All of the answer has passed.
    pub fn finish(self, body: &Bytes, record: &Record) {
        // Another model took over because this one's context was too small: its answers are not this one's.
        let is_same = record.model.as_ref() == Some(&self.model);
        let Some(body) = self.whole(body, record).filter(|_| is_same) else { return };
        self.verify(&body);
        let now = self.clock.now();
        let Plan { question, owner, lasts, meaning, .. } = self.plan;
        self.kept.keep(Entry {
            key: question.exact,
            partition: question.partition,
            owner,
            text: question.text,
            meaning,
            body,
            usage: record.usage,
            upstream_model: record.upstream_model.as_deref().unwrap_or_default().to_owned(),
            backend: record.backend.as_ref().map_or_else(String::new, ToString::to_string),
            created: now,
            expires: now.plus(lasts),
        });
    }

    /// Compares what the model says with what would have been given in its place.
    fn verify(&self, body: &Bytes) {
        let (Some(verify), Some(kept)) = (&self.plan.verify, &self.plan.verifying) else { return };
        let text = |body: &Bytes| Some(answer::text(self.plan.surface, &serde_json::from_slice(body).ok()?));
        let (Some(would), Some(does)) = (text(&kept.body), text(body)) else { return };
        let Some(agrees) = verdicts::agree(&would, &does, verify.agreement) else { return };
        self.kept.verdicts.note(self.plan.question.partition, !agrees);
        if !agrees {
            tracing::info!(entry = %kept.key, "a kept answer would have been wrong: the model answered otherwise");
            self.kept.forget(kept.key);
        }
    }

    /// The whole, unstreamed answer, if it is a normal one.
    fn whole(&self, body: &Bytes, record: &Record) -> Option<Bytes> {
        let (answer, is_json) = if record.streamed {
            let mut answer = replay::whole(self.plan.surface, body)
                .map_err(|why| tracing::debug!(request_id = %record.id, %why, "a stream is not kept"))
                .ok()?;
            // Whoever did not ask for usage did not see it; the next caller may.
            replay::with_usage(self.plan.surface, &mut answer, &record.usage);
            (answer, false)
        } else {
            (serde_json::from_slice::<Value>(body).ok()?, true)
        };
        let is_normal = answer::is_normal(self.plan.surface, &answer);
        let body = if is_json { body.clone() } else { Bytes::from(answer.to_string()) };
        (is_normal && body.len() <= self.plan.largest).then_some(body)
    }
}

/// Has an answer copied for `storing`, if it is one that could be kept.
#[must_use]
pub fn attach(answer: Answer, storing: Option<Box<Storing>>) -> Answer {
    let Answer::Upstream(mut upstream) = answer else { return answer };
    if let Some(storing) = storing.filter(|_| upstream.head.status == StatusCode::OK) {
        upstream.copy.get_or_insert_default().add_storing(storing);
    }
    Answer::Upstream(upstream)
}
