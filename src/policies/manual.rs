//! The manual page of policies, made of the catalogue, so that it says what the check at load checks.

use std::fmt::Write;

use super::catalogue::{AttributeEntry, CATALOGUE, Content, ElementEntry, Entry};

/// Where the page is, below the root of the repository.
pub const PAGE: &str = "docs/policies/reference.md";

/// The whole page, in Markdown.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Policies\n\n\
         Made of the catalogue in `src/policies/catalogue.rs`; a test holds it to that. Every element may have an `id`, \
         which `context.LastError.PolicyId` tells. An attribute marked *expression* may be `@(...)` or `@{...}`.\n\n",
    );
    let mut entries = CATALOGUE.to_vec();
    entries.sort_by_key(|entry| entry.name);
    for entry in &entries {
        line(&mut page, format_args!("- [`{0}`](#{0})", entry.name));
    }
    for entry in entries {
        page.push('\n');
        page.push_str(&section(entry));
    }
    page
}

/// The part of one policy; also what `tollgate policy explain NAME` prints.
#[must_use]
pub fn section(entry: &Entry) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("## {}\n", entry.name));
    if !entry.aliases.is_empty() {
        let aliases: Vec<_> = entry.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        line(&mut out, format_args!("Also: {}.\n", aliases.join(", ")));
    }
    let sections: Vec<_> = entry.sections.iter().map(|section| format!("`{}`", section.name())).collect();
    line(&mut out, format_args!("{}\n", entry.manual));
    line(&mut out, format_args!("Sections: {}.\n", sections.join(", ")));
    attributes(&mut out, entry.attributes);
    if entry.content == Content::Statements {
        line(&mut out, format_args!("Inside: statements.\n"));
    } else if entry.content == Content::Text {
        line(&mut out, format_args!("Inside: text, or an expression.\n"));
    }
    children(&mut out, entry.name, entry.children);
    line(&mut out, format_args!("```xml\n{}\n```", entry.example));
    out
}

fn children(out: &mut String, path: &str, entries: &[ElementEntry]) {
    for child in entries {
        let path = format!("{path} > {}", child.name);
        let count = match (child.required, child.many) {
            (true, true) => "one or more",
            (true, false) => "one",
            (false, true) => "any number",
            (false, false) => "at most one",
        };
        let inside = match child.content {
            Content::Text => " Text, or an expression.",
            Content::Statements => " Statements.",
            Content::Nothing | Content::Anything => "",
        };
        line(out, format_args!("**`{path}`** ({count}): {}{inside}\n", child.text));
        attributes(out, child.attributes);
        children(out, &path, child.children);
    }
}

fn attributes(out: &mut String, entries: &[AttributeEntry]) {
    if entries.is_empty() {
        return;
    }
    line(out, format_args!("| attribute | | default | |\n| --- | --- | --- | --- |"));
    for entry in entries {
        let mut marks = vec![if entry.required { "required" } else { "optional" }];
        marks.extend(entry.dynamic.then_some("*expression*"));
        let default = entry.default.map(|default| format!("`{default}`")).unwrap_or_default();
        let values = entry.values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
        let values = if values.is_empty() { values } else { format!(" One of: {values}.") };
        line(out, format_args!("| `{}` | {} | {default} | {}{values} |", entry.name, marks.join(", "), entry.text));
    }
    out.push('\n');
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_page_is_the_catalogue_s() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
        let wanted = page();
        if std::fs::read_to_string(&path).unwrap_or_default() != wanted {
            std::fs::write(path.with_extension("md.new"), &wanted).expect("written beside it");
            panic!("{PAGE} is not what the catalogue says; compare it with {PAGE}.new and replace it");
        }
    }
}
