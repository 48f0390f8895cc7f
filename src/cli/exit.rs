//! Exit codes and the failures that lead to them.

use std::{fmt, process::ExitCode};

use crate::app::StartProblem;

/// Exit codes: part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Failed while running.
    Failed = 1,
    /// Wrong usage (clap's own code too).
    Usage = 2,
    /// Configuration invalid or unsafe.
    Configuration = 3,
    /// Differences were found.
    Differences = 4,
    /// Cannot bind or reach.
    Unreachable = 5,
    /// Not allowed.
    NotAllowed = 6,
    /// Done in part.
    InPart = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that failed: one sentence and the fix.
#[derive(Debug)]
pub struct Failure {
    /// The process's exit code.
    pub exit: Exit,
    /// What failed, with the fix.
    pub message: String,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Failed while running.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tollgate: {}", self.message)
    }
}

impl From<StartProblem> for Failure {
    fn from(problem: StartProblem) -> Self {
        let exit = match &problem {
            StartProblem::Configuration(_) => Exit::Configuration,
            StartProblem::Bind(_) | StartProblem::Unreachable(_) => Exit::Unreachable,
            StartProblem::NotAllowed(_) => Exit::NotAllowed,
            StartProblem::Failed(_) => Exit::Failed,
        };
        Self::new(exit, problem.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::NotAllowed,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}
