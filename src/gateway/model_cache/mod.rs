//! The model cache on the journey of a call: looked up once model and rights are known, and before tokens are
//! reserved; kept when a whole answer has passed.
//!
//! A hit is a request like any other (key, rights, request limits, its row in the ledger) that no model was asked
//! for. Keys and what may be kept are `cache::model`'s; what is configured, `settings::caching`'s.

mod asking;
mod hit;
mod storing;

pub use asking::{Asking, Options, Plan, plan};
pub use hit::answer;
pub use storing::{Storing, attach};

use super::{answer::Answer, exchange::Exchange, metering::Called};
use crate::{
    cache::{
        model::{Found, Meaning},
        semantic::Mode,
    },
    exchange::Fault,
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
    if let Some(found) = lookup(exchange, &mut plan)
        && let Some(answer) = answer(exchange, called, &plan, &found).await?
    {
        return Ok(Looked::Hit(answer));
    }
    note(exchange, if plan.looks { "miss" } else { "bypass" });
    Ok(Looked::Miss(plan.stores.then(|| Box::new(Storing::new(exchange, called, plan)))))
}

/// The answer to what the plan asks, if it is kept: to the same words, or to a prompt that means the same. What the
/// prompt means is remembered in the plan, for when the answer has to be asked for.
#[must_use]
pub fn lookup(exchange: &Exchange, plan: &mut Plan) -> Option<Found> {
    let kept = &exchange.gateway.kept;
    if let Some(found) = plan.looks.then(|| kept.find(&plan.question)).flatten() {
        return Some(found);
    }
    if plan.mode != Mode::Off {
        plan.meaning = plan.question.text.as_deref().and_then(Meaning::builtin);
    }
    let meaning = plan.meaning.as_ref().filter(|_| plan.looks)?;
    kept.find_alike(&plan.question, meaning, plan.mode)
}

fn note(exchange: &mut Exchange, word: &'static str) {
    exchange.settlement.cache = Some(word);
    exchange.cache_status = Some(word);
}
