//! Words that belong to one module only, or nowhere.

use std::fs;

use proc_macro2::TokenTree;

use crate::source::{Source, none, root, sources, without_tests};

/// The purity of the providers crate is that it cannot do I/O.
#[test]
fn the_providers_crate_depends_on_nothing_that_does_io() {
    let manifest = fs::read_to_string(root().join("providers/Cargo.toml")).expect("the manifest");
    let names: Vec<_> = manifest.lines().filter_map(|line| line.split(['=', '.', ' ']).next()).collect();
    let banned = ["tokio", "axum", "reqwest", "sqlx", "hyper", "hyper-util", "tracing", "rand", "socket2"];
    let problems: Vec<_> = banned.iter().filter(|name| names.contains(name)).map(|name| (*name).to_owned()).collect();
    none(&problems, "providers/Cargo.toml depends on what does I/O, reads clocks or draws numbers:");
}

#[test]
fn the_providers_crate_touches_neither_files_nor_clocks() {
    let words = [
        "std :: fs",
        "std :: net",
        "std :: thread",
        "std :: process",
        "std :: env",
        "Instant :: now",
        "SystemTime :: now",
    ];
    none(&found_outside(&["providers/src"], &[], &words), "providers is pure; take what you need as a parameter:");
}

#[test]
fn sql_is_in_store_only() {
    let is_sql = |text: &str| {
        let text = text.trim_start_matches(['"', 'r', '#', '\\', 'n', ' ', '\n']);
        [
            "SELECT ",
            "INSERT INTO ",
            "INSERT OR ",
            "DELETE FROM ",
            "CREATE TABLE ",
            "ALTER TABLE ",
            "PRAGMA ",
            "DROP TABLE ",
        ]
        .iter()
        .any(|word| text.to_ascii_uppercase().starts_with(word))
            || (text.starts_with("UPDATE ") && text.contains(" SET "))
    };
    let mut problems = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| !source.path.starts_with("src/store/")) {
        let mut literals = Vec::new();
        literals_of(source.tokens().into_iter().collect(), &mut literals);
        problems
            .extend(literals.into_iter().filter(|(text, _)| is_sql(text)).map(|(text, line)| at(source, line, &text)));
    }
    none(&problems, "SQL outside src/store (add a method to the store instead):");
}

/// One place to enforce egress rules, timeouts and redirects. The command line is a client of the admin API and
/// builds its own.
#[test]
fn http_clients_are_built_in_outbound_only() {
    let words = [
        "reqwest :: Client ::",
        "reqwest :: ClientBuilder",
        "hyper_util :: client",
        "hyper :: client",
        "Client :: builder ()",
    ];
    let problems = found_outside(&["src"], &["src/outbound/", "src/cli/"], &words);
    none(&problems, "HTTP clients are built in src/outbound (and src/cli, for the admin API) only:");
}

#[test]
fn no_subprocess_no_unsafe_no_leftovers() {
    let words = ["std :: process :: Command", "tokio :: process", "todo !", "unimplemented !", "dbg !"];
    none(&found_outside(&["src", "providers/src"], &[], &words), "Not in this program:");
}

#[test]
fn no_ignored_test_and_no_allow() {
    let folders = ["src", "providers/src", "providers/tests", "tests", "benches"];
    let mut problems = Vec::new();
    for source in sources(&folders).iter().filter(|source| !source.path.starts_with("tests/house/")) {
        let text = spaced(source.tokens().into_iter().collect());
        let bad = ["# [ignore", "# [allow (", "# ! [allow (", "# [ignore ="];
        problems.extend(bad.iter().filter(|word| text.contains(*word)).map(|word| format!("{}: {word}", source.path)));
    }
    none(
        &problems,
        "A test that does not run proves nothing; a lint is silenced with #[expect(lint, reason = \"…\")]:",
    );
}

/// Files under `folders` but not under `home` whose code (tests excepted) contains one of these token sequences.
fn found_outside(folders: &[&str], home: &[&str], words: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    let is_at_home = |path: &str| home.iter().any(|folder| path.starts_with(folder));
    for source in sources(folders).iter().filter(|source| !is_at_home(&source.path) && !is_of_tests(&source.path)) {
        let text = spaced(without_tests(source.tokens()));
        let has = |word: &&&str| text.contains(**word);
        problems.extend(words.iter().filter(has).map(|word| format!("{}: {}", source.path, word.replace(' ', ""))));
    }
    problems
}

/// A test module in a file or folder of its own.
fn is_of_tests(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn spaced(tokens: Vec<TokenTree>) -> String {
    tokens.into_iter().collect::<proc_macro2::TokenStream>().to_string()
}

fn literals_of(tokens: Vec<TokenTree>, found: &mut Vec<(String, usize)>) {
    let mut after_doc = false;
    for token in tokens {
        match token {
            TokenTree::Literal(literal) if !after_doc => {
                found.push((literal.to_string(), literal.span().start().line));
            }
            TokenTree::Group(group) => literals_of(group.stream().into_iter().collect(), found),
            TokenTree::Ident(name) => after_doc = name == "doc",
            _ => {}
        }
    }
}

fn at(source: &Source, line: usize, text: &str) -> String {
    format!("{}:{line}: {}", source.path, text.chars().take(60).collect::<String>())
}
