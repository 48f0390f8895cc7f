//! Several gateways on a real PostgreSQL: crashes, partitions, lost answers, zombies. Whatever happens, no quota is
//! exceeded; and when everybody is back, nothing is left held.

use std::sync::atomic::AtomicU8;

use futures_util::future::{BoxFuture, join_all};
use jiff::tz::TimeZone;

use super::*;
use crate::{
    exchange::Measure,
    limits::{Counted, Output, Period, Prompt, Reserve, Rule, Scope, Used, Window},
    model::{Entropy, Timestamp},
    store::{LeaseReset, Postgres, ReplicaState, charge_for_tests, conformance::postgres::Server, open_for_tests},
};

/// What is tested is who gets what, not how fast this machine is: nobody gives up waiting for a busy one.
const PATIENCE: Duration = Duration::from_secs(120);

/// The authority as a network shows it.
struct Line {
    authority: Arc<Postgres>,
    /// 0: works; 1: nothing arrives; 2: everything arrives, no answer comes back.
    state: AtomicU8,
}

impl Line {
    fn pass<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a Postgres) -> BoxFuture<'a, Result<T, StoreError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            match self.state.load(Ordering::Relaxed) {
                0 => call(&self.authority).await,
                1 => Err(StoreError::Away),
                _ => {
                    call(&self.authority).await?;
                    Err(StoreError::Away)
                }
            }
        })
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl store::Leases for Line {
    fn heartbeat(&self, replica: Arc<str>) -> Answer<'_, u32> {
        self.pass(|authority| authority.heartbeat(replica))
    }

    fn grant(&self, ask: LeaseAsk) -> Answer<'_, Option<LeaseState>> {
        self.pass(|authority| authority.grant(ask))
    }

    fn give_back(
        &self,
        replica: Arc<str>,
        of: LeasedWindow,
        version: i64,
        amount: i64,
    ) -> Answer<'_, Option<LeaseState>> {
        self.pass(move |authority| authority.give_back(replica, of, version, amount))
    }

    fn leases_of(&self, replica: Arc<str>, now: Timestamp) -> Answer<'_, Vec<(LeasedWindow, LeaseState)>> {
        self.pass(move |authority| authority.leases_of(replica, now))
    }

    fn reset(&self, reset: LeaseReset) -> Answer<'_, (LeaseState, i64)> {
        self.pass(move |authority| authority.reset(reset))
    }

    fn replicas(&self) -> Answer<'_, Vec<ReplicaState>> {
        self.pass(|authority| authority.replicas())
    }

    fn write_off(&self, replica: Arc<str>) -> Answer<'_, bool> {
        self.pass(|authority| authority.write_off(replica))
    }
}

/// A gateway: counters, leases, and a journal that survives it.
struct Gateway {
    id: Arc<str>,
    line: Arc<Line>,
    clock: Clock,
    limits: Limits,
    leases: Leases,
    open: Vec<Reservation>,
    /// Settled and not yet shipped.
    journal: Vec<Charge>,
    /// Everything that it ever settled.
    spent: i64,
}

impl Gateway {
    fn new(id: &str, authority: &Arc<Postgres>, clock: &Clock, scope: &Scope) -> Self {
        let line = Arc::new(Line { authority: authority.clone(), state: AtomicU8::new(0) });
        let (limits, leases) = counters(id, &line, clock, scope);
        let (open, journal) = (Vec::new(), Vec::new());
        Self { id: id.into(), line, clock: clock.clone(), limits, leases, open, journal, spent: 0 }
    }

    fn set_line(&self, state: u8) {
        self.line.state.store(state, Ordering::Relaxed);
        // What rests after a failure is asked again.
        self.clock.advance(LONGEST_REST);
    }

    async fn request(&mut self, scope: &Scope, amount: u64) -> bool {
        let reserved = self.leases.reserve(&ask(std::slice::from_ref(scope), amount)).await;
        reserved.map(|reservation| self.open.push(reservation)).is_ok()
    }

