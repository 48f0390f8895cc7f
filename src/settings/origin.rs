//! Which file and line declared an object: the owner that admin writes are refused in favour of.

use std::{fmt, path::PathBuf, sync::Arc};

/// The kinds of objects that have an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `backends`
    Backend,
    /// `pools`
    Pool,
    /// `models`, by name
    Model,
    /// `products`
    Product,
    /// `subscriptions`
    Subscription,
    /// `apis`
    Api,
    /// `workspaces`
    Workspace,
    /// `users`
    User,
    /// `groups`
    Group,
    /// `prices`
    Price,
    /// `named_values`
    NamedValue,
    /// `policy_fragments`
    PolicyFragment,
    /// `certificates`
    Certificate,
    /// `token_sources`
    TokenSource,
    /// `loggers`
    Logger,
}

impl ObjectKind {
    /// All kinds, in the order they are compiled.
    pub const ALL: [Self; 15] = [
        Self::Workspace,
        Self::Group,
        Self::User,
        Self::Backend,
        Self::Pool,
        Self::Model,
        Self::Api,
        Self::Product,
        Self::Subscription,
        Self::Price,
        Self::NamedValue,
        Self::PolicyFragment,
        Self::Certificate,
        Self::TokenSource,
        Self::Logger,
    ];

    /// The plural used in the file, the admin API and the database.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Backend => "backends",
            Self::Pool => "pools",
            Self::Model => "models",
            Self::Product => "products",
            Self::Subscription => "subscriptions",
            Self::Api => "apis",
            Self::Workspace => "workspaces",
            Self::User => "users",
            Self::Group => "groups",
            Self::Price => "prices",
            Self::NamedValue => "named_values",
            Self::PolicyFragment => "policy_fragments",
            Self::Certificate => "certificates",
            Self::TokenSource => "token_sources",
            Self::Logger => "loggers",
        }
    }
}

impl ObjectKind {
    /// The singular, for messages.
    #[must_use]
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Pool => "pool",
            Self::Model => "model",
            Self::Product => "product",
            Self::Subscription => "subscription",
            Self::Api => "API",
            Self::Workspace => "workspace",
            Self::User => "user",
            Self::Group => "group",
            Self::Price => "price",
            Self::NamedValue => "named value",
            Self::PolicyFragment => "policy fragment",
            Self::Certificate => "certificate",
            Self::TokenSource => "token source",
            Self::Logger => "logger",
        }
    }

    /// The field that identifies an object of this kind.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Model => "name",
            _ => "id",
        }
    }

    /// The plural in paths of the admin API and in commands.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::NamedValue => "named-values",
            Self::PolicyFragment => "policy-fragments",
            Self::TokenSource => "token-sources",
            _ => self.plural(),
        }
    }

    /// The kind with that plural.
    #[must_use]
    pub fn of_plural(plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.plural() == plural)
    }
}

/// A place in a configuration file; line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: Arc<PathBuf>,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}
