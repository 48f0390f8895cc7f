//! What outlives the process: configuration objects, key hashes, owners of stored provider objects, administrator
//! access. The port is [`Store`]; its adapters are [`Sqlite`] and, for several gateways on one database, [`Postgres`].
//!
//! Only this module contains SQL. Nothing on a request's path reads it: `snapshot` compiles its rows into what
//! the data plane reads. Rules about objects (what refers to what, which states follow which) live in
//! `snapshot::control`, not here.

pub mod access;
pub mod audit;
mod decode;
mod error;
pub mod leases;
pub mod ledger;
mod model_answers;
mod port;
mod postgres;
pub mod reports;
mod rows;
mod seal;
mod sqlite;
pub mod sums;

#[cfg(test)]
pub(crate) mod conformance;

pub use audit::{Alert, AlertDelivery, AlertState, Alerts, Audit, AuditLine, AuditQuery};
pub use error::StoreError;
pub use leases::{LeaseAsk, LeaseReset, LeaseState, LeasedWindow, Leases, ReplicaState};
pub use ledger::{
    Adjustment, Balance, BalanceFinding, Books, ChainFinding, ChainProblem, ChainReport, Ledger, OpenRequest, Position,
    Proof, Pruned, Rebuilt, RollupFinding, Shipment, Shipped, Taken,
};
pub use model_answers::{ModelAnswer, ModelAnswers, SharedAnswers, Told};
pub use port::{Access, Answer, Objects, Owners, Store};
pub use postgres::Postgres;
#[cfg(test)]
pub(crate) use postgres::tests::{charge as charge_for_tests, open as open_for_tests};
pub use reports::{Bucket, Dimension, Report, ReportKey, ReportQuery, ReportRow, Reports, RowCursor, RowQuery};
pub use rows::{AdminToken, Commit, KeyRow, KeySlot, ObjectRow, Owner, Picture, Revision, Write};
pub use seal::SecretKey;
pub use sqlite::Sqlite;
pub use sums::{Sum, Totals};