    fn settle(&mut self, nth: usize, used: u64) {
        let reservation = self.open.swap_remove(nth);
        let charges = reservation.charges();
        let settled = reservation.settle(&Used { requests: 1, input: used, ..Used::default() });
        for (charge, amount) in charges.into_iter().zip(settled.amounts) {
            self.spent += amount;
            self.journal.push(Charge { amount, ..charge });
        }
    }

    async fn ship(&mut self) {
        if self.line.state.load(Ordering::Relaxed) != 0 {
            return;
        }
        for charge in self.journal.drain(..) {
            charge_for_tests(&self.line.authority, &self.id, &charge).await.expect("ships");
        }
    }

    /// An administrator resets the quota here, and the next look of the others tells them. How much was forgiven:
    /// exactly that much more may be spent.
    async fn forgive(&mut self, scope: &Scope) -> i64 {
        let view = self.limits.view(scope.account()).expect("known");
        let before = self.adjusted(scope).await;
        drop(self.leases.reset(&view, "admin".to_owned(), "test".to_owned()).await);
        before - self.adjusted(scope).await
    }

    /// What corrections come to, by the database.
    async fn adjusted(&self, scope: &Scope) -> i64 {
        let balances = store::Ledger::balances(&*self.line.authority, self.clock.now()).await.expect("answers");
        balances.iter().filter(|balance| balance.account == *scope.account()).map(|balance| balance.adjusted).sum()
    }

    /// Dies with everything in memory; what was open settles as reserved, and the journal is shipped at the start.
    async fn crash(&mut self, scope: &Scope) {
        for reservation in self.open.drain(..) {
            let charges = reservation.charges();
            self.spent += charges.iter().map(|charge| charge.amount).sum::<i64>();
            self.journal.extend(charges);
        }
        self.set_line(0);
        self.ship().await;
        (self.limits, self.leases) = counters(&self.id, &self.line, &self.clock, scope);
        self.leases.restore().await.expect("the authority is there");
    }

    fn held(&self) -> i64 {
        self.open.iter().flat_map(Reservation::charges).map(|charge| charge.amount).sum()
    }
}

fn counters(id: &str, line: &Arc<Line>, clock: &Clock, scope: &Scope) -> (Limits, Leases) {
    let limits = Limits::with_leases(clock.clone());
    limits.know(std::slice::from_ref(scope));
    let leases = Leases::new(line.clone(), limits.clone(), id.into(), clock.clone()).waiting(PATIENCE);
    (limits, leases)
}

fn ask(scopes: &[Scope], amount: u64) -> Ask<'_> {
    let output = Output { caller_cap: Some(0), ..Output::default() };
    Ask { scopes, prompt: Prompt::exact(amount), output, bytes_in: 0, rates: None, streamed: false }
}

fn scope(limit: i64) -> Scope {
    let window = Window::Calendar { period: Period::Year, zone: TimeZone::UTC };
    let mut rule = Rule::new("product:p/tokens_per_year", Counted::Tokens, window, limit);
    rule.reserve = Reserve::Strict;
    Scope::new(Arc::new(rule), "p")
}

/// The database has its own clock: windows are those of now.
fn clock() -> Clock {
    Clock::manual(Clock::system().now())
}

async fn authority() -> Arc<Postgres> {
    Arc::new(open_for_tests(&Server::shared().database()).await.expect("opens"))
}

fn window(scope: &Scope, clock: &Clock) -> LeasedWindow {
    let limits = Limits::new(clock.clone());
    limits.know(std::slice::from_ref(scope));
    window_of(&limits.view(scope.account()).expect("known")).expect("a quota")
}

