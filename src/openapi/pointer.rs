//! `$ref` to places in the same document (RFC 6901).

use percent_encoding::percent_decode_str;

use crate::document::{Node, Value};

/// Longest chain of references.
const LONGEST: usize = 16;

/// The node itself, or what its `$ref` leads to.
///
/// # Errors
/// Why there is nothing: another document, no such place, a circle.
pub(super) fn resolve<'a>(root: &'a Node, node: &'a Node) -> Result<&'a Node, String> {
    let mut node = node;
    for _ in 0..LONGEST {
        let Some(reference) = node.get("$ref").and_then(Node::as_text) else { return Ok(node) };
        node = follow(root, reference)?;
    }
    let reference = node.get("$ref").and_then(Node::as_text).unwrap_or_default();
    Err(format!("`{reference}` leads back to itself"))
}

fn follow<'a>(root: &'a Node, reference: &str) -> Result<&'a Node, String> {
    let Some(pointer) = reference.strip_prefix('#') else {
        return Err(format!("`{reference}` is in another document; put everything into one"));
    };
    let pointer = percent_decode_str(pointer).decode_utf8_lossy();
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    let target = steps.into_iter().try_fold(root, |node, step| down(node, &step));
    target.ok_or_else(|| format!("`{reference}` is not in this document"))
}

fn down<'a>(node: &'a Node, step: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
        _ => node.get(step),
    }
}
