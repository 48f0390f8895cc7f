//! The ledger of a process: its journal is opened and what earlier processes left is settled before anything is
//! served; afterwards the journal goes to the database behind the requests' backs.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tollgate_providers::Usage;

use super::{Options, StartProblem, database::Place, lessons};
use crate::{
    exchange::{Charge, Cost, Intent},
    journal::{self, Files, JournalError},
    limits::{Crossed, Limits},
    model::{Clock, Entropy},
    pricing::Asked,
    settings::{Server, ledger::LedgerSync},
    snapshot::Hub,
    store::{self, Balance, Books},
    telemetry::Telemetry,
    usage::{
        Meter,
        complaints::Complaints,
        drain::{Destination, Drain, DrainError},
        leases::Leases,
        quota_news::QuotaNews,
        raises,
        refused_rows::RefusedRows,
        replay::{self, Recovery},
    },
};

/// How long the journal may keep a power failure's loss (ACCOUNTING section 4).
const SYNC_EVERY: Duration = Duration::from_millis(10);

/// What a process needs to meter.
pub struct Metering {
    /// Lets requests in and settles them.
    pub meter: Arc<Meter>,
    /// Where the journal is, and what was learned.
    pub folder: PathBuf,
    /// To be run while requests are served, and to its end.
    pub drain: Drain,
    /// To be run likewise, where several gateways share the database.
    pub leases: Option<Arc<Leases>>,
    /// To be run likewise: what is done to counters at the others.
    pub news: Option<QuotaNews>,
}

/// How long a start waits for the process before it, which may still be writing its last entries.
const HAND_OVER: Duration = Duration::from_secs(5);

/// What metering stands on.
pub struct Foundation<'a> {
    /// Process settings.
    pub server: &'a Server,
    /// Where the journal is.
    pub place: &'a Place,
    /// Where its rows go.
    pub books: Arc<dyn Books>,
    /// Who grants quota, where several gateways share the database.
    pub authority: Option<Arc<dyn store::Leases>>,
    /// Prices.
    pub hub: &'a Hub,
    /// Where it is told how it goes.
    pub telemetry: &'a Arc<Telemetry>,
    /// Who is told of quotas that run low.
    pub crossed: Arc<dyn Fn(Crossed) + Send + Sync>,
}

impl Foundation<'_> {
    /// Opens the journal, settles what was left open, and takes the counters over from the database.
    pub async fn open(self, options: &Options) -> Result<Metering, StartProblem> {
        let folder = self.place.data_dir.join("ledger");
        let disk = Arc::new(locked(&folder).await?);
        let replica = replica(&folder, &options.entropy).map_err(|error| unusable(&folder, &error))?;
        let to = Destination {
            ledger: self.books.clone(),
            replica: replica.clone(),
            clock: options.clock.clone(),
            metrics: self.telemetry.metrics.clone(),
        };
        let started =
            replay::start(disk, self.journal(options), to, &|intent, usage| cost(self.hub, intent, usage)).await?;
        tell(&started.recovery);
        let (limits, leases) = self.limits(options, replica).await?;
        let news = match &leases {
            Some(leases) => {
                let (audit, leases, clock) = (self.books.clone(), leases.clone(), options.clock.clone());
                Some(QuotaNews::from_now(audit, limits.clone(), leases, clock).await?)
            }
            None => None,
        };
        raises::restore(&*self.books, &limits, options.clock.now()).await?;
        self.hub.count_with(limits.clone());
        let meter = Meter {
            limits,
            leases: leases.clone(),
            journal: started.journal,
            refused_rows: RefusedRows::default(),
            unwritten: Complaints::default(),
            learned: Arc::new(lessons::read(&folder)),
            clock: options.clock.clone(),
            telemetry: self.telemetry.clone(),
            crossed: self.crossed,
        };
        Ok(Metering { meter: Arc::new(meter), folder, drain: started.drain, leases, news })
    }

    /// The counters. Where several gateways share the database they spend only what it has leased to this one.
    async fn limits(
        &self,
        options: &Options,
        replica: Arc<str>,
    ) -> Result<(Limits, Option<Arc<Leases>>), StartProblem> {
        let clock = &options.clock;
        let Some(authority) = self.authority.clone() else {
            let limits = Limits::new(clock.clone());
            limits.restore(self.balances(clock).await?);
            return Ok((limits, None));
        };
        let limits = Limits::with_leases(clock.clone());
        let leases = Leases::new(authority, limits.clone(), replica, clock.clone()).waiting(options.lease_wait);
        leases.restore().await?;
        Ok((limits, Some(Arc::new(leases))))
    }

    fn journal(&self, options: &Options) -> journal::Options {
        let sync = match self.server.ledger.sync {
            LedgerSync::Interval => journal::Sync::Interval(SYNC_EVERY),
            LedgerSync::Always => journal::Sync::Always,
            LedgerSync::Off => journal::Sync::Off,
        };
        let accept_loss = options.accept_ledger_loss;
        journal::Options { sync, accept_loss, ..journal::Options::new(drawn(&options.entropy)) }
    }

    async fn balances(&self, clock: &Clock) -> Result<Vec<Charge>, StartProblem> {
        let balances = self.books.balances(clock.now()).await?;
        Ok(balances.into_iter().map(charge).collect())
    }
}

/// The journal's folder, once the process that has it lets go of it.
async fn locked(folder: &Path) -> Result<Files, JournalError> {
    let give_up = Instant::now() + HAND_OVER;
    loop {
        match Files::lock(folder) {
            Err(JournalError::Locked { .. }) if Instant::now() < give_up => sleep(Duration::from_millis(20)).await,
            other => return other,
        }
    }
}

fn charge(balance: Balance) -> Charge {
    let Balance { account, window, until, measure, charged, adjusted } = balance;
    Charge { account, window, until, measure, amount: charged.saturating_add(adjusted) }
}

/// What an abandoned request is taken to have cost: at the first backend of its model, since nobody knows which.
fn cost(hub: &Hub, intent: &Intent, usage: &Usage) -> Option<Cost> {
    let snapshot = hub.load();
    let model = snapshot.models.get(intent.model.as_deref()?)?;
    let backend = model.pool.members().next()?.id();
    let asked = Asked {
        model: Some(&model.name),
        upstream_model: Some(&model.upstream_model),
        backend,
        at: intent.time,
        batch: false,
        service_tier: None,
    };
    snapshot.prices.price(&asked, usage)
}

/// The stable name of this replica, drawn at its first start.
fn replica(folder: &Path, entropy: &Entropy) -> io::Result<Arc<str>> {
    let path = folder.join("replica");
    match fs::read_to_string(&path) {
        Ok(name) if !name.trim().is_empty() => return Ok(name.trim().into()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let name = format!("{:016x}", drawn(entropy));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(name.as_bytes())?;
    file.sync_all()?;
    Ok(name.into())
}

fn drawn(entropy: &Entropy) -> u64 {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn tell(recovery: &Recovery) {
    let Recovery { rows, abandoned, lost, orphans } = recovery;
    if *recovery != Recovery::default() {
        tracing::info!(rows, abandoned, orphans, "the ledger took over what the process before left");
    }
    for (first, last) in lost {
        tracing::warn!(first, last, "records of the ledger were lost, which was accepted");
    }
}

fn unusable(folder: &Path, error: &io::Error) -> StartProblem {
    StartProblem::Failed(format!("cannot use {}: {error}", folder.display()))
}

impl From<JournalError> for StartProblem {
    fn from(error: JournalError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<DrainError> for StartProblem {
    fn from(error: DrainError) -> Self {
        match error {
            DrainError::Store(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}
