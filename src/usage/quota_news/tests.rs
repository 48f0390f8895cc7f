//! Two gateways on a real PostgreSQL: what is done at one is done at the other.

use jiff::tz::TimeZone;

use super::*;
use crate::{
    limits::{Ask, Counted, Output, Period, Prompt, Raise, Rule, Scope, Used, Window},
    store::{self, Postgres, conformance::postgres::Server, open_for_tests},
};

struct Gateway {
    limits: Limits,
    leases: Arc<Leases>,
    news: QuotaNews,
}

impl Gateway {
    async fn new(id: &str, database: &Arc<Postgres>, clock: &Clock, scopes: &[Scope]) -> Self {
        let limits = Limits::with_leases(clock.clone());
        limits.know(scopes);
        let leases = Arc::new(Leases::new(database.clone(), limits.clone(), id.into(), clock.clone()));
        let news = QuotaNews::from_now(database.clone(), limits.clone(), leases.clone(), clock.clone()).await;
        Self { limits, leases, news: news.expect("reads") }
    }

    async fn call(&self, scopes: &[Scope]) -> bool {
        let output = Output { caller_cap: Some(0), ..Output::default() };
        let ask = Ask { scopes, prompt: Prompt::exact(0), output, bytes_in: 0, rates: None, streamed: false };
        let reserved = self.leases.reserve(&ask).await;
        reserved.map(|reservation| drop(reservation.settle(&Used { requests: 1, ..Used::default() }))).is_ok()
    }
}

fn scope(id: &str, window: Window) -> Scope {
    Scope::new(Arc::new(Rule::new(id, Counted::Requests, window, 10)), "k")
}

fn line(action: &str, account: &str, after: Option<String>) -> AuditLine {
    AuditLine {
        number: 0,
        time: crate::model::Timestamp::from_secs(1),
        actor: "admin".to_owned(),
        action: action.to_owned(),
        object: account.to_owned(),
        before: None,
        after,
        reason: Some("launch".to_owned()),
    }
}

#[tokio::test]
async fn raises_and_resets_at_one_gateway_are_those_of_all() {
    let database = Arc::new(open_for_tests(&Server::shared().database()).await.expect("opens"));
    let clock = Clock::manual(Clock::system().now());
    let quota = scope("q", Window::Calendar { period: Period::Year, zone: TimeZone::UTC });
    let rate = scope("r", Window::Rolling(Duration::from_secs(60)));
    let both = [quota.clone(), rate.clone()];
    let one = Gateway::new("one", &database, &clock, &both).await;
    let mut other = Gateway::new("other", &database, &clock, &both).await;
    let limit = |gateway: &Gateway| gateway.limits.view("q#k").expect("known").limit;

    let until = clock.now().plus(Duration::from_secs(3_600));
    let raise = Raise { amount: 5, until, reason: "launch".into() };
    let note = async |line| store::Audit::note(&*database, line).await.expect("writes");
    note(line(RAISE, "q#k", Some(raises::written(&raise)))).await;
    other.news.look().await.expect("reads");
    assert_eq!((limit(&other), limit(&one)), (15, 10));
    note(line(UNRAISE, "q#k", None)).await;
    other.news.look().await.expect("reads");
    assert_eq!(limit(&other), 10);

    assert!(other.call(&both).await);
    assert_eq!(other.limits.view("r#k").expect("known").used, 1);
    note(line(RESET, "r#k", None)).await;
    other.news.look().await.expect("reads");
    assert_eq!(other.limits.view("r#k").expect("known").used, 0);
    assert!(other.call(&both).await);
    other.news.look().await.expect("reads");
    assert_eq!(other.limits.view("r#k").expect("known").used, 1, "a line is acted upon once");

    let used = other.limits.view("q#k").expect("known").used;
    assert_eq!(used, 2);
    let charge = other.limits.view("q#k").and_then(|view| view.window).expect("a quota");
    let charge = crate::exchange::Charge {
        account: "q#k".into(),
        window: charge.0,
        until: charge.1,
        measure: crate::exchange::Measure::Requests,
        amount: 2,
    };
    store::charge_for_tests(&database, "other", &charge).await.expect("ships");
    let view = one.limits.view("q#k").expect("known");
    assert!(one.leases.reset(&view, "admin".to_owned(), String::new()).await.expect("resets"));
    other.news.look().await.expect("reads");
    assert_eq!(other.limits.view("q#k").expect("known").used, 0);
}
