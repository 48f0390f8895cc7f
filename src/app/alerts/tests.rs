//! Alerts from crossing to receiver: signed, each once, tried again, written down.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, response::IntoResponse, routing::post};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};

use super::{Herald, Surroundings, signature::Signer};
use crate::{
    limits::{Counted, Crossed, Limits, Period, Rule, Scope, Window},
    model::{Clock, Entropy, Secret, Timestamp},
    outbound::side,
    settings::{Settings, Webhook},
    store::{Alert, AlertDelivery, AlertState, Alerts, Answer},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: Timestamp = Timestamp::from_secs(1_795_392_000);

/// A delivery log in memory.
#[derive(Default)]
struct Log(Mutex<BTreeMap<Arc<str>, AlertDelivery>>);

impl Log {
    fn with<T>(&self, does: impl FnOnce(&mut BTreeMap<Arc<str>, AlertDelivery>) -> T) -> T {
        does(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn states(&self) -> Vec<AlertState> {
        self.with(|all| all.values().map(|delivery| delivery.state.clone()).collect())
    }
}

impl Alerts for Log {
    fn raise_alert(&self, alert: Alert) -> Answer<'_, bool> {
        let is_first = self.with(|all| {
            let same =
                |old: &Alert| (&old.account, old.window, old.percent) == (&alert.account, alert.window, alert.percent);
            if all.values().any(|delivery| same(&delivery.alert)) {
                return false;
            }
            let state = AlertState { attempts: 0, delivered: None, next: Some(alert.created), last_result: None };
            all.insert(alert.id.clone(), AlertDelivery { alert, state });
            true
        });
        Box::pin(async move { Ok(is_first) })
    }

    fn due_alerts(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<AlertDelivery>> {
        let due = self.with(|all| {
            let due = all.values().filter(|delivery| delivery.state.next.is_some_and(|next| next <= now));
            due.take(limit as usize).cloned().collect()
        });
        Box::pin(async move { Ok(due) })
    }

    fn alert_tried(&self, id: Arc<str>, state: AlertState) -> Answer<'_, ()> {
        self.with(|all| all.get_mut(&id).expect("raised").state = state);
        Box::pin(async { Ok(()) })
    }

    fn alerts(&self, limit: u32) -> Answer<'_, Vec<AlertDelivery>> {
        let all = self.with(|all| all.values().take(limit as usize).cloned().collect());
        Box::pin(async move { Ok(all) })
    }
}

type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A receiver that answers with the given statuses in turn, then 204.
async fn receiver(statuses: &[u16]) -> (String, Received) {
    let received = Received::default();
    let (kept, mut statuses) = (received.clone(), statuses.to_vec());
    statuses.reverse();
    let statuses = Arc::new(Mutex::new(statuses));
    let take = move |headers: HeaderMap, body: Bytes| async move {
        kept.lock().expect("alone").push((headers, String::from_utf8(body.to_vec()).expect("text")));
        let status = statuses.lock().expect("alone").pop().unwrap_or(204);
        (axum::http::StatusCode::from_u16(status).expect("status"), [("retry-after", "600")]).into_response()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}/hook?token=canary", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (url, received)
}

struct World {
    log: Arc<Log>,
    clock: Clock,
    limits: Arc<Limits>,
    herald: Herald,
}

fn world(url: Option<&str>) -> World {
    let (log, clock) = (Arc::new(Log::default()), Clock::manual(NOW));
    let limits = Arc::new(Limits::new(clock.clone()));
    let herald = Herald::new(surroundings(&log, &clock, &limits, url));
    World { log, clock, limits, herald }
}

fn surroundings(log: &Arc<Log>, clock: &Clock, limits: &Arc<Limits>, url: Option<&str>) -> Surroundings {
    let mut settings = Settings::default();
    settings.server.alerts.webhook = url.map(|url| Webhook { url: url.to_owned(), secret: Secret::from(SECRET) });
    let settings = Arc::new(settings);
    Surroundings {
        store: log.clone(),
        limits: limits.clone(),
        settings: Box::new(move || settings.clone()),
        clock: clock.clone(),
        entropy: Entropy::seeded(1),
        client: side::client().expect("client"),
    }
}

fn budget() -> Arc<Rule> {
    let window = Window::Calendar { period: Period::Month, zone: jiff::tz::TimeZone::UTC };
    let rule = Rule::new("product:team/budget_per_month", Counted::Nanos, window, 200_000_000_000);
    Arc::new(Rule { alerts: Arc::from([50, 80, 100]), ..rule })
}

fn crossed(percent: u8) -> Crossed {
    Crossed {
        rule: budget(),
        account: "product:team/budget_per_month#team-a".into(),
        window: Timestamp::from_secs(1_793_491_200),
        until: Timestamp::from_secs(1_796_083_200),
        percent,
        used: 2_000_000_000 * i64::from(percent),
        limit: 200_000_000_000,
    }
}

fn verify((headers, body): &(HeaderMap, String)) -> Value {
    let text = |name: &str| headers[name].to_str().expect("text").to_owned();
    let seconds = text("webhook-timestamp").parse().expect("seconds");
    let signer = Signer::new(&Secret::from(SECRET)).expect("good");
    assert_eq!(text("webhook-signature"), signer.sign(&text("webhook-id"), seconds, body));
    assert_eq!(text("content-type"), "application/json");
    assert!(text("webhook-id").starts_with("msg_"));
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn a_crossing_is_told_once_signed_and_written_down() {
    let (url, received) = receiver(&[]).await;
    let mut world = world(Some(&url));
    for _ in 0..3 {
        world.herald.raise(&crossed(80)).await;
        world.herald.deliver().await;
    }
    let received = received.lock().expect("alone").clone();
    assert_eq!(received.len(), 1);
    let message = verify(&received[0]);
    assert_eq!(message["type"], "quota.threshold_reached");
    let data = &message["data"];
    assert_eq!((&data["used"], &data["limit"], &data["unit"]), (&"160.00".into(), &"200.00".into(), &"USD".into()));
    assert_eq!((&data["percent"], &data["window_end"]), (&80.into(), &"2026-12-01T00:00:00.000Z".into()));
    let states = world.log.states();
    assert_eq!((states[0].attempts, states[0].delivered, states[0].next), (1, Some(NOW), None));
    assert_eq!(states[0].last_result.as_deref(), Some("204"));
}

#[tokio::test]
async fn another_process_does_not_tell_it_again() {
    let (url, received) = receiver(&[]).await;
    let mut first = world(Some(&url));
    first.herald.raise(&crossed(50)).await;
    first.herald.deliver().await;
    let around = surroundings(&first.log, &first.clock, &first.limits, Some(&url));
    let mut restarted = Herald::new(around);
    restarted.raise(&crossed(50)).await;
    restarted.raise(&crossed(100)).await;
    restarted.deliver().await;
    let percents: Vec<_> =
        received.lock().expect("alone").iter().map(|one| verify(one)["data"]["percent"].clone()).collect();
    assert_eq!(percents, [50, 100]);
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_with_the_same_identifier() {
    let (url, received) = receiver(&[500, 429]).await;
    let mut world = world(Some(&url));
    world.herald.raise(&crossed(50)).await;
    // After 500 the schedule's 5 s; after 429 the 600 s that the receiver asks for rather than 300 s.
    for pause in [0, 4, 602, 100, 600] {
        world.clock.advance(Duration::from_secs(pause));
        world.herald.deliver().await;
    }
    let received = received.lock().expect("alone").clone();
    assert_eq!(received.len(), 3);
    for one in &received {
        drop(verify(one));
    }
    assert!(received.iter().all(|(headers, _)| headers["webhook-id"] == received[0].0["webhook-id"]));
    assert_ne!(received[0].0["webhook-timestamp"], received[2].0["webhook-timestamp"]);
    let states = world.log.states();
    assert_eq!((states[0].attempts, states[0].next), (3, None));
}

/// A process that was killed leaves a try for later: the next one knows when, though nothing was due at its start.
#[tokio::test]
async fn what_another_process_left_for_later_is_tried_when_it_is_due() {
    let mut killed = world(Some("http://127.0.0.1:1/hook"));
    killed.herald.raise(&crossed(50)).await;
    killed.herald.deliver().await;
    let (url, received) = receiver(&[]).await;
    let around = surroundings(&killed.log, &killed.clock, &killed.limits, Some(&url));
    let mut restarted = Herald::new(around);
    restarted.look_over().await;
    restarted.deliver().await;
    assert_eq!(received.lock().expect("alone").len(), 0, "the schedule's 5 s are not over");
    killed.clock.advance(Duration::from_secs(7));
    restarted.deliver().await;
    assert_eq!(received.lock().expect("alone").len(), 1);
    let state = killed.log.states().remove(0);
    assert_eq!((state.attempts, state.next), (2, None));
}

#[tokio::test]
async fn a_receiver_that_is_away_or_gone_is_written_down_without_its_address() {
    let (url, received) = receiver(&[410]).await;
    let mut gone = world(Some(&url));
    gone.herald.raise(&crossed(50)).await;
    gone.herald.deliver().await;
    gone.clock.advance(Duration::from_secs(100_000));
    gone.herald.deliver().await;
    assert_eq!(received.lock().expect("alone").len(), 1);
    assert_eq!(gone.log.states()[0].next, None);

    let mut away = world(Some("http://127.0.0.1:1/hook?token=canary"));
    away.herald.raise(&crossed(50)).await;
    away.herald.deliver().await;
    let state = away.log.states().remove(0);
    assert!(state.next.is_some_and(|next| next > NOW), "{state:?}");
    assert!(!state.last_result.expect("written").contains("canary"));
}

#[tokio::test]
async fn without_a_receiver_the_log_is_told_and_nothing_waits() {
    let mut world = world(None);
    world.herald.raise(&crossed(50)).await;
    world.herald.deliver().await;
    let state = world.log.states().remove(0);
    assert_eq!((state.attempts, state.next), (0, None));
    assert!(state.last_result.expect("written").contains("server.alerts.webhook"));
}

#[tokio::test]
async fn what_was_crossed_unseen_is_found_by_looking_over_all_counters() {
    let mut world = world(None);
    let scope = Scope::new(budget(), "team-a");
    world.limits.know(std::slice::from_ref(&scope));
    world.herald.look_over().await;
    assert_eq!(world.log.states().len(), 0);
    assert!(world.limits.adjust(scope.account(), 170_000_000_000).is_some());
    world.herald.look_over().await;
    world.herald.look_over().await;
    let percents: Vec<_> = world.log.with(|all| all.values().map(|delivery| delivery.alert.percent).collect());
    assert_eq!(percents.len(), 2);
    assert!(percents.contains(&50) && percents.contains(&80));
}

#[tokio::test]
async fn what_waits_at_the_end_is_written_down() {
    let world = world(None);
    let (sender, crossings) = mpsc::channel(8);
    let (stop, stopped) = watch::channel(false);
    for percent in [50, 80] {
        sender.send(crossed(percent)).await.expect("open");
    }
    stop.send(true).expect("heard");
    super::run(surroundings(&world.log, &world.clock, &world.limits, None), crossings, stopped).await;
    assert_eq!(world.log.states().len(), 2);
}
