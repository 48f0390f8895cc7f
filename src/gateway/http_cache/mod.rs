//! Calls of plain APIs with a `cache:` setting: answered from what is kept, or fetched and kept on the way.
//!
//! Stands where the backend is asked, after the key, the limits and the inbound policies: a hit is a call like any other.
//! What may be kept, how long and for whom is `cache::http`. `asking` reads the request, `fetching` asks the backend,
//! `taking` copies its answer as it passes, `refreshing` asks it behind the caller, `serving` answers.

mod asking;
mod fetching;
mod refreshing;
mod serving;
pub mod taking;

use std::sync::Arc;

use super::{answer::Answer, exchange::Exchange, plain_dispatch};
use crate::{
    cache::http::{Entry, News, Place, Role, Rules, Standing, asked::resource},
    exchange::Fault,
    outbound::Pool,
};
use asking::Question;
use fetching::Fetch;

/// How often a caller goes on waiting for others before it asks for itself.
const MOST_TURNS: usize = 3;

/// Where a call goes that nothing is kept of.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    /// Who answers.
    pub pool: &'c Arc<Pool>,
    /// The path below the API's.
    pub path: &'c str,
}

/// The rules by which the answers of this exchange are kept; `None`: none are.
#[must_use]
pub fn rules(exchange: &Exchange) -> Option<Arc<Rules>> {
    exchange.api.as_ref()?.cache_rules(exchange.settlement.operation.as_ref())
}

/// Answers from the cache or from the backend.
pub async fn answer(exchange: &mut Exchange, rules: Arc<Rules>, call: Call<'_>) -> Result<Answer, Fault> {
    let question = match Question::of(exchange, rules, call) {
        Ok(question) => Arc::new(question),
        Err(why) => {
            tracing::trace!(request_id = %exchange.settlement.id, why, "the cache was passed by");
            return pass_by(exchange, call).await;
        }
    };
    for _ in 0..MOST_TURNS {
        let look = exchange.gateway.answers.look(&question.asked).await;
        let entry = look.entry.filter(|entry| question.may_have(entry));
        if let Some(entry) = &entry
            && let Some(answer) = from_entry(exchange, &question, (entry, &look.place), call)
        {
            return Ok(answer);
        }
        if question.said.only_if_cached {
            return Ok(serving::nothing(exchange));
        }
        let is_passing = look.is_passing;
        let fetch = Fetch { question: question.clone(), place: look.place, entry, lead: None, is_passing };
        if is_passing || !fetch.is_worth_waiting_for() {
            return fetch.run(exchange, call).await;
        }
        match exchange.gateway.answers.flights.join(fetch.place.key) {
            Role::Lead(lead) => return Fetch { lead: Some(lead), ..fetch }.run(exchange, call).await,
            Role::Follow(follow) => match follow.landed().await {
                News::Kept | News::Gone => {}
                _ => return fetch.run(exchange, call).await,
            },
        }
    }
    let look = exchange.gateway.answers.look(&question.asked).await;
    let is_passing = look.is_passing;
    Fetch { question, place: look.place, entry: None, lead: None, is_passing }.run(exchange, call).await
}

/// What an entry makes of the call, as long as the backend need not be asked first.
fn from_entry(
    exchange: &mut Exchange,
    question: &Arc<Question>,
    (entry, place): (&Arc<Entry>, &Place),
    call: Call<'_>,
) -> Option<Answer> {
    let now = exchange.gateway.clock.now();
    let status = match entry.standing(now, &question.said, &question.rules) {
        Standing::Fresh | Standing::Ageing if entry.age(now) < entry.terms.lifetime => "hit",
        Standing::Fresh | Standing::Ageing | Standing::Behind => "hit; stale",
        Standing::Stale => return None,
    };
    let standing = entry.standing(now, &question.said, &question.rules);
    if !question.is_head && matches!(standing, Standing::Ageing | Standing::Behind) {
        let fetch = Fetch {
            question: question.clone(),
            place: place.clone(),
            entry: Some(entry.clone()),
            lead: None,
            is_passing: false,
        };
        refreshing::start(exchange, fetch, call);
    }
    Some(serving::serve(exchange, question, entry, status))
}

/// A call that is neither looked up nor kept. One that changes something makes what is kept of its path worthless
/// (RFC 9111, section 4.4).
async fn pass_by(exchange: &mut Exchange, call: Call<'_>) -> Result<Answer, Fault> {
    exchange.cache_status = Some("bypass");
    let is_safe = exchange.parts.method.is_safe();
    let answer = plain_dispatch::send(exchange, call.pool, call.path, None).await?;
    if let (false, Answer::Upstream(upstream), Some(api)) = (is_safe, &answer, &exchange.api)
        && (200..400).contains(&upstream.head.status.as_u16())
    {
        exchange.gateway.answers.forget(resource(api.id.as_str(), call.path)).await;
    }
    Ok(answer)
}
