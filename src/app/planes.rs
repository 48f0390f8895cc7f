//! The two ports and what answers on them: the data plane on one, console, admin API and metrics on the other.

use std::{io, net::SocketAddr, sync::Arc};

use serde_json::Value;
use tokio::{runtime::Handle, sync::watch, task::JoinSet};

use super::{
    LocalServer, Options, Running, StartProblem, alerts, book,
    console::{self, ConsolePort},
    kept, lessons,
    readiness::Checks,
    reload::Reloader,
    start::Ground,
    tasks,
};
use crate::{
    admin::AdminState,
    cache::{
        Cache,
        http::Answers,
        model::{Kept, NoShelf},
        shared::Shared,
    },
    gateway::{
        Gateway,
        coalescing::Table,
        learned::Learned,
        listener::{self, BindProblem, Bound, Drain, Workers},
        owners::Owners,
        peer::TrustedProxies,
        policies::Targets,
    },
    limits::WrongAttempts,
    model::{Clock, Entropy, KeyHash},
    policies::{Outside, Services, Slots, debugging::Debugging},
    portal::PortalState,
    settings::{
        Server,
        server::{Listener, Tls},
    },
    snapshot::Hub,
    telemetry::metrics::Sight,
    usage::Sink,
};

/// Both ports, bound but not yet served.
pub struct Ports {
    gateway: Bound,
    console: Bound,
    workers: Arc<Workers>,
    /// Base URL of the gateway for people on this machine.
    pub gateway_url: String,
    /// Base URL of the console for people on this machine.
    pub console_url: String,
}

impl Ports {
    /// Binds both, and starts the threads that serve the gateway's.
    pub fn bind(server: &Server) -> Result<Self, StartProblem> {
        let gateway = bind(&server.gateway, "gateway")?;
        let console = bind(&console::listener(&server.console), "console")?;
        let workers = Arc::new(Workers::start().map_err(|error| no_threads(&error))?);
        let gateway_url = url(server.gateway.tls.as_ref(), gateway.addr());
        let console_url = url(server.console.tls.as_ref(), console.addr());
        Ok(Self { gateway, console, workers, gateway_url, console_url })
    }
}

fn no_threads(error: &io::Error) -> StartProblem {
    StartProblem::Failed(format!("the threads that serve connections cannot be started: {error}"))
}

fn bind(listener: &Listener, name: &str) -> Result<Bound, StartProblem> {
    listener::bind(listener).map_err(|problem| match problem {
        BindProblem::Taken { addr } => StartProblem::Bind(format!(
            "{addr} is taken by another process: stop it, or choose another address for the {name} \
             (--{name}-listen 127.0.0.1:PORT, or server.{name}.listen)"
        )),
        BindProblem::Tls(problem) => StartProblem::Configuration(vec![format!("server.{name}.tls: {problem}")]),
        other => StartProblem::Bind(format!("the {name} cannot listen: {other}")),
    })
}

/// The URL that works on this machine: an unspecified address is reached through loopback.
fn url(tls: Option<&Tls>, address: SocketAddr) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("{scheme}://127.0.0.1:{}", v4.port()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("{scheme}://[::1]:{}", v6.port()),
        address => format!("{scheme}://{address}"),
    }
}

fn admin_state(
    options: &Options,
    ground: &Ground,
    local: &LocalServer,
    ports: &Ports,
    reloader: &Arc<Reloader>,
    gateway: &Gateway,
) -> AdminState {
    let (hub, reloader) = (ground.hub.clone(), reloader.clone());
    let priced = hub.clone();
    let tokens = [Some(&local.token), ground.token.as_ref()];
    AdminState {
        control: ground.control.clone(),
        store: ground.store.clone(),
        books: ground.books.clone(),
        limits: ground.metering.meter.limits.clone(),
        leases: ground.metering.leases.clone(),
        statuses: Arc::new(move || statuses(&hub)),
        reload: Arc::new(move || {
            let reloader = reloader.clone();
            Box::pin(async move { reloader.reload("admin").await })
        }),
        prices: Arc::new(move || priced.peek().prices.clone()),
        tokens: tokens.into_iter().flatten().map(|token| KeyHash::of(token.expose())).collect(),
        attempts: Arc::new(WrongAttempts::new(options.clock.clone())),
        answers: gateway.answers.clone(),
        values: gateway.services.outside.cache.clone(),
        debugging: gateway.services.debugging.clone(),
        kept: gateway.kept.clone(),
        loopback: ports.console.addr().ip().is_loopback(),
        clock: options.clock.clone(),
        entropy: options.entropy.clone(),
    }
}

