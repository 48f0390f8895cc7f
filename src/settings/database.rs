//! `server.database` read once: a file of SQLite, or a server of PostgreSQL.
//!
//! Connecting is `store`'s. The text is a [`Secret`] in the settings, because a URL may carry
//! a password; what is parsed here shows itself without it.

use std::{fmt, path::PathBuf};

use url::Url;

use crate::model::Secret;

/// Parameters that a PostgreSQL URL may carry, as libpq names them. A list, because the driver writes those that it
/// does not know to the log, with their values.
const PARAMETERS: [&str; 9] =
    ["host", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"];

/// What `sslmode` may be.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Which database a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(PostgresUrl),
}

impl Database {
    /// Reads `sqlite://PATH` or `postgres://user@host/db`.
    ///
    /// # Errors
    /// What is wrong with it, never showing the text itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return PostgresUrl::parse(text).map(Self::Postgres);
        }
        let path = text.strip_prefix("sqlite://").filter(|path| !path.trim_matches('/').is_empty());
        path.map(|path| Self::Sqlite(PathBuf::from(path))).ok_or_else(|| {
            "expected sqlite://PATH, such as sqlite://tollgate-data/tollgate.db, or postgres://user@host/db".to_owned()
        })
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// Where a PostgreSQL database is. Shows itself without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("the URL cannot be read: {error}"))?;
        for (name, value) in url.query_pairs() {
            if name == "password" {
                return Err("write the password as user:password@host, or set PGPASSWORD".into());
            }
            if !PARAMETERS.contains(&&*name) {
                let name = name.escape_debug();
                return Err(format!("the URL has an unknown parameter `{name}`; known are {}", PARAMETERS.join(", ")));
            }
            if name == "sslmode" && !SSL_MODES.contains(&&*value) {
                let value = value.escape_debug();
                return Err(format!("`sslmode` is `{value}`, not one of {}", SSL_MODES.join(", ")));
            }
            if name == "port" && value.parse::<u16>().is_err() {
                return Err("`port` is not the number of a port".into());
            }
        }
        let url = Self(url);
        if url.name().is_none() {
            return Err("the URL names no database; write postgres://user@host/db".into());
        }
        Ok(url)
    }

    /// The database's name, as the URL spells it.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let parameter = self.0.query_pairs().find(|(name, _)| name == "dbname").map(|(_, value)| value.into_owned());
        parameter.or_else(|| Some(self.0.path().trim_matches('/').to_owned())).filter(|name| !name.is_empty())
    }

    /// Whether the URL carries the password itself.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.password().is_some()
    }

    /// The whole text, password included, for the one place that connects.
    #[must_use]
    pub fn expose(&self) -> Secret {
        Secret::from(self.0.as_str())
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // A URL without a host has no place for a password either.
        if shown.set_password(None).is_err() {
            return write!(f, "postgres://{}", self.0.path());
        }
        write!(f, "{shown}")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        assert_eq!(Database::parse("sqlite://x/y.db"), Ok(Database::Sqlite("x/y.db".into())));
        assert_eq!(Database::parse("sqlite:///x/y.db"), Ok(Database::Sqlite("/x/y.db".into())));
        for text in [
            "postgres://u@h/d",
            "postgresql://u:p@[::1]:5433/d?sslmode=verify-full&sslrootcert=/ca.pem",
            "postgres:///d?host=/run/postgresql&user=u",
        ] {
            assert!(matches!(Database::parse(text), Ok(Database::Postgres(_))), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_the_password() {
        for (text, part) in [
            ("", "expected sqlite://PATH"),
            ("sqlite:///", "expected sqlite://PATH"),
            ("mysql://u:canary@h/d", "expected sqlite://PATH"),
            ("postgres://u:canary@h", "names no database"),
            ("postgres://u:canary@h:99999/d", "cannot be read"),
            ("postgres://u@h/d?password=canary", "PGPASSWORD"),
            ("postgres://u@h/d?pasword=canary", "unknown parameter `pasword`"),
            ("postgres://u:canary@h/d?sslmode=yes", "`sslmode` is `yes`"),
            ("postgres://u:canary@h/d?port=x", "not the number of a port"),
        ] {
            let problem = Database::parse(text).expect_err(text);
            assert!(problem.contains(part) && !problem.contains("canary"), "{text}: {problem}");
        }
    }

    #[test]
    fn a_url_shows_itself_without_its_password() {
        let Ok(Database::Postgres(url)) = Database::parse("postgres://u:canary@h/d") else { panic!("a URL") };
        assert_eq!(url.to_string(), "postgres://u@h/d");
        assert_eq!(format!("{url:?}"), "PostgresUrl(postgres://u@h/d)");
        assert_eq!((url.has_password(), url.name().as_deref()), (true, Some("d")));
        let Ok(Database::Postgres(url)) = Database::parse("postgres:///d?host=/tmp") else { panic!("a URL") };
        assert_eq!(url.to_string(), "postgres:///d");
    }
}
