//! XML, read as Azure API Management takes it: strictly, apart from expressions, which may be written unescaped.
//!
//! Lives here: from text to a tree of elements ([`parse`]) and back. Deliberately not here: which elements may stand where.

mod attributes;
mod build;
mod decode;
mod escape;
mod pretty;
mod shield;
mod source;
mod write;

pub(super) use pretty::{around, pretty};
pub(super) use source::Origin;
use source::Source;
pub(super) use write::{Secrets, document, inner};

use super::{Element, Problem, document::Around};

/// Deepest nesting of elements. Policies need 12; what is printed, spliced and compiled goes down the tree.
pub(super) const MAX_DEPTH: usize = 100;

/// A text that is one element, with what stands around it.
pub(super) struct Parsed {
    pub(super) root: Element,
    pub(super) around: Around,
}

/// Reads XML.
///
/// # Errors
/// Everything that is wrong with it, in the order of places.
pub(super) fn parse(text: &str, origin: Origin<'_>) -> Result<Parsed, Vec<Problem>> {
    let mut source = Source::new(text, origin);
    let covered = shield::shield(&mut source);
    let parsed = build::build(&source, &covered);
    let problems = source.problems();
    match parsed {
        Some(parsed) if problems.is_empty() => Ok(parsed),
        _ => Err(problems),
    }
}