/// Nothing is held any more, and what was charged is what was spent.
async fn assert_balanced(gateways: &mut [Gateway], scope: &Scope, (limit, forgiven): (i64, i64)) {
    for gateway in gateways.iter_mut() {
        gateway.set_line(0);
        while !gateway.open.is_empty() {
            gateway.settle(0, 1);
        }
        gateway.ship().await;
        // First what became of lost answers, then the return.
        for _ in 0..2 {
            gateway.leases.tend(Duration::ZERO).await;
        }
    }
    let spent: i64 = gateways.iter().map(|gateway| gateway.spent).sum();
    let of = window(scope, &gateways[0].clock);
    let ask = LeaseAsk { replica: "auditor".into(), of, want: limit + forgiven, limit };
    let all = store::Leases::grant(&*gateways[0].line.authority, ask).await.expect("answers").expect("current");
    assert_eq!((all.open, all.elsewhere), (limit + forgiven - spent, 0), "spent {spent} of {limit} and {forgiven}");
}

async fn wild(seed: u64, limit: i64) {
    let (authority, clock, scope, entropy) = (authority().await, clock(), scope(limit), Entropy::seeded(seed));
    let mut gateways: Vec<Gateway> =
        ["a", "b", "c"].iter().map(|id| Gateway::new(id, &authority, &clock, &scope)).collect();
    let mut forgiven = 0;
    for step in 0..250 {
        let gateway = &mut gateways[usize::try_from(entropy.below(3)).expect("small")];
        match entropy.below(21) {
            20 => forgiven += gateway.forgive(&scope).await,
            0..=7 => drop(gateway.request(&scope, 1 + entropy.below(60)).await),
            8..=12 if !gateway.open.is_empty() => {
                let nth = usize::try_from(entropy.below(gateway.open.len() as u64)).expect("small");
                let most = gateway.open[nth].charges().iter().map(|charge| charge.amount.unsigned_abs()).sum::<u64>();
                gateway.settle(nth, entropy.below(most + 1));
            }
            13 | 14 => gateway.ship().await,
            15 => gateway.leases.tend(IDLE).await,
            16 => gateway.leases.tend(Duration::ZERO).await,
            17 => gateway.crash(&scope).await,
            18 => gateway.set_line(u8::try_from(entropy.below(3)).expect("small")),
            _ => gateway.set_line(0),
        }
        let total: i64 = gateways.iter().map(|gateway| gateway.spent + gateway.held()).sum();
        assert!(total <= limit + forgiven, "seed {seed}, step {step}: {total} of {limit} and {forgiven}");
    }
    assert_balanced(&mut gateways, &scope, (limit, forgiven)).await;
}

#[tokio::test]
async fn no_quota_is_exceeded_whatever_happens_and_nothing_stays_held() {
    for seed in 0..16 {
        wild(seed, 400 + 400 * i64::try_from(seed % 4).expect("small")).await;
    }
}

#[tokio::test]
async fn at_once_three_gateways_spend_a_quota_to_its_last_unit() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let gateways: Vec<Gateway> =
        ["a", "b", "c"].iter().map(|id| Gateway::new(id, &authority, &clock, &scope)).collect();
    let scopes = [scope.clone()];
    let calls = (0..200).map(|nth| {
        let leases = &gateways[nth % 3].leases;
        let scopes = &scopes;
        async move { leases.reserve(&ask(scopes, 10)).await }
    });
    let reserved: Vec<_> = join_all(calls).await.into_iter().filter_map(Result::ok).collect();
    let held: i64 = reserved.iter().flat_map(Reservation::charges).map(|charge| charge.amount).sum();
    assert!(held <= 1_000, "{held}");
    assert!(held >= 900, "{held}: what others hold may be left over, hardly more");
}

/// A call of a plain API under a quota of tokens: it needs none of them, and that there are some.
#[tokio::test]
async fn what_needs_nothing_of_a_quota_waits_for_its_lease_once() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let mut gateway = Gateway::new("a", &authority, &clock, &scope);
    assert!(gateway.request(&scope, 0).await);
    assert!(gateway.limits.view(scope.account()).and_then(|view| view.leased).is_some_and(|leased| leased > 0));
    gateway.settle(0, 0);
    gateway.ship().await;
    assert_balanced(&mut [gateway], &scope, (1_000, 0)).await;
}

