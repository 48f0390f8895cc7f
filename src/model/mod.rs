//! Pure vocabulary: ids, time, keys, secrets, units. No I/O, no async, no other module of this crate.

pub mod clock;
pub mod entropy;
pub mod hex;
pub mod histogram;
pub mod id;
pub mod key;
pub mod local_name;
pub mod money;
pub mod secret;
pub mod trace;
pub mod units;
pub mod varint;

pub use clock::{Clock, Timestamp};
pub use entropy::Entropy;
pub use hex::hex;
pub use histogram::Histogram;
pub use id::{ApiId, BackendId, GroupId, OperationId, PoolId, PriceId, ProductId, SubscriptionId, UserId, WorkspaceId};
pub use key::{KeyHash, SubscriptionKey};
pub use local_name::is_local_name;
pub use money::{HumanMoney, HumanRate};
pub use secret::Secret;
pub use trace::{Trace, Traceparent};
pub use units::{HumanCount, HumanDuration, HumanSize};
