//! The scopes that policy documents hang on, and the sections of a document.

use std::fmt;

/// What a document applies to, the widest first (Azure API Management's order of inheritance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All APIs.
    Global,
    /// One workspace.
    Workspace,
    /// One product.
    Product,
    /// One API.
    Api,
    /// One operation of an API.
    Operation,
}

impl Scope {
    /// All, the widest first.
    pub const ALL: [Self; 5] = [Self::Global, Self::Workspace, Self::Product, Self::Api, Self::Operation];

    /// As `context.LastError.Scope` and the effective view name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Workspace => "workspace",
            Self::Product => "product",
            Self::Api => "api",
            Self::Operation => "operation",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A section of a policy document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Before the request is sent on.
    Inbound,
    /// Around the sending.
    Backend,
    /// Before the answer goes to the caller.
    Outbound,
    /// After any error in the others.
    OnError,
}

impl Section {
    /// All, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Inbound, Self::Backend, Self::Outbound, Self::OnError];

    /// The element's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Backend => "backend",
            Self::Outbound => "outbound",
            Self::OnError => "on-error",
        }
    }

    /// The section of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
