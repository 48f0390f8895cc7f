//! Sending active health checks: one GET per backend and interval, over the same connections as requests.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use tokio::{task::JoinSet, time::Instant};

use super::{backend::Backend, fleet::Fleet, outgoing::Outgoing};
use crate::{model::BackendId, settings::objects::HealthCheck};

/// How long a newly configured check may wait until it is noticed.
const LOOK: Duration = Duration::from_millis(250);

/// Sends the checks of all live backends when they are due, for ever.
pub(super) async fn run(fleet: &Fleet) {
    let mut due: HashMap<BackendId, Instant> = HashMap::new();
    let mut running = JoinSet::new();
    loop {
        let now = Instant::now();
        let live = fleet.live();
        due.retain(|id, _| live.iter().any(|backend| backend.id() == id && backend.health.is_some()));
        for backend in live {
            let Some(check) = backend.health.clone() else { continue };
            let at = due.entry(backend.id().clone()).or_insert(now);
            if *at <= now {
                *at = now + check.interval.0;
                running.spawn(async move { once(&backend, &check).await });
            }
        }
        while let Some(ended) = running.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a health check panicked");
            }
        }
        let next = due.values().min().map_or(LOOK, |at| at.saturating_duration_since(now).min(LOOK));
        tokio::time::sleep(next.max(Duration::from_millis(1))).await;
    }
}

/// One check: its result reaches the backend's verdict.
async fn once(backend: &Arc<Backend>, check: &HealthCheck) {
    let well = tokio::time::timeout(check.timeout.0, probe(backend, check)).await.unwrap_or(false);
    backend.core.checked(well, check);
}

/// Whether the backend answers 2xx or 3xx. The path is the origin's, not below the base URL: health paths seldom
/// live under `/v1`.
async fn probe(backend: &Arc<Backend>, check: &HealthCheck) -> bool {
    let mut headers = HeaderMap::new();
    backend.dress((!backend.ring.is_empty()).then_some(0), &mut headers);
    let Ok(uri) = backend.endpoint.uri(&check.path) else { return false };
    if backend.transport.is_sim() {
        return true;
    }
    let mut request = Request::new(Outgoing::Empty);
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let Ok(answer) = backend.transport.send(&mut request, &backend.timeouts).await else { return false };
    let status = answer.status();
    // Read to the end, so that the connection can be used again; a body that does not end ends with the timeout.
    let mut body = answer.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    status.is_success() || status.is_redirection()
}
