//! The values that a path gives to a template's parameters, for `context.Request.MatchedParameters`.

use percent_encoding::percent_decode_str;

/// The parameters of `template` with their values in `path` (as received, query removed), decoded, in order. Empty
/// when the path does not match; a query in the template is left out.
#[must_use]
pub fn parameters(template: &str, path: &str) -> Vec<(String, String)> {
    let template = template.split(['?', '#']).next().unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = path.trim_matches('/');
    for segment in template.trim_matches('/').split('/') {
        if segment == "*" || (segment.starts_with('{') && segment.ends_with("*}") || segment.ends_with("+}")) {
            found.push((name(segment), decoded(rest)));
            return found;
        }
        let (part, below) = rest.split_once('/').unwrap_or((rest, ""));
        if !take(segment, part, &mut found) {
            return Vec::new();
        }
        rest = below;
    }
    found
}

/// The name of a parameter without braces and stars.
fn name(segment: &str) -> String {
    segment.trim_matches(|c| matches!(c, '{' | '}' | '*' | '+')).to_owned()
}

/// Matches one segment, such as `{id}.json`.
fn take(segment: &str, part: &str, found: &mut Vec<(String, String)>) -> bool {
    let (mut segment, mut part) = (segment, part);
    while let Some(start) = segment.find('{') {
        let Some(end) = segment[start..].find('}').map(|end| start + end) else { return false };
        let Some(after) = part.strip_prefix(&segment[..start]) else { return false };
        let (parameter, next) = (&segment[start..=end], &segment[end + 1..]);
        let literal = next.split('{').next().unwrap_or_default();
        let until = if literal.is_empty() { after.len() } else { after.find(literal).unwrap_or(after.len()) };
        found.push((name(parameter), decoded(&after[..until])));
        (segment, part) = (next, &after[until..]);
    }
    segment == part || segment.eq_ignore_ascii_case(part)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_get_their_parts() {
        type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
        let rows: [Row<'_>; 6] = [
            ("/orders/{id}", "/orders/7", &[("id", "7")]),
            ("/orders/{id}/items/{item}", "/orders/7/items/a%20b", &[("id", "7"), ("item", "a b")]),
            ("/{name}.json", "/x.json", &[("name", "x")]),
            ("/files/{path*}", "/files/a/b", &[("path", "a/b")]),
            ("/deployments/{deployment-id}/chat", "/deployments/gpt/chat", &[("deployment-id", "gpt")]),
            ("/orders", "/orders", &[]),
        ];
        for (template, path, wanted) in rows {
            let found = parameters(template, path);
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, wanted, "{template} {path}");
        }
    }
}
