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

pub(super) use build::is_name;
pub(super) use pretty::{around, pretty};
pub(super) use source::Origin;
use source::Source;
pub(super) use write::{Secrets, document, inner};

use super::{Child, Element, Problem, document::Around};
use crate::document::MAX_SIZE;

/// Deepest nesting of elements. Policies need 12; what is printed, spliced and compiled goes down the tree.
pub(super) const MAX_DEPTH: usize = 100;

/// The byte order mark; no part of the first line's columns.
const BOM: &str = "\u{feff}";

/// A text that is one element, with what stands around it.
pub(super) struct Parsed {
    pub(super) root: Element,
    pub(super) around: Around,
}

/// Reads XML that is the content of an element: any number of elements, text and comments.
///
/// # Errors
/// Everything that is wrong with it, in the order of places.
pub(super) fn parse_content(text: &str, origin: Origin<'_>) -> Result<Vec<Child>, Vec<Problem>> {
    let mut source = Source::new(text, origin);
    let covered = shield::shield(&mut source);
    let content = build::build_content(&source, &covered);
    let problems = source.problems();
    match content {
        Some(content) if problems.is_empty() => Ok(content),
        _ => Err(problems),
    }
}

/// Reads XML.
///
/// # Errors
/// Everything that is wrong with it, in the order of places.
pub(super) fn parse(text: &str, origin: Origin<'_>) -> Result<Parsed, Vec<Problem>> {
    if text.len() > MAX_SIZE {
        let message = format!("the document has {} bytes; at most {MAX_SIZE} are read", text.len());
        return Err(vec![Problem::new(Source::new("", origin).place(0), message)]);
    }
    let (mark, text) = text.strip_prefix(BOM).map_or(("", text), |text| (BOM, text));
    let mut source = Source::new(text, origin);
    let covered = shield::shield(&mut source);
    let parsed = build::build(&source, &covered);
    let problems = source.problems();
    match parsed {
        Some(Parsed { root, around: Around { before, after } }) if problems.is_empty() => {
            let around = Around { before: format!("{mark}{before}").into(), after };
            Ok(Parsed { root, around })
        }
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests;
