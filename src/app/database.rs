//! Which database a configuration means, opening it, and the lock that keeps `restore` away from a running server.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Env, StartProblem, private_file};
use crate::{
    model::{Entropy, Secret},
    settings::{Database, Server},
    store::{Postgres, SecretKey, Sqlite, Store, StoreError},
};

/// The folder and the database of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The database.
    pub database: Database,
}

impl Place {
    /// Where `server` keeps its data; `data_dir` stands in for the configured folder.
    #[must_use]
    pub fn of(server: &Server, data_dir: Option<&Path>) -> Self {
        let data_dir = data_dir.unwrap_or(&server.data_dir).to_owned();
        // What cannot be read is refused by the check of the settings, before any place is asked for.
        let named = server.database.as_ref().and_then(|text| Database::parse(text.expose()).ok());
        let database = named.unwrap_or_else(|| Database::Sqlite(data_dir.join("tollgate.db")));
        Self { data_dir, database }
    }

    /// The database's file, when it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.database {
            Database::Sqlite(path) => Some(path),
            Database::Postgres(_) => None,
        }
    }

    /// Opens the database, making what is missing and bringing its schema up to date.
    pub async fn open(&self, env: &Env, entropy: &Entropy) -> Result<Arc<dyn Store>, StoreError> {
        let failed = |source| StoreError::File { path: self.data_dir.clone(), source };
        private_file::folder(&self.data_dir).map_err(failed)?;
        let secret = SecretKey::load(&self.data_dir, env.get("TOLLGATE_SECRET_KEY").as_deref(), entropy)?;
        match &self.database {
            Database::Sqlite(path) => Ok(Arc::new(Sqlite::open(path, secret).await?)),
            Database::Postgres(url) => {
                let password = env.get("PGPASSWORD").filter(|text| !text.is_empty()).map(Secret::from);
                Ok(Arc::new(Postgres::open(url.clone(), password, secret).await?))
            }
        }
    }

    /// Says that a process uses the folder, until the lock is dropped or the process ends, however it ends.
    /// Several may use it at once; `None` while [`Place::reserve`] holds it.
    pub fn share(&self) -> io::Result<Option<Lock>> {
        private_file::folder(&self.data_dir)?;
        let file = self.lock_file()?;
        taken(file.try_lock_shared()).map(|got| got.then_some(Lock(file)))
    }

    /// Takes the folder alone; `None` while any server uses it.
    pub fn reserve(&self) -> io::Result<Option<Lock>> {
        private_file::folder(&self.data_dir)?;
        let file = self.lock_file()?;
        taken(file.try_lock()).map(|got| got.then_some(Lock(file)))
    }

    fn lock_file(&self) -> io::Result<File> {
        let path = self.data_dir.join("tollgate.lock");
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
    }
}

/// The data folder is in use while this lives.
#[derive(Debug)]
#[must_use = "the folder is free again when this is dropped"]
pub struct Lock(#[expect(dead_code, reason = "the operating system holds the lock as long as the file is open")] File);

fn taken(result: Result<(), TryLockError>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl From<StoreError> for StartProblem {
    fn from(error: StoreError) -> Self {
        let denied =
            matches!(&error, StoreError::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied);
        match error {
            StoreError::SecretKey(_) => Self::Configuration(vec![error.to_string()]),
            StoreError::Unreachable { .. } | StoreError::Away => Self::Unreachable(error.to_string()),
            StoreError::File { .. } if denied => {
                Self::NotAllowed(format!("{error}; run as the folder's owner, or choose another with --data-dir"))
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_in_the_data_folder_unless_the_configuration_names_it() {
        let place = |database: Option<&str>, data_dir: Option<&str>| {
            let server = Server { database: database.map(Secret::from), ..Server::default() };
            Place::of(&server, data_dir.map(Path::new)).database.to_string()
        };
        assert_eq!(place(None, None), "./tollgate-data/tollgate.db");
        assert_eq!(place(None, Some("/d")), "/d/tollgate.db");
        assert_eq!(place(Some("sqlite:///x/y.db"), Some("/d")), "/x/y.db");
        assert_eq!(place(Some("sqlite://x/y.db"), None), "x/y.db");
        assert_eq!(place(Some("postgres://u:secret@h/d"), None), "postgres://u@h/d");
    }

    #[test]
    fn servers_share_the_folder_and_a_restore_wants_it_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let place = Place { data_dir: dir.path().to_owned(), database: Database::Sqlite("unused".into()) };
        let one = place.share().expect("no failure").expect("free");
        let two = place.share().expect("no failure").expect("shared");
        drop(one);
        assert!(place.reserve().expect("no failure").is_none(), "one server is left");
        drop(two);
        let alone = place.reserve().expect("no failure").expect("free");
        assert!(place.share().expect("no failure").is_none(), "a restore is going on");
        drop(alone);
    }
}
