//! The manual page lists what the table of the library has, no more and no less.

use std::path::Path;

use crate::expression::catalogue;

const PAGE: &str = "docs/policies/expressions.md";
const HEADING: &str = "## Types and members\n\n";

#[test]
fn the_manual_lists_every_type_and_member() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, list) = page.split_once(HEADING).expect("the heading of the list");
    let wanted = catalogue();
    if std::env::var_os("TOLLGATE_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{HEADING}{}\n", wanted.trim_end())).expect("written");
        return;
    }
    let differs = list.lines().zip(wanted.lines()).find(|(page, table)| page != table);
    let same = differs.is_none() && list.trim_end().len() == wanted.trim_end().len();
    assert!(same, "the page and the table differ at {differs:?}; TOLLGATE_WRITE_DOCS=1 writes {PAGE} anew");
}
