//! Sending within a policy's time.

use std::{pin::pin, time::Duration};

use tokio::time::timeout;

use super::wire::Wire;
use crate::{
    exchange::{Fault, FaultKind},
    outbound::Cut,
    policies::{Failure, Forwarding, Request, Response, Route},
};

impl Wire<'_> {
    /// Sends it and gives up after that time; the backend that was waited for failed then.
    pub(super) async fn send_within(
        &mut self,
        longest: Duration,
        request: &Request,
        route: &Route,
        how: &Forwarding,
    ) -> Result<Response, Failure> {
        let cut = Cut::bound();
        self.exchange.cut = cut.clone();
        let sent = {
            let mut sending = pin!(self.send_on(request, route, how));
            let sent = timeout(longest, &mut sending).await;
            if sent.is_err() {
                // Before what is under way is dropped.
                cut.reached();
            }
            sent
        };
        self.exchange.cut = Cut::default();
        sent.unwrap_or_else(|_| {
            self.exchange.settlement.was_late();
            Err(late(longest))
        })
    }
}

fn late(longest: Duration) -> Failure {
    let message = format!("The backend did not answer within {} s.", longest.as_secs_f64());
    Failure::from(Fault::new(FaultKind::BackendTimeout, message))
}
