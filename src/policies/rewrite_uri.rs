//! `rewrite-uri`: another path and query for the backend.

use std::sync::Arc;

use super::{
    Dynamic, Entry, Failure, Flow, Needs, Policy, Reading, Step,
    catalogue::{AttributeEntry, Content, INBOUND},
    query,
};

/// Its place in the catalogue.
pub const ENTRY: Entry = Entry {
    name: "rewrite-uri",
    aliases: &[],
    sections: INBOUND,
    attributes: &[
        AttributeEntry::required(
            "template",
            "Path and query for the backend, below its URL. `{name}` stands for a parameter of the operation's template.",
        )
        .dynamic(),
        AttributeEntry::optional(
            "copy-unmatched-params",
            "true",
            "Whether parameters of the query that the operation's template does not name are added.",
        )
        .dynamic(),
    ],
    children: &[],
    content: Content::Nothing,
    manual: "Replaces path and query of the request to the backend. Parameters of the operation's template \
             (`/orders/{id}?state={state}`) can be used by their names. Everything else in the caller's query is added \
             unless `copy-unmatched-params=\"false\"`; a parameter that the new query sets already is not added again. \
             The URL of the backend stays in front: `set-backend-service` changes that.",
    example: r#"<rewrite-uri template="/api/v2/orders/{id}" copy-unmatched-params="false" />"#,
    build,
};

struct RewriteUri {
    template: Dynamic<Arc<str>>,
    copy: Dynamic<bool>,
}

fn build(reading: &mut Reading<'_, '_>) -> Option<Box<dyn Policy>> {
    let copy = match reading.attribute("copy-unmatched-params") {
        Some(_) => reading.dynamic("copy-unmatched-params")?,
        None => Dynamic::Fixed(true),
    };
    Some(Box::new(RewriteUri { template: reading.dynamic("template")?, copy }))
}

impl Policy for RewriteUri {
    fn run<'f>(&'f self, flow: &'f mut Flow<'_>) -> Step<'f> {
        self.rewrite(flow).into()
    }

    fn needs(&self) -> Needs {
        self.template.needs().and(self.copy.needs())
    }
}

impl RewriteUri {
    fn rewrite(&self, flow: &mut Flow<'_>) -> Result<(), Failure> {
        let (template, copy) = (self.template.get(flow)?, self.copy.get(flow)?);
        let (path, new_query) = template.trim().split_once('?').unwrap_or((template.trim(), ""));
        let named = named(flow);
        let mut path = filled(path, &named);
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        let mut new_query = filled(new_query.trim_start_matches('?'), &named);
        if copy {
            copy_unmatched(&mut new_query, &flow.request.query, &named);
        }
        flow.request.path = path;
        flow.request.query = new_query;
        flow.route.rewritten = true;
        Ok(())
    }
}

/// A parameter of the operation's template.
struct Named {
    /// Name in the template.
    name: String,
    value: String,
    /// Whether it stands in the path, and not in the query.
    in_path: bool,
    /// Name in the query, where it stands there.
    key: String,
}

fn named(flow: &Flow<'_>) -> Vec<Named> {
    let of_path = flow.request.matched.iter().map(|(name, value)| Named {
        name: name.trim_start_matches('*').to_owned(),
        value: value.clone(),
        in_path: true,
        key: String::new(),
    });
    let template = flow.facts.operation.as_ref().map(|operation| Arc::clone(&operation.url_template));
    let of_query = template.as_deref().and_then(|template| template.split_once('?')).map_or("", |(_, query)| query);
    let given: Vec<_> = query::pairs(&flow.request.query).collect();
    let of_query = query::pieces(of_query).filter_map(|piece| {
        let (key, placeholder) = piece.split_once('=')?;
        let name = placeholder.strip_prefix('{')?.strip_suffix('}')?;
        let (_, value) = given.iter().find(|(given, _)| given.eq_ignore_ascii_case(key))?;
        Some(Named { name: name.to_owned(), value: value.clone(), in_path: false, key: key.to_owned() })
    });
    of_path.chain(of_query).collect()
}

/// The template with the values in: encoded, but for the slashes of a wildcard. What names nothing stays.
fn filled(template: &str, named: &[Named]) -> String {
    let mut made = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, inside)) = rest.split_once('{') {
        made.push_str(before);
        let found = inside.split_once('}').and_then(|(name, after)| {
            let name = name.trim_start_matches('*');
            Some((named.iter().find(|one| one.name.eq_ignore_ascii_case(name))?, after))
        });
        if let Some((one, after)) = found {
            made.push_str(&value(one));
            rest = after;
        } else {
            made.push('{');
            rest = inside;
        }
    }
    made + rest
}

/// A value from the path is encoded piece by piece: a wildcard's slashes stay.
fn value(one: &Named) -> String {
    if !one.in_path {
        return query::encoded(&one.value).into_owned();
    }
    let pieces: Vec<_> = one.value.split('/').map(encoded_segment).collect();
    pieces.join("/")
}

/// A segment as it came when it is encoded already, else encoded.
fn encoded_segment(segment: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&byte);
    if segment.bytes().all(is_plain) { segment.to_owned() } else { query::encoded(segment).into_owned() }
}

fn copy_unmatched(to: &mut String, from: &str, named: &[Named]) {
    let set = to.clone();
    let is_matched = |name: &str| named.iter().any(|one| !one.in_path && one.key.eq_ignore_ascii_case(name));
    let copied = query::pieces(from).filter(|piece| {
        let name = query::name(piece);
        !is_matched(&name) && !query::has(&set, &name)
    });
    for piece in copied {
        if !to.is_empty() {
            to.push('&');
        }
        to.push_str(piece);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::policies::{facts::OperationFacts, testing::Scene};

    fn rewritten(template: &str, copy: &str, target: &str) -> String {
        let text = format!(r#"<rewrite-uri template="{template}" copy-unmatched-params="{copy}" />"#);
        let mut scene = Scene::new().section("inbound", &text).request("GET", target);
        let url_template = "/o/{id}/{*rest}?state={s}".into();
        scene.facts.operation = Some(Arc::new(OperationFacts { url_template, ..OperationFacts::default() }));
        scene.matched("id", "a b").matched("rest", "x/y").run().sent[0].target.clone()
    }

    #[test]
    fn templates_are_filled_and_queries_copied() {
        let rows = [
            ("/n/{id}", "true", "/o?x=1&state=on", "/n/a%20b?x=1"),
            ("/n/{rest}?q={s}", "true", "/o?x=1&state=o%26n", "/n/x/y?q=o%26n&x=1"),
            ("/n/{*rest}?x=2", "true", "/o?x=1&y=%20", "/n/x/y?x=2&y=%20"),
            ("/n", "false", "/o?x=1", "/n"),
            ("n?v=1", "false", "/o?x=1", "/n?v=1"),
            ("", "true", "/o?x=1", "/?x=1"),
            ("/n/{unknown}", "false", "/o", "/n/{unknown}"),
        ];
        for (template, copy, target, wanted) in rows {
            assert_eq!(rewritten(template, copy, target), wanted, "{template} {target}");
        }
    }
}
