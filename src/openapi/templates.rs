//! Matching request paths against path templates such as `/orders/{id}`.
//!
//! A template's literals beat its parameters, and a path whose most literal template lacks the method falls back to
//! the next one that has it. One trailing slash means nothing. A parameter and a trailing `*` never match `.` or `..`
//! (encoded or not): what was matched here must be what the backend sees after it has resolved them.

use std::collections::HashMap;

use super::segment::{Segment, is_dots};
use crate::model::OperationId;

/// What a lookup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// The operation.
    Found(&'a OperationId),
    /// Some template matches the path, none of them with this method.
    WrongMethod,
    /// No template matches the path.
    None,
}

/// A path template, split into segments. `{name}` stands for text inside one segment, a `*`, `{name*}` or `{name+}`
/// at the end for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    open: bool,
}

impl Template {
    /// Reads a template. A query (`?…`) is left out.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let rest = path.strip_prefix('/').ok_or_else(|| format!("`{text}` does not start with `/`"))?;
        let (rest, open) = split_star(rest);
        let parts = rest.strip_suffix('/').unwrap_or(rest);
        let parse = |part| Segment::parse(part).map_err(|why| format!("`{text}`: {why}"));
        let segments =
            if parts.is_empty() { Vec::new() } else { parts.split('/').map(parse).collect::<Result<_, _>>()? };
        Ok(Self { segments, open })
    }

    /// Whether a path (as received, query removed) matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut parts = Parts::of(path);
        let all = self.segments.iter().all(|segment| parts.next().is_some_and(|part| segment.matches(part)));
        all && (parts.rest.is_none() || self.open && parts.all(|part| !is_dots(part)))
    }
}

/// The template without a `*` at its end, and whether there was one.
fn split_star(text: &str) -> (&str, bool) {
    if let Some(before) = text.strip_suffix('*').filter(|before| before.is_empty() || before.ends_with('/')) {
        return (before, true);
    }
    let last = text.rfind('/').map_or(0, |at| at + 1);
    let greedy = text[last..].starts_with('{') && (text.ends_with("*}") || text.ends_with("+}"));
    if greedy { (&text[..last], true) } else { (text, false) }
}

/// The segments of a path.
#[derive(Clone)]
struct Parts<'a> {
    rest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(path: &'a str) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        Self { rest: (!path.is_empty()).then_some(path) }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        let Some((part, rest)) = rest.split_once('/') else { return Some(rest) };
        self.rest = Some(rest);
        Some(part)
    }
}

/// Compiled templates of one API: a tree of segments, of which a lookup visits each node at most once.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    root: Branch,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    literals: HashMap<Box<str>, Branch>,
    /// Mixed segments (`{id}.json`) before whole parameters.
    patterns: Vec<(Segment, Branch)>,
    ends: Vec<(Box<str>, OperationId)>,
    rests: Vec<(Box<str>, OperationId)>,
}

impl Templates {
    /// Compiles `(method, template, operation)` rows.
    ///
    /// # Errors
    /// The first template that cannot be read, or that says the same as an earlier one.
    pub fn compile(rows: impl IntoIterator<Item = (String, String, OperationId)>) -> Result<Self, String> {
        let mut templates = Self::default();
        for (method, path, id) in rows {
            templates.add(&method, &path, id)?;
        }
        Ok(templates)
    }

    fn add(&mut self, method: &str, path: &str, id: OperationId) -> Result<(), String> {
        let template = Template::parse(path)?;
        let branch = template.segments.into_iter().fold(&mut self.root, Branch::below);
        let ends = if template.open { &mut branch.rests } else { &mut branch.ends };
        if let Some((_, first)) = ends.iter().find(|(other, _)| **other == *method) {
            return Err(format!("{method} {path} matches the same paths as the operation `{first}`"));
        }
        ends.push((method.into(), id));
        Ok(())
    }

    /// The operation for a method and a path (as received, query removed). Allocates nothing.
    #[must_use]
    pub fn lookup(&self, method: &str, path: &str) -> Match<'_> {
        self.root.lookup(method, Parts::of(path))
    }
}

impl Branch {
    fn below(&mut self, segment: Segment) -> &mut Self {
        if let Segment::Literal(text) = segment {
            return self.literals.entry(text).or_default();
        }
        let at = self.patterns.iter().position(|(other, _)| *other == segment).unwrap_or_else(|| {
            let at = self.patterns.partition_point(|(other, _)| other.literal_bytes() >= segment.literal_bytes());
            self.patterns.insert(at, (segment, Self::default()));
            at
        });
        &mut self.patterns[at].1
    }

    fn lookup(&self, method: &str, parts: Parts<'_>) -> Match<'_> {
        let mut below = parts.clone();
        let mut best = match below.next() {
            None => choose(&self.ends, method),
            Some(part) => self.deeper(method, part, &below),
        };
        if !matches!(best, Match::Found(_)) && !self.rests.is_empty() && parts.into_iter().all(|part| !is_dots(part)) {
            best = better(best, choose(&self.rests, method));
        }
        best
    }

    fn deeper(&self, method: &str, part: &str, below: &Parts<'_>) -> Match<'_> {
        let literal = self.literals.get(part).into_iter();
        let patterns = self.patterns.iter().filter(|(segment, _)| segment.matches(part)).map(|(_, branch)| branch);
        let mut best = Match::None;
        for branch in literal.chain(patterns) {
            best = better(best, branch.lookup(method, below.clone()));
            if matches!(best, Match::Found(_)) {
                break;
            }
        }
        best
    }
}

fn choose<'a>(ends: &'a [(Box<str>, OperationId)], method: &str) -> Match<'a> {
    match ends.iter().find(|(own, _)| **own == *method) {
        Some((_, id)) => Match::Found(id),
        None if ends.is_empty() => Match::None,
        None => Match::WrongMethod,
    }
}

