//! Why a start failed, in the words of the person who must act.

/// Why a start failed. The text is complete: what, where, and the fix.
#[derive(Debug, thiserror::Error)]
pub enum StartProblem {
    /// The configuration is invalid or unsafe: every problem, one a line.
    #[error("{}", .0.join("\n"))]
    Configuration(Vec<String>),
    /// A port cannot be bound.
    #[error("{0}")]
    Bind(String),
    /// The database's server cannot be reached or used.
    #[error("{0}")]
    Unreachable(String),
    /// The file system or the account does not allow it.
    #[error("{0}")]
    NotAllowed(String),
    /// Anything else: disk, database file.
    #[error("{0}")]
    Failed(String),
}
