//! Values that begin as expressions must be expressions to their end, however they were written: such a value would
//! otherwise be taken for text without a word.

use super::{
    Child, Element, Problem, Text,
    code::{self, trailing},
};

/// Problems with the expressions in an element.
pub(super) fn check(element: &Element) -> Vec<Problem> {
    let values = element.attributes.iter().map(|attribute| &attribute.value);
    let texts = element.children.iter().filter_map(Child::as_text);
    let mut problems: Vec<_> = values.chain(texts).filter_map(check_text).collect();
    problems.extend(element.elements().flat_map(check));
    problems
}

/// The problem with a value that begins as an expression.
pub(super) fn check_text(text: &Text) -> Option<Problem> {
    let start = text.value.len() - text.value.trim_start().len();
    if !code::begins(&text.value[start..]) {
        return None;
    }
    match code::end(&text.value, start) {
        Err(unclosed) => Some(Problem::new(text.place_at(unclosed.at), unclosed.told(text.mark(start)))),
        Ok(end) if text.value[end..].trim().is_empty() => None,
        Ok(end) => Some(Problem::new(text.place_at(start), trailing(text.mark(end)))),
    }
}
