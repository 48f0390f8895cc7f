//! Calls that the gateway makes on its own account, such as the embeddings of its caches: one row each, charged to
//! nobody's quota. Killed before the row is written, a process loses it; a caller's request never waits for it.

use bytes::Bytes;
use tollgate_providers::{Surface, Usage, prompt::Inline};

use super::{
    Meter, codec,
    consumed::{Seen, consumed, tells_input},
    entries,
    possible::Possible,
};
use crate::{
    exchange::{Entry, Record},
    limits::Output,
    pricing::{Asked, Book},
    tokens,
};

impl Meter {
    /// Writes the row of an answered call: `body` is what was asked of the record's backend and model. What the answer
    /// did not report, or cannot have used, is counted.
    pub async fn book_own(&self, mut record: Record, surface: Surface, reported: Usage, body: Bytes, book: &Book) {
        let took = self.clock.ticks().since(record.started);
        let (Some(backend), Some(model)) = (record.backend.clone(), record.upstream_model.clone()) else { return };
        let possible = Possible::of(&model, body.len() as u64, Inline::default(), false, &Output::default());
        let (reported, _) = possible.believable(reported, &tollgate_providers::Delivered::default(), record.bytes_out);
        let is_told = tells_input(&reported);
        let prompt = if is_told { 0 } else { tokens::count_prompt(surface, &model, body).await.tokens };
        let seen = Seen { reported, is_whole: true, prompt, generated: 0 };
        (record.usage, record.certainty) = consumed(surface, &seen);
        let (model, at) = (Some(&*model), record.time);
        let asked =
            Asked { model: None, upstream_model: model, backend: &backend, at, batch: false, service_tier: None };
        let cost = book.price(&asked, &record.usage);
        let intent = entries::intent(&record, false, 0, Vec::new());
        let settle = entries::settle(&record, took, cost, Vec::new(), None);
        if let Err(error) = self.journal.append_whole(&codec::encode(&Entry::Refused(intent, settle))) {
            self.telemetry.metrics.ledger_row_dropped();
            tracing::warn!(%error, %backend, "a call of the gateway's own was not written to the ledger");
        }
    }
}
