//! The way to backends from end to end: real sockets, scripted servers, lying resolvers.

mod certificates;
mod choosing;
mod connecting;
mod failing;
mod fake;
mod judging;
mod lines;
mod pki;
mod sending;
mod simulated;

use std::{path::Path, sync::Arc, time::Duration};

use http::{HeaderMap, Method, Response};
use http_body_util::BodyExt;
use tollgate_providers::Kind;

use super::{Backend, Choice, Fleet, Incoming, NoneLeft, Outgoing, Pool, SendFault, Tried, Wish};
use crate::{
    model::{BackendId, Clock, Entropy, HumanDuration, Timestamp},
    settings::{
        self,
        objects::{Affinity, Balance, Credential, Retry, Timeouts},
        server::Egress,
    },
};

/// A fleet under a clock that stands still until it is moved.
struct Bench {
    fleet: Fleet,
    clock: Clock,
}

impl Bench {
    fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
        Self { fleet: Fleet::new(clock.clone(), Entropy::seeded(1)), clock }
    }

    /// Compiles a backend as one that the file declares: loopback is allowed.
    fn backend(&self, setting: &settings::Backend) -> Arc<Backend> {
        self.fleet.backend(setting, true, &Egress::default(), Path::new(".")).expect("a valid backend")
    }

    /// A pool of simulated backends `a`, `b`, ... with these priorities and weights.
    fn pool(&self, balance: Balance, members: &[(u32, u32)]) -> Arc<Pool> {
        self.pool_of(balance, members, |_| {})
    }

    fn pool_of(&self, balance: Balance, members: &[(u32, u32)], with: impl Fn(&mut settings::Pool)) -> Arc<Pool> {
        let ids = ["a", "b", "c", "d"];
        let backends: Vec<_> =
            ids.iter().zip(members).map(|(id, _)| self.backend(&settings::Backend::new(id, Kind::Sim))).collect();
        self.pool_around(balance, members, &backends, with)
    }

    fn pool_around(
        &self,
        balance: Balance,
        members: &[(u32, u32)],
        backends: &[Arc<Backend>],
        with: impl Fn(&mut settings::Pool),
    ) -> Arc<Pool> {
        let member = |(backend, (priority, weight)): (&Arc<Backend>, &(u32, u32))| settings::Member {
            backend: backend.id().clone(),
            priority: *priority,
            weight: *weight,
            upstream_model: None,
        };
        let mut setting = settings::Pool {
            id: "pool".into(),
            balance,
            session_affinity: Affinity::None,
            members: backends.iter().zip(members).map(member).collect(),
            retry: Retry::default(),
            eject_last: false,
            workspace: None,
        };
        with(&mut setting);
        let find = |id: &BackendId| backends.iter().find(|backend| backend.id() == id).cloned();
        self.fleet.pool(&setting, &find).expect("a valid pool")
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn setting(id: &str, url: &str) -> settings::Backend {
    settings::Backend { url: Some(url.into()), ..settings::Backend::new(id, Kind::Http) }
}

fn with_keys(mut setting: settings::Backend, keys: &[&str]) -> settings::Backend {
    setting.credentials = keys.iter().map(|key| Credential { key: (*key).into() }).collect();
    setting
}

fn timeouts(millis: [u64; 4]) -> Timeouts {
    let [connect, first_byte, idle, total] = millis.map(|millis| HumanDuration(Duration::from_millis(millis)));
    Timeouts { connect, first_byte, idle, total }
}

fn choose(pool: &Pool) -> Result<Choice, NoneLeft> {
    choose_after(pool, &Tried::default())
}

fn choose_after(pool: &Pool, tried: &Tried) -> Result<Choice, NoneLeft> {
    pool.choose(&Wish { tried, affinity: None, prefer: None, usable: &|_| true })
}

fn name(choice: &Choice) -> &str {
    choice.backend.id().as_str()
}

/// One request to a backend by itself.
async fn get(bench: &Bench, backend: &Arc<Backend>, path: &str) -> Result<Response<Incoming>, SendFault> {
    send(bench, backend, Method::GET, path, Outgoing::Empty).await
}

async fn send(
    bench: &Bench,
    backend: &Arc<Backend>,
    method: Method,
    path: &str,
    body: Outgoing,
) -> Result<Response<Incoming>, SendFault> {
    let pool = bench.fleet.single(backend.clone());
    let mut choice = choose(&pool).expect("one member");
    choice.send(method, path, HeaderMap::new(), body).await
}

async fn text(answer: Response<Incoming>) -> Result<String, SendFault> {
    let whole = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&whole).into_owned())
}
