//! Why a change was refused. Nothing has changed then.

use std::fmt;

use super::Change;
use crate::{
    settings::{ObjectKind, Origin, Problem, State},
    store::StoreError,
};

/// Why a change was refused.
#[derive(Debug)]
pub enum Refused {
    /// The result would not be valid.
    Invalid(Vec<Problem>),
    /// The configuration file owns the object.
    FileOwned {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
        /// Where to change it.
        origin: Origin,
    },
    /// The object is a default of the product itself: it can be replaced but not removed.
    BuiltIn {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
    },
    /// There is no such object.
    NotFound {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
    },
    /// It was to be created but exists.
    Exists {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
    },
    /// Somebody else changed it since the caller read it.
    Stale {
        /// Kind.
        kind: ObjectKind,
        /// Identifier.
        id: String,
    },
    /// A subscription cannot go from this state to that one.
    NoSuchStep {
        /// The subscription.
        id: String,
        /// Its state.
        from: State,
        /// The state asked for.
        to: State,
    },
    /// The database could not do it.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Refused {
    /// Drops the object's own name from the paths of problems when the caller sent just that object.
    pub(super) fn seen_from(self, changes: &[Change]) -> Self {
        let (Self::Invalid(problems), [change]) = (&self, changes) else { return self };
        let own = super::merge::path_of(change.kind(), change.id());
        let near = |problem: &Problem| {
            let path =
                problem.path.strip_prefix(&own).map_or(problem.path.as_str(), |rest| rest.trim_start_matches('.'));
            Problem { path: path.to_owned(), ..problem.clone() }
        };
        Self::Invalid(problems.iter().map(near).collect())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::FileOwned { kind, id, origin } => {
                write!(f, "{}/{id} is declared in the configuration file; change it there: {origin}", kind.plural())
            }
            Self::BuiltIn { kind, id } => write!(
                f,
                "{}/{id} is a default that exists while nothing takes its place; replace it with PUT or declare {} in \
                 the configuration file",
                kind.plural(),
                kind.plural()
            ),
            Self::NotFound { kind, id } => write!(f, "there is no {}/{id}", kind.plural()),
            Self::Exists { kind, id } => write!(f, "{}/{id} exists already", kind.plural()),
            Self::Stale { kind, id } => {
                write!(f, "{}/{id} was changed since it was read; read it again and repeat the change", kind.plural())
            }
            Self::NoSuchStep { id, from, to } => super::states::explain(f, id, *from, *to),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}
