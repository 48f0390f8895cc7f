//! The data plane. [`handle`](Gateway::handle) is the journey of a request; each step is a file of this folder.

pub mod admission;
pub mod affinity;
pub mod answer;
pub mod attempt;
pub mod body;
pub mod decode;
pub mod exchange;
pub mod headers;
pub mod health;
pub mod hold;
pub mod keys;
pub mod learned;
pub mod listener;
pub mod model_dispatch;
pub mod model_list;
pub mod model_task;
pub mod owners;
pub mod peer;
pub mod plain_dispatch;
pub mod relay;
pub mod respond;
pub mod route;
pub mod stored;
pub mod switch;
pub mod tally;
pub mod upgrade;

use std::sync::Arc;

use http::{Request, Response};

use crate::{
    exchange::Fault,
    gateway::{
        answer::Answer,
        exchange::Exchange,
        learned::Learned,
        listener::{Drain, Inbound},
        owners::Owners,
        peer::Peer,
        relay::AnswerBody,
        route::Target,
    },
    model::{Clock, Entropy},
    snapshot::Hub,
    usage::Sink,
};

/// What every exchange shares.
pub struct Gateway {
    /// Where snapshots come from.
    pub hub: Arc<Hub>,
    /// Where exchanges end.
    pub sink: Arc<Sink>,
    /// Who created which stored object.
    pub owners: Arc<Owners>,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Whether the process is going down.
    pub drain: Drain,
    /// Whether it may take requests, and why not.
    pub readiness: Arc<dyn health::Readiness>,
    /// What backends have been found not to understand.
    pub learned: Learned,
}

impl Gateway {
    /// One request through.
    pub async fn handle(self: &Arc<Self>, request: Request<Inbound>, peer: Arc<Peer>) -> Response<AnswerBody> {
        if let Some(answer) = health::answer(&request, &*self.readiness) {
            return answer.map(AnswerBody::local);
        }
        let mut exchange = Exchange::open(self, request, peer);
        match journey(&mut exchange).await {
            Ok(answer) => relay::relay(exchange, answer),
            Err(fault) => respond::fault(exchange, &fault),
        }
    }
}

async fn journey(exchange: &mut Exchange) -> Result<Answer, Fault> {
    admission::admit(&exchange.parts)?;
    let target = route::resolve(exchange)?;
    exchange.authenticate()?;
    exchange.clean_headers();
    match target {
        Target::Models(call) => model_dispatch::dispatch(exchange, call).await,
        Target::Http(pool, path) => plain_dispatch::dispatch(exchange, &pool, &path).await,
    }
}
