//! How long files and functions may be, and that every file says what lives in it.

use syn::{
    Attribute, ImplItemFn, ItemFn, ItemMod, TraitItemFn,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::source::{none, sources};

/// Lines of a file, tests included.
const LONGEST_FILE: usize = 500;
/// Lines of a function; more than this is a noun that nobody has found yet.
const LONGEST_FUNCTION: usize = 100;
/// Functions above this are listed, and may be few.
const LONG_FUNCTION: usize = 60;
/// How many functions may be long.
const MOST_LONG: usize = 5;

const FOLDERS: &[&str] = &["src", "providers/src", "tests", "benches"];

#[test]
fn every_file_says_what_lives_in_it() {
    let problems: Vec<_> = sources(FOLDERS)
        .iter()
        .filter(|source| !source.text.starts_with("//! ") || source.text.starts_with("//! (module"))
        .map(|source| source.path.clone())
        .collect();
    none(&problems, "Files that do not open with a `//!` paragraph (what lives here, what deliberately not):");
}

#[test]
fn files_are_short() {
    let problems: Vec<_> = sources(FOLDERS)
        .iter()
        .map(|source| (source.text.lines().count(), &source.path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    none(&problems, &format!("Files above {LONGEST_FILE} lines (give a part of them its own name and file):"));
}

#[test]
fn functions_are_short() {
    let mut functions = Vec::new();
    for source in sources(&["src", "providers/src"]) {
        let mut finder = Finder { path: &source.path, found: &mut functions };
        finder.visit_file(&source.syntax());
    }
    functions.sort();
    let median = functions.get(functions.len() / 2).map_or(0, |function| function.0);
    let long: Vec<_> = functions.iter().filter(|function| function.0 > LONG_FUNCTION).map(describe).collect();
    let too_long: Vec<_> = functions.iter().filter(|function| function.0 > LONGEST_FUNCTION).map(describe).collect();
    println!("{} functions, median {median} lines, {} above {LONG_FUNCTION}", functions.len(), long.len());
    none(&too_long, &format!("Functions above {LONGEST_FUNCTION} lines:"));
    assert!(median < 10, "the median function has {median} lines; it should stay below 10");
    assert!(long.len() <= MOST_LONG, "Functions above {LONG_FUNCTION} lines:\n  {}", long.join("\n  "));
}

type Function = (usize, String, usize);

fn describe((lines, place, at): &Function) -> String {
    format!("{place} (line {at}): {lines} lines")
}

/// Finds functions outside tests.
struct Finder<'a> {
    path: &'a str,
    found: &'a mut Vec<Function>,
}

impl Finder<'_> {
    fn add(&mut self, name: &syn::Ident, block: &syn::Block) {
        let (first, last) = (name.span().start().line, block.span().end().line);
        self.found.push((last + 1 - first, format!("{}: {name}", self.path), first));
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !module.attrs.iter().any(is_cfg_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig.ident, block);
        }
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
}
