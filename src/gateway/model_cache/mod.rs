//! The model cache on the journey of a call: looked up once model and rights are known, and before tokens are
//! reserved; kept when a whole answer has passed.
//!
//! A hit is a request like any other (key, rights, request limits, its row in the ledger) that no model was asked
//! for. Keys and what may be kept are `cache::model`'s; what is configured, `settings::caching`'s.

mod aside;
mod asking;
mod embedding;
mod hit;
mod judging;
mod storing;

pub use asking::{Asking, Options, Plan, plan};
pub use hit::answer;
pub use storing::{Storing, attach};

use http::HeaderName;

use super::{answer::Answer, exchange::Exchange, metering::Called};
use crate::{
    cache::{
        model::{Found, Key},
        semantic::Mode,
    },
    exchange::Fault,
    settings::Verify,
};
use tollgate_providers::Call;

/// What looking into the cache came to.
pub enum Looked {
    /// The answer.
    Hit(Answer),
    /// The model is to be asked; its answer is to be kept, if that is planned.
    Miss(Option<Box<Storing>>),
}

/// Looks for the answer to a call.
///
/// # Errors
/// The caller's limits do not let the hit through.
pub async fn look(exchange: &mut Exchange, call: &Call, called: &Called<'_>) -> Result<Looked, Fault> {
    evict(exchange);
    let options = exchange.caching.clone();
    let Some(plan) = plan(exchange, call, called, options.as_deref()) else { return Ok(Looked::Miss(None)) };
    let mut plan = match plan {
        Ok(plan) => plan,
        Err(why) => {
            tracing::debug!(request_id = %exchange.settlement.id, why = why.word(), "not cached");
            note(exchange, "bypass");
            return Ok(Looked::Miss(None));
        }
    };
    if let Some(found) = lookup(exchange, &mut plan).await
        && let Some(answer) = answer(exchange, called, &plan, &found).await?
    {
        return Ok(Looked::Hit(answer));
    }
    note(exchange, if plan.looks { "miss" } else { "bypass" });
    Ok(Looked::Miss(plan.stores.then(|| Box::new(Storing::new(exchange, called, plan)))))
}

/// The answer to what the plan asks, if it is kept: to the same words, or to a prompt that means the same. What the
/// prompt means is remembered in the plan, for when the answer has to be asked for.
pub async fn lookup(exchange: &Exchange, plan: &mut Plan) -> Option<Found> {
    let kept = &exchange.gateway.kept;
    if let Some(found) = plan.looks.then(|| kept.find(&plan.question)).flatten() {
        return Some(found);
    }
    if plan.mode != Mode::Off {
        plan.meaning = embedding::meaning(exchange, plan).await;
    }
    let meaning = plan.meaning.as_ref().filter(|_| plan.looks)?;
    let is_over = |verify: &Verify| kept.verdicts.is_over(plan.question.partition, verify.budget);
    if plan.verify.as_ref().is_some_and(is_over) {
        return None;
    }
    let found = match kept.find_alike(&plan.question, meaning, plan.mode) {
        Some(found) => found,
        None => judging::judged(exchange, plan, meaning).await?,
    };
    let Some(verify) = &plan.verify else { return Some(found) };
    if exchange.gateway.entropy.unit() < verify.share {
        plan.verifying = Some(found.entry);
        return None;
    }
    Some(found)
}

/// Names an entry whose answer was wrong: the subscription that was answered may have it forgotten.
pub const EVICT: HeaderName = HeaderName::from_static("x-tollgate-cache-evict");

fn evict(exchange: &mut Exchange) {
    let Some(named) = exchange.called_wrong.take() else { return };
    let kept = &exchange.gateway.kept;
    let entry = named.to_str().ok().and_then(Key::parse).and_then(|key| kept.get(key));
    let caller = exchange.subscription.as_ref().map(|subscription| subscription.id.as_str());
    if let Some(entry) = entry.filter(|entry| caller == Some(entry.owner.subscription.as_str())) {
        tracing::info!(entry = %entry.key, subscription = caller, "a kept answer was called wrong and is forgotten");
        kept.forget(entry.key);
    }
}

fn note(exchange: &mut Exchange, word: &'static str) {
    exchange.settlement.cache = Some(word);
    exchange.cache_status = Some(word);
}
