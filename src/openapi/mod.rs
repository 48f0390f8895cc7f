//! OpenAPI documents as a source of operations, and the matching of path templates.
//!
//! Lives here: a tolerant reader of Swagger 2.0 and OpenAPI 3.x that keeps what routing needs, and [`Templates`].
//! Deliberately not here: schemas, validation of bodies, and files.

pub mod operations;
pub mod parameters;
mod pointer;
mod segment;
pub mod templates;

pub use operations::{OpenApiProblem, Operation, operations};
pub use parameters::parameters;
pub use templates::{Match, Template, Templates};
