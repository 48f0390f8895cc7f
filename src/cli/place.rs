//! Where things are: the configuration and the data folder that a command works with.

use std::path::{Path, PathBuf};

use super::{
    args::Global,
    exit::{Exit, Failure},
};
use crate::{
    document::{self, Format},
    settings::{self, Loaded, Problem, Server, Source},
};

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

/// The data folder: `--data-dir`, else the configuration's, else the default one.
pub fn data_dir(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(path) = &global.data_dir {
        return Ok(path.clone());
    }
    let Some(source) = configuration(global)? else { return Ok(Server::default().data_dir) };
    match load(&source) {
        Ok(loaded) => Ok(loaded.settings.server.data_dir),
        // Its secrets may be in the server's environment only, which does not keep us from reading the folder's name.
        Err(_) => Ok(named_data_dir(&source).unwrap_or_else(|| Server::default().data_dir)),
    }
}

/// The data folder as it is written in the configuration, without expanding or checking anything.
fn named_data_dir(source: &Source) -> Option<PathBuf> {
    let files = match source {
        Source::File(path) => vec![path.clone()],
        Source::Folder(path) => std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).collect(),
        Source::Text { .. } => return None,
    };
    files.iter().find_map(|file| {
        let (text, format) = (std::fs::read_to_string(file).ok()?, Format::of(file)?);
        let document = document::read(&text, format).ok()?;
        document.get("server")?.get("data_dir")?.as_text().filter(|name| !name.contains("${")).map(PathBuf::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_whose_secrets_are_elsewhere_still_says_where_its_data_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("tollgate.yaml");
        let text = "server: { data_dir: /var/lib/x }\nbackends: [{ id: a, kind: openai, key: '${NOT_SET_HERE}' }]\n";
        std::fs::write(&file, text).expect("written");
        for config in [file, dir.path().to_owned()] {
            let global = Global { config: Some(config), ..Global::default() };
            assert_eq!(data_dir(&global).expect("found"), Path::new("/var/lib/x"));
        }
    }
}
