//! Where things are: the configuration and the data folder that a command works with.

use std::path::{Path, PathBuf};

use super::{
    args::Global,
    exit::{Exit, Failure},
};
use crate::settings::{self, Loaded, Problem, Server, Source};

/// The file that is found without being named.
pub const DEFAULT_FILE: &str = "tollgate.yaml";

/// The configuration: `--config` or `TOLLGATE_CONFIG`, else `./tollgate.yaml` when it exists.
pub fn configuration(global: &Global) -> Result<Option<Source>, Failure> {
    match &global.config {
        Some(path) => source(path).map(Some),
        None if Path::new(DEFAULT_FILE).exists() => source(Path::new(DEFAULT_FILE)).map(Some),
        None => Ok(None),
    }
}

fn source(path: &Path) -> Result<Source, Failure> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(Source::Folder(path.to_owned())),
        Ok(_) => Ok(Source::File(path.to_owned())),
        Err(error) => Err(Failure::new(
            Exit::Configuration,
            format!("cannot read the configuration {}: {error}; `tollgate init` writes one", path.display()),
        )),
    }
}

/// Reads the configuration with the process's environment.
pub fn load(source: &Source) -> Result<Loaded, Vec<Problem>> {
    settings::load(source, &|name| std::env::var(name).ok())
}

/// The data folder: `--data-dir`, else the configuration's, else the default one. A configuration that cannot be
/// read here (its secrets may be in the server's environment only) does not say where its folder is.
pub fn data_dir(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(path) = &global.data_dir {
        return Ok(path.clone());
    }
    let Some(source) = configuration(global)? else { return Ok(Server::default().data_dir) };
    match load(&source) {
        Ok(loaded) => Ok(loaded.settings.server.data_dir),
        Err(_) => Ok(Server::default().data_dir),
    }
}
