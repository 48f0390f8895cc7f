//! Policy documents: the text that people write (XML as Azure API Management takes it, or YAML), as one tree of elements
//! that know where they stand.
//!
//! Lives here: reading ([`Document::read`]), printing, named values, fragments, and the splicing of scopes at `<base />`.
//! Deliberately not here: which policies exist and what they do (`policies`), and the language inside `@(...)`
//! (`expression`): to this module code is text with known borders.

mod code;
mod document;
mod entity;
mod expressions;
mod fragments;
mod named_values;
mod place;
mod scope;
mod splice;
mod structure;
mod text;
mod tree;
mod view;
mod xml;
mod yaml;

pub use document::{Document, Fragment, Spelling};
pub use fragments::{Fragments, included, resolve};
pub use named_values::{NamedValue, NamedValues, Reference, references, substitute};
pub use place::{Place, Problem};
pub use scope::{Scope, Section};
pub use splice::effective;
pub use text::{Kind, Text};
pub use tree::{Attribute, Child, Comment, Element};
pub use view::view;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod shape;