/// A request gives up early, a stream that has begun does not.
#[tokio::test]
async fn a_stream_waits_longer_for_its_lease_than_a_request() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let line = Arc::new(Line { authority: authority.clone(), state: AtomicU8::new(0) });
    let (limits, leases) = counters("a", &line, &clock, &scope);
    let leases = leases.waiting(Duration::ZERO);
    let scopes = std::slice::from_ref(&scope);
    let refused = leases.reserve(&ask(scopes, 10)).await.expect_err("no time to ask");
    assert_eq!(refused.kind, RefusalKind::Unleased);
    assert!(leases.cover_stream(&refused).await, "asked for and come");
    drop(limits.reserve(&ask(scopes, 10)).expect("leased"));
}

#[tokio::test]
async fn while_the_authority_is_away_what_is_held_is_spent_and_nothing_more() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let mut gateway = Gateway::new("a", &authority, &clock, &scope);
    assert!(gateway.request(&scope, 10).await, "the first request waits for its lease");
    let leased = gateway.limits.view(scope.account()).and_then(|view| view.leased).expect("leased");
    assert!(leased > 0 && leased < 1_000, "{leased}");
    gateway.set_line(1);
    let mut spent = 10;
    while gateway.request(&scope, 10).await {
        spent += 10;
    }
    assert_eq!(spent, 10 + leased / 10 * 10);
    let refused = gateway.leases.reserve(&ask(std::slice::from_ref(&scope), 10)).await.expect_err("away");
    assert_eq!(refused.kind, RefusalKind::Unleased);
    gateway.set_line(0);
    assert!(gateway.request(&scope, 10).await, "it is back");
}

/// Where the authority answers, what is missing is held by others, and the caller is told so; only an authority that is
/// away is a failure of ours.
#[tokio::test]
async fn what_others_hold_is_held() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let [mut one, two] = ["one", "two"].map(|id| Gateway::new(id, &authority, &clock, &scope));
    assert!(one.request(&scope, 600).await);
    let refused =
        async || two.leases.reserve(&ask(std::slice::from_ref(&scope), 600)).await.map(drop).map_err(|no| no.kind);
    assert_eq!(refused().await, Err(RefusalKind::Held));
    two.set_line(1);
    assert_eq!(refused().await, Err(RefusalKind::Unleased));
}

#[tokio::test]
async fn a_spent_quota_is_final_and_a_raised_limit_is_seen_at_once() {
    let (authority, clock, small) = (authority().await, clock(), scope(100));
    let mut gateway = Gateway::new("a", &authority, &clock, &small);
    assert!(gateway.request(&small, 60).await && gateway.request(&small, 40).await);
    gateway.settle(0, 60);
    gateway.settle(0, 40);
    gateway.ship().await;
    clock.advance(LONGEST_REST);
    let refused = gateway.leases.reserve(&ask(std::slice::from_ref(&small), 10)).await.expect_err("spent");
    assert!(matches!(refused.kind, RefusalKind::Quota { .. }), "{refused:?}");
    let large = scope(200);
    gateway.limits.know(std::slice::from_ref(&large));
    gateway.leases.tend(IDLE).await;
    assert!(gateway.request(&large, 10).await, "the same counter with more room");
}

#[tokio::test]
async fn a_window_that_is_not_now_is_not_leased() {
    let authority = authority().await;
    let now = Clock::system().now();
    let hour = Duration::from_secs(3_600);
    for (window, until) in [(now.plus(hour), now.plus(hour * 2)), (Timestamp::from_secs(1), Timestamp::from_secs(2))] {
        let of = LeasedWindow { account: "x".into(), measure: Measure::Tokens, window, until };
        let ask = LeaseAsk { replica: "a".into(), of, want: 1, limit: 10 };
        assert_eq!(store::Leases::grant(&*authority, ask).await.expect("answers"), None);
    }
}