fn better<'a>(one: Match<'a>, other: Match<'a>) -> Match<'a> {
    match (one, other) {
        (Match::Found(_), _) | (Match::WrongMethod, Match::None) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(rows: &[&str]) -> Templates {
        let rows = rows.iter().map(|row| {
            let (method, path) = row.split_once(' ').expect("method and path");
            (method.to_owned(), path.to_owned(), OperationId::from(*row))
        });
        Templates::compile(rows).expect("good templates")
    }

    #[test]
    fn literals_beat_parameters_and_methods_are_told_apart() {
        let templates = compiled(&[
            "GET /",
            "GET /orders",
            "GET /orders/{id}",
            "DELETE /orders/{id}",
            "POST /orders/new",
            "GET /orders/{id}/items/{item}",
            "GET /orders/latest/items/{item}",
            "GET /orders/{id}.json",
            "POST /v1/{name}:cancel",
            "GET /files/*",
            "GET /proxy/{path+}",
            "GET /caf\u{e9}",
        ]);
        let rows = [
            ("GET", "", "GET /"),
            ("GET", "/", "GET /"),
            ("GET", "/orders", "GET /orders"),
            ("GET", "/orders/", "GET /orders"),
            ("GET", "/orders/1", "GET /orders/{id}"),
            ("GET", "/orders/a%2Fb", "GET /orders/{id}"),
            ("GET", "/orders/1/", "GET /orders/{id}"),
            ("DELETE", "/orders/1", "DELETE /orders/{id}"),
            ("POST", "/orders/new", "POST /orders/new"),
            ("GET", "/orders/new", "GET /orders/{id}"),
            ("GET", "/orders/1.json", "GET /orders/{id}.json"),
            ("GET", "/orders/.json", "GET /orders/{id}"),
            ("GET", "/orders/latest/items/2", "GET /orders/latest/items/{item}"),
            ("GET", "/orders/1/items/2", "GET /orders/{id}/items/{item}"),
            ("POST", "/v1/x:cancel", "POST /v1/{name}:cancel"),
            ("GET", "/files", "GET /files/*"),
            ("GET", "/files/a/b", "GET /files/*"),
            ("GET", "/proxy/a/b", "GET /proxy/{path+}"),
            ("GET", "/caf%C3%A9", "GET /caf\u{e9}"),
            ("PUT", "/orders/1", "wrong method"),
            ("POST", "/orders/1", "wrong method"),
            ("POST", "/files/a", "wrong method"),
            ("GET", "/orders/1/items", "none"),
            ("GET", "/orders/1//items/2", "none"),
            ("GET", "//", "none"),
            ("GET", "/Orders", "none"),
            ("GET", "/orders/..", "none"),
            ("GET", "/orders/%2e%2E", "none"),
            ("GET", "/orders/.%2e", "none"),
            ("GET", "/files/../orders", "none"),
            ("POST", "/v1/x:cancelled", "none"),
        ];
        for (method, path, wanted) in rows {
            let found = match templates.lookup(method, path) {
                Match::Found(id) => id.as_str(),
                Match::WrongMethod => "wrong method",
                Match::None => "none",
            };
            assert_eq!(found, wanted, "{method} {path}");
        }
    }

    #[test]
    fn one_template_matches_as_all_of_them_do() {
        let rows = [
            ("/orders/{id}", "/orders/1", true),
            ("/orders/{id}/", "/orders/1", true),
            ("/orders/{id}", "/orders", false),
            ("/orders/{id}", "/orders/1/2", false),
            ("/*", "/", true),
            ("/*", "/a/b", true),
            ("/a/*", "/a/../b", false),
            ("/a?b={c}", "/a", true),
        ];
        for (template, path, wanted) in rows {
            assert_eq!(Template::parse(template).expect(template).matches(path), wanted, "{template} {path}");
        }
    }

    #[test]
    fn templates_that_say_the_same_or_nothing_are_refused() {
        for bad in ["", "orders", "/{", "/{}", "/a{b", "/a}b", "/{a}{b}", "/{a{b}}", "/*/a", "/a*"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        let twice = ["/a/{x}", "/a/{y}"].map(|path| ("GET".to_owned(), path.to_owned(), OperationId::from(path)));
        let error = Templates::compile(twice).expect_err("the same");
        assert_eq!(error, "GET /a/{y} matches the same paths as the operation `/a/{x}`");
    }

    #[test]
    fn a_thousand_ambiguous_templates_are_looked_up_in_one_walk() {
        let rows = (0..1000_usize).map(|at| {
            let path: String = (0..10).map(|bit| if at >> bit & 1 == 0 { "/a" } else { "/{x}" }).collect();
            ("GET".to_owned(), format!("{path}/{at}"), OperationId::from(at.to_string()))
        });
        let templates = Templates::compile(rows).expect("good templates");
        assert_eq!(templates.lookup("GET", "/a/a/a/a/a/a/a/a/a/a/none"), Match::None);
        let found = templates.lookup("GET", "/a/a/a/a/a/a/a/a/a/a/999");
        assert_eq!(found, Match::Found(&OperationId::from("999")));
    }
}
