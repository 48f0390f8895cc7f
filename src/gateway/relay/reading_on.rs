//! Reading an answer on after its client has gone: so that its usage is known, where the backend is set so, and
//! for the others who share it and for whom this exchange pays.

use std::{future::poll_fn, pin::Pin, time::Duration};

use http_body::Body as _;
use tokio::time::timeout;

use super::{Phase, Relay, settle};

/// How long an answer is read on for its usage alone.
const LONGEST: Duration = Duration::from_secs(30);
/// How long it is read on for others; the backend's own timeouts end it earlier.
const LONGEST_FOR_OTHERS: Duration = Duration::from_hours(1);

impl Relay {
    pub(super) fn is_worth_reading_on(&self) -> bool {
        let pays = self.settlement.as_ref().is_some_and(|settlement| !settlement.is_saved());
        let is_open = pays && matches!(self.phase, Phase::Flowing) && self.surface.is_some();
        is_open && (self.choice.backend.drain_on_disconnect() || self.body.has_company())
    }

    /// Reads the rest without the client; then settles as "client gone".
    pub(super) async fn read_on(mut self: Box<Self>) {
        let longest = if self.body.has_company() { LONGEST_FOR_OTHERS } else { LONGEST };
        if !self.choice.backend.drain_on_disconnect() {
            self.body.ride();
        }
        let reading = async {
            while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await {
                let Ok(data) = frame.into_data() else { continue };
                let decoded = self.decoder.as_mut().map_or(Ok(data.clone()), |decoder| decoder.push(&data));
                let Ok(data) = decoded else { return };
                self.tap.push(data, &mut self.scratch);
                self.scratch.clear();
            }
            self.tap.finish(&mut self.scratch);
        };
        if timeout(longest, reading).await.is_ok() {
            self.is_read_to_end = self.tap.is_complete();
        }
        self.fill_usage();
        self.settlement.take().into_iter().for_each(settle);
    }
}
