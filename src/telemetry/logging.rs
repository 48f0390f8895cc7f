//! Log lines of the process: text for people on a terminal, JSON otherwise, always to standard error.
//!
//! One line a request is not written here: that is `access`.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// What is shown when `TOLLGATE_LOG` is not set: ours from `info`, the libraries' from `warn`.
const DEFAULT: &str = "warn,tollgate=info";

/// The environment variable that holds the filter, such as `debug` or `warn,tollgate::outbound=debug`.
pub const VARIABLE: &str = "TOLLGATE_LOG";

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `TOLLGATE_LOG` cannot be read.
    #[error("TOLLGATE_LOG `{seen}` is not a log filter ({why}); use a level such as `debug`, or `warn,tollgate=debug`")]
    Filter {
        /// The value seen.
        seen: String,
        /// What the parser says.
        why: String,
    },
    /// Another part of the process has set up logging before.
    #[error("logging is already set up: {0}")]
    AlreadySet(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging, for the whole process. `filter` is the value of `TOLLGATE_LOG`, if it is set.
///
/// # Errors
/// When the filter cannot be read or logging is already set up.
pub fn init(filter: Option<&str>) -> Result<(), LoggingError> {
    let filter = parse(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    if stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(stderr).with_target(false).compact()).try_init()?;
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(stderr)).try_init()?;
    }
    Ok(())
}

fn parse(filter: Option<&str>) -> Result<EnvFilter, LoggingError> {
    let text = filter.filter(|text| !text.trim().is_empty()).unwrap_or(DEFAULT);
    EnvFilter::try_new(text).map_err(|why| LoggingError::Filter { seen: text.to_owned(), why: why.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        for good in [None, Some(""), Some("debug"), Some("warn,tollgate::outbound=debug")] {
            assert!(parse(good).is_ok(), "{good:?}");
        }
        let error = parse(Some("tollgate=loud")).expect_err("no such level").to_string();
        assert!(error.contains("`tollgate=loud`") && error.contains("warn,tollgate=debug"), "{error}");
    }
}
