//! The order of a start: settings, database, what may not be, data plane, ports, key and link, background work.
//!
//! Everything that can refuse comes before anything that is shown once: a start that fails on a taken port has not
//! used up the quick start's key.

use std::{path::PathBuf, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::sync::mpsc;

use super::{
    LocalServer, Options, Running, StartProblem, administrator, alerts,
    backend_events::BackendEvents,
    configuration::Configuration,
    database::{Lock, Place},
    metering::{Foundation, Metering},
    observe,
    planes::{Planes, Ports},
    transcript::Facts,
    welcome,
};
use crate::{
    limits::Crossed,
    model::{Entropy, Secret},
    outbound::{Fleet, side},
    settings::{Problem, Server},
    snapshot::{
        Hub,
        control::{Control, Refused},
    },
    store::{Books, Store},
    telemetry::Telemetry,
};

/// Starts a gateway and hands it back when both ports take requests.
///
/// # Errors
/// See [`StartProblem`]: nothing is left running then.
pub async fn start(options: Options) -> Result<Running, StartProblem> {
    let ground = Ground::lay(&options).await?;
    let ports = Ports::bind(&ground.server)?;
    let local = LocalServer {
        console: ports.console_url.clone(),
        token: local_token(&options.entropy),
        pid: std::process::id(),
    };
    let facts = facts(&options, &ground, &ports).await?;
    let planes = Planes::build(&options, &ground, &local, &ports)?;
    let data_dir = ground.place.data_dir.clone();
    let failed = |error| StartProblem::Failed(format!("cannot write {}: {error}", data_dir.display()));
    local.announce(&data_dir).map_err(failed)?;
    let running = planes.run(ground, ports, local, &options);
    welcome::tell(facts, options.terminal, &data_dir, &options.out)?;
    Ok(running)
}

/// What both planes stand on.
pub struct Ground {
    /// Process settings, overrides included.
    pub server: Server,
    /// Where the configuration is read again.
    pub configuration: Configuration,
    /// Every file that the configuration was read from.
    pub files: Vec<PathBuf>,
    /// Folder and database file.
    pub place: Place,
    /// The folder is in use.
    pub lock: Lock,
    /// The database.
    pub store: Arc<dyn Store>,
    /// The administrator's token of the environment.
    pub token: Option<Secret>,
    /// Whether anybody can sign in already.
    pub administrator: bool,
    /// Metrics, access log, traces.
    pub telemetry: Arc<Telemetry>,
    /// Where the data plane finds its snapshot.
    pub hub: Arc<Hub>,
    /// The one writer of configuration.
    pub control: Arc<Control>,
    /// The ledger's tables.
    pub books: Arc<dyn Books>,
    /// The client for side calls.
    pub side: reqwest::Client,
    /// Quotas that ran low.
    pub crossings: mpsc::Receiver<Crossed>,
    /// The ledger.
    pub metering: Metering,
}

impl Ground {
    async fn lay(options: &Options) -> Result<Self, StartProblem> {
        let configuration = Configuration::of(options);
        let reading = configuration.read().map_err(|problems| invalid(&problems))?;
        for warning in &reading.warnings {
            tracing::warn!(%warning, "configuration");
        }
        let server = reading.declared.settings.server.clone();
        let token = administrator::token(&options.env)?;
        let place = Place::of(&server, None);
        let lock = in_use(&place)?;
        let store = place.open(&options.env, &options.entropy).await?;
        let administrator = administrator::exists(token.as_ref(), &*store).await?;
        let (gateway, console) = (server.gateway.listen, server.console.listen);
        administrator::check_addresses(gateway, console, configuration.is_quick_start(), administrator)?;
        let telemetry = observe::open(&server, options)?;
        let fleet = Fleet::new(options.clock.clone(), options.entropy.clone());
        fleet.listen(Arc::new(BackendEvents(telemetry.clone())));
        let hub = Arc::new(Hub::new(fleet, configuration.base_dir()));
        let (clock, entropy) = (options.clock.clone(), options.entropy.clone());
        let control = Control::start(reading.declared, store.clone(), hub.clone(), clock, entropy).await?;
        telemetry.metrics.configured(options.clock.now());
        let side = side::client().map_err(|error| StartProblem::Failed(error.to_string()))?;
        let (tell, crossings) = mpsc::channel(alerts::MOST_WAITING);
        // A full queue loses nothing: the look over all counters finds what was crossed.
        let told = Arc::new(move |crossed| drop(tell.try_send(crossed)));
        let books: Arc<dyn Books> = store.clone();
        let foundation = Foundation {
            server: &server,
            place: &place,
            books: books.clone(),
            authority: store.clone().leases(),
            hub: &hub,
            telemetry: &telemetry,
            crossed: told,
        };
        let metering = foundation.open(options).await?;
        Ok(Self {
            server,
            configuration,
            files: reading.files,
            place,
            lock,
            store,
            token,
            administrator,
            telemetry,
            hub,
            control,
            metering,
            books,
            crossings,
            side,
        })
    }
}

fn in_use(place: &Place) -> Result<Lock, StartProblem> {
    let name = place.data_dir.display();
    match place.share() {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => {
            Err(StartProblem::Failed(format!("{name} is being restored (`tollgate admin restore`); wait for it")))
        }
        Err(error) => Err(StartProblem::NotAllowed(format!(
            "cannot use the data folder {name}: {error}; run as its owner, or choose another with --data-dir"
        ))),
    }
}

/// What is shown to people: key and link are made here, after everything that can refuse.
async fn facts(options: &Options, ground: &Ground, ports: &Ports) -> Result<Facts, StartProblem> {
    let quick_start = ground.configuration.is_quick_start();
    let key = if quick_start { welcome::quickstart_key(&ground.control).await? } else { None };
    let sign_in = if quick_start || !ground.administrator {
        let (clock, entropy) = (&options.clock, &options.entropy);
        Some(welcome::sign_in_link(&ports.console_url, &*ground.store, clock, entropy).await?)
    } else {
        None
    };
    Ok(Facts {
        gateway: ports.gateway_url.clone(),
        console: ports.console_url.clone(),
        quick_start,
        configuration: ground.configuration.name(),
        sign_in,
        key,
        first_login: None,
    })
}

fn local_token(entropy: &Entropy) -> Secret {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    Secret::from(format!("tgl_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn invalid(problems: &[Problem]) -> StartProblem {
    StartProblem::Configuration(problems.iter().map(ToString::to_string).collect())
}

impl From<Refused> for StartProblem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(problems) => invalid(&problems),
            Refused::Store(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use tokio::{runtime::Runtime, time::timeout};

    use super::*;
    use crate::{
        app::Output,
        model::{Clock, Timestamp},
        settings::ObjectKind,
    };

    fn options(data_dir: &std::path::Path) -> Options {
        Options::embedded(data_dir.to_owned(), Clock::manual(Timestamp::from_secs(1_800_000_000)), Entropy::seeded(7))
    }

    #[tokio::test]
    async fn a_start_that_fails_on_a_taken_port_has_not_used_up_the_key() {
        let dir = tempfile::tempdir().expect("a folder");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("bound");
        let failing = Options { console_listen: Some(address), ..options(dir.path()) };
        let problem = start(failing).await.err().expect("the port is taken");
        assert!(matches!(&problem, StartProblem::Bind(text) if text.contains("--console-listen")), "{problem}");

        let running = start(options(dir.path())).await.expect("free ports");
        let secrets = std::fs::read_to_string(dir.path().join("first-login.txt")).expect("written");
        assert!(secrets.contains("\nkey: tg_"), "{secrets}");
        running.shutdown().await;
    }

    #[tokio::test]
    async fn several_run_in_one_process_and_an_invalid_reload_changes_nothing() {
        let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let file = two.path().join("tollgate.yaml");
        std::fs::write(&file, "version: 1\nproducts: [{ id: team }]\n").expect("written");
        let quick = start(options(one.path())).await.expect("started");
        let config = Some(crate::settings::Source::File(file.clone()));
        let configured = start(Options { config, out: Output::sink(), ..options(two.path()) }).await.expect("started");
        assert_ne!(quick.gateway_addr(), configured.gateway_addr());

        std::fs::write(&file, "version: 1\nproducts: [{ id: team, approvall: none }]\n").expect("written");
        let refused = configured.reload("test").await.expect_err("a setting that does not exist");
        assert!(refused.to_string().contains("approval"), "{refused}");
        assert!(configured.control().view().get(ObjectKind::Product, "team").is_some());
        std::fs::write(&file, "version: 1\nproducts: [{ id: other }]\n").expect("written");
        configured.reload("test").await.expect("valid");
        assert!(configured.control().view().get(ObjectKind::Product, "team").is_none());
        quick.shutdown().await;
        configured.shutdown().await;
        assert!(!one.path().join("cli.json").exists());
    }

    #[test]
    fn a_reload_from_another_runtime_keeps_no_connection_of_the_database() {
        let dir = tempfile::tempdir().expect("a folder");
        let (home, elsewhere) = (home(), elsewhere());
        let running = home.block_on(async {
            let started = tokio::spawn(start(options(dir.path()))).await;
            started.expect("no panic").expect("started")
        });
        elsewhere.block_on(running.reload("test")).expect("valid");
        // `elsewhere` lives on and is never driven again.
        let closing = home.block_on(async { timeout(Duration::from_secs(10), running.store.close()).await });
        assert!(closing.is_ok(), "a connection did not come back");
        home.block_on(running.shutdown());
        drop(elsewhere);
    }

    /// One that other threads drive, so that whoever waits for it makes no difference.
    fn home() -> Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    }

    /// One that is driven only while somebody waits for something on it.
    fn elsewhere() -> Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    }
}
