//! Modules import only from lower levels, and siblings never import each other.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::source::{Source, none, sources};

/// Levels of ARCHITECTURE.md, the lowest first.
const LEVELS: &[&[&str]] = &[
    &["document", "model"],
    &["exchange", "expression", "policy", "settings", "telemetry", "openapi", "policy", "tokens"],
    &["limits", "cache", "outbound", "store", "journal", "pricing"],
    &["policies"],
    &["snapshot", "usage"],
    &["gateway", "admin", "portal"],
    &["cli", "app"],
];

/// What the levels alone would let pass: the data plane never waits on the database.
const NEVER: &[(&str, &str)] = &[("gateway", "store"), ("gateway", "journal"), ("policies", "store")];

/// The top level only wires things together, so its modules may use each other.
const WIRING: usize = 6;

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|names| names.contains(&module))
}

/// Why `from` may not import `to`, if it may not.
fn objection(from: &str, to: &str) -> Option<String> {
    if from == to {
        return None;
    }
    let (Some(own), Some(other)) = (level(from), level(to)) else {
        let missing = if level(from).is_none() { from } else { to };
        return Some(format!(
            "`{missing}` has no level: add it to LEVELS in tests/house/imports.rs and ARCHITECTURE.md"
        ));
    };
    if NEVER.contains(&(from, to)) {
        return Some(format!("`{from}` never imports `{to}`"));
    }
    let allowed = other < own || (own == WIRING && other == WIRING);
    (!allowed).then(|| format!("`{from}` (level {own}) imports `{to}` (level {other}): move the shared type down"))
}

/// One reach from a module to the crate's root and down again.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    to: String,
    line: usize,
}

/// Modules that `tokens` name through `crate::` or enough `super::`, in code, tests and macros alike. `depth`: how
/// many modules deep these tokens are.
fn imports(tokens: TokenStream, depth: usize, found: &mut Vec<Import>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(inner) = inline_module(&tokens[at..]) {
            imports(inner, depth + 1, found);
            at += 3;
            continue;
        }
        if let Some(after) = root_at(&tokens[at..], depth) {
            tops(&tokens[at + after..], found);
            at += after;
            continue;
        }
        if let TokenTree::Group(group) = &tokens[at] {
            imports(group.stream(), depth, found);
        }
        at += 1;
    }
}

fn inline_module(tokens: &[TokenTree]) -> Option<TokenStream> {
    match tokens {
        [TokenTree::Ident(word), TokenTree::Ident(_), TokenTree::Group(body), ..]
            if word == "mod" && body.delimiter() == Delimiter::Brace =>
        {
            Some(body.stream())
        }
        _ => None,
    }
}

/// How many tokens lead to the crate's root here: `crate ::`, or exactly `depth` times `super ::`.
fn root_at(tokens: &[TokenTree], depth: usize) -> Option<usize> {
    if is_step(tokens, "crate") {
        return Some(3);
    }
    let climbs =
        (0..tokens.len()).take_while(|step| is_step(tokens.get(step * 3..).unwrap_or_default(), "super")).count();
    (climbs > 0 && climbs == depth).then_some(climbs * 3)
}

fn is_step(tokens: &[TokenTree], name: &str) -> bool {
    matches!(tokens, [TokenTree::Ident(word), TokenTree::Punct(one), TokenTree::Punct(two), ..]
        if word == name && one.as_char() == ':' && two.as_char() == ':')
}

/// The modules named right after the root: one, or those of a group.
fn tops(tokens: &[TokenTree], found: &mut Vec<Import>) {
    match tokens.first() {
        Some(TokenTree::Ident(name)) => {
            found.push(Import { to: name.to_string(), line: name.span().start().line });
        }
        Some(TokenTree::Group(group)) => {
            let parts: Vec<_> = group.stream().into_iter().collect();
            for part in parts.split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',')) {
                tops(part, found);
            }
        }
        _ => {}
    }
}

/// Top module and depth of a file under `src`; `None` for the roots of the library and the binary.
fn place(path: &str) -> Option<(&str, usize)> {
    let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let steps: Vec<_> = inner.split('/').filter(|step| *step != "mod").collect();
    let top = *steps.first()?;
    (!matches!(top, "lib" | "main")).then_some((top, steps.len()))
}

fn problems(source: &Source) -> Vec<String> {
    let Some((from, depth)) = place(&source.path) else { return Vec::new() };
    let mut found = Vec::new();
    imports(source.tokens(), depth, &mut found);
    let names_a_module = |import: &Import| import.to.chars().next().is_some_and(char::is_lowercase);
    let complain =
        |import: &Import| objection(from, &import.to).map(|why| format!("{}:{}: {why}", source.path, import.line));
    found.iter().filter(|import| names_a_module(import)).filter_map(complain).collect()
}

#[test]
fn modules_import_only_downward_and_never_sideways() {
    let problems: Vec<_> = sources(&["src"]).iter().flat_map(problems).collect();
    none(&problems, "Imports against the levels of ARCHITECTURE.md:");
}

#[test]
fn the_rule_sees_every_spelling() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("src/gateway/route.rs", "use crate::store::Keys;", &["store"]),
        ("src/gateway/route.rs", "use crate::{model::Clock, admin::{self, x}, settings};", &["admin"]),
        ("src/gateway/mod.rs", "fn f() { let x = crate::portal::page(); }", &["portal"]),
        ("src/gateway/mod.rs", "use super::admin;", &["admin"]),
        ("src/gateway/a/b.rs", "mod tests { use super::super::super::super::admin; }", &["admin"]),
        ("src/gateway/a.rs", "use super::admin;", &[]),
        ("src/telemetry/mod.rs", "mod tests { use crate::settings::Server; }", &["settings"]),
        ("src/model/id.rs", "macro_rules! m { () => { crate::exchange::Fault } }", &["exchange"]),
        ("src/policies/mod.rs", "pub(super) fn f() {} use crate::store;", &["store"]),
        ("src/cli/mod.rs", "use crate::app;", &[]),
        ("src/main.rs", "use tollgate::cli;", &[]),
        ("src/newcomer/mod.rs", "use crate::model;", &["newcomer"]),
    ];
    for (path, text, expected) in cases {
        let source = Source { path: (*path).into(), text: (*text).into() };
        let problems = problems(&source);
        assert_eq!(problems.len(), expected.len(), "{path}: {text}: {problems:?}");
        assert!(problems.iter().zip(*expected).all(|(problem, name)| problem.contains(name)), "{problems:?}");
    }
}
