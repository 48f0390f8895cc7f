//! Which places an exchange has tried.

/// Places that an exchange has tried: opaque to the gateway, which only carries it from attempt to attempt.
/// Costs nothing until the first attempt is noted.
#[derive(Clone, Debug, Default)]
pub struct Tried(Vec<(usize, Option<usize>)>);

impl Tried {
    /// Notes a member and the credential it was tried with.
    pub(super) fn add(&mut self, member: usize, credential: Option<usize>) {
        self.0.push((member, credential));
    }

    /// Whether that credential of that member was tried.
    pub(super) fn has_credential(&self, member: usize, credential: usize) -> bool {
        self.0.contains(&(member, Some(credential)))
    }

    /// Whether the member is out for this exchange. A member that was tried with a credential which has been
    /// refused or throttled since (`spent`) may be tried with another; after any other failure it is out.
    pub(super) fn has_member(&self, member: usize, spent: impl Fn(usize) -> bool) -> bool {
        self.0.iter().any(|(tried, credential)| *tried == member && !credential.is_some_and(&spent))
    }

    /// Whether nothing was tried yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
