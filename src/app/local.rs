//! How commands of the same user on the same machine find the running server: `cli.json` in the data folder,
//! readable by its owner only, with the console's URL and an administrator's token of this process's life.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::private_file;
use crate::model::Secret;

/// The content of `cli.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalServer {
    /// Base URL of the console.
    pub console: String,
    /// An administrator's token, valid while the process lives.
    pub token: Secret,
    /// The server's process id.
    pub pid: u32,
}

impl LocalServer {
    /// Its file in a data folder.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("cli.json")
    }

    /// Says where this server is.
    pub fn announce(&self, data_dir: &Path) -> io::Result<()> {
        let text = Secret::from(serde_json::to_string(self)?);
        private_file::write(&Self::path(data_dir), text.expose())
    }

    /// The server of this data folder; `None` when none was announced. A server that died without goodbye may still
    /// be announced: who connects finds out.
    pub fn find(data_dir: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(Self::path(data_dir)) {
            Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes the announcement back, unless a later server made its own.
    pub fn withdraw(&self, data_dir: &Path) -> io::Result<()> {
        match Self::find(data_dir)? {
            Some(announced) if announced == *self => fs::remove_file(Self::path(data_dir)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_found_and_withdrawn_by_its_owner_only() {
        let dir = tempfile::tempdir().expect("a folder");
        let server = |pid| LocalServer { console: "http://127.0.0.1:1".into(), token: "t".into(), pid };
        assert_eq!(LocalServer::find(dir.path()).expect("no failure"), None);
        server(1).announce(dir.path()).expect("written");
        server(2).announce(dir.path()).expect("replaced");
        server(1).withdraw(dir.path()).expect("left alone");
        assert_eq!(LocalServer::find(dir.path()).expect("read"), Some(server(2)));
        server(2).withdraw(dir.path()).expect("removed");
        assert_eq!(LocalServer::find(dir.path()).expect("no failure"), None);
    }
}
