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
use crate::{cache::model::Found, exchange::Fault};
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
    let plan = match plan {
        Ok(plan) => plan,
        Err(why) => {
            tracing::debug!(request_id = %exchange.settlement.id, why = why.word(), "not cached");
            note(exchange, "bypass");
            return Ok(Looked::Miss(None));
        }
    };
    if let Some(found) = lookup(exchange, &plan)
        && let Some(answer) = answer(exchange, called, &plan, &found).await?
    {
        return Ok(Looked::Hit(answer));
    }
    note(exchange, if plan.looks { "miss" } else { "bypass" });
    Ok(Looked::Miss(plan.stores.then(|| Box::new(Storing::new(exchange, called, plan)))))
}

/// The answer to what the plan asks, if it is kept.
#[must_use]
pub fn lookup(exchange: &Exchange, plan: &Plan) -> Option<Found> {
    plan.looks.then(|| exchange.gateway.kept.find(&plan.question)).flatten()
}

fn note(exchange: &mut Exchange, word: &'static str) {
    exchange.settlement.cache = Some(word);
    exchange.cache_status = Some(word);
}
