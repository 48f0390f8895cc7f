//! The uniform endpoints: the same five for every kind of object.
//!
//! An object is shown as the configuration file would spell it, secrets left out, with a `meta` object beside its
//! fields. What was read may be sent back: `meta` and the `…_set` marks are ignored, and a secret that is marked as
//! set but not sent stays as it is.

mod create;
mod delete;
mod get;
mod list;
mod patch;
mod put;
mod reading;
mod writing;

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use get::get;
pub(super) use list::list;
pub(super) use patch::patch;
pub(super) use put::put;
pub(super) use reading::{Shown, path_of, show};