#[tokio::test]
async fn a_lost_gateway_is_listed_and_what_it_held_comes_back_only_when_it_is_written_off() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let mut lost = Gateway::new("lost", &authority, &clock, &scope);
    assert_eq!(store::Leases::heartbeat(&*authority, "lost".into()).await.expect("answers"), 1);
    assert!(lost.request(&scope, 10).await);
    let of = window(&scope, &clock);
    let want = |replica: &str| LeaseAsk { replica: replica.into(), of: of.clone(), want: 1_000, limit: 1_000 };
    let before = store::Leases::grant(&*authority, want("b")).await.expect("answers").expect("current");
    assert!(before.elsewhere > 0 && before.left == 0 && !before.is_final(), "{before:?}");
    let listed = store::Leases::replicas(&*authority).await.expect("lists");
    assert_eq!(listed.iter().map(|one| (&*one.id, one.leases)).collect::<Vec<_>>(), [("lost", 1)]);
    assert!(store::Leases::write_off(&*authority, "lost".into()).await.expect("answers"));
    assert!(!store::Leases::write_off(&*authority, "lost".into()).await.expect("answers"));
    let after = store::Leases::grant(&*authority, want("b")).await.expect("answers").expect("current");
    assert_eq!((after.open, after.elsewhere), (1_000, 0));
}

/// An order to give back that was overtaken by a grant must not take off what the grant gave.
#[tokio::test]
async fn a_late_return_does_nothing() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let of = window(&scope, &clock);
    let ask = || LeaseAsk { replica: "a".into(), of: of.clone(), want: 100, limit: 1_000 };
    let old = store::Leases::grant(&*authority, ask()).await.expect("answers").expect("current");
    let new = store::Leases::grant(&*authority, ask()).await.expect("answers").expect("current");
    let late = store::Leases::give_back(&*authority, "a".into(), of.clone(), old.version, old.open).await;
    assert_eq!(late.expect("answers"), None);
    let now = store::Leases::leases_of(&*authority, "a".into(), clock.now()).await.expect("answers");
    assert_eq!((now.len(), now[0].1.open), (1, new.open));
}

/// A reset reaches the other gateways too, and afterwards no more than the limit is spent by all of them.
#[tokio::test]
async fn a_reset_is_one_reset_for_all_gateways() {
    let (authority, clock, scope) = (authority().await, clock(), scope(1_000));
    let mut gateways: Vec<Gateway> = ["a", "b"].iter().map(|id| Gateway::new(id, &authority, &clock, &scope)).collect();
    let fill = async |gateways: &mut Vec<Gateway>| {
        let before: i64 = gateways.iter().map(|gateway| gateway.spent).sum();
        for nth in 0..400 {
            let gateway = &mut gateways[nth % 2];
            clock.advance(LONGEST_REST);
            gateway.leases.tend(LONGEST_REST * 1_000).await;
            if gateway.request(&scope, 10).await {
                gateway.settle(0, 10);
            }
        }
        gateways.iter().map(|gateway| gateway.spent).sum::<i64>() - before
    };
    let first = fill(&mut gateways).await;
    for gateway in &mut gateways {
        gateway.ship().await;
    }
    assert_eq!(gateways[0].forgive(&scope).await, first);
    assert_eq!(gateways[0].limits.view(scope.account()).map(|view| view.used), Some(0), "here at once");
    gateways[1].leases.refresh(scope.account()).await;
    assert_eq!(gateways[1].limits.view(scope.account()).map(|view| view.used), Some(0));
    let second = fill(&mut gateways).await;
    let almost_all = 970..=1_000; // Leases leave splinters that pay for no request.
    assert!(almost_all.contains(&first) && almost_all.contains(&second), "{first} {second}");
}
