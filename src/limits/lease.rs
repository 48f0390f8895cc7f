//! What this process may spend of a quota that several share (ACCOUNTING, section 5). Asking the authority for leases
//! is `usage`; here is only the ceiling that it feeds.

use crate::model::Timestamp;

/// A share of one window of a quota. A counter under leases never holds and settles more than its ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Start of the window: a lease of an earlier window is none.
    pub window: Timestamp,
    /// End of the window.
    pub until: Timestamp,
    /// What this process may have settled and reserved in that window, all leases together, in the rule's units.
    pub ceiling: i64,
    /// What counts in that window beside what this process has settled in it: the use of others, corrections, the
    /// debt of the window before. As of the last answer of the authority; negative after a reset.
    pub beside: i64,
    /// The authority has nothing more to give: refusals beyond the ceiling are the quota's. Otherwise they are
    /// [`Unleased`](super::RefusalKind::Unleased), because more may come.
    pub is_final: bool,
}
