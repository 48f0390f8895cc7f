//! `tollgate serve` and `tollgate demo`: one gateway in this process, until a signal ends it.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    args::{Global, Listen, Serve},
    exit::{Exit, Failure},
    place, print, wait_for,
};
use crate::{
    app::{self, Env, Options, Output, private_file, signals::Signals},
    model::{Clock, Entropy},
    settings::Source,
    telemetry::logging,
    usage::leases::FIRST_WAIT,
};

/// Runs `serve`.
pub fn run(global: &Global, serve: &Serve) -> Result<(), Failure> {
    let config = place::configuration(global)?;
    let data_dir = global.data_dir.clone();
    let options = options(config, data_dir, &serve.listen, !serve.no_watch);
    start(Options { accept_ledger_loss: serve.accept_ledger_loss, ..options })
}

/// Runs `demo`.
pub fn demo(global: &Global, listen: &Listen) -> Result<(), Failure> {
    if global.data_dir.is_some() {
        return Err(Failure::usage("demo makes its own temporary folder; use `tollgate serve` to keep the data"));
    }
    let folder = temporary_folder()?;
    print::say(&format!("Demo: everything is in {} and is removed at the end.", folder.display()));
    let done = start(options(None, Some(folder.clone()), listen, false));
    std::fs::remove_dir_all(&folder)?;
    done
}

fn options(config: Option<Source>, data_dir: Option<PathBuf>, listen: &Listen, watch: bool) -> Options {
    Options {
        config,
        clock: Clock::system(),
        entropy: Entropy::system(),
        env: Env::process(),
        gateway_listen: listen.gateway_listen,
        console_listen: listen.console_listen,
        data_dir,
        terminal: std::io::stdout().is_terminal(),
        out: Output::stdout(),
        watch,
        accept_ledger_loss: false,
        lease_wait: FIRST_WAIT,
    }
}

fn start(options: Options) -> Result<(), Failure> {
    let filter = options.env.get(logging::VARIABLE);
    logging::init(filter.as_deref()).map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
    app::limits::allow_many_files();
    wait_for(async {
        let signals = Signals::listen()?;
        let terminal = options.terminal;
        let running = app::start(options).await?;
        signals.obey(running, terminal).await;
        Ok(())
    })
}

/// A folder that nobody can have prepared.
fn temporary_folder() -> Result<PathBuf, Failure> {
    let mut name = [0; 12];
    Entropy::system().fill(&mut name);
    let folder: &Path = &std::env::temp_dir().join(format!("tollgate-demo-{}", URL_SAFE_NO_PAD.encode(name)));
    private_file::folder(folder)?;
    Ok(folder.to_owned())
}
