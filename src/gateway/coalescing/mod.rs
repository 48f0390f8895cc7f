//! Identical calls in flight: one asks the model, the others share its answer.
//!
//! Who shares with whom is the model cache's to say: calls that it could answer from each other's answers, and only
//! those. The first leads: it asks, pays, and keeps the answer. The others follow: each reads the answer at its own
//! pace (`outbound::Shared`), under its own key and limits, and is settled like a hit. A leader that fails shares
//! nothing: its followers ask again, one of them leading. Once bytes have gone out, all share the end, whatever it is.
//!
//! A follower that wants the other form (a stream, or none) reads to the end and is answered in its own form.
//! Deliberately not here: what is eligible, and keeping answers (`model_cache`).

mod follow;
mod table;

use tollgate_providers::Call;

use self::table::{Form, Seat};
pub use self::table::{Lead, Table};
use super::{
    answer::Answer,
    exchange::Exchange,
    metering::{Called, admit_call, admit_hit},
    model_cache::{self, Looked, Plan, Storing},
};
use crate::{exchange::Fault, usage::Metered};

/// How often one call waits for others before it asks by itself: calls that all fail must not fail one after another.
const MOST_WAITS: usize = 2;

/// What joining came to.
pub enum Joined {
    /// The answer of another call.
    Answer(Answer),
    /// The model is to be asked; its answer is to be kept, if that is planned.
    Ask(Option<Box<Storing>>),
}

/// Joins an identical call in flight, or leads one.
///
/// # Errors
/// The caller's limits.
pub async fn join(
    exchange: &mut Exchange,
    call: &Call,
    called: &Called<'_>,
    mut storing: Option<Box<Storing>>,
) -> Result<Joined, Fault> {
    exchange.lead = None;
    for _ in 0..MOST_WAITS {
        let Some(plan) = storing.as_deref().map(Storing::plan).filter(|plan| plan.looks) else { break };
        match exchange.gateway.calls.join(plan.question.exact, Form::of(plan)) {
            Seat::Lead(lead) => {
                // Between the look and the seat the one before may have kept its answer and gone.
                if let Some(answer) = kept(exchange, called, plan).await? {
                    return Ok(Joined::Answer(answer));
                }
                exchange.lead = Some(lead);
                break;
            }
            Seat::Follow(underway) => {
                admit(exchange, called, plan).await?;
                if let Some(answer) = follow::follow(exchange, plan, underway).await {
                    return Ok(Joined::Answer(answer));
                }
            }
        }
        storing = match model_cache::look(exchange, call, called).await? {
            Looked::Hit(answer) => return Ok(Joined::Answer(hit(exchange, answer))),
            Looked::Miss(storing) => storing,
        };
    }
    Ok(Joined::Ask(storing))
}

/// Lets a follower through before it waits: like a hit, or like a call where hits are charged.
async fn admit(exchange: &mut Exchange, called: &Called<'_>, plan: &Plan) -> Result<(), Fault> {
    if plan.charges { admit_call(exchange, called).await } else { admit_hit(exchange, called).await }
}

async fn kept(exchange: &mut Exchange, called: &Called<'_>, plan: &Plan) -> Result<Option<Answer>, Fault> {
    let Some(found) = exchange.gateway.kept.find(&plan.question) else { return Ok(None) };
    let answer = model_cache::answer(exchange, called, plan, &found).await?;
    Ok(answer.map(|answer| hit(exchange, answer)))
}

/// What was noted of the first look does not hold any more: the answer says it itself.
fn hit(exchange: &mut Exchange, answer: Answer) -> Answer {
    exchange.cache_status = None;
    answer
}

/// Shares the answer of a call that leads, if it is one to share: whole as far as its head says, and not cut short
/// because this caller's own quota is nearly used up.
///
/// # Errors
/// The answer's own.
pub fn publish(exchange: &mut Exchange, answer: Result<Answer, Fault>) -> Result<Answer, Fault> {
    let Some(lead) = exchange.lead.take() else { return answer };
    let is_capped = exchange.settlement.metered().and_then(Metered::cap).is_some();
    if let Ok(Answer::Upstream(upstream)) = &answer
        && upstream.head.status == http::StatusCode::OK
        && !is_capped
    {
        let settlement = &exchange.settlement;
        lead.publish(&upstream.choice, settlement.model.clone(), settlement.upstream_model.clone());
    }
    answer
}