fn alerting(ground: &Ground, options: &Options) -> alerts::Surroundings {
    let hub = ground.hub.clone();
    alerts::Surroundings {
        store: ground.books.clone(),
        limits: Arc::new(ground.metering.meter.limits.clone()),
        settings: Box::new(move || hub.load().settings.clone()),
        clock: options.clock.clone(),
        entropy: options.entropy.clone(),
        client: ground.side.clone(),
    }
}

/// The live state of each backend, for the admin API.
fn statuses(hub: &Hub) -> Vec<Value> {
    let statuses = hub.fleet().statuses();
    let as_value = |status| serde_json::to_value(status).expect("a status has text keys and plain values only");
    statuses.iter().map(as_value).collect()
}

/// The store that several gateways share, where there is one.
fn shared(server: &Server, clock: &Clock) -> Result<Option<Arc<Shared>>, StartProblem> {
    let Some(url) = &server.shared_state else { return Ok(None) };
    match Shared::new(url, clock.clone()) {
        Ok(shared) => Ok(Some(Arc::new(shared))),
        Err(why) => Err(StartProblem::Configuration(vec![format!("server.shared_state: {why}")])),
    }
}

/// What policies share.
fn services(ground: &Ground, clock: &Clock, entropy: &Entropy, shared: Option<Arc<Shared>>) -> Services {
    let mut outside = Outside::new(clock);
    outside.cache = Cache::beside(ground.server.cache_memory.0, clock.clone(), shared);
    Services {
        clock: clock.clone(),
        entropy: entropy.clone(),
        outside,
        debugging: Arc::new(Debugging::new(clock.clone(), entropy.clone())),
        limits: Arc::new(ground.metering.meter.limits.clone()),
        slots: Slots::default(),
    }
}

/// The kept answers of models, and who writes them into the database where they are to outlive the process.
fn kept_answers(ground: &Ground, clock: &Clock) -> (Kept, Option<kept::Writer>) {
    let settings = ground.hub.peek().settings.cache.clone();
    let room = settings.clone().unwrap_or_default().max_size.0;
    if !settings.is_some_and(|cache| cache.persistent) {
        return (Kept::new(room, Arc::new(NoShelf), clock.clone()), None);
    }
    let (shelf, writer) = kept::open(ground.store.clone(), clock.clone(), room);
    (Kept::new(room, Arc::new(shelf), clock.clone()), Some(writer))
}

/// The services of both ports and what runs beside them.
pub struct Planes {
    gateway: Arc<Gateway>,
    console: Arc<ConsolePort>,
    reloader: Arc<Reloader>,
    drain: Drain,
    writer: book::Writer,
    answers: Option<kept::Writer>,
}

impl Planes {
    /// Puts them together.
    ///
    /// # Errors
    /// The address of the shared store cannot be used.
    pub fn build(options: &Options, ground: &Ground, local: &LocalServer, ports: &Ports) -> Result<Self, StartProblem> {
        let (clock, entropy) = (options.clock.clone(), options.entropy.clone());
        let shared = shared(&ground.server, &clock)?;
        let room = ground.server.cache_memory.0;
        let drain = Drain::default();
        let (owners, writer) = book::open(ground.store.clone(), clock.clone());
        let (kept, answers) = kept_answers(ground, &clock);
        let gateway = Arc::new(Gateway {
            hub: ground.hub.clone(),
            sink: Arc::new(Sink::new(ground.telemetry.clone(), ground.metering.meter.clone(), clock.clone())),
            owners: Arc::new(Owners::new(Arc::new(owners))),
            clock: clock.clone(),
            entropy: entropy.clone(),
            drain: drain.clone(),
            readiness: Arc::new(Checks {
                hub: ground.hub.clone(),
                drain: drain.clone(),
                journal: ground.metering.meter.journal.clone(),
            }),
            learned: Learned::default(),
            services: Arc::new(services(ground, &clock, &entropy, shared.clone())),
            kept,
            calls: Table::default(),
            targets: Targets::default(),
            answers: Arc::new(Answers::new(room, clock.clone(), entropy.clone(), shared)),
        });
        let reloader = Arc::new(Reloader::new(ground, clock.clone()));
        let policies = gateway.services.clone();
        let admin = admin_state(options, ground, local, ports, &reloader, &gateway);
        let portal = PortalState {
            store: ground.store.clone(),
            attempts: admin.attempts.clone(),
            loopback: admin.loopback,
            secure: ground.server.console.tls.is_some(),
            clock,
            entropy,
        };
        let console = Arc::new(ConsolePort::new(admin, portal, ground.telemetry.clone(), ground.hub.clone(), policies));
        Ok(Self { gateway, console, reloader, drain, writer, answers })
    }

    /// Serves both ports and starts the background work.
    pub fn run(self, ground: Ground, ports: Ports, local: LocalServer, options: &Options) -> Running {
        let (stop, stopped) = watch::channel(false);
        let mut background = JoinSet::new();
        watch_over(&mut background, &ground, options, &stopped);
        background.spawn(self.writer.run(stopped.clone()));
        if let Some(answers) = self.answers {
            background.spawn(answers.run(self.gateway.kept.clone(), stopped.clone()));
        }
        background.spawn(alerts::run(alerting(&ground, options), ground.crossings, stopped.clone()));
        if let Some(leases) = ground.metering.leases {
            let stopped = stopped.clone();
            background.spawn(async move { leases.run(stopped).await });
        }
        if let Some(news) = ground.metering.news {
            background.spawn(news.run(stopped.clone()));
        }
        let (learned, folder) = (ground.metering.meter.learned.clone(), ground.metering.folder.clone());
        background.spawn(lessons::keep(learned, folder, stopped.clone()));
        background.spawn(tasks::drain_ledger(ground.metering.drain));
        if ground.server.shared_state.is_some() {
            let policies = self.gateway.services.outside.cache.clone();
            background.spawn(tasks::follow_purges(self.gateway.answers.clone(), policies, stopped.clone()));
        }
        if options.watch {
            background.spawn(tasks::follow_files(self.reloader.clone(), stopped));
        }
        let (gateway_addr, console_addr) = (ports.gateway.addr(), ports.console.addr());
        let policies = self.gateway.services.clone();
        let sight = |name| Sight::new(ground.telemetry.metrics.clone(), name);
        let (mut serving, console_drain) = (JoinSet::new(), Drain::default());
        let server = &ground.server;
        let trusted = TrustedProxies::new(&server.trusted_proxies);
        let (gateway, console) = (server.gateway.clone(), console::listener(&server.console));
        serving.spawn(listener::serve(
            ports.gateway.seen_by(sight("gateway")).served_by(ports.workers.clone()),
            gateway,
            trusted.clone(),
            self.gateway,
            self.drain.clone(),
        ));
        background.spawn(listener::serve(
            ports.console.seen_by(sight("console")),
            console,
            trusted,
            self.console,
            console_drain.clone(),
        ));
        Running {
            gateway_addr,
            console_addr,
            gateway_url: ports.gateway_url,
            local,
            data_dir: ground.place.data_dir,
            control: ground.control,
            store: ground.store,
            meter: ground.metering.meter,
            policies,
            telemetry: ground.telemetry,
            reloader: self.reloader,
            runtime: Handle::current(),
            drain: self.drain,
            grace: ground.server.shutdown_grace.0,
            console_drain,
            serving,
            background,
            stop,
            workers: ports.workers,
            lock: ground.lock,
        }
    }
}

/// Work beside the ports, until `stopped`.
fn watch_over(background: &mut JoinSet<()>, ground: &Ground, options: &Options, stopped: &watch::Receiver<bool>) {
    let (hub, store) = (&ground.hub, &ground.store);
    background.spawn(tasks::gather_refused(ground.metering.meter.clone(), stopped.clone()));
    background.spawn(tasks::prune_ledger(
        ground.books.clone(),
        ground.server.ledger.clone(),
        options.clock.clone(),
        stopped.clone(),
    ));
    background.spawn(tasks::follow_database(ground.control.clone(), stopped.clone()));
    background.spawn(tasks::keep_last_used(hub.clone(), store.clone(), stopped.clone()));
    background.spawn(tasks::check_health(hub.clone(), stopped.clone()));
}
